/* SPDX-License-Identifier: MIT */
/* How unevenly numbers are shared out. */
#include <math.h>

#include "analyze/stats.h"

/* The fewest of the largest numbers that have half of `sum`. */
static size_t count_half(const double *x, size_t n, double sum)
{
    double part = 0;
    size_t i = 0;
    while (i < n && part < 0.5 * sum) {
        part += x[i++];
    }
    return i;
}

at_concentration at_concentrate(const double *x, size_t n)
{
    at_concentration out = {
        .top_share = (double)NAN, .gini = (double)NAN, .participation = (double)NAN};
    double top = 0;
    double ranked = 0; /* sum of x times its rank from the bottom, 1 to n */
    double absolute = 0;
    double squares = 0;
    size_t n_top = (n + 99) / 100;
    for (size_t i = 0; i < n; i++) {
        double above = fmax(x[i], 0);
        out.sum += above;
        out.n_positive += x[i] > 0;
        top += i < n_top ? above : 0;
        ranked += (double)(n - i) * above;
        absolute += fabs(x[i]);
        squares += x[i] * x[i];
    }
    if (squares > 0) {
        out.participation = absolute * absolute / ((double)n * squares);
    }
    if (out.sum > 0) {
        out.top_share = top / out.sum;
        out.gini = 2 * ranked / ((double)n * out.sum) - ((double)n + 1) / (double)n;
        out.n50 = count_half(x, n, out.sum);
    }
    return out;
}
