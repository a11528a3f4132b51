/* SPDX-License-Identifier: MIT */
/* Rows in formats that take them some at a time: Parquet, Arrow and msgpack. */
#include "export/batch.h"
#include "export/write.h"
#include "format/arrow_write.h"
#include "format/msgpack_write.h"
#include "format/parquet_write.h"

typedef struct writer writer;

/* A format: what stands before the rows (may be NULL), some rows, and what stands after
 * them (may be NULL). */
typedef struct column_format {
    at_batch_limits limits;
    attrib_status (*begin)(writer *self, const at_column *schema, attrib_error *err);
    attrib_status (*write)(writer *self, const at_column *table, attrib_error *err);
    attrib_status (*end)(writer *self, attrib_error *err);
} column_format;

struct writer {
    const column_format *format;
    at_output output;
    at_row_columns columns;
    at_batch *batch;
    at_parquet_writer *parquet; /* NULL in other formats */
};

/* 1. Formats */

static attrib_status begin_parquet(writer *self,
                                   const at_column *schema,
                                   attrib_error *err)
{
    return at_parquet_writer_new(&self->output, schema, &self->parquet, err);
}

static attrib_status write_parquet(writer *self,
                                   const at_column *table,
                                   attrib_error *err)
{
    return at_parquet_write_group(self->parquet, table, err);
}

static attrib_status end_parquet(writer *self, attrib_error *err)
{
    return at_parquet_write_footer(self->parquet, err);
}

static attrib_status begin_arrow(writer *self, const at_column *schema, attrib_error *err)
{
    return at_arrow_write_schema(&self->output, schema, err);
}

static attrib_status write_arrow(writer *self, const at_column *table, attrib_error *err)
{
    return at_arrow_write_batch(&self->output, table, err);
}

static attrib_status end_arrow(writer *self, attrib_error *err)
{
    return at_arrow_write_end(&self->output, err);
}

static attrib_status write_msgpack(writer *self,
                                   const at_column *table,
                                   attrib_error *err)
{
    return at_msgpack_write_rows(&self->output, table, err);
}

/* Groups of Parquet are as large as readers like them; a text that stands in many rows is
 * written once in each. */
static const column_format parquet = {
    .limits = {.max_rows = (size_t)1 << 18, .max_bytes = (size_t)64 << 20},
    .begin = begin_parquet,
    .write = write_parquet,
    .end = end_parquet};
static const column_format arrow = {.limits = {.max_rows = (size_t)1 << 16,
                                               .max_bytes = (size_t)16 << 20,
                                               .is_repeated = true},
                                    .begin = begin_arrow,
                                    .write = write_arrow,
                                    .end = end_arrow};
static const column_format msgpack = {
    .limits = {.max_rows = (size_t)1 << 12, .max_bytes = (size_t)16 << 20},
    .write = write_msgpack};

static const column_format *find_format(attrib_export_format format)
{
    return format == ATTRIB_EXPORT_PARQUET ? &parquet
           : format == ATTRIB_EXPORT_ARROW ? &arrow
                                           : &msgpack;
}

/* 2. Rows */

/* Write the rows that were gathered, if any. */
static attrib_status flush(writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_column *table = at_batch_table(self->batch);
    if (table->n) {
        AT_TRY(self->format->write(self, table, err));
        at_batch_clear(self->batch);
    }
done:
    return status;
}

static attrib_status add_row(void *context, const at_row *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    writer *self = context;
    AT_TRY(at_batch_add(self->batch, row, err));
    if (at_batch_is_full(self->batch)) {
        AT_TRY(flush(self, err));
    }
done:
    return status;
}

attrib_status at_export_columns(attrib_run *run,
                                const attrib_export_options *options,
                                const char *path,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const column_format *format = find_format(options->format);
    const char *standard =
        at_standard_fields(attrib_run_describe(run), options->with_all);
    writer self = {.format = format};
    AT_TRY(at_row_columns_new(run, options->fields, standard, &self.columns, err));
    AT_TRY(at_batch_new(&self.columns, format->limits, &self.batch, err));
    AT_TRY(at_output_open(path, &self.output, err));
    if (format->begin) {
        AT_TRY(format->begin(&self, at_batch_table(self.batch), err));
    }
    AT_TRY(at_each_row(run, options->with_all, add_row, &self, err));
    AT_TRY(flush(&self, err));
    if (format->end) {
        AT_TRY(format->end(&self, err));
    }
    AT_TRY(at_output_commit(&self.output, err));
done:
    at_parquet_writer_free(self.parquet);
    at_output_discard(&self.output);
    at_batch_free(self.batch);
    at_row_columns_free(&self.columns);
    return status;
}
