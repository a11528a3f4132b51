/* SPDX-License-Identifier: MIT */
/* The damped inverse, by strategy.
 *
 *     ekfac     U_S [ (U_S' G U_A) / (Lambda + damping) ] U_A'        (elementwise /)
 *     kfac      the same with Lambda[i, j] = values_s[i] values_a[j]
 *     diagonal  G / (Lambda + damping), Lambda of single weights
 *     identity  G
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, section 2.2 and 3.1; damping relative to
 * the mean as there. */
#include "curvature/inverse.h"

#include <math.h>
#include <string.h>

#include "linalg/linalg.h"

void at_form_gradient(const float *ds,
                      const float *a,
                      size_t n_rows,
                      size_t out_dim,
                      size_t in_dim,
                      float *gradient)
{
    at_gemm(AT_TRANSPOSED, AT_PLAIN, out_dim, in_dim, n_rows, 1.0F, ds, out_dim, a,
            in_dim, 0.0F, gradient, in_dim);
}

void at_rotate(const float *x, size_t n_rows, size_t dim, const float *basis, float *out)
{
    at_gemm(AT_PLAIN, AT_TRANSPOSED, n_rows, dim, dim, 1.0F, x, dim, basis, dim, 0.0F,
            out, dim);
}

void at_rotate_gradient(const at_factor *factor,
                        const float *gradient,
                        float *scratch,
                        float *out)
{
    size_t o = factor->out_dim;
    size_t i = factor->in_dim;
    /* scratch = G U_A, out = U_S' scratch */
    at_rotate(gradient, o, i, factor->basis_a, scratch);
    at_gemm(AT_PLAIN, AT_PLAIN, o, i, o, 1.0F, factor->basis_s, o, scratch, i, 0.0F, out,
            i);
}

bool at_rotate_rows_first(const at_factor *factor, size_t n_rows, size_t n_sequences)
{
    double o = (double)factor->out_dim;
    double i = (double)factor->in_dim;
    return (double)n_rows * (o * o + i * i) <= (double)n_sequences * o * i * (o + i);
}

/* Lambda at [i, j], per sequence (ekfac, diagonal) or per token (kfac). */
static double lambda_at(const attrib_factors *factors,
                        const at_factor *factor,
                        attrib_strategy strategy,
                        size_t i,
                        size_t j)
{
    if (strategy == ATTRIB_KFAC) {
        return factor->values_s[i] * factor->values_a[j];
    }
    return factor->lambda[i * factor->in_dim + j] / (double)factors->info.n_sequences;
}

attrib_status at_damping_of(const attrib_factors *factors,
                            const at_factor *factor,
                            const at_damping *how,
                            const char *name,
                            double *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double sum = 0;
    double smallest = HUGE_VAL;
    double damping = 0;
    if (how->strategy == ATTRIB_IDENTITY) {
        *out = 0;
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < factor->out_dim; i++) {
        for (size_t j = 0; j < factor->in_dim; j++) {
            double lambda = lambda_at(factors, factor, how->strategy, i, j);
            sum += lambda;
            smallest = lambda < smallest ? lambda : smallest;
        }
    }
    damping = how->damping;
    if (!how->is_absolute) {
        damping *= sum / ((double)factor->out_dim * (double)factor->in_dim);
    }
    AT_CHECK(isfinite(sum), ATTRIB_ENUMERIC, "%s: curvature is not finite", name);
    AT_CHECK(damping > 0 && smallest + damping > 0, ATTRIB_ENUMERIC,
             "%s: smallest curvature %g + damping %g is not positive", name, smallest,
             damping);
    *out = damping;
done:
    return status;
}

/* v = v / (Lambda + damping) */
static void divide(const attrib_factors *factors,
                   const at_factor *factor,
                   attrib_strategy strategy,
                   double damping,
                   float *v)
{
    for (size_t i = 0; i < factor->out_dim; i++) {
        for (size_t j = 0; j < factor->in_dim; j++) {
            double lambda = lambda_at(factors, factor, strategy, i, j);
            float *entry = &v[i * factor->in_dim + j];
            *entry = (float)((double)*entry / (lambda + damping));
        }
    }
}

/* U_S' G U_A of the rows: rows rotated first, or the gradient, whichever costs less. */
static void gradient_in_eigenbasis(const at_factor *factor,
                                   const float *a,
                                   const float *ds,
                                   size_t n_rows,
                                   float *scratch,
                                   float *out)
{
    size_t o = factor->out_dim;
    size_t i = factor->in_dim;
    if (at_rotate_rows_first(factor, n_rows, 1)) {
        float *rotated_ds = scratch;
        float *rotated_a = scratch + n_rows * o;
        at_rotate(ds, n_rows, o, factor->basis_s, rotated_ds);
        at_rotate(a, n_rows, i, factor->basis_a, rotated_a);
        at_form_gradient(rotated_ds, rotated_a, n_rows, o, i, out);
    } else {
        at_form_gradient(ds, a, n_rows, o, i, out);
        at_rotate_gradient(factor, out, scratch, out);
    }
}

void at_precondition(const attrib_factors *factors,
                     const at_factor *factor,
                     attrib_strategy strategy,
                     double damping,
                     const float *a,
                     const float *ds,
                     size_t n_rows,
                     size_t out_dim,
                     size_t in_dim,
                     float *scratch,
                     float *out)
{
    if (strategy == ATTRIB_IDENTITY) {
        at_form_gradient(ds, a, n_rows, out_dim, in_dim, out);
        return;
    }
    if (strategy == ATTRIB_DIAGONAL) {
        at_form_gradient(ds, a, n_rows, out_dim, in_dim, out);
        divide(factors, factor, strategy, damping, out);
        return;
    }
    gradient_in_eigenbasis(factor, a, ds, n_rows, scratch, out);
    divide(factors, factor, strategy, damping, out);
    /* scratch = U_S V [O, I], out = scratch U_A' */
    at_gemm(AT_TRANSPOSED, AT_PLAIN, out_dim, in_dim, out_dim, 1.0F, factor->basis_s,
            out_dim, out, in_dim, 0.0F, scratch, in_dim);
    at_gemm(AT_PLAIN, AT_PLAIN, out_dim, in_dim, in_dim, 1.0F, scratch, in_dim,
            factor->basis_a, in_dim, 0.0F, out, in_dim);
}
