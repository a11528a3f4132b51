/* SPDX-License-Identifier: MIT */
/* A limit on all of the resident memory of the process: the program, what was there
 * before a stage, mapped files (counted as if all of them had been read), and what the
 * stage takes.
 */
#ifndef AT_BASE_MEMORY_LIMIT_H
#define AT_BASE_MEMORY_LIMIT_H

#include "base/error.h"

typedef struct at_memory_limit {
    double bytes; /* infinite for none */
    double base;  /* bytes in use when the limit was set */
} at_memory_limit;

/* Set a limit; bytes 0 is none. What is in use now is counted against it, and so are the
 * mapped files that the work will read, mapped_bytes in all. */
void at_memory_limit_set(at_memory_limit *limit, double bytes, double mapped_bytes);

/* The share of the machine's memory that work takes at most where no limit is given, and
 * its bytes. */
#define AT_USUAL_SHARE 0.75
double at_memory_usual(void);

/* The bytes that will be in use with a stage of `bytes`, and whether these are within the
 * limit. */
double at_memory_peak(const at_memory_limit *limit, double bytes);
bool at_memory_fits(const at_memory_limit *limit, double bytes);

/* Whether `bytes` more than what is in use now are within the limit: for work that cannot
 * tell beforehand what it will take. Asks the system, so not for small pieces. */
bool at_memory_has(const at_memory_limit *limit, double bytes);

/* ENOMEM where `bytes` more than what is in use now are not within the limit (NULL:
 * none); less than a MiB always are. "a limit of 8 MiB of memory, WHAT takes 20 MiB
 * more". */
attrib_status at_memory_take(const at_memory_limit *limit,
                             double bytes,
                             const char *what,
                             attrib_error *err);

/* ERANGE where work that takes `bytes` is not within the limit. The message says what is
 * needed: "a limit of 1 MiB of memory, fitting with 2 threads needs 80 MiB". */
attrib_status at_memory_check(const at_memory_limit *limit,
                              double bytes,
                              const char *work,
                              size_t n_workers,
                              attrib_error *err);

#endif
