/* SPDX-License-Identifier: MIT */
/* A model with the documents, queries and scores that Kronfluence 1.0.1 computed:
 * stories260K, unless choose_kronfluence() takes another. */
#ifndef RANK_FIXTURE_H
#define RANK_FIXTURE_H

#include "support/check.h"
#include "support/kronfluence.h"

#include "attrib.h"
#include "format/safetensors.h"

typedef struct fixture {
    attrib_session *session;
    attrib_model *model;
    attrib_corpus *corpus;
    attrib_queries *queries;
    at_tensors *exact, *single; /* scores in f64 and in f32 */
} fixture;

/* cmocka's set-up and tear-down; without assets the fixture is empty. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* All values of a tensor, owned by the caller. */
double *fixture_load(const at_tensors *tensors, const char *name, size_t *n);

/* The factors that Kronfluence wrote for labels "empirical" or "sampled". */
attrib_factors *fixture_factors(const fixture *f, const char *labels);

/* A run in memory. */
attrib_run *fixture_score(const fixture *f,
                          const attrib_factors *factors,
                          const attrib_score_options *options);

/* Two runs report the same documents in the same order with the same scores, to the
 * rounding of f32 products summed in another order. */
void check_same_answers(const attrib_run *cut, const attrib_run *full);

#endif
