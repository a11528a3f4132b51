/* SPDX-License-Identifier: MIT */
/* Rotations into the eigenbasis and back, and the damped inverse, by strategy.
 *
 *     ekfac     U_S [ (U_S' G U_A) / (Lambda + damping) ] U_A'        (elementwise /)
 *     kfac      the same with Lambda[i, j] = values_s[i] values_a[j]
 *     diagonal  G / (Lambda + damping), Lambda of single weights
 *     identity  G
 *     optimizer       G / (v + damping), v of single weights
 *     optimizer-root  G / (sqrt(v) + damping)
 *
 * 1. Rotations.   2. Their cost.   3. The inverse.
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, sections 2.2 and 3.1. */
#include "curvature/inverse.h"

#include <math.h>
#include <string.h>

#include "base/load.h"
#include "base/wide.h"
#include "linalg/cost.h"
#include "linalg/linalg.h"

/* 1. Rotations */

void at_form_gradient(at_multiplier *multiplier,
                      const float *ds,
                      const float *a,
                      size_t n_rows,
                      size_t out_dim,
                      size_t in_dim,
                      float *gradient)
{
    at_multiply_once(multiplier, (at_sizes){out_dim, in_dim, n_rows}, 1.0F,
                     at_transposed(ds, out_dim), at_plain(a, in_dim), 0.0F, gradient,
                     in_dim);
}

/* out = x U (op transposed, since U' is what is kept) or x U' (op plain), block by block.
 */
static void rotate_rows(at_multiplier *multiplier,
                        const at_basis *basis,
                        at_op op,
                        const float *x,
                        size_t n_rows,
                        float *out)
{
    const float *vectors = basis->vectors;
    size_t dim = basis->dim;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        at_extent block = at_diagonal_block(dim, basis->n_blocks, b);
        size_t m = block.size;
        at_multiply_once(
            multiplier, (at_sizes){n_rows, m, m}, 1.0F, at_plain(x + block.first, dim),
            (at_operand){op, vectors, NULL, m}, 0.0F, out + block.first, dim);
        vectors += m * m;
    }
}

/* out = U x (op transposed) or U' x (op plain), block by block. */
static void rotate_columns(at_multiplier *multiplier,
                           const at_basis *basis,
                           at_op op,
                           const float *x,
                           size_t n_columns,
                           float *out)
{
    const float *vectors = basis->vectors;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        at_extent block = at_diagonal_block(basis->dim, basis->n_blocks, b);
        size_t m = block.size;
        at_multiply_once(multiplier, (at_sizes){m, n_columns, m}, 1.0F,
                         (at_operand){op, vectors, NULL, m},
                         at_plain(x + block.first * n_columns, n_columns), 0.0F,
                         out + block.first * n_columns, n_columns);
        vectors += m * m;
    }
}

/* out [dim, n_rows] = U' x', which are the rows that at_rotate() gives, as columns. For
 * few rows this takes two thirds of the time: BLAS then copies the eigenvectors by rows.
 */
static void rotate_to_columns(const at_basis *basis,
                              const float *x,
                              size_t n_rows,
                              float *out)
{
    const float *vectors = basis->vectors;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        at_extent block = at_diagonal_block(basis->dim, basis->n_blocks, b);
        size_t m = block.size;
        at_gemm(AT_PLAIN, AT_TRANSPOSED, m, n_rows, m, 1.0F, vectors, m, x + block.first,
                basis->dim, 0.0F, out + block.first * n_rows, n_rows);
        vectors += m * m;
    }
}

void at_rotate(at_multiplier *multiplier,
               const at_basis *basis,
               const float *x,
               size_t n_rows,
               float *out)
{
    rotate_rows(multiplier, basis, AT_TRANSPOSED, x, n_rows, out);
}

void at_rotate_columns_back(const at_basis *basis,
                            const float *x,
                            size_t n_columns,
                            float *out)
{
    rotate_columns(NULL, basis, AT_TRANSPOSED, x, n_columns, out);
}

void at_rotate_gradient(at_multiplier *multiplier,
                        const at_factor *factor,
                        const float *gradient,
                        float *scratch,
                        float *out)
{
    /* scratch = G U_A, out = U_S' scratch */
    at_rotate(multiplier, &factor->basis_a, gradient, factor->out_dim, scratch);
    rotate_columns(multiplier, &factor->basis_s, AT_PLAIN, scratch, factor->in_dim, out);
}

/* 2. Their cost */

double at_rotate_products(const at_basis *basis)
{
    double products = 0;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        double m = (double)at_diagonal_block(basis->dim, basis->n_blocks, b).size;
        products += m * m;
    }
    return products;
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

void at_form_rotated_gradient(const at_factor *factor,
                              const float *ds,
                              const float *a,
                              size_t n_rows,
                              float *scratch,
                              float *out)
{
    size_t out_dim = factor->out_dim;
    size_t in_dim = factor->in_dim;
    float *rotated_ds = scratch;
    float *rotated_a = scratch + n_rows * out_dim;
    if (!at_rotate_rows_first(factor, n_rows, 1)) {
        at_form_gradient(NULL, ds, a, n_rows, out_dim, in_dim, out);
        at_rotate_gradient(NULL, factor, out, scratch, out);
        return;
    }
    rotate_to_columns(&factor->basis_s, ds, n_rows, rotated_ds);
    rotate_to_columns(&factor->basis_a, a, n_rows, rotated_a);
    at_gemm(AT_PLAIN, AT_TRANSPOSED, out_dim, in_dim, n_rows, 1.0F, rotated_ds, n_rows,
            rotated_a, n_rows, 0.0F, out, in_dim);
}

void at_load_gradients(const at_factor *factor,
                       bool is_rotated,
                       double n_rows,
                       double n_sequences,
                       double panel_rows,
                       attrib_load *load)
{
    double in = (double)factor->in_dim;
    double out = (double)factor->out_dim;
    double k = (double)factor->basis_a.n_blocks;
    double rows = fmin(out, panel_rows);
    size_t n_panels = (size_t)ceil(out / rows);
    for (size_t i = 0; i < n_panels; i++) {
        double m = fmin(out - (double)i * rows, rows);
        at_load_product(load, (at_product_size){AT_PLAIN, m, in, n_rows / n_sequences},
                        n_sequences);
    }
    if (!is_rotated) {
        return;
    }
    if (rows_products(factor, n_rows) <= gradients_products(factor, n_sequences)) {
        at_load_product(load, (at_product_size){AT_TRANSPOSED, n_rows, in / k, in / k},
                        k);
        at_load_product(load, (at_product_size){AT_TRANSPOSED, n_rows, out / k, out / k},
                        k);
    } else {
        at_load_product(load, (at_product_size){AT_TRANSPOSED, out, in / k, in / k},
                        k * n_sequences);
        at_load_product(load, (at_product_size){AT_PLAIN, out / k, in, out / k},
                        k * n_sequences);
    }
}

/* 3. The inverse */

bool at_is_rotated(attrib_strategy strategy)
{
    return strategy == ATTRIB_EKFAC || strategy == ATTRIB_KFAC;
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

AT_WIDE static void divide_by_roots(const float *v,
                                    const double *lambda,
                                    double scale,
                                    double damping,
                                    size_t n,
                                    float *out)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = (float)((double)v[k] / (sqrt(scale * lambda[k]) + damping));
    }
}

/* The divisor of entry [i, j] is scale_of(i) lambda_of(i)[j] + damping, or the
 * root of the product + damping. */
static double scale_of(const at_inverse *inverse, size_t i)
{
    return inverse->strategy == ATTRIB_KFAC
               ? inverse->factor->values_s[i]
               : 1 / (double)inverse->factors->info.n_sequences;
}

static const double *lambda_of(const at_inverse *inverse, size_t i)
{
    const at_factor *factor = inverse->factor;
    return inverse->strategy == ATTRIB_KFAC ? factor->values_a
                                            : factor->lambda + i * factor->in_dim;
}

void at_divide(const at_inverse *inverse, const float *v, size_t n_entries, float *out)
{
    if (inverse->strategy == ATTRIB_IDENTITY) {
        memmove(out, v, n_entries * sizeof *out);
        return;
    }
    size_t in_dim = inverse->factor->in_dim;
    bool is_root = inverse->strategy == ATTRIB_OPTIMIZER_ROOT;
    for (size_t i = 0; i < n_entries / in_dim; i++) {
        (is_root ? divide_by_roots : divide_entries)(
            v + i * in_dim, lambda_of(inverse, i), scale_of(inverse, i), inverse->damping,
            in_dim, out + i * in_dim);
    }
}

static double spectral_of(at_spectral how, double sigma, double x)
{
    switch (how) {
    case AT_SPECTRAL_INVERSE:
        return 1 / (sigma + x);
    case AT_SPECTRAL_HELD:
        return isinf(x) ? 1 : x / (sigma + x);
    case AT_SPECTRAL_DECAYED:
        return exp(-x * sigma);
    case AT_SPECTRAL_LEARNED:
        return x * sigma > 0 ? -expm1(-x * sigma) / sigma : x;
    }
    return 0;
}

void at_apply_spectral(const at_inverse *inverse,
                       at_spectral how,
                       float *v,
                       size_t n_entries)
{
    size_t in_dim = inverse->factor->in_dim;
    for (size_t i = 0; i < n_entries / in_dim; i++) {
        const double *lambda = lambda_of(inverse, i);
        double scale = scale_of(inverse, i);
        for (size_t j = 0; j < in_dim; j++) {
            double sigma = fmax(scale * lambda[j], 0);
            sigma = inverse->strategy == ATTRIB_OPTIMIZER_ROOT ? sqrt(sigma) : sigma;
            float *at = &v[i * in_dim + j];
            *at = (float)((double)*at * spectral_of(how, sigma, inverse->damping));
        }
    }
}

AT_WIDE static void invert_row(
    const double *lambda, double scale, double damping, size_t n, double *out)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = 1 / (scale * lambda[j] + damping);
    }
}

void at_inverse_row(const at_inverse *inverse, size_t i, double *out)
{
    size_t in_dim = inverse->factor->in_dim;
    if (inverse->strategy == ATTRIB_IDENTITY) {
        for (size_t j = 0; j < in_dim; j++) {
            out[j] = 1;
        }
        return;
    }
    const double *lambda = lambda_of(inverse, i);
    double scale = scale_of(inverse, i);
    if (inverse->strategy != ATTRIB_OPTIMIZER_ROOT) {
        invert_row(lambda, scale, inverse->damping, in_dim, out);
        return;
    }
    for (size_t j = 0; j < in_dim; j++) {
        out[j] = 1 / (sqrt(scale * lambda[j]) + inverse->damping);
    }
}

/* Divisions under way at the same time: two of the widest vectors, 8 f64 each. */
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

/* sum_j v_j^2 / (sqrt(scale lambda_j) + damping) of one row. */
static double row_square_by_roots(
    const float *v, const double *lambda, double scale, double damping, size_t n)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        double x = (double)v[j];
        sum += x * x / (sqrt(scale * lambda[j]) + damping);
    }
    return sum;
}

double at_inverse_square(const at_inverse *inverse, const float *v, size_t n_entries)
{
    double sum = 0;
    if (inverse->strategy == ATTRIB_IDENTITY) {
        return at_dot(v, v, n_entries);
    }
    size_t in_dim = inverse->factor->in_dim;
    bool is_root = inverse->strategy == ATTRIB_OPTIMIZER_ROOT;
    for (size_t i = 0; i < n_entries / in_dim; i++) {
        sum += (is_root ? row_square_by_roots
                        : row_square)(v + i * in_dim, lambda_of(inverse, i),
                                      scale_of(inverse, i), inverse->damping, in_dim);
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
        rotate_rows(NULL, &factor->basis_a, AT_PLAIN, scratch, factor->out_dim, v);
    }
}
