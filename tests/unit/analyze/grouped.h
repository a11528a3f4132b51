/* SPDX-License-Identifier: MIT */
/* What tests of groups of documents share: their options, documents with tags, and
 * refusals. */
#ifndef AT_TEST_GROUPED_H
#define AT_TEST_GROUPED_H

#include "attrib/analyze.h"
#include "planted_run.h"

extern attrib_analyze_options group_options; /* of the case; its set-up makes them anew */
extern const attrib_tag kinds[3];

/* Options for groups by the tag "kind". */
int grouped_set_up(void **state);

/* Give documents tags of one key in turn: item i has value i % n. */
void tag_documents(attrib_run *run, const attrib_tag *tags, size_t n);

/* attrib_analyze() fails with group_options, as expected, and says `message`. */
void check_refused(attrib_run *run,
                   const char *kind,
                   const char *changes,
                   attrib_status expected,
                   const char *message);

#endif
