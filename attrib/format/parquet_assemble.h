/* SPDX-License-Identifier: MIT */
/* The rows of leaves, values and levels, put together to columns. */
#ifndef AT_FORMAT_PARQUET_ASSEMBLE_H
#define AT_FORMAT_PARQUET_ASSEMBLE_H

#include "format/parquet_leaf.h"

/* Put the row that each of the leaves holds together to a column of one value. What the
 * column points to is the arena's and the leaves'. EFORMAT where the leaves of a list do
 * not agree. */
attrib_status at_parquet_assemble(const at_parquet_node *node,
                                  const at_leaf *leaves,
                                  at_arena *arena,
                                  at_column *out,
                                  attrib_error *err);

#endif
