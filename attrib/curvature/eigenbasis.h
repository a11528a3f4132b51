/* SPDX-License-Identifier: MIT */
/* Covariances to eigenbases, wherever both are kept. */
#ifndef AT_CURVATURE_EIGENBASIS_H
#define AT_CURVATURE_EIGENBASIS_H

#include "curvature/factors.h"

typedef enum at_side {
    AT_SIDE_A, /* inputs */
    AT_SIDE_S  /* output gradients */
} at_side;

/* A block of a covariance: a matrix that is decomposed by itself. */
typedef struct at_covariance_block {
    size_t i_factor;
    at_side side;
    size_t i_block;
    size_t first, size; /* coordinates [first, first + size) */
    size_t index;       /* in the order of factors, sides and blocks */
} at_covariance_block;

/* Where matrices come from and eigenvectors go. Called from any worker, for different
 * matrices at a time. */
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

/* Bytes that decomposing one matrix of n rows takes beside where it comes from. */
double at_decompose_bytes(size_t n);

/* Decompose all blocks of all covariances of `factors` (shapes, blocks and n_tokens are
 * read), the largest first, as many at once as threads and max_bytes allow, one at least.
 * ENUMERIC names the map whose covariance is not finite, or whose decomposition fails
 * at_symmetric_check(). The same bytes for any number of threads. */
attrib_status at_decompose_all(attrib_session *session,
                               const attrib_factors *factors,
                               const at_covariance_io *io,
                               double max_bytes,
                               attrib_error *err);

#endif
