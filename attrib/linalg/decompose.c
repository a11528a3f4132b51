/* SPDX-License-Identifier: MIT */
/* Singular values by LAPACKE's column-major work forms.
 *
 * A row-major matrix is the transpose of a column-major one. So for an SVD the two
 * factors change places.
 *
 * 1. Sizes of workspaces.   2. Singular values. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "linalg/lapack.h"
#include "linalg/linalg.h"

/* 1. Sizes of workspaces */

attrib_status at_lapack_narrow(size_t n, lapack_int *out, attrib_error *err)
{
    if (n > INT_MAX) {
        return at_fail(err, ATTRIB_ERANGE, "%zu is more than LAPACK's integers hold", n);
    }
    *out = (lapack_int)n;
    return ATTRIB_OK;
}

attrib_status at_lapack_polynomial(
    size_t n, size_t a, size_t b, size_t c, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t value = 0;
    AT_TRY(at_mul(n, a, &value, err));
    AT_TRY(at_add(value, b, &value, err));
    AT_TRY(at_mul(value, n, &value, err));
    AT_TRY(at_add(value, c, out, err));
done:
    return status;
}

/* 2. Singular values */

/* LAPACK wants 4 r^2 + 7 r for thin factors; the rest lets its blocked QR and LQ run at
 * block size 64. */
static attrib_status svd_workspace(size_t m, size_t n, lapack_int *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t r = m < n ? m : n;
    size_t blocked = 0;
    size_t total = 0;
    AT_TRY(at_add(m, n, &blocked, err));
    AT_TRY(at_mul(blocked, 66, &blocked, err));
    AT_TRY(at_lapack_polynomial(r, 4, 7, blocked, &total, err));
    AT_TRY(at_lapack_narrow(total, out, err));
done:
    return status;
}

attrib_status at_svd(
    size_t m, size_t n, double *a, double *u, double *s, double *vt, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double *work = NULL;
    lapack_int *iwork = NULL;
    size_t r = m < n ? m : n;
    size_t n_elements = 0;
    size_t n_iwork = 0;
    lapack_int rows = 0;
    lapack_int columns = 0;
    lapack_int work_dim = 0;
    lapack_int info = 0;
    if (r == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_lapack_narrow(m, &rows, err));
    AT_TRY(at_lapack_narrow(n, &columns, err));
    AT_TRY(svd_workspace(m, n, &work_dim, err));
    AT_TRY(at_mul(m, n, &n_elements, err));
    AT_TRY(at_mul(r, 8, &n_iwork, err));
    for (size_t i = 0; i < n_elements; i++) {
        AT_CHECK(isfinite(a[i]), ATTRIB_ENUMERIC,
                 "[%zu, %zu] matrix to decompose: %g at [%zu, %zu]", m, n, a[i], i / n,
                 i % n);
    }
    AT_TRY(at_array((size_t)work_dim, sizeof *work, &work, err));
    AT_TRY(at_array(n_iwork, sizeof *iwork, &iwork, err));
    /* A = U S V' by rows is A' = V S U' by columns: V [n, r] by columns is vt [r, n] by
     * rows, and U' [r, m] by columns is u [m, r] by rows. */
    info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', columns, rows, a, columns, s, vt,
                               columns, u, (lapack_int)r, work, work_dim, iwork);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: dgesdd ended with info %d",
             m, n, (int)info);
done:
    free(work);
    free(iwork);
    return status;
}
