/* SPDX-License-Identifier: MIT */
/* Documents compared with queries by mean hidden states.
 *
 *     score(q, z) = cosine of  sum over rows r of q  w_r mean_t h(r, t)  and  mean_t h(z,
 * t)
 *
 * h(., t) is the hidden state of token t that layer l reads, or the head after the last
 * one, with its norm. Means are over all tokens; a row is a prompt and its completion,
 * without the other side of a margin. */
#ifndef AT_BASELINE_HIDDEN_H
#define AT_BASELINE_HIDDEN_H

#include "query/setup.h"

/* The queries of a tile. */
typedef struct at_hidden {
    const at_setup *setup; /* borrowed */
    size_t layer, width, n_queries;
    double *directions; /* [n_queries, width] of length 1 */
} at_hidden;

/* Pass over the rows of a tile's queries. EINVAL for a query whose mean is 0. */
attrib_status at_hidden_new(
    const at_setup *setup, size_t layer, at_tile tile, at_hidden *out, attrib_error *err);
void at_hidden_free(at_hidden *hidden);

/* Some documents of a corpus, ascending, and their sequences, which are what a pass goes
 * over. */
typedef struct at_document_list {
    const size_t *documents; /* [n] */
    size_t n;
} at_document_list;

/* Pass over documents: their scores, out [n, n_queries]; 0 where a mean is 0. */
attrib_status at_hidden_score(const at_hidden *hidden,
                              const at_document_list *list,
                              double *out,
                              attrib_error *err);

/* A document of a query, whose tokens' shares are wanted. */
typedef struct at_hidden_pair {
    size_t i_document; /* in the list */
    size_t i_query;
    double *tokens; /* [n tokens of the document] shares: they sum to the score */
} at_hidden_pair;

/* Pass over documents for the shares of pairs, sorted by i_document:
 *
 *     share(t) = direction . h(z, t) / (T |mean_t h(z, t)|) */
attrib_status at_hidden_shares(const at_hidden *hidden,
                               const at_document_list *list,
                               const at_hidden_pair *pairs,
                               size_t n_pairs,
                               attrib_error *err);

/* Bytes of a worker of these passes, where blocks have at most so many rows. */
attrib_status at_hidden_bytes(const at_setup *setup, double *out, attrib_error *err);

#endif
