/* SPDX-License-Identifier: MIT */
/* Products of row-major matrices by CBLAS, in pieces whose sizes fit its int. */
#include "linalg/linalg.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/wide.h"
#include "linalg/onednn.h"

/* The largest piece given to CBLAS at once. A fixed size, so that results do not depend
 * on anything but the shapes. */
#define MAX_PIECE ((size_t)1 << 30)

/* The most that OpenBLAS maps for a thread's first product, and keeps: 32 MiB << 2, the
 * largest buffer of its x86-64 builds. */
#define BLAS_BUFFER_BYTES ((size_t)128 << 20)
/* What OpenBLAS maps in addition to a buffer, to align it. */
#define BLAS_MARGIN_BYTES ((size_t)64 << 10)
/* OpenBLAS warns of more buffers than it was built for, which is 128 in Debian. */
#define MAX_CLAIMED ((size_t)128)
/* The memory of this buffer that is touched: a panel of one operand, and for every row of
 * the other operand as many elements as are multiplied at a time. Measured on kernels for
 * AVX-512, whose panels are the largest: 1.1 MiB, and up to 448 elements (f32) or 256
 * (f64). */
#define PANEL_BYTES ((double)((size_t)2 << 20))
#define PANEL_DEPTH 448.0

/* A row stride as CBLAS takes it. This library never has rows longer than 8 GiB. */
static int stride_of(size_t ld)
{
    assert(ld <= INT_MAX);
    return (int)ld;
}

void at_blas_single_threaded(void)
{
    openblas_set_num_threads(1);
}

/* OpenBLAS's own, exported though in no header of its own: where a build hides them they
 * are NULL. The first maps a buffer unless one is free, and asks for ever where there is
 * no room; the second makes it free, and keeps it. */
void *blas_memory_alloc(int unused) __attribute__((weak));
void blas_memory_free(void *buffer) __attribute__((weak));

/* Buffers that OpenBLAS holds since they were claimed; it is one for the process. */
static size_t n_claimed;
static atomic_flag is_claiming = ATOMIC_FLAG_INIT;

/* Have OpenBLAS map n buffers at once, while there is room for them: what is allocated
 * later cannot take it. */
static void claim_buffers(size_t n)
{
    void *buffers[MAX_CLAIMED];
    if (!blas_memory_alloc || !blas_memory_free) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        buffers[i] = blas_memory_alloc(0);
    }
    for (size_t i = 0; i < n; i++) {
        blas_memory_free(buffers[i]);
    }
    n_claimed = n;
}

attrib_status at_blas_check_memory(size_t n_threads, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_smaller(n_threads, MAX_CLAIMED);
    size_t n_bytes = 0;
    void *room = MAP_FAILED;
    while (atomic_flag_test_and_set(&is_claiming)) {
        sched_yield(); /* another thread opens a model, for as long as two calls take */
    }
    if (n <= n_claimed) {
        goto done;
    }
    AT_TRY(at_mul(n_threads - n_claimed, BLAS_BUFFER_BYTES + BLAS_MARGIN_BYTES, &n_bytes,
                  err));
    room = mmap(NULL, n_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0);
    AT_CHECK(room != MAP_FAILED, ATTRIB_ENOMEM,
             "out of memory: products take %zu MiB of address space",
             n_threads * BLAS_BUFFER_BYTES >> 20);
    munmap(room, n_bytes);
    claim_buffers(n);
done:
    atomic_flag_clear(&is_claiming);
    return status;
}

double at_blas_bytes(size_t widest, size_t element_bytes)
{
    double bytes = PANEL_BYTES + PANEL_DEPTH * (double)element_bytes * (double)widest;
    double of_onednn = element_bytes == sizeof(float) ? at_onednn_bytes(widest) : 0;
    return of_onednn +
           (bytes < (double)BLAS_BUFFER_BYTES ? bytes : (double)BLAS_BUFFER_BYTES);
}

/* C [m, n] *= beta, where beta = 0 also clears NaN. */
static void scale_rows(size_t m, size_t n, float beta, float *c, size_t ldc)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            c[i * ldc + j] = beta == 0.0f ? 0.0f : beta * c[i * ldc + j];
        }
    }
}

/* C = alpha op(A) op(B) + beta C of sizes above 0 by CBLAS, in pieces that fit its int. n
 * is bounded by ldc or by the rows of a transposed B that must exist; m and k are cut. */
/* NOLINTNEXTLINE(readability-function-size): the parameters of BLAS, known to all. */
static void blas_gemm(at_op op_a,
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
                      size_t ldc)
{
    assert(n <= INT_MAX);
    for (size_t i = 0; i < m; i += MAX_PIECE) {
        const float *a_rows = a + (op_a == AT_PLAIN ? i * lda : i);
        for (size_t l = 0; l < k; l += MAX_PIECE) {
            cblas_sgemm(CblasRowMajor, op_a == AT_PLAIN ? CblasNoTrans : CblasTrans,
                        op_b == AT_PLAIN ? CblasNoTrans : CblasTrans,
                        (int)at_smaller(m - i, MAX_PIECE), (int)n,
                        (int)at_smaller(k - l, MAX_PIECE), alpha,
                        a_rows + (op_a == AT_PLAIN ? l : l * lda), stride_of(lda),
                        b + (op_b == AT_PLAIN ? l * ldb : l), stride_of(ldb),
                        l == 0 ? beta : 1.0f, c + i * ldc, stride_of(ldc));
        }
    }
}

/* NOLINTNEXTLINE(readability-function-size): the parameters of BLAS, known to all. */
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
             size_t ldc)
{
    if (m == 0 || n == 0) {
        return;
    }
    if (k == 0) {
        scale_rows(m, n, beta, c, ldc);
        return;
    }
    if (at_onednn_multiplies(op_b, m, n, k)) {
        at_onednn_gemm(op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    blas_gemm(op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void at_gemm_add_f64(size_t m,
                     size_t n,
                     size_t k,
                     const double *a,
                     size_t lda,
                     const double *b,
                     size_t ldb,
                     double *c,
                     size_t ldc)
{
    assert(m <= INT_MAX && n <= INT_MAX);
    if (m == 0 || n == 0) {
        return;
    }
    for (size_t l = 0; l < k; l += MAX_PIECE) {
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m, (int)n,
                    (int)at_smaller(k - l, MAX_PIECE), 1, a + l * lda, stride_of(lda),
                    b + l * ldb, stride_of(ldb), 1, c, stride_of(ldc));
    }
}

void at_syrk(size_t n,
             size_t k,
             float alpha,
             const float *x,
             size_t ldx,
             float beta,
             float *c,
             size_t ldc)
{
    assert(n <= INT_MAX);
    if (n == 0) {
        return;
    }
    if (k == 0) {
        for (size_t i = 0; i < n; i++) {
            scale_rows(1, i + 1, beta, c + i * ldc, ldc);
        }
        return;
    }
    for (size_t l = 0; l < k; l += MAX_PIECE) {
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n,
                    (int)at_smaller(k - l, MAX_PIECE), alpha, x + l * ldx, stride_of(ldx),
                    l == 0 ? beta : 1.0f, c, stride_of(ldc));
    }
}

void at_gemv(size_t m,
             size_t n,
             float alpha,
             const float *a,
             size_t lda,
             const float *x,
             float beta,
             float *y)
{
    assert(n <= INT_MAX);
    if (m == 0) {
        return;
    }
    if (n == 0) {
        scale_rows(m, 1, beta, y, 1);
        return;
    }
    for (size_t i = 0; i < m; i += MAX_PIECE) {
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)at_smaller(m - i, MAX_PIECE),
                    (int)n, alpha, a + i * lda, stride_of(lda), x, 1, beta, y + i, 1);
    }
}

void at_gemv_transposed(size_t m,
                        size_t n,
                        float alpha,
                        const float *a,
                        size_t lda,
                        const float *x,
                        float beta,
                        float *y)
{
    assert(n <= INT_MAX);
    if (n == 0) {
        return;
    }
    if (m == 0) {
        scale_rows(1, n, beta, y, n);
        return;
    }
    for (size_t i = 0; i < m; i += MAX_PIECE) {
        cblas_sgemv(CblasRowMajor, CblasTrans, (int)at_smaller(m - i, MAX_PIECE), (int)n,
                    alpha, a + i * lda, stride_of(lda), x + i, 1, i == 0 ? beta : 1.0f, y,
                    1);
    }
}

/* The number of independent sums, which a compiler can keep in vector registers without
 * changing the order of any addition. */
#define N_LANES 16

AT_WIDE double at_dot(const float *x, const float *y, size_t n)
{
    double lanes[N_LANES] = {0};
    size_t n_whole = n - n % N_LANES;
    for (size_t i = 0; i < n_whole; i += N_LANES) {
        for (size_t j = 0; j < N_LANES; j++) {
            lanes[j] += (double)x[i + j] * (double)y[i + j];
        }
    }
    for (size_t i = n_whole; i < n; i++) {
        lanes[i - n_whole] += (double)x[i] * (double)y[i];
    }
    double sum = 0;
    for (size_t j = 0; j < N_LANES; j++) {
        sum += lanes[j];
    }
    return sum;
}

void at_axpy(size_t n, float alpha, const float *x, float *y)
{
    for (size_t i = 0; i < n; i += MAX_PIECE) {
        cblas_saxpy((int)at_smaller(n - i, MAX_PIECE), alpha, x + i, 1, y + i, 1);
    }
}
