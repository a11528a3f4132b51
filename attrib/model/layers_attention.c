/* SPDX-License-Identifier: MIT */
/* The attention half of a layer.
 *
 *   1. Queries, keys and values: norms, clipping, positions
 *   2. The half, forward and backward
 *   3. Its tangents
 *
 * Sources: Vaswani et al. 2017 (arXiv:1706.03762), Ainslie et al. 2023
 * (arXiv:2305.13245). */
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* 1. Queries, keys and values */

/* Norms or clipping of one of queries, keys and values: raw [n, width] to out. */
static void shape_forward(const at_decoder *decoder,
                          const at_norm *norm,
                          const float *raw,
                          size_t n,
                          float *out)
{
    const at_config *config = &decoder->model->config;
    if (norm->gain) {
        at_norm_forward(config, norm, raw, n / norm->width, out, norm->width);
    } else {
        at_row_clip(raw, out, n, (float)config->qkv_clip);
    }
}

/* d becomes the gradient of raw. */
static void shape_backward(
    const at_decoder *decoder, const at_norm *norm, const float *raw, size_t n, float *d)
{
    const at_config *config = &decoder->model->config;
    if (norm->gain) {
        at_norm_backward(config, norm, raw, d, n / norm->width, 0.0f, d);
    } else {
        at_row_clip_backward(raw, d, n, (float)config->qkv_clip);
    }
}

/* d becomes the tangent of shaped values. */
static void shape_along(
    const at_decoder *decoder, const at_norm *norm, const float *raw, size_t n, float *d)
{
    const at_config *config = &decoder->model->config;
    if (norm->gain) {
        at_norm_along(config, norm, raw, d, n / norm->width, d, norm->width);
    } else {
        at_row_clip_backward(raw, d, n, (float)config->qkv_clip);
    }
}

/* The three maps, where they are not one. Where raw values are kept, q, k and v are made
 * from them. */
static void project_apart(at_decoder *decoder,
                          const at_layer *layer,
                          const at_activations *acts,
                          const float *a,
                          at_rows rows)
{
    static const at_norm none = {0};

    const struct {
        at_slot map;
        const at_norm *norm;
        float *raw, *out;
        size_t width;
    } parts[] = {
        {AT_MAP_Q, &layer->norms[AT_NORM_Q], acts->raw_q, acts->q, decoder->q_stride},
        {AT_MAP_K, &layer->norms[AT_NORM_K], acts->raw_k, acts->k, decoder->kv_stride},
        {AT_MAP_V, &none, acts->raw_v, acts->v, decoder->kv_stride},
    };

    for (size_t i = 0; i < 3; i++) {
        size_t width = parts[i].width;
        size_t offset = rows.first * width;
        float *made = parts[i].raw ? parts[i].raw : parts[i].out;
        at_linear_forward(&decoder->widener, &layer->maps[parts[i].map], a, rows.n, 0.0f,
                          made + offset, width);
        if (parts[i].raw) {
            shape_forward(decoder, parts[i].norm, made + offset, rows.n * width,
                          parts[i].out + offset);
        }
    }
}

static void project(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    const at_linear *fused = &layer->maps[AT_MAP_QKV];
    if (fused->out_dim) {
        at_linear_forward(&decoder->widener, fused,
                          decoder->normed + rows.first * fused->in_dim, rows.n, 0.0f,
                          acts->q + rows.first * decoder->q_stride, decoder->q_stride);
    } else {
        const float *a = decoder->normed + rows.first * layer->maps[AT_MAP_Q].in_dim;
        project_apart(decoder, layer, acts, a, rows);
    }
    at_rotary_turn(decoder, i_layer, acts->q, acts->k, rows, 1.0f);
}

/* d_q, d_k and d_v from those of turned and shaped ones. */
static void unshape(at_decoder *decoder, size_t i_layer)
{
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    size_t n = decoder->n_rows;
    at_rotary_turn(decoder, i_layer, decoder->d_q, decoder->d_k, (at_rows){0, n}, -1.0f);
    if (acts->raw_q) {
        shape_backward(decoder, &layer->norms[AT_NORM_Q], acts->raw_q,
                       n * decoder->q_stride, decoder->d_q);
        shape_backward(decoder, &layer->norms[AT_NORM_K], acts->raw_k,
                       n * decoder->kv_stride, decoder->d_k);
    }
    if (acts->raw_v) {
        at_row_clip_backward(acts->raw_v, decoder->d_v, n * decoder->kv_stride,
                             (float)decoder->model->config.qkv_clip);
    }
}

/* 2. The attention half of a layer */

/* The input width of the maps that read a layer's first norm. */
static size_t normed_stride(const at_layer *layer)
{
    bool is_fused = layer->maps[AT_MAP_QKV].out_dim > 0;
    return layer->maps[is_fused ? AT_MAP_QKV : AT_MAP_Q].in_dim;
}

/* What the maps that make q, k and v read. */
static void normalize_input(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    size_t stride = normed_stride(layer);
    at_norm_forward(config, &layer->norms[AT_NORM_BEFORE_ATTENTION],
                    decoder->layers[i_layer].input + rows.first * config->width, rows.n,
                    decoder->normed + rows.first * stride, stride);
}

/* q, k and v of some rows, from the norm of the input. */
static void project_input(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    normalize_input(decoder, i_layer, rows);
    project(decoder, i_layer, rows);
}

static void join(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    at_join_forward(decoder, &layer->maps[AT_MAP_O],
                    &layer->norms[AT_NORM_AFTER_ATTENTION], acts->attended,
                    at_stream_of(decoder, i_layer), rows, acts->attention_out,
                    acts->middle);
}

at_rows at_attention_forward(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    project_input(decoder, i_layer, rows);
    at_attend(decoder, i_layer, rows);
    if (at_gathers(decoder, i_layer)) {
        rows = at_gather(decoder, i_layer);
    }
    join(decoder, i_layer, rows);
    return rows;
}

/* q, k and v again, where other layers have taken their place. */
static void remake_projections(at_decoder *decoder, size_t i_layer)
{
    if (i_layer + 1 < decoder->kept.qkv_from) {
        project_input(decoder, i_layer, (at_rows){0, decoder->n_rows});
    }
}

/* Hand over the maps that make queries, keys and values, last first. */
static attrib_status hand_projections(at_decoder *decoder,
                                      size_t i_layer,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const float *a = decoder->normed;
    if (!at_is_tracked_at(decoder, i_layer, AT_STEP_QKV)) {
        return ATTRIB_OK;
    }
    normalize_input(decoder, i_layer, (at_rows){0, decoder->n_rows});
    if (layer->maps[AT_MAP_QKV].out_dim) {
        return at_hand(decoder, layer->i_module[AT_MAP_QKV], a, decoder->d_q, err);
    }
    AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_V], a, decoder->d_v, err));
    AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_K], a, decoder->d_k, err));
    AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_Q], a, decoder->d_q, err));
done:
    return status;
}

/* d_normed from d_q, d_k and d_v. */
static void project_backward(at_decoder *decoder, const at_layer *layer)
{
    size_t n = decoder->n_rows;
    float *d_normed = decoder->d_normed;
    if (layer->maps[AT_MAP_QKV].out_dim) {
        at_linear_backward(&decoder->widener, &layer->maps[AT_MAP_QKV], decoder->d_q,
                           decoder->q_stride, n, 0.0f, d_normed);
        return;
    }
    at_linear_backward(&decoder->widener, &layer->maps[AT_MAP_Q], decoder->d_q,
                       decoder->q_stride, n, 0.0f, d_normed);
    at_linear_backward(&decoder->widener, &layer->maps[AT_MAP_K], decoder->d_k,
                       decoder->kv_stride, n, 1.0f, d_normed);
    at_linear_backward(&decoder->widener, &layer->maps[AT_MAP_V], decoder->d_v,
                       decoder->kv_stride, n, 1.0f, d_normed);
}

attrib_status at_attention_backward(at_decoder *decoder,
                                    size_t i_layer,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    size_t n = decoder->n_all;
    const float *d_out = at_join_backward(decoder, &layer->norms[AT_NORM_AFTER_ATTENTION],
                                          acts->attention_out);
    AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_O], acts->attended, d_out, err));
    if (!at_is_tracked_below(decoder, i_layer, AT_STEP_O)) {
        return ATTRIB_OK;
    }
    at_linear_backward(&decoder->widener, &layer->maps[AT_MAP_O], d_out, config->width,
                       decoder->n_rows, 0.0f, decoder->d_attended);
    if (decoder->is_gathered) {
        at_spread(decoder);
    }
    remake_projections(decoder, i_layer);
    at_attend_backward(decoder, i_layer);
    unshape(decoder, i_layer);
    AT_TRY(hand_projections(decoder, i_layer, err));
    if (at_is_tracked_below(decoder, i_layer, AT_STEP_QKV)) {
        project_backward(decoder, layer);
        at_norm_backward(config, &layer->norms[AT_NORM_BEFORE_ATTENTION], acts->input,
                         decoder->d_normed, n, 1.0f, decoder->d_stream);
        if (config->is_parallel) {
            at_axpy(n * config->width, 1.0f, decoder->d_beside, decoder->d_stream);
        }
    }
done:
    return status;
}

/* 3. Its tangents */

/* Tangents of q, k and v from the tangent of the layer's input. */
static attrib_status project_along(at_decoder *decoder, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    const at_tangents *tangents = &decoder->tangents;
    size_t n = decoder->n_rows;
    const float *a = decoder->normed;
    const float *d_a = NULL;
    if (at_is_tracked_below(decoder, i_layer, AT_STEP_QKV)) {
        at_norm_along(config, &layer->norms[AT_NORM_BEFORE_ATTENTION], acts->input,
                      tangents->input, n, tangents->normed, normed_stride(layer));
        d_a = tangents->normed;
    }
    if (layer->maps[AT_MAP_QKV].out_dim) {
        AT_TRY(at_map_along(decoder, i_layer, AT_MAP_QKV, a, d_a, 0.0f, tangents->q,
                            decoder->q_stride, err));
    } else {
        AT_TRY(at_map_along(decoder, i_layer, AT_MAP_Q, a, d_a, 0.0f, tangents->q,
                            decoder->q_stride, err));
        AT_TRY(at_map_along(decoder, i_layer, AT_MAP_K, a, d_a, 0.0f, tangents->k,
                            decoder->kv_stride, err));
        AT_TRY(at_map_along(decoder, i_layer, AT_MAP_V, a, d_a, 0.0f, tangents->v,
                            decoder->kv_stride, err));
    }
    if (acts->raw_q) {
        shape_along(decoder, &layer->norms[AT_NORM_Q], acts->raw_q, n * decoder->q_stride,
                    tangents->q);
        shape_along(decoder, &layer->norms[AT_NORM_K], acts->raw_k,
                    n * decoder->kv_stride, tangents->k);
    }
    if (acts->raw_v) {
        at_row_clip_backward(acts->raw_v, tangents->v, n * decoder->kv_stride,
                             (float)config->qkv_clip);
    }
    at_rotary_turn(decoder, i_layer, tangents->q, tangents->k, (at_rows){0, n}, 1.0f);
done:
    return status;
}

attrib_status at_attention_along(at_decoder *decoder, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    const at_tangents *tangents = &decoder->tangents;
    at_rows rows = {0, decoder->n_rows};
    bool has_values = at_has_values(decoder);
    if (!at_is_tracked_below(decoder, i_layer, AT_STEP_UP)) {
        rows = has_values ? rows : at_attention_forward(decoder, i_layer, rows);
        memset(tangents->middle, 0,
               rows.n * decoder->model->config.width * sizeof(float));
        return ATTRIB_OK;
    }
    if (has_values) {
        normalize_input(decoder, i_layer, rows);
    } else {
        project_input(decoder, i_layer, rows);
    }
    AT_TRY(project_along(decoder, i_layer, err));
    at_attend_along(decoder, i_layer);
    if (at_gathers(decoder, i_layer)) {
        rows = at_gather(decoder, i_layer);
        at_gather_along(decoder, i_layer);
    }
    if (!has_values) {
        join(decoder, i_layer, rows);
    }
    AT_TRY(at_join_along(decoder, i_layer, AT_MAP_O,
                         &layer->norms[AT_NORM_AFTER_ATTENTION], acts->attended,
                         tangents->attended, acts->attention_out, tangents->input,
                         tangents->middle, err));
done:
    return status;
}
