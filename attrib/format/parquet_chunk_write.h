/* SPDX-License-Identifier: MIT */
/* Writing the chunks of a Parquet file: the pages of one column in one group of rows. */
#ifndef AT_FORMAT_PARQUET_CHUNK_WRITE_H
#define AT_FORMAT_PARQUET_CHUNK_WRITE_H

#include <zstd.h>

#include "base/file.h"
#include "format/parquet_elements.h"
#include "format/parquet_thrift_write.h"

/* A text of a dictionary, and its place there. */
typedef struct at_text_slot {
    const char *bytes; /* NULL: free */
    size_t n_bytes;
    uint32_t place;
} at_text_slot;

/* Where chunks go, with the scratch of the last one. Begins as {.output = output}. */
typedef struct at_parquet_chunk_writer {
    at_output *output;
    ZSTD_CCtx *zstd;
    size_t offset;                  /* bytes written */
    at_buffer page, packed, header; /* of a page */
    at_text_slot *slots;            /* [n_slots] a power of 2 */
    size_t n_slots;
    uint32_t *places; /* [capacity] of the rows' texts in the dictionary */
    size_t capacity;
} at_parquet_chunk_writer;

/* The physical type of a column of this kind: INT, FLOAT or TEXT. */
at_parquet_type at_parquet_chunk_type(at_column_kind kind);

attrib_status at_parquet_chunk_write_bytes(at_parquet_chunk_writer *self,
                                           const void *bytes,
                                           size_t n,
                                           attrib_error *err);
/* Write a column's pages, append what the footer says of them to `t` as an element of a
 * list, and add their bytes, unpacked, to *n_unpacked. */
attrib_status at_parquet_chunk_write(at_parquet_chunk_writer *self,
                                     const at_column *column,
                                     at_thrift_writer *t,
                                     size_t *n_unpacked,
                                     attrib_error *err);
void at_parquet_chunk_writer_free(at_parquet_chunk_writer *self);

#endif
