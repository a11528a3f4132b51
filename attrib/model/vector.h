/* SPDX-License-Identifier: MIT */
/* Elementwise functions of rows, written so that compilers turn them into vectors.
 *
 * They use nothing beyond IEEE arithmetic, so their results are the same on every CPU. */
#ifndef AT_MODEL_VECTOR_H
#define AT_MODEL_VECTOR_H

#include <stddef.h>

/* The largest element; -HUGE_VALF for n = 0. NaN is passed over. */
float at_row_max(const float *x, size_t n);

/* sum_i x_i, in f64. */
double at_row_sum(const float *x, size_t n);

/* *sum = sum_i w_i d_i,  *sum_x = sum_i w_i d_i x_i, in f64. */
void at_row_sums(
    const float *w, const float *d, const float *x, size_t n, double *sum, double *sum_x);

/* x = exp(x - shift); returns the sum, in f64. Within 2 ulp; below 1.2e-38 it stays
 * there. */
double at_row_exp(float *x, size_t n, float shift);

/* x = exp(x - shift) scale. */
void at_row_exp_scaled(float *x, size_t n, float shift, float scale);

/* x = x scale. */
void at_row_scale(float *x, size_t n, float scale);

/* d_p = p (d_p - mean): the gradient of a softmax, where mean = sum p d_p. */
void at_row_softmax_backward(const float *p, double mean, float *d_p, size_t n);

/* out = silu(gate) up, and its gradient: gate and up become d_gate and d_up. */
void at_row_silu_gated(const float *gate, const float *up, float *out, size_t n);
void at_row_silu_gated_backward(float *gate, float *up, const float *d_out, size_t n);

/* out = gelu(x) in its tanh form, and its gradient: x becomes d_x. Gated as above. */
void at_row_gelu_tanh(const float *x, float *out, size_t n);
void at_row_gelu_tanh_backward(float *x, const float *d_out, size_t n);
void at_row_gelu_tanh_gated(const float *gate, const float *up, float *out, size_t n);
void at_row_gelu_tanh_gated_backward(float *gate,
                                     float *up,
                                     const float *d_out,
                                     size_t n);

/* out = gelu(x) = x Phi(x), and its gradient: x becomes d_x. */
void at_row_gelu(const float *x, float *out, size_t n);
void at_row_gelu_backward(float *x, const float *d_out, size_t n);

/* x = cap tanh(x / cap); slopes, which may be NULL, are its derivatives. */
void at_row_cap(float *x, float *slopes, size_t n, float cap);

/* x = x w. */
void at_row_multiply(float *x, const float *w, size_t n);

/* out = x within [-limit, limit], and its gradient: d is 0 where x was outside. */
void at_row_clip(const float *x, float *out, size_t n, float limit);
void at_row_clip_backward(const float *x, float *d, size_t n, float limit);

#endif
