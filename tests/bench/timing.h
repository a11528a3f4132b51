/* SPDX-License-Identifier: MIT */
/* What benchmarks share: errors that end them, clocks and medians. */
#ifndef TESTS_BENCH_TIMING_H
#define TESTS_BENCH_TIMING_H

#include <stddef.h>
#include <time.h>

#include "attrib/base.h"

/* Print a message after the program's name, and end it with 1. */
_Noreturn void bench_die(const attrib_error *err);

/* Call what writes to the variable `err`, and end the program where it fails. */
#define MUST(call)                                                                       \
    do {                                                                                 \
        if ((call) != ATTRIB_OK) {                                                       \
            bench_die(&err);                                                             \
        }                                                                                \
    } while (0)

double bench_seconds(clockid_t clock);

/* The median of n values, which are sorted in place. */
double bench_median(double *values, size_t n);

#endif
