/* SPDX-License-Identifier: MIT */
/* Weighted sums of runs of the same documents and queries.
 *
 * 1. What a sum is made with.
 * 2. Numbers.
 * 3. Both ends of each ranking.
 * 4. Answers. */
#ifndef AT_RUN_SUM_H
#define AT_RUN_SUM_H

#include "run/merge.h"
#include "run/top.h"

/* 1. What a sum is made with (sum.c, sum_check.c) */

typedef struct at_sum {
    attrib_session *session;
    attrib_run **runs;     /* [n_runs] */
    const double *weights; /* [n_runs] */
    size_t n_runs;
    attrib_run *out;
    bool is_exact; /* all scores of all runs are full ones, in f32 */
    at_top *tops;  /* [n_answers] of the sum; NULL before they are found */
} at_sum;

/* EINVAL where run b cannot be added to run a, saying what differs. */
attrib_status at_sum_check(attrib_run *a, attrib_run *b, attrib_error *err);

/* 2. Numbers (sum_slices.c) */

/* Write all slices of the sum. */
attrib_status at_sum_slices(const at_sum *self, attrib_error *err);

/* 3. Both ends of each ranking (sum_tops.c) */

/* Find `tops` by the slices that are written and by the scores that all runs report,
 * which are exact, and count what is not certain of them. */
attrib_status at_sum_tops(at_sum *self, attrib_error *err);

/* 4. Answers (sum_answers.c) */

/* Make the answers of the sum, without what is reported: queries and what they measure.
 */
attrib_status at_sum_queries(const at_sum *self, attrib_error *err);

/* Report the documents that stand in `tops`. */
attrib_status at_sum_results(const at_sum *self, attrib_error *err);

/* The document as run r reports it for an answer; NULL where it does not. */
const attrib_result *at_sum_reported(const at_sum *self,
                                     size_t r,
                                     size_t i_answer,
                                     size_t document);

#endif
