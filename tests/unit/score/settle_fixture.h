/* SPDX-License-Identifier: MIT */
/* A corpus whose scores, bounds and full scores are made up, for at_settle(). */
#ifndef SCORE_SETTLE_FIXTURE_H
#define SCORE_SETTLE_FIXTURE_H

#include "score/settle.h"

enum { N_DOCUMENTS = 700, N_CASES = 3 };

/* One corpus with made-up numbers: full, cut, bound [N_CASES][n]. */
typedef struct made_up {
    size_t n;
    double full[N_CASES][N_DOCUMENTS];
    double cut[N_CASES][N_DOCUMENTS];
    double bound[N_CASES][N_DOCUMENTS];
    bool is_asked[N_CASES][N_DOCUMENTS]; /* scored in full */
    size_t n_asked[N_CASES];
} made_up;

extern made_up *world; /* the one that at_explain() answers from */

/* Scores of n_values values, bounds from 0 to `width`, errors as large as these. */
made_up *make_world(size_t n, size_t n_values, double width, uint64_t seed);

/* What at_settle() is given in addition to the made-up numbers. */
typedef struct stage {
    at_setup setup;
    at_prepared prepared;
    attrib_run run;
    at_slice slices[2];
    double losses[N_CASES], self[N_CASES];
} stage;

/* The first and last k are settled of cut queries, or of whole ones. */
void set_stage(made_up *w, size_t k, size_t max_rescored, bool is_cut, stage *s);
void strike_stage(stage *s);
void settle(stage *s, at_settled *out);

extern const double *compared; /* [n] scores that by_score() orders */
int by_score(const void *left, const void *right);

/* Fails unless the first k and the last documents of a case are those of a full sort, as
 * many as there are, no document twice, each with its full score and with its pair. */
void check_ends(const made_up *w, size_t k, const at_settled *got);

#endif
