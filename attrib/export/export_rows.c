/* SPDX-License-Identifier: MIT */
/* Rows as JSON lines: one flat object a row, with a member a field. */
#include <string.h>

#include "export/fields.h"
#include "export/write.h"
#include "format/json.h"

typedef struct writer {
    at_output output;
    at_row_columns columns;
    at_buffer line;
} writer;

/* Append a value as JSON. That of tags is JSON already. */
static attrib_status append_value(at_buffer *out,
                                  const at_value *value,
                                  attrib_error *err)
{
    switch (value->kind) {
    case AT_NONE:
        return at_buffer_append(out, "null", 4, err);
    case AT_INTEGER:
        return at_buffer_print(out, err, "%lld", (long long)value->integer);
    case AT_REAL:
        return at_append_number(out, value->real, err);
    case AT_JSON:
        return at_buffer_append(out, value->text, value->n_bytes, err);
    case AT_TEXT:
        break;
    }
    return at_json_append_text(out, value->text, value->n_bytes, err);
}

static attrib_status write_row(void *context, const at_row *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    writer *self = context;
    at_buffer_clear(&self->line);
    for (size_t i = 0; i < self->columns.n; i++) {
        const char *name = self->columns.columns[i].name;
        at_value value = at_none();
        AT_TRY(at_row_columns_get(&self->columns, i, row, &value, err));
        AT_TRY(at_buffer_append(&self->line, i ? "," : "{", 1, err));
        AT_TRY(at_json_append_text(&self->line, name, strlen(name), err));
        AT_TRY(at_buffer_append(&self->line, ":", 1, err));
        AT_TRY(append_value(&self->line, &value, err));
    }
    AT_TRY(at_buffer_append(&self->line, "}\n", 2, err));
    AT_TRY(at_output_write(&self->output, self->line.bytes, self->line.n_bytes, err));
done:
    return status;
}

attrib_status at_export_json_rows(attrib_run *run,
                                  const attrib_export_options *options,
                                  const char *path,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *standard =
        at_standard_fields(attrib_run_describe(run), options->with_all);
    writer self = {0};
    AT_TRY(at_row_columns_new(run, options->fields, standard, &self.columns, err));
    AT_TRY(at_output_open(path, &self.output, err));
    AT_TRY(at_each_row(run, options->with_all, write_row, &self, err));
    AT_TRY(at_output_commit(&self.output, err));
done:
    at_output_discard(&self.output);
    at_row_columns_free(&self.columns);
    at_buffer_free(&self.line);
    return status;
}
