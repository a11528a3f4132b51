/* SPDX-License-Identifier: MIT */
/* Integers in few bits, as Parquet keeps levels, dictionary indices and differences: read
 * one by one, never past the end of their bytes.
 *
 * Messages of these functions begin with no name; callers put one before them. */
#ifndef AT_FORMAT_PARQUET_BITS_H
#define AT_FORMAT_PARQUET_BITS_H

#include "format/columns.h"

/* Runs of one value and runs of values of `width` bits, mixed (RLE); or, as early files
 * have levels, values of `width` bits alone, their highest bit first (BIT_PACKED). */
typedef struct at_runs {
    const uint8_t *at, *end;
    unsigned width;        /* bits, 0 to 32; of 0 bits every value is 0 */
    size_t n_left;         /* values of the current run */
    bool is_packed;        /* the run has a value for each; else one for all */
    bool is_highest_first; /* BIT_PACKED */
    size_t bit;            /* the next value of a packed run, from `at` */
    uint32_t value;        /* of the other kind of run */
} at_runs;

at_runs at_runs_of(const uint8_t *bytes, size_t n, unsigned width);
at_runs at_runs_bit_packed(const uint8_t *bytes, size_t n, unsigned width);
attrib_status at_runs_next(at_runs *runs, uint32_t *out, attrib_error *err);

/* Differences in blocks (DELTA_BINARY_PACKED). Sums wrap around at 64 bits. */
typedef struct at_deltas {
    const uint8_t *at, *end;
    size_t block, mini;     /* values of a block and of a miniblock */
    size_t n_left;          /* values that are not read yet */
    bool is_begun;          /* the first value, which stands in the header, was read */
    uint64_t value, least;  /* the last value that was read; a block's least difference */
    const uint8_t *widths;  /* of the block's miniblocks, in bits */
    size_t n_block, n_mini; /* differences left in the block and in the miniblock */
    size_t bit;             /* the next difference, from `at` */
} at_deltas;

/* Read the header. */
attrib_status at_deltas_open(at_deltas *deltas,
                             const uint8_t *bytes,
                             size_t n,
                             attrib_error *err);
attrib_status at_deltas_next(at_deltas *deltas, int64_t *out, attrib_error *err);
/* Where the bytes of all the values end. Only for deltas of which none was read. */
attrib_status at_deltas_end(at_deltas deltas, const uint8_t **end, attrib_error *err);

#endif
