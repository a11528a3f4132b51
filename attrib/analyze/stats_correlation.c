/* SPDX-License-Identifier: MIT */
/* Ranks and correlations. */
#include <math.h>
#include <stdlib.h>

#include "analyze/stats.h"

static int compare_descending(const void *left, const void *right)
{
    const at_indexed *a = left;
    const at_indexed *b = right;
    if (a->value != b->value) {
        return a->value > b->value ? -1 : 1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

void at_sort_indexed(at_indexed *items, size_t n)
{
    qsort(items, n, sizeof *items, compare_descending);
}

void at_rank(double *x, size_t n, at_indexed *scratch)
{
    for (size_t i = 0; i < n; i++) {
        scratch[i] = (at_indexed){x[i], i};
    }
    at_sort_indexed(scratch, n);
    for (size_t start = 0, end = 0; start < n; start = end) {
        while (end < n && scratch[end].value == scratch[start].value) {
            end++;
        }
        /* Places start .. end - 1 from the top are ranks n - start to n - end + 1. */
        double rank = (double)n - 0.5 * (double)(start + end - 1);
        for (size_t i = start; i < end; i++) {
            x[scratch[i].index] = rank;
        }
    }
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum / (double)n;
}

double at_correlation(const double *x, const double *y, size_t n)
{
    double mean_x = mean_of(x, n);
    double mean_y = mean_of(y, n);
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (size_t i = 0; i < n; i++) {
        double a = x[i] - mean_x;
        double b = y[i] - mean_y;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return xx > 0 && yy > 0 ? xy / (sqrt(xx) * sqrt(yy)) : (double)NAN;
}
