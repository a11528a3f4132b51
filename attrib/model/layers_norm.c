/* SPDX-License-Identifier: MIT */
/* RMSNorm and LayerNorm, row by row, with sums in f64; and how a half of a layer joins
 * the residual stream.
 *
 * Sources: Zhang & Sennrich 2019 (arXiv:1910.07467), Ba et al. 2016 (arXiv:1607.06450).
 */
#include <math.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* y = (x - mean) rate. */
typedef struct moments {
    float mean, rate;
} moments;

/* In f64 the difference of squares is as good as centred squares: x is f32. */
static moments measure_row(const at_config *config, const at_norm *norm, const float *x)
{
    size_t n = norm->width;
    double mean = 0;
    double variance = at_dot(x, x, n) / (double)n;
    if (norm->shift) {
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
    size_t width = norm->gain ? norm->width : config->width;
    for (size_t t = 0; t < n; t++) {
        const float *x_t = x + t * width;
        float *out_t = out + t * stride;
        if (!norm->gain) {
            memcpy(out_t, x_t, width * sizeof *out_t);
            continue;
        }
        moments m = measure_row(config, norm, x_t);
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
 *     d_x = rate (g - mean(g) - y mean(g y)) + beta d_x
 *
 * where RMS leaves out both means of x and g. d_x may be d_out with beta 0. */
static void norm_backward_row(const at_config *config,
                              const at_norm *norm,
                              const float *x,
                              const float *d_out,
                              float beta,
                              float *d_x)
{
    size_t n = norm->width;
    moments m = measure_row(config, norm, x);
    double sum = 0;
    double sum_x = 0;
    at_row_sums(norm->gain, d_out, x, n, &sum, &sum_x);
    double sum_y = (sum_x - (double)m.mean * sum) * (double)m.rate;
    float mean = norm->shift ? (float)(sum / (double)n) : 0.0f;
    float mean_y = (float)(sum_y / (double)n);
    for (size_t i = 0; i < n; i++) {
        float y = (x[i] - m.mean) * m.rate;
        d_x[i] = m.rate * (norm->gain[i] * d_out[i] - mean - y * mean_y) + beta * d_x[i];
    }
}

void at_norm_backward(const at_config *config,
                      const at_norm *norm,
                      const float *x,
                      const float *d_out,
                      size_t n,
                      float beta,
                      float *d_x)
{
    size_t width = norm->gain ? norm->width : config->width;
    for (size_t t = 0; t < n; t++) {
        size_t offset = t * width;
        if (norm->gain) {
            norm_backward_row(config, norm, x + offset, d_out + offset, beta,
                              d_x + offset);
        } else {
            at_row_scale(d_x + offset, width, beta);
            at_axpy(width, 1.0f, d_out + offset, d_x + offset);
        }
    }
}

/* With y = (x - mean) rate:
 *
 *     d_out = gain rate (d_x - mean(d_x) - y mean(y d_x))
 *
 * where RMS leaves out the means of x and d_x. d_out may be d_x. */
static void norm_along_row(const at_config *config,
                           const at_norm *norm,
                           const float *x,
                           const float *d_x,
                           float *d_out)
{
    size_t n = norm->width;
    moments m = measure_row(config, norm, x);
    double sum = norm->shift ? at_row_sum(d_x, n) : 0;
    double sum_y = (at_dot(x, d_x, n) - (double)m.mean * sum) * (double)m.rate;
    float mean = (float)(sum / (double)n);
    float mean_y = (float)(sum_y / (double)n);
    for (size_t i = 0; i < n; i++) {
        float y = (x[i] - m.mean) * m.rate;
        d_out[i] = norm->gain[i] * (m.rate * (d_x[i] - mean - y * mean_y));
    }
}

void at_norm_along(const at_config *config,
                   const at_norm *norm,
                   const float *x,
                   const float *d_x,
                   size_t n,
                   float *d_out,
                   size_t stride)
{
    size_t width = norm->gain ? norm->width : config->width;
    for (size_t t = 0; t < n; t++) {
        size_t offset = t * width;
        if (norm->gain) {
            norm_along_row(config, norm, x + offset, d_x + offset, d_out + t * stride);
        } else {
            memcpy(d_out + t * stride, d_x + offset, width * sizeof *d_out);
        }
    }
}

void at_join_forward(at_decoder *decoder,
                     const at_linear *map,
                     const at_norm *norm,
                     const float *a,
                     const float *base,
                     at_rows rows,
                     float *map_out,
                     float *out)
{
    const at_config *config = &decoder->model->config;
    size_t width = config->width;
    size_t offset = rows.first * width;
    memcpy(out + offset, base + offset, rows.n * width * sizeof *out);
    a += rows.first * map->in_dim;
    if (!norm->gain && config->residual_scale == 1) {
        at_linear_forward(&decoder->widener, map, a, rows.n, 1.0f, out + offset, width);
        return;
    }
    float *made = norm->gain ? map_out + offset : decoder->branch;
    at_linear_forward(&decoder->widener, map, a, rows.n, 0.0f, made, width);
    if (norm->gain) {
        at_norm_forward(config, norm, made, rows.n, decoder->branch, width);
    }
    at_axpy(rows.n * width, config->residual_scale, decoder->branch, out + offset);
}

const float *at_join_backward(at_decoder *decoder,
                              const at_norm *norm,
                              const float *map_out)
{
    const at_config *config = &decoder->model->config;
    size_t n = decoder->n_rows;
    float *branch = decoder->branch;
    if (!norm->gain && config->residual_scale == 1) {
        return decoder->d_stream;
    }
    memcpy(branch, decoder->d_stream, n * config->width * sizeof(float));
    at_row_scale(branch, n * config->width, config->residual_scale);
    if (norm->gain) {
        at_norm_backward(config, norm, map_out, branch, n, 0.0f, branch);
    }
    return branch;
}

attrib_status at_join_along(at_decoder *decoder,
                            size_t i_layer,
                            at_slot slot,
                            const at_norm *norm,
                            const float *a,
                            const float *d_a,
                            const float *map_out,
                            const float *base,
                            float *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t n = decoder->n_rows;
    size_t width = config->width;
    float *branch = decoder->tangents.branch;
    memcpy(out, base, n * width * sizeof *out);
    if (!norm->gain && config->residual_scale == 1) {
        return at_map_along(decoder, i_layer, slot, a, d_a, 1.0f, out, width, err);
    }
    AT_TRY(at_map_along(decoder, i_layer, slot, a, d_a, 0.0f, branch, width, err));
    if (norm->gain) {
        at_norm_along(config, norm, map_out, branch, n, branch, width);
    }
    at_axpy(n * width, config->residual_scale, branch, out);
done:
    return status;
}
