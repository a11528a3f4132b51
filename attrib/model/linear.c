/* SPDX-License-Identifier: MIT */
/* Linear maps of rows: a product for each block of rows of W, the same blocks whatever
 * holds the weights, so that results do not depend on that. */
#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/rounded.h"

/* Rows [first, first + n) of a matrix that is at hand. */
typedef struct block {
    size_t first, n;
    const float *values;     /* [n, n_columns]; NULL where these are rounded */
    const uint16_t *rounded; /* the same; NULL where they are not */
} block;

/* The block after `at`, or the first where that is zeroed; false after the last. */
static bool next_block(const at_linear *linear,
                       size_t n_rows,
                       at_widener *widener,
                       block *at)
{
    const at_matrix *matrix = &linear->weight;
    size_t first = at->first + at->n;
    size_t left = matrix->n_rows - first;
    if (left == 0) {
        return false;
    }
    at->first = first;
    at->n = left < n_rows ? left : n_rows;
    if (widener->rounded) {
        at->rounded = at_rounded_weights(widener->rounded, linear->i_module) +
                      first * matrix->n_columns;
    } else {
        at->values = at_matrix_some(matrix, first, at->n, widener);
    }
    return true;
}

/* C [m, n] = A [m, k] B + beta C, B the block or its transpose, of `width` columns. In
 * f32 one row would spend its time on packing B: it is multiplied as a vector. */
static void multiply(at_multiplier *multiplier,
                     at_sizes sizes,
                     const at_operand *a,
                     const block *at,
                     at_operand b,
                     float beta,
                     float *c,
                     size_t ldc)
{
    b.values = at->values;
    b.rounded = at->rounded;
    if (multiplier || sizes.m > 1) {
        at_multiply(multiplier, sizes, 1.0f, *a, b, beta, c, ldc);
    } else if (b.op == AT_TRANSPOSED) {
        at_gemv(sizes.n, sizes.k, 1.0f, b.values, b.ld, a->values, beta, c);
    } else {
        at_gemv_transposed(sizes.k, sizes.n, 1.0f, b.values, b.ld, a->values, beta, c);
    }
}

void at_linear_product(at_widener *widener,
                       const at_linear *linear,
                       const float *a,
                       size_t n,
                       float beta,
                       float *out,
                       size_t out_stride)
{
    const at_matrix *weight = &linear->weight;
    size_t width = weight->n_columns;
    size_t n_rows = n > 1 ? at_matrix_block_rows(weight) : AT_ROWS_FOR_ONE;
    at_multiplier *multiplier = widener->multiplier;
    block at = {0};
    while (next_block(linear, n_rows, widener, &at)) {
        if (linear->is_transposed) {
            at_operand rows = at_plain(a + at.first, linear->in_dim);
            multiply(multiplier, (at_sizes){n, width, at.n}, &rows, &at,
                     at_plain(NULL, width), at.first == 0 ? beta : 1.0f, out, out_stride);
        } else {
            at_operand rows = at_plain(a, linear->in_dim);
            multiply(multiplier, (at_sizes){n, at.n, width}, &rows, &at,
                     at_transposed(NULL, width), beta, out + at.first, out_stride);
        }
    }
}

void at_linear_forward(at_widener *widener,
                       const at_linear *linear,
                       const float *a,
                       size_t n,
                       float beta,
                       float *out,
                       size_t out_stride)
{
    at_linear_product(widener, linear, a, n, beta, out, out_stride);
    for (size_t i = 0; linear->has_bias && i < n; i++) {
        at_axpy(linear->out_dim, 1.0f, linear->bias, out + i * out_stride);
    }
}

void at_linear_backward(at_widener *widener,
                        const at_linear *linear,
                        const float *d_out,
                        size_t d_out_stride,
                        size_t n,
                        float beta,
                        float *d_a)
{
    const at_matrix *weight = &linear->weight;
    size_t in = linear->in_dim - linear->has_bias;
    size_t width = weight->n_columns;
    size_t n_rows = at_matrix_block_rows(weight);
    at_multiplier *multiplier = widener->multiplier;
    block at = {0};
    while (next_block(linear, n_rows, widener, &at)) {
        if (linear->is_transposed) {
            at_multiply(multiplier, (at_sizes){n, at.n, width}, 1.0f,
                        at_plain(d_out, d_out_stride),
                        (at_operand){AT_TRANSPOSED, at.values, at.rounded, width}, beta,
                        d_a + at.first, in);
        } else {
            at_multiply(multiplier, (at_sizes){n, in, at.n}, 1.0f,
                        at_plain(d_out + at.first, d_out_stride),
                        (at_operand){AT_PLAIN, at.values, at.rounded, width},
                        at.first == 0 ? beta : 1.0f, d_a, in);
        }
    }
}

void at_set_ones(float *a, size_t n, size_t width, size_t stride)
{
    for (size_t i = 0; stride > width && i < n; i++) {
        a[i * stride + width] = 1.0f;
    }
}
