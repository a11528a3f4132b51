/* SPDX-License-Identifier: MIT */
/* Products of f32 by oneDNN, where it is faster than OpenBLAS.
 *
 * Measured on a core of an AMD EPYC (Zen 4), GFLOP/s of OpenBLAS 0.3.21 and of oneDNN
 * 2.6.3 where A [m, k] and B [k, n] lie so (NN), B as its transpose (NT), or A (TN):
 *
 *     m, n, k               NN             NT             TN
 *     512, 3072, 768      98   101       99   105       98   105
 *     512, 768, 3072     101   110       97   102       99   110
 *     512, 192, 576       97   111       97   105       96   112
 *     128, 50257, 768     88   108       89    97       88   107
 *     512, 448, 128       97   109       98   104       97   109
 *     128, 8192, 576      87    96       88    83       86    95
 *     90, 3072, 768       80    89       80    93       80    92
 *     27, 448, 128        76   105       69    91       75   103
 *     3072, 768, 3072    102   109      101   108      101   106
 *     64, 64, 4096        83   100       64    36       77   100
 *     4096, 64, 64        86    98       85    94       74    81
 *     512, 32, 64         86   106       85   101       80   102
 *     64, 96, 512         91   110       86    43       92   110
 *     16, 448, 128       109   103       63    84       95   104
 *     64, 64, 128        107    94       82    72      106    94
 *     27, 64, 27          65    49       44    35       65    49
 *     2, 768, 3072                        6    40
 *     8, 448, 128                        47    97
 *
 * OpenBLAS packs both operands, which takes long for few rows, and has other kernels for
 * products of less than a million multiply-adds. oneDNN loses where a row of C is narrow
 * and B transposed, unless A is large: on a core of a Zen 5, whose OpenBLAS was set to
 * its kernels for AVX2, A of eigenvectors and B of few rows gave
 *
 *     m, n, k                              NT
 *     576, 30, 576                       88   218
 *     1536, 30, 1536                     81   191
 *     1536, 60, 1536                     94   176
 *     3072, 30, 3072                     62   146 */
#include "linalg/onednn.h"

#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* The narrowest C that oneDNN was found to be faster for, where B lies as it is and where
 * it is transposed, and the most multiply-adds for which OpenBLAS is where B lies as it
 * is. */
#define NARROWEST            32
#define NARROWEST_TRANSPOSED 128
#define MOST_OF_SMALL        1000000

/* A of so many rows and columns makes oneDNN faster for narrower C of a transposed B. */
#define LARGE_A            512
#define NARROWEST_OF_LARGE 16

/* What oneDNN takes in a product of f32: for its copy of a part of B, 768 rows of up to
 * 10,240 columns; and for that of A, with a worker's share of the kernels, which it makes
 * once for the process. Measured on [512, k] times [k, n], with memory that was touched:
 * 1.1 MiB and 4 x 768 n bytes from n = 576 (2.8 MiB) over 3,072 (10.1) to 11,008 (30.4);
 * kernels 3.8 MiB for each of two kinds of products, one of which a worker is given. */
#define PRODUCT_BYTES ((double)((size_t)5 << 20))
#define COLUMN_BYTES  ((double)(768 * sizeof(float)))
#define MOST_COLUMNS  10240.0

/* The runtime of OpenMP that Debian's oneDNN is built with. Its header belongs to gcc,
 * and clang does not find it. */
int omp_get_max_threads(void);
void omp_set_num_threads(int n_threads);

/* What the code takes that oneDNN generates at its first product of f32, with room to
 * spare: where it finds no memory for that, oneDNN 2.6.3 ends the process (SIGSEGV). */
#define CODE_BYTES ((size_t)32 << 20)
/* The same for products of other operands or sizes, each of which may need more code:
 * 5 MiB are too few and 6 enough. */
#define MORE_CODE_BYTES ((size_t)8 << 20)

static atomic_bool has_failed;
static atomic_bool has_code; /* oneDNN has generated some */

/* What decides on the code of a product. */
typedef struct product_kind {
    at_op op_a, op_b;
    size_t m, n, k, lda, ldb, ldc;
    float beta;
} product_kind;

/* Kinds that a thread has multiplied of late: their code is there. */
#define N_KNOWN ((size_t)64)
static _Thread_local product_kind known[N_KNOWN];

static product_kind *place_of(const product_kind *kind)
{
    size_t hash = kind->m * 31 + kind->n * 17 + kind->k * 7 + (size_t)kind->op_a * 2 +
                  (size_t)kind->op_b;
    return &known[hash % N_KNOWN];
}

static bool is_same(const product_kind *x, const product_kind *y)
{
    return x->op_a == y->op_a && x->op_b == y->op_b && x->m == y->m && x->n == y->n &&
           x->k == y->k && x->lda == y->lda && x->ldb == y->ldb && x->ldc == y->ldc &&
           !(x->beta < y->beta) && !(x->beta > y->beta);
}

static void allow_threads(int n)
{
    if (n != omp_get_max_threads()) {
        omp_set_num_threads(n);
    }
}

at_onednn_before at_onednn_enter(void)
{
    /* What a thread brings upon itself ends the process if it is held back. */
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    at_onednn_before before = {.n_threads = omp_get_max_threads()};
    sigset_t held;
    sigfillset(&held);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        sigdelset(&held, own[i]);
    }
    pthread_sigmask(SIG_BLOCK, &held, &before.signals);
    allow_threads(1);
    return before;
}

void at_onednn_leave(const at_onednn_before *before)
{
    allow_threads(before->n_threads);
    pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
}

/* Whether oneDNN has kernels for AVX-512, which is what was measured. */
static bool is_fast(void)
{
    unsigned wanted = dnnl_cpu_isa_avx512_core;
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

bool at_onednn_is_faster(at_op op_b, double m, double n, double k)
{
    double narrowest =
        m >= LARGE_A && k >= LARGE_A ? NARROWEST_OF_LARGE : NARROWEST_TRANSPOSED;
    return op_b == AT_PLAIN ? n >= NARROWEST && m * n * k > MOST_OF_SMALL
                            : n >= narrowest;
}

bool at_onednn_multiplies(at_op op_b, size_t m, size_t n, size_t k)
{
    return at_onednn_is_faster(op_b, (double)m, (double)n, (double)k) && m > 0 && k > 0 &&
           is_fast();
}

/* Whether oneDNN has its code for such a product, or there is memory for it. */
static bool has_room(const product_kind *kind)
{
    size_t n_bytes = atomic_load(&has_code) ? MORE_CODE_BYTES : CODE_BYTES;
    if (is_same(place_of(kind), kind)) {
        return true;
    }
    void *room = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && munmap(room, n_bytes) == 0;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters of BLAS, known to all. */
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
    const product_kind kind = {op_a, op_b, m, n, k, lda, ldb, ldc, beta};
    at_onednn_before before = at_onednn_enter();
    dnnl_status_t status = dnnl_out_of_memory;
    if (has_room(&kind)) {
        status =
            dnnl_sgemm(op_a == AT_PLAIN ? 'N' : 'T', op_b == AT_PLAIN ? 'N' : 'T',
                       (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k, alpha, a,
                       (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, beta, c, (dnnl_dim_t)ldc);
    }
    at_onednn_leave(&before);
    if (status == dnnl_success) {
        *place_of(&kind) = kind;
        atomic_store(&has_code, true);
    } else {
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

double at_onednn_bytes(size_t widest)
{
    double of_columns = COLUMN_BYTES * fmin((double)widest, MOST_COLUMNS);
    return is_fast() ? PRODUCT_BYTES + of_columns : 0;
}
