/* SPDX-License-Identifier: MIT */
/* Source: parquet-format's Encodings.md and parquet.thrift, version 2.10.
 *
 * 1. Pages.
 * 2. Dictionaries of texts.
 * 3. Chunks. */
#include "format/parquet_chunk_write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "format/parquet_encode.h"
#include "format/parquet_page.h"

#define ZSTD_LEVEL     3
#define PAGE_VALUES    ((size_t)1 << 16)
#define PAGE_BYTES     ((size_t)1 << 20) /* of texts, about */
#define MAX_TEXT       ((size_t)1 << 30)
#define MAX_DISTINCT   ((size_t)1 << 20)  /* texts of a dictionary */
#define MAX_DICTIONARY ((size_t)16 << 20) /* bytes of one */

/* What the footer says of a chunk. */
typedef struct chunk {
    const at_column *column;
    bool has_dictionary;
    size_t n_distinct;
    size_t dictionary_offset, data_offset, n_packed, n_unpacked, n_nulls;
    bool has_range;           /* of numbers: none is NaN */
    uint64_t least, greatest; /* their bits */
} chunk;

at_parquet_type at_parquet_chunk_type(at_column_kind kind)
{
    switch (kind) {
    case AT_COLUMN_INT:
        return AT_PARQUET_INT64;
    case AT_COLUMN_FLOAT:
        return AT_PARQUET_DOUBLE;
    default:
        return AT_PARQUET_BYTE_ARRAY;
    }
}

/* 1. Pages */

attrib_status at_parquet_chunk_write_bytes(at_parquet_chunk_writer *self,
                                           const void *bytes,
                                           size_t n,
                                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_output_write(self->output, bytes, n, err));
    self->offset += n;
done:
    return status;
}

/* Pack self->page into self->packed. */
static attrib_status pack_page(at_parquet_chunk_writer *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t bound = ZSTD_compressBound(self->page.n_bytes);
    AT_TRY(at_grow(&self->packed.bytes, &self->packed.capacity, bound, 1, err));
    self->packed.n_bytes =
        ZSTD_compressCCtx(self->zstd, self->packed.bytes, self->packed.capacity,
                          self->page.bytes, self->page.n_bytes, ZSTD_LEVEL);
    AT_CHECK(!ZSTD_isError(self->packed.n_bytes), ATTRIB_ENOMEM, "%s: zstd: %s",
             self->output->path, ZSTD_getErrorName(self->packed.n_bytes));
done:
    return status;
}

/* The PageHeader of the page in self->packed. */
static attrib_status make_header(at_parquet_chunk_writer *self,
                                 at_page_kind kind,
                                 size_t n_values,
                                 at_encoding encoding,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_writer t = {.out = &self->header};
    const at_buffer *packed = &self->packed;
    uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)packed->bytes, packed->n_bytes);
    int32_t crc_signed = 0;
    memcpy(&crc_signed, &crc, sizeof crc);
    at_buffer_clear(&self->header);
    AT_TRY(at_thrift_write_int(&t, 1, AT_THRIFT_I32, kind, err));
    AT_TRY(at_thrift_write_int(&t, 2, AT_THRIFT_I32, (int64_t)self->page.n_bytes, err));
    AT_TRY(at_thrift_write_int(&t, 3, AT_THRIFT_I32, (int64_t)packed->n_bytes, err));
    AT_TRY(at_thrift_write_int(&t, 4, AT_THRIFT_I32, crc_signed, err));
    AT_TRY(at_thrift_open(&t, kind == AT_PAGE_DATA ? 5 : 7, err));
    AT_TRY(at_thrift_write_int(&t, 1, AT_THRIFT_I32, (int64_t)n_values, err));
    AT_TRY(at_thrift_write_int(&t, 2, AT_THRIFT_I32, encoding, err));
    if (kind == AT_PAGE_DATA) {
        AT_TRY(at_thrift_write_int(&t, 3, AT_THRIFT_I32, AT_ENCODING_RLE, err));
        AT_TRY(at_thrift_write_int(&t, 4, AT_THRIFT_I32, AT_ENCODING_RLE, err));
    }
    AT_TRY(at_thrift_close(&t, err));
    AT_TRY(at_thrift_close(&t, err));
done:
    return status;
}

/* Write self->page and count it in the chunk. */
static attrib_status write_page(at_parquet_chunk_writer *self,
                                chunk *c,
                                at_page_kind kind,
                                size_t n_values,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_places = kind == AT_PAGE_DATA && c->has_dictionary;
    size_t start = self->offset;
    AT_CHECK(self->page.n_bytes <= INT32_MAX, ATTRIB_ERANGE,
             "%s: column \"%s\": a page of %zu bytes", self->output->path,
             c->column->name, self->page.n_bytes);
    AT_TRY(pack_page(self, err));
    AT_TRY(make_header(self, kind, n_values,
                       has_places ? AT_ENCODING_RLE_DICTIONARY : AT_ENCODING_PLAIN, err));
    AT_TRY(at_parquet_chunk_write_bytes(self, self->header.bytes, self->header.n_bytes,
                                        err));
    AT_TRY(at_parquet_chunk_write_bytes(self, self->packed.bytes, self->packed.n_bytes,
                                        err));
    c->n_packed += self->offset - start;
    c->n_unpacked += self->header.n_bytes + self->page.n_bytes;
done:
    return status;
}

/* 2. Dictionaries of texts */

static size_t hash_slice(const at_slice *text, size_t n_slots)
{
    uint64_t mixed = (uint64_t)(uintptr_t)text->bytes * 0x9E3779B97F4A7C15u;
    return (size_t)(mixed >> 20) & (n_slots - 1);
}

/* The slot of a text, or the free one that it goes to. */
static at_text_slot *find_slot(const at_parquet_chunk_writer *self, const at_slice *text)
{
    size_t i = hash_slice(text, self->n_slots);
    while (self->slots[i].bytes && (self->slots[i].bytes != text->bytes ||
                                    self->slots[i].n_bytes != text->n_bytes)) {
        i = (i + 1) & (self->n_slots - 1);
    }
    return &self->slots[i];
}

/* Whether a dictionary still is one that saves something. */
static bool is_worth_it(const at_parquet_chunk_writer *self,
                        size_t n_texts,
                        size_t n_distinct)
{
    return n_distinct <= MAX_DISTINCT && n_distinct <= n_texts / 2 &&
           self->page.n_bytes <= MAX_DICTIONARY;
}

/* Find the distinct texts of a chunk: self->page becomes the dictionary, self->places
 * every row's place in it. */
static attrib_status find_distinct(at_parquet_chunk_writer *self,
                                   chunk *c,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_slice *texts = c->column->values;
    size_t n_texts = c->column->n - c->n_nulls;
    c->has_dictionary = n_texts > 1;
    at_buffer_clear(&self->page);
    memset(self->slots, 0, self->n_slots * sizeof *self->slots);
    for (size_t i = 0; c->has_dictionary && i < c->column->n; i++) {
        if (at_parquet_is_null(c->column, i)) {
            continue;
        }
        at_text_slot *slot = find_slot(self, &texts[i]);
        if (!slot->bytes) {
            *slot = (at_text_slot){texts[i].bytes, texts[i].n_bytes,
                                   (uint32_t)c->n_distinct++};
            AT_TRY(at_parquet_append_text(&self->page, &texts[i], err));
            c->has_dictionary = is_worth_it(self, n_texts, c->n_distinct);
        }
        self->places[i] = slot->place;
    }
done:
    return status;
}

/* Write the dictionary of a column of texts where it is shorter than they are. */
static attrib_status write_dictionary(at_parquet_chunk_writer *self,
                                      chunk *c,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_slots = 1024;
    while (n_slots < 2 * c->column->n) {
        n_slots *= 2;
    }
    if (n_slots > self->n_slots) {
        free(self->slots);
        self->slots = NULL;
        AT_TRY(at_array(n_slots, sizeof *self->slots, &self->slots, err));
        self->n_slots = n_slots;
    }
    AT_TRY(
        at_grow(&self->places, &self->capacity, c->column->n, sizeof *self->places, err));
    AT_TRY(find_distinct(self, c, err));
    if (c->has_dictionary) {
        c->dictionary_offset = self->offset;
        AT_TRY(write_page(self, c, AT_PAGE_DICTIONARY, c->n_distinct, err));
    }
done:
    return status;
}

/* 3. Chunks */

/* Where the page that begins at row `first` ends. */
static attrib_status end_of_page(const at_parquet_chunk_writer *self,
                                 const chunk *c,
                                 size_t first,
                                 size_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_column *column = c->column;
    const at_slice *texts = column->values;
    bool is_counted = column->kind == AT_COLUMN_TEXT && !c->has_dictionary;
    size_t n_bytes = 0;
    size_t i = first;
    for (; i < column->n && i - first < PAGE_VALUES && n_bytes < PAGE_BYTES; i++) {
        if (is_counted && !at_parquet_is_null(column, i)) {
            AT_CHECK(texts[i].n_bytes < MAX_TEXT, ATTRIB_ERANGE,
                     "%s: column \"%s\": a text of %zu bytes", self->output->path,
                     column->name, texts[i].n_bytes);
            n_bytes += texts[i].n_bytes;
        }
    }
    *out = i;
done:
    return status;
}

static attrib_status write_data(at_parquet_chunk_writer *self,
                                chunk *c,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    c->data_offset = self->offset;
    for (size_t first = 0, end = 0; first < c->column->n; first = end) {
        AT_TRY(end_of_page(self, c, first, &end, err));
        at_buffer_clear(&self->page);
        AT_TRY(at_parquet_append_levels(&self->page, c->column, first, end, err));
        AT_TRY(c->has_dictionary
                   ? at_parquet_append_places(&self->page, c->column, self->places,
                                              c->n_distinct, first, end, err)
                   : at_parquet_append_plain(&self->page, c->column, first, end, err));
        AT_TRY(write_page(self, c, AT_PAGE_DATA, end - first, err));
    }
done:
    return status;
}

/* The least and greatest number, of doubles with -0 below 0. */
static void find_range(chunk *c)
{
    const at_column *column = c->column;
    const int64_t *integers = column->values;
    const double *reals = column->values;
    double least = (double)INFINITY;
    double greatest = -(double)INFINITY;
    int64_t first = INT64_MAX;
    int64_t last = INT64_MIN;
    bool is_real = column->kind == AT_COLUMN_FLOAT;
    c->has_range = column->kind != AT_COLUMN_TEXT && c->n_nulls < column->n;
    for (size_t i = 0; c->has_range && i < column->n; i++) {
        if (at_parquet_is_null(column, i)) {
            continue;
        }
        if (is_real) {
            c->has_range = !isnan(reals[i]);
            least = reals[i] < least ? reals[i] : least;
            greatest = reals[i] > greatest ? reals[i] : greatest;
        } else {
            first = integers[i] < first ? integers[i] : first;
            last = integers[i] > last ? integers[i] : last;
        }
    }
    least = least == 0 ? -0.0 : least;
    greatest = greatest == 0 ? 0.0 : greatest;
    memcpy(&c->least, is_real ? (const void *)&least : (const void *)&first, 8);
    memcpy(&c->greatest, is_real ? (const void *)&greatest : (const void *)&last, 8);
}

static attrib_status append_statistics(at_thrift_writer *t,
                                       const chunk *c,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_thrift_open(t, 12, err));
    AT_TRY(at_thrift_write_int(t, 3, AT_THRIFT_I64, (int64_t)c->n_nulls, err));
    if (c->has_range) {
        AT_TRY(at_thrift_write_bytes(t, 5, &c->greatest, sizeof c->greatest, err));
        AT_TRY(at_thrift_write_bytes(t, 6, &c->least, sizeof c->least, err));
    }
    AT_TRY(at_thrift_close(t, err));
done:
    return status;
}

/* The encodings of a chunk's pages, by number. */
static attrib_status append_encodings(at_thrift_writer *t,
                                      const chunk *c,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_thrift_write_list(t, 2, AT_THRIFT_I32, c->has_dictionary ? 3 : 2, err));
    AT_TRY(at_thrift_item_int(t, AT_ENCODING_PLAIN, err));
    AT_TRY(at_thrift_item_int(t, AT_ENCODING_RLE, err));
    if (c->has_dictionary) {
        AT_TRY(at_thrift_item_int(t, AT_ENCODING_RLE_DICTIONARY, err));
    }
done:
    return status;
}

/* The ColumnChunk of the footer. */
static attrib_status append_chunk(at_thrift_writer *t, const chunk *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = c->column->name;
    size_t start = c->has_dictionary ? c->dictionary_offset : c->data_offset;
    const size_t sizes[] = {c->column->n, c->n_unpacked, c->n_packed};
    AT_TRY(at_thrift_open(t, 0, err));
    AT_TRY(at_thrift_write_int(t, 2, AT_THRIFT_I64, (int64_t)start, err));
    AT_TRY(at_thrift_open(t, 3, err));
    AT_TRY(at_thrift_write_int(t, 1, AT_THRIFT_I32,
                               at_parquet_chunk_type(c->column->kind), err));
    AT_TRY(append_encodings(t, c, err));
    AT_TRY(at_thrift_write_list(t, 3, AT_THRIFT_BINARY, 1, err));
    AT_TRY(at_thrift_item_bytes(t, name, strlen(name), err));
    AT_TRY(at_thrift_write_int(t, 4, AT_THRIFT_I32, AT_CODEC_ZSTD, err));
    for (int32_t k = 0; k < 3; k++) {
        AT_TRY(at_thrift_write_int(t, 5 + k, AT_THRIFT_I64, (int64_t)sizes[k], err));
    }
    AT_TRY(at_thrift_write_int(t, 9, AT_THRIFT_I64, (int64_t)c->data_offset, err));
    if (c->has_dictionary) {
        AT_TRY(at_thrift_write_int(t, 11, AT_THRIFT_I64, (int64_t)c->dictionary_offset,
                                   err));
    }
    AT_TRY(append_statistics(t, c, err));
    AT_TRY(at_thrift_close(t, err));
    AT_TRY(at_thrift_close(t, err));
done:
    return status;
}

attrib_status at_parquet_chunk_write(at_parquet_chunk_writer *self,
                                     const at_column *column,
                                     at_thrift_writer *t,
                                     size_t *n_unpacked,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    chunk c = {.column = column};
    for (size_t i = 0; i < column->n; i++) {
        c.n_nulls += at_parquet_is_null(column, i);
    }
    find_range(&c);
    if (column->kind == AT_COLUMN_TEXT) {
        AT_TRY(write_dictionary(self, &c, err));
    }
    AT_TRY(write_data(self, &c, err));
    AT_TRY(append_chunk(t, &c, err));
    *n_unpacked += c.n_unpacked;
done:
    return status;
}

void at_parquet_chunk_writer_free(at_parquet_chunk_writer *self)
{
    ZSTD_freeCCtx(self->zstd);
    at_buffer_free(&self->page);
    at_buffer_free(&self->packed);
    at_buffer_free(&self->header);
    free(self->slots);
    free(self->places);
    *self = (at_parquet_chunk_writer){0};
}
