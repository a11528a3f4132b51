/* SPDX-License-Identifier: MIT */
/* Covariances to eigenbases, both in memory or in a store. */
#ifndef AT_CURVATURE_EIGENBASIS_H
#define AT_CURVATURE_EIGENBASIS_H

#include "curvature/factors.h"

/* A block of a covariance: a matrix that is decomposed by itself. */
typedef struct at_covariance_block {
    size_t i_factor;
    at_side side;
    size_t i_block;
    at_extent extent; /* coordinates of A or S */
    size_t index;     /* in the order of factors, sides and blocks */
} at_covariance_block;

/* Where matrices come from and eigenvectors go. Workers call it at the same time for
 * different matrices. */
typedef struct at_covariance_io {
    void *context;
    /* Fill the packed lower triangle [size (size + 1) / 2] of raw sums. */
    attrib_status (*load)(void *context,
                          const at_covariance_block *matrix,
                          double *triangle,
                          attrib_error *err);
    /* vectors [size, size] with eigenvectors in rows, values [size] of the matrix over
     * n_tokens. */
    attrib_status (*keep)(void *context,
                          const at_covariance_block *matrix,
                          const float *vectors,
                          const double *values,
                          attrib_error *err);
} at_covariance_io;

/* Bytes that decomposing one matrix [n, n] takes, without what `load` and `keep` take. */
double at_decompose_bytes(size_t n);

/* Decompose all blocks of all covariances of `factors`, of which shapes, blocks, n_tokens
 * and the precision are read: the largest first, as many at once as threads and max_bytes
 * allow, one at least. ENUMERIC names the map whose covariance is not finite, or whose
 * decomposition fails at_symmetric_check() in f64; one that fails in f32 is warned of,
 * and done again in f64. The same bytes for any number of threads. */
attrib_status at_decompose_all(attrib_session *session,
                               const attrib_factors *factors,
                               const at_covariance_io *io,
                               double max_bytes,
                               attrib_error *err);

/* The same in memory: factors have covariances, and get bases and eigenvalues. */
attrib_status at_fit_eigenbases(attrib_session *session,
                                attrib_factors *factors,
                                attrib_error *err);

#endif
