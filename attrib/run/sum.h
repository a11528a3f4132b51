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

typedef struct at_summing at_summing;

/* A reported pair that a run has no shares of, and what it would report. */
typedef struct at_sum_pair {
    size_t i_answer, document;
    attrib_result result; /* in the bank of the sum; n_tokens is 0 before it is known */
} at_sum_pair;

/* Explains the pairs [n] that run r has not reported, sorted by answer, then document. */
typedef attrib_status (*at_sum_explain_fn)(void *context,
                                           const at_summing *sum,
                                           size_t r,
                                           at_sum_pair *pairs,
                                           size_t n,
                                           attrib_error *err);

/* What was found for the pairs of a run. */
typedef struct at_sum_pairs {
    at_sum_pair *items; /* [n] */
    size_t n;
} at_sum_pairs;

struct at_summing {
    attrib_session *session;
    attrib_run **runs;     /* [n_runs] */
    const double *weights; /* [n_runs] */
    size_t n_runs;
    attrib_run *out;
    bool is_exact;             /* all scores of all runs are full ones, in f32 */
    at_top *tops;              /* [n_answers] of the sum; NULL before they are found */
    at_sum_explain_fn explain; /* NULL: pairs that not all runs report have no shares */
    void *context;             /* of explain */
    at_sum_pairs *pairs;       /* [n_runs] that were explained; NULL: none */
};

/* Add up runs in folders as attrib_run_sum() does, with shares by `explain`. */
attrib_status at_run_sum(at_summing *self,
                         const char *const *folders,
                         const attrib_sum_options *options,
                         const char *folder,
                         attrib_error *err);

/* EINVAL where run b cannot be added to run a, saying what differs. */
attrib_status at_sum_check(attrib_run *a, attrib_run *b, attrib_error *err);

/* 2. Numbers (sum_slices.c) */

/* Write all slices of the sum. */
attrib_status at_sum_slices(const at_summing *self, attrib_error *err);

/* 3. Both ends of each ranking (sum_tops.c) */

/* Find `tops` by the slices that are written and by the scores that all runs report,
 * which are exact, and count what is not certain of them. */
attrib_status at_sum_tops(at_summing *self, attrib_error *err);

/* 4. Answers (sum_answers.c) */

/* Make the answers of the sum, without what is reported: queries and what they measure.
 */
attrib_status at_sum_queries(const at_summing *self, attrib_error *err);

/* The document as run r reports it for an answer; NULL where it does not
 * (sum_explain.c). */
const attrib_result *at_sum_reported(const at_summing *self,
                                     size_t r,
                                     size_t i_answer,
                                     size_t document);

/* Have the pairs explained that runs have not reported. */
attrib_status at_sum_explain(at_summing *self, attrib_error *err);

/* What run r says of a pair: as it was explained, or NULL. */
const attrib_result *at_sum_explained(const at_summing *self,
                                      size_t r,
                                      size_t i_answer,
                                      size_t document);

/* Report the documents that stand in `tops`. */
attrib_status at_sum_results(const at_summing *self, attrib_error *err);

#endif
