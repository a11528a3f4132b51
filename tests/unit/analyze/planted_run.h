/* SPDX-License-Identifier: MIT */
/* Runs whose scores, tags and answers a test chooses: the accessors of attrib/run.h over
 * them, so that analyses are tested on their own. */
#ifndef PLANTED_RUN_H
#define PLANTED_RUN_H

#include "attrib/run.h"

/* Queries are q0, q1, ... and documents d0, d1, ..., without tags or results, until the
 * test changes them. All scores are 0. */
attrib_run *planted_run(size_t n_queries, size_t n_documents);
void planted_free(attrib_run *run);

/* The score of a document for a query, to be set. */
double *planted_score(attrib_run *run, size_t i_query, size_t i_document);

/* Parts of the run, to be changed; texts are borrowed. */
attrib_run_info *planted_info(attrib_run *run);
attrib_score_options *planted_options(attrib_run *run);
attrib_answer *planted_answer(attrib_run *run, size_t i_query);
attrib_document *planted_document(attrib_run *run, size_t i_document);

/* Scores that look random, the same for the same seed: normal or nearly so. */
void planted_fill(attrib_run *run, uint64_t seed);

#endif
