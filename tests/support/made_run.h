/* SPDX-License-Identifier: MIT */
/* A run in memory whose numbers are made up, and a formula says each: what reads runs is
 * tested against the formula.
 *
 * Its numbers are small integers and its divisors powers of two, so that sums, quotients
 * and products of them are exact. */
#ifndef SUPPORT_MADE_RUN_H
#define SUPPORT_MADE_RUN_H

#include "run/run.h"

/* Three slices, the last with 40 documents; three tiles, the last with one query. */
enum {
    MADE_DOCUMENTS = 2 * 512 + 40,
    MADE_QUERIES = 7,
    MADE_TILE = 3,
    MADE_SETTINGS = 2,
    MADE_GROUPS = 3
};

typedef struct made_run {
    attrib_run run;
    attrib_answer answers[MADE_SETTINGS * MADE_QUERIES];
    const char *groups[MADE_GROUPS];
} made_run;

/* Make all slices of a run with these options and fill their arrays. The program wraps
 * attrib_corpus_document(), which then says how many tokens a document has. */
made_run *make_run(const attrib_score_options *options, bool is_cut);
void free_made_run(made_run *made);

/* What the run holds: of a document in group g against query q under setting s. */
double made_score(size_t d, size_t g, size_t s, size_t q);
double made_bound(size_t d, size_t g, size_t s, size_t q);
/* Squares of powers of two; 0 for one document in five. */
double made_self(size_t d, size_t s);
size_t made_n_tokens(size_t d);
double made_share(size_t d, size_t token, size_t s, size_t q);
/* Loss and self-influence of a query: a power of two and the square of one. */
double made_loss(size_t s, size_t q);
double made_query_self(size_t s, size_t q);

#endif
