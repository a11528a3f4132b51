/* SPDX-License-Identifier: MIT */
/* Causal self-attention with shared key heads, within a window or without: softmax(scale
 * q k') v, its gradient and its tangent.
 *
 *   1. Forward
 *   2. Backward
 *   3. Tangents
 *   4. All tiles
 *
 * Sources: Vaswani et al. 2017 (arXiv:1706.03762), Ainslie et al. 2023
 * (arXiv:2305.13245), Beltagy et al. 2020 (windows, arXiv:2004.05150), Gemma Team 2024
 * (caps, arXiv:2408.00118). Blocks of keys as in Dao et al. 2022 (arXiv:2205.14135), but
 * all scores of a tile are there, so that the sums in the softmax's gradient are those of
 * the very numbers that it is made of. */
#include <string.h>

#include "linalg/linalg.h"
#include "model/attend.h"
#include "model/layers.h"
#include "model/vector.h"

/* rows [n_queries, head_dim] of a head (+)= scores right, with `right` of the tile. */
static void multiply_rows(const at_decoder *decoder,
                          const at_key_block *b,
                          const at_operand *scores,
                          const at_operand *right,
                          at_target rows)
{
    at_multiply_once(decoder->widener.multiplier,
                     (at_sizes){b->n_queries, b->head_dim, b->n}, 1.0f, *scores,
                     at_keys_of(right, b), rows.beta, rows.values, rows.stride);
}

/* The block's part of keys or values += scores' queries. */
static void add_to_keys(const at_decoder *decoder,
                        const at_tile *at,
                        const at_key_block *b,
                        at_operand scores,
                        const at_operand *queries,
                        float *keys)
{
    scores.op = AT_TRANSPOSED;
    at_multiply_once(decoder->widener.multiplier,
                     (at_sizes){b->n, b->head_dim, b->n_queries}, 1.0f, scores, *queries,
                     1.0f, keys + at->kv_offset + b->first * decoder->kv_stride,
                     decoder->kv_stride);
}

/* 1. Forward: attended = softmax(scale q k') v */

static void attend_tile(at_decoder *decoder, size_t i_layer, const at_tile *at)
{
    const at_activations *acts = &decoder->layers[i_layer];
    at_score_tile(decoder, acts, at, false);
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        at_operand p = at_plain(at_scores_of(decoder->scores, &b), b.n);
        multiply_rows(decoder, &b, &p, &at->keys.v,
                      (at_target){acts->attended + at->o_offset, at->o_stride,
                                  b.first > 0 ? 1.0f : 0.0f});
    }
}

/* 2. Backward. With P the softmax and d_o the gradient of its output:
 *
 *     d_P = d_o v',  d_S = P (d_P - sum_keys P d_P) (times the cap's slope),
 *     d_q = scale d_S k,  d_k += scale d_S' q,  d_v += P' d_o
 */

/* means [n_queries] += sum over a block's keys of P d_P. */
static void add_means(at_decoder *decoder, const at_key_block *b, double *means)
{
    const float *p = at_scores_of(decoder->scores, b);
    const float *d_p = at_scores_of(decoder->d_scores, b);
    for (size_t i = 0; i < b->n_queries; i++) {
        means[i] += at_dot(p + i * b->n, d_p + i * b->n, b->n);
    }
}

/* d_S of a block from d_P in its place, or a tangent of P from one of S: that matrix is
 * symmetric. */
static void through_softmax(at_decoder *decoder,
                            const at_key_block *b,
                            const double *means)
{
    const float *p = at_scores_of(decoder->scores, b);
    float *d = at_scores_of(decoder->d_scores, b);
    for (size_t i = 0; i < b->n_queries; i++) {
        at_row_softmax_backward(p + i * b->n, means[i], d + i * b->n, b->n);
    }
}

/* Times the slopes of a cap, where scores are capped. */
static void through_cap(at_decoder *decoder, const at_key_block *b)
{
    if (decoder->score_slopes) {
        at_row_multiply(at_scores_of(decoder->d_scores, b),
                        at_scores_of(decoder->score_slopes, b), b->n_queries * b->n);
    }
}

/* d_v, P, d_P and the means, of all blocks. */
static void reach_scores(at_decoder *decoder,
                         size_t i_layer,
                         const at_tile *at,
                         double *means)
{
    const at_config *config = &decoder->model->config;
    size_t width = config->n_heads * config->head_dim;
    size_t offset = (at->first_row + at->begin) * width + at->head * config->head_dim;
    at_operand d_out =
        at_panel_fill(decoder, &decoder->d_panel, decoder->d_attended + offset, width,
                      at->end - at->begin, 1.0f);
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        at_score_block_again(decoder, &decoder->layers[i_layer], at, &b);
        at_operand p = at_plain(at_scores_of(decoder->scores, &b), b.n);
        add_to_keys(decoder, at, &b, p, &d_out, decoder->d_v);
        at_multiply_scores(decoder, &b, &d_out, &at->keys.v, 0.0f,
                           at_scores_of(decoder->d_scores, &b));
        add_means(decoder, &b, means);
    }
}

static void attend_tile_backward(at_decoder *decoder, size_t i_layer, const at_tile *at)
{
    const at_config *config = &decoder->model->config;
    at_target d_q = {decoder->d_q + at->q_offset, decoder->q_stride, 0.0f};
    double means[AT_QUERY_TILE] = {0};
    reach_scores(decoder, i_layer, at, means);
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        through_softmax(decoder, &b, means);
        through_cap(decoder, &b);
        at_operand d_s = at_scores_hold(decoder, &b, at_scores_of(decoder->d_scores, &b));
        multiply_rows(decoder, &b, &d_s, &at->keys.k, d_q);
        add_to_keys(decoder, at, &b, d_s, &at->q, decoder->d_k);
        d_q.beta = 1.0f;
    }
    for (size_t i = 0; i < at->end - at->begin; i++) {
        at_row_scale(d_q.values + i * d_q.stride, config->head_dim,
                     config->attention_scale);
    }
}

/* 3. Tangents. With those of q, k and v written d_:
 *
 *     d_S = scale (d_q k' + q d_k') (times the cap's slope),
 *     d_P = P (d_S - sum_keys P d_S),  d_attended = d_P v + P d_v
 */

/* P d_v, d_S and the means, of all blocks; and P v where that is not there. */
static void reach_scores_along(at_decoder *decoder,
                               size_t i_layer,
                               const at_tile *at,
                               double *means)
{
    const at_activations *acts = &decoder->layers[i_layer];
    const at_tangents *tangents = &decoder->tangents;
    at_target out = {acts->attended + at->o_offset, at->o_stride, 0.0f};
    at_target d_out = {tangents->attended + at->o_offset, at->o_stride, 0.0f};
    at_operand d_q = at_panel_fill(decoder, &decoder->d_panel, tangents->q + at->q_offset,
                                   decoder->q_stride, at->end - at->begin,
                                   decoder->model->config.attention_scale);
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        float *d_s = at_scores_of(decoder->d_scores, &b);
        if (at_has_values(decoder)) {
            at_score_block_again(decoder, acts, at, &b);
        }
        at_operand p = at_scores_hold(decoder, &b, at_scores_of(decoder->scores, &b));
        if (!at_has_values(decoder)) {
            multiply_rows(decoder, &b, &p, &at->keys.v, out);
        }
        multiply_rows(decoder, &b, &p, &at->keys.d_v, d_out);
        at_multiply_scores(decoder, &b, &d_q, &at->keys.k, 0.0f, d_s);
        at_multiply_scores(decoder, &b, &at->q, &at->keys.d_k, 1.0f, d_s);
        through_cap(decoder, &b);
        add_means(decoder, &b, means);
        out.beta = d_out.beta = 1.0f;
    }
}

static void attend_tile_along(at_decoder *decoder, size_t i_layer, const at_tile *at)
{
    double means[AT_QUERY_TILE] = {0};
    at_target d_out = {decoder->tangents.attended + at->o_offset, at->o_stride, 1.0f};
    if (!at_has_values(decoder)) {
        at_score_tile(decoder, &decoder->layers[i_layer], at, true);
    }
    reach_scores_along(decoder, i_layer, at, means);
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        through_softmax(decoder, &b, means);
        at_operand d_p = at_plain(at_scores_of(decoder->d_scores, &b), b.n);
        multiply_rows(decoder, &b, &d_p, &at->keys.v, d_out);
    }
}

/* 4. All tiles of the rows in each sequence that they reach into, but in the last layer
 * those in which no row counts, where these are left out */

/* What is done with every tile of a layer. */
typedef struct work {
    at_decoder *decoder;
    size_t i_layer;
    const at_tangents *tangents; /* of keys and values, or NULL */
    void (*fn)(at_decoder *, size_t i_layer, const at_tile *);
} work;

/* The tiles of queries of one head, in the sequence that begins at first_row. */
static void for_tiles_of_head(
    const work *w, size_t first_row, at_rows queries, size_t head, const at_keys *keys)
{
    bool skips = at_gathers(w->decoder, w->i_layer);
    size_t end = queries.first + queries.n;
    for (size_t t = queries.first; t < end; t += AT_QUERY_TILE) {
        at_rows some = {t, at_smaller(AT_QUERY_TILE, end - t)};
        if (skips && !at_counts_any(w->decoder, (at_rows){first_row + t, some.n})) {
            continue;
        }
        at_tile at = at_tile_make(w->decoder, w->i_layer, first_row, some, head, keys);
        w->fn(w->decoder, w->i_layer, &at);
    }
}

static void for_each_tile(const work *w, at_rows rows)
{
    const at_batch *batch = w->decoder->batch;
    const at_config *config = &w->decoder->model->config;
    size_t n_sharing = config->n_heads / config->n_kv_heads;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        size_t first_row = batch->first_row[i];
        size_t from = at_larger(rows.first, first_row);
        size_t to = at_smaller(rows.first + rows.n, batch->first_row[i + 1]);
        if (from >= to) {
            continue;
        }
        at_rows queries = {from - first_row, to - from};
        at_keys keys = {0};
        for (size_t head = 0; head < config->n_heads; head++) {
            if (head % n_sharing == 0) {
                keys = at_keys_take(w->decoder, w->i_layer, first_row, queries,
                                    head / n_sharing, w->tangents);
            }
            for_tiles_of_head(w, first_row, queries, head, &keys);
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
    for_each_tile(&(work){decoder, i_layer, NULL, attend_tile}, rows);
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
    for_each_tile(&(work){decoder, i_layer, NULL, attend_tile_backward}, (at_rows){0, n});
}

void at_attend_along(at_decoder *decoder, size_t i_layer)
{
    at_rows all = {0, decoder->n_rows};
    for_each_tile(&(work){decoder, i_layer, &decoder->tangents, attend_tile_along}, all);
    if (!at_has_values(decoder)) {
        set_ones(decoder, i_layer, all);
    }
}
