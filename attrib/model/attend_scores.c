/* SPDX-License-Identifier: MIT */
/* Tiles of attention and their scores.
 *
 *   1. Operands
 *   2. Tiles and blocks
 *   3. Scores */
#include <string.h>

#include "model/attend.h"
#include "model/vector.h"

/* 1. Operands */

at_operand at_panel_fill(const at_decoder *decoder,
                         const at_panel *panel,
                         const float *from,
                         size_t stride,
                         size_t n,
                         float scale)
{
    size_t width = decoder->model->config.head_dim;
    at_operand filled = at_plain(panel->values, width);
    for (size_t i = 0; i < n; i++) {
        memcpy(panel->values + i * width, from + i * stride, width * sizeof *from);
    }
    if (scale != 1.0f) {
        at_row_scale(panel->values, n * width, scale);
    }
    if (decoder->widener.multiplier) {
        at_round(panel->values, n * width, 1.0f, panel->rounded);
        filled.rounded = panel->rounded;
    }
    return filled;
}

at_operand at_scores_hold(const at_decoder *decoder,
                          const at_key_block *b,
                          const float *scores)
{
    at_operand held = at_plain(scores, b->n);
    if (decoder->widener.multiplier) {
        at_round(scores, b->n_queries * b->n, 1.0f, decoder->rounded_scores);
        held.rounded = decoder->rounded_scores;
    }
    return held;
}

/* The rows of an operand from `first` on. */
static at_operand from_row(at_operand operand, size_t first)
{
    if (operand.values) {
        operand.values += first * operand.ld;
    }
    if (operand.rounded) {
        operand.rounded += first * operand.ld;
    }
    return operand;
}

at_operand at_keys_of(const at_operand *keys, const at_key_block *b)
{
    return from_row(*keys, b->first);
}

at_keys at_keys_take(const at_decoder *decoder,
                     size_t i_layer,
                     size_t first_row,
                     at_rows rows,
                     size_t kv_head,
                     const at_tangents *tangents)
{
    const at_activations *acts = &decoder->layers[i_layer];
    size_t stride = decoder->kv_stride;
    size_t window = at_config_window(&decoder->model->config, i_layer);
    at_keys keys = {.first = window ? at_first_seen(rows.first, window) : 0};
    size_t n = rows.first + rows.n - keys.first;
    size_t offset = (first_row + keys.first) * stride + kv_head * decoder->head_stride;
    const float *from[] = {acts->k, acts->v, tangents ? tangents->k : NULL,
                           tangents ? tangents->v : NULL};
    at_operand *to[] = {&keys.k, &keys.v, &keys.d_k, &keys.d_v};
    for (size_t i = 0; i < AT_N_KEY_PANELS; i++) {
        if (!from[i]) {
            continue;
        }
        /* One tile reads them where they are: no more often than copying would. */
        *to[i] = rows.n > AT_QUERY_TILE ? at_panel_fill(decoder, &decoder->key_panels[i],
                                                        from[i] + offset, stride, n, 1.0f)
                                        : at_plain(from[i] + offset, stride);
    }
    return keys;
}

/* 2. Tiles and blocks */

at_tile at_tile_make(at_decoder *decoder,
                     size_t i_layer,
                     size_t first_row,
                     at_rows queries,
                     size_t head,
                     const at_keys *keys)
{
    const at_config *config = &decoder->model->config;
    size_t kv_head = head / (config->n_heads / config->n_kv_heads);
    size_t window = at_config_window(config, i_layer);
    at_tile at = {.first_row = first_row,
                  .begin = queries.first,
                  .end = queries.first + queries.n,
                  .window = window ? window : SIZE_MAX,
                  .head = head,
                  .head_dim = config->head_dim};
    at.first_key = at_first_seen(at.begin, at.window);
    at.n_keys = at.end - at.first_key;
    at.q_offset =
        (first_row + at.begin) * decoder->q_stride + head * decoder->head_stride;
    at.kv_offset =
        (first_row + at.first_key) * decoder->kv_stride + kv_head * decoder->head_stride;
    at.o_stride = decoder->model->layers[i_layer].maps[AT_MAP_O].in_dim;
    at.o_offset = (first_row + at.begin) * at.o_stride + head * config->head_dim;
    at.q = at_panel_fill(decoder, &decoder->query_panel,
                         decoder->layers[i_layer].q + at.q_offset, decoder->q_stride,
                         queries.n, config->attention_scale);
    size_t n_before = at.first_key - keys->first;
    at.keys =
        (at_keys){at.first_key, from_row(keys->k, n_before), from_row(keys->v, n_before),
                  from_row(keys->d_k, n_before), from_row(keys->d_v, n_before)};
    return at;
}

bool at_next_keys(const at_tile *at, at_key_block *b)
{
    b->first += b->n;
    b->n = at_smaller(AT_KEY_BLOCK, at->n_keys - b->first);
    b->n_queries = at->end - at->begin;
    b->head_dim = at->head_dim;
    return b->n > 0;
}

/* Keys [first, first + n) of a block. */
typedef struct span {
    size_t first, n;
} span;

/* Those that query t sees. */
static span seen_by(size_t t, const at_tile *at, const at_key_block *b)
{
    size_t begin = at->first_key + b->first;
    size_t first = at_larger(at_first_seen(t, at->window), begin);
    size_t end = at_smaller(t + 1, begin + b->n);
    return first < end ? (span){first - begin, end - first} : (span){0, 0};
}

/* 3. Scores */

void at_multiply_scores(const at_decoder *decoder,
                        const at_key_block *b,
                        const at_operand *queries,
                        const at_operand *keys,
                        float beta,
                        float *scores)
{
    at_operand right = from_row(*keys, b->first);
    right.op = AT_TRANSPOSED;
    at_multiply_once(decoder->widener.multiplier,
                     (at_sizes){b->n_queries, b->n, b->head_dim}, 1.0f, *queries, right,
                     beta, scores, b->n);
}

/* Scores of a block = scale q k', capped where the model caps them. */
static void score_block(at_decoder *decoder,
                        const at_tile *at,
                        const at_key_block *b,
                        bool has_slopes)
{
    double cap = decoder->model->config.attention_cap;
    float *scores = at_scores_of(decoder->scores, b);
    at_multiply_scores(decoder, b, &at->q, &at->keys.k, 0.0f, scores);
    if (cap > 0) {
        at_row_cap(scores, has_slopes ? at_scores_of(decoder->score_slopes, b) : NULL,
                   b->n_queries * b->n, (float)cap);
    }
}

/* The scores of query t in a block. */
static float *row_of(at_decoder *decoder,
                     const at_tile *at,
                     const at_key_block *b,
                     size_t t)
{
    return at_scores_of(decoder->scores, b) + (t - at->begin) * b->n;
}

/* Keys that a query does not see get 0. */
static void clear_unseen(float *row, const at_key_block *b, span seen)
{
    size_t end = seen.first + seen.n;
    memset(row, 0, seen.first * sizeof *row);
    memset(row + end, 0, (b->n - end) * sizeof *row);
}

/* Where the maximum and the sum of query t are kept. */
static size_t place_of(const at_decoder *decoder, const at_tile *at, size_t t)
{
    return (at->first_row + t) * decoder->model->config.n_heads + at->head;
}

/* Softmax of a query's scores over the keys that it sees. */
static void normalize_row(at_decoder *decoder,
                          const at_activations *acts,
                          const at_tile *at,
                          size_t t)
{
    float max = 0;
    double sum = 0;
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        span seen = seen_by(t, at, &b);
        float most = at_row_max(row_of(decoder, at, &b, t) + seen.first, seen.n);
        max = b.first == 0 || most > max ? most : max;
    }
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        span seen = seen_by(t, at, &b);
        float *row = row_of(decoder, at, &b, t);
        sum += at_row_exp(row + seen.first, seen.n, max);
        clear_unseen(row, &b, seen);
    }
    float norm = (float)(1 / sum);
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        at_row_scale(row_of(decoder, at, &b, t), b.n, norm);
    }
    acts->score_max[place_of(decoder, at, t)] = max;
    acts->score_norm[place_of(decoder, at, t)] = norm;
}

void at_score_tile(at_decoder *decoder,
                   const at_activations *acts,
                   const at_tile *at,
                   bool has_slopes)
{
    for (at_key_block b = {0}; at_next_keys(at, &b);) {
        score_block(decoder, at, &b, has_slopes);
    }
    for (size_t t = at->begin; t < at->end; t++) {
        normalize_row(decoder, acts, at, t);
    }
}

void at_score_block_again(at_decoder *decoder,
                          const at_activations *acts,
                          const at_tile *at,
                          const at_key_block *b)
{
    score_block(decoder, at, b, true);
    for (size_t t = at->begin; t < at->end; t++) {
        span seen = seen_by(t, at, b);
        float *row = row_of(decoder, at, b, t);
        at_row_exp_scaled(row + seen.first, seen.n,
                          acts->score_max[place_of(decoder, at, t)],
                          acts->score_norm[place_of(decoder, at, t)]);
        clear_unseen(row, b, seen);
    }
}
