/* SPDX-License-Identifier: MIT */
/* Linear maps of rows: a product for each block of rows of W, the same blocks whatever
 * holds the weights, so that results do not depend on that. */
#include "linalg/linalg.h"
#include "model/layers.h"

/* Rows [first, first + n) of a matrix that is at hand. */
typedef struct block {
    size_t first, n;
    const float *values; /* [n, n_columns] */
} block;

/* The block behind `at`, or the first where that is zeroed; false behind the last. */
static bool next_block(const at_matrix *matrix,
                       size_t n_rows,
                       at_widener *widener,
                       block *at)
{
    size_t first = at->first + at->n;
    size_t left = matrix->n_rows - first;
    if (left == 0) {
        return false;
    }
    at->first = first;
    at->n = left < n_rows ? left : n_rows;
    at->values = at_matrix_some(matrix, first, at->n, widener);
    return true;
}

/* C [m, n] = A [m, k] op(B) + beta C. One row would spend its time on packing B: it is
 * multiplied as a vector. B' [n, k] or B [k, n] has rows `ldb` apart. */
static void multiply(at_op op_b,
                     const size_t sizes[3],
                     const float *a,
                     size_t lda,
                     const float *b,
                     size_t ldb,
                     float beta,
                     float *c,
                     size_t ldc)
{
    size_t m = sizes[0];
    size_t n = sizes[1];
    size_t k = sizes[2];
    if (m > 1) {
        at_gemm(AT_PLAIN, op_b, m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc);
    } else if (op_b == AT_TRANSPOSED) {
        at_gemv(n, k, 1.0f, b, ldb, a, beta, c);
    } else {
        at_gemv_transposed(k, n, 1.0f, b, ldb, a, beta, c);
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
    block at = {0};
    while (next_block(weight, n_rows, widener, &at)) {
        if (linear->is_transposed) {
            multiply(AT_PLAIN, (size_t[3]){n, width, at.n}, a + at.first, linear->in_dim,
                     at.values, width, at.first == 0 ? beta : 1.0f, out, out_stride);
        } else {
            multiply(AT_TRANSPOSED, (size_t[3]){n, at.n, width}, a, linear->in_dim,
                     at.values, width, beta, out + at.first, out_stride);
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
    block at = {0};
    while (next_block(weight, n_rows, widener, &at)) {
        if (linear->is_transposed) {
            at_gemm(AT_PLAIN, AT_TRANSPOSED, n, at.n, width, 1.0f, d_out, d_out_stride,
                    at.values, width, beta, d_a + at.first, in);
        } else {
            at_gemm(AT_PLAIN, AT_PLAIN, n, in, at.n, 1.0f, d_out + at.first, d_out_stride,
                    at.values, width, at.first == 0 ? beta : 1.0f, d_a, in);
        }
    }
}

void at_set_ones(float *a, size_t n, size_t width, size_t stride)
{
    for (size_t i = 0; stride > width && i < n; i++) {
        a[i * stride + width] = 1.0f;
    }
}
