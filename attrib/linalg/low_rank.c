/* SPDX-License-Identifier: MIT */
/* Low-rank approximation of a matrix, the same on every call.
 *
 * Small matrices by their SVD. Larger ones by a randomized range finder whose signs are a
 * fixed function of their place: with Q an orthonormal basis of A (A' A)^2 Omega,
 *
 *     B = Q' A,  B B' = W diag(s^2) W',  L = Q W_r,  R = B' W_r
 *
 * which is the best approximation of rank r within the range of Q.
 *
 * Source: Halko, Martinsson & Tropp 2011, "Finding structure with randomness", algorithms
 * 4.4 and 5.1. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include <lapacke.h>

#include "base/random.h"
#include "linalg/linalg.h"

/* Columns beyond r: the range then holds the r leading directions nearly whole. */
#define OVERSAMPLING ((size_t)8)
/* Multiplications by A A' that turn the range towards the leading directions. */
#define N_ITERATIONS 2
/* Up to this many rows or columns, an SVD costs less than it is worth to avoid. */
#define MAX_EXACT ((size_t)64)
/* LAPACK's block size for the LQ factorization. */
#define LQ_BLOCK ((size_t)64)

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

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
    size_t k = smaller(m, n);
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

/* What the range finder works with. */
typedef struct range_scratch {
    float *narrow;  /* [n, l] */
    float *tau;     /* [l] */
    float *work;    /* [l LQ_BLOCK] */
    double *gram;   /* [l, l], then its eigenvectors as rows */
    double *values; /* [l] */
    float *turn;    /* [r, l] the leading eigenvectors, as rows */
} range_scratch;

static attrib_status take_scratch(
    size_t n, size_t l, size_t r, range_scratch *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(n * l, sizeof(float), &out->narrow, err));
    AT_TRY(at_array(l, sizeof(float), &out->tau, err));
    AT_TRY(at_array(l * LQ_BLOCK, sizeof(float), &out->work, err));
    AT_TRY(at_array(l * l, sizeof(double), &out->gram, err));
    AT_TRY(at_array(l, sizeof(double), &out->values, err));
    AT_TRY(at_array(r * l, sizeof(float), &out->turn, err));
done:
    return status;
}

static void free_scratch(range_scratch *scratch)
{
    free(scratch->narrow);
    free(scratch->tau);
    free(scratch->work);
    free(scratch->gram);
    free(scratch->values);
    free(scratch->turn);
}

/* Signs of a fixed function of their place: Omega [n, l]. */
static void fill_signs(float *omega, size_t n_entries)
{
    const uint32_t key[2] = {0x6c6f7772u, 0x616e6b31u};
    for (size_t first = 0; first < n_entries; first += 128) {
        const uint32_t counter[4] = {(uint32_t)(first / 128), 0, 0, 0};
        uint32_t bits[4];
        at_philox(key, counter, bits);
        for (size_t i = 0; i < 128 && first + i < n_entries; i++) {
            omega[first + i] = bits[i / 32] >> (i % 32) & 1u ? 1.0F : -1.0F;
        }
    }
}

/* Columns of y [m, l] become orthonormal, with the same span. By columns y is [l, m],
 * and its LQ factorization has them as the rows of Q. */
static attrib_status orthonormalize(
    float *y, size_t m, size_t l, const range_scratch *scratch, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    lapack_int rows = (lapack_int)l;
    lapack_int columns = (lapack_int)m;
    lapack_int n_work = (lapack_int)(l * LQ_BLOCK);
    lapack_int info = LAPACKE_sgelqf_work(LAPACK_COL_MAJOR, rows, columns, y, rows,
                                          scratch->tau, scratch->work, n_work);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: sgelqf ended with info %d",
             m, l, (int)info);
    info = LAPACKE_sorglq_work(LAPACK_COL_MAJOR, rows, columns, rows, y, rows,
                               scratch->tau, scratch->work, n_work);
    AT_CHECK(info == 0, ATTRIB_ENUMERIC, "[%zu, %zu] matrix: sorglq ended with info %d",
             m, l, (int)info);
done:
    return status;
}

/* q [m, l]: an orthonormal basis of the range of A (A' A)^N_ITERATIONS Omega. */
static attrib_status find_range(size_t m,
                                size_t n,
                                const float *a,
                                size_t l,
                                const range_scratch *scratch,
                                float *q,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float *z = scratch->narrow; /* [n, l] */
    fill_signs(z, n * l);
    at_gemm(AT_PLAIN, AT_PLAIN, m, l, n, 1.0F, a, n, z, l, 0.0F, q, l);
    AT_TRY(orthonormalize(q, m, l, scratch, err));
    for (int i = 0; i < N_ITERATIONS; i++) {
        at_gemm(AT_TRANSPOSED, AT_PLAIN, n, l, m, 1.0F, a, n, q, l, 0.0F, z, l);
        AT_TRY(orthonormalize(z, n, l, scratch, err));
        at_gemm(AT_PLAIN, AT_PLAIN, m, l, n, 1.0F, a, n, z, l, 0.0F, q, l);
        AT_TRY(orthonormalize(q, m, l, scratch, err));
    }
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
    size_t l = smaller(r + OVERSAMPLING, smaller(m, n));
    range_scratch scratch = {0};
    float *q = NULL; /* [m, l] */
    float *b = NULL; /* [l, n] */
    AT_TRY(at_array(m * l, sizeof *q, &q, err));
    AT_TRY(at_array(l * n, sizeof *b, &b, err));
    AT_TRY(take_scratch(n, l, r, &scratch, err));
    AT_TRY(find_range(m, n, a, l, &scratch, q, err));
    at_gemm(AT_TRANSPOSED, AT_PLAIN, l, n, m, 1.0F, q, l, a, n, 0.0F, b, n);
    for (size_t i = 0; i < l; i++) {
        for (size_t j = 0; j <= i; j++) {
            scratch.gram[i * l + j] = at_dot(b + i * n, b + j * n, n);
        }
    }
    AT_TRY(at_symmetric_eigen(l, scratch.gram, scratch.values, err));
    for (size_t i = 0; i < r * l; i++) { /* the last r rows: the largest values */
        scratch.turn[i] = (float)scratch.gram[(l - r) * l + i];
    }
    at_gemm(AT_PLAIN, AT_TRANSPOSED, m, r, l, 1.0F, q, l, scratch.turn, l, 0.0F, left, r);
    at_gemm(AT_TRANSPOSED, AT_TRANSPOSED, n, r, l, 1.0F, b, n, scratch.turn, l, 0.0F,
            right, r);
done:
    free(q);
    free(b);
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
    AT_CHECK(m <= INT_MAX / LQ_BLOCK && n <= INT_MAX / LQ_BLOCK, ATTRIB_ERANGE,
             "[%zu, %zu] is more than LAPACK's integers hold", m, n);
    AT_CHECK(r > 0 && r <= smaller(m, n), ATTRIB_ERANGE,
             "rank %zu of a [%zu, %zu] matrix", r, m, n);
    AT_CHECK(isfinite(square), ATTRIB_ENUMERIC,
             "[%zu, %zu] matrix to approximate is not finite", m, n);
    if (smaller(m, n) <= MAX_EXACT) {
        AT_TRY(by_svd(m, n, a, r, left, right, err));
    } else {
        AT_TRY(by_range(m, n, a, r, left, right, err));
    }
    at_gemm(AT_PLAIN, AT_TRANSPOSED, m, n, r, -1.0F, left, r, right, r, 1.0F, a, n);
    *error = sqrt(at_dot(a, a, m * n));
done:
    return status;
}
