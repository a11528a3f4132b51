/* SPDX-License-Identifier: MIT */
/* Completions and what they are compared with, each side a document too, and runs of
 * queries that measure them. */
#ifndef SCORE_MEASURE_FIXTURE_H
#define SCORE_MEASURE_FIXTURE_H

#include "attrib.h"
#include "support/check.h"

enum { N_ROWS = 4, N_DOCUMENTS = 2 * N_ROWS, N_SETTINGS = 2 };

/* P of a margin is prepared from the sum of both sides' products in f32, and turned as
 * one: entries are rounded by 2^-24 of themselves their own way. The worst that is
 * measured is 4e-7 of the largest score of a side. */
#define TOLERANCE 2e-6

/* A prompt, its completion, and another. */
extern const char *const side_texts[N_ROWS][3];

typedef struct fixture {
    char folder[128];
    attrib_session *session;
    attrib_model *model;
    attrib_tokenizer *tokenizer;
    attrib_corpus *corpus; /* every side as a document */
    attrib_factors *factors;
} fixture;

int measure_set_up(void **state);
int measure_tear_down(void **state);

/* By default, under EK-FAC and without curvature. */
attrib_score_options measure_options(void);

/* Score all sides for queries in memory; must_: a failure fails the test. */
attrib_status measure_score(const fixture *f,
                            const attrib_query_row *rows,
                            size_t n_rows,
                            const attrib_score_options *options,
                            const char *folder,
                            attrib_run **out,
                            attrib_error *err);

attrib_run *measure_must_score(const fixture *f,
                               const attrib_query_row *rows,
                               size_t n_rows,
                               const attrib_score_options *options);

/* Scores of setting s, [N_DOCUMENTS, n_queries]. */
void measure_read(attrib_run *run, size_t s, double *out);

double largest_of(const double *values, size_t n);

#endif
