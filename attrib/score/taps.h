/* SPDX-License-Identifier: MIT */
/* The taps of a run's passes (attrib/gradient.h). Each is made from a context of its own,
 * and knows neither the others nor how the decoder runs. Contexts without arrays are
 * enough for dry runs, which predict memory (sizes.h) and time (plan/).
 *
 * 1. Self-influences.
 * 2. Scores.
 * 3. Explanations.
 * 4. Queries. */
#ifndef AT_SCORE_TAPS_H
#define AT_SCORE_TAPS_H

#include "query/prepare.h"

/* Shared by taps that sum up numbers of documents (sums.c): add the sums of a block's
 * sequences, from [n_sequences, columns], to their documents' in an array of a slice,
 * whose columns of baselines stay as they are.
 * ENUMERIC where a sum is not finite. */
attrib_status at_add_sums(const attrib_block *block,
                          const double *from,
                          at_array_kind kind,
                          at_slice *slice,
                          attrib_error *err);

/* 1. Self-influences (self.c) */

typedef struct at_self at_self;

/* The context of self-influences for the documents of a slice, which may be NULL for a
 * dry run. */
attrib_status at_self_new(const at_setup *setup,
                          at_slice *slice,
                          at_self **out,
                          attrib_error *err);
void at_self_free(at_self *self);
attrib_tap at_self_tap(at_self *self);

/* The most bytes of gradients that it carries between blocks, and of the factors that it
 * takes; the workers' scratch is not included. */
double at_self_bytes(const at_self *self);

/* 2. Scores (score.c, slope.c, tokens.c) */

/* The pass that scores documents against the queries of a tile. Its taps add to all
 * arrays that `out` has; in a dry run, they are those of all arrays that the run will
 * hold. Not to be moved, as its taps point to it. */
typedef struct at_scoring {
    const at_setup *setup;
    const at_prepared *prepared;
    at_slice *out; /* NULL: dry run */
    at_self *self; /* NULL: not wanted */
    attrib_tap taps[2];
    size_t n_taps;
} at_scoring;

/* The pass itself, in the precision of the run. */
at_pass at_scoring_pass(const at_setup *setup);

attrib_status at_scoring_open(const at_setup *setup,
                              const at_prepared *prepared,
                              at_slice *out,
                              at_scoring *scoring,
                              attrib_error *err);
void at_scoring_close(at_scoring *scoring);

/* Scores in forward mode, for one whole query where only totals are wanted. */
attrib_tap at_slope_tap(at_scoring *scoring);

/* The mode in which documents are scored: forward along a single whole query where only
 * the total of each document is wanted, else reverse. */
at_mode at_scoring_mode(const at_setup *setup);

/* Run a pass over the documents of a slice with the taps that add to its arrays. */
attrib_status at_score_documents(const at_setup *setup,
                                 const at_prepared *prepared,
                                 at_slice *out,
                                 attrib_error *err);

/* Move the shares of tokens (tokens.c) from the rows of a block, [n_rows, V], which
 * become 0, to the slice's. */
attrib_status at_move_tokens(const attrib_block *block,
                             double *from,
                             at_slice *slice,
                             attrib_error *err);

/* 3. Explanations (explain.c) */

typedef struct at_explaining at_explaining;

/* A context without pairs, for dry runs; freed by free(). */
attrib_status at_explaining_outline(const at_setup *setup,
                                    at_explaining **out,
                                    attrib_error *err);

attrib_tap at_explain_tap(at_explaining *explaining);

/* The pass that explains. */
at_pass at_explaining_pass(const at_setup *setup);

#endif
