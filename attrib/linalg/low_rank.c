/* SPDX-License-Identifier: MIT */
/* Low-rank approximation of a matrix, the same on every call.
 *
 * Small matrices are cut by their SVD. Larger ones are cut by a randomized range finder
 * that begins with a sketch S A. S is sparse, with N_SIGNS entries of +-1 in each column,
 * and a fixed function of the shape. With Q an orthonormal basis of the range of A A' A
 * A' S',
 *
 *     B = Q' A,  B B' = W diag(s^2) W',  L = Q W_r,  R = B' W_r
 *
 * is the best approximation of rank r within the range of Q. In memory Q stands
 * transposed, so its rows are orthonormal.
 *
 * 1. By SVD.
 * 2. By a random range.
 * 3. Both.
 * 4. Cost.
 *
 * Source: Halko, Martinsson & Tropp 2011, "Finding structure with randomness", algorithms
 * 4.4 and 5.1; Martinsson & Tropp 2020, "Randomized numerical linear algebra", section
 * 9.2 on sparse signs; Yamamoto et al. 2015, "Roundoff error analysis of the CholeskyQR2
 * algorithm". */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/random.h"
#include "base/wide.h"
#include "linalg/cost.h"
#include "linalg/linalg.h"

/* Columns beyond r: the range then holds the r leading directions nearly whole. Halko et
 * al. (section 4.2) find 5 or 10 to be enough. */
#define OVERSAMPLING ((size_t)8)
/* Rows of the sketch that each row of A is added to: so few that the sketch costs less
 * than a product, and so many that a few rows of A still reach all of it. Martinsson &
 * Tropp advise 8. */
#define N_SIGNS 8
/* Columns that are sketched at a time. */
#define SKETCH_COLUMNS ((size_t)512)
/* Multiplications by A A' that turn the range towards the leading directions, in addition
 * to the one of the sketch. Measured on gradients of queries of GPT-2's shape at rank 32:
 * the error was at most 0.9 % above the best with one, 0.5 % with two, and 5 % with none.
 */
#define N_ITERATIONS 1
/* The Gram matrix serves where at least this share of every row is outside the span of
 * the rows before it: f32 rounding then leaves rows orthonormal to 1 %. */
#define MIN_LEFT 1e-5
/* Up to this many rows or columns an SVD is used: it takes too little time to be avoided.
 */
#define MAX_EXACT ((size_t)64)
/* LAPACK's block size for the QR factorization. */
#define QR_BLOCK ((size_t)64)

/* 1. By SVD */

static attrib_status by_svd(size_t m,
                            size_t n,
                            const float *a,
                            size_t r,
                            float *left,
                            float *right,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t k = at_smaller(m, n);
    double *copy = NULL;
    double *u = NULL;
    double *s = NULL;
    double *vt = NULL;
    AT_TRY(at_array(m * n, sizeof *copy, &copy, err));
    AT_TRY(at_array(m * k, sizeof *u, &u, err));
    AT_TRY(at_array(k, sizeof *s, &s, err));
    AT_TRY(at_array(k * n, sizeof *vt, &vt, err));
    for (size_t i = 0; i < m * n; i++) {
        copy[i] = (double)a[i];
    }
    AT_TRY(at_svd(m, n, copy, u, s, vt, err));
    for (size_t j = 0; j < r; j++) {
        for (size_t i = 0; i < m; i++) {
            left[i * r + j] = (float)(u[i * k + j] * s[j]);
        }
        for (size_t i = 0; i < n; i++) {
            right[i * r + j] = (float)vt[j * n + i];
        }
    }
done:
    free(copy);
    free(u);
    free(s);
    free(vt);
    return status;
}

/* 2. By a random range */

/* The arrays of the range finder. */
typedef struct range_scratch {
    float *narrow;   /* [l, n] */
    float *triangle; /* [l, l] */
    float *tau;      /* [l] */
    float *work;     /* [l QR_BLOCK] */
    double *gram;    /* [l, l] */
    double *values;  /* [l] */
    float *turn;     /* [r, l] the leading eigenvectors, as rows */
} range_scratch;

static attrib_status take_scratch(
    size_t n, size_t l, size_t r, range_scratch *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(l * n, sizeof(float), &out->narrow, err));
    AT_TRY(at_array(l * l, sizeof(float), &out->triangle, err));
    AT_TRY(at_array(l, sizeof(float), &out->tau, err));
    AT_TRY(at_array(l * QR_BLOCK, sizeof(float), &out->work, err));
    AT_TRY(at_array(l * l, sizeof(double), &out->gram, err));
    AT_TRY(at_array(l, sizeof(double), &out->values, err));
    AT_TRY(at_array(r * l, sizeof(float), &out->turn, err));
done:
    return status;
}

static void free_scratch(range_scratch *scratch)
{
    free(scratch->narrow);
    free(scratch->triangle);
    free(scratch->tau);
    free(scratch->work);
    free(scratch->gram);
    free(scratch->values);
    free(scratch->turn);
}

AT_WIDE static void add_signed(float sign, const float *x, size_t n, float *y)
{
    for (size_t j = 0; j < n; j++) {
        y[j] += sign * x[j];
    }
}

/* z [l, n] = S A: every row of A is added to N_SIGNS rows of z with signs; which rows and
 * signs is a fixed function of the row's index. Some columns are done at a time, so that
 * these columns of z stay in a cache. */
static void sketch(size_t m, size_t n, const float *a, size_t l, float *z)
{
    const uint32_t key[2] = {0x6c6f7772u, 0x616e6b31u};
    memset(z, 0, l * n * sizeof *z);
    for (size_t first = 0; first < n; first += SKETCH_COLUMNS) {
        size_t n_columns = at_smaller(SKETCH_COLUMNS, n - first);
        for (size_t i = 0; i < m; i++) {
            const uint32_t counter[4] = {(uint32_t)i, 0, 0, 0};
            uint32_t bits[4];
            at_philox(key, counter, bits);
            for (size_t k = 0; k < N_SIGNS; k++) {
                uint32_t draw = bits[k / 2] >> (k % 2 * 16) & 0xffffu;
                size_t row = (size_t)(draw >> 1) * l >> 15;
                add_signed(draw & 1u ? 1.0F : -1.0F, a + i * n + first, n_columns,
                           z + row * n + first);
            }
        }
    }
}

/* Lower triangle of x x', x [l, n]. */
static void take_gram(const float *x, size_t n, size_t l, double *gram)
{
    for (size_t i = 0; i < l; i++) {
        for (size_t j = 0; j <= i; j++) {
            gram[i * l + j] = at_dot(x + i * n, x + j * n, n);
        }
    }
}

/* Make the rows of y [l, m] orthonormal by the Cholesky factor of their Gram matrix, up
 * to rounding times the condition of y. False where a row is too nearly in the span of
 * the rows before it (MIN_LEFT); y is then unchanged. */
static bool orthonormalize_by_gram(float *y,
                                   size_t m,
                                   size_t l,
                                   const range_scratch *scratch)
{
    double *gram = scratch->gram;
    double *squares = scratch->values;
    take_gram(y, m, l, gram);
    for (size_t i = 0; i < l; i++) {
        squares[i] = gram[i * l + i];
    }
    if (LAPACKE_dpotrf_work(LAPACK_ROW_MAJOR, 'L', (lapack_int)l, gram, (lapack_int)l) !=
        0) {
        return false;
    }
    for (size_t i = 0; i < l; i++) {
        double left = gram[i * l + i];
        if (!(left * left > MIN_LEFT * MIN_LEFT * squares[i]) || (float)left < FLT_MIN) {
            return false;
        }
        for (size_t j = 0; j <= i; j++) {
            scratch->triangle[i * l + j] = (float)gram[i * l + j];
        }
    }
    cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)l,
                (int)m, 1.0F, scratch->triangle, (int)l, y, (int)m);
    return true;
}

/* Make the rows of y orthonormal by Householder reflections, which works for any rows. By
 * columns y is [m, l]. */
static attrib_status orthonormalize_by_reflections(
    float *y, size_t m, size_t l, const range_scratch *scratch, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    lapack_int rows = (lapack_int)m;
    lapack_int columns = (lapack_int)l;
    lapack_int n_work = (lapack_int)(l * QR_BLOCK);
    lapack_int info = LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, rows, columns, y, rows,
                                          scratch->tau, scratch->work, n_work);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: sgeqrf ended with info %d",
             m, l, (int)info);
    info = LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, rows, columns, columns, y, rows,
                               scratch->tau, scratch->work, n_work);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: sorgqr ended with info %d",
             m, l, (int)info);
done:
    return status;
}

/* Make the rows of y [l, m] orthonormal, with the same span. Two rounds by the Gram
 * matrix leave only rounding errors; one is enough for rows that are multiplied by A
 * again. */
static attrib_status orthonormalize(float *y,
                                    size_t m,
                                    size_t l,
                                    size_t n_times,
                                    const range_scratch *scratch,
                                    attrib_error *err)
{
    for (size_t k = 0; k < n_times; k++) {
        if (!orthonormalize_by_gram(y, m, l, scratch)) {
            return orthonormalize_by_reflections(y, m, l, scratch, err);
        }
    }
    return ATTRIB_OK;
}

/* Rows of q [l, m]: an orthonormal basis of the range of A (A' A)^N_ITERATIONS A' S'. */
static attrib_status find_range(size_t m,
                                size_t n,
                                const float *a,
                                size_t l,
                                const range_scratch *scratch,
                                float *q,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float *z = scratch->narrow; /* [l, n] */
    sketch(m, n, a, l, z);
    AT_TRY(orthonormalize(z, n, l, 1, scratch, err));
    at_gemm(AT_PLAIN, AT_TRANSPOSED, l, m, n, 1.0F, z, n, a, n, 0.0F, q, m);
    for (int i = 0; i < N_ITERATIONS; i++) {
        AT_TRY(orthonormalize(q, m, l, 1, scratch, err));
        at_gemm(AT_PLAIN, AT_PLAIN, l, n, m, 1.0F, q, m, a, n, 0.0F, z, n);
        AT_TRY(orthonormalize(z, n, l, 1, scratch, err));
        at_gemm(AT_PLAIN, AT_TRANSPOSED, l, m, n, 1.0F, z, n, a, n, 0.0F, q, m);
    }
    AT_TRY(orthonormalize(q, m, l, 2, scratch, err));
done:
    return status;
}

static attrib_status by_range(size_t m,
                              size_t n,
                              const float *a,
                              size_t r,
                              float *left,
                              float *right,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t l = at_smaller(r + OVERSAMPLING, at_smaller(m, n));
    range_scratch scratch = {0};
    float *q = NULL; /* [l, m] */
    float *b = NULL; /* [l, n] in the scratch, once the range is found */
    AT_TRY(at_array(l * m, sizeof *q, &q, err));
    AT_TRY(take_scratch(n, l, r, &scratch, err));
    AT_TRY(find_range(m, n, a, l, &scratch, q, err));
    b = scratch.narrow;
    at_gemm(AT_PLAIN, AT_PLAIN, l, n, m, 1.0F, q, m, a, n, 0.0F, b, n);
    take_gram(b, n, l, scratch.gram);
    AT_TRY(at_symmetric_eigen(ATTRIB_EIGEN_F64, l, scratch.gram, scratch.values, err));
    for (size_t i = 0; i < r * l; i++) { /* the last r rows have the largest values */
        scratch.turn[i] = (float)scratch.gram[(l - r) * l + i];
    }
    at_gemm(AT_TRANSPOSED, AT_TRANSPOSED, m, r, l, 1.0F, q, m, scratch.turn, l, 0.0F,
            left, r);
    at_gemm(AT_TRANSPOSED, AT_TRANSPOSED, n, r, l, 1.0F, b, n, scratch.turn, l, 0.0F,
            right, r);
done:
    free(q);
    free_scratch(&scratch);
    return status;
}

/* 3. Both */

attrib_status at_low_rank(size_t m,
                          size_t n,
                          float *a,
                          size_t r,
                          float *left,
                          float *right,
                          double *error,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double square = at_dot(a, a, m * n);
    AT_CHECK(m <= INT_MAX / QR_BLOCK && n <= INT_MAX / QR_BLOCK, ATTRIB_ERANGE,
             "[%zu, %zu] is more than LAPACK's integers hold", m, n);
    AT_CHECK(r > 0 && r <= at_smaller(m, n), ATTRIB_ERANGE,
             "rank %zu of a [%zu, %zu] matrix", r, m, n);
    AT_CHECK(isfinite(square), ATTRIB_ENUMERIC,
             "[%zu, %zu] matrix to approximate is not finite", m, n);
    if (at_smaller(m, n) <= MAX_EXACT) {
        AT_TRY(by_svd(m, n, a, r, left, right, err));
    } else {
        AT_TRY(by_range(m, n, a, r, left, right, err));
    }
    at_gemm(AT_PLAIN, AT_TRANSPOSED, m, n, r, -1.0F, left, r, right, r, 1.0F, a, n);
    *error = sqrt(at_dot(a, a, m * n));
done:
    return status;
}

/* 4. Cost */

/* Products with the matrix: one for the range, two for each iteration, and one for the
 * factors. */
#define N_PRODUCTS (2 + 2 * N_ITERATIONS)
/* In exponentials: the cost of making l columns orthonormal and of the small
 * eigenproblem, for each row and column of the matrix, times l and l^2; and of the sketch
 * and norms, for each entry. Fitted to measurements from [128, 344] to [2048, 5632] with
 * l from 16 to 128: the whole cost is within a quarter where l is below the smaller side.
 */
#define UNITS_COLUMN 5.0
#define UNITS_SQUARE 0.43
#define UNITS_ENTRY  2.2

void at_low_rank_cost(double m, double n, double r, attrib_load *load)
{
    double l = r + (double)OVERSAMPLING;
    at_load_product(load, (at_product_size){AT_TRANSPOSED, l, m, n}, N_PRODUCTS / 2.0);
    at_load_product(load, (at_product_size){AT_PLAIN, l, n, m}, N_PRODUCTS / 2.0);
    at_load_product(load, (at_product_size){AT_TRANSPOSED, m, n, r}, 1); /* A - L R' */
    load->elements += (m + n) * l * (UNITS_COLUMN + UNITS_SQUARE * l);
    load->elements += m * n * UNITS_ENTRY;
}
