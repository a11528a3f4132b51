/* SPDX-License-Identifier: MIT */
/* Source: parquet-format's README.md and parquet.thrift, version 2.10. */
#include "format/parquet_write.h"

#include <stdlib.h>
#include <string.h>

#include "format/parquet_chunk_write.h"

#define MAGIC "PAR1"

struct at_parquet_writer {
    const at_column *schema;
    at_parquet_chunk_writer chunks;
    size_t n_groups, n_rows;
    at_buffer groups; /* RowGroup structs of the footer */
};

attrib_status at_parquet_writer_new(at_output *output,
                                    const at_column *schema,
                                    at_parquet_writer **out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_parquet_writer *self = NULL;
    AT_TRY(at_array(1, sizeof *self, &self, err));
    self->schema = schema;
    self->chunks.output = output;
    self->chunks.zstd = ZSTD_createCCtx();
    AT_CHECK(self->chunks.zstd, ATTRIB_ENOMEM, "%s: out of memory for zstd",
             output->path);
    AT_TRY(at_parquet_chunk_write_bytes(&self->chunks, MAGIC, 4, err));
    *out = self;
    self = NULL;
done:
    at_parquet_writer_free(self);
    return status;
}

attrib_status at_parquet_write_group(at_parquet_writer *self,
                                     const at_column *table,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_writer t = {.out = &self->groups};
    size_t n_unpacked = 0;
    if (table->n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_thrift_write_list(&t, 1, AT_THRIFT_STRUCT, table->n_children, err));
    for (size_t i = 0; i < table->n_children; i++) {
        AT_TRY(at_parquet_chunk_write(&self->chunks, &table->children[i], &t, &n_unpacked,
                                      err));
    }
    AT_TRY(at_thrift_write_int(&t, 2, AT_THRIFT_I64, (int64_t)n_unpacked, err));
    AT_TRY(at_thrift_write_int(&t, 3, AT_THRIFT_I64, (int64_t)table->n, err));
    AT_TRY(at_thrift_close(&t, err));
    self->n_groups++;
    self->n_rows += table->n;
done:
    return status;
}

/* A SchemaElement: of a text its kind is said both in the old way and the new one. */
static attrib_status append_element(at_thrift_writer *t,
                                    const at_column *column,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_thrift_open(t, 0, err));
    AT_TRY(at_thrift_write_int(t, 1, AT_THRIFT_I32, at_parquet_chunk_type(column->kind),
                               err));
    AT_TRY(at_thrift_write_int(t, 3, AT_THRIFT_I32, 1, err)); /* OPTIONAL */
    AT_TRY(at_thrift_write_bytes(t, 4, column->name, strlen(column->name), err));
    if (column->kind == AT_COLUMN_TEXT) {
        AT_TRY(at_thrift_write_int(t, 6, AT_THRIFT_I32, 0, err)); /* UTF8 */
        AT_TRY(at_thrift_open(t, 10, err));
        AT_TRY(at_thrift_open(t, 1, err)); /* StringType */
        AT_TRY(at_thrift_close(t, err));
        AT_TRY(at_thrift_close(t, err));
    }
    AT_TRY(at_thrift_close(t, err));
done:
    return status;
}

static attrib_status append_schema(at_thrift_writer *t,
                                   const at_column *schema,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_thrift_write_list(t, 2, AT_THRIFT_STRUCT, schema->n_children + 1, err));
    AT_TRY(at_thrift_open(t, 0, err));
    AT_TRY(at_thrift_write_bytes(t, 4, "schema", 6, err));
    AT_TRY(at_thrift_write_int(t, 5, AT_THRIFT_I32, (int64_t)schema->n_children, err));
    AT_TRY(at_thrift_close(t, err));
    for (size_t i = 0; i < schema->n_children; i++) {
        AT_TRY(append_element(t, &schema->children[i], err));
    }
done:
    return status;
}

/* That statistics are ordered as their types are, for every column. */
static attrib_status append_orders(at_thrift_writer *t, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_thrift_write_list(t, 7, AT_THRIFT_STRUCT, n, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_thrift_open(t, 0, err));
        AT_TRY(at_thrift_open(t, 1, err)); /* TypeDefinedOrder */
        AT_TRY(at_thrift_close(t, err));
        AT_TRY(at_thrift_close(t, err));
    }
done:
    return status;
}

attrib_status at_parquet_write_footer(at_parquet_writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    static const char by[] = "attrib " ATTRIB_VERSION;
    at_buffer footer = {0};
    at_thrift_writer t = {.out = &footer};
    AT_TRY(at_thrift_write_int(&t, 1, AT_THRIFT_I32, 2, err));
    AT_TRY(append_schema(&t, self->schema, err));
    AT_TRY(at_thrift_write_int(&t, 3, AT_THRIFT_I64, (int64_t)self->n_rows, err));
    AT_TRY(at_thrift_write_list(&t, 4, AT_THRIFT_STRUCT, self->n_groups, err));
    AT_TRY(at_buffer_append(&footer, self->groups.bytes, self->groups.n_bytes, err));
    AT_TRY(at_thrift_write_bytes(&t, 6, by, sizeof by - 1, err));
    AT_TRY(append_orders(&t, self->schema->n_children, err));
    AT_TRY(at_thrift_close(&t, err));
    AT_TRY(at_append_word(&footer, footer.n_bytes, err));
    AT_TRY(at_buffer_append(&footer, MAGIC, 4, err));
    AT_TRY(
        at_parquet_chunk_write_bytes(&self->chunks, footer.bytes, footer.n_bytes, err));
done:
    at_buffer_free(&footer);
    return status;
}

void at_parquet_writer_free(at_parquet_writer *self)
{
    if (!self) {
        return;
    }
    at_parquet_chunk_writer_free(&self->chunks);
    at_buffer_free(&self->groups);
    free(self);
}
