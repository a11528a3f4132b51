/* SPDX-License-Identifier: MIT */
/* A column's values row by row, whatever the pages are that they stand in. */
#ifndef AT_FORMAT_PARQUET_LEAF_H
#define AT_FORMAT_PARQUET_LEAF_H

#include "format/parquet_page.h"
#include "format/parquet_schema.h"

/* What a row holds at most, in all of its columns: bytes of text, values, and bytes of
 * memory for its columns. */
#define AT_PARQUET_MAX_ROW_BYTES  ((size_t)256 << 20)
#define AT_PARQUET_MAX_ROW_VALUES ((size_t)16 << 20)
#define AT_PARQUET_MAX_ROW_MEMORY ((size_t)512 << 20)

/* Where a row group has a column. */
typedef struct at_chunk {
    at_codec codec;
    at_parquet_type type;
    size_t n_values;       /* nulls among them */
    size_t first, n_bytes; /* of its pages in the file */
} at_chunk;

typedef struct at_leaf {
    const at_parquet_node *node;
    const at_memory_limit *limit; /* on unpacked pages; NULL: none */
    /* The chunk that is being read. */
    const uint8_t *at, *end; /* pages to come */
    at_codec codec;
    size_t n_left; /* values of the chunk that are not read yet */
    /* The page that is being read. */
    at_buffer page; /* owned, its bytes unpacked */
    size_t n_page;  /* values of it that are not read yet */
    at_runs repetition, definition;
    at_values values;
    at_dictionary dictionary;
    bool has_dictionary;
    /* The levels of the next value are read ahead: they tell where a row ends. */
    bool is_ahead;
    uint8_t next_repetition, next_definition;
    /* The row: levels of its values, and those that are not null one after the other. */
    uint8_t *repetitions, *definitions; /* [n] */
    size_t n, repetitions_capacity, definitions_capacity;
    at_buffer bytes;
    size_t *ends; /* [n_present] of each value in bytes */
    size_t n_present, ends_capacity;
} at_leaf;

/* Begin with a chunk of a file [n_file]. Messages name the column. */
attrib_status at_leaf_open(at_leaf *leaf,
                           const at_chunk *chunk,
                           const uint8_t *file,
                           size_t n_file,
                           attrib_error *err);
/* Read the next row. EFORMAT where the chunk is at its end. */
attrib_status at_leaf_next(at_leaf *leaf, attrib_error *err);
/* EFORMAT where the chunk has values left. */
attrib_status at_leaf_finish(const at_leaf *leaf, attrib_error *err);
void at_leaf_free(at_leaf *leaf);

#endif
