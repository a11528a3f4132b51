/* SPDX-License-Identifier: MIT */
/* A tile of queries and a block of keys: what attention (layers_attend.c) takes at a
 * time, and their scores (attend_scores.c).
 *
 * Scores of a tile lie block by block, the rows of each block end to end: products of
 * long documents then write to few pages, and a block stays in the second cache. */
#ifndef AT_MODEL_ATTEND_H
#define AT_MODEL_ATTEND_H

#include "model/layers.h"

/* Keys and values of one head, from the sequence's row `first` on: [rows, head_dim] each.
 * d_: their tangents. */
typedef struct at_keys {
    size_t first;
    at_operand k, v, d_k, d_v;
} at_keys;

/* Queries [begin, end) of the sequence that begins at first_row, in one head, and the
 * keys [first_key, end) that any of them sees. */
typedef struct at_tile {
    size_t first_row, begin, end;
    size_t first_key, window; /* window: keys that a query sees at most */
    size_t n_keys;            /* end - first_key */
    size_t head, head_dim;
    size_t q_offset,
        kv_offset;             /* of the first query in q, and of the first key in k, v */
    size_t o_offset, o_stride; /* of the first query in `attended` */
    at_operand q;              /* [end - begin, head_dim] scaled */
    at_keys keys;              /* from first_key on */
} at_tile;

/* Keys [first, first + n) of a tile's, for all of its queries. */
typedef struct at_key_block {
    size_t first, n;
    size_t n_queries, head_dim;
} at_key_block;

/* Rows of a head to be written: beta 0, or added to: 1. */
typedef struct at_target {
    float *values;
    size_t stride;
    float beta;
} at_target;

/* The first key that query t sees. */
static inline size_t at_first_seen(size_t t, size_t window)
{
    return t + 1 > window ? t + 1 - window : 0;
}

/* The keys that queries [rows.first, + rows.n) of the sequence that begins at first_row
 * see in a head, as operands of the products of all tiles of these; with tangents where
 * there are some. */
at_keys at_keys_take(const at_decoder *decoder,
                     size_t i_layer,
                     size_t first_row,
                     at_rows rows,
                     size_t kv_head,
                     const at_tangents *tangents);

/* A tile of one of the heads that share `keys`. Its queries are valid until the next
 * tile is made. */
at_tile at_tile_make(at_decoder *decoder,
                     size_t i_layer,
                     size_t first_row,
                     at_rows queries,
                     size_t head,
                     const at_keys *keys);

/* The block after `b`, or the first where that is zeroed; false after the last. */
bool at_next_keys(const at_tile *at, at_key_block *b);

/* The rows of a block in keys or values of its tile. */
at_operand at_keys_of(const at_operand *keys, const at_key_block *b);

/* The scores [n_queries, n] of a block in an array of its tile's. */
static inline float *at_scores_of(float *scores, const at_key_block *b)
{
    return scores + b->first * b->n_queries;
}

/* n rows of a head, `stride` apart, copied into a panel, times `scale`; rounded, too,
 * where products are in bf16. */
at_operand at_panel_fill(const at_decoder *decoder,
                         const at_panel *panel,
                         const float *from,
                         size_t stride,
                         size_t n,
                         float scale);

/* The scores of a block as an operand of several products, until the next is held. */
at_operand at_scores_hold(const at_decoder *decoder,
                          const at_key_block *b,
                          const float *scores);

/* scores [n_queries, n] of a block = queries keys' + beta scores, with `keys` of the
 * tile. */
void at_multiply_scores(const at_decoder *decoder,
                        const at_key_block *b,
                        const at_operand *queries,
                        const at_operand *keys,
                        float beta,
                        float *scores);

/* Softmax of the scores of a tile, whose maxima and sums are kept; with `has_slopes` the
 * slopes of capped scores are left. */
void at_score_tile(at_decoder *decoder,
                   const at_activations *acts,
                   const at_tile *at,
                   bool has_slopes);

/* The same of one block, with slopes, from the maxima and sums that were kept. */
void at_score_block_again(at_decoder *decoder,
                          const at_activations *acts,
                          const at_tile *at,
                          const at_key_block *b);

#endif
