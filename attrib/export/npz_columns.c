/* SPDX-License-Identifier: MIT */
/* Ids and other fields of queries and documents as NumPy's arrays: text of a fixed width
 * in UCS-4, integers, reals. Where a value is not known it is "" or 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/fields.h"
#include "export/npz.h"
#include "format/utf8.h"

#define MAX_CHARACTERS 4096

/* A column that becomes an array. */
typedef struct column {
    attrib_run *run;
    at_row_columns *columns;
    size_t i; /* of these */
    size_t n; /* queries or documents */
    bool is_of_documents;
    const char *name; /* of the array */
    at_buffer plain;  /* scratch */
} column;

/* The value of query or document i. */
static attrib_status get_value(column *self, size_t i, at_value *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    static const attrib_answer no_answer;
    attrib_document document = {0};
    at_row row = {.i_query = i, .answer = &no_answer, .document = &document};
    if (self->is_of_documents) {
        AT_TRY(attrib_run_document(self->run, i, &document, err));
    } else {
        row.answer = attrib_run_answer(self->run, i);
    }
    AT_TRY(at_row_columns_get(self->columns, self->i, &row, out, err));
    AT_TRY(at_value_plain(out, &self->plain, err));
done:
    return status;
}

/* 1. Texts */

/* Decode a text into out [n_max], which is zero after it; returns its length even where
 * that is more than n_max. */
static size_t decode_text(const at_value *value, uint32_t *out, size_t n_max)
{
    size_t n_characters = 0;
    memset(out, 0, n_max * sizeof *out);
    for (size_t i = 0; i < value->n_bytes; n_characters++) {
        uint32_t character = 0;
        i += at_utf8_next(value->text + i, value->n_bytes - i, &character, NULL);
        if (n_characters < n_max) {
            out[n_characters] = character;
        }
    }
    return n_characters;
}

static attrib_status find_width(at_npz *npz, column *self, size_t *out)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = npz->err;
    size_t width = 1;
    for (size_t i = 0; i < self->n; i++) {
        at_value value = at_none();
        uint32_t first = 0;
        AT_TRY(get_value(self, i, &value, err));
        size_t n_characters = decode_text(&value, &first, 1);
        AT_CHECK(n_characters <= MAX_CHARACTERS, ATTRIB_ENOTSUP,
                 "%s: %s: a text of %zu characters, npz holds at most %d: %.40s...",
                 npz->output.path, self->name, n_characters, MAX_CHARACTERS, value.text);
        width = n_characters > width ? n_characters : width;
    }
    *out = width;
done:
    return status;
}

/* 2. Arrays */

/* Begin the array of self->n items. */
static attrib_status begin(at_npz *npz,
                           const column *self,
                           const char *descr,
                           size_t item_bytes)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = npz->err;
    size_t n_bytes = 0;
    at_buffer name = {0};
    at_buffer shape = {0};
    AT_TRY(at_mul(item_bytes, self->n, &n_bytes, err));
    AT_TRY(at_buffer_print(&name, err, "%s.npy", self->name));
    AT_TRY(at_buffer_print(&shape, err, "%zu,", self->n));
    AT_TRY(at_npz_begin_array(npz, name.bytes, descr, "True", shape.bytes, n_bytes));
done:
    at_buffer_free(&name);
    at_buffer_free(&shape);
    return status;
}

static attrib_status write_texts(at_npz *npz, column *self)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = npz->err;
    size_t width = 0;
    uint32_t *text = NULL;
    char descr[32];
    AT_TRY(find_width(npz, self, &width));
    AT_TRY(at_array(width, sizeof *text, &text, err));
    snprintf(descr, sizeof descr, "<U%zu", width);
    AT_TRY(begin(npz, self, descr, width * sizeof *text));
    for (size_t i = 0; i < self->n; i++) {
        at_value value = at_none();
        AT_TRY(get_value(self, i, &value, err));
        decode_text(&value, text, width);
        AT_TRY(at_npz_write(npz, text, width * sizeof *text));
    }
done:
    free(text);
    return status;
}

static attrib_status write_numbers(at_npz *npz, column *self, at_value_kind kind)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = npz->err;
    AT_TRY(begin(npz, self, kind == AT_REAL ? "<f8" : "<i8", sizeof(double)));
    for (size_t i = 0; i < self->n; i++) {
        at_value value = at_none();
        AT_TRY(get_value(self, i, &value, err));
        AT_TRY(kind == AT_REAL ? at_npz_write(npz, &value.real, sizeof value.real)
                               : at_npz_write(npz, &value.integer, sizeof value.integer));
    }
done:
    return status;
}

/* Write column i of a list as an array of this name. */
static attrib_status write_column(
    at_npz *npz, attrib_run *run, at_row_columns *columns, size_t i, const char *name)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = npz->err;
    const attrib_run_info *info = attrib_run_describe(run);
    at_field_level level = columns->columns[i].level;
    at_value_kind kind = columns->columns[i].kind;
    column self = {.run = run, .columns = columns, .i = i, .name = name};
    self.is_of_documents = level == AT_OF_DOCUMENT;
    self.n = self.is_of_documents ? info->n_documents : info->n_queries;
    AT_CHECK(level != AT_OF_PAIR, ATTRIB_EINVAL,
             "npz holds fields of queries and fields of documents, and \"%s\" is neither",
             name);
    AT_TRY(kind == AT_INTEGER || kind == AT_REAL ? write_numbers(npz, &self, kind)
                                                 : write_texts(npz, &self));
done:
    at_buffer_free(&self.plain);
    return status;
}

attrib_status at_npz_write_columns(at_npz *self, attrib_run *run, const char *fields)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    at_row_columns ids = {0};
    at_row_columns chosen = {0};
    AT_TRY(at_row_columns_new(run, NULL, "query,document", &ids, err));
    AT_TRY(write_column(self, run, &ids, 0, "query_ids"));
    AT_TRY(write_column(self, run, &ids, 1, "document_ids"));
    if (fields) {
        AT_TRY(at_row_columns_new(run, fields, NULL, &chosen, err));
    }
    for (size_t i = 0; i < chosen.n; i++) {
        AT_TRY(write_column(self, run, &chosen, i, chosen.columns[i].name));
    }
done:
    at_row_columns_free(&ids);
    at_row_columns_free(&chosen);
    return status;
}
