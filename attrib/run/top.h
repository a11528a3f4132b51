/* SPDX-License-Identifier: MIT */
/* The first and last documents of a case, kept while scores stream by. */
#ifndef AT_RUN_TOP_H
#define AT_RUN_TOP_H

#include "base/error.h"

typedef struct at_ranked {
    size_t document;
    double score;
} at_ranked;

/* The first k and the last k of one order: by score from the largest down, equal scores
 * by their document's index. Scores are never NaN. */
typedef struct at_top {
    size_t k;
    at_ranked *best, *worst; /* [k]; the last document of the order stands first */
    size_t n_best, n_worst;
} at_top;

attrib_status at_top_new(size_t k, at_top *out, attrib_error *err);
void at_top_free(at_top *top);
void at_top_add(at_top *top, size_t document, double score);
/* Add a document to one end alone. */
void at_top_add_best(at_top *top, size_t document, double score);
void at_top_add_worst(at_top *top, size_t document, double score);
/* Remove from `worst` the documents that also stand in `best`, which happens with fewer
 * than 2 k documents: the first k are best and the rest worst. */
void at_top_separate(at_top *top);

#endif
