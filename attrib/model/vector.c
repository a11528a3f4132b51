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

#include "base/wide.h"

#define N_LANES 16

AT_WIDE float at_row_max(const float *x, size_t n)
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

AT_WIDE double at_row_sum(const float *x, size_t n)
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

AT_WIDE void at_row_sums(
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

AT_WIDE double at_row_exp(float *x, size_t n, float shift)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = exp_of(x[i] - shift);
    }
    return at_row_sum(x, n);
}

AT_WIDE void at_row_exp_scaled(float *x, size_t n, float shift, float scale)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = exp_of(x[i] - shift) * scale;
    }
}

AT_WIDE void at_row_scale(float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++) {
        x[i] *= scale;
    }
}

AT_WIDE void at_row_softmax_backward(const float *p, double mean, float *d_p, size_t n)
{
    float center = (float)mean;
    for (size_t i = 0; i < n; i++) {
        d_p[i] = p[i] * (d_p[i] - center);
    }
}

AT_WIDE void at_row_silu_gated(const float *gate, const float *up, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = gate[i] * sigmoid_of(gate[i]) * up[i];
    }
}

/* silu'(x) = s (1 + x (1 - s)),  s = sigmoid(x),  1 - s = e s */
AT_WIDE void at_row_silu_gated_backward(float *gate,
                                        float *up,
                                        const float *d_out,
                                        size_t n)
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

static inline float gelu_tanh_of(float x)
{
    return x * sigmoid_of(GELU_LINEAR * (x + GELU_CUBIC * x * x * x));
}

/* gelu'(x) = s + x s (1 - s) z'(x),  1 - s = e s; *value = x s. */
static inline float gelu_tanh_slope_of(float x, float *value)
{
    float square = x * x;
    float z = GELU_LINEAR * (x + GELU_CUBIC * square * x);
    float d_z = GELU_LINEAR * (1.0f + 3.0f * GELU_CUBIC * square);
    float e = exp_of(-z);
    float s = 1.0f / (1.0f + e);
    *value = x * s;
    return s + x * s * (e * s) * d_z;
}

AT_WIDE void at_row_gelu_tanh(const float *x, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = gelu_tanh_of(x[i]);
    }
}

AT_WIDE void at_row_gelu_tanh_backward(float *x, const float *d_out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float value = 0;
        x[i] = d_out[i] * gelu_tanh_slope_of(x[i], &value);
    }
}

AT_WIDE void at_row_gelu_tanh_gated(const float *gate,
                                    const float *up,
                                    float *out,
                                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = gelu_tanh_of(gate[i]) * up[i];
    }
}

AT_WIDE void at_row_gelu_tanh_gated_backward(float *gate,
                                             float *up,
                                             const float *d_out,
                                             size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float value = 0;
        float slope = gelu_tanh_slope_of(gate[i], &value);
        gate[i] = d_out[i] * up[i] * slope;
        up[i] = d_out[i] * value;
    }
}

/* Phi(x), the normal distribution's. For z = |x| / sqrt(2),
 *
 *     1 - Phi(|x|) = erfc(z) / 2 = t exp(P(t) - z^2) / 2,  t = 1 / (1 + z / 2),
 *
 * with P the polynomial that interpolates log(erfc(z) / t) + z^2 at the 10 Chebyshev
 * points of 0 <= z <= 9.5: off by 5e-8 at most. Its value below 0 does not cancel. */
static inline float phi_of(float x)
{
    float z = (x < 0 ? -x : x) * 0.70710678f;
    float t = 1.0f / (1.0f + 0.5f * z);
    float p = 0.143224678f;
    p = p * t - 0.671311092f;
    p = p * t + 1.133697846f;
    p = p * t - 0.6645712738f;
    p = p * t - 0.107486589f;
    p = p * t + 0.01635099744f;
    p = p * t + 0.0292226822f;
    p = p * t + 0.3878264064f;
    p = p * t + 0.9984867682f;
    p = p * t - 1.265440378f;
    float tail = 0.5f * t * exp_of(p - z * z);
    return x > 0 ? 1.0f - tail : tail;
}

AT_WIDE void at_row_gelu(const float *x, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = x[i] * phi_of(x[i]);
    }
}

/* gelu'(x) = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi) */
AT_WIDE void at_row_gelu_backward(float *x, const float *d_out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float density = 0.39894228f * exp_of(-0.5f * x[i] * x[i]);
        x[i] = d_out[i] * (phi_of(x[i]) + x[i] * density);
    }
}

/* tanh(x) = 1 - 2 / (1 + exp(2 x)) away from 0, where that does not cancel, and a
 * polynomial (Cephes' tanhf) near it. */
static inline float tanh_of(float x)
{
    float size = x < 0 ? -x : x;
    float far = 1.0f - 2.0f / (1.0f + exp_of(2.0f * size));
    float square = x * x;
    float p = -5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    float near = size + size * square * p;
    float value = size < 0.625f ? near : far;
    return x < 0 ? -value : value;
}

AT_WIDE void at_row_cap(float *x, float *slopes, size_t n, float cap)
{
    float rate = 1.0f / cap;
    for (size_t i = 0; slopes && i < n; i++) {
        float t = tanh_of(x[i] * rate);
        slopes[i] = (1.0f - t) * (1.0f + t);
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = cap * tanh_of(x[i] * rate);
    }
}

AT_WIDE void at_row_multiply(float *x, const float *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] *= w[i];
    }
}

AT_WIDE void at_row_clip(const float *x, float *out, size_t n, float limit)
{
    for (size_t i = 0; i < n; i++) {
        float low = x[i] < -limit ? -limit : x[i];
        out[i] = low > limit ? limit : low;
    }
}

AT_WIDE void at_row_clip_backward(const float *x, float *d, size_t n, float limit)
{
    for (size_t i = 0; i < n; i++) {
        d[i] = x[i] < -limit || x[i] > limit ? 0.0f : d[i];
    }
}
