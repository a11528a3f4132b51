/* SPDX-License-Identifier: MIT */
/* The inside of a decoder: its scratch, and the layers that work on it.
 *
 * Every row of a batch is a token; sequences lie end to end. Only attention knows where
 * one sequence ends and the next begins. */
#ifndef AT_MODEL_LAYERS_H
#define AT_MODEL_LAYERS_H

#include "model/decoder.h"
#include "model/model.h"

/* Query rows that attention takes at a time, so that keys above the diagonal are skipped.
 */
#define AT_QUERY_TILE ((size_t)64)

/* Keys that a product of attention takes at a time. Measured on a core of an AMD EPYC
 * (Zen 4), GFLOP/s of 64 queries of 64 with 512 and with 4,096 keys: scores 92 and 68,
 * outputs 98 and 104, gradients of keys 97 and 84; in bf16, of operands that were rounded
 * before, 180, 168 and 154 with 512. */
#define AT_KEY_BLOCK ((size_t)512)

/* Counted rows that the head takes at a time, so that [rows, V] is never held. */
#define AT_HEAD_TILE ((size_t)128)

/* Scratch above which layers do not keep all that the backward pass reads, but make it
 * again: queries, keys and values first, then, in as many of the lowest layers as it
 * takes, what the MLP's inner maps give. A twelfth of the weights' bytes in their files
 * where that is more; in proportion for more rows, which are taken for speed.
 *
 * Dry runs of at_decoder_deal() at 512 rows, MLP maps tracked, in MiB with all kept, with
 * queries, keys and values made again, with gate and up too: GPT-2 small 193, 143, 77;
 * SmolLM2-135M 333, 279, 105; 7B (32 layers of 4,096) 2,780, 2,036, 703. So 224 MiB keeps
 * all of GPT-2 small, whose weights take 475, and lets two workers score SmolLM2-135M in
 * 0.9 GiB; a twelfth of the 25,705 MiB of 7B in f32 makes only queries, keys and values
 * again, 4 % more products. Of SmolLM2-135M gate and up of ten layers are made again too,
 * 13 % more products: so a pass says where memory has room for more (at_decoder_keep()).
 */
#define AT_KEPT_LIMIT ((size_t)224 << 20)
#define AT_KEPT_SHARE 12.0
#define AT_KEPT_ROWS  ((size_t)512)

#define AT_UNTRACKED  SIZE_MAX

/* Steps of a layer between which the backward pass may stop. */
typedef enum at_step {
    AT_STEP_QKV,
    AT_STEP_O,
    AT_STEP_UP,
    AT_STEP_DOWN,
    AT_N_STEPS
} at_step;

/* Rows of one head, next to each other: as they are, and rounded to bf16. */
typedef struct at_panel {
    float *values;
    uint16_t *rounded;
} at_panel;

#define AT_N_KEY_PANELS 4

/* What one layer's backward needs of its forward, for every row of the batch. */
typedef struct at_activations {
    float *input;                  /* [n, D] of the residual stream */
    float *q, *k, *v;              /* [n, H head_dim], [n, KV head_dim] twice, turned by
                                      positions; rows q_stride and kv_stride apart, heads
                                      head_stride */
    float *raw_q, *raw_k, *raw_v;  /* the same before norms or clipping; NULL for none */
    float *score_max, *score_norm; /* [n, H] of each softmax: its maximum, 1 / its sum */
    float *attended;               /* [n, in_dim of O] */
    float *attention_out;          /* [n, D] of O, where a norm follows it; else NULL */
    float *middle;                 /* [n, D] of the residual stream, before the MLP */
    float *gate, *up;              /* [n, F] before the activation, rows mlp_stride apart;
                                      gate may be NULL */
    float *mlp_out; /* [n, D] of DOWN, where a norm follows it; else NULL */
} at_activations;

/* A row's softmax as far as its logits are known, and what it changes by. */
typedef struct at_softmax {
    float max;
    double sum, d_sum;     /* sum_v exp(l_v - max), sum_v exp(l_v - max) d_l_v */
    double label, d_label; /* its logit */
} at_softmax;

/* Forward and product mode: what values change by along the direction, of one layer at a
 * time. Rows lie as those of the values do; what stands in the column of a bias is not
 * read. In product mode gate and up then take the layer's gradients of these. */
typedef struct at_tangents {
    float *input, *middle; /* [n, D] of the stream; after the last layer `input` */
    float *normed;         /* [n, D + 1 or D] */
    float *q, *k, *v;
    float *attended; /* [n, in_dim of O] */
    float *gate, *up;
    float *activated;    /* [n, in_dim of DOWN] */
    float *ones;         /* [F] of 1 */
    float *inner;        /* [2, F] a row's gate and up, in product mode */
    float *branch;       /* [n, D]; NULL where halves join as they are */
    float *hidden;       /* [n, in_dim of the head] of rows that count */
    float *logits;       /* [a tile, a block of V] */
    at_softmax *softmax; /* [n] of rows that count */
} at_tangents;

struct at_decoder {
    const attrib_model *model;
    at_mode mode;
    size_t *i_tracked; /* [n_modules] place in the tracked list, or AT_UNTRACKED */
    size_t n_tracked;
    size_t lowest;     /* place of the lowest step with a tracked map; SIZE_MAX: none */
    double kept_limit; /* bytes that scratch for up to AT_KEPT_ROWS rows grows to before
                          layers share */
    at_kept kept;      /* which layers do */
    bool keeps_keys;   /* every layer keeps k and v: they are read again (generation) */
    size_t q_stride, kv_stride, head_stride, mlp_stride;
    at_widener widener; /* the map at hand, where weights are kept in their file's type */

    /* The current batch. */
    const at_batch *batch;
    size_t n_all, longest; /* rows; of the longest sequence */
    size_t n_rows;         /* rows at hand: all, or those that count, where gathered */
    bool skips_uncounted;  /* what only rows need that do not count is left out */
    bool is_gathered;      /* the work is after the attention of the last layer, and the
                              rows that count were moved to the front of all arrays */
    at_module_fn fn;
    at_direction_fn direction;
    void *fn_context;
    size_t i_vector;     /* in product mode: the direction at hand */
    double *row_losses;  /* [n_rows] by row, or NULL */
    at_row_results rows; /* of the same */

    /* Scratch, dealt from the bank for n_rows and longest. */
    char *bank;
    size_t bank_bytes;
    at_activations *layers;       /* [L] */
    float *cosines[2], *sines[2]; /* [longest, rotary_dim / 2] of layers without and with
                                     a window; the same arrays where they turn alike */
    size_t *positions;            /* [n] of a row in its sequence */
    float *normed;                /* [n, D + 1 or D] output of a norm */
    float *activated;             /* [n, in_dim of DOWN] */
    float *output;                /* [n, D] of the last layer */
    float *below;                 /* [n, D] its input, where rows are gathered */
    float *scores, *d_scores;     /* [AT_QUERY_TILE, longest] */
    float *score_slopes;      /* the same, of capped scores; NULL where they are not */
    uint16_t *rounded_scores; /* [AT_QUERY_TILE, AT_KEY_BLOCK] of one block */
    at_panel key_panels[AT_N_KEY_PANELS]; /* [longest, head_dim] keys, values, and their
                                             tangents */
    at_panel query_panel, d_panel; /* [AT_QUERY_TILE, head_dim] queries, and the gradients
                                      of outputs or the tangents of queries */
    float *branch;            /* [n, D] of a half's norm before it joins the stream, and
                                 its gradient; NULL where halves join as they are */
    size_t *counted;          /* [n] rows whose prediction counts */
    size_t *counted_sequence; /* [n] their sequences */
    size_t n_counted;
    float *hidden, *d_hidden; /* [AT_HEAD_TILE, in_dim of the head], [AT_HEAD_TILE, D];
                                 in forward mode n rows */
    float *logits;            /* [AT_HEAD_TILE, V]; in forward mode [a tile, a
                                 block of V] */
    float *logit_slopes;      /* [V] of a row of capped logits; NULL where they are not */
    float *head_ds;           /* [n, V] where the head is tracked */
    float *d_stream;          /* [n, D] gradient of the residual stream */
    float *d_beside;          /* [n, D] the gradient through a parallel MLP */
    float *d_normed;          /* [n, D] */
    float *d_q, *d_k, *d_v;   /* as q, k, v */
    float *d_attended;        /* [n, H head_dim] */
    float *d_activated;       /* [n, F] */
    at_tangents tangents;     /* in forward and product mode */
};

/* Whether values of a forward pass are there already as tangents are computed: in product
 * mode all directions go through the same. */
static inline bool at_has_values(const at_decoder *decoder)
{
    return decoder->mode == AT_MODE_PRODUCT;
}

static inline bool at_has_tangents(const at_decoder *decoder)
{
    return decoder->mode == AT_MODE_FORWARD || decoder->mode == AT_MODE_PRODUCT;
}

/* A range of rows of the batch. */
typedef struct at_rows {
    size_t first, n;
} at_rows;

/* 1. Linear maps (linear.c) */

/* out [n, O] = a [n, in_dim] W' + beta out, without the bias. `widener` has room for the
 * map. */
void at_linear_product(at_widener *widener,
                       const at_linear *linear,
                       const float *a,
                       size_t n,
                       float beta,
                       float *out,
                       size_t out_stride);

/* out = at_linear_product() + bias. */
void at_linear_forward(at_widener *widener,
                       const at_linear *linear,
                       const float *a,
                       size_t n,
                       float beta,
                       float *out,
                       size_t out_stride);

/* d_a [n, I] = d_out [n, O] W + beta d_a, without the bias's column. */
void at_linear_backward(at_widener *widener,
                        const at_linear *linear,
                        const float *d_out,
                        size_t d_out_stride,
                        size_t n,
                        float beta,
                        float *d_a);

/* Put 1 after the `width` columns of each row where `stride` leaves room for it. */
void at_set_ones(float *a, size_t n, size_t width, size_t stride);

/* 2. Norms (layers_norm.c). One without gain is none: x itself, D wide. */

/* out [n, stride] = norm(x [n, width]), with the 1 of a bias after it. */
void at_norm_forward(const at_config *config,
                     const at_norm *norm,
                     const float *x,
                     size_t n,
                     float *out,
                     size_t stride);

/* d_x = gradient through norm(x [n, width]) of d_out [n, width] + beta d_x. d_x is finite
 * before the call; it may be d_out where beta is 0. */
void at_norm_backward(const at_config *config,
                      const at_norm *norm,
                      const float *x,
                      const float *d_out,
                      size_t n,
                      float beta,
                      float *d_x);

/* d_out [n, stride] = what norm(x [n, width]) changes by where x changes by d_x
 * [n, width]. d_out may be d_x where the stride is the width. */
void at_norm_along(const at_config *config,
                   const at_norm *norm,
                   const float *x,
                   const float *d_x,
                   size_t n,
                   float *d_out,
                   size_t stride);

/* A half of a layer joins the stream: out = base + scale norm(map(a)) for some rows; a
 * [n, in_dim], others [n, D]. map_out keeps map(a) where there is a norm. */
void at_join_forward(at_decoder *decoder,
                     const at_linear *map,
                     const at_norm *norm,
                     const float *a,
                     const float *base,
                     at_rows rows,
                     float *map_out,
                     float *out);

/* The gradient of map(a) [n, D] of every row from d_stream; valid until the next call. */
const float *at_join_backward(at_decoder *decoder,
                              const at_norm *norm,
                              const float *map_out);

/* out [n, D] = base + scale norm(map(a)), of tangents; base may not be out. map_out as
 * at_join_forward() left it. */
attrib_status at_join_along(at_decoder *decoder,
                            size_t i_layer,
                            at_slot slot,
                            const at_norm *norm,
                            const float *a,
                            const float *d_a,
                            const float *map_out,
                            const float *base,
                            float *out,
                            attrib_error *err);

/* 3. Attention (layers_rotary.c, layers_attend.c, layers_attention.c) */

/* Cosines and sines for the longest sequence. */
void at_rotary_fill(at_decoder *decoder);

/* Turn a layer's queries and keys of some rows, or back by sign -1. */
void at_rotary_turn(const at_decoder *decoder,
                    size_t i_layer,
                    float *q,
                    float *k,
                    at_rows rows,
                    float sign);

/* attended = softmax(scale q k') v for some rows. */
void at_attend(at_decoder *decoder, size_t i_layer, at_rows rows);

/* d_q, d_k and d_v, of turned and shaped ones, from d_attended. */
void at_attend_backward(at_decoder *decoder, size_t i_layer);

/* attended of all rows, and its tangent from those of q, k and v. */
void at_attend_along(at_decoder *decoder, size_t i_layer);

/* middle = input + O(attention(norm(input))) for some rows; the rows of the same
 * sequences before them must be there. Returns the rows of `middle`: the same, or those
 * that were gathered. */
at_rows at_attention_forward(at_decoder *decoder, size_t i_layer, at_rows rows);

/* d_stream through the attention half of a layer, handing over its tracked maps. */
attrib_status at_attention_backward(at_decoder *decoder,
                                    size_t i_layer,
                                    attrib_error *err);

/* at_attention_forward() for all rows, with tangents. */
attrib_status at_attention_along(at_decoder *decoder, size_t i_layer, attrib_error *err);

/* Rows that count (gather.c). Behind the attention of the last layer no row sees another,
 * so that those that do not count are done without. */

/* Whether this is so in a layer; what it can be so in is found by at_head_list(). */
bool at_gathers(const at_decoder *decoder, size_t i_layer);

/* Whether any of some rows counts. */
bool at_counts_any(const at_decoder *decoder, at_rows rows);

/* Move the rows that count, of `attended` and of the input, to the front, and go on with
 * them; returns them. */
at_rows at_gather(at_decoder *decoder, size_t i_layer);

/* The same of tangents. */
void at_gather_along(at_decoder *decoder, size_t i_layer);

/* Move d_attended and the stream's gradients of these rows back, others become 0, and go
 * on with all. */
void at_spread(at_decoder *decoder);

/* What a layer's halves join, or a parallel MLP reads, [n_rows, D]. */
const float *at_stream_of(const at_decoder *decoder, size_t i_layer);

/* 4. The MLP (layers_mlp.c) */

/* out = middle + DOWN(activation(norm(middle))) for some rows; a parallel MLP reads the
 * layer's input in place of middle. */
void at_mlp_forward(at_decoder *decoder, size_t i_layer, at_rows rows, float *out);

attrib_status at_mlp_backward(at_decoder *decoder, size_t i_layer, attrib_error *err);

/* at_mlp_forward() for all rows, with tangents: `input` becomes that of out. */
attrib_status at_mlp_along(at_decoder *decoder,
                           size_t i_layer,
                           float *out,
                           attrib_error *err);

/* 5. The head (loss.c, along.c) */

/* List the rows that count; refuses ids and labels outside the vocabulary. */
attrib_status at_head_list(at_decoder *decoder, at_labels labels, attrib_error *err);

/* Losses of the batch and, where a map is tracked, d_stream below the head. */
attrib_status at_head_run(at_decoder *decoder,
                          at_labels labels,
                          uint64_t seed,
                          double *losses,
                          attrib_error *err);

/* -f of the sequences that have a direction, in place of their losses; and the gradient
 * of this by the hidden state that layer `layer` reads, added to d_stream (direction.c).
 */
attrib_status at_directions_measure(at_decoder *decoder,
                                    double *losses,
                                    attrib_error *err);
void at_directions_seed(at_decoder *decoder, size_t layer);

/* Losses of the batch, and what they change by. */
attrib_status at_head_along(at_decoder *decoder,
                            double *losses,
                            double *slopes,
                            attrib_error *err);

/* In product mode: with d_l the tangents of a position's logits, d_stream below the head
 * from (diag(p) - p p') d_l in place of a loss's gradient, and the head's own pair.
 * (product.c) */
attrib_status at_head_product(at_decoder *decoder, attrib_error *err);

/* d_stream [n, D] += the gradient of rows first .. first + n of those that count, from
 * d_logits [n, V]. (loss.c) */
void at_head_backward(at_decoder *decoder, const float *d_logits, at_rows rows);

/* Hand over the head's pair: every row at hand, with ds = 0 where the prediction does not
 * count. */
attrib_status at_head_hand(at_decoder *decoder, attrib_error *err);

/* Clear the gradients that the head adds to. */
void at_head_clear(at_decoder *decoder);

/* Where a counted row lies. */
size_t at_head_row(const at_decoder *decoder, size_t i_counted);

/* Tangents of a layer's map for all rows: d_out [n, O] = d_a [n, in_dim] W' + a P' + beta
 * d_out, with a [n, in_dim] what the map reads and P its direction, where it is tracked.
 * d_a may be NULL for none. (along.c) */
attrib_status at_map_along(at_decoder *decoder,
                           size_t i_layer,
                           at_slot slot,
                           const float *a,
                           const float *d_a,
                           float beta,
                           float *d_out,
                           size_t stride,
                           attrib_error *err);

/* 6. The whole (decoder_deal.c, decoder_scratch.c, decoder.c) */

/* Deal all of the scratch for its mode, rows, longest sequence and what it keeps; with an
 * empty bank this counts its bytes. */
attrib_status at_decoder_deal(at_decoder *decoder, attrib_bank *bank, attrib_error *err);

/* The lowest layer that a backward pass reaches. */
size_t at_decoder_first_reached(const at_decoder *decoder);

/* Deal scratch for a batch, check it, and remember it. */
attrib_status at_decoder_begin(at_decoder *decoder,
                               const at_batch *batch,
                               attrib_error *err);

/* Token vectors and all layers for some rows, up to `output`. */
void at_decoder_forward(at_decoder *decoder, at_rows rows);

/* Whether a tracked map stands at a step, and whether one stands below it. */
bool at_is_tracked_at(const at_decoder *decoder, size_t i_layer, at_step step);
bool at_is_tracked_below(const at_decoder *decoder, size_t i_layer, at_step step);

/* Hand a map's pair over, where the map is tracked. */
attrib_status at_hand(at_decoder *decoder,
                      size_t i_module,
                      const float *a,
                      const float *ds,
                      attrib_error *err);

#endif
