/* SPDX-License-Identifier: MIT */
#include "index/lookups.h"

#include <string.h>

#include "base/wide.h"

typedef float lanes
    __attribute__((vector_size(AT_LOOKUP_WIDTH * sizeof(float)), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

/* Rows as vectors, which are neither passed nor returned: what is compiled for another
 * width would have them elsewhere. */
#define ROW(from) (*(const lanes *)(const void *)(from))
#define TO(to)    (*(lanes *)(void *)(to))

/* The sums of n rows under all their digits, out [3^n]: entry sum_k 3^k (t_k + 1) is
 * sum_k t_k row_k. Rows from `n_given` on are zeros. */
INLINE void fill(const float *rows,
                 size_t n_given,
                 size_t n,
                 float (*out)[AT_LOOKUP_WIDTH])
{
    size_t n_sums = 1;
    TO(out[0]) = (lanes){0};
    for (size_t k = 0; k < n; k++) {
        lanes row = {0};
        if (k < n_given) {
            row = ROW(rows + k * AT_LOOKUP_WIDTH);
        }
        for (size_t i = 0; i < n_sums; i++) {
            lanes sum = ROW(out[i]);
            TO(out[i]) = sum - row;
            TO(out[n_sums + i]) = sum;
            TO(out[2 * n_sums + i]) = sum + row;
        }
        n_sums *= 3;
    }
}

/* The sums of the rows of n_bytes bytes, of which there are n_rows. */
INLINE void fill_all(const float *rows,
                     size_t n_rows,
                     size_t n_bytes,
                     at_lookup_table *out)
{
    for (size_t b = 0; b < n_bytes; b++) {
        size_t at = b * AT_TRITS_A_BYTE;
        size_t left = n_rows - at;
        fill(rows + at * AT_LOOKUP_WIDTH, left, 3, out->low[b]);
        fill(rows + (at + 3) * AT_LOOKUP_WIDTH, left > 3 ? left - 3 : 0, 2, out->high[b]);
    }
}

/* Planes that are asked for before they are needed: each is of another record, so that no
 * processor foresees where it stands. Without it a vector of SmolLM2's maps takes 1.3
 * times as long. */
#define N_AHEAD ((size_t)12)

/* Add the sums of n_bytes bytes of every plane, mostly a constant where this is called,
 * by two chains of additions, one for each table. */
INLINE void add(const uint8_t *const *planes,
                size_t n,
                size_t first,
                size_t n_bytes,
                const at_lookup_table *table,
                float *out)
{
    for (size_t k = 0; k < n; k++) {
        const uint8_t *bytes = planes[k] + first;
        lanes low = ROW(out + k * AT_LOOKUP_WIDTH);
        lanes high = {0};
        if (k + N_AHEAD < n) {
            __builtin_prefetch(planes[k + N_AHEAD] + first + n_bytes - 1);
        }
        for (size_t b = 0; b < n_bytes; b++) {
            at_lookup_place place = table->places[bytes[b]];
            low += ROW(table->low[b][place.low]);
            high += ROW(table->high[b][place.high]);
        }
        TO(out + k * AT_LOOKUP_WIDTH) = low + high;
    }
}

void at_lookup_table_fill(at_lookup_table *out)
{
    for (unsigned byte = 0; byte < AT_TRITS_VALUES; byte++) {
        out->places[byte] = (at_lookup_place){(uint8_t)(byte % 27), (uint8_t)(byte / 27)};
    }
}

AT_WIDE void at_lookup_products(const float *factor,
                                size_t dim,
                                const uint8_t *const *planes,
                                size_t n,
                                at_lookup_table *table,
                                float *out)
{
    size_t n_bytes = at_trits_bytes(dim);
    memset(out, 0, n * AT_LOOKUP_WIDTH * sizeof *out);
    for (size_t b = 0; b < n_bytes; b += AT_LOOKUP_BYTES) {
        size_t row = b * AT_TRITS_A_BYTE;
        size_t n_here = n_bytes - b < AT_LOOKUP_BYTES ? n_bytes - b : AT_LOOKUP_BYTES;
        fill_all(factor + row * AT_LOOKUP_WIDTH, dim - row, n_here, table);
        if (n_here == AT_LOOKUP_BYTES) {
            add(planes, n, b, AT_LOOKUP_BYTES, table, out);
        } else {
            add(planes, n, b, n_here, table, out);
        }
    }
}
