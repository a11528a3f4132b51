/* SPDX-License-Identifier: MIT */
/* Small symmetric matrices in f64, eight at a time: entry [i, j] of all eight is one
 * vector. One small matrix waits for each root and quotient of its own; eight wait
 * together. What a lane holds depends on its own matrix alone: not on the other lanes, on
 * rows of zeros after its own, or on the processor. */
#ifndef AT_LINALG_EIGHTS_H
#define AT_LINALG_EIGHTS_H

#include "base/error.h"
#include "base/load.h"

#define AT_EIGHT ((size_t)8)

typedef double at_eight __attribute__((vector_size(8 * sizeof(double))));

/* Put a symmetric x [n, n], rows ldx apart, of which the lower triangle is read, into a
 * lane of out [n_out, n_out], n_out >= n: both triangles, and zeros after them. */
void at_eights_put(
    size_t lane, size_t n, const double *x, size_t ldx, size_t n_out, at_eight *out);

/* Make the lower triangle of a [n, n] its Cholesky factor; the upper one becomes 0. The
 * diagonal is raised by a ridge first, a number for each lane. What is left of a row that
 * lies in the span of those before it counts as nothing. */
void at_eights_factor(size_t n, const at_eight *ridge, at_eight *a);

/* out [n, n] = L' K L of a symmetric K [n, n] and a lower triangle L [n, n]; half [n, n]
 * is scratch. Only the lower triangle of out is written. */
void at_eights_congruent(
    size_t n, const at_eight *k, const at_eight *l, at_eight *half, at_eight *out);

/* out [m, n] = x y' of x [m, n], y [n, n]; with is_lower, y is 0 above its diagonal. */
void at_eights_product(size_t m,
                       size_t n,
                       const at_eight *x,
                       const at_eight *y,
                       bool is_lower,
                       at_eight *out);

/* Vectors of scratch of an eigendecomposition. */
size_t at_eights_eigen_scratch(size_t n);

/* Eigenvalues of symmetric a [n, n], of which the lower triangles are read: values [n]
 * descend. a and scratch then hold what their vectors are found from. ENUMERIC where an
 * entry is not finite, or steps do not converge. */
attrib_status at_eights_values(
    size_t n, at_eight *a, at_eight *values, at_eight *scratch, attrib_error *err);

/* Eigenvectors are orthogonal to 1e-5 where their values differ by more than this share
 * of the largest size; of closer ones they may be the same. */
#define AT_EIGHTS_CLOSE 1e-9

/* Eigenvectors [n_wanted, n] of the first of those values, as rows. */
void at_eights_vectors(
    size_t n, size_t n_wanted, const at_eight *a, at_eight *scratch, at_eight *vectors);

/* Add the cost of a lane's share of all of these for n rows, of which n_wanted vectors
 * are wanted. */
void at_eights_cost(double n, double n_wanted, attrib_load *load);

#endif
