/* SPDX-License-Identifier: MIT */
/* The first and last documents of each case in the order of full scores, with their
 * explanations, and the answers that are built from them. A full score is one of the
 * whole query, not of a cut one. */
#ifndef AT_SCORE_SETTLE_H
#define AT_SCORE_SETTLE_H

#include "run/top.h"
#include "score/explain.h"
#include "score/recall.h"
#include "score/stream.h"

/* The documents found for some queries of a tile, all held whole. */
typedef struct at_settled {
    at_top *tops; /* [n_cases] */
    size_t n_cases;
    at_pair *pairs; /* [n_pairs] all that stand in tops, by document, then case */
    size_t n_pairs;
    at_drawn *drawn; /* [n_cases] by a filter of documents; NULL: none were drawn */
} at_settled;

/* Find the first and last documents for the queries of `prepared`, all in one tile of the
 * run. Scores of whole queries order them at once. Where scores are of cut queries, every
 * document whose bound lets it stand among the first or last is scored in full; run->info
 * counts these. */
attrib_status at_settle(const at_setup *setup,
                        const at_prepared *prepared,
                        attrib_run *run,
                        size_t i_tile,
                        at_settled *out,
                        attrib_error *err);
void at_settled_free(at_settled *settled);

/* Move the pairs that stand in their case's tops to the settled ones, and free what the
 * others hold; those that were settled before and stand there no more go too. */
attrib_status at_settled_keep(at_settled *out,
                              at_pair *pairs,
                              size_t n_pairs,
                              attrib_error *err);

/* Make room for the first and last k documents of each case (tops.c). */
attrib_status at_settled_open(const at_stream *scores,
                              size_t k,
                              at_settled *out,
                              attrib_error *err);

/* Find the first and last k documents by the scores as they stand, and list them as pairs
 * that are not explained yet. What was found is to be freed, after a failure too. */
attrib_status at_settle_tops(const at_stream *scores,
                             size_t k,
                             at_settled *out,
                             attrib_error *err);

/* Bytes that settling the first and last documents of one case takes. The prepared query
 * and the scores are not included. */
double at_settling_bytes(const at_setup *setup);

/* Documents of a case that are scored in full and explained in a round. */
double at_first_round_documents(const at_setup *setup);

/* Build the answers of the queries of `prepared`. All that they point to is copied into
 * the run's bank. */
attrib_status at_answers_build(attrib_run *run,
                               const at_setup *setup,
                               const at_prepared *prepared,
                               const at_settled *settled,
                               attrib_error *err);

/* Set what a pair's document is, in the corpus, and the shares of its tokens and maps,
 * copied into the run's bank. */
attrib_status at_result_explain(attrib_run *run,
                                const at_setup *setup,
                                const at_pair *pair,
                                attrib_result *out,
                                attrib_error *err);

/* Bytes of one case's answer. */
double at_answer_bytes(const at_setup *setup);

#endif
