/* SPDX-License-Identifier: MIT */
/* Loops over rows. Sums and maxima run in independent lanes, which a compiler may keep in
 * vector registers without changing the order of any addition.
 *
 * Source: the polynomial of exp is Cephes' expf (S. Moshier), degree 5 on
 * [-ln 2 / 2, ln 2 / 2]. */
#include "model/vector.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define N_LANES 16

float at_row_max(const float *x, size_t n)
{
    float lanes[N_LANES];
    size_t n_whole = n - n % N_LANES;
    for (size_t j = 0; j < N_LANES; j++) {
        lanes[j] = -HUGE_VALF;
    }
    for (size_t i = 0; i < n_whole; i += N_LANES) {
        for (size_t j = 0; j < N_LANES; j++) {
            lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
        }
    }
    for (size_t i = n_whole; i < n; i++) {
        lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
    }
    for (size_t j = 1; j < N_LANES; j++) {
        lanes[0] = lanes[j] > lanes[0] ? lanes[j] : lanes[0];
    }
    return lanes[0];
}

double at_row_sum(const float *x, size_t n)
{
    double lanes[N_LANES] = {0};
    size_t n_whole = n - n % N_LANES;
    for (size_t i = 0; i < n_whole; i += N_LANES) {
        for (size_t j = 0; j < N_LANES; j++) {
            lanes[j] += (double)x[i + j];
        }
    }
    for (size_t i = n_whole; i < n; i++) {
        lanes[i - n_whole] += (double)x[i];
    }
    double sum = 0;
    for (size_t j = 0; j < N_LANES; j++) {
        sum += lanes[j];
    }
    return sum;
}

void at_row_sums(
    const float *w, const float *d, const float *x, size_t n, double *sum, double *sum_x)
{
    double lanes[N_LANES] = {0};
    double lanes_x[N_LANES] = {0};
    size_t n_whole = n - n % N_LANES;
    for (size_t i = 0; i < n; i += N_LANES) {
        size_t n_lanes = i < n_whole ? N_LANES : n - n_whole;
        for (size_t j = 0; j < n_lanes; j++) {
            double g = (double)w[i + j] * (double)d[i + j];
            lanes[j] += g;
            lanes_x[j] += g * (double)x[i + j];
        }
    }
    *sum = 0;
    *sum_x = 0;
    for (size_t j = 0; j < N_LANES; j++) {
        *sum += lanes[j];
        *sum_x += lanes_x[j];
    }
}

/* exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2. Adding 1.5 2^23 rounds to an
 * integer and leaves it in the low bits of the float. NaN stays NaN. */
static inline float exp_of(float x)
{
    const float magic = 0x1.8p23f;
    x = x < -87.3f ? -87.3f : x;
    x = x > 88.3f ? 88.3f : x;
    float shifted = x * 0x1.715476p0f + magic;
    float k = shifted - magic;
    float r = x - k * 0.693359375f; /* exact: ln 2 to 9 bits */
    r = r - k * -2.12194440e-4f;    /* and the rest of ln 2 */
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    uint32_t bits = 0;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23; /* the bits of 1.5 2^23 leave at the top */
    float power = 0;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* sigmoid(x) = 1 / (1 + e) with e = exp(-x); its other side, 1 - sigmoid(x) = e
 * sigmoid(x), is not a difference that cancels. */
static inline float sigmoid_of(float x)
{
    return 1.0f / (1.0f + exp_of(-x));
}

double at_row_exp(float *x, size_t n, float shift)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = exp_of(x[i] - shift);
    }
    return at_row_sum(x, n);
}

void at_row_exp_scaled(float *x, size_t n, float shift, float scale)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = exp_of(x[i] - shift) * scale;
    }
}

void at_row_scale(float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++) {
        x[i] *= scale;
    }
}

void at_row_softmax_backward(const float *p, double mean, float *d_p, size_t n)
{
    float center = (float)mean;
    for (size_t i = 0; i < n; i++) {
        d_p[i] = p[i] * (d_p[i] - center);
    }
}

void at_row_silu_gated(const float *gate, const float *up, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = gate[i] * sigmoid_of(gate[i]) * up[i];
    }
}

/* silu'(x) = s (1 + x (1 - s)),  s = sigmoid(x),  1 - s = e s */
void at_row_silu_gated_backward(float *gate, float *up, const float *d_out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = gate[i];
        float e = exp_of(-x);
        float s = 1.0f / (1.0f + e);
        float d_gate = d_out[i] * up[i] * (s * (1.0f + x * (e * s)));
        up[i] = d_out[i] * (x * s);
        gate[i] = d_gate;
    }
}

/* gelu(x) = x / 2 (1 + tanh(z / 2)) = x sigmoid(z),  z = 2 sqrt(2 / pi) (x + 0.044715
 * x^3), which keeps its relative precision where tanh is near -1. */
#define GELU_LINEAR 1.5957691216057308f
#define GELU_CUBIC  0.044715f

void at_row_gelu(const float *x, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float z = GELU_LINEAR * (x[i] + GELU_CUBIC * x[i] * x[i] * x[i]);
        out[i] = x[i] * sigmoid_of(z);
    }
}

/* gelu'(x) = s + x s (1 - s) z'(x),  1 - s = e s */
void at_row_gelu_backward(float *x, const float *d_out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float square = x[i] * x[i];
        float z = GELU_LINEAR * (x[i] + GELU_CUBIC * square * x[i]);
        float d_z = GELU_LINEAR * (1.0f + 3.0f * GELU_CUBIC * square);
        float e = exp_of(-z);
        float s = 1.0f / (1.0f + e);
        x[i] = d_out[i] * (s + x[i] * s * (e * s) * d_z);
    }
}
