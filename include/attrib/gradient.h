/* SPDX-License-Identifier: MIT */
/* The pass: a corpus through the decoder once, and taps that look at the gradient of
 * every tracked map on the way. Everything that this library sums, scores or explains is
 * a tap; so may yours be. */
#ifndef ATTRIB_GRADIENT_H
#define ATTRIB_GRADIENT_H

#include <attrib/corpus.h>
#include <attrib/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A block: consecutive sequences, packed end to end, that one worker takes through the
 * decoder together. */
typedef struct attrib_block {
    size_t index;          /**< blocks are numbered from 0 in the order of the corpus */
    size_t first_sequence; /**< of the source */
    size_t n_sequences, n_rows;
    const attrib_sequence *sequences; /**< [n_sequences] */
    const size_t *first_row; /**< [n_sequences + 1]; rows of sequence s: first_row[s] ..
                                first_row[s + 1] */
    const double *losses;    /**< [n_sequences] nats, summed over the tokens that count;
                                set for finish(), 0 in passes of products */
    const double *slopes; /**< [n_sequences] what losses change by along the direction of
                             a forward tap; set for finish(), NULL in reverse */
    const double *row_slopes; /**< [n_rows] the same of the predictions that they sum; row
                                 t of a sequence predicts token t + 1; 0 where that does
                                 not count */
    const double *row_inputs; /**< [n_rows] d loss / d eps of a sequence's loss as the
                                 token vector of the row is multiplied by 1 + eps; set for
                                 finish() of taps that reach the input, else NULL */
    const float *states; /**< [n_rows, D] hidden states of the layer that a tap wants; set
                            for finish() of taps with wants_states, else NULL */
    size_t n_tokens; /**< of all its sequences: n_rows, and the rows that passes of this
                        library leave out because no loss depends on them */
} attrib_block;

/** How large a block is, or may be at most. */
typedef struct attrib_block_size {
    size_t n_sequences, n_rows;
    size_t longest; /**< tokens of its longest sequence */
} attrib_block_size;

/** A tracked map of a block: s = W a, W [O, I]. */
typedef struct attrib_visit {
    const attrib_block *block;
    size_t i_tracked;            /**< place in the list of tracked maps */
    const attrib_module *module; /**< its name and widths */
    const float *a;   /**< [n_rows, I] inputs; the last column is 1 where the map
                         has a bias */
    const float *ds;  /**< [n_rows, O] dLoss/ds; row t of a sequence carries the pair that
                         predicts token t + 1 */
    attrib_bank desk; /**< memory of this visit, from module() to commit(): as much as
                         desk() counts, not cleared */
    struct attrib_multiplier *multiplier; /**< for taps of this library */
    size_t n_rows; /**< of a and ds: those of the block, and fewer only in passes of this
                      library, where ds would be 0 in the others */
    const size_t *first_row; /**< [n_sequences + 1] as of the block, among these rows */
    const size_t *rows; /**< [n_rows] which rows of the block they are, ascending; NULL:
                           all of them */
    size_t i_vector;    /**< of the n_vectors of a tap of products, whose maps are visited
                           once for each; else 0 */
} attrib_visit;

/**
 * What looks at a pass. Every callback but `name` may be NULL. Callbacks return ATTRIB_OK
 * or describe their failure in `err`, which stops the pass.
 *
 * A worker has scratch of its own for each tap: deal() counts it, then deals it, cleared.
 * What module() leaves there, commit() and finish() add up in block order; nothing may
 * depend on which worker ran. So sums have the same bytes for any number of threads.
 */
typedef struct attrib_tap {
    const char *name; /**< static */
    void *context;    /**< handed to every callback */

    /** Whether the pass goes in forward mode along direction(), without a backward pass,
     * in place of reverse mode with module(). All taps of a pass want the same. */
    bool is_forward;

    /** Deal a worker's scratch for blocks of at most this size; *scratch is then handed
     * to the other callbacks. */
    attrib_status (*deal)(const void *context,
                          const attrib_block_size *most,
                          attrib_bank *bank,
                          void **scratch,
                          attrib_error *err);

    /** Count what a visit of a map takes of its desk in a block of this size: called with
     * every size that the pass has. */
    attrib_status (*desk)(const void *context,
                          size_t i_tracked,
                          const attrib_block_size *size,
                          attrib_bank *bank,
                          attrib_error *err);

    /** Add to `load` what a map costs beyond the pass itself, for a block of n_rows rows
     * in n_sequences sequences, which need not be whole numbers. For plans. */
    void (*cost)(const void *context,
                 size_t i_tracked,
                 double n_rows,
                 double n_sequences,
                 attrib_load *load);

    /** A map of a block, on any worker at any time. */
    attrib_status (*module)(void *context,
                            void *scratch,
                            const attrib_visit *visit,
                            attrib_error *err);

    /** After module(), one block at a time for each map, in block order. The desk is as
     * module() left it. */
    attrib_status (*commit)(void *context,
                            void *scratch,
                            const attrib_visit *visit,
                            attrib_error *err);

    /** After the last map of a block, one block at a time, in block order. */
    attrib_status (*finish)(void *context,
                            void *scratch,
                            const attrib_block *block,
                            attrib_error *err);

    /** After commit() of the last block of a part of the corpus: add the map's sum of
     * this part to the sum of the parts before it. */
    attrib_status (*merge)(void *context, size_t i_tracked, attrib_error *err);

    /** Forward mode: d_out += a P' for some outputs of a map, P [O, I] its direction. */
    attrib_status (*direction)(void *context,
                               const attrib_outputs *outputs,
                               attrib_error *err);

    /** Whether the pass goes backward as far as the token vectors, for
     * attrib_block.row_inputs. All taps of a pass want the same; not with is_forward. */
    bool reaches_input;

    /** Whether attrib_block.states are set, and to which: what layer state_layer reads,
     * counted from 0, or after the last one what the head reads, as
     * output_hidden_states of transformers counts. All taps of a pass want the same; not
     * with is_forward. */
    bool wants_states;
    size_t state_layer;

    /** 0, or how many directions P the pass multiplies with the Gauss-Newton matrix H of
     * the losses, after one forward pass for all of them: direction() follows each
     * (attrib_outputs.i_vector), and module() is handed, map by map for each, the ds and
     * a whose sum_t ds_t a_t' is the map's part of H P. Losses are 0. All taps of a pass
     * want the same; not with is_forward, reaches_input, wants_states or merge(). */
    size_t n_vectors;
} attrib_tap;

/** Taps, as #ATTRIB_LIST makes them. */
typedef struct attrib_taps {
    const attrib_tap *taps; /**< [n], tap_bytes apart */
    size_t n, tap_bytes;
} attrib_taps;

/**
 * Take every document of a corpus through a model once, and hand each tracked map to the
 * taps.
 *
 * @param session  may be NULL: one thread
 * @param model    borrowed
 * @param corpus   borrowed
 * @param modules  which maps are tracked, as of attrib_model_select(); NULL: "mlp"
 * @param taps     at least 1, borrowed; all forward, or all reverse
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL (selection; taps of both modes); what a tap returns;
 * ATTRIB_ERANGE for a sequence longer than the model's context; ATTRIB_ENUMERIC;
 * ATTRIB_ECANCELED; ATTRIB_ENOMEM.
 * @par Threads    callbacks are called from the session's workers as their docs say;
 * commit(), finish() and merge() see blocks in the same order for any number of threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_pass_run(attrib_session *session,
                                                           const attrib_model *model,
                                                           const attrib_corpus *corpus,
                                                           const char *modules,
                                                           const attrib_taps *taps,
                                                           attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
