/* SPDX-License-Identifier: MIT */
/* Documents compared with queries by the tokens that they share.
 *
 *     score(q, z) = sum over tokens t of z  w_q(t) idf(t) g(f_z(t))
 *
 * w_q(t) is how often the query has the token, times the weight of its row where a query
 * is a sum of rows, and with a minus on the other side of a margin; f_z(t) how often the
 * document has it; idf(t) at_inverse_frequency().
 *
 *     BM25     g(f) = (k1 + 1) f / (f + k1 (1 - b + b |z| / mean |z|)), k1 1.5, b 0.75
 *     TF-IDF   g(f) = 1 for f > 0; w_q(t) counts rows and sides alike, so that it is the
 *              filter of Grosse et al. 2023, section 3.2, eq. 28 and 29
 *
 * Source of BM25: Robertson and Zaragoza 2009, with the idf that Lucene has, which is
 * never negative. */
#ifndef AT_BASELINE_LEXICAL_H
#define AT_BASELINE_LEXICAL_H

#include "baseline/bag.h"
#include "query/setup.h"

typedef enum at_lexical_kind { AT_BM25, AT_TFIDF } at_lexical_kind;

typedef struct at_posting {
    int32_t token;
    size_t i_query;
    double weight; /* w_q(t) idf(t) */
} at_posting;

/* Queries of a tile, by their tokens. */
typedef struct at_lexical {
    at_lexical_kind kind;
    const at_frequencies *frequencies; /* borrowed */
    size_t n_queries;
    at_posting *postings; /* [n_postings] by token, then query */
    size_t n_postings;
    size_t *first; /* [V + 1] where each token begins in `postings` */
} at_lexical;

attrib_status at_lexical_new(const at_setup *setup,
                             at_lexical_kind kind,
                             at_tile tile,
                             const at_frequencies *frequencies,
                             at_lexical *out,
                             attrib_error *err);
void at_lexical_free(at_lexical *lexical);

/* The scores of a document, out [n_queries]. */
void at_lexical_score(const at_lexical *lexical, const at_bag *bag, double *out);

/* The shares of a document's tokens in its score for a query, out [n tokens]: each time
 * that a token stands there has the same part of what the token gives. They sum to the
 * score. */
void at_lexical_shares(const at_lexical *lexical,
                       const at_bag *bag,
                       const attrib_corpus *corpus,
                       const attrib_document *document,
                       size_t i_query,
                       double *out);

#endif
