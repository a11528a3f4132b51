/* SPDX-License-Identifier: MIT */
#include "bench/timing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void bench_die(const attrib_error *err)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, err->message);
    exit(1);
}

double bench_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
