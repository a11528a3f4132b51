/* SPDX-License-Identifier: MIT */
/* Ordinary least squares from sums over rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/stats.h"

/* A pivot that has lost this share of its diagonal is rounding: its column is a sum of
 * those before it. */
#define LEAST_PIVOT 1e-9

/* Working copies of the m normal equations. */
typedef struct equations {
    size_t m;
    double *inverse;  /* [m, m] the sums, swept: see sweep() */
    double *diagonal; /* [m] of the sums */
    double *right;    /* [m] */
    bool *is_in;      /* [m] columns that are kept */
    double rest;      /* sum of squared residuals */
} equations;

static attrib_status equations_new(const at_regression *sums,
                                   equations *e,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t m = sums->m;
    e->m = m;
    e->rest = sums->yy;
    AT_TRY(at_array(m * m, sizeof *e->inverse, (void *)&e->inverse, err));
    AT_TRY(at_array(m, sizeof *e->diagonal, (void *)&e->diagonal, err));
    AT_TRY(at_array(m, sizeof *e->right, (void *)&e->right, err));
    AT_TRY(at_array(m, sizeof *e->is_in, (void *)&e->is_in, err));
    memcpy(e->inverse, sums->xx, m * m * sizeof *e->inverse);
    memcpy(e->right, sums->xy, m * sizeof *e->right);
    for (size_t i = 0; i < m; i++) {
        e->diagonal[i] = sums->xx[i * m + i];
    }
done:
    return status;
}

static void equations_free(equations *e)
{
    free(e->inverse);
    free(e->diagonal);
    free(e->right);
    free(e->is_in);
}

/* Sweep column k (Goodnight 1979): afterwards `right` holds the coefficients of the swept
 * columns, their block of `inverse` the inverse of their sums with its sign turned, and
 * `rest` the squares that they do not explain. */
static void sweep(equations *e, size_t k)
{
    size_t m = e->m;
    double *a = e->inverse;
    double pivot = a[k * m + k];
    double share = e->right[k] / pivot;
    for (size_t i = 0; i < m; i++) {
        double factor = a[i * m + k] / pivot;
        if (i == k) {
            continue;
        }
        for (size_t j = 0; j < m; j++) {
            a[i * m + j] -= j == k ? 0 : factor * a[k * m + j];
        }
        e->right[i] -= factor * e->right[k];
        a[i * m + k] = factor;
    }
    for (size_t j = 0; j < m; j++) {
        a[k * m + j] /= j == k ? 1 : pivot;
    }
    a[k * m + k] = -1 / pivot;
    e->rest -= share * e->right[k];
    e->right[k] = share;
    e->is_in[k] = true;
}

static at_coefficient describe(const equations *e, size_t i, size_t degrees)
{
    const double none = (double)NAN;
    if (!e->is_in[i]) {
        return (at_coefficient){none, none, none, none, {none, none}};
    }
    double variance = fmax(e->rest, 0) / (double)degrees;
    at_coefficient out = {.value = e->right[i]};
    out.error = sqrt(variance * -e->inverse[i * e->m + i]);
    out.t = out.value / out.error;
    out.p = at_student_p(out.t, (double)degrees);
    double reach = at_student_quantile(0.05, (double)degrees) * out.error;
    out.interval = (at_interval){out.value - reach, out.value + reach};
    return out;
}

attrib_status at_regression_solve(const at_regression *sums,
                                  at_coefficient *out,
                                  double *r_squared,
                                  size_t *degrees,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    equations e = {0};
    size_t n_in = 0;
    double total = 0;
    AT_TRY(equations_new(sums, &e, err));
    for (size_t k = 0; k < sums->m; k++) {
        if (e.inverse[k * sums->m + k] > LEAST_PIVOT * e.diagonal[k]) {
            sweep(&e, k);
            n_in++;
        }
        total = k == 0 ? e.rest : total; /* what the constant leaves */
    }
    AT_CHECK(sums->n > n_in, ATTRIB_ESHAPE, "%zu documents for %zu coefficients", sums->n,
             n_in);
    for (size_t i = 0; i < sums->m; i++) {
        out[i] = describe(&e, i, sums->n - n_in);
    }
    if (r_squared) {
        *r_squared = total > 0 ? 1 - fmax(e.rest, 0) / total : (double)NAN;
    }
    if (degrees) {
        *degrees = sums->n - n_in;
    }
done:
    equations_free(&e);
    return status;
}
