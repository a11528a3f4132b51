/* SPDX-License-Identifier: MIT */
/* Sizes as LAPACK takes them. Workspaces are computed in integers from LAPACK's
 * documented minima, since a workspace query answers in floating point: in f32 the answer
 * is too small for some matrices of 2,895 rows and more. */
#ifndef AT_LINALG_LAPACK_H
#define AT_LINALG_LAPACK_H

#include <lapacke.h>

#include "base/memory.h"

/* *out = n; ERANGE where LAPACK's integers do not hold it. */
attrib_status at_lapack_narrow(size_t n, lapack_int *out, attrib_error *err);

/* *out = a n^2 + b n + c; ERANGE where that overflows. */
attrib_status at_lapack_polynomial(
    size_t n, size_t a, size_t b, size_t c, size_t *out, attrib_error *err);

#endif
