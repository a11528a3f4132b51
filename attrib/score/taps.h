/* SPDX-License-Identifier: MIT */
/* The taps of a run's passes (attrib/gradient.h). Each is made from a context of its own,
 * and knows neither the others nor how the decoder runs. Contexts without arrays are
 * enough for dry runs, which predict memory (sizes.h) and time (plan/).
 *
 * 1. Scores.
 * 2. Self-influences.
 * 3. Explanations.
 * 4. Queries. */
#ifndef AT_SCORE_TAPS_H
#define AT_SCORE_TAPS_H

#include "query/prepare.h"

typedef struct at_self at_self;

/* 1. Scores (score.c, slope.c, tokens.c) */

/* Where the sums of documents are added. */
typedef struct at_sums {
    double *scores; /* [n_documents, groups, V] */
    double *bounds; /* [n_documents, groups, V] bounds of the scores' errors; NULL where
                       queries are whole */
    double *self;   /* [n_documents, settings] self-influences; NULL: not wanted */
    float *tokens;  /* [first_token[n_documents], V] shares of tokens, set and not added
                       to; NULL: not wanted */
    const size_t
        *first_token; /* [n_documents + 1] where each document begins in tokens */
} at_sums;

/* The context of scoring documents from `first` on against the queries of a tile. */
typedef struct at_scoring {
    const at_setup *setup;
    const at_prepared *prepared;
    bool with_tokens; /* keep the share of every token too */
    size_t first;     /* index of the first document */
    at_sums out;
} at_scoring;

/* Scores in reverse mode, for any queries. */
attrib_tap at_score_tap(at_scoring *scoring);

/* Scores in forward mode, for one whole query where only totals are wanted. */
attrib_tap at_slope_tap(at_scoring *scoring);

/* Run a pass over documents first .. first + n_documents with the taps that add all that
 * `out` wants. */
attrib_status at_score_documents(const at_setup *setup,
                                 const at_prepared *prepared,
                                 size_t first,
                                 size_t n_documents,
                                 const at_sums *out,
                                 attrib_error *err);

/* Count tokens (tokens.c): where the shares of documents first .. first + n_documents
 * begin, out [n_documents + 1]. */
attrib_status at_count_tokens(const at_setup *setup,
                              size_t first,
                              size_t n_documents,
                              size_t *out,
                              attrib_error *err);

/* Move shares of tokens from the rows of a block, [n_rows, V], which become 0, to
 * out->tokens. */
attrib_status at_move_tokens(const attrib_block *block,
                             size_t n_cases,
                             size_t first_document,
                             double *from,
                             const at_sums *out,
                             attrib_error *err);

/* 2. Self-influences (self.c) */

/* The context of self-influences for the sequences of a corpus from first_sequence on.
 * They are added to out [n_documents, settings], which begins with document
 * first_document and may be NULL for a dry run. */
attrib_status at_self_new(const at_setup *setup,
                          size_t first_sequence,
                          size_t first_document,
                          double *out,
                          at_self **self,
                          attrib_error *err);
void at_self_free(at_self *self);
attrib_tap at_self_tap(at_self *self);

/* The most bytes of gradients that it carries between blocks; the workers' scratch is not
 * included. */
double at_self_bytes(const at_self *self);

/* The mode in which documents are scored: forward along a single whole query where only
 * the total of each document is wanted, else reverse. */
at_mode at_scoring_mode(const at_setup *setup);

/* Fill `taps` with those of the scoring pass: one for scores, in the mode that serves,
 * and one for self-influences where `self` is not NULL. Returns how many. */
size_t at_scoring_taps(at_scoring *scoring, at_self *self, attrib_tap taps[2]);

/* 3. Explanations (explain.c) */

typedef struct at_explaining at_explaining;

/* A context without pairs, for dry runs; freed by free(). */
attrib_status at_explaining_outline(const at_setup *setup,
                                    at_explaining **out,
                                    attrib_error *err);

attrib_tap at_explain_tap(at_explaining *explaining);

/* 4. Queries (query/prepare.c): the tap keeps the rows that each map of some queries
 * hands out */

typedef struct at_keeping at_keeping;

attrib_tap at_keep_tap(at_keeping *keeping);

#endif
