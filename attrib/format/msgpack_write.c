/* SPDX-License-Identifier: MIT */
/* Rows as msgpack, by msgpack-c, which hands its bytes on as they come. */
#include "format/msgpack_write.h"

#include <msgpack.h>
#include <string.h>

typedef struct sink {
    at_output *output;
    attrib_error *err;
} sink;

static int write_bytes(void *context, const char *bytes, size_t n)
{
    sink *self = context;
    return at_output_write(self->output, bytes, n, self->err) == ATTRIB_OK ? 0 : -1;
}

static int pack_text(msgpack_packer *packer, const char *text, size_t n)
{
    int failed = msgpack_pack_str(packer, n);
    return failed ? failed : msgpack_pack_str_body(packer, text, n);
}

static int pack_value(msgpack_packer *packer, const at_column *column, size_t i)
{
    const int64_t *integers = column->values;
    const double *reals = column->values;
    const at_slice *texts = column->values;
    if (column->is_valid && !column->is_valid[i]) {
        return msgpack_pack_nil(packer);
    }
    switch (column->kind) {
    case AT_COLUMN_INT:
        return msgpack_pack_int64(packer, integers[i]);
    case AT_COLUMN_FLOAT:
        return msgpack_pack_double(packer, reals[i]);
    default:
        return pack_text(packer, texts[i].bytes, texts[i].n_bytes);
    }
}

static int pack_row(msgpack_packer *packer, const at_column *table, size_t i)
{
    int failed = msgpack_pack_map(packer, table->n_children);
    for (size_t c = 0; c < table->n_children && !failed; c++) {
        const at_column *column = &table->children[c];
        failed = pack_text(packer, column->name, strlen(column->name));
        failed = failed ? failed : pack_value(packer, column, i);
    }
    return failed;
}

attrib_status at_msgpack_write_rows(at_output *output,
                                    const at_column *table,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error own = {0};
    sink self = {output, &own};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &self, write_bytes);
    for (size_t i = 0; i < table->n; i++) {
        if (pack_row(&packer, table, i) != 0) {
            return at_fail(err, own.status, "%s", own.message);
        }
    }
    return status;
}
