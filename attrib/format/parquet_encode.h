/* SPDX-License-Identifier: MIT */
/* The contents of Parquet's pages: levels, values, and places in a dictionary.
 * Source: parquet-format's Encodings.md, version 2.10. */
#ifndef AT_FORMAT_PARQUET_ENCODE_H
#define AT_FORMAT_PARQUET_ENCODE_H

#include "base/file.h"
#include "format/columns.h"

bool at_parquet_is_null(const at_column *column, size_t i);

/* A text with its length, as PLAIN values and dictionaries have it. */
attrib_status at_parquet_append_text(at_buffer *out,
                                     const at_slice *text,
                                     attrib_error *err);

/* Definition levels of rows first .. end: 1 where there is a value, in runs. */
attrib_status at_parquet_append_levels(
    at_buffer *out, const at_column *column, size_t first, size_t end, attrib_error *err);

/* Values of rows first .. end that are not null, PLAIN. */
attrib_status at_parquet_append_plain(
    at_buffer *out, const at_column *column, size_t first, size_t end, attrib_error *err);

/* Places in a dictionary of n_distinct texts of rows first .. end: one packed run, whose
 * length is a multiple of 8. */
attrib_status at_parquet_append_places(at_buffer *out,
                                       const at_column *column,
                                       const uint32_t *places,
                                       size_t n_distinct,
                                       size_t first,
                                       size_t end,
                                       attrib_error *err);

#endif
