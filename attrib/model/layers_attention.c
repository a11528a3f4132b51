/* SPDX-License-Identifier: MIT */
/* Causal self-attention with rotary or learned positions and shared key heads.
 *
 *   1. Rotary positions
 *   2. One tile of queries: softmax(q k' / sqrt(head_dim)) v and its gradient
 *   3. The attention half of a layer
 *
 * Sources: Vaswani et al. 2017 (arXiv:1706.03762), Su et al. 2021 (arXiv:2104.09864),
 * Ainslie et al. 2023 (arXiv:2305.13245). */
#include <math.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* 1. Rotary positions */

void at_rotary_fill(at_decoder *decoder)
{
    const at_config *config = &decoder->model->config;
    size_t half = config->head_dim / 2;
    for (size_t t = 0; t < decoder->longest; t++) {
        for (size_t i = 0; i < half; i++) {
            double share = (double)(2 * i) / (double)config->head_dim;
            double angle = (double)t * pow(config->rope_theta, -share);
            decoder->cosines[t * half + i] = (float)cos(angle);
            decoder->sines[t * half + i] = (float)sin(angle);
        }
    }
}

/* Turn the pair (x[i], x[i + half]) of each head by its angle, or back by sign -1. */
static void turn_rows(const at_decoder *decoder,
                      float *x,
                      size_t stride,
                      size_t n_heads,
                      at_rows rows,
                      float sign)
{
    size_t half = decoder->model->config.head_dim / 2;
    for (size_t t = rows.first; t < rows.first + rows.n; t++) {
        const float *cosines = decoder->cosines + decoder->positions[t] * half;
        const float *sines = decoder->sines + decoder->positions[t] * half;
        for (size_t head = 0; head < n_heads; head++) {
            float *x_th = x + t * stride + head * 2 * half;
            for (size_t i = 0; i < half; i++) {
                float first = x_th[i];
                float second = x_th[i + half];
                float sine = sign * sines[i];
                x_th[i] = first * cosines[i] - second * sine;
                x_th[i + half] = second * cosines[i] + first * sine;
            }
        }
    }
}

static void turn(const at_decoder *decoder, float *q, float *k, at_rows rows, float sign)
{
    const at_config *config = &decoder->model->config;
    if (config->architecture->position == AT_POSITION_ROTARY) {
        turn_rows(decoder, q, decoder->q_stride, config->n_heads, rows, sign);
        turn_rows(decoder, k, decoder->kv_stride, config->n_kv_heads, rows, sign);
    }
}

/* 2. One tile of queries */

/* Queries [begin, end) of the sequence that begins at first_row, in one head. */
typedef struct tile {
    size_t first_row, begin, end;
    size_t head;
    size_t q_offset, kv_offset; /* of the first row and the head, in q and in k and v */
} tile;

static tile make_tile(
    const at_decoder *decoder, size_t first_row, size_t begin, size_t end, size_t head)
{
    const at_config *config = &decoder->model->config;
    size_t kv_head = head / (config->n_heads / config->n_kv_heads);
    return (tile){
        .first_row = first_row,
        .begin = begin,
        .end = end,
        .head = head,
        .q_offset = (first_row + begin) * decoder->q_stride + head * config->head_dim,
        .kv_offset = first_row * decoder->kv_stride + kv_head * config->head_dim};
}

/* scores [end - begin, end] = q k' / sqrt(head_dim) */
static void score_tile(at_decoder *decoder, const at_activations *acts, const tile *at)
{
    size_t head_dim = decoder->model->config.head_dim;
    at_gemm(AT_PLAIN, AT_TRANSPOSED, at->end - at->begin, at->end, head_dim,
            1.0f / sqrtf((float)head_dim), acts->q + at->q_offset, decoder->q_stride,
            acts->k + at->kv_offset, decoder->kv_stride, 0.0f, decoder->scores, at->end);
}

/* Softmax over the keys up to each query; keys behind it get 0. Its maximum and sum are
 * kept, or, going backward, used again. */
static void normalize_tile(at_decoder *decoder,
                           const at_activations *acts,
                           const tile *at,
                           bool is_again)
{
    size_t n_heads = decoder->model->config.n_heads;
    for (size_t t = at->begin; t < at->end; t++) {
        float *row = decoder->scores + (t - at->begin) * at->end;
        size_t place = (at->first_row + t) * n_heads + at->head;
        size_t n = t + 1;
        if (is_again) {
            at_row_exp_scaled(row, n, acts->score_max[place], acts->score_norm[place]);
        } else {
            float max = at_row_max(row, n);
            float norm = (float)(1 / at_row_exp(row, n, max));
            at_row_scale(row, n, norm);
            acts->score_max[place] = max;
            acts->score_norm[place] = norm;
        }
        memset(row + n, 0, (at->end - n) * sizeof *row);
    }
}

/* attended = softmax(q k' / sqrt(head_dim)) v */
static void attend_tile(at_decoder *decoder,
                        const at_activations *acts,
                        const tile *at,
                        size_t out_stride)
{
    size_t head_dim = decoder->model->config.head_dim;
    score_tile(decoder, acts, at);
    normalize_tile(decoder, acts, at, false);
    at_gemm(AT_PLAIN, AT_PLAIN, at->end - at->begin, head_dim, at->end, 1.0f,
            decoder->scores, at->end, acts->v + at->kv_offset, decoder->kv_stride, 0.0f,
            acts->attended + (at->first_row + at->begin) * out_stride +
                at->head * head_dim,
            out_stride);
}

/* With P the softmax and d_o the gradient of its output:
 *
 *     d_P = d_o v',  d_S = P (d_P - sum_keys P d_P),
 *     d_q = d_S k / sqrt(head_dim),  d_k += d_S' q / sqrt(head_dim),  d_v += P' d_o
 */
static void attend_tile_backward(at_decoder *decoder,
                                 const at_activations *acts,
                                 const tile *at)
{
    const at_config *config = &decoder->model->config;
    size_t head_dim = config->head_dim;
    size_t n = at->end - at->begin;
    size_t width = config->n_heads * head_dim;
    float scale = 1.0f / sqrtf((float)head_dim);
    const float *d_out =
        decoder->d_attended + (at->first_row + at->begin) * width + at->head * head_dim;
    float *p = decoder->scores;
    float *d_p = decoder->d_scores;
    score_tile(decoder, acts, at);
    normalize_tile(decoder, acts, at, true);
    at_gemm(AT_PLAIN, AT_TRANSPOSED, n, at->end, head_dim, 1.0f, d_out, width,
            acts->v + at->kv_offset, decoder->kv_stride, 0.0f, d_p, at->end);
    at_gemm(AT_TRANSPOSED, AT_PLAIN, at->end, head_dim, n, 1.0f, p, at->end, d_out, width,
            1.0f, decoder->d_v + at->kv_offset, decoder->kv_stride);
    for (size_t i = 0; i < n; i++) {
        const float *p_t = p + i * at->end;
        float *d_p_t = d_p + i * at->end;
        at_row_softmax_backward(p_t, at_dot(p_t, d_p_t, at->end), d_p_t, at->end);
    }
    at_gemm(AT_PLAIN, AT_PLAIN, n, head_dim, at->end, scale, d_p, at->end,
            acts->k + at->kv_offset, decoder->kv_stride, 0.0f,
            decoder->d_q + at->q_offset, decoder->q_stride);
    at_gemm(AT_TRANSPOSED, AT_PLAIN, at->end, head_dim, n, scale, d_p, at->end,
            acts->q + at->q_offset, decoder->q_stride, 1.0f, decoder->d_k + at->kv_offset,
            decoder->kv_stride);
}

/* 3. The attention half of a layer */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Attention of the rows in each sequence that they reach into. */
static void attend(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_config *config = &decoder->model->config;
    const at_activations *acts = &decoder->layers[i_layer];
    size_t out_stride = decoder->model->layers[i_layer].maps[AT_MAP_O].in_dim;
    const size_t *first_row = decoder->batch->first_row;
    for (size_t i = 0; i < decoder->batch->n_sequences; i++) {
        size_t start = first_row[i];
        size_t from = rows.first > start ? rows.first - start : 0;
        size_t to = smaller(rows.first + rows.n, first_row[i + 1]);
        for (size_t head = 0; head < config->n_heads; head++) {
            for (size_t t = from; start + t < to; t += AT_QUERY_TILE) {
                size_t end = smaller(t + AT_QUERY_TILE, to - start);
                tile at = make_tile(decoder, start, t, end, head);
                attend_tile(decoder, acts, &at, out_stride);
            }
        }
    }
    at_set_ones(acts->attended + rows.first * out_stride, rows.n,
                config->n_heads * config->head_dim, out_stride);
}

static void project(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    bool is_fused = layer->maps[AT_MAP_QKV].out_dim > 0;
    const at_linear *q = &layer->maps[is_fused ? AT_MAP_QKV : AT_MAP_Q];
    const float *a = decoder->normed + rows.first * q->in_dim;
    float *k = acts->k + rows.first * decoder->kv_stride;
    float *v = acts->v + rows.first * decoder->kv_stride;
    at_linear_forward(q, a, rows.n, 0.0f, acts->q + rows.first * decoder->q_stride,
                      decoder->q_stride);
    if (!is_fused) {
        at_linear_forward(&layer->maps[AT_MAP_K], a, rows.n, 0.0f, k, decoder->kv_stride);
        at_linear_forward(&layer->maps[AT_MAP_V], a, rows.n, 0.0f, v, decoder->kv_stride);
    }
    turn(decoder, acts->q, acts->k, rows, 1.0f);
}

/* The input width of the maps that read a layer's first norm, and of those of its second.
 */
static size_t normed_stride(const at_layer *layer)
{
    bool is_fused = layer->maps[AT_MAP_QKV].out_dim > 0;
    return layer->maps[is_fused ? AT_MAP_QKV : AT_MAP_Q].in_dim;
}

void at_attention_forward(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    const at_linear *o = &layer->maps[AT_MAP_O];
    size_t stride = normed_stride(layer);
    size_t offset = rows.first * config->width;
    at_norm_forward(config, &layer->norm_attention, acts->input + offset, rows.n,
                    decoder->normed + rows.first * stride, stride);
    project(decoder, i_layer, rows);
    attend(decoder, i_layer, rows);
    memcpy(acts->middle + offset, acts->input + offset,
           rows.n * config->width * sizeof(float));
    at_linear_forward(o, acts->attended + rows.first * o->in_dim, rows.n, 1.0f,
                      acts->middle + offset, config->width);
}

static void attend_backward(at_decoder *decoder, const at_activations *acts)
{
    const at_config *config = &decoder->model->config;
    const at_batch *batch = decoder->batch;
    for (size_t t = 0; t < decoder->n_rows; t++) {
        size_t n_bytes = config->n_kv_heads * config->head_dim * sizeof(float);
        memset(decoder->d_k + t * decoder->kv_stride, 0, n_bytes);
        memset(decoder->d_v + t * decoder->kv_stride, 0, n_bytes);
    }
    for (size_t i = 0; i < batch->n_sequences; i++) {
        size_t start = batch->first_row[i];
        size_t n = batch->first_row[i + 1] - start;
        for (size_t head = 0; head < config->n_heads; head++) {
            for (size_t t = 0; t < n; t += AT_QUERY_TILE) {
                tile at =
                    make_tile(decoder, start, t, smaller(t + AT_QUERY_TILE, n), head);
                attend_tile_backward(decoder, acts, &at);
            }
        }
    }
    turn(decoder, decoder->d_q, decoder->d_k, (at_rows){0, decoder->n_rows}, -1.0f);
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
    at_norm_forward(&decoder->model->config, &layer->norm_attention,
                    decoder->layers[i_layer].input, decoder->n_rows, decoder->normed,
                    normed_stride(layer));
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
        at_linear_backward(&layer->maps[AT_MAP_QKV], decoder->d_q, decoder->q_stride, n,
                           0.0f, d_normed);
        return;
    }
    at_linear_backward(&layer->maps[AT_MAP_Q], decoder->d_q, decoder->q_stride, n, 0.0f,
                       d_normed);
    at_linear_backward(&layer->maps[AT_MAP_K], decoder->d_k, decoder->kv_stride, n, 1.0f,
                       d_normed);
    at_linear_backward(&layer->maps[AT_MAP_V], decoder->d_v, decoder->kv_stride, n, 1.0f,
                       d_normed);
}

attrib_status at_attention_backward(at_decoder *decoder,
                                    size_t i_layer,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_activations *acts = &decoder->layers[i_layer];
    AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_O], acts->attended, decoder->d_stream,
                   err));
    if (!at_is_tracked_below(decoder, i_layer, AT_STEP_O)) {
        return ATTRIB_OK;
    }
    at_linear_backward(&layer->maps[AT_MAP_O], decoder->d_stream, config->width,
                       decoder->n_rows, 0.0f, decoder->d_attended);
    attend_backward(decoder, acts);
    AT_TRY(hand_projections(decoder, i_layer, err));
    if (at_is_tracked_below(decoder, i_layer, AT_STEP_QKV)) {
        project_backward(decoder, layer);
        at_norm_backward(config, &layer->norm_attention, acts->input, decoder->d_normed,
                         decoder->n_rows, decoder->d_stream);
    }
done:
    return status;
}
