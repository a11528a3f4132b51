/* SPDX-License-Identifier: MIT */
/* A limit on the memory that the process has in use, all of it: what was there before a
 * stage, and what the stage takes. */
#ifndef AT_CURVATURE_MEMORY_LIMIT_H
#define AT_CURVATURE_MEMORY_LIMIT_H

#include "curvature/eigenbasis.h"

typedef struct at_memory_limit {
    double bytes; /* infinite for none */
    double base;  /* in use when it was set */
} at_memory_limit;

/* bytes 0 is no limit. What is in use now is counted against it. */
void at_memory_limit_set(at_memory_limit *limit, size_t bytes);

/* What will be in use with a stage of `bytes`, and whether that is within the limit. */
double at_memory_peak(const at_memory_limit *limit, double bytes);
bool at_memory_fits(const at_memory_limit *limit, double bytes);

/* ERANGE that says what a stage of `name` alone takes, and what there is. */
attrib_status at_memory_refuse(const at_memory_limit *limit,
                               double bytes,
                               const char *name,
                               const char *stage,
                               attrib_error *err);

/* at_decompose_all() within the limit; ERANGE where the largest matrix does not fit. */
attrib_status at_decompose_within(attrib_session *session,
                                  const attrib_factors *factors,
                                  const at_covariance_io *io,
                                  const at_memory_limit *limit,
                                  attrib_error *err);

#endif
