/* SPDX-License-Identifier: MIT */
/* The values of a page, one by one, as the bytes that their physical type has in PLAIN
 * encoding: little-endian numbers, a byte for a boolean.
 *
 * Messages of these functions begin with no name; callers put one before them. */
#ifndef AT_FORMAT_PARQUET_VALUES_H
#define AT_FORMAT_PARQUET_VALUES_H

#include "format/parquet_bits.h"
#include "format/parquet_elements.h"

/* Encodings, numbered as in the file. */
typedef enum at_encoding {
    AT_ENCODING_PLAIN = 0,
    AT_ENCODING_PLAIN_DICTIONARY = 2, /* as RLE_DICTIONARY; of a dictionary: PLAIN */
    AT_ENCODING_RLE = 3,
    AT_ENCODING_BIT_PACKED = 4,
    AT_ENCODING_DELTA_BINARY_PACKED = 5,
    AT_ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
    AT_ENCODING_DELTA_BYTE_ARRAY = 7,
    AT_ENCODING_RLE_DICTIONARY = 8,
    AT_ENCODING_BYTE_STREAM_SPLIT = 9,
} at_encoding;

typedef struct at_dictionary {
    at_buffer bytes; /* owned, what the items point to, or empty where they point into
                        the file */
    at_slice *items; /* [n] */
    size_t n, capacity;
} at_dictionary;

typedef struct at_values {
    at_encoding encoding;
    at_parquet_type type;
    size_t width; /* bytes of a value; 0: they differ */
    const uint8_t *at, *end;
    const at_dictionary *dictionary;
    at_runs runs;                /* dictionary indices, or booleans */
    at_deltas lengths, prefixes; /* of byte arrays; lengths: numbers too */
    size_t i, n;                 /* bits of booleans; values of split streams */
    at_buffer value;             /* owned: the last value, where it is put together */
} at_values;

/* Begin to read `bytes`; what `values` owns is used again. ENOTSUP for an encoding that
 * is not known or not for the type. */
attrib_status at_values_open(at_values *values,
                             at_encoding encoding,
                             const uint8_t *bytes,
                             size_t n_bytes,
                             attrib_error *err);
/* Valid until the next call. */
attrib_status at_values_next(at_values *values, at_slice *out, attrib_error *err);
void at_values_free(at_values *values);

/* Take the n items of a dictionary in PLAIN encoding from bytes that stay. */
attrib_status at_dictionary_read(at_dictionary *dictionary,
                                 at_parquet_type type,
                                 size_t width,
                                 size_t n,
                                 const uint8_t *bytes,
                                 size_t n_bytes,
                                 attrib_error *err);
void at_dictionary_free(at_dictionary *dictionary);

#endif
