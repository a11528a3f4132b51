/* SPDX-License-Identifier: MIT */
/* How well predictions order what was measured: Spearman's correlation over subsets of
 * each query, its mean over queries (the linear datamodelling score of Park et al. 2023),
 * and how far that may be off. */
#ifndef AT_VALIDATE_AGREEMENT_H
#define AT_VALIDATE_AGREEMENT_H

#include "analyze/stats.h"

typedef struct at_agreement_job {
    const double *measured;         /* [Q, n] */
    const double *const *predicted; /* [P][Q, n] */
    size_t n_predicted, n_queries, n_parts;
    size_t n_replicates;
    uint64_t seed, stream;
} at_agreement_job;

/* NANs where nothing was measured that differs between subsets. A prediction that is the
 * same for all subsets says nothing, and correlates by 0. */
typedef struct at_agreement {
    double mean;
    at_interval interval;        /* 95 %, subsets and queries drawn again */
    at_interval over_parts;      /* subsets alone */
    at_interval over_queries;    /* queries alone */
    double *correlations;        /* [Q]; NAN: all subsets measured alike */
    double *replicates;          /* [n_replicates] of the mean, both drawn again */
    size_t n_queries, n_counted; /* counted: without a NAN */
    size_t n_replicates;
} at_agreement;

/* Compare each prediction with what was measured, under the same draws: out
 * [n_predicted], each freed by at_agreement_free(). */
attrib_status at_agree(const at_agreement_job *job, at_agreement *out, attrib_error *err);
void at_agreement_free(at_agreement *agreement);

/* The 95 % interval of the difference a - b of two means of the same job. `scratch`
 * [n_replicates]. */
at_interval at_agreement_difference(const at_agreement *a,
                                    const at_agreement *b,
                                    double *scratch);

#endif
