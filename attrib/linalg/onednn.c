/* SPDX-License-Identifier: MIT */
/* Products of f32 by oneDNN, where it is faster than OpenBLAS.
 *
 * Measured on a core of an AMD EPYC (Zen 4), GFLOP/s of OpenBLAS 0.3.21 and of oneDNN
 * 2.6, [m, k] [k, n] with B as it lies (N) or transposed (T):
 *
 *     m, n, k              B    OpenBLAS  oneDNN
 *     512, 3072, 768       N    94.6      103.5
 *     512, 3072, 768       T    96.1       93.6
 *     512, 768, 3072       N    95.4      107.3
 *     512, 448, 128        T    97.7      107.7
 *     128, 2048, 128       T    79.9       91.7
 *     90, 768, 3072        N    82.3      111.6
 *     27, 448, 128         T    72.9       96.7
 *     8, 448, 128          T    46.7       97.1
 *     2, 768, 3072         T     5.8       40.2
 *     64, 64, 64           T    85.1       76.1
 *     27, 27, 32           T    55.8       39.4
 *     19, 64, 2048         T    36.2       14.3
 *
 * OpenBLAS packs both operands, which takes long for few rows; oneDNN loses where a row
 * of C is narrow. */
#include "linalg/onednn.h"

#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdatomic.h>

/* The narrowest C that oneDNN was found to be faster for. */
#define NARROWEST 128

/* What oneDNN takes for its copies of parts of both operands. */
#define PRODUCT_BYTES ((double)((size_t)8 << 20))

/* The runtime of OpenMP that Debian's oneDNN is built with. Its header belongs to gcc,
 * and clang does not find it. */
int omp_get_max_threads(void);
void omp_set_num_threads(int n_threads);

static atomic_bool has_failed;

int at_onednn_threads(int n)
{
    int before = omp_get_max_threads();
    if (n != before) {
        omp_set_num_threads(n);
    }
    return before;
}

/* Whether oneDNN has kernels for AVX-512, which is what was measured. */
static bool is_fast(void)
{
    unsigned wanted = dnnl_cpu_isa_avx512_core;
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

bool at_onednn_multiplies(size_t m, size_t n, size_t k)
{
    return n >= NARROWEST && m > 0 && k > 0 && is_fast();
}

void at_onednn_gemm(at_op op_a,
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
    int n_threads = at_onednn_threads(1);
    dnnl_status_t status =
        dnnl_sgemm(op_a == AT_PLAIN ? 'N' : 'T', op_b == AT_PLAIN ? 'N' : 'T',
                   (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k, alpha, a, (dnnl_dim_t)lda,
                   b, (dnnl_dim_t)ldb, beta, c, (dnnl_dim_t)ldc);
    at_onednn_threads(n_threads);
    if (status != dnnl_success) {
        atomic_store(&has_failed, true);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < n; j++) {
                c[i * ldc + j] = NAN;
            }
        }
    }
}

bool at_onednn_has_failed(void)
{
    return atomic_exchange(&has_failed, false);
}

double at_onednn_bytes(void)
{
    return is_fast() ? PRODUCT_BYTES : 0;
}
