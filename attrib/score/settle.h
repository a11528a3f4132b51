/* SPDX-License-Identifier: MIT */
/* The first and last documents of each case, as full scores order them, with their
 * explanations; and the answers that are made of them. */
#ifndef AT_SCORE_SETTLE_H
#define AT_SCORE_SETTLE_H

#include "score/explain.h"
#include "score/top.h"

/* What was found for a tile of whole queries. */
typedef struct at_settled {
    at_top *tops; /* [n_cases] */
    size_t n_cases;
    at_pair *pairs; /* [n_pairs] of all that stand in tops, by document, then case */
    size_t n_pairs;
} at_settled;

/* Find them for the queries of `prepared`, all in one tile of the run: those of the
 * scores, or, where these are of cut queries, of scores in full of every document whose
 * bound lets it stand among them. Counts those in run->info. */
attrib_status at_settle(const at_setup *setup,
                        const at_prepared *prepared,
                        attrib_run *run,
                        size_t i_tile,
                        at_settled *out,
                        attrib_error *err);
void at_settled_free(at_settled *settled);

/* Bytes of one case while its first and last documents are settled, beside the prepared
 * query and the scores, which are those of queries of `rank`. */
double at_settling_bytes(const at_setup *setup, size_t rank);

/* Documents of a case that are scored in full and explained in a round. */
double at_round_documents(const at_setup *setup);

/* Answers of the queries of `prepared`: copies all into the run's bank. */
attrib_status at_answers_build(attrib_run *run,
                               const at_setup *setup,
                               const at_prepared *prepared,
                               const at_settled *settled,
                               attrib_error *err);

/* Bytes of one case's answer. */
double at_answer_bytes(const at_setup *setup);

#endif
