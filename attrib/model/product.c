/* SPDX-License-Identifier: MIT */
/* The head in product mode: what the softmax makes of the tangents of logits, and from
 * there backward.
 *
 * Source: Schraudolph 2002, Fast curvature matrix-vector products for second-order
 * gradient descent; Martens 2010, section 4.2 (the softmax's Hessian). */
#include <math.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* What the head reads of rows that count, and its tangents. */
static void gather(at_decoder *decoder, at_rows rows)
{
    const attrib_model *model = decoder->model;
    size_t width = model->config.width;
    size_t stride = model->head.in_dim;
    for (size_t i = 0; i < rows.n; i++) {
        size_t offset = at_head_row(decoder, rows.first + i) * width;
        at_norm_forward(&model->config, &model->final_norm, decoder->output + offset, 1,
                        decoder->hidden + i * stride, stride);
        at_norm_along(&model->config, &model->final_norm, decoder->output + offset,
                      decoder->tangents.input + offset, 1,
                      decoder->tangents.hidden + i * stride, stride);
    }
}

/* Logits [n, V] and their tangents. */
static attrib_status expand(at_decoder *decoder, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_linear *head = &decoder->model->head;
    size_t i_tracked = decoder->i_tracked[head->i_module];
    float *d_logits = decoder->tangents.logits;
    at_linear_forward(&decoder->widener, head, decoder->hidden, n, 0.0f, decoder->logits,
                      head->out_dim);
    at_linear_product(&decoder->widener, head, decoder->tangents.hidden, n, 0.0f,
                      d_logits, head->out_dim);
    if (i_tracked != AT_UNTRACKED) {
        attrib_outputs outputs = {.i_tracked = i_tracked,
                                  .a = decoder->hidden,
                                  .n_rows = n,
                                  .n_outputs = head->out_dim,
                                  .d_out = d_logits,
                                  .stride = head->out_dim,
                                  .multiplier = decoder->widener.multiplier,
                                  .i_vector = decoder->i_vector};
        AT_TRY(decoder->direction(decoder->fn_context, &outputs, err));
    }
done:
    return status;
}

/* d_logits of one row become D' (diag(p) - p p') D d_logits, where D is what logits are
 * scaled and capped by. False where that is not finite. */
static bool curve_row(const at_decoder *decoder, float *logits, float *d_logits)
{
    const at_config *config = &decoder->model->config;
    size_t n = config->n_vocabulary;
    if (config->logit_scale != 1) {
        at_row_scale(logits, n, config->logit_scale);
        at_row_scale(d_logits, n, config->logit_scale);
    }
    if (config->logit_cap > 0) {
        at_row_cap(logits, decoder->logit_slopes, n, (float)config->logit_cap);
        at_row_multiply(d_logits, decoder->logit_slopes, n);
    }
    double total = at_row_exp(logits, n, at_row_max(logits, n));
    at_row_scale(logits, n, (float)(1 / total));
    double mean = at_dot(logits, d_logits, n);
    at_row_softmax_backward(logits, mean, d_logits, n);
    if (config->logit_cap > 0) {
        at_row_multiply(d_logits, decoder->logit_slopes, n);
    }
    if (config->logit_scale != 1) {
        at_row_scale(d_logits, n, config->logit_scale);
    }
    return isfinite(total) && isfinite(mean);
}

static attrib_status run_tile(at_decoder *decoder, at_rows rows, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_model *model = decoder->model;
    size_t n = model->config.n_vocabulary;
    gather(decoder, rows);
    AT_TRY(expand(decoder, rows.n, err));
    for (size_t i = 0; i < rows.n; i++) {
        float *d_logits = decoder->tangents.logits + i * n;
        size_t i_sequence = decoder->counted_sequence[rows.first + i];
        AT_CHECK(curve_row(decoder, decoder->logits + i * n, d_logits), ATTRIB_ENUMERIC,
                 "document %zu: its product with the Gauss-Newton matrix is not finite",
                 decoder->batch->sequences[i_sequence].document);
        if (decoder->head_ds) {
            memcpy(decoder->head_ds + at_head_row(decoder, rows.first + i) * n, d_logits,
                   n * sizeof *d_logits);
        }
    }
    if (at_is_tracked_below(decoder, model->config.n_layers, 0)) {
        at_head_backward(decoder, decoder->tangents.logits, rows);
    }
done:
    return status;
}

attrib_status at_head_product(at_decoder *decoder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_head_clear(decoder);
    for (size_t i = 0; i < decoder->n_counted; i += AT_HEAD_TILE) {
        size_t left = decoder->n_counted - i;
        at_rows rows = {i, left < AT_HEAD_TILE ? left : AT_HEAD_TILE};
        AT_TRY(run_tile(decoder, rows, err));
    }
    if (decoder->head_ds) {
        AT_TRY(at_head_hand(decoder, err));
    }
done:
    return status;
}
