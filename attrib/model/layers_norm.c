/* SPDX-License-Identifier: MIT */
/* RMSNorm and LayerNorm, row by row, with sums in f64.
 *
 * Sources: Zhang & Sennrich 2019 (arXiv:1910.07467), Ba et al. 2016 (arXiv:1607.06450).
 */
#include <math.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* y = (x - mean) rate. */
typedef struct moments {
    float mean, rate;
} moments;

/* In f64 the difference of squares is as good as centred squares: x is f32. */
static moments measure_row(const at_config *config, const float *x)
{
    size_t n = config->width;
    double mean = 0;
    double variance = at_dot(x, x, n) / (double)n;
    if (config->architecture->norm == AT_NORM_LAYER) {
        mean = at_row_sum(x, n) / (double)n;
        variance = fmax(variance - mean * mean, 0);
    }
    return (moments){(float)mean, (float)(1 / sqrt(variance + config->norm_epsilon))};
}

void at_norm_forward(const at_config *config,
                     const at_norm *norm,
                     const float *x,
                     size_t n,
                     float *out,
                     size_t stride)
{
    size_t width = config->width;
    for (size_t t = 0; t < n; t++) {
        const float *x_t = x + t * width;
        float *out_t = out + t * stride;
        moments m = measure_row(config, x_t);
        if (norm->shift) {
            for (size_t i = 0; i < width; i++) {
                out_t[i] = (x_t[i] - m.mean) * m.rate * norm->gain[i] + norm->shift[i];
            }
        } else {
            for (size_t i = 0; i < width; i++) {
                out_t[i] = x_t[i] * m.rate * norm->gain[i];
            }
        }
    }
    at_set_ones(out, n, width, stride);
}

/* With y = (x - mean) rate and g = gain d_out:
 *
 *     d_x = rate (g - mean(g) - y mean(g y))        RMS leaves out both means of x and g
 */
static void norm_backward_row(const at_config *config,
                              const at_norm *norm,
                              const float *x,
                              const float *d_out,
                              float *d_x)
{
    size_t n = config->width;
    moments m = measure_row(config, x);
    double sum = 0;
    double sum_x = 0;
    at_row_sums(norm->gain, d_out, x, n, &sum, &sum_x);
    double sum_y = (sum_x - (double)m.mean * sum) * (double)m.rate;
    float mean = norm->shift ? (float)(sum / (double)n) : 0.0f;
    float mean_y = (float)(sum_y / (double)n);
    for (size_t i = 0; i < n; i++) {
        float y = (x[i] - m.mean) * m.rate;
        d_x[i] += m.rate * (norm->gain[i] * d_out[i] - mean - y * mean_y);
    }
}

void at_norm_backward(const at_config *config,
                      const at_norm *norm,
                      const float *x,
                      const float *d_out,
                      size_t n,
                      float *d_x)
{
    size_t width = config->width;
    for (size_t t = 0; t < n; t++) {
        norm_backward_row(config, norm, x + t * width, d_out + t * width,
                          d_x + t * width);
    }
}
