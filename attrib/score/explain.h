/* SPDX-License-Identifier: MIT */
/* Shares of tokens and maps in the scores of single documents. */
#ifndef AT_SCORE_EXPLAIN_H
#define AT_SCORE_EXPLAIN_H

#include "query/prepare.h"

/* A document of a case, with the shares of its tokens and maps. */
typedef struct at_pair {
    size_t i_case, document; /* case of the tile */
    double
        *tokens; /* [n_tokens of the document] share of the position that predicts it */
    double *modules;     /* [n_tracked] */
    double score;        /* the sum of the shares */
    double *differences; /* [n_tokens] scratch of token_kind.c */
    double token_error;  /* of `tokens`, where these are differences; else 0 */
    double scale;        /* that all of these were multiplied by; kept for the caller */
    double estimate, bound; /* the score by the cut query or in bf16, and its bound; kept
                               for the caller */
    bool is_best;           /* it stands among the first; kept for the caller */
} at_pair;

/* For qsort and bsearch: by document, then case. */
int at_compare_pairs(const void *left, const void *right);

void at_pairs_free(at_pair *pairs, size_t n_pairs);

/* Fill tokens, modules (owned by the caller, allocated here) and score of pairs sorted by
 * document, then case, with queries that are whole. In progress this is worth so many
 * `units`, which are queries. */
attrib_status at_explain(const at_setup *setup,
                         const at_prepared *prepared,
                         at_pair *pairs,
                         size_t n_pairs,
                         double units,
                         attrib_error *err);

#endif
