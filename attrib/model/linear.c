/* SPDX-License-Identifier: MIT */
/* Linear maps of rows: one product each. */
#include "linalg/linalg.h"
#include "model/layers.h"

void at_linear_forward(const at_linear *linear,
                       const float *a,
                       size_t n,
                       float beta,
                       float *out,
                       size_t out_stride)
{
    const float *weight = at_linear_weight(linear);
    size_t in_dim = linear->in_dim;
    if (n == 1) { /* a product of one row would spend its time on packing W */
        at_gemv(linear->out_dim, in_dim, 1.0f, weight, in_dim, a, beta, out);
    } else {
        at_gemm(AT_PLAIN, AT_TRANSPOSED, n, linear->out_dim, in_dim, 1.0f, a, in_dim,
                weight, in_dim, beta, out, out_stride);
    }
}

void at_linear_backward(const at_linear *linear,
                        const float *d_out,
                        size_t d_out_stride,
                        size_t n,
                        float beta,
                        float *d_a)
{
    size_t width = linear->in_dim - linear->has_bias;
    at_gemm(AT_PLAIN, AT_PLAIN, n, width, linear->out_dim, 1.0f, d_out, d_out_stride,
            at_linear_weight(linear), linear->in_dim, beta, d_a, width);
}

void at_set_ones(float *a, size_t n, size_t width, size_t stride)
{
    for (size_t i = 0; stride > width && i < n; i++) {
        a[i * stride + width] = 1.0f;
    }
}
