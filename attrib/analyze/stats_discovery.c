/* SPDX-License-Identifier: MIT */
/* Rates of false discoveries of many tests. Source: Benjamini and Hochberg 1995, J. R.
 * Stat. Soc. B 57. */
#include <math.h>
#include <stdlib.h>

#include "analyze/stats.h"

attrib_status at_discovery_rates(double *p, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_indexed *sorted = NULL;
    size_t n_tests = 0;
    double least = 1;
    AT_TRY(at_array(n, sizeof *sorted, (void *)&sorted, err));
    for (size_t i = 0; i < n; i++) {
        if (!isnan(p[i])) {
            sorted[n_tests++] = (at_indexed){p[i], i};
        }
    }
    at_sort_indexed(sorted, n_tests);
    /* rate of the i-th smallest = min over j >= i of  p_j n / j */
    for (size_t i = 0; i < n_tests; i++) {
        double rate = sorted[i].value * (double)n_tests / (double)(n_tests - i);
        least = fmin(least, rate);
        p[sorted[i].index] = least;
    }
done:
    free(sorted);
    return status;
}
