/* SPDX-License-Identifier: MIT */
/* Rows as msgpack: one map a row, one after the other. */
#ifndef AT_FORMAT_MSGPACK_WRITE_H
#define AT_FORMAT_MSGPACK_WRITE_H

#include "base/file.h"
#include "format/columns.h"

/* Write every row of a table of INT, FLOAT and TEXT columns as a map from the columns'
 * names to integers, 64-bit floats and strs, nil where null. */
attrib_status at_msgpack_write_rows(at_output *output,
                                    const at_column *table,
                                    attrib_error *err);

#endif
