/* SPDX-License-Identifier: MIT */
/* The MLP half of a layer: down(f(gate) up), or down(f(up)); its gradient and its
 * tangent.
 *
 * Sources: Shazeer 2020 (arXiv:2002.05202), Hendrycks & Gimpel 2016 (arXiv:1606.08415).
 */
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* One row of `activated` from gate and up. */
static void activate_row(
    at_activation activation, const float *gate, const float *up, float *out, size_t n)
{
    switch (activation) {
    case AT_ACTIVATION_SILU:
        at_row_silu_gated(gate, up, out, n);
        break;
    case AT_ACTIVATION_GELU_TANH:
        if (gate) {
            at_row_gelu_tanh_gated(gate, up, out, n);
        } else {
            at_row_gelu_tanh(up, out, n);
        }
        break;
    case AT_ACTIVATION_GELU:
        at_row_gelu(up, out, n);
        break;
    }
}

/* gate and up become d_gate and d_up. */
static void activate_row_backward(
    at_activation activation, float *gate, float *up, const float *d_out, size_t n)
{
    switch (activation) {
    case AT_ACTIVATION_SILU:
        at_row_silu_gated_backward(gate, up, d_out, n);
        break;
    case AT_ACTIVATION_GELU_TANH:
        if (gate) {
            at_row_gelu_tanh_gated_backward(gate, up, d_out, n);
        } else {
            at_row_gelu_tanh_backward(up, d_out, n);
        }
        break;
    case AT_ACTIVATION_GELU:
        at_row_gelu_backward(up, d_out, n);
        break;
    }
}

/* Gate and up of all rows; gate may be NULL. */
typedef struct at_inner {
    float *gate, *up;
} at_inner;

static float *gate_of(const at_decoder *decoder, const at_activations *acts, size_t t)
{
    return acts->gate ? acts->gate + t * decoder->mlp_stride : NULL;
}

/* A row of gate and up. */
static void copy_inner(const at_decoder *decoder,
                       const at_activations *acts,
                       size_t t,
                       float *gate,
                       float *up)
{
    size_t n_bytes = decoder->model->config.mlp_width * sizeof *up;
    if (gate) {
        memcpy(gate, gate_of(decoder, acts, t), n_bytes);
    }
    memcpy(up, acts->up + t * decoder->mlp_stride, n_bytes);
}

/* activated [n, in_dim of DOWN] from gate and up. */
static void activate(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_config *config = &decoder->model->config;
    const at_activations *acts = &decoder->layers[i_layer];
    size_t n = config->mlp_width;
    size_t stride = decoder->model->layers[i_layer].maps[AT_MAP_DOWN].in_dim;
    for (size_t t = rows.first; t < rows.first + rows.n; t++) {
        activate_row(config->activation, gate_of(decoder, acts, t),
                     acts->up + t * decoder->mlp_stride, decoder->activated + t * stride,
                     n);
    }
    at_set_ones(decoder->activated + rows.first * stride, rows.n, n, stride);
}

/* Where d_gate and d_up of a layer stand: in the place of gate and up, whose last reader
 * its backward is, or, where other directions follow, in that of their tangents. */
static at_inner gradients_of(const at_decoder *decoder, const at_activations *acts)
{
    const at_tangents *tangents = &decoder->tangents;
    return at_has_values(decoder) ? (at_inner){tangents->gate, tangents->up}
                                  : (at_inner){acts->gate, acts->up};
}

/* d_gate and d_up. */
static void activate_backward(at_decoder *decoder, const at_activations *acts)
{
    const at_config *config = &decoder->model->config;
    size_t n = config->mlp_width;
    size_t stride = decoder->mlp_stride;
    at_inner d = gradients_of(decoder, acts);
    for (size_t t = 0; t < decoder->n_rows; t++) {
        float *gate = d.gate ? d.gate + t * stride : NULL;
        float *up = d.up + t * stride;
        if (at_has_values(decoder)) {
            copy_inner(decoder, acts, t, gate, up);
        }
        activate_row_backward(config->activation, gate, up, decoder->d_activated + t * n,
                              n);
    }
}

/* The norm before the MLP, and what it reads: parallel halves may share theirs. */
static const at_norm *norm_of(const at_decoder *decoder, const at_layer *layer)
{
    const at_norm *own = &layer->norms[AT_NORM_BEFORE_MLP];
    bool is_shared = decoder->model->config.is_parallel && !own->gain;
    return is_shared ? &layer->norms[AT_NORM_BEFORE_ATTENTION] : own;
}

static const float *input_of(const at_decoder *decoder, size_t i_layer)
{
    return decoder->model->config.is_parallel ? at_stream_of(decoder, i_layer)
                                              : decoder->layers[i_layer].middle;
}

/* The first of the maps that read the norm: all have its input width. */
static at_slot first_map(const at_layer *layer)
{
    return layer->maps[AT_MAP_GATE_UP].out_dim ? AT_MAP_GATE_UP : AT_MAP_UP;
}

/* What gate and up read. */
static void normalize(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    size_t in_dim = layer->maps[first_map(layer)].in_dim;
    at_norm_forward(config, norm_of(decoder, layer),
                    input_of(decoder, i_layer) + rows.first * config->width, rows.n,
                    decoder->normed + rows.first * in_dim, in_dim);
}

/* Gate and up from what the norm reads. */
static void expand(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    size_t stride = decoder->mlp_stride;
    size_t offset = rows.first * stride;
    at_slot first = first_map(layer);
    const at_linear *map = &layer->maps[first];
    const float *a = decoder->normed + rows.first * map->in_dim;
    normalize(decoder, i_layer, rows);
    if (layer->maps[AT_MAP_GATE].out_dim) {
        at_linear_forward(&decoder->widener, &layer->maps[AT_MAP_GATE], a, rows.n, 0.0f,
                          acts->gate + offset, stride);
    }
    at_linear_forward(&decoder->widener, map, a, rows.n, 0.0f,
                      (first == AT_MAP_UP ? acts->up : acts->gate) + offset, stride);
}

static void join(at_decoder *decoder, size_t i_layer, at_rows rows, float *out)
{
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    at_join_forward(decoder, &layer->maps[AT_MAP_DOWN], &layer->norms[AT_NORM_AFTER_MLP],
                    decoder->activated, acts->middle, rows, acts->mlp_out, out);
}

void at_mlp_forward(at_decoder *decoder, size_t i_layer, at_rows rows, float *out)
{
    expand(decoder, i_layer, rows);
    activate(decoder, i_layer, rows);
    join(decoder, i_layer, rows, out);
}

/* Hand over the maps that read the norm, last first. */
static attrib_status hand_inner(at_decoder *decoder, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_layer *layer = &decoder->model->layers[i_layer];
    at_inner d = gradients_of(decoder, &decoder->layers[i_layer]);
    const float *a = decoder->normed;
    if (!at_is_tracked_at(decoder, i_layer, AT_STEP_UP)) {
        return ATTRIB_OK;
    }
    normalize(decoder, i_layer, (at_rows){0, decoder->n_rows});
    if (layer->maps[AT_MAP_GATE_UP].out_dim) {
        return at_hand(decoder, layer->i_module[AT_MAP_GATE_UP], a, d.gate, err);
    }
    AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_UP], a, d.up, err));
    if (d.gate) {
        AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_GATE], a, d.gate, err));
    }
done:
    return status;
}

/* d_normed from d_gate and d_up, then through the norm: to d_stream, or to d_beside where
 * attention still needs d_stream. */
static void inner_backward(at_decoder *decoder, size_t i_layer)
{
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    at_inner d = gradients_of(decoder, &decoder->layers[i_layer]);
    size_t n = decoder->n_rows;
    size_t stride = decoder->mlp_stride;
    at_slot first = first_map(layer);
    float *d_x = config->is_parallel ? decoder->d_beside : decoder->d_stream;
    at_linear_backward(&decoder->widener, &layer->maps[first],
                       first == AT_MAP_UP ? d.up : d.gate, stride, n, 0.0f,
                       decoder->d_normed);
    if (layer->maps[AT_MAP_GATE].out_dim) {
        at_linear_backward(&decoder->widener, &layer->maps[AT_MAP_GATE], d.gate, stride,
                           n, 1.0f, decoder->d_normed);
    }
    if (config->is_parallel) {
        memset(d_x, 0, n * config->width * sizeof *d_x);
    }
    at_norm_backward(config, norm_of(decoder, layer), input_of(decoder, i_layer),
                     decoder->d_normed, n, 1.0f, d_x);
}

attrib_status at_mlp_backward(at_decoder *decoder, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    size_t n = decoder->n_rows;
    const float *d_out =
        at_join_backward(decoder, &layer->norms[AT_NORM_AFTER_MLP], acts->mlp_out);
    if (i_layer + 1 < decoder->kept.mlp_from) { /* others have taken their place */
        expand(decoder, i_layer, (at_rows){0, n});
    }
    if (at_is_tracked_at(decoder, i_layer, AT_STEP_DOWN)) {
        activate(decoder, i_layer, (at_rows){0, n});
        AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_DOWN], decoder->activated, d_out,
                       err));
    }
    if (!at_is_tracked_below(decoder, i_layer, AT_STEP_DOWN)) {
        return ATTRIB_OK;
    }
    at_linear_backward(&decoder->widener, &layer->maps[AT_MAP_DOWN], d_out, config->width,
                       n, 0.0f, decoder->d_activated);
    activate_backward(decoder, acts);
    AT_TRY(hand_inner(decoder, i_layer, err));
    if (at_is_tracked_below(decoder, i_layer, AT_STEP_UP)) {
        inner_backward(decoder, i_layer);
    }
done:
    return status;
}

/* Tangents of gate and up, from that of what the norm reads. */
static attrib_status expand_along(at_decoder *decoder, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_tangents *tangents = &decoder->tangents;
    at_slot first = first_map(layer);
    const float *a = decoder->normed;
    const float *d_a = NULL;
    if (at_is_tracked_below(decoder, i_layer, AT_STEP_UP)) {
        at_norm_along(config, norm_of(decoder, layer), input_of(decoder, i_layer),
                      config->is_parallel ? tangents->input : tangents->middle,
                      decoder->n_rows, tangents->normed, layer->maps[first].in_dim);
        d_a = tangents->normed;
    }
    if (layer->maps[AT_MAP_GATE].out_dim) {
        AT_TRY(at_map_along(decoder, i_layer, AT_MAP_GATE, a, d_a, 0.0f, tangents->gate,
                            decoder->mlp_stride, err));
    }
    AT_TRY(at_map_along(decoder, i_layer, first, a, d_a, 0.0f,
                        first == AT_MAP_UP ? tangents->up : tangents->gate,
                        decoder->mlp_stride, err));
done:
    return status;
}

/* The tangent of `activated`: that of gate times f'(gate) up, and of up times f(gate).
 * These are the gradients of a 1 and take the place of gate and up, or of their copy
 * where these are read again. */
static void activate_along(at_decoder *decoder, size_t i_layer)
{
    const at_config *config = &decoder->model->config;
    const at_activations *acts = &decoder->layers[i_layer];
    const at_tangents *tangents = &decoder->tangents;
    size_t n = config->mlp_width;
    size_t stride = decoder->model->layers[i_layer].maps[AT_MAP_DOWN].in_dim;
    for (size_t t = 0; t < decoder->n_rows; t++) {
        size_t offset = t * decoder->mlp_stride;
        float *gate = gate_of(decoder, acts, t);
        float *up = acts->up + offset;
        float *out = tangents->activated + t * stride;
        if (at_has_values(decoder)) {
            gate = gate ? tangents->inner + n : NULL;
            up = tangents->inner;
            copy_inner(decoder, acts, t, gate, up);
        }
        activate_row_backward(config->activation, gate, up, tangents->ones, n);
        at_row_multiply(up, tangents->up + offset, n);
        memcpy(out, up, n * sizeof *out);
        if (gate) {
            at_row_multiply(gate, tangents->gate + offset, n);
            at_axpy(n, 1.0f, gate, out);
        }
    }
}

attrib_status at_mlp_along(at_decoder *decoder,
                           size_t i_layer,
                           float *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_tangents *tangents = &decoder->tangents;
    at_rows all = {0, decoder->n_rows};
    bool has_values = at_has_values(decoder);
    if (!at_is_tracked_below(decoder, i_layer + 1, 0)) {
        if (!has_values) {
            at_mlp_forward(decoder, i_layer, all, out);
        }
        memset(tangents->input, 0, all.n * decoder->model->config.width * sizeof(float));
        return ATTRIB_OK;
    }
    (has_values ? normalize : expand)(decoder, i_layer, all);
    AT_TRY(expand_along(decoder, i_layer, err));
    activate(decoder, i_layer, all);
    if (at_is_tracked_below(decoder, i_layer, AT_STEP_DOWN)) {
        activate_along(decoder, i_layer);
    }
    if (!has_values) {
        join(decoder, i_layer, all, out);
    }
    AT_TRY(at_join_along(
        decoder, i_layer, AT_MAP_DOWN, &layer->norms[AT_NORM_AFTER_MLP],
        decoder->activated,
        at_is_tracked_below(decoder, i_layer, AT_STEP_DOWN) ? tangents->activated : NULL,
        decoder->layers[i_layer].mlp_out, tangents->middle, tangents->input, err));
done:
    return status;
}
