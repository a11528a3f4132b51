/* SPDX-License-Identifier: MIT */
/* A scan of an index: estimates of the scores of documents, round by round. */
#ifndef AT_INDEX_ESTIMATE_H
#define AT_INDEX_ESTIMATE_H

#include "index/match.h"
#include "index/scan.h"

/* Estimates of some documents, in the order of their records. */
typedef struct at_estimates {
    size_t n;
    const size_t *documents; /* [n] */
    const size_t *rows;      /* [n] of the arrays below: several may share one */
    const double *scores;    /* [rows, V] */
    const double *bounds;    /* [rows, V] of their errors; NULL where not wanted */
    const float *self;       /* [rows] self-influences, under the index's own damping */
} at_estimates;

/* What takes them, a round at a time, on the thread that scans. */
typedef struct at_estimates_taker {
    attrib_status (*take)(void *context,
                          const at_estimates *estimates,
                          attrib_error *err);
    void *context;
    bool with_bounds;
} at_estimates_taker;

/* Whether an index is of a setup's model, factors and maps; EINVAL saying what differs.
 */
attrib_status at_index_check(const at_setup *setup,
                             const attrib_index *index,
                             attrib_error *err);

/* Self-influences are exact in an index where its strategy and damping are those that are
 * asked for; EINVAL where they are not. */
attrib_status at_index_check_self(const at_setup *setup,
                                  const attrib_index *index,
                                  attrib_error *err);

/* Take the self-influences of all documents of a setup's corpus, out [documents], after
 * both checks. They are f32 in the index. */
attrib_status at_index_self(const at_setup *setup,
                            const attrib_index *index,
                            double *out,
                            attrib_error *err);

/* Estimate the scores of matched documents against prepared queries. Memory does not
 * depend on how many there are. */
attrib_status at_index_scan(const at_setup *setup,
                            const at_index_match *match,
                            const at_prepared *prepared,
                            const at_estimates_taker *taker,
                            const at_stage *stage,
                            attrib_error *err);

#endif
