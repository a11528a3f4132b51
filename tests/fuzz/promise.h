/* SPDX-License-Identifier: MIT */
/* What a fuzz target does where a promise of the code is broken: it says which, and
 * stops.
 */
#ifndef FUZZ_PROMISE_H
#define FUZZ_PROMISE_H

#include <stdio.h>
#include <stdlib.h>

#define PROMISE(condition)                                                               \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "broken: %s\n", #condition);                                 \
            abort();                                                                     \
        }                                                                                \
    } while (0)

#endif
