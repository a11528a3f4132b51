/* SPDX-License-Identifier: MIT */
/* The sequences that a pass over some documents goes through: all of them, or where
 * documents are filtered those that are scored against any query. */
#ifndef AT_SCORE_SOURCE_H
#define AT_SCORE_SOURCE_H

#include "gradient/pass.h"
#include "query/setup.h"

typedef struct at_scored {
    const attrib_corpus *corpus;
    at_range range;    /* where all are scored */
    size_t *sequences; /* [n] ascending, where not; else NULL */
    size_t n;
    size_t *documents; /* [n_documents] that are scored, ascending */
    size_t n_documents;
} at_scored;

/* List what is scored of documents first .. first + n. `out` may not move while a source
 * of it is used. */
attrib_status at_scored_list(
    const at_setup *setup, size_t first, size_t n, at_scored *out, attrib_error *err);
void at_scored_free(at_scored *scored);
at_source at_scored_source(const at_scored *scored);

/* Put NaN in the place of what a slice does not know: numbers of documents that are not
 * scored against a query. */
void at_mask_unscored(const at_setup *setup, at_slice *slice);

#endif
