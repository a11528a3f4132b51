/* SPDX-License-Identifier: MIT */
/* Source: the Arrow columnar format, version 1.5, with Schema.fbs and Message.fbs.
 *
 * 1. Messages.
 * 2. The schema.
 * 3. Batches. */
#include "format/arrow_write.h"

#include <stdlib.h>
#include <string.h>

#include "format/arrow_flat_write.h"

#define CONTINUATION 0xFFFFFFFFu
#define VERSION      4 /* V5 */
#define ALIGNMENT    8

/* What stands in a message, and types of values, as the unions of the sources have them.
 */
enum { HEADER_SCHEMA = 1, HEADER_BATCH = 3 };

enum { TYPE_INT = 2, TYPE_FLOATING_POINT = 3, TYPE_UTF8 = 5 };

/* 1. Messages */

/* Begin a Message: *header is where its header is to be pointed from. */
static attrib_status begin_message(
    at_buffer *out, uint64_t kind, size_t n_body, size_t *header, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_flat_field fields[] = {{2, VERSION}, {1, kind}, {4, 0}, {8, n_body}};
    size_t places[4];
    AT_TRY(at_flat_append(out, 0, 4, err));
    AT_TRY(at_flat_write_table(out, 0, fields, 4, places, err));
    *header = places[2];
done:
    return status;
}

/* Write a message with the length before it; its body follows, aligned. */
static attrib_status write_message(at_output *output,
                                   at_buffer *message,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer prefix = {0};
    AT_TRY(at_flat_pad(message, ALIGNMENT, err));
    AT_TRY(at_flat_append(&prefix, CONTINUATION, 4, err));
    AT_TRY(at_flat_append(&prefix, message->n_bytes, 4, err));
    AT_TRY(at_output_write(output, prefix.bytes, prefix.n_bytes, err));
    AT_TRY(at_output_write(output, message->bytes, message->n_bytes, err));
done:
    at_buffer_free(&prefix);
    return status;
}

attrib_status at_arrow_write_end(at_output *output, attrib_error *err)
{
    static const unsigned char end[8] = {0xFF, 0xFF, 0xFF, 0xFF};
    return at_output_write(output, end, sizeof end, err);
}

/* 2. The schema */

static attrib_status append_type(at_buffer *out,
                                 size_t place,
                                 at_column_kind kind,
                                 attrib_error *err)
{
    const at_flat_field integer[] = {{4, 64}, {1, true}};
    const at_flat_field real[] = {{2, 2}}; /* DOUBLE */
    size_t places[2];
    switch (kind) {
    case AT_COLUMN_INT:
        return at_flat_write_table(out, place, integer, 2, places, err);
    case AT_COLUMN_FLOAT:
        return at_flat_write_table(out, place, real, 1, places, err);
    default:
        return at_flat_write_table(out, place, NULL, 0, places, err);
    }
}

static uint64_t type_of(at_column_kind kind)
{
    return kind == AT_COLUMN_INT     ? TYPE_INT
           : kind == AT_COLUMN_FLOAT ? TYPE_FLOATING_POINT
                                     : TYPE_UTF8;
}

/* A Field. It has a list of children even where there are none, as readers ask for it. */
static attrib_status append_field(at_buffer *out,
                                  size_t place,
                                  const at_column *column,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_flat_field fields[] = {{4, 0}, {1, true}, {1, type_of(column->kind)},
                                    {4, 0}, {0, 0},    {4, 0}};
    size_t places[6];
    AT_TRY(at_flat_write_table(out, place, fields, 6, places, err));
    AT_TRY(at_flat_write_text(out, places[0], column->name, err));
    AT_TRY(append_type(out, places[3], column->kind, err));
    AT_TRY(at_flat_write_vector(out, places[5], 0, 4, err));
done:
    return status;
}

static attrib_status append_schema(at_buffer *out,
                                   size_t place,
                                   const at_column *schema,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_flat_field fields[] = {{2, 0}, {4, 0}};
    size_t places[2];
    size_t first = 0;
    AT_TRY(at_flat_write_table(out, place, fields, 2, places, err));
    AT_TRY(at_flat_write_vector(out, places[1], schema->n_children, 4, err));
    first = out->n_bytes;
    for (size_t i = 0; i < schema->n_children; i++) {
        AT_TRY(at_flat_append(out, 0, 4, err));
    }
    for (size_t i = 0; i < schema->n_children; i++) {
        AT_TRY(append_field(out, first + 4 * i, &schema->children[i], err));
    }
done:
    return status;
}

attrib_status at_arrow_write_schema(at_output *output,
                                    const at_column *schema,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer message = {0};
    size_t header = 0;
    AT_TRY(begin_message(&message, HEADER_SCHEMA, 0, &header, err));
    AT_TRY(append_schema(&message, header, schema, err));
    AT_TRY(write_message(output, &message, err));
done:
    at_buffer_free(&message);
    return status;
}

/* 3. Batches */

/* The bytes of a batch, and what its message says of them. */
typedef struct batch {
    at_buffer body;
    at_buffer nodes, buffers; /* FieldNode and Buffer structs */
    size_t n_buffers;
} batch;

/* End the buffer that began at byte `start` of the body. */
static attrib_status end_buffer(batch *self, size_t start, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_flat_append(&self->buffers, start, 8, err));
    AT_TRY(at_flat_append(&self->buffers, self->body.n_bytes - start, 8, err));
    AT_TRY(at_flat_pad(&self->body, ALIGNMENT, err));
    self->n_buffers++;
done:
    return status;
}

static bool is_null(const at_column *column, size_t i)
{
    return column->is_valid && !column->is_valid[i];
}

/* A bit a value, lowest first; no bytes where nothing is null. */
static attrib_status append_validity(batch *self,
                                     const at_column *column,
                                     size_t *n_nulls,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t start = self->body.n_bytes;
    for (size_t i = 0; column->is_valid && i < column->n; i += 8) {
        unsigned bits = 0;
        for (size_t k = 0; k < 8 && i + k < column->n; k++) {
            bits |= (unsigned)!is_null(column, i + k) << k;
            *n_nulls += is_null(column, i + k);
        }
        AT_TRY(at_flat_append(&self->body, bits, 1, err));
    }
    AT_TRY(end_buffer(self, start, err));
done:
    return status;
}

/* 8 bytes a value, 0 where null, so that the same rows give the same bytes. */
static attrib_status append_numbers(batch *self,
                                    const at_column *column,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const uint64_t *words = column->values; /* little-endian machines */
    size_t start = self->body.n_bytes;
    for (size_t i = 0; i < column->n; i++) {
        const uint64_t word = is_null(column, i) ? 0 : words[i];
        AT_TRY(at_buffer_append(&self->body, &word, sizeof word, err));
    }
    AT_TRY(end_buffer(self, start, err));
done:
    return status;
}

/* Where each text begins and the last one ends, and the texts. */
static attrib_status append_texts(batch *self, const at_column *column, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_slice *texts = column->values;
    size_t start = self->body.n_bytes;
    size_t n = 0;
    for (size_t i = 0; i < column->n; i++) {
        AT_TRY(at_flat_append(&self->body, n, 4, err));
        n += is_null(column, i) ? 0 : texts[i].n_bytes;
        AT_CHECK(n <= INT32_MAX, ATTRIB_ERANGE,
                 "column \"%s\": 2 GiB of texts in a batch", column->name);
    }
    AT_TRY(at_flat_append(&self->body, n, 4, err));
    AT_TRY(end_buffer(self, start, err));
    start = self->body.n_bytes;
    for (size_t i = 0; i < column->n; i++) {
        if (!is_null(column, i)) {
            AT_TRY(at_buffer_append(&self->body, texts[i].bytes, texts[i].n_bytes, err));
        }
    }
    AT_TRY(end_buffer(self, start, err));
done:
    return status;
}

static attrib_status append_column(batch *self,
                                   const at_column *column,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_nulls = 0;
    AT_TRY(append_validity(self, column, &n_nulls, err));
    AT_TRY(at_flat_append(&self->nodes, column->n, 8, err));
    AT_TRY(at_flat_append(&self->nodes, n_nulls, 8, err));
    AT_TRY(column->kind == AT_COLUMN_TEXT ? append_texts(self, column, err)
                                          : append_numbers(self, column, err));
done:
    return status;
}

/* Write a RecordBatch of columns that are all in `self`. */
static attrib_status write_batch(batch *self,
                                 at_output *output,
                                 const at_column *table,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer message = {0};
    const at_flat_field fields[] = {{8, table->n}, {4, 0}, {4, 0}};
    size_t places[3];
    size_t header = 0;
    AT_TRY(begin_message(&message, HEADER_BATCH, self->body.n_bytes, &header, err));
    AT_TRY(at_flat_write_table(&message, header, fields, 3, places, err));
    AT_TRY(at_flat_write_vector(&message, places[1], table->n_children, 8, err));
    AT_TRY(at_buffer_append(&message, self->nodes.bytes, self->nodes.n_bytes, err));
    AT_TRY(at_flat_write_vector(&message, places[2], self->n_buffers, 8, err));
    AT_TRY(at_buffer_append(&message, self->buffers.bytes, self->buffers.n_bytes, err));
    AT_TRY(write_message(output, &message, err));
    AT_TRY(at_output_write(output, self->body.bytes, self->body.n_bytes, err));
done:
    at_buffer_free(&message);
    return status;
}

attrib_status at_arrow_write_batch(at_output *output,
                                   const at_column *table,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    batch self = {0};
    for (size_t i = 0; i < table->n_children; i++) {
        AT_TRY(append_column(&self, &table->children[i], err));
    }
    AT_TRY(write_batch(&self, output, table, err));
done:
    at_buffer_free(&self.body);
    at_buffer_free(&self.nodes);
    at_buffer_free(&self.buffers);
    return status;
}
