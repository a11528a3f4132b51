/* SPDX-License-Identifier: MIT */
/* Rows as CSV (RFC 4180). */
#include <string.h>

#include "export/csv_text.h"
#include "export/fields.h"
#include "export/write.h"

#define STANDARD "query,rank,score,document,source,member,line,setting,completion_by"

typedef struct writer {
    at_output output;
    at_row_columns columns;
    at_buffer line, cell, plain; /* scratch */
    bool is_raw;
} writer;

static attrib_status append_cell(writer *self, at_value value, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_value_plain(&value, &self->plain, err));
    switch (value.kind) {
    case AT_NONE:
        break;
    case AT_INTEGER:
        AT_TRY(at_buffer_print(&self->line, err, "%lld", (long long)value.integer));
        break;
    case AT_REAL:
        AT_TRY(at_append_number(&self->line, value.real, err));
        break;
    case AT_TEXT:
    case AT_JSON:
        AT_TRY(at_append_csv_text(&self->line, value.text, value.n_bytes,
                                  self->is_raw ? NULL : &self->cell, err));
        break;
    }
done:
    return status;
}

/* Write the cells of a row; NULL: the names of the columns. */
static attrib_status write_row(void *context, const at_row *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    writer *self = context;
    at_buffer_clear(&self->line);
    for (size_t i = 0; i < self->columns.n; i++) {
        at_value value = at_text(self->columns.columns[i].name);
        if (row) {
            AT_TRY(at_row_columns_get(&self->columns, i, row, &value, err));
        }
        AT_TRY(at_buffer_append(&self->line, ",", i > 0, err));
        AT_TRY(append_cell(self, value, err));
    }
    AT_TRY(at_buffer_append(&self->line, "\r\n", 2, err));
    AT_TRY(at_output_write(&self->output, self->line.bytes, self->line.n_bytes, err));
done:
    return status;
}

attrib_status at_export_csv(attrib_run *run,
                            const attrib_export_options *options,
                            const char *path,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    const char *standard = options->with_all ? at_standard_fields(info, true) : STANDARD;
    writer self = {.is_raw = options->is_csv_raw};
    AT_TRY(at_row_columns_new(run, options->fields, standard, &self.columns, err));
    AT_TRY(at_output_open(path, &self.output, err));
    AT_TRY(write_row(&self, NULL, err));
    AT_TRY(at_each_row(run, options->with_all, write_row, &self, err));
    AT_TRY(at_output_commit(&self.output, err));
done:
    at_output_discard(&self.output);
    at_row_columns_free(&self.columns);
    at_buffer_free(&self.line);
    at_buffer_free(&self.cell);
    at_buffer_free(&self.plain);
    return status;
}
