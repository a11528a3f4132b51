/* SPDX-License-Identifier: MIT */
/* Rows as Parquet files: batches of rows become row groups. */
#include "export/batch.h"
#include "export/write.h"
#include "format/parquet_write.h"

/* Values of a row group, which it takes in memory while it is gathered. */
static const at_batch_limits group_limits = {.max_rows = (size_t)1 << 18,
                                             .max_bytes = (size_t)64 << 20};

typedef struct writer {
    at_output output;
    at_row_columns columns;
    at_batch *batch;
    at_parquet_writer *parquet;
} writer;

/* Write the rows that were gathered. */
static attrib_status flush(writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_parquet_write_group(self->parquet, at_batch_table(self->batch), err));
    at_batch_clear(self->batch);
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

attrib_status at_export_parquet(attrib_run *run,
                                const attrib_export_options *options,
                                const char *path,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *standard =
        at_standard_fields(attrib_run_describe(run), options->with_all);
    writer self = {0};
    AT_TRY(at_row_columns_new(run, options->fields, standard, &self.columns, err));
    AT_TRY(at_batch_new(&self.columns, group_limits, &self.batch, err));
    AT_TRY(at_output_open(path, &self.output, err));
    AT_TRY(at_parquet_writer_new(&self.output, at_batch_table(self.batch), &self.parquet,
                                 err));
    AT_TRY(at_each_row(run, options->with_all, add_row, &self, err));
    AT_TRY(flush(&self, err));
    AT_TRY(at_parquet_write_footer(self.parquet, err));
    AT_TRY(at_output_commit(&self.output, err));
done:
    at_parquet_writer_free(self.parquet);
    at_output_discard(&self.output);
    at_batch_free(self.batch);
    at_row_columns_free(&self.columns);
    return status;
}
