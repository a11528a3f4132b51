/* SPDX-License-Identifier: MIT */
/* Pages of a column: their headers, and their bytes unpacked. */
#ifndef AT_FORMAT_PARQUET_PAGE_H
#define AT_FORMAT_PARQUET_PAGE_H

#include "format/parquet_codec.h"
#include "format/parquet_values.h"

#define AT_PARQUET_MAX_PAGE ((size_t)1 << 30) /* bytes, packed or not */

typedef enum at_page_kind {
    AT_PAGE_DATA = 0,
    AT_PAGE_INDEX = 1, /* not read */
    AT_PAGE_DICTIONARY = 2,
    AT_PAGE_DATA_V2 = 3,
} at_page_kind;

typedef struct at_page {
    at_page_kind kind;
    size_t n_packed, n_unpacked; /* bytes */
    bool has_checksum;
    uint32_t checksum; /* CRC-32 of the packed bytes */
    size_t n_values;   /* nulls among them */
    at_encoding encoding, definition_encoding, repetition_encoding;
    /* DATA_V2: bytes of levels, which are not packed, and whether the values are. */
    size_t n_definition, n_repetition;
    bool is_packed;
} at_page;

/* Read the header at *at and move *at to the page's bytes, which are all there. */
attrib_status at_page_read_header(const uint8_t **at,
                                  const uint8_t *end,
                                  at_page *out,
                                  attrib_error *err);

/* The page's bytes, from `packed` [n_packed]: unpacked in `memory`, or where they stand.
 * The levels of DATA_V2 are not among them. Checks the checksum. */
attrib_status at_page_unpack(const at_page *page,
                             at_codec codec,
                             const uint8_t *packed,
                             at_buffer *memory,
                             at_slice *out,
                             attrib_error *err);

#endif
