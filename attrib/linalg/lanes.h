/* SPDX-License-Identifier: MIT */
/* Numbers of eight matrices at a time, and masks of lanes. Private to eights.c and
 * eights_eigen.c. */
#ifndef AT_LINALG_LANES_H
#define AT_LINALG_LANES_H

#include <math.h>
#include <string.h>

#include "linalg/eights.h"

typedef int64_t mask __attribute__((vector_size(8 * sizeof(int64_t))));

/* Inlined, so that it is compiled for the width of the function that calls it. */
#define INLINE static inline __attribute__((always_inline))

/* a where the mask is set, b elsewhere. */
INLINE at_eight choose(mask set, at_eight a, at_eight b)
{
    return (at_eight)((set & (mask)a) | (~set & (mask)b));
}

INLINE at_eight all_of(double x)
{
    return (at_eight){x, x, x, x, x, x, x, x};
}

INLINE at_eight root(at_eight x)
{
    double roots[AT_EIGHT];
    at_eight out;
    memcpy(roots, &x, sizeof x);
    for (size_t k = 0; k < AT_EIGHT; k++) {
        roots[k] = sqrt(roots[k]);
    }
    memcpy(&out, roots, sizeof out);
    return out;
}

INLINE at_eight size_of(at_eight x)
{
    return choose(x < 0, -x, x);
}

/* Two sums, so that an addition waits for the one before the last. */
INLINE at_eight dot(size_t n, const at_eight *x, const at_eight *y)
{
    at_eight even = {0};
    at_eight odd = {0};
    size_t k = 0;
    for (; k + 2 <= n; k += 2) {
        even += x[k] * y[k];
        odd += x[k + 1] * y[k + 1];
    }
    if (k < n) {
        even += x[k] * y[k];
    }
    return even + odd;
}

INLINE bool is_any(mask set)
{
    int64_t any = 0;
    for (size_t k = 0; k < AT_EIGHT; k++) {
        any |= set[k];
    }
    return any != 0;
}

#endif
