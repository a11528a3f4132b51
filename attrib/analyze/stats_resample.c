/* SPDX-License-Identifier: MIT */
/* Quantiles and resampling. */
#include <math.h>
#include <stdlib.h>

#include "analyze/stats.h"
#include "base/random.h"

static int compare_ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

void at_sort_ascending(double *x, size_t n)
{
    qsort(x, n, sizeof *x, compare_ascending);
}

void at_sort_descending(double *x, size_t n)
{
    at_sort_ascending(x, n);
    for (size_t i = 0; i < n / 2; i++) {
        double kept = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = kept;
    }
}

double at_quantile(const double *x, size_t n, double p)
{
    double place = p * (double)(n - 1);
    size_t below = at_smaller((size_t)place, n - 1);
    size_t above = at_smaller(below + 1, n - 1);
    return x[below] + (place - (double)below) * (x[above] - x[below]);
}

size_t at_draw(uint64_t seed, uint64_t stream, uint64_t index, size_t n)
{
    /* The product may round up to n where n has more than 53 bits. */
    return at_smaller((size_t)(at_uniform(seed, stream, index) * (double)n), n - 1);
}

at_interval at_bootstrap_mean(const double *x,
                              size_t n,
                              uint64_t seed,
                              uint64_t stream,
                              size_t n_replicates,
                              double *scratch)
{
    if (n < 2) {
        return (at_interval){(double)NAN, (double)NAN};
    }
    for (size_t r = 0; r < n_replicates; r++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += x[at_draw(seed, stream, r * n + i, n)];
        }
        scratch[r] = sum / (double)n;
    }
    at_sort_ascending(scratch, n_replicates);
    return (at_interval){at_quantile(scratch, n_replicates, 0.025),
                         at_quantile(scratch, n_replicates, 0.975)};
}
