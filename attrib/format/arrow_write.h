/* SPDX-License-Identifier: MIT */
/* Writing Arrow IPC streams: a schema, batches of rows, and the end.
 *
 * Columns are INT, FLOAT or TEXT and may have nulls. */
#ifndef AT_FORMAT_ARROW_WRITE_H
#define AT_FORMAT_ARROW_WRITE_H

#include "base/file.h"
#include "format/columns.h"

/* Write the schema of a STRUCT column, whose values are not read. */
attrib_status at_arrow_write_schema(at_output *output,
                                    const at_column *schema,
                                    attrib_error *err);
/* Write the rows of a table of the schema's columns. ERANGE for 2 GiB of texts in one
 * column. */
attrib_status at_arrow_write_batch(at_output *output,
                                   const at_column *table,
                                   attrib_error *err);
attrib_status at_arrow_write_end(at_output *output, attrib_error *err);

#endif
