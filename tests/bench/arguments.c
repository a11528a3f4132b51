/* SPDX-License-Identifier: MIT */
#include "bench/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NUMBER 1000000UL

_Noreturn void bench_refuse(const bench_arguments *arguments)
{
    fprintf(stderr, "Usage: %s\n", arguments->usage);
    exit(2);
}

bench_arguments bench_arguments_read(int argc,
                                     char **argv,
                                     size_t n_values,
                                     const char *usage)
{
    int first = 1;
    bench_arguments out = {.usage = usage};
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("Usage: %s\n", usage);
        exit(0);
    }
    if (argc > 1 && strcmp(argv[1], "--small") == 0) {
        out.is_small = true;
        first = 2;
    }
    for (int i = first; i < argc; i++) {
        if (argv[i][0] == '-') {
            bench_refuse(&out);
        }
    }
    out.n = argc > first ? (size_t)(argc - first) : 0;
    out.values = argv + first;
    if (out.n > n_values) {
        bench_refuse(&out);
    }
    return out;
}

size_t bench_number(const bench_arguments *arguments, size_t i, size_t fallback)
{
    char *end = NULL;
    unsigned long number = 0;
    if (i >= arguments->n) {
        return fallback;
    }
    number = strtoul(arguments->values[i], &end, 10);
    if (end == arguments->values[i] || *end || number < 1 || number > MAX_NUMBER) {
        bench_refuse(arguments);
    }
    return number;
}
