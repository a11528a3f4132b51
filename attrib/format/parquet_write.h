/* SPDX-License-Identifier: MIT */
/* Writing Parquet files, a group of rows at a time, front to back.
 *
 * Columns are INT, FLOAT or TEXT and may have nulls; pages are packed by zstd and have
 * checksums. Not for two threads. */
#ifndef AT_FORMAT_PARQUET_WRITE_H
#define AT_FORMAT_PARQUET_WRITE_H

#include "base/file.h"
#include "format/columns.h"

typedef struct at_parquet_writer at_parquet_writer;

/* Begin a file. `output` and the names in `schema`, a STRUCT column whose values are not
 * read, are borrowed. */
attrib_status at_parquet_writer_new(at_output *output,
                                    const at_column *schema,
                                    at_parquet_writer **out,
                                    attrib_error *err);
/* Write the rows of a table of the schema's columns as one group. Texts that have the
 * same address are kept once. ERANGE for a text of 1 GiB. */
attrib_status at_parquet_write_group(at_parquet_writer *self,
                                     const at_column *table,
                                     attrib_error *err);
/* Write the footer; the output is the caller's to commit. */
attrib_status at_parquet_write_footer(at_parquet_writer *self, attrib_error *err);
void at_parquet_writer_free(at_parquet_writer *self);

#endif
