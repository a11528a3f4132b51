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

#include "base/load.h"
#include "base/wide.h"
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

/* Rows times U (op transposed, as its transpose is what is kept) or U' (op plain), block
 * by block. */
static void rotate_rows(
    const at_basis *basis, at_op op, const float *x, size_t n_rows, float *out)
{
    const float *vectors = basis->vectors;
    size_t dim = basis->dim;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        size_t first = at_block_start(dim, basis->n_blocks, b);
        size_t m = at_block_start(dim, basis->n_blocks, b + 1) - first;
        at_gemm(AT_PLAIN, op, n_rows, m, m, 1.0F, x + first, dim, vectors, m, 0.0F,
                out + first, dim);
        vectors += m * m;
    }
}

static void rotate_columns(
    const at_basis *basis, at_op op, const float *x, size_t n_columns, float *out)
{
    const float *vectors = basis->vectors;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        size_t first = at_block_start(basis->dim, basis->n_blocks, b);
        size_t m = at_block_start(basis->dim, basis->n_blocks, b + 1) - first;
        at_gemm(op, AT_PLAIN, m, n_columns, m, 1.0F, vectors, m, x + first * n_columns,
                n_columns, 0.0F, out + first * n_columns, n_columns);
        vectors += m * m;
    }
}

/* What at_rotate() gives, with rows as columns: out [dim, n_rows]. Of few rows it takes
 * two thirds of the time, since BLAS then copies the eigenvectors by rows. */
static void rotate_to_columns(const at_basis *basis,
                              const float *x,
                              size_t n_rows,
                              float *out)
{
    const float *vectors = basis->vectors;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        size_t first = at_block_start(basis->dim, basis->n_blocks, b);
        size_t m = at_block_start(basis->dim, basis->n_blocks, b + 1) - first;
        at_gemm(AT_PLAIN, AT_TRANSPOSED, m, n_rows, m, 1.0F, vectors, m, x + first,
                basis->dim, 0.0F, out + first * n_rows, n_rows);
        vectors += m * m;
    }
}

void at_rotate(const at_basis *basis, const float *x, size_t n_rows, float *out)
{
    rotate_rows(basis, AT_TRANSPOSED, x, n_rows, out);
}

void at_rotate_back(const at_basis *basis, const float *x, size_t n_rows, float *out)
{
    rotate_rows(basis, AT_PLAIN, x, n_rows, out);
}

void at_rotate_columns(const at_basis *basis,
                       const float *x,
                       size_t n_columns,
                       float *out)
{
    rotate_columns(basis, AT_PLAIN, x, n_columns, out);
}

void at_rotate_columns_back(const at_basis *basis,
                            const float *x,
                            size_t n_columns,
                            float *out)
{
    rotate_columns(basis, AT_TRANSPOSED, x, n_columns, out);
}

double at_rotate_products(const at_basis *basis)
{
    double products = 0;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        size_t first = at_block_start(basis->dim, basis->n_blocks, b);
        double m = (double)(at_block_start(basis->dim, basis->n_blocks, b + 1) - first);
        products += m * m;
    }
    return products;
}

void at_rotate_gradient(const at_factor *factor,
                        const float *gradient,
                        float *scratch,
                        float *out)
{
    /* scratch = G U_A, out = U_S' scratch */
    at_rotate(&factor->basis_a, gradient, factor->out_dim, scratch);
    at_rotate_columns(&factor->basis_s, scratch, factor->in_dim, out);
}

/* Multiply-adds of rotating rows, and of rotating gradients of whole sequences. */
static double rows_products(const at_factor *factor, double n_rows)
{
    return n_rows *
           (at_rotate_products(&factor->basis_s) + at_rotate_products(&factor->basis_a));
}

static double gradients_products(const at_factor *factor, double n_sequences)
{
    return n_sequences * ((double)factor->in_dim * at_rotate_products(&factor->basis_s) +
                          (double)factor->out_dim * at_rotate_products(&factor->basis_a));
}

bool at_rotate_rows_first(const at_factor *factor, size_t n_rows, size_t n_sequences)
{
    return rows_products(factor, (double)n_rows) <=
           gradients_products(factor, (double)n_sequences);
}

void at_load_gradients(const at_factor *factor,
                       bool is_rotated,
                       double n_rows,
                       double n_sequences,
                       attrib_load *load)
{
    double in = (double)factor->in_dim;
    double out = (double)factor->out_dim;
    double k = (double)factor->basis_a.n_blocks;
    at_load_product(load, out, in, n_rows / n_sequences, n_sequences);
    if (!is_rotated) {
        return;
    }
    if (rows_products(factor, n_rows) <= gradients_products(factor, n_sequences)) {
        at_load_product(load, n_rows, in / k, in / k, k);
        at_load_product(load, n_rows, out / k, out / k, k);
    } else {
        at_load_product(load, out, in / k, in / k, k * n_sequences);
        at_load_product(load, out / k, in, out / k, k * n_sequences);
    }
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
    if (!how->is_absolute && sum == 0 && smallest == 0) {
        *out = HUGE_VAL;
        return ATTRIB_OK;
    }
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

bool at_is_rotated(attrib_strategy strategy)
{
    return strategy == ATTRIB_EKFAC || strategy == ATTRIB_KFAC;
}

void at_gradient_in_basis(const at_factor *factor,
                          attrib_strategy strategy,
                          const float *a,
                          const float *ds,
                          size_t n_rows,
                          size_t out_dim,
                          size_t in_dim,
                          float *scratch,
                          float *out)
{
    if (!at_is_rotated(strategy)) {
        at_form_gradient(ds, a, n_rows, out_dim, in_dim, out);
    } else if (at_rotate_rows_first(factor, n_rows, 1)) {
        float *rotated_ds = scratch;
        float *rotated_a = scratch + n_rows * out_dim;
        rotate_to_columns(&factor->basis_s, ds, n_rows, rotated_ds);
        rotate_to_columns(&factor->basis_a, a, n_rows, rotated_a);
        at_gemm(AT_PLAIN, AT_TRANSPOSED, out_dim, in_dim, n_rows, 1.0F, rotated_ds,
                n_rows, rotated_a, n_rows, 0.0F, out, in_dim);
    } else {
        at_form_gradient(ds, a, n_rows, out_dim, in_dim, out);
        at_rotate_gradient(factor, out, scratch, out);
    }
}

AT_WIDE static void divide_entries(const float *v,
                                   const double *lambda,
                                   double scale,
                                   double damping,
                                   size_t n,
                                   float *out)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = (float)((double)v[k] / (scale * lambda[k] + damping));
    }
}

void at_divide(const attrib_factors *factors,
               const at_factor *factor,
               attrib_strategy strategy,
               double damping,
               const float *v,
               size_t n_entries,
               float *out)
{
    if (strategy == ATTRIB_IDENTITY) {
        memmove(out, v, n_entries * sizeof *out);
        return;
    }
    if (strategy == ATTRIB_KFAC) {
        size_t in_dim = factor->in_dim;
        for (size_t i = 0; i < n_entries / in_dim; i++) {
            divide_entries(v + i * in_dim, factor->values_a, factor->values_s[i], damping,
                           in_dim, out + i * in_dim);
        }
        return;
    }
    divide_entries(v, factor->lambda, 1 / (double)factors->info.n_sequences, damping,
                   n_entries, out);
}

/* Divisions that are under way at a time: two of the widest vectors. */
#define N_LANES ((size_t)16)

/* sum_j v_j^2 / (scale lambda_j + damping) of one row. */
AT_WIDE static double row_square(
    const float *v, const double *lambda, double scale, double damping, size_t n)
{
    double lanes[N_LANES] = {0};
    size_t n_whole = n - n % N_LANES;
    double sum = 0;
    for (size_t j = 0; j < n_whole; j += N_LANES) {
        for (size_t k = 0; k < N_LANES; k++) {
            double x = (double)v[j + k];
            lanes[k] += x * x / (scale * lambda[j + k] + damping);
        }
    }
    for (size_t j = n_whole; j < n; j++) {
        double x = (double)v[j];
        lanes[j - n_whole] += x * x / (scale * lambda[j] + damping);
    }
    for (size_t k = 0; k < N_LANES; k++) {
        sum += lanes[k];
    }
    return sum;
}

double at_inverse_square(const attrib_factors *factors,
                         const at_factor *factor,
                         attrib_strategy strategy,
                         double damping,
                         const float *v,
                         size_t out_dim,
                         size_t in_dim)
{
    double sum = 0;
    if (strategy == ATTRIB_IDENTITY) {
        return at_dot(v, v, out_dim * in_dim);
    }
    for (size_t i = 0; i < out_dim; i++) {
        bool is_kfac = strategy == ATTRIB_KFAC;
        const double *lambda = is_kfac ? factor->values_a : factor->lambda + i * in_dim;
        double scale =
            is_kfac ? factor->values_s[i] : 1 / (double)factors->info.n_sequences;
        sum += row_square(v + i * in_dim, lambda, scale, damping, in_dim);
    }
    return sum;
}

void at_gradient_from_basis(const at_factor *factor,
                            attrib_strategy strategy,
                            float *scratch,
                            float *v)
{
    if (at_is_rotated(strategy)) {
        /* scratch = U_S V [O, I], v = scratch U_A' */
        at_rotate_columns_back(&factor->basis_s, v, factor->in_dim, scratch);
        at_rotate_back(&factor->basis_a, scratch, factor->out_dim, v);
    }
}
