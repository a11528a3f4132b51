/* SPDX-License-Identifier: MIT */
/* Small symmetric matrices in f64, of some tens of rows, for which LAPACK takes longer to
 * get ready than to compute. Rows are `stride` numbers apart, with zeros after the last
 * column; all of them are worked on, in whole vectors. */
#ifndef AT_LINALG_SMALL_H
#define AT_LINALG_SMALL_H

#include "base/error.h"
#include "base/load.h"

/* Columns are worked on so many at a time. */
#define AT_SMALL_WIDTH ((size_t)16)

/* The stride of rows of n numbers. */
size_t at_small_stride(size_t n);

/* out [m, stride of n] = x y, of x [m, k] with rows ldx apart and y [k, stride of n]. */
void at_small_product(size_t m,
                      size_t n,
                      size_t k,
                      const double *x,
                      size_t ldx,
                      const double *y,
                      double *out);

/* Numbers of scratch of at_small_eigen(). */
size_t at_small_eigen_scratch(size_t n);

/* Eigendecomposition of a symmetric a [n, stride], both triangles: a becomes the
 * eigenvectors as ROWS, and values [n] descend. The bytes depend on a alone, and not on
 * the processor. ENUMERIC where a or a value is not finite, or steps do not
 * converge. */
attrib_status at_small_eigen(
    size_t n, double *a, double *values, double *scratch, attrib_error *err);

/* Add the cost of both. */
void at_small_product_cost(double m, double n, double k, attrib_load *load);
void at_small_eigen_cost(double n, attrib_load *load);

#endif
