/* SPDX-License-Identifier: MIT */
#include "validate/counted.h"

#include <math.h>
#include <stdlib.h>

#include "analyze/stats.h"

attrib_status at_ascending_order(const double *x,
                                 size_t n,
                                 size_t *order,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_indexed *items = NULL;
    AT_TRY(at_array(n, sizeof *items, (void *)&items, err));
    for (size_t i = 0; i < n; i++) {
        items[i] = (at_indexed){-x[i], i};
    }
    at_sort_indexed(items, n);
    for (size_t i = 0; i < n; i++) {
        order[i] = items[i].index;
    }
done:
    free(items);
    return status;
}

void at_counted_ranks(
    const double *x, const size_t *order, const size_t *counts, size_t n, double *ranks)
{
    size_t n_before = 0;
    for (size_t start = 0, end = 0; start < n; start = end) {
        size_t n_equal = 0;
        while (end < n && x[order[end]] == x[order[start]]) {
            n_equal += counts[order[end++]];
        }
        double rank = (double)n_before + 0.5 * (double)(n_equal + 1);
        for (size_t i = start; i < end; i++) {
            ranks[order[i]] = rank;
        }
        n_before += n_equal;
    }
}

double at_counted_correlation(const double *x,
                              const double *y,
                              const size_t *counts,
                              size_t n)
{
    double sum = 0;
    double mean_x = 0;
    double mean_y = 0;
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (size_t i = 0; i < n; i++) {
        double w = (double)counts[i];
        sum += w;
        mean_x += w * x[i];
        mean_y += w * y[i];
    }
    mean_x /= sum;
    mean_y /= sum;
    for (size_t i = 0; i < n; i++) {
        double w = (double)counts[i];
        double a = x[i] - mean_x;
        double b = y[i] - mean_y;
        xx += w * a * a;
        yy += w * b * b;
        xy += w * a * b;
    }
    return xx > 0 && yy > 0 ? xy / (sqrt(xx) * sqrt(yy)) : (double)NAN;
}

double at_slope(const double *x, const double *y, size_t n)
{
    double mean_x = 0;
    double mean_y = 0;
    double xx = 0;
    double xy = 0;
    for (size_t i = 0; i < n; i++) {
        mean_x += x[i] / (double)n;
        mean_y += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    return xx > 0 ? xy / xx : (double)NAN;
}

double at_median(double *x, size_t n)
{
    if (n == 0) {
        return (double)NAN;
    }
    at_sort_ascending(x, n);
    return at_quantile(x, n, 0.5);
}

attrib_status at_find_marked(const double *scores,
                             const uint8_t *marked,
                             size_t n,
                             size_t k,
                             at_found *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_indexed *items = NULL;
    size_t n_marked = 0;
    size_t n_seen = 0;
    at_found found = {0};
    AT_TRY(at_array(n, sizeof *items, (void *)&items, err));
    for (size_t i = 0; i < n; i++) {
        items[i] = (at_indexed){scores[i], i};
        n_marked += marked[i];
    }
    at_sort_indexed(items, n);
    for (size_t start = 0, end = 0; start < n; start = end) {
        size_t n_here = 0;
        while (end < n && items[end].value == items[start].value) {
            n_here += marked[items[end++].index];
        }
        double rank = 0.5 * (double)(start + 1 + end);
        if (n_here > 0) {
            found.reciprocal = n_seen ? found.reciprocal : 1 / rank;
            found.recall_1 += rank <= 1 ? (double)n_here : 0;
            found.recall += rank <= (double)k ? (double)n_here : 0;
        }
        n_seen += n_here;
        found.precision +=
            (double)n_here / (double)n_marked * (double)n_seen / (double)end;
    }
    found.recall /= (double)at_smaller(k, n_marked);
    *out = found;
done:
    free(items);
    return status;
}
