/* SPDX-License-Identifier: MIT */
/* Parquet files, row by row.
 *
 * Memory follows the pages of the columns that are read and the longest row, not the row
 * groups. Not for two threads. */
#ifndef AT_FORMAT_PARQUET_H
#define AT_FORMAT_PARQUET_H

#include "format/parquet_schema.h"

typedef struct at_parquet at_parquet;

/* Whether bytes begin as those of a Parquet file, encrypted or not. */
bool at_is_parquet(const void *bytes, size_t n);

/* Open the bytes of a whole file, which stay the caller's and must not change. `name` is
 * what messages call it. Leaves that the filter (NULL: reads all) does not read are never
 * looked at. EFORMAT where the file is truncated or damaged, ENOTSUP where it is
 * encrypted or a column that is read has what this reader does not. */
attrib_status at_parquet_open(const char *name,
                              const void *bytes,
                              size_t n_bytes,
                              const at_column_filter *filter,
                              at_parquet **out,
                              attrib_error *err);
/* The next row as a STRUCT column of one value, valid until the next call; ATTRIB_END
 * after the last. */
attrib_status at_parquet_next(at_parquet *file, const at_column **out, attrib_error *err);
void at_parquet_close(at_parquet *file);

#endif
