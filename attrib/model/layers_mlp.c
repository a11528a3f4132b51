/* SPDX-License-Identifier: MIT */
/* The MLP half of a layer: down(silu(gate) up), or down(gelu(up)).
 *
 * Sources: Shazeer 2020 (arXiv:2002.05202), Hendrycks & Gimpel 2016 (arXiv:1606.08415).
 */
#include <string.h>

#include "model/layers.h"
#include "model/vector.h"

/* activated [n, in_dim of DOWN] from gate and up. */
static void activate(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_activations *acts = &decoder->layers[i_layer];
    size_t n = decoder->model->config.mlp_width;
    size_t stride = decoder->model->layers[i_layer].maps[AT_MAP_DOWN].in_dim;
    for (size_t t = rows.first; t < rows.first + rows.n; t++) {
        float *out_t = decoder->activated + t * stride;
        if (acts->gate) {
            at_row_silu_gated(acts->gate + t * n, acts->up + t * n, out_t, n);
        } else {
            at_row_gelu(acts->up + t * n, out_t, n);
        }
    }
    at_set_ones(decoder->activated + rows.first * stride, rows.n, n, stride);
}

/* gate and up become d_gate and d_up: this layer's backward is their last reader. */
static void activate_backward(at_decoder *decoder, const at_activations *acts)
{
    size_t n = decoder->model->config.mlp_width;
    for (size_t t = 0; t < decoder->n_rows; t++) {
        const float *d_out_t = decoder->d_activated + t * n;
        if (acts->gate) {
            at_row_silu_gated_backward(acts->gate + t * n, acts->up + t * n, d_out_t, n);
        } else {
            at_row_gelu_backward(acts->up + t * n, d_out_t, n);
        }
    }
}

void at_mlp_forward(at_decoder *decoder, size_t i_layer, at_rows rows, float *out)
{
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    const at_linear *up = &layer->maps[AT_MAP_UP];
    const at_linear *down = &layer->maps[AT_MAP_DOWN];
    size_t offset = rows.first * config->width;
    size_t mlp_offset = rows.first * config->mlp_width;
    float *a = decoder->normed + rows.first * up->in_dim;
    at_norm_forward(config, &layer->norm_mlp, acts->middle + offset, rows.n, a,
                    up->in_dim);
    if (acts->gate) {
        at_linear_forward(&layer->maps[AT_MAP_GATE], a, rows.n, 0.0f,
                          acts->gate + mlp_offset, config->mlp_width);
    }
    at_linear_forward(up, a, rows.n, 0.0f, acts->up + mlp_offset, config->mlp_width);
    activate(decoder, i_layer, rows);
    memcpy(out + offset, acts->middle + offset, rows.n * config->width * sizeof(float));
    at_linear_forward(down, decoder->activated + rows.first * down->in_dim, rows.n, 1.0f,
                      out + offset, config->width);
}

/* Hand over the maps that read the norm, last first. */
static attrib_status hand_inner(at_decoder *decoder, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    if (!at_is_tracked_at(decoder, i_layer, AT_STEP_UP)) {
        return ATTRIB_OK;
    }
    at_norm_forward(&decoder->model->config, &layer->norm_mlp, acts->middle,
                    decoder->n_rows, decoder->normed, layer->maps[AT_MAP_UP].in_dim);
    AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_UP], decoder->normed, acts->up, err));
    if (acts->gate) {
        AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_GATE], decoder->normed, acts->gate,
                       err));
    }
done:
    return status;
}

attrib_status at_mlp_backward(at_decoder *decoder, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    size_t n = decoder->n_rows;
    if (at_is_tracked_at(decoder, i_layer, AT_STEP_DOWN)) {
        activate(decoder, i_layer, (at_rows){0, n});
        AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_DOWN], decoder->activated,
                       decoder->d_stream, err));
    }
    if (!at_is_tracked_below(decoder, i_layer, AT_STEP_DOWN)) {
        return ATTRIB_OK;
    }
    at_linear_backward(&layer->maps[AT_MAP_DOWN], decoder->d_stream, config->width, n,
                       0.0f, decoder->d_activated);
    activate_backward(decoder, acts);
    AT_TRY(hand_inner(decoder, i_layer, err));
    if (!at_is_tracked_below(decoder, i_layer, AT_STEP_UP)) {
        return ATTRIB_OK;
    }
    at_linear_backward(&layer->maps[AT_MAP_UP], acts->up, config->mlp_width, n, 0.0f,
                       decoder->d_normed);
    if (acts->gate) {
        at_linear_backward(&layer->maps[AT_MAP_GATE], acts->gate, config->mlp_width, n,
                           1.0f, decoder->d_normed);
    }
    at_norm_backward(config, &layer->norm_mlp, acts->middle, decoder->d_normed, n,
                     decoder->d_stream);
done:
    return status;
}
