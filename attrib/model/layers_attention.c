/* SPDX-License-Identifier: MIT */
/* Causal self-attention with shared key heads, within a window or without.
 *
 *   1. One tile of queries: softmax(scale q k') v and its gradient
 *   2. Queries, keys and values: norms, clipping, positions
 *   3. The attention half of a layer
 *
 * Sources: Vaswani et al. 2017 (arXiv:1706.03762), Ainslie et al. 2023
 * (arXiv:2305.13245), Beltagy et al. 2020 (windows, arXiv:2004.05150), Gemma Team 2024
 * (caps, arXiv:2408.00118). */
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* 1. One tile of queries */

/* Queries [begin, end) of the sequence that begins at first_row, in one head, and the
 * keys [first_key, end) that any of them sees. */
typedef struct tile {
    size_t first_row, begin, end;
    size_t first_key, window; /* window: keys that a query sees at most */
    size_t n_keys;            /* end - first_key, the row stride of scores */
    size_t head;
    size_t q_offset,
        kv_offset; /* of the first query in q, and of the first key in k, v */
} tile;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The first key that query t sees. */
static size_t first_seen(size_t t, size_t window)
{
    return t + 1 > window ? t + 1 - window : 0;
}

static tile make_tile(const at_decoder *decoder,
                      size_t i_layer,
                      size_t first_row,
                      at_rows queries,
                      size_t head)
{
    const at_config *config = &decoder->model->config;
    size_t kv_head = head / (config->n_heads / config->n_kv_heads);
    size_t window = at_config_window(config, i_layer);
    tile at = {.first_row = first_row,
               .begin = queries.first,
               .end = queries.first + queries.n,
               .window = window ? window : SIZE_MAX,
               .head = head};
    at.first_key = first_seen(at.begin, at.window);
    at.n_keys = at.end - at.first_key;
    at.q_offset =
        (first_row + at.begin) * decoder->q_stride + head * decoder->head_stride;
    at.kv_offset =
        (first_row + at.first_key) * decoder->kv_stride + kv_head * decoder->head_stride;
    return at;
}

/* scores [end - begin, n_keys] = scale q k', capped where the model caps them. slopes, of
 * the same shape, are the cap's derivatives; NULL where they are not wanted. */
static void score_tile(at_decoder *decoder,
                       const at_activations *acts,
                       const tile *at,
                       float *slopes)
{
    const at_config *config = &decoder->model->config;
    size_t n = at->end - at->begin;
    at_gemm(AT_PLAIN, AT_TRANSPOSED, n, at->n_keys, config->head_dim,
            config->attention_scale, acts->q + at->q_offset, decoder->q_stride,
            acts->k + at->kv_offset, decoder->kv_stride, 0.0f, decoder->scores,
            at->n_keys);
    if (config->attention_cap > 0) {
        at_row_cap(decoder->scores, slopes, n * at->n_keys, (float)config->attention_cap);
    }
}

/* Softmax over the keys that each query sees; others get 0. Its maximum and sum are kept,
 * or, going backward, used again. */
static void normalize_tile(at_decoder *decoder,
                           const at_activations *acts,
                           const tile *at,
                           bool is_again)
{
    size_t n_heads = decoder->model->config.n_heads;
    for (size_t t = at->begin; t < at->end; t++) {
        float *all = decoder->scores + (t - at->begin) * at->n_keys;
        size_t place = (at->first_row + t) * n_heads + at->head;
        size_t n_before = first_seen(t, at->window) - at->first_key;
        size_t n = t + 1 - at->first_key - n_before;
        float *row = all + n_before;
        if (is_again) {
            at_row_exp_scaled(row, n, acts->score_max[place], acts->score_norm[place]);
        } else {
            float max = at_row_max(row, n);
            float norm = (float)(1 / at_row_exp(row, n, max));
            at_row_scale(row, n, norm);
            acts->score_max[place] = max;
            acts->score_norm[place] = norm;
        }
        memset(all, 0, n_before * sizeof *row);
        memset(row + n, 0, (at->end - t - 1) * sizeof *row);
    }
}

/* attended = softmax(scale q k') v */
static void attend_tile(at_decoder *decoder,
                        const at_activations *acts,
                        const tile *at,
                        size_t out_stride)
{
    size_t head_dim = decoder->model->config.head_dim;
    score_tile(decoder, acts, at, NULL);
    normalize_tile(decoder, acts, at, false);
    at_gemm(
        AT_PLAIN, AT_PLAIN, at->end - at->begin, head_dim, at->n_keys, 1.0f,
        decoder->scores, at->n_keys, acts->v + at->kv_offset, decoder->kv_stride, 0.0f,
        acts->attended + (at->first_row + at->begin) * out_stride + at->head * head_dim,
        out_stride);
}

/* With P the softmax and d_o the gradient of its output:
 *
 *     d_P = d_o v',  d_S = P (d_P - sum_keys P d_P) (times the cap's slope),
 *     d_q = scale d_S k,  d_k += scale d_S' q,  d_v += P' d_o
 */
static void attend_tile_backward(at_decoder *decoder,
                                 const at_activations *acts,
                                 const tile *at)
{
    const at_config *config = &decoder->model->config;
    size_t head_dim = config->head_dim;
    size_t n = at->end - at->begin;
    size_t n_keys = at->n_keys;
    size_t width = config->n_heads * head_dim;
    const float *d_out =
        decoder->d_attended + (at->first_row + at->begin) * width + at->head * head_dim;
    float *p = decoder->scores;
    float *d_p = decoder->d_scores;
    score_tile(decoder, acts, at, decoder->score_slopes);
    normalize_tile(decoder, acts, at, true);
    at_gemm(AT_PLAIN, AT_TRANSPOSED, n, n_keys, head_dim, 1.0f, d_out, width,
            acts->v + at->kv_offset, decoder->kv_stride, 0.0f, d_p, n_keys);
    at_gemm(AT_TRANSPOSED, AT_PLAIN, n_keys, head_dim, n, 1.0f, p, n_keys, d_out, width,
            1.0f, decoder->d_v + at->kv_offset, decoder->kv_stride);
    for (size_t i = 0; i < n; i++) {
        const float *p_t = p + i * n_keys;
        float *d_p_t = d_p + i * n_keys;
        at_row_softmax_backward(p_t, at_dot(p_t, d_p_t, n_keys), d_p_t, n_keys);
    }
    if (decoder->score_slopes) {
        at_row_multiply(d_p, decoder->score_slopes, n * n_keys);
    }
    at_gemm(AT_PLAIN, AT_PLAIN, n, head_dim, n_keys, config->attention_scale, d_p, n_keys,
            acts->k + at->kv_offset, decoder->kv_stride, 0.0f,
            decoder->d_q + at->q_offset, decoder->q_stride);
    at_gemm(AT_TRANSPOSED, AT_PLAIN, n_keys, head_dim, n, config->attention_scale, d_p,
            n_keys, acts->q + at->q_offset, decoder->q_stride, 1.0f,
            decoder->d_k + at->kv_offset, decoder->kv_stride);
}

/* 2. Queries, keys and values */

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

/* 3. The attention half of a layer */

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
                at_rows queries = {t, smaller(AT_QUERY_TILE, to - start - t)};
                tile at = make_tile(decoder, i_layer, start, queries, head);
                attend_tile(decoder, acts, &at, out_stride);
            }
        }
    }
    at_set_ones(acts->attended + rows.first * out_stride, rows.n,
                config->n_heads * config->head_dim, out_stride);
}

/* The input width of the maps that read a layer's first norm. */
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
    size_t stride = normed_stride(layer);
    at_norm_forward(config, &layer->norms[AT_NORM_BEFORE_ATTENTION],
                    acts->input + rows.first * config->width, rows.n,
                    decoder->normed + rows.first * stride, stride);
    project(decoder, i_layer, rows);
    attend(decoder, i_layer, rows);
    at_join_forward(decoder, &layer->maps[AT_MAP_O],
                    &layer->norms[AT_NORM_AFTER_ATTENTION], acts->attended, acts->input,
                    rows, acts->attention_out, acts->middle);
}

/* d_q, d_k and d_v from d_attended. Tiles add to d_k and d_v. */
static void attend_backward(at_decoder *decoder, size_t i_layer)
{
    const at_config *config = &decoder->model->config;
    const at_activations *acts = &decoder->layers[i_layer];
    const at_batch *batch = decoder->batch;
    size_t n_rows = decoder->n_rows;
    if (config->architecture->maps[AT_MAP_QKV]) {
        memset(decoder->d_q, 0, n_rows * decoder->q_stride * sizeof(float));
    } else {
        memset(decoder->d_k, 0, n_rows * decoder->kv_stride * sizeof(float));
        memset(decoder->d_v, 0, n_rows * decoder->kv_stride * sizeof(float));
    }
    for (size_t i = 0; i < batch->n_sequences; i++) {
        size_t start = batch->first_row[i];
        size_t n = batch->first_row[i + 1] - start;
        for (size_t head = 0; head < config->n_heads; head++) {
            for (size_t t = 0; t < n; t += AT_QUERY_TILE) {
                at_rows queries = {t, smaller(AT_QUERY_TILE, n - t)};
                tile at = make_tile(decoder, i_layer, start, queries, head);
                attend_tile_backward(decoder, acts, &at);
            }
        }
    }
    unshape(decoder, i_layer);
}

/* q, k and v again, where other layers have taken their place. */
static void remake_projections(at_decoder *decoder, size_t i_layer)
{
    const at_layer *layer = &decoder->model->layers[i_layer];
    at_rows all = {0, decoder->n_rows};
    if (i_layer + 1 < decoder->kept.qkv_from) {
        at_norm_forward(&decoder->model->config, &layer->norms[AT_NORM_BEFORE_ATTENTION],
                        decoder->layers[i_layer].input, all.n, decoder->normed,
                        normed_stride(layer));
        project(decoder, i_layer, all);
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
    at_norm_forward(&decoder->model->config, &layer->norms[AT_NORM_BEFORE_ATTENTION],
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
    size_t n = decoder->n_rows;
    const float *d_out = at_join_backward(decoder, &layer->norms[AT_NORM_AFTER_ATTENTION],
                                          acts->attention_out);
    AT_TRY(at_hand(decoder, layer->i_module[AT_MAP_O], acts->attended, d_out, err));
    if (!at_is_tracked_below(decoder, i_layer, AT_STEP_O)) {
        return ATTRIB_OK;
    }
    at_linear_backward(&decoder->widener, &layer->maps[AT_MAP_O], d_out, config->width, n,
                       0.0f, decoder->d_attended);
    remake_projections(decoder, i_layer);
    attend_backward(decoder, i_layer);
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
