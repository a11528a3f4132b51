/* SPDX-License-Identifier: MIT */
/* A run that was never computed: the accessors of attrib/run.h over a few made-up
 * answers, so that exports are tested on their own. */
#ifndef FAKE_RUN_H
#define FAKE_RUN_H

#include "attrib/export.h"

#define FAKE_QUERIES   2
#define FAKE_DOCUMENTS 5

/* Two queries over five documents; static, nothing to free. */
attrib_run *fake_run(void);

/* What all fake runs were made with, to be changed. */
attrib_score_options *fake_options(void);

/* One document by products of gradients, which opposes the second query. */
attrib_run *fake_identity_run(void);

/* Change the id of the document that the second query of the next runs reports. */
void fake_set_id(const char *id);

/* Make the last reported document of the first query an estimate until the next run is
 * made. */
void fake_set_estimate(void);

/* The same with n_queries x n_documents scores and numbered ids, and no answers but ids.
 */
attrib_run *fake_wide_run(size_t n_queries, size_t n_documents);

/* Options of an export in this format, static: the defaults otherwise. */
attrib_export_options *in_format(attrib_export_format format);

/* The score of a document for a query. */
double fake_score(size_t i_query, size_t i_document);

/* Change a score until the next run is made. */
void fake_set_score(size_t i_query, size_t i_document, double score);

/* Let attrib_run_scores() fail with ATTRIB_EIO from this document on; SIZE_MAX: never. */
void fake_fail_from(size_t document);

#endif
