/* SPDX-License-Identifier: MIT */
/* Dense linear algebra on row-major matrices: the only room that touches CBLAS and
 * LAPACKE.
 *
 * Every call runs on the calling thread alone. Work is divided above, in blocks of fixed
 * size, since BLAS rounds differently when it divides by itself. */
#ifndef AT_LINALG_LINALG_H
#define AT_LINALG_LINALG_H

#include "attrib/linalg.h"
#include "base/load.h"
#include "base/memory.h"

/* Set OpenBLAS to one thread for this process. Called wherever a model or a factor is
 * opened. */
void at_blas_single_threaded(void);

/* ENOMEM where the address space does not hold what OpenBLAS takes for products on so
 * many threads: it asks for its buffers again and again for ever. */
attrib_status at_blas_check_memory(size_t n_threads, attrib_error *err);

/* Memory that OpenBLAS keeps of a thread whose products have at most `widest` rows. */
double at_blas_bytes(size_t widest, size_t element_bytes);

/* C [m, n] = alpha op(A) B' and so on: op(X) is X or X'. Sizes beyond int are split
 * inside. */
typedef enum at_op { AT_PLAIN, AT_TRANSPOSED } at_op;

/* C = alpha op_a(A) op_b(B) + beta C; op_a(A) [m, k], op_b(B) [k, n], C [m, n]. Row
 * strides ld*. */
void at_gemm(at_op op_a,
             at_op op_b,
             size_t m,
             size_t n,
             size_t k,
             float alpha,
             const float *a,
             size_t lda,
             const float *b,
             size_t ldb,
             float beta,
             float *c,
             size_t ldc);

/* Lower triangle of C [n, n] = alpha X' X + beta C, for X [k, n]. The upper triangle is
 * untouched. */
void at_syrk(size_t n,
             size_t k,
             float alpha,
             const float *x,
             size_t ldx,
             float beta,
             float *c,
             size_t ldc);

/* y [m] = alpha A x + beta y, A [m, n]; transposed, y [n] = alpha A' x + beta y. */
void at_gemv(size_t m,
             size_t n,
             float alpha,
             const float *a,
             size_t lda,
             const float *x,
             float beta,
             float *y);

void at_gemv_transposed(size_t m,
                        size_t n,
                        float alpha,
                        const float *a,
                        size_t lda,
                        const float *x,
                        float beta,
                        float *y);

/* sum_i x_i y_i, in f64, in index order within fixed blocks. */
double at_dot(const float *x, const float *y, size_t n);

/* y += alpha x. */
void at_axpy(size_t n, float alpha, const float *x, float *y);

/* Eigendecomposition of a symmetric A [n, n] (f64, lower triangle read), by reduction to
 * a tridiagonal matrix and divide and conquer. On success a holds the eigenvectors as
 * ROWS (row i belongs to values[i]) and values ascends. Fails with ENUMERIC where A is
 * not finite or dstedc does not converge. */
attrib_status at_symmetric_eigen(size_t n, double *a, double *values, attrib_error *err);

/* Bytes that it takes beside a and values. */
double at_symmetric_eigen_bytes(size_t n);

/* Check a decomposition by what it claims: A U = U diag(values) and U'U = 1, up to the
 * rounding of a backward stable solver. `triangle` is the packed lower triangle of A /
 * scale, `vectors` and `values` what at_symmetric_eigen() left. Every eigenpair is in the
 * check: the defects R = A U - U diag and E = U'U - 1 are multiplied by four fixed
 * vectors z of signs, whose |R z|^2 have the mean |R|_F^2; for that 16 n^2 multiply-adds
 * do. Fails with ENUMERIC where an estimate is above 30 n eps |A|_F, or 30 n eps. */
attrib_status at_symmetric_check(size_t n,
                                 const double *triangle,
                                 double scale,
                                 const double *vectors,
                                 const double *values,
                                 attrib_error *err);

/* Thin SVD of A [m, n] (f64, destroyed), by dgesdd: A = U diag(s) V', s descending, r =
 * min(m, n); u [m, r], s [r], vt [r, n]. Fails with ENUMERIC as above. */
attrib_status at_svd(
    size_t m, size_t n, double *a, double *u, double *s, double *vt, attrib_error *err);

/* A [m, n] ~ L R', left [m, r], right [n, r], 1 <= r <= min(m, n): deterministic, and
 * best or nearly so. A becomes what is left, A - L R', and *error its Frobenius norm.
 * Fails with ENUMERIC where A is not finite. */
attrib_status at_low_rank(size_t m,
                          size_t n,
                          float *a,
                          size_t r,
                          float *left,
                          float *right,
                          double *error,
                          attrib_error *err);

/* Add what at_low_rank() of [m, n] at rank r costs, and what decomposing and checking a
 * symmetric matrix of n rows does. */
void at_low_rank_cost(double m, double n, double r, attrib_load *load);
void at_symmetric_cost(double n, attrib_load *load);

#endif
