/* SPDX-License-Identifier: MIT */
/* The stages of ranking: queries prepared, documents scored part by part, the first and
 * last explained. */
#ifndef AT_RANK_RANK_H
#define AT_RANK_RANK_H

#include "attrib/rank.h"
#include "curvature/inverse.h"

/* What all stages share. */
typedef struct at_ranking {
    attrib_session *session;
    const attrib_model *model;
    const attrib_tokenizer *tokenizer; /* may be NULL */
    const attrib_factors *factors;     /* may be NULL: identity */
    const attrib_corpus *corpus;
    attrib_queries *queries;
    attrib_score_options options;
    size_t *tracked; /* [n_tracked] ascending module indices */
    size_t n_tracked;
    size_t n_queries, n_documents;
} at_ranking;

/* 1. Queries (queries.c) */

/* Have the model write the completions that are missing; refuse queries without a token
 * that counts. */
attrib_status at_complete_queries(const at_ranking *ranking, attrib_error *err);

/* Preconditioned gradients of all queries. */
typedef struct at_prepared {
    size_t n_tracked;
    float **p;      /* [n_tracked] of [Q, O, I] */
    double *losses; /* [Q] nats, summed over the completion's tokens */
} at_prepared;

attrib_status at_prepare_queries(const at_ranking *ranking,
                                 at_prepared *out,
                                 attrib_error *err);
void at_prepared_free(at_prepared *prepared);

/* 2. Scores (score.c) */

/* scores [n_documents, Q] = those of documents first .. first + n_documents, f64. */
attrib_status at_score_documents(const at_ranking *ranking,
                                 const at_prepared *prepared,
                                 size_t first,
                                 size_t n_documents,
                                 double *scores,
                                 attrib_error *err);

/* 3. The first and last of each query (top.c) */

typedef struct at_ranked {
    size_t document;
    double score;
} at_ranked;

/* The k best and k worst of one query; equal scores in document order. */
typedef struct at_top {
    size_t k;
    at_ranked *best, *worst; /* [k]; worst first */
    size_t n_best, n_worst;
} at_top;

attrib_status at_top_new(size_t k, at_top *out, attrib_error *err);
void at_top_free(at_top *top);
void at_top_add(at_top *top, size_t document, double score);
/* Take out of `worst` what stands in `best` too, where there are fewer than 2 k
 * documents. */
void at_top_separate(at_top *top);

/* 4. Explanations (explain.c) */

/* A reported document of a query, with the shares of its tokens and maps. */
typedef struct at_pair {
    size_t query, document;
    double
        *tokens; /* [n_tokens of the document] addend of the position that predicts it */
    double *modules; /* [n_tracked] */
} at_pair;

/* For qsort and bsearch: by document, then query. */
int at_compare_pairs(const void *left, const void *right);

/* Fill tokens and modules (owned by the caller, allocated here) of pairs sorted by
 * document, then query. */
attrib_status at_explain(const at_ranking *ranking,
                         const at_prepared *prepared,
                         at_pair *pairs,
                         size_t n_pairs,
                         attrib_error *err);

#endif
