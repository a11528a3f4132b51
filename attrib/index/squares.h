/* SPDX-License-Identifier: MIT */
/* Squares of a gradient in the eigenbasis. */
#ifndef AT_INDEX_SQUARES_H
#define AT_INDEX_SQUARES_H

#include "index/shape.h"

/* Of a gradient G [O, I]: |diag(scale_out) G diag(scale_in)|^2, and the sum of its
 * entries' squares times those of the inverse, which is the self-influence. Both are sums
 * of positive numbers: rounded as the entries themselves are, in f32, and added in f64
 * row by row, they are as exact as these. */
typedef struct at_squares {
    double scaled, divided;
} at_squares;

/* roots [O, I] of what the entries' squares are multiplied by. */
void at_find_squares(const at_index_map *map,
                     const float *gradient,
                     const float *roots,
                     at_squares *out);

/* out [n] = the roots of values. */
void at_take_roots(const double *values, size_t n, float *out);

#endif
