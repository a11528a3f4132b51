/* SPDX-License-Identifier: MIT */
/* Eigenvalues of symmetric matrices by LAPACKE's column-major work forms.
 *
 *     A = Q T Q',   T = Z diag(values) Z',   U = Q Z
 *
 * as in dsyevd, with two differences. A is reduced from its lower triangle by columns,
 * for which OpenBLAS's product of a symmetric matrix and a vector is faster. And Q is
 * applied in wide blocks of reflections, to as many columns of Z at a time as stay in the
 * cache, while dsyevd's blocks of 32 wait for memory. Together they save a fifth of the
 * time. A row-major matrix is the transpose of a column-major one, so the triangle is
 * mirrored first.
 *
 * 1. Decompositions.   2. Their check.   3. Their cost. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <cblas.h>

#include "base/random.h"
#include "linalg/lapack.h"
#include "linalg/linalg.h"

const char *attrib_eigen_precision_name(attrib_eigen_precision precision)
{
    static const char *const names[] = {AT_EIGEN_PRECISIONS(AT_COMMA), "fitted"};
    return names[precision];
}

/* 1. Decompositions */

/* Reflections in a block, and columns of Z that it is applied to at a time. Fastest at n
 * = 3,072, as measured: 128 to 256 reflections, and 512 columns. */
#define BACK_BLOCK   ((size_t)128)
#define BACK_COLUMNS ((size_t)512)

/* The least exponent of the largest entry that A is scaled by: 2^1000 is still finite. */
#define LEAST_EXPONENT (-1000)

#define REAL           double
#define IN(name)       name##_f64
#define LAPACK(name)   LAPACKE_d##name##_work
#include "linalg/eigen_steps.h"

#define REAL         float
#define IN(name)     name##_f32
#define LAPACK(name) LAPACKE_s##name##_work
#include "linalg/eigen_steps.h"

/* ERANGE where LAPACK's integers do not hold the workspace, before any entry is read. */
static attrib_status check_size(size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_work = 0;
    lapack_int narrow = 0;
    AT_TRY(at_lapack_polynomial(n, 1, 4, 1, &n_work, err));
    AT_TRY(at_lapack_narrow(n_work, &narrow, err));
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

/* The same in f32, where `a` is rounded first. Entries are at most 1 in size, and what
 * underflows then is far below the rounding of the largest. */
static attrib_status solve_rounded(size_t n, double *a, double *values, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float *rounded = NULL; /* [n, n], of which the lower triangle by columns is set */
    size_t n_square = 0;
    AT_TRY(at_mul(n, n, &n_square, err));
    AT_TRY(at_array(n_square, sizeof *rounded, &rounded, err));
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) {
            rounded[j * n + i] = (float)a[j * n + i];
        }
    }
    AT_TRY(solve_f32(n, rounded, a, values, err));
done:
    free(rounded);
    return status;
}

double at_symmetric_eigen_bytes(attrib_eigen_precision precision, size_t n)
{
    double dim = (double)n;
    double block = fmin(dim, (double)BACK_BLOCK);
    double columns = fmin(dim, (double)BACK_COLUMNS);
    double numbers =
        2 * dim * dim + 7 * dim + 1 + (dim + block) * block + block * columns;
    double bytes = precision == ATTRIB_EIGEN_F32
                       ? sizeof(float) * (numbers + dim * dim) /* with A rounded */
                       : sizeof(double) * numbers;
    return bytes + sizeof(lapack_int) * (5 * dim + 3);
}

attrib_status at_symmetric_eigen(attrib_eigen_precision precision,
                                 size_t n,
                                 double *a,
                                 double *values,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double largest = 0;
    int exponent = 0;
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(check_size(n, err));
    AT_TRY(find_largest(n, a, &largest, err));
    /* Scale A by a power of two, which is exact, so that nothing over- or underflows. */
    frexp(largest, &exponent);
    exponent = exponent < LEAST_EXPONENT ? LEAST_EXPONENT : exponent;
    mirror(n, ldexp(1, -exponent), a);
    AT_TRY(precision == ATTRIB_EIGEN_F32 ? solve_rounded(n, a, values, err)
                                         : solve_f64(n, a, a, values, err));
    for (size_t i = 0; i < n; i++) {
        values[i] = ldexp(values[i], exponent);
    }
done:
    return status;
}

/* 2. Their check */

/* A decomposition fails above this many n eps: in f64 the ratio that LAPACK's own tests
 * allow. In f32, where n eps is no small number any more, a tenth of it: U'U - 1 was
 * measured at 0.3 to 0.5 n eps from n = 768 to 3,072. */
#define CHECK_RATIO     30.0
#define CHECK_RATIO_F32 3.0

static double limit_of(attrib_eigen_precision precision, size_t n)
{
    double unit = precision == ATTRIB_EIGEN_F32 ? CHECK_RATIO_F32 * (double)FLT_EPSILON
                                                : CHECK_RATIO * DBL_EPSILON;
    return unit * (double)n;
}

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

attrib_status at_symmetric_check(attrib_eigen_precision precision,
                                 size_t n,
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
    double limit = limit_of(precision, n);
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

/* 3. Their cost */

/* The cost of at_symmetric_eigen() for n rows, fitted to measurements from n = 64 to
 * 3,072 on two kinds of CPU kernels: FLOP in n^3, counted as if they ran at the f32 rate;
 * bytes of the shrinking matrix, which is read n times in f64; and terms in n^2 and n, in
 * exponentials, which matter for small n. The term in n^3 was measured again at 3,072
 * after reflections were applied in wide blocks. The check multiplies the matrix and its
 * eigenvectors with four vectors. */
#define EIGEN_FLOP    8.0
#define EIGEN_BYTES   (4.0 / 3.0)
#define EIGEN_CHECK   32.0
#define EIGEN_OF_F32  0.48 /* of the terms in n^3: 0.46 to 0.49 from 768 to 3,072 */
#define EIGEN_ENTRIES 22.0
#define EIGEN_ROWS    5500.0

void at_symmetric_cost(attrib_eigen_precision precision, double n, attrib_load *load)
{
    double cubes = n * n * n * (precision == ATTRIB_EIGEN_F32 ? EIGEN_OF_F32 : 1);
    load->flop += EIGEN_FLOP * cubes + EIGEN_CHECK * n * n;
    load->blas_flop += EIGEN_FLOP * cubes + EIGEN_CHECK * n * n;
    load->elements += n * (EIGEN_ENTRIES * n + EIGEN_ROWS);
    load->bytes += EIGEN_BYTES * cubes;
}
