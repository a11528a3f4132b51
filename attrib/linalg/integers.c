/* SPDX-License-Identifier: MIT */
/* Products of integers of 16 bits by the instructions that multiply two pairs of them and
 * add both products to a sum of 32 bits: one for 16 columns with AVX512-VNNI, and two for
 * 8 columns with AVX2. Rows are multiplied in tiles, whose sums stay in registers.
 *
 * oneDNN and OpenBLAS have no such product: oneDNN's are of 8 bits. */
#include "linalg/integers.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { N_COLUMNS = AT_INTEGER_COLUMNS, N_HALF = N_COLUMNS / 2 };

typedef struct operands {
    const int16_t *x, *y;
    size_t n, n_pairs;
    int32_t *out;
} operands;

/* Multiply the first n_rows rows of x: a constant where this is called, so that its loops
 * become straight code. */
typedef void multiply_tile(const operands *in, size_t n_rows);

#define INLINE static inline __attribute__((always_inline))

/* All rows, by tiles of at most `height`, a power of two. */
INLINE void multiply_all(const operands *in, multiply_tile *tile, size_t height)
{
    operands at = *in;
    for (size_t n = 0; at.n > 0; at.n -= n) {
        if (at.n >= height) {
            tile(&at, n = height);
        } else {
            tile(&at, n = 1);
        }
        at.x += n * 2 * at.n_pairs;
        at.out += n * N_COLUMNS;
    }
}

/* Sums of even and of odd rows of y are kept apart, so that a loop goes along it. */
INLINE void multiply_plainly(const operands *in, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        const int16_t *x = in->x + i * 2 * in->n_pairs;
        int32_t sums[2 * N_COLUMNS] = {0};
        for (size_t k = 0; k < in->n_pairs; k++) {
            const int16_t *y = in->y + k * 2 * N_COLUMNS;
            int16_t pairs[2 * N_COLUMNS];
            for (size_t j = 0; j < N_COLUMNS; j++) {
                memcpy(pairs + 2 * j, x + 2 * k, 2 * sizeof *x);
            }
            for (size_t e = 0; e < 2 * (size_t)N_COLUMNS; e++) {
                sums[e] += pairs[e] * y[e];
            }
        }
        for (size_t j = 0; j < N_COLUMNS; j++) {
            in->out[i * N_COLUMNS + j] = sums[2 * j] + sums[2 * j + 1];
        }
    }
}

#if defined(__x86_64__)

/* Two entries of a row, as all columns take them. */
INLINE int32_t pair_of(const operands *in, size_t i, size_t k)
{
    int32_t pair;
    memcpy(&pair, in->x + 2 * (i * in->n_pairs + k), sizeof pair);
    return pair;
}

#define AVX2   __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512vnni")))

/* 4 rows are 8 of the 16 registers of AVX2. */
enum { ROWS_OF_AVX2 = 4, ROWS_OF_AVX512 = 8 };

AVX2 INLINE void multiply_by_halves(const operands *in, size_t n_rows)
{
    __m256i sums[ROWS_OF_AVX2][2];
    for (size_t i = 0; i < n_rows; i++) {
        sums[i][0] = sums[i][1] = _mm256_setzero_si256();
    }
    for (size_t k = 0; k < in->n_pairs; k++) {
        const int16_t *y = in->y + k * 2 * N_COLUMNS;
        __m256i left = _mm256_loadu_si256((const void *)y);
        __m256i right = _mm256_loadu_si256((const void *)(y + N_COLUMNS));
        for (size_t i = 0; i < n_rows; i++) {
            __m256i x = _mm256_set1_epi32(pair_of(in, i, k));
            sums[i][0] = _mm256_add_epi32(sums[i][0], _mm256_madd_epi16(x, left));
            sums[i][1] = _mm256_add_epi32(sums[i][1], _mm256_madd_epi16(x, right));
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        int32_t *out = in->out + i * N_COLUMNS;
        _mm256_storeu_si256((void *)out, sums[i][0]);
        _mm256_storeu_si256((void *)(out + N_HALF), sums[i][1]);
    }
}

AVX512 INLINE void multiply_by_rows(const operands *in, size_t n_rows)
{
    __m512i sums[ROWS_OF_AVX512];
    for (size_t i = 0; i < n_rows; i++) {
        sums[i] = _mm512_setzero_si512();
    }
    for (size_t k = 0; k < in->n_pairs; k++) {
        __m512i y = _mm512_loadu_si512(in->y + k * 2 * N_COLUMNS);
        for (size_t i = 0; i < n_rows; i++) {
            sums[i] =
                _mm512_dpwssd_epi32(sums[i], y, _mm512_set1_epi32(pair_of(in, i, k)));
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        _mm512_storeu_si512(in->out + i * N_COLUMNS, sums[i]);
    }
}

AVX2 static void by_avx2(const operands *in)
{
    multiply_all(in, multiply_by_halves, ROWS_OF_AVX2);
}

AVX512 static void by_avx512(const operands *in)
{
    multiply_all(in, multiply_by_rows, ROWS_OF_AVX512);
}

/* Whether the processor has such instructions, and the environment variable
 * ONEDNN_MAX_CPU_ISA, which is for oneDNN's products, does not forbid them. */
static bool has(dnnl_cpu_isa_t isa)
{
    unsigned wanted = isa;
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

#endif

typedef void product(const operands *in);

static void by_any(const operands *in)
{
    multiply_all(in, multiply_plainly, 1);
}

/* What this processor does it by. */
static product *choose(void)
{
#if defined(__x86_64__)
    if (has(dnnl_cpu_isa_avx512_core_vnni)) {
        return by_avx512;
    }
    if (has(dnnl_cpu_isa_avx2)) {
        return by_avx2;
    }
#endif
    return by_any;
}

void at_integer_product(
    size_t n, size_t n_pairs, const int16_t *x, const int16_t *y, int32_t *out)
{
    static _Atomic(product *) chosen; /* to ask oneDNN takes as long as some rows */
    product *by = atomic_load(&chosen);
    if (!by) {
        by = choose();
        atomic_store(&chosen, by);
    }
    by(&(operands){x, y, n, n_pairs, out});
}
