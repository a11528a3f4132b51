/* SPDX-License-Identifier: MIT */
/* The decoder of one worker: packed sequences forward and backward, with (a, ds) of every
 * tracked map. */
#ifndef AT_MODEL_DECODER_H
#define AT_MODEL_DECODER_H

#include "attrib/model.h"
#include "base/memory.h"
#include "linalg/multiply.h"

/* A batch: sequences packed end to end, without padding. */
typedef struct at_batch {
    size_t n_sequences;
    const attrib_sequence *sequences; /* [n_sequences] */
    const size_t *first_row; /* [n_sequences + 1]; rows of sequence i: first_row[i] ..
                                first_row[i + 1]. Row t is token t; there are fewer rows
                                than tokens where no prediction after them counts */
} at_batch;

/* What positions are to predict. */
typedef enum at_labels {
    AT_LABELS_DATA,   /* the sequence's ids */
    AT_LABELS_SAMPLED /* the sequence's `labels` where it has them, else drawn from the
                         model: the draw for (seed, document, offset + t) */
} at_labels;

/* A tracked map is done: a [n_rows, in_dim] (last column 1 where it has a bias), ds
 * [n_rows, out_dim], of the loss in nats summed over masked positions, with the opposite
 * sign in sequences that are subtracted. Row t of a
 * sequence carries the pair that predicts ids[t + 1]. Valid during the call. i_tracked
 * indexes the tracked list; maps come in the order of the backward pass. */
typedef attrib_status (*at_module_fn)(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err);

/* How a decoder takes a batch. */
typedef enum at_mode {
    AT_MODE_REVERSE, /* forward and backward, for (a, ds) of every tracked map */
    AT_MODE_FORWARD, /* forward alone, with the tangents along one direction: layers keep
                        nothing */
    AT_MODE_INPUT,   /* as in reverse, and backward as far as the token vectors */
    AT_MODE_PRODUCT  /* forward once, then for each of some directions forward with
                        tangents and backward: products with the Gauss-Newton matrix */
} at_mode;

/* The direction of a map, P [out_dim, in_dim]: add a P' to d_out. */
typedef attrib_status (*at_direction_fn)(void *context,
                                         const attrib_outputs *outputs,
                                         attrib_error *err);

typedef struct at_rounded at_rounded; /* model/rounded.h */

/* Scratch and plan of one worker; not for two threads. */
typedef struct at_decoder at_decoder;

/* tracked [n_tracked]: ascending module indices; may be empty (losses only). Both
 * borrowed. */
attrib_status at_decoder_new(const attrib_model *model,
                             const size_t *tracked,
                             size_t n_tracked,
                             at_decoder **out,
                             attrib_error *err);
void at_decoder_free(at_decoder *decoder);

/* Multiply in the precision of a multiplier, with weights that were rounded before or
 * NULL; both borrowed. A decoder that is not told so multiplies in f32. */
void at_decoder_multiply_by(at_decoder *decoder,
                            at_multiplier *multiplier,
                            const at_rounded *rounded);

/* Let scratch for 512 rows and fewer grow to so many bytes, and in proportion for more
 * rows, before layers make again what the backward pass reads of them: where that is more
 * than the usual limit (AT_KEPT_LIMIT). Results are the same bytes. */
void at_decoder_keep(at_decoder *decoder, double layers_limit);

/* Have the runs that follow leave out what only rows need whose prediction does not
 * count: the last layer after its attention. No direction and no hidden state may be
 * wanted of them. Not left out unless it is said. */
void at_decoder_skip_uncounted(at_decoder *decoder, bool is_skipped);

/* While a map is handed over: its rows, which are *n of the batch's rows, ascending;
 * NULL: all of them. In a row that is left out, ds is 0. */
const size_t *at_decoder_handed_rows(const at_decoder *decoder, size_t *n);

/* Make the scratch for the largest batch that will come, of n_rows rows whose longest
 * sequence has `longest` tokens. Otherwise it would grow batch by batch and leave holes
 * in the heap. */
attrib_status at_decoder_reserve(
    at_decoder *decoder, at_mode mode, size_t n_rows, size_t longest, attrib_error *err);

/* Forward and backward, in input mode where rows.inputs is reported. losses [n_sequences]
 * (f64 nats, summed over the sequence's masked positions, of the labels that were used;
 * minus that sum where it is subtracted; -f of a sequence with a direction,
 * model/direction.c). The backward stops at the lowest tracked map; no gradient of a
 * weight is formed. */
attrib_status at_decoder_run(at_decoder *decoder,
                             const at_batch *batch,
                             at_labels labels,
                             uint64_t seed,
                             at_module_fn fn,
                             void *context,
                             double *losses,
                             attrib_error *err);

/* Where the runs that follow write numbers of single rows, [n_rows] where nothing else is
 * said; NULL: nowhere. */
typedef struct at_row_results {
    double *slopes; /* in forward mode: what the loss of the row's prediction changes by;
                       0 where that does not count */
    double *inputs; /* in input mode: what the sequence's loss changes by as the row's
                       token vector is multiplied by 1 + eps, d loss / d eps */
    float *states;  /* [n_rows, D] in reverse and input mode: the hidden states that layer
                       state_layer reads, or the head for the last one's */
    size_t state_layer; /* <= L */
} at_row_results;

void at_decoder_report_rows(at_decoder *decoder, at_row_results rows);

/* Losses as above, of the data's labels, and slopes [n_sequences]: what they change by
 * along a direction P, sum over tracked maps of < P, sum_t ds_t a_t' >, without a
 * backward pass. */
attrib_status at_decoder_run_along(at_decoder *decoder,
                                   const at_batch *batch,
                                   at_direction_fn direction,
                                   void *context,
                                   double *losses,
                                   double *slopes,
                                   attrib_error *err);

/* Products with the Gauss-Newton matrix of the batch's losses, for n_vectors directions P
 * that share one forward pass:
 *
 *     H P = sum over counted positions of  J' (diag(p) - p p') J P
 *
 * with J the Jacobian of a position's logits by the tracked maps' weights and p their
 * softmax. fn() is handed (a, ds) of each map, whose sum_t ds_t a_t' is its part of H P;
 * at_decoder_vector() says of which direction. Labels are not read. No sequence measures
 * a direction of hidden states, and rows that do not count are not skipped. ENUMERIC
 * names a document whose logits or tangents are not finite. */
attrib_status at_decoder_run_products(at_decoder *decoder,
                                      const at_batch *batch,
                                      size_t n_vectors,
                                      at_direction_fn direction,
                                      at_module_fn fn,
                                      void *context,
                                      attrib_error *err);

/* While a map is handed over in product mode: of which direction; else 0. */
size_t at_decoder_vector(const at_decoder *decoder);

/* How a decoder takes its batches: what its scratch and its cost depend on, apart from
 * the batches.
 */
typedef struct at_decoding {
    const attrib_model *model;
    at_mode mode;
    const size_t *tracked; /* [n_tracked] ascending module indices */
    size_t n_tracked;
    double layers_limit; /* as of at_decoder_keep() */
} at_decoding;

/* Bytes of scratch that a decoder takes for batches of up to n_rows rows whose longest
 * sequence has `longest`. */
attrib_status at_decoder_bytes(const at_decoding *how,
                               size_t n_rows,
                               size_t longest,
                               size_t *out,
                               attrib_error *err);

/* The first layers that keep queries, keys and values, and gate and up, of their own.
 * Those below share one set, which the last of them leaves in it: the others make theirs
 * again for the backward pass. */
typedef struct at_kept {
    size_t qkv_from, mlp_from;
} at_kept;

/* Which activations the decoder keeps of such a batch. */
attrib_status at_decoder_kept(const at_decoding *how,
                              size_t n_rows,
                              size_t longest,
                              at_kept *out,
                              attrib_error *err);

/* What a block of a pass is: B rows in sequences of T tokens, of which so many count. */
typedef struct at_stretch {
    double rows, length, predicted; /* predicted: of the rows */
    double keys; /* that a row attends to on average, those above the diagonal that its
                    tile computes included */
    double late; /* rows after the attention of the last layer */
} at_stretch;

/* Keys that a row attends to on average, in sequences where the mean over rows of their
 * sequence's length is mean_tokens: those above the diagonal that its tile computes are
 * among them. */
double at_decoder_keys(double mean_tokens);

/* The cost of a whole block: forward, and backward down to the lowest tracked map, or
 * forward with tangents, or in product mode all that one direction takes beyond the
 * forward pass that all share; its bytes are the weights, as if no cache held any.
 * ENOMEM. */
attrib_status at_decoder_cost(const at_decoding *how,
                              const at_stretch *block,
                              attrib_load *out,
                              attrib_error *err);

/* Multiply-adds of one token in the matrix products of a pass (head included, attention
 * left out): P such that forward is 2 P and forward + backward 4 P FLOP. */
double at_model_products_per_token(const attrib_model *model);

#endif
