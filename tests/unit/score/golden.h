/* SPDX-License-Identifier: MIT */
/* The tiny model of tests/golden/kronfluence, whose baselines stand in
 * tests/golden/baselines (scripts/make-baseline-fixtures). */
#ifndef TEST_SCORE_GOLDEN_H
#define TEST_SCORE_GOLDEN_H

#include <jansson.h>

#include "attrib.h"

typedef struct golden {
    attrib_session *session;
    attrib_model *model;
    attrib_corpus *corpus; /* in sequences of the model's context */
    attrib_queries *queries;
    json_t *expected; /* baselines */
    char folder[128]; /* for files of the test */
} golden;

void golden_open(golden *out);
void golden_close(golden *self);

/* The documents in sequences of at most `context` tokens; owned by the caller. */
attrib_corpus *golden_corpus(const golden *self, size_t context);

/* Queries of a file; owned by the caller. */
attrib_queries *golden_queries(const golden *self, const char *path);

#endif
