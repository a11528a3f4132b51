/* SPDX-License-Identifier: MIT */
/* Rank correlations of things that count more than once, as resamplings draw them, and
 * what a ranking finds. Pure functions on arrays, safe with threads. */
#ifndef AT_VALIDATE_COUNTED_H
#define AT_VALIDATE_COUNTED_H

#include "base/memory.h"

/* order [n]: places of x by value, the smallest first, equal ones by place. */
attrib_status at_ascending_order(const double *x,
                                 size_t n,
                                 size_t *order,
                                 attrib_error *err);

/* Ranks of x [n] where item i stands counts[i] times; equal values share the mean of
 * their ranks. Written for items that are there; O(n). */
void at_counted_ranks(
    const double *x, const size_t *order, const size_t *counts, size_t n, double *ranks);

/* Pearson's r where item i stands counts[i] times; NAN where either is constant. */
double at_counted_correlation(const double *x,
                              const double *y,
                              const size_t *counts,
                              size_t n);

/* Least squares y = a + slope x; NAN where x is constant. */
double at_slope(const double *x, const double *y, size_t n);

/* The median of x [n], which is sorted; NAN for n = 0. */
double at_median(double *x, size_t n);

/* What the first documents of a ranking hold of those that are marked. */
typedef struct at_found {
    double recall_1, recall; /* marked ones among the first 1 and k, over the most that
                                could be; documents with equal scores share the mean of
                                their ranks */
    double reciprocal;       /* 1 / rank of the first marked one */
    double precision;        /* average precision, the area under precision and recall:
                                sum over thresholds of (rise of recall) x precision, equal
                                scores at one threshold */
} at_found;

/* `scores` [n] of documents, of which marked[i] says whether it is. At least one is. */
attrib_status at_find_marked(const double *scores,
                             const uint8_t *marked,
                             size_t n,
                             size_t k,
                             at_found *out,
                             attrib_error *err);

#endif
