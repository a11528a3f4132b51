/* SPDX-License-Identifier: MIT */
/* Few rows made of few others: products that are so short that a library takes longer to
 * lay its operands out than to multiply.
 *
 * An entry is the sum over the rows of y in their order, in f32: its bytes depend on no
 * other entry, nor on how wide vectors are. Tiles stay in registers: 6 rows x 4 vectors
 * of 16 numbers, which are 24 of the 32 registers of AVX-512, or 4 x 3 vectors of 8,
 * which are 12 of the 16 of AVX2. */
#include <string.h>

#include "base/wide.h"
#include "linalg/linalg.h"

enum { N_LANES = 16, N_HALF = N_LANES / 2 };

typedef float lanes __attribute__((vector_size(N_LANES * sizeof(float)), aligned(4)));
typedef float half __attribute__((vector_size(N_HALF * sizeof(float)), aligned(4)));

/* out [m, n] = x [m, k] y [k, n]; rows of x are k long, those of y and out ld apart. */
typedef struct combined {
    const float *x, *y;
    size_t m, n, k, ld;
    float *out;
} combined;

#define INLINE static inline __attribute__((always_inline))

/* A tile of n_rows rows and n_vectors vectors, constants where this is called. */
typedef void fill_tile(const combined *of, size_t n_rows, size_t n_vectors);

INLINE void fill_tile_of_halves(const combined *of, size_t n_rows, size_t n_vectors)
{
    half sums[4][3] = {{{0}}};
    for (size_t k = 0; k < of->k; k++) {
        const half *y = (const half *)(of->y + k * of->ld);
        for (size_t i = 0; i < n_rows; i++) {
            for (size_t j = 0; j < n_vectors; j++) {
                sums[i][j] += of->x[i * of->k + k] * y[j];
            }
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        memcpy(of->out + i * of->ld, sums[i], n_vectors * sizeof(half));
    }
}

/* n_rows rows, of `width` numbers in a vector and `most` vectors in a tile. */
INLINE void fill_rows(
    const combined *of, fill_tile *fill, size_t n_rows, size_t width, size_t most)
{
    combined at = *of;
    for (size_t n = 0; at.n >= width; at.n -= n * width) {
        if (at.n >= most * width) {
            fill(&at, n_rows, n = most);
        } else if (at.n >= 2 * width) {
            fill(&at, n_rows, n = 2);
        } else {
            fill(&at, n_rows, n = 1);
        }
        at.y += n * width;
        at.out += n * width;
    }
    for (size_t i = 0; i < n_rows; i++) { /* the last columns, fewer than a vector */
        for (size_t j = 0; j < at.n; j++) {
            float sum = 0;
            for (size_t k = 0; k < at.k; k++) {
                sum += at.x[i * at.k + k] * at.y[k * at.ld + j];
            }
            at.out[i * at.ld + j] = sum;
        }
    }
}

/* All tiles, of at most `height` rows. */
INLINE void fill_all(
    const combined *of, fill_tile *fill, size_t height, size_t width, size_t most)
{
    combined at = *of;
    for (size_t m = 0; at.m > 0; at.m -= m) {
        if (at.m >= height) {
            fill_rows(&at, fill, m = height, width, most);
        } else if (at.m >= 4) {
            fill_rows(&at, fill, m = 4, width, most);
        } else if (at.m >= 2) {
            fill_rows(&at, fill, m = 2, width, most);
        } else {
            fill_rows(&at, fill, m = 1, width, most);
        }
        at.x += m * at.k;
        at.out += m * at.ld;
    }
}

AT_WIDE static void combine_by_halves(const combined *of)
{
    fill_all(of, fill_tile_of_halves, 4, N_HALF, 3);
}

#ifdef AT_HAS_WIDE

INLINE void fill_tile_of_lanes(const combined *of, size_t n_rows, size_t n_vectors)
{
    lanes sums[6][4] = {{{0}}};
    for (size_t k = 0; k < of->k; k++) {
        const lanes *y = (const lanes *)(of->y + k * of->ld);
        for (size_t i = 0; i < n_rows; i++) {
            for (size_t j = 0; j < n_vectors; j++) {
                sums[i][j] += of->x[i * of->k + k] * y[j];
            }
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        memcpy(of->out + i * of->ld, sums[i], n_vectors * sizeof(lanes));
    }
}

__attribute__((target("avx512f"))) static void combine_by_lanes(const combined *of)
{
    fill_all(of, fill_tile_of_lanes, 6, N_LANES, 4);
}

#endif

void at_combine_rows(
    size_t m, size_t n, size_t k, const float *x, const float *y, float *out)
{
    const combined of = {x, y, m, n, k, n, out};
#ifdef AT_HAS_WIDE
    if (__builtin_cpu_supports("avx512f")) {
        combine_by_lanes(&of);
        return;
    }
#endif
    combine_by_halves(&of);
}
