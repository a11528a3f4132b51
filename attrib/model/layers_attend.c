/* SPDX-License-Identifier: MIT */
/* Causal self-attention with shared key heads, within a window or without: softmax(scale
 * q k') v a tile of queries at a time, its gradient and its tangent.
 *
 *   1. Tiles
 *   2. Forward
 *   3. Backward
 *   4. Tangents
 *   5. All tiles
 *
 * Sources: Vaswani et al. 2017 (arXiv:1706.03762), Ainslie et al. 2023
 * (arXiv:2305.13245), Beltagy et al. 2020 (windows, arXiv:2004.05150), Gemma Team 2024
 * (caps, arXiv:2408.00118). */
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* 1. Tiles */

/* Queries [begin, end) of the sequence that begins at first_row, in one head, and the
 * keys [first_key, end) that any of them sees. */
typedef struct tile {
    size_t first_row, begin, end;
    size_t first_key, window; /* window: keys that a query sees at most */
    size_t n_keys;            /* end - first_key, the row stride of scores */
    size_t head;
    size_t q_offset,
        kv_offset;             /* of the first query in q, and of the first key in k, v */
    size_t o_offset, o_stride; /* of the first query in `attended` */
} tile;

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
    at.o_stride = decoder->model->layers[i_layer].maps[AT_MAP_O].in_dim;
    at.o_offset = (first_row + at.begin) * at.o_stride + head * config->head_dim;
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
    at_multiply_once(decoder->widener.multiplier,
                     (at_sizes){n, at->n_keys, config->head_dim}, config->attention_scale,
                     at_plain(acts->q + at->q_offset, decoder->q_stride),
                     at_transposed(acts->k + at->kv_offset, decoder->kv_stride), 0.0f,
                     decoder->scores, at->n_keys);
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

/* 2. Forward: attended = softmax(scale q k') v */

static void attend_tile(at_decoder *decoder, size_t i_layer, const tile *at)
{
    const at_activations *acts = &decoder->layers[i_layer];
    score_tile(decoder, acts, at, NULL);
    normalize_tile(decoder, acts, at, false);
    at_multiply_once(
        decoder->widener.multiplier,
        (at_sizes){at->end - at->begin, decoder->model->config.head_dim, at->n_keys},
        1.0f, at_plain(decoder->scores, at->n_keys),
        at_plain(acts->v + at->kv_offset, decoder->kv_stride), 0.0f,
        acts->attended + at->o_offset, at->o_stride);
}

/* 3. Backward. With P the softmax and d_o the gradient of its output:
 *
 *     d_P = d_o v',  d_S = P (d_P - sum_keys P d_P) (times the cap's slope),
 *     d_q = scale d_S k,  d_k += scale d_S' q,  d_v += P' d_o
 */

/* d_s [n, n_keys] from d_p in its place, or a tangent of P from one of S: that matrix is
 * symmetric. */
static void through_softmax(const float *p, float *d, size_t n, size_t n_keys)
{
    for (size_t i = 0; i < n; i++) {
        const float *p_t = p + i * n_keys;
        float *d_t = d + i * n_keys;
        at_row_softmax_backward(p_t, at_dot(p_t, d_t, n_keys), d_t, n_keys);
    }
}

static void attend_tile_backward(at_decoder *decoder, size_t i_layer, const tile *at)
{
    const at_config *config = &decoder->model->config;
    const at_activations *acts = &decoder->layers[i_layer];
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
    at_multiply_once(decoder->widener.multiplier, (at_sizes){n, n_keys, head_dim}, 1.0f,
                     at_plain(d_out, width),
                     at_transposed(acts->v + at->kv_offset, decoder->kv_stride), 0.0f,
                     d_p, n_keys);
    at_multiply_once(decoder->widener.multiplier, (at_sizes){n_keys, head_dim, n}, 1.0f,
                     at_transposed(p, n_keys), at_plain(d_out, width), 1.0f,
                     decoder->d_v + at->kv_offset, decoder->kv_stride);
    through_softmax(p, d_p, n, n_keys);
    if (decoder->score_slopes) {
        at_row_multiply(d_p, decoder->score_slopes, n * n_keys);
    }
    at_multiply_once(decoder->widener.multiplier, (at_sizes){n, head_dim, n_keys},
                     config->attention_scale, at_plain(d_p, n_keys),
                     at_plain(acts->k + at->kv_offset, decoder->kv_stride), 0.0f,
                     decoder->d_q + at->q_offset, decoder->q_stride);
    at_multiply_once(decoder->widener.multiplier, (at_sizes){n_keys, head_dim, n},
                     config->attention_scale, at_transposed(d_p, n_keys),
                     at_plain(acts->q + at->q_offset, decoder->q_stride), 1.0f,
                     decoder->d_k + at->kv_offset, decoder->kv_stride);
}

/* 4. Tangents. With those of q, k and v written d_:
 *
 *     d_S = scale (d_q k' + q d_k') (times the cap's slope),
 *     d_P = P (d_S - sum_keys P d_S),  d_attended = d_P v + P d_v
 */
static void attend_tile_along(at_decoder *decoder, size_t i_layer, const tile *at)
{
    const at_config *config = &decoder->model->config;
    const at_activations *acts = &decoder->layers[i_layer];
    const at_tangents *tangents = &decoder->tangents;
    size_t head_dim = config->head_dim;
    size_t n = at->end - at->begin;
    size_t n_keys = at->n_keys;
    size_t q_stride = decoder->q_stride;
    size_t kv_stride = decoder->kv_stride;
    float *p = decoder->scores;
    float *d_p = decoder->d_scores;
    float *d_out = tangents->attended + at->o_offset;
    bool has_values = at_has_values(decoder);
    score_tile(decoder, acts, at, decoder->score_slopes);
    normalize_tile(decoder, acts, at, has_values);
    if (!has_values) {
        at_multiply_once(decoder->widener.multiplier, (at_sizes){n, head_dim, n_keys},
                         1.0f, at_plain(p, n_keys),
                         at_plain(acts->v + at->kv_offset, kv_stride), 0.0f,
                         acts->attended + at->o_offset, at->o_stride);
    }
    at_multiply_once(
        decoder->widener.multiplier, (at_sizes){n, n_keys, head_dim},
        config->attention_scale, at_plain(tangents->q + at->q_offset, q_stride),
        at_transposed(acts->k + at->kv_offset, kv_stride), 0.0f, d_p, n_keys);
    at_multiply_once(decoder->widener.multiplier, (at_sizes){n, n_keys, head_dim},
                     config->attention_scale, at_plain(acts->q + at->q_offset, q_stride),
                     at_transposed(tangents->k + at->kv_offset, kv_stride), 1.0f, d_p,
                     n_keys);
    if (decoder->score_slopes) {
        at_row_multiply(d_p, decoder->score_slopes, n * n_keys);
    }
    through_softmax(p, d_p, n, n_keys);
    at_multiply_once(decoder->widener.multiplier, (at_sizes){n, head_dim, n_keys}, 1.0f,
                     at_plain(d_p, n_keys), at_plain(acts->v + at->kv_offset, kv_stride),
                     0.0f, d_out, at->o_stride);
    at_multiply_once(decoder->widener.multiplier, (at_sizes){n, head_dim, n_keys}, 1.0f,
                     at_plain(p, n_keys),
                     at_plain(tangents->v + at->kv_offset, kv_stride), 1.0f, d_out,
                     at->o_stride);
}

/* 5. All tiles of the rows in each sequence that they reach into, but in the last layer
 * those in which no row counts, where these are left out */

static void for_each_tile(at_decoder *decoder,
                          size_t i_layer,
                          at_rows rows,
                          void (*fn)(at_decoder *, size_t i_layer, const tile *))
{
    const size_t *first_row = decoder->batch->first_row;
    bool skips = at_gathers(decoder, i_layer);
    for (size_t i = 0; i < decoder->batch->n_sequences; i++) {
        size_t start = first_row[i];
        size_t from = rows.first > start ? rows.first - start : 0;
        size_t to = at_smaller(rows.first + rows.n, first_row[i + 1]);
        for (size_t head = 0; head < decoder->model->config.n_heads; head++) {
            for (size_t t = from; start + t < to; t += AT_QUERY_TILE) {
                at_rows queries = {t, at_smaller(AT_QUERY_TILE, to - start - t)};
                if (skips && !at_counts_any(decoder, (at_rows){start + t, queries.n})) {
                    continue;
                }
                tile at = make_tile(decoder, i_layer, start, queries, head);
                fn(decoder, i_layer, &at);
            }
        }
    }
}

/* The 1 of a bias after each row of `attended`. */
static void set_ones(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    const at_config *config = &decoder->model->config;
    size_t stride = decoder->model->layers[i_layer].maps[AT_MAP_O].in_dim;
    at_set_ones(decoder->layers[i_layer].attended + rows.first * stride, rows.n,
                config->n_heads * config->head_dim, stride);
}

void at_attend(at_decoder *decoder, size_t i_layer, at_rows rows)
{
    for_each_tile(decoder, i_layer, rows, attend_tile);
    set_ones(decoder, i_layer, rows);
}

void at_attend_backward(at_decoder *decoder, size_t i_layer)
{
    size_t n = decoder->n_rows;
    bool is_fused = decoder->model->config.architecture->maps[AT_MAP_QKV] != NULL;
    if (is_fused || at_gathers(decoder, i_layer)) {
        memset(decoder->d_q, 0, n * decoder->q_stride * sizeof(float));
    }
    if (!is_fused) {
        memset(decoder->d_k, 0, n * decoder->kv_stride * sizeof(float));
        memset(decoder->d_v, 0, n * decoder->kv_stride * sizeof(float));
    }
    for_each_tile(decoder, i_layer, (at_rows){0, n}, attend_tile_backward);
}

void at_attend_along(at_decoder *decoder, size_t i_layer)
{
    at_rows all = {0, decoder->n_rows};
    for_each_tile(decoder, i_layer, all, attend_tile_along);
    if (!at_has_values(decoder)) {
        set_ones(decoder, i_layer, all);
    }
}
