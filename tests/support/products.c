/* SPDX-License-Identifier: MIT */
#include "support/products.h"

#include <stdatomic.h>

#include <cblas.h>
#include <oneapi/dnnl/dnnl.h>

#include "linalg/linalg.h"

static atomic_ullong n_flop;
static atomic_ullong n_of_onednn;

__typeof__(cblas_sgemm) __real_cblas_sgemm, __wrap_cblas_sgemm;

void __wrap_cblas_sgemm(CBLAS_ORDER order,
                        CBLAS_TRANSPOSE op_a,
                        CBLAS_TRANSPOSE op_b,
                        blasint m,
                        blasint n,
                        blasint k,
                        float alpha,
                        const float *a,
                        blasint lda,
                        const float *b,
                        blasint ldb,
                        float beta,
                        float *c,
                        blasint ldc)
{
    atomic_fetch_add(&n_flop, 2 * (unsigned long long)m * (unsigned long long)n *
                                  (unsigned long long)k);
    __real_cblas_sgemm(order, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

__typeof__(cblas_ssyrk) __real_cblas_ssyrk, __wrap_cblas_ssyrk;

void __wrap_cblas_ssyrk(CBLAS_ORDER order,
                        CBLAS_UPLO uplo,
                        CBLAS_TRANSPOSE op,
                        blasint n,
                        blasint k,
                        float alpha,
                        const float *a,
                        blasint lda,
                        float beta,
                        float *c,
                        blasint ldc)
{
    atomic_fetch_add(&n_flop, (unsigned long long)n * ((unsigned long long)n + 1) *
                                  (unsigned long long)k);
    __real_cblas_ssyrk(order, uplo, op, n, k, alpha, a, lda, beta, c, ldc);
}

__typeof__(dnnl_sgemm) __real_dnnl_sgemm, __wrap_dnnl_sgemm;

dnnl_status_t __wrap_dnnl_sgemm(char op_a,
                                char op_b,
                                dnnl_dim_t m,
                                dnnl_dim_t n,
                                dnnl_dim_t k,
                                float alpha,
                                const float *a,
                                dnnl_dim_t lda,
                                const float *b,
                                dnnl_dim_t ldb,
                                float beta,
                                float *c,
                                dnnl_dim_t ldc)
{
    atomic_fetch_add(&n_flop, 2 * (unsigned long long)m * (unsigned long long)n *
                                  (unsigned long long)k);
    atomic_fetch_add(&n_of_onednn, 2 * (unsigned long long)m * (unsigned long long)n *
                                       (unsigned long long)k);
    return __real_dnnl_sgemm(op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

__typeof__(at_add_dots) __real_at_add_dots, __wrap_at_add_dots;

void __wrap_at_add_dots(size_t m,
                        size_t n,
                        size_t k,
                        const float *a,
                        size_t lda,
                        const float *b,
                        size_t ldb,
                        double *c,
                        size_t ldc)
{
    atomic_fetch_add(&n_flop, 2 * (unsigned long long)m * (unsigned long long)n *
                                  (unsigned long long)k);
    __real_at_add_dots(m, n, k, a, lda, b, ldb, c, ldc);
}

__typeof__(at_combine_rows) __real_at_combine_rows, __wrap_at_combine_rows;

void __wrap_at_combine_rows(
    size_t m, size_t n, size_t k, const float *x, const float *y, float *out)
{
    atomic_fetch_add(&n_flop, 2 * (unsigned long long)m * (unsigned long long)n *
                                  (unsigned long long)k);
    __real_at_combine_rows(m, n, k, x, y, out);
}

double products_flop(void)
{
    return (double)atomic_load(&n_flop);
}

double products_of_onednn(void)
{
    return (double)atomic_load(&n_of_onednn);
}

double products_take(void)
{
    atomic_store(&n_of_onednn, 0);
    return (double)atomic_exchange(&n_flop, 0);
}
