/* SPDX-License-Identifier: MIT */
/* Rows gathered into columns, some at a time. Private to the export room. */
#ifndef AT_EXPORT_BATCH_H
#define AT_EXPORT_BATCH_H

#include "export/fields.h"
#include "format/columns.h"

typedef struct at_batch at_batch;

/* Make a batch of the columns of a list, which is borrowed. It is full with max_rows
 * rows, or with about max_bytes of values; texts count each time that they stand in a row
 * where is_repeated, else once. */
typedef struct at_batch_limits {
    size_t max_rows, max_bytes;
    bool is_repeated;
} at_batch_limits;

attrib_status at_batch_new(at_row_columns *columns,
                           at_batch_limits limits,
                           at_batch **out,
                           attrib_error *err);
attrib_status at_batch_add(at_batch *self, const at_row *row, attrib_error *err);
bool at_batch_is_full(const at_batch *self);
/* Its rows as a STRUCT column of INT, FLOAT and TEXT, valid until it is changed. Texts
 * are UTF-8, and equal ones of a column stand in one place. */
const at_column *at_batch_table(at_batch *self);
void at_batch_clear(at_batch *self);
void at_batch_free(at_batch *self);

#endif
