/* SPDX-License-Identifier: MIT */
/* Eigenvalues and singular values by LAPACKE's column-major work forms.
 *
 * A row-major matrix is the transpose of a column-major one. So for an SVD the two
 * factors change places, and for a symmetric matrix the triangle is mirrored in place.
 * Workspaces are computed in integers from LAPACK's documented minima, since a workspace
 * query answers in floating point.
 *
 * 1. Eigenvalues of symmetric matrices.
 * 2. Their check.
 * 3. Singular values. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* 1. Eigenvalues of symmetric matrices
 *
 *     A = Q T Q',   T = Z diag(values) Z',   U = Q Z
 *
 * as in dsyevd, with two differences. A is reduced from its lower triangle by columns,
 * for which OpenBLAS's product of a symmetric matrix and a vector is faster. And Q is
 * applied in wide blocks of reflections, to as many columns of Z at a time as stay in the
 * cache, while dsyevd's blocks of 32 wait for memory. Together they save a fifth of the
 * time. */

/* Reflections in a block, and columns of Z that it is applied to at a time. Fastest at n
 * = 3,072, as measured: 128 to 256 reflections, and 512 columns. */
#define BACK_BLOCK   ((size_t)128)
#define BACK_COLUMNS ((size_t)512)

/* The least exponent of the largest entry that A is scaled by: 2^1000 is still finite. */
#define LEAST_EXPONENT (-1000)

typedef struct eigen_scratch {
    double *diagonal;  /* [3, n] T's diagonal, its subdiagonal, the reflections' scales */
    double *vectors;   /* [n, n] Z, then U */
    double *work;      /* workspace, as large as dstedc's, which is the largest */
    double *triangles; /* [blocks, BACK_BLOCK, BACK_BLOCK] */
    double *columns;   /* [BACK_BLOCK, BACK_COLUMNS] */
    lapack_int *iwork;
    lapack_int n, n_work, n_iwork;
    lapack_int block_size, n_columns; /* BACK_*, or n where n is less */
} eigen_scratch;

static void free_eigen(eigen_scratch *scratch)
{
    free(scratch->diagonal);
    free(scratch->vectors);
    free(scratch->work);
    free(scratch->triangles);
    free(scratch->columns);
    free(scratch->iwork);
}

static attrib_status take_eigen(size_t n, eigen_scratch *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t block = n < BACK_BLOCK ? n : BACK_BLOCK;
    size_t columns = n < BACK_COLUMNS ? n : BACK_COLUMNS;
    size_t n_square = 0;
    size_t n_work = 0;
    size_t n_iwork = 0;
    AT_TRY(narrow(n, &out->n, err));
    AT_TRY(polynomial(n, 1, 4, 1, &n_work, err));
    AT_TRY(narrow(n_work, &out->n_work, err));
    AT_TRY(polynomial(n, 0, 5, 3, &n_iwork, err));
    AT_TRY(narrow(n_iwork, &out->n_iwork, err));
    AT_TRY(at_mul(n, n, &n_square, err));
    out->block_size = (lapack_int)block;
    out->n_columns = (lapack_int)columns;
    AT_TRY(at_array(n, 3 * sizeof(double), &out->diagonal, err));
    AT_TRY(at_array(n_square, sizeof(double), &out->vectors, err));
    AT_TRY(at_array(n_work, sizeof(double), &out->work, err));
    AT_TRY(at_array(n_iwork, sizeof *out->iwork, &out->iwork, err));
    AT_TRY(at_array((n + block - 1) / block * block, block * sizeof(double),
                    &out->triangles, err));
    AT_TRY(at_array(block, columns * sizeof(double), &out->columns, err));
done:
    return status;
}

/* Find the largest magnitude of an entry of the lower triangle. Fails where an entry is
 * not finite, as LAPACK would then loop for ever or return nonsense. */
static attrib_status find_largest(size_t n,
                                  const double *a,
                                  double *out,
                                  attrib_error *err)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double size = fabs(a[i * n + j]);
            if (!isfinite(size)) {
                return at_fail(err, ATTRIB_ENUMERIC,
                               "[%zu, %zu] matrix to diagonalize: %g at [%zu, %zu]", n, n,
                               a[i * n + j], i, j);
            }
            largest = size > largest ? size : largest;
        }
    }
    *out = largest;
    return ATTRIB_OK;
}

/* Turn the lower triangle by rows, times `scale`, into the lower triangle by columns. It
 * is done in tiles, whose lines stay in the cache. */
static void mirror(size_t n, double scale, double *a)
{
    enum { TILE = 32 };

    for (size_t i0 = 0; i0 < n; i0 += TILE) {
        size_t i1 = i0 + TILE < n ? i0 + TILE : n;
        for (size_t j0 = 0; j0 <= i0; j0 += TILE) {
            for (size_t i = i0; i < i1; i++) {
                for (size_t j = j0; j < j0 + TILE && j <= i; j++) {
                    a[j * n + i] = scale * a[i * n + j];
                }
            }
        }
    }
}

/* Z becomes Q Z. Q = H_1 H_2 ..., whose reflections dsytrd left in the columns of `a`
 * below the diagonal's neighbour; b of them are 1 - V T V', T [b, b] a triangle. */
static void apply_reflections(const double *a, eigen_scratch *scratch)
{
    lapack_int n = scratch->n;
    lapack_int n_reflections = n - 1;
    lapack_int size = scratch->block_size;
    size_t square = (size_t)size * (size_t)size;
    size_t next_diagonal = (size_t)n + 1;
    const double *tau = scratch->diagonal + 2 * (size_t)n;
    for (lapack_int i = 0; i < n_reflections; i += size) {
        lapack_int b = n_reflections - i < size ? n_reflections - i : size;
        LAPACKE_dlarft_work(LAPACK_COL_MAJOR, 'F', 'C', n_reflections - i, b,
                            a + 1 + (size_t)i * next_diagonal, n, tau + i,
                            scratch->triangles + (size_t)(i / size) * square, size);
    }
    for (lapack_int j = 0; j < n; j += scratch->n_columns) {
        lapack_int m = n - j < scratch->n_columns ? n - j : scratch->n_columns;
        double *z = scratch->vectors + (size_t)j * (size_t)n;
        for (lapack_int i = (n_reflections - 1) / size * size; i >= 0; i -= size) {
            lapack_int b = n_reflections - i < size ? n_reflections - i : size;
            LAPACKE_dlarfb_work(LAPACK_COL_MAJOR, 'L', 'N', 'F', 'C', n_reflections - i,
                                m, b, a + 1 + (size_t)i * next_diagonal, n,
                                scratch->triangles + (size_t)(i / size) * square, size,
                                z + 1 + i, n, scratch->columns, m);
        }
    }
}

double at_symmetric_eigen_bytes(size_t n)
{
    double dim = (double)n;
    double block = fmin(dim, (double)BACK_BLOCK);
    double columns = fmin(dim, (double)BACK_COLUMNS);
    double doubles =
        2 * dim * dim + 7 * dim + 1 + (dim + block) * block + block * columns;
    return sizeof(double) * doubles + sizeof(lapack_int) * (5 * dim + 3);
}

attrib_status at_symmetric_eigen(size_t n, double *a, double *values, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    eigen_scratch scratch = {0};
    double largest = 0;
    int exponent = 0;
    lapack_int info = 0;
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(take_eigen(n, &scratch, err));
    AT_TRY(find_largest(n, a, &largest, err));
    /* Scale A by a power of two, which is exact, so that nothing over- or underflows. */
    frexp(largest, &exponent);
    exponent = exponent < LEAST_EXPONENT ? LEAST_EXPONENT : exponent;
    mirror(n, ldexp(1, -exponent), a);
    info = LAPACKE_dsytrd_work(LAPACK_COL_MAJOR, 'L', scratch.n, a, scratch.n,
                               scratch.diagonal, scratch.diagonal + n,
                               scratch.diagonal + 2 * n, scratch.work, scratch.n_work);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: dsytrd ended with info %d",
             n, n, (int)info);
    info =
        LAPACKE_dstedc_work(LAPACK_COL_MAJOR, 'I', scratch.n, scratch.diagonal,
                            scratch.diagonal + n, scratch.vectors, scratch.n,
                            scratch.work, scratch.n_work, scratch.iwork, scratch.n_iwork);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: dstedc ended with info %d",
             n, n, (int)info);
    apply_reflections(a, &scratch);
    /* Eigenvectors are the columns of a column-major matrix: the rows of a row-major one.
     */
    memcpy(a, scratch.vectors, n * n * sizeof *a);
    for (size_t i = 0; i < n; i++) {
        values[i] = ldexp(scratch.diagonal[i], exponent);
    }
done:
    free_eigen(&scratch);
    return status;
}

/* 2. Their check */

/* A decomposition fails above this many n eps, the ratio that LAPACK's own tests allow.
 */
#define CHECK_RATIO 30.0
/* Probes with random signs, the mean of whose squares estimates a Frobenius norm without
 * bias and with a relative standard error of at most sqrt(2 / 4): a fault of twice the
 * limit is not missed by chance for long, and one of many times the limit never is. */
#define CHECK_PROBES 4
#define CHECK_STREAM UINT64_C(0x65696765) /* of the signs; any number would do */

/* |x|^2 */
static double squared_norm(size_t n, const double *x)
{
    return cblas_ddot((int)n, x, 1, x, 1);
}

/* A decomposition A ~ U diag U' that is checked. */
typedef struct decomposition {
    size_t n;
    const double *triangle, *vectors, *values; /* A / scale packed, U', diag */
    double scale;
} decomposition;

/* What it misses: squares of |R z| and |E z|, summed over probes z. */
typedef struct misses {
    double residual, excess;
} misses;

/* Add the squares for the probe z = scratch [n]; the rest of scratch holds 3 n. */
static void probe(const decomposition *d, double *scratch, misses *sum)
{
    size_t n = d->n;
    int dim = (int)n;
    const double *z = scratch;
    double *image = scratch + n;      /* U z */
    double *defect = scratch + 2 * n; /* A U z - U diag z */
    double *scaled = scratch + 3 * n; /* diag z, then U'U z - z */
    cblas_dgemv(CblasRowMajor, CblasTrans, dim, dim, 1, d->vectors, dim, z, 1, 0, image,
                1);
    cblas_dspmv(CblasRowMajor, CblasLower, dim, d->scale, d->triangle, image, 1, 0,
                defect, 1);
    for (size_t i = 0; i < n; i++) {
        scaled[i] = d->values[i] * z[i];
    }
    cblas_dgemv(CblasRowMajor, CblasTrans, dim, dim, -1, d->vectors, dim, scaled, 1, 1,
                defect, 1);
    sum->residual += squared_norm(n, defect);
    cblas_dcopy(dim, z, 1, scaled, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, dim, dim, 1, d->vectors, dim, image, 1, -1,
                scaled, 1);
    sum->excess += squared_norm(n, scaled);
}

/* |A|_F. Entries are divided by the largest first, so that no square over- or underflows.
 */
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
    const decomposition d = {n, triangle, vectors, values, scale};
    double *scratch = NULL; /* of probe() */
    misses sum = {0};
    double residual = 0;
    double excess = 0;
    double norm = 0;
    double limit = CHECK_RATIO * (double)n * DBL_EPSILON;
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(n, 4 * sizeof *scratch, &scratch, err));
    for (uint64_t k = 0; k < CHECK_PROBES; k++) {
        for (size_t i = 0; i < n; i++) {
            scratch[i] = at_uniform(CHECK_STREAM, k, i) < 0.5 ? -1 : 1;
        }
        probe(&d, scratch, &sum);
    }
    residual = sqrt(sum.residual / CHECK_PROBES);
    excess = sqrt(sum.excess / CHECK_PROBES);
    norm = symmetric_norm(n, triangle, scale);
    /* Written so that NaN fails too; the last term allows for denormals. */
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

/* 3. Singular values */

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

/* The cost of at_symmetric_eigen() for n rows, fitted to measurements from n = 64 to
 * 3,072 on two kinds of CPU kernels: FLOP in n^3, counted as if they ran at the f32 rate;
 * bytes of the shrinking matrix, which is read n times in f64; and terms in n^2 and n, in
 * exponentials, which matter for small n. The term in n^3 was measured again at 3,072
 * after reflections were applied in wide blocks. The check multiplies the matrix and its
 * eigenvectors with four vectors. */
#define EIGEN_FLOP    8.0
#define EIGEN_BYTES   (4.0 / 3.0)
#define EIGEN_CHECK   32.0
#define EIGEN_ENTRIES 22.0
#define EIGEN_ROWS    5500.0

void at_symmetric_cost(double n, attrib_load *load)
{
    load->flop += n * n * (EIGEN_FLOP * n + EIGEN_CHECK);
    load->elements += n * (EIGEN_ENTRIES * n + EIGEN_ROWS);
    load->bytes += n * n * n * EIGEN_BYTES;
}
