/* SPDX-License-Identifier: MIT */
/* Dense linear algebra on row-major matrices: the only room that touches CBLAS and
 * LAPACKE.
 *
 * Every call runs on the calling thread alone. Callers divide work into blocks of fixed
 * size, since results of BLAS round differently when it divides work itself.
 *
 * Products, decompositions and approximations take their sizes, matrices and strides one
 * by one, in the order of BLAS and LAPACK, which is known better than any struct. */
#ifndef AT_LINALG_LINALG_H
#define AT_LINALG_LINALG_H

#include "attrib/linalg.h"
#include "base/load.h"
#include "base/memory.h"
#include "base/options.h"

/* The words of precisions, in the order of their enums. */
#define AT_PRECISIONS(OR)       "f32" OR "bf16" OR "auto"
#define AT_EIGEN_PRECISIONS(OR) "f64" OR "f32" /* fits have no "fitted" */

/* Set OpenBLAS to one thread for this process. Called where a model is opened, and again
 * where work begins: in a process that was forked since, OpenBLAS has its own threads
 * again. */
void at_blas_single_threaded(void);

/* Have OpenBLAS take its buffers for n_threads threads, before any of them multiplies:
 * ENOMEM where the address space has no room for them. OpenBLAS itself would ask for them
 * again and again, for ever. OpenBLAS's own threads, which nothing uses, may take one
 * each meanwhile: under a limit of addresses it is to be loaded with
 * OPENBLAS_NUM_THREADS=1. */
attrib_status at_blas_check_memory(size_t n_threads, attrib_error *err);

/* Bytes of memory that OpenBLAS and oneDNN keep for a thread whose products have at most
 * `widest` rows and columns. */
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

/* C [m, n] += A' B in f64, for A [k, m] and B [k, n]. */
void at_gemm_add_f64(size_t m,
                     size_t n,
                     size_t k,
                     const double *a,
                     size_t lda,
                     const double *b,
                     size_t ldb,
                     double *c,
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

/* Columns that at_add_dots() adds in f32, before it goes on in f64. In whatever order
 * that is done, the sum has an error of at most 2,048 x 2^-24 = 2^-13 of the sum of
 * magnitudes, and of about sqrt(2,048) x 2^-24 = 2^-18.5 of it as roundings are as good
 * as independent. Shorter sums gain no speed. */
#define AT_SUM_LENGTH ((size_t)2048)

/* C [m, n] += A B' in f64, for A [m, k], B [n, k]; row strides ld*. The bytes of an entry
 * depend on its two rows alone: not on m and n, nor on the processor. */
void at_add_dots(size_t m,
                 size_t n,
                 size_t k,
                 const float *a,
                 size_t lda,
                 const float *b,
                 size_t ldb,
                 double *c,
                 size_t ldc);

/* out [m, n] = x [m, k] y [k, n] of so few rows that a library would take longer to lay
 * them out than to multiply. The bytes of an entry depend on a row of x and a column of y
 * alone: not on m and n, nor on the processor. */
void at_combine_rows(
    size_t m, size_t n, size_t k, const float *x, const float *y, float *out);

/* y += alpha x. */
void at_axpy(size_t n, float alpha, const float *x, float *y);

/* Eigendecomposition of a symmetric A [n, n] (f64, lower triangle read), by reduction to
 * a tridiagonal matrix and divide and conquer, in f64 or of A rounded to f32. On success
 * a holds the eigenvectors as ROWS (row i belongs to values[i]), in f32 to the bit where
 * that was asked for, and values ascends. Values in f32 err by eps of the largest, so
 * that small ones have no right digit. Fails with ENUMERIC where A is not finite or
 * LAPACK's stedc does not converge; ERANGE from n = 46,339 on. */
attrib_status at_symmetric_eigen(attrib_eigen_precision precision,
                                 size_t n,
                                 double *a,
                                 double *values,
                                 attrib_error *err);

/* Bytes that at_symmetric_eigen() allocates; `a` and `values` are the caller's. */
double at_symmetric_eigen_bytes(attrib_eigen_precision precision, size_t n);

/* Check a decomposition: A U = U diag(values) and U'U = 1 must hold up to the rounding of
 * a backward stable solver in that precision, of which eps is 2^-52 or 2^-23. `triangle`
 * is the packed lower triangle of A / scale; `vectors` and `values` are what
 * at_symmetric_eigen() returned. The check covers every eigenpair: the defects R = A U -
 * U diag and E = U'U - 1 are multiplied by four fixed vectors z of signs. The mean of
 * |R z|^2 over such vectors is |R|_F^2, so this estimates |R|_F and |E|_F in 16 n^2
 * multiply-adds, in f64. Fails with ENUMERIC where |R|_F is estimated above 30 n eps
 * |A|_F, or |E|_F above 30 n eps; in f32 above 3 n eps. */
attrib_status at_symmetric_check(attrib_eigen_precision precision,
                                 size_t n,
                                 const double *triangle,
                                 double scale,
                                 const double *vectors,
                                 const double *values,
                                 attrib_error *err);

/* Thin SVD of A [m, n] (f64, destroyed), by dgesdd: A = U diag(s) V', s descending, r =
 * min(m, n); u [m, r], s [r], vt [r, n]. Fails with ENUMERIC as above. */
attrib_status at_svd(
    size_t m, size_t n, double *a, double *u, double *s, double *vt, attrib_error *err);

/* A [m, n] ~ L R', left [m, r], right [n, r], 1 <= r <= min(m, n): deterministic, and the
 * best approximation or nearly so. A becomes A - L R', and *error its Frobenius norm.
 * Fails with ENUMERIC where A is not finite. */
attrib_status at_low_rank(size_t m,
                          size_t n,
                          float *a,
                          size_t r,
                          float *left,
                          float *right,
                          double *error,
                          attrib_error *err);

/* Add the cost of at_low_rank() of [m, n] at rank r; and the cost of decomposing and
 * checking a symmetric matrix of n rows. */
void at_low_rank_cost(double m, double n, double r, attrib_load *load);
void at_symmetric_cost(attrib_eigen_precision precision, double n, attrib_load *load);

#endif
