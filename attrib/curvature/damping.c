/* SPDX-License-Identifier: MIT */
/* Damping: what is added to Lambda before gradients are divided by it.
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, section 3.1, where damping is relative to
 * the mean of Lambda too. */
#include <math.h>

#include "base/wide.h"
#include "curvature/inverse.h"

/* Sums that are under way at the same time, and entries after which they are added: one
 * order of additions, however the entries are handed over. */
#define N_LANES        ((size_t)16)
#define SUMMED_AT_ONCE ((size_t)1024)

/* Add at most SUMMED_AT_ONCE entries. */
AT_WIDE static void add_entries(const double *lambda, size_t n, at_lambda_sums *out)
{
    double lanes[N_LANES] = {0};
    double smallest[N_LANES];
    size_t n_whole = n - n % N_LANES;
    for (size_t k = 0; k < N_LANES; k++) {
        smallest[k] = out->smallest;
    }
    for (size_t i = 0; i < n_whole; i += N_LANES) {
        for (size_t k = 0; k < N_LANES; k++) {
            double x = lambda[i + k];
            lanes[k] += x;
            smallest[k] = x < smallest[k] ? x : smallest[k];
        }
    }
    for (size_t i = n_whole; i < n; i++) {
        lanes[i - n_whole] += lambda[i];
        out->smallest = fmin(out->smallest, lambda[i]);
    }
    for (size_t k = 0; k < N_LANES; k++) {
        out->sum += lanes[k];
        out->smallest = fmin(out->smallest, smallest[k]);
    }
}

void at_lambda_add(const double *lambda, size_t n, bool has_roots, at_lambda_sums *out)
{
    out->smallest = out->n ? out->smallest : HUGE_VAL;
    for (size_t i = 0; i < n; i += SUMMED_AT_ONCE) {
        add_entries(lambda + i, at_smaller(n - i, SUMMED_AT_ONCE), out);
    }
    for (size_t i = 0; has_roots && i < n; i++) {
        out->of_roots += sqrt(lambda[i]);
    }
    out->n += n;
}

bool at_knows_damping(const attrib_factors *factors,
                      const at_factor *factor,
                      attrib_strategy strategy)
{
    return strategy == ATTRIB_IDENTITY ||
           (factor->sums.n > 0 && strategy != ATTRIB_KFAC &&
            (strategy != ATTRIB_OPTIMIZER_ROOT ||
             factors->info.strategy == ATTRIB_OPTIMIZER));
}

/* The sum and the smallest of a map's curvatures. */
typedef struct curvature {
    double sum, smallest;
} curvature;

/* The curvature of K-FAC: over all products of an eigenvalue of S and one of A, each a
 * mean over tokens. */
static curvature of_products(const at_factor *factor)
{
    curvature all = {0, HUGE_VAL};
    for (size_t i = 0; i < factor->out_dim; i++) {
        for (size_t j = 0; j < factor->in_dim; j++) {
            double lambda = factor->values_s[i] * factor->values_a[j];
            all.sum += lambda;
            all.smallest = lambda < all.smallest ? lambda : all.smallest;
        }
    }
    return all;
}

/* The curvature of EK-FAC, or of an optimizer: over the entries of Lambda, each a mean
 * over sequences. */
static curvature of_lambda(const attrib_factors *factors,
                           const at_factor *factor,
                           attrib_strategy strategy)
{
    double n = (double)factors->info.n_sequences;
    bool is_root = strategy == ATTRIB_OPTIMIZER_ROOT;
    at_lambda_sums sums = factor->sums;
    if (!at_knows_damping(factors, factor, strategy)) {
        sums = (at_lambda_sums){0};
        at_lambda_add(factor->lambda, factor->out_dim * factor->in_dim, is_root, &sums);
    }
    return is_root ? (curvature){sums.of_roots / sqrt(n), sqrt(sums.smallest / n)}
                   : (curvature){sums.sum / n, sums.smallest / n};
}

attrib_status at_damping_of(const attrib_factors *factors,
                            const at_factor *factor,
                            const at_damping *how,
                            const char *name,
                            double *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    curvature all = {0};
    double damping = how->damping;
    if (how->strategy == ATTRIB_IDENTITY) {
        *out = 0;
        return ATTRIB_OK;
    }
    all = how->strategy == ATTRIB_KFAC ? of_products(factor)
                                       : of_lambda(factors, factor, how->strategy);
    if (!how->is_absolute && all.sum == 0 && all.smallest == 0) {
        *out = HUGE_VAL;
        return ATTRIB_OK;
    }
    if (!how->is_absolute) {
        damping *= all.sum / ((double)factor->out_dim * (double)factor->in_dim);
    }
    AT_CHECK(isfinite(all.sum), ATTRIB_ENUMERIC, "%s: curvature is not finite", name);
    AT_CHECK(damping > 0 && all.smallest + damping > 0, ATTRIB_ENUMERIC,
             "%s: smallest curvature %g + damping %g is not positive", name, all.smallest,
             damping);
    *out = damping;
done:
    return status;
}
