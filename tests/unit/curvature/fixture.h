/* SPDX-License-Identifier: MIT */
/* A tiny model and its documents, of which factors are fitted into a scratch folder. */
#ifndef CURVATURE_FIXTURE_H
#define CURVATURE_FIXTURE_H

#include "support/check.h"

#include "attrib.h"

#define PATH_SIZE 300

typedef struct fixture {
    char scratch[200];
    attrib_session *session; /* two threads */
    attrib_model *model;
    attrib_corpus *corpus;
} fixture;

/* cmocka's set-up and tear-down. */
int set_up(void **state);
int tear_down(void **state);

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* The path of `name` in the scratch folder; returns `path`. */
const char *in_scratch(const fixture *f, const char *name, char path[PATH_SIZE]);

/* Fit into a folder of this name. */
void fit(const fixture *f, const attrib_fit_options *options, const char *name);

/* Every piece that both folders have is the same to rtol of its largest entry, and counts
 * and maps are the same. */
void check_same(const fixture *f, const char *left, const char *right, double rtol);

/* Whether two files have the same bytes. */
bool same_file(const fixture *f, const char *left, const char *right);

#endif
