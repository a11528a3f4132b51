/* SPDX-License-Identifier: MIT */
/* Eigenvalues and singular values by LAPACKE's column-major work forms.
 *
 * A row-major matrix is the transposed column-major one. So nothing is copied: for a
 * symmetric matrix the other triangle is named, for an SVD the two factors change places.
 * Workspaces are computed in integers from LAPACK's documented minima, as a query answers
 * in floating point. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/random.h"
#include "linalg/linalg.h"

/* A size as LAPACK takes it. */
static attrib_status narrow(size_t n, lapack_int *out, attrib_error *err)
{
    if (n > INT_MAX) {
        return at_fail(err, ATTRIB_ERANGE, "%zu is more than LAPACK's integers hold", n);
    }
    *out = (lapack_int)n;
    return ATTRIB_OK;
}

/* *out = a n^2 + b n + c */
static attrib_status polynomial(
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

/* Non-finite input makes LAPACK loop or answer nonsense; the lower triangle is all it
 * reads. */
static attrib_status check_triangle(size_t n, const double *a, attrib_error *err)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            if (!isfinite(a[i * n + j])) {
                return at_fail(err, ATTRIB_ENUMERIC,
                               "[%zu, %zu] matrix to diagonalize: %g at [%zu, %zu]", n, n,
                               a[i * n + j], i, j);
            }
        }
    }
    return ATTRIB_OK;
}

attrib_status at_symmetric_eigen(size_t n, double *a, double *values, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double *work = NULL;
    lapack_int *iwork = NULL;
    size_t n_work = 0;
    size_t n_iwork = 0;
    lapack_int dim = 0;
    lapack_int work_dim = 0;
    lapack_int iwork_dim = 0;
    lapack_int info = 0;
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(narrow(n, &dim, err));
    AT_TRY(polynomial(n, 2, 6, 1, &n_work, err));
    AT_TRY(narrow(n_work, &work_dim, err));
    AT_TRY(polynomial(n, 0, 5, 3, &n_iwork, err));
    AT_TRY(narrow(n_iwork, &iwork_dim, err));
    AT_TRY(check_triangle(n, a, err));
    AT_TRY(at_array(n_work, sizeof *work, &work, err));
    AT_TRY(at_array(n_iwork, sizeof *iwork, &iwork, err));
    /* The lower triangle by rows is the upper one by columns; eigenvectors are then
     * written as columns by columns, which are rows to us. */
    info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'U', dim, a, dim, values, work,
                               work_dim, iwork, iwork_dim);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: dsyevd ended with info %d",
             n, n, (int)info);
done:
    free(work);
    free(iwork);
    return status;
}

/* A solver is called wrong above this many n eps: what LAPACK's own tests allow. */
#define CHECK_RATIO  30.0
#define CHECK_PROBES 4
#define CHECK_STREAM UINT64_C(0x65696765) /* of the signs; any number would do */

/* |x|^2 */
static double squared_norm(size_t n, const double *x)
{
    return cblas_ddot((int)n, x, 1, x, 1);
}

/* The squares of |R z| and |E z| for one probe z; `scratch` holds 3 n. */
static void probe(size_t n,
                  const double *triangle,
                  double scale,
                  const double *vectors,
                  const double *values,
                  const double *z,
                  double *scratch,
                  double *residual,
                  double *excess)
{
    int dim = (int)n;
    double *image = scratch;          /* U z */
    double *defect = scratch + n;     /* A U z - U diag z */
    double *scaled = scratch + 2 * n; /* diag z, then U'U z - z */
    cblas_dgemv(CblasRowMajor, CblasTrans, dim, dim, 1, vectors, dim, z, 1, 0, image, 1);
    cblas_dspmv(CblasRowMajor, CblasLower, dim, scale, triangle, image, 1, 0, defect, 1);
    for (size_t i = 0; i < n; i++) {
        scaled[i] = values[i] * z[i];
    }
    cblas_dgemv(CblasRowMajor, CblasTrans, dim, dim, -1, vectors, dim, scaled, 1, 1,
                defect, 1);
    *residual = squared_norm(n, defect);
    cblas_dcopy(dim, z, 1, scaled, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, dim, dim, 1, vectors, dim, image, 1, -1,
                scaled, 1);
    *excess = squared_norm(n, scaled);
}

/* |A|_F, by its largest entry first, so that no square over- or underflows. */
static double symmetric_norm(size_t n, const double *triangle, double scale)
{
    double largest = 0;
    double sum = 0;
    for (size_t k = 0; k < n * (n + 1) / 2; k++) {
        largest = fabs(triangle[k]) > largest ? fabs(triangle[k]) : largest;
    }
    if (largest == 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double entry = *triangle++ / largest;
            sum += (j < i ? 2 : 1) * entry * entry;
        }
    }
    return scale * largest * sqrt(sum);
}

attrib_status at_symmetric_check(size_t n,
                                 const double *triangle,
                                 double scale,
                                 const double *vectors,
                                 const double *values,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double *scratch = NULL; /* z, and what probe() wants */
    double residual = 0;
    double excess = 0;
    double norm = 0;
    double limit = CHECK_RATIO * (double)n * DBL_EPSILON;
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(n, 4 * sizeof *scratch, &scratch, err));
    for (uint64_t k = 0; k < CHECK_PROBES; k++) {
        double of_residual = 0;
        double of_excess = 0;
        for (size_t i = 0; i < n; i++) {
            scratch[i] = at_uniform(CHECK_STREAM, k, i) < 0.5 ? -1 : 1;
        }
        probe(n, triangle, scale, vectors, values, scratch, scratch + n, &of_residual,
              &of_excess);
        residual += of_residual / CHECK_PROBES;
        excess += of_excess / CHECK_PROBES;
    }
    residual = sqrt(residual);
    excess = sqrt(excess);
    norm = symmetric_norm(n, triangle, scale);
    /* Written so that what is not a number fails too; the last term is for denormals. */
    AT_CHECK(residual <= limit * norm + (double)n * DBL_MIN, ATTRIB_ENUMERIC,
             "[%zu, %zu] matrix: eigenvectors miss it by %.2g of its norm, at most %.2g "
             "is rounding",
             n, n, residual / norm, limit);
    AT_CHECK(
        excess <= limit, ATTRIB_ENUMERIC,
        "[%zu, %zu] matrix: eigenvectors miss orthogonality by %.2g, at most %.2g is "
        "rounding",
        n, n, excess, limit);
done:
    free(scratch);
    return status;
}

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
    AT_TRY(polynomial(r, 4, 7, blocked, &total, err));
    AT_TRY(narrow(total, out, err));
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
    AT_TRY(narrow(m, &rows, err));
    AT_TRY(narrow(n, &columns, err));
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
