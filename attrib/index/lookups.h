/* SPDX-License-Identifier: MIT */
/* Products of trits with a matrix, by looking up sums of its rows.
 *
 *     out_k = sum_i t_ki f_i,   t_ki in {-1, 0, 1},  f_i rows of 16 numbers
 *
 * Five trits stand in a byte. Of five rows of the matrix the 27 sums of the first three
 * and the 9 of the other two are made once, and each vector of trits then takes two
 * additions for five multiply-adds, without being unpacked. */
#ifndef AT_INDEX_LOOKUPS_H
#define AT_INDEX_LOOKUPS_H

#include <stddef.h>
#include <stdint.h>

#include "index/trits.h"

#define AT_LOOKUP_WIDTH 16 /* numbers of a row */

/* Bytes of a vector that are looked up together. */
#define AT_LOOKUP_BYTES 8

/* Where a byte's sums stand among those of its first three and last two digits. */
typedef struct at_lookup_place {
    uint8_t low, high;
} at_lookup_place;

/* Room for the sums of the rows of so many bytes. */
typedef struct at_lookup_table {
    _Alignas(64) at_lookup_place places[256];
    float low[AT_LOOKUP_BYTES][27][AT_LOOKUP_WIDTH];
    float high[AT_LOOKUP_BYTES][9][AT_LOOKUP_WIDTH];
} at_lookup_table;

void at_lookup_table_fill(at_lookup_table *out);

/* planes [n], each of at_trits_bytes(dim) bytes below AT_TRITS_VALUES; factor [dim, 16];
 * out [n, 16]. A row of `out` depends on its plane alone. */
void at_lookup_products(const float *factor,
                        size_t dim,
                        const uint8_t *const *planes,
                        size_t n,
                        at_lookup_table *table,
                        float *out);

#endif
