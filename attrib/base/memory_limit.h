/* SPDX-License-Identifier: MIT */
/* A limit on the resident memory of the process, all of it: the program, what was there
 * before a stage, files that are mapped as if all of them had been read, and what the
 * stage takes. */
#ifndef AT_BASE_MEMORY_LIMIT_H
#define AT_BASE_MEMORY_LIMIT_H

#include "base/error.h"

typedef struct at_memory_limit {
    double bytes; /* infinite for none */
    double base;  /* in use when it was set */
} at_memory_limit;

/* bytes 0 is no limit. What is in use now is counted against it, and the mapped files
 * that work will read, of mapped_bytes. */
void at_memory_limit_set(at_memory_limit *limit, double bytes, double mapped_bytes);

/* What will be in use with a stage of `bytes`, and whether that is within the limit. */
double at_memory_peak(const at_memory_limit *limit, double bytes);
bool at_memory_fits(const at_memory_limit *limit, double bytes);

/* ERANGE where work that takes `bytes` is not within the limit, which says what would be:
 * "a limit of 1 MiB of memory, fitting with 2 threads needs 80 MiB". */
attrib_status at_memory_check(const at_memory_limit *limit,
                              double bytes,
                              const char *work,
                              size_t n_workers,
                              attrib_error *err);

#endif
