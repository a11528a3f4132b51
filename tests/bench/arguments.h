/* SPDX-License-Identifier: MIT */
/* What benchmarks are asked for. */
#ifndef TESTS_BENCH_ARGUMENTS_H
#define TESTS_BENCH_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bench_arguments {
    const char *usage;
    bool is_small; /* --small: sizes of a test */
    size_t n;      /* values given */
    char **values; /* [n] */
} bench_arguments;

/* Read "[--small] [VALUE...]" with at most n_values of them. `usage` is printed for
 * --help, after which the program has ended with 0, and for anything else, with 2. */
bench_arguments bench_arguments_read(int argc,
                                     char **argv,
                                     size_t n_values,
                                     const char *usage);

/* Value i as a whole number from 1 to a million; where it is not there, `fallback`.
 * Others end the program as above. */
size_t bench_number(const bench_arguments *arguments, size_t i, size_t fallback);

/* Print the usage and end the program with 2. */
_Noreturn void bench_refuse(const bench_arguments *arguments);

#endif
