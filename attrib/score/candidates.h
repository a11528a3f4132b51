/* SPDX-License-Identifier: MIT */
/* Which documents may stand among the first or last k of a case, and are scored in full.
 *
 * The full score of a document is taken to lie in the interval score -/+ (bound + assumed
 * error). Bounds are those of cut queries. The error is assumed of scores in bf16
 * (assumed.c): it is not proved. */
#ifndef AT_SCORE_CANDIDATES_H
#define AT_SCORE_CANDIDATES_H

#include "score/settle.h"
#include "score/stream.h"

/* The fewest documents of a case that are scored in full in one round, at each end, and
 * the most, unless more are reported. For one query of the default corpus 32 are 1,700
 * tokens or three to four blocks, which two workers share. Larger rounds pass through
 * fewer documents again for other queries, but they hold the shares of more documents in
 * memory, and score more that the first ones would have ruled out. So a round takes as
 * many as all rounds before it. Measured with 8 queries of the default model at rank 16,
 * where nothing is ruled out and all of 640 documents are scored in full: 15.6 processor
 * seconds with rounds of 8, 13.4 with 32, 9.9 with 128. */
#define AT_FIRST_ROUND ((size_t)32)
#define AT_ROUND       ((size_t)128)

/* A document that may stand among the first or last of a case. */
typedef struct at_candidate {
    size_t document;
    double score, bound;
    bool is_listed; /* scored in full, or about to be */
} at_candidate;

/* The two ends of a ranking. */
enum { AT_FIRST, AT_LAST, AT_N_ENDS };

/* A document that was scored both ways, and by how much the difference exceeded the
 * bound. */
typedef struct at_known {
    size_t document;
    double error;
} at_known;

/* What is known of a case while its scores are settled. */
typedef struct at_open_case {
    double floor;       /* the k-th largest full score is not below it */
    double ceiling;     /* the k-th smallest full score is not above it */
    double assumed;     /* error that scores are taken to have beyond their bounds */
    at_candidate *list; /* [n] */
    size_t n, capacity;
    at_candidate **order[AT_N_ENDS]; /* [n] the likeliest for that end first */
    size_t next[AT_N_ENDS];
    size_t n_listed[AT_N_ENDS]; /* scored in full because they were likely for that end */
    size_t n_rescored;
    at_known *known; /* [n_known] in bf16, by document where candidates are found */
    size_t n_known, known_capacity;
    double *errors; /* [n_known] scratch */
    size_t errors_capacity;
} at_open_case;

/* The pairs of a round, while they are listed. */
typedef struct at_pair_list {
    at_pair *pairs;
    size_t n, capacity;
} at_pair_list;

typedef struct at_settling {
    const at_setup *setup;
    at_stream scores;
    at_settled *out;
    at_open_case *cases; /* [n_cases] of scores that are not full ones */
    size_t k;
    double units; /* of progress that are left: queries still to be explained */
} at_settling;

attrib_status at_pair_list_add(at_pair_list *list, at_pair pair, attrib_error *err);

/* List every document that may stand among the first or last k of each case, in place of
 * those that were listed before. */
attrib_status at_candidates_find(at_settling *self, attrib_error *err);

/* List the next pairs of every case that has open candidates. */
attrib_status at_candidates_list_round(const at_settling *self,
                                       at_pair_list *out,
                                       attrib_error *err);

/* How many candidates of all cases are open. */
size_t at_candidates_open(const at_settling *self);

/* Where candidates of an end are left open, report no more documents at that end than
 * were scored in full because they were likely for it. The others were scored for the
 * other end, and open candidates may well precede them. */
void at_candidates_close(const at_settling *self);
void at_open_cases_free(at_settling *self);

/* Bytes that they take of one case. */
double at_candidates_bytes(const at_setup *setup);

/* Errors of scores in bf16 (assumed.c). */

/* List the documents that the errors of all cases are first estimated from: spread over
 * the corpus, the same for all cases. */
attrib_status at_sample_list(at_settling *self, at_pair_list *out, attrib_error *err);

/* Remember by how much a pair's estimate was off. */
attrib_status at_error_add(at_open_case *c, const at_pair *pair, attrib_error *err);

/* Assume of each case the error that 99 of 100 of its known documents stay below, and no
 * less than before. *has_grown tells whether any is larger now. */
void at_errors_assume(at_settling *self, bool *has_grown);

/* Documents of a sample. */
#define AT_SAMPLED ((size_t)64)

#endif
