/* SPDX-License-Identifier: MIT */
/* The documents of a question: estimates of their scores, which of them are scored
 * exactly, and in which order (likely.c). */
#ifndef AT_SCORE_LIKELY_H
#define AT_SCORE_LIKELY_H

#include "attrib/score.h"
#include "score/candidates.h"

typedef struct at_likely_document {
    size_t document;
    double score; /* exact, or the estimate; normalized, as `bound` */
    double bound; /* of the estimate's error */
    double self;  /* self-influence by the index */
    bool is_exact;
} at_likely_document;

enum { AT_LIKELY_FIRST, AT_LIKELY_LAST, AT_LIKELY_ENDS };

typedef struct at_likely {
    at_likely_document *items; /* [n] by document */
    size_t n, capacity;
    at_likely_document **order[AT_LIKELY_ENDS]; /* [n] the likeliest of each end first */
    size_t
        n_scored[AT_LIKELY_ENDS]; /* that were scored because they were likely for it */
    size_t n_exact;
    size_t k;       /* documents that are reported of each end */
    double certify; /* as in attrib_question */
    double *errors; /* [n_exact] shares of bounds that errors were found to be */
    size_t errors_capacity;
    double share; /* of a bound that is taken for an estimate's error; infinite before
                     any was measured */
    at_top top;   /* of what is exact */
    attrib_listed *listed[AT_LIKELY_ENDS]; /* [k] */
    size_t n_listed[AT_LIKELY_ENDS];
} at_likely;

/* Order the items, all of which are there. */
attrib_status at_likely_open(at_likely *self,
                             size_t k,
                             double certify,
                             attrib_error *err);
void at_likely_free(at_likely *self);

at_likely_document *at_likely_find(const at_likely *self, size_t document);

/* List up to n documents of an end, the likeliest that are not exact; where `open_only`
 * those that may stand among the first or last k. They count as scored for the end. */
attrib_status at_likely_take(at_likely *self,
                             size_t end,
                             size_t n,
                             bool open_only,
                             at_pair_list *out,
                             attrib_error *err);

/* List n documents that are spread over all, of those that are not exact. */
attrib_status at_likely_spread(at_likely *self,
                               size_t n,
                               at_pair_list *out,
                               attrib_error *err);

/* Enter exact scores of pairs. */
attrib_status at_likely_enter(at_likely *self,
                              const at_pair *pairs,
                              size_t n,
                              attrib_error *err);

/* Documents that are not exact, and may stand among the first or last k. */
size_t at_likely_count_open(const at_likely *self);

/* The first and last k as they stand, in `listed`. `is_certain`: no others may stand
 * there, so documents that were scored for another reason do. */
attrib_status at_likely_rank(at_likely *self, bool is_certain, attrib_error *err);

#endif
