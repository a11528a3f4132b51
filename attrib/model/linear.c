/* SPDX-License-Identifier: MIT */
/* Linear maps of rows: one product each, whatever holds the weights, so that results do
 * not depend on that. */
#include "linalg/linalg.h"
#include "model/layers.h"

/* Rows of W that a single row is multiplied with at a time: widened, they stay in the
 * second-level cache. */
#define ROW_BLOCK ((size_t)64)

/* out [O] = W a + beta out: a product of matrices would spend its time on packing W. */
static void forward_one(
    at_widener *widener, const at_linear *linear, const float *a, float beta, float *out)
{
    const at_matrix *weight = &linear->weight;
    size_t width = weight->n_columns;
    if (linear->is_transposed) {
        at_gemv_transposed(weight->n_rows, width, 1.0f, at_matrix_values(weight, widener),
                           width, a, beta, out);
        return;
    }
    for (size_t i = 0; i < weight->n_rows; i += ROW_BLOCK) {
        size_t left = weight->n_rows - i;
        size_t n = left < ROW_BLOCK ? left : ROW_BLOCK;
        at_gemv(n, width, 1.0f, at_matrix_some(weight, i, n, widener), width, a, beta,
                out + i);
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
    size_t in_dim = linear->in_dim;
    size_t width = in_dim - linear->has_bias;
    if (n == 1) {
        forward_one(widener, linear, a, beta, out);
    } else {
        at_gemm(AT_PLAIN, linear->is_transposed ? AT_PLAIN : AT_TRANSPOSED, n,
                linear->out_dim, width, 1.0f, a, in_dim,
                at_matrix_values(&linear->weight, widener), linear->weight.n_columns,
                beta, out, out_stride);
    }
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
    size_t width = linear->in_dim - linear->has_bias;
    at_gemm(AT_PLAIN, linear->is_transposed ? AT_TRANSPOSED : AT_PLAIN, n, width,
            linear->out_dim, 1.0f, d_out, d_out_stride,
            at_matrix_values(&linear->weight, widener), linear->weight.n_columns, beta,
            d_a, width);
}

void at_set_ones(float *a, size_t n, size_t width, size_t stride)
{
    for (size_t i = 0; stride > width && i < n; i++) {
        a[i * stride + width] = 1.0f;
    }
}
