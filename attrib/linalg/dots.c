/* SPDX-License-Identifier: MIT */
/* Products of every row of one matrix with every row of another, as scores are: few rows,
 * and very long ones.
 *
 * BLAS chooses its kernels by all sizes of a product, so that an entry's last bits depend
 * on how many others there are. Here an entry depends on its two rows alone: products are
 * added in 16 lanes, lane j those of columns j, j + 16, ..., over AT_SUM_LENGTH columns;
 * then the lanes are added in one order, and the sum is taken in f64.
 *
 * Rows are multiplied in tiles, whose lanes stay in registers: 6 x 4 rows, which are 24
 * of the 32 registers of AVX-512; or 4 x 3, which are 12 of the 16 of AVX2, once for the
 * first 8 lanes and once for the others. Both give the same bytes. Measured on an AMD
 * EPYC (Zen 5) with rows of 45,056 and 786,432 columns, against OpenBLAS's sgemm with
 * results of 2,048 columns at a time summed in f64, each the best of five: 0.95 of its
 * time with 8 rows and 19 to 60, 0.4 to 0.7 with 32, 0.8 to 0.9 with 2; with AVX2 0.2 to
 * 1.1 of what its kernels for AVX2 take. */
#include <string.h>

#include "base/wide.h"
#include "linalg/linalg.h"

/* Lanes of a sum, in one vector or in two. */
enum { N_LANES = 16, N_HALF = N_LANES / 2 };

typedef float lanes __attribute__((vector_size(N_LANES * sizeof(float)), aligned(4)));
typedef float half __attribute__((vector_size(N_HALF * sizeof(float)), aligned(4)));

/* Rows of a [m, k] and b [n, k], k a multiple of N_LANES; c [m, n] += a b' */
typedef struct operands {
    const float *a, *b;
    size_t m, n, k;
    size_t lda, ldb, ldc;
    double *c;
} operands;

/* Add a tile of the first n_rows rows of a and n_columns of b. Both numbers are constants
 * where this is called, so that its loops become straight code. */
typedef void add_tile(const operands *x, size_t n_rows, size_t n_columns);

#define INLINE static inline __attribute__((always_inline))

/* The sum of the 16 lanes of which x has those 8 apart added. */
INLINE double sum_of(const half *x)
{
    float four[4];
    for (size_t j = 0; j < 4; j++) {
        four[j] = (*x)[j] + (*x)[j + 4];
    }
    return (double)((four[0] + four[2]) + (four[1] + four[3]));
}

INLINE void add_tile_of_halves(const operands *x, size_t n_rows, size_t n_columns)
{
    half halves[2][4][3];
    for (size_t h = 0; h < 2; h++) {
        half sums[4][3] = {{{0}}};
        for (size_t k = h * N_HALF; k < x->k; k += N_LANES) {
            half b[3];
            for (size_t j = 0; j < n_columns; j++) {
                b[j] = *(const half *)(x->b + j * x->ldb + k);
            }
            for (size_t i = 0; i < n_rows; i++) {
                half a = *(const half *)(x->a + i * x->lda + k);
                for (size_t j = 0; j < n_columns; j++) {
                    sums[i][j] += a * b[j];
                }
            }
        }
        memcpy(halves[h], sums, sizeof sums);
    }
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t j = 0; j < n_columns; j++) {
            half sum = halves[0][i][j] + halves[1][i][j];
            x->c[i * x->ldc + j] += sum_of(&sum);
        }
    }
}

/* A row of tiles: n_rows rows of a with all rows of b. */
INLINE void add_beside(const operands *x, add_tile *tile, size_t n_rows, size_t width)
{
    operands at = *x;
    for (size_t n = 0; at.n > 0; at.n -= n) {
        if (at.n >= width) {
            tile(&at, n_rows, n = width);
        } else if (at.n == 3) {
            tile(&at, n_rows, n = 3);
        } else if (at.n == 2) {
            tile(&at, n_rows, n = 2);
        } else {
            tile(&at, n_rows, n = 1);
        }
        at.b += n * at.ldb;
        at.c += n;
    }
}

/* All tiles, of at most `height` x `width`. */
INLINE void add_all(const operands *x, add_tile *tile, size_t height, size_t width)
{
    operands at = *x;
    for (size_t m = 0; at.m > 0; at.m -= m) {
        if (at.m >= height) {
            add_beside(&at, tile, m = height, width);
        } else if (at.m >= 4) {
            add_beside(&at, tile, m = 4, width);
        } else if (at.m == 3) {
            add_beside(&at, tile, m = 3, width);
        } else if (at.m == 2) {
            add_beside(&at, tile, m = 2, width);
        } else {
            add_beside(&at, tile, m = 1, width);
        }
        at.a += m * at.lda;
        at.c += m * at.ldc;
    }
}

AT_WIDE static void add_by_halves(const operands *x)
{
    add_all(x, add_tile_of_halves, 4, 3);
}

#ifdef AT_HAS_WIDE

typedef float four_floats __attribute__((vector_size(4 * sizeof(float))));
typedef double four_doubles __attribute__((vector_size(4 * sizeof(double)), aligned(8)));
typedef int32_t places __attribute__((vector_size(N_LANES * sizeof(int32_t))));

/* The sums of four vectors' lanes, each in the order of sum_of(). */
INLINE void sums_of(const lanes *x, four_doubles *out)
{
    static const places low = {0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23};
    static const places even = {0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27};
    static const places two = {2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13};
    static const places one = {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14};
    lanes of_0 = x[0], of_1 = x[1], of_2 = x[2], of_3 = x[3];
    lanes left = __builtin_shuffle(of_0, of_1, low) + /* lanes 8 apart, of x[0], x[1] */
                 __builtin_shuffle(of_0, of_1, low + 8);
    lanes right =
        __builtin_shuffle(of_2, of_3, low) + __builtin_shuffle(of_2, of_3, low + 8);
    lanes all = __builtin_shuffle(left, right, even) + /* 4 apart, of all four */
                __builtin_shuffle(left, right, even + 4);
    all += __builtin_shuffle(all, two);
    all += __builtin_shuffle(all, one);
    four_floats sums = {all[0], all[4], all[8], all[12]};
    *out = __builtin_convertvector(sums, four_doubles);
}

INLINE void add_tile_of_lanes(const operands *x, size_t n_rows, size_t n_columns)
{
    lanes sums[6][4] = {{{0}}};
    for (size_t k = 0; k < x->k; k += N_LANES) {
        lanes b[4];
        for (size_t j = 0; j < n_columns; j++) {
            b[j] = *(const lanes *)(x->b + j * x->ldb + k);
        }
        for (size_t i = 0; i < n_rows; i++) {
            lanes a = *(const lanes *)(x->a + i * x->lda + k);
            for (size_t j = 0; j < n_columns; j++) {
                sums[i][j] += a * b[j];
            }
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        double *c = x->c + i * x->ldc;
        four_doubles tile;
        sums_of(sums[i], &tile);
        if (n_columns == 4) {
            *(four_doubles *)c += tile;
        }
        for (size_t j = 0; j < n_columns && n_columns < 4; j++) {
            c[j] += tile[j];
        }
    }
}

__attribute__((target("avx512f"))) static void add_by_lanes(const operands *x)
{
    add_all(x, add_tile_of_lanes, 6, 4);
}

static void add_lanes(const operands *x)
{
    if (__builtin_cpu_supports("avx512f")) {
        add_by_lanes(x);
    } else {
        add_by_halves(x);
    }
}

#else

static void add_lanes(const operands *x)
{
    add_by_halves(x);
}

#endif

/* The last columns, which are fewer than lanes, in f64. */
static void add_rest(const operands *x)
{
    for (size_t i = 0; i < x->m; i++) {
        for (size_t j = 0; j < x->n; j++) {
            double sum = 0;
            for (size_t k = 0; k < x->k; k++) {
                sum += (double)x->a[i * x->lda + k] * (double)x->b[j * x->ldb + k];
            }
            x->c[i * x->ldc + j] += sum;
        }
    }
}

void at_add_dots(size_t m,
                 size_t n,
                 size_t k,
                 const float *a,
                 size_t lda,
                 const float *b,
                 size_t ldb,
                 double *c,
                 size_t ldc)
{
    size_t rest = k % N_LANES;
    for (size_t from = 0; from < k - rest; from += AT_SUM_LENGTH) {
        size_t n_columns = at_smaller(AT_SUM_LENGTH, k - rest - from);
        add_lanes(&(operands){a + from, b + from, m, n, n_columns, lda, ldb, ldc, c});
    }
    if (rest) {
        size_t from = k - rest;
        add_rest(&(operands){a + from, b + from, m, n, rest, lda, ldb, ldc, c});
    }
}
