/* SPDX-License-Identifier: MIT */
/* Pages (parquet-format's parquet.thrift, PageHeader).
 *
 * 1. Headers   2. Bytes */
#include "format/parquet_page.h"

#include <zlib.h>

#include "format/parquet_thrift.h"

/* 1. Headers */

/* Which fields of a header's struct say what. 0: it has none. */
typedef struct layout {
    int32_t n_values, encoding, definition_encoding, repetition_encoding;
    int32_t n_definition, n_repetition, is_packed;
} layout;

static const layout data_layout = {1, 2, 3, 4, 0, 0, 0};
static const layout dictionary_layout = {1, 2, 0, 0, 0, 0, 0};
static const layout v2_layout = {1, 4, 0, 0, 5, 6, 7};

static attrib_status read_encoding(at_thrift *t,
                                   const at_thrift_field *field,
                                   at_encoding *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t code = 0;
    AT_TRY(at_thrift_size(t, field, &code, err));
    AT_CHECK(code <= INT32_MAX, ATTRIB_EFORMAT, "%s: encoding %zu", t->name, code);
    *out = (at_encoding)code;
done:
    return status;
}

static attrib_status read_part_field(at_thrift *t,
                                     const at_thrift_field *field,
                                     const layout *fields,
                                     at_page *out,
                                     attrib_error *err)
{
    int32_t id = field->id;
    if (id == fields->n_values) {
        return at_thrift_size(t, field, &out->n_values, err);
    }
    if (id == fields->encoding) {
        return read_encoding(t, field, &out->encoding, err);
    }
    if (id == fields->definition_encoding) {
        return read_encoding(t, field, &out->definition_encoding, err);
    }
    if (id == fields->repetition_encoding) {
        return read_encoding(t, field, &out->repetition_encoding, err);
    }
    if (id == fields->n_definition) {
        return at_thrift_size(t, field, &out->n_definition, err);
    }
    if (id == fields->n_repetition) {
        return at_thrift_size(t, field, &out->n_repetition, err);
    }
    if (id == fields->is_packed) {
        out->is_packed = field->type == AT_THRIFT_TRUE;
    }
    return at_thrift_skip(t, field, err);
}

/* The struct that only pages of one kind have. */
static attrib_status read_part(at_thrift *t,
                               const at_thrift_field *field,
                               const layout *fields,
                               at_page *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_field inner = {0};
    AT_TRY(at_thrift_struct(t, field, err));
    AT_TRY(at_thrift_next(t, &inner, err));
    while (inner.type != AT_THRIFT_STOP) {
        AT_TRY(read_part_field(t, &inner, fields, out, err));
        AT_TRY(at_thrift_next(t, &inner, err));
    }
done:
    return status;
}

static attrib_status read_header_field(at_thrift *t,
                                       const at_thrift_field *field,
                                       at_page *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t kind = 0;
    int64_t checksum = 0;
    switch (field->id) {
    case 1:
        AT_TRY(at_thrift_size(t, field, &kind, err));
        AT_CHECK(kind <= AT_PAGE_DATA_V2, ATTRIB_ENOTSUP, "%s: kind %zu is not known",
                 t->name, kind);
        out->kind = (at_page_kind)kind;
        break;
    case 2:
        return at_thrift_size(t, field, &out->n_unpacked, err);
    case 3:
        return at_thrift_size(t, field, &out->n_packed, err);
    case 4:
        AT_TRY(at_thrift_int(t, field, &checksum, err));
        out->has_checksum = true;
        out->checksum = (uint32_t)checksum;
        break;
    case 5:
        return read_part(t, field, &data_layout, out, err);
    case 7:
        return read_part(t, field, &dictionary_layout, out, err);
    case 8:
        return read_part(t, field, &v2_layout, out, err);
    default:
        return at_thrift_skip(t, field, err);
    }
done:
    return status;
}

static attrib_status check_header(const at_page *page, size_t n_left, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(page->n_packed <= n_left, ATTRIB_EFORMAT,
             "a page of %zu bytes where the column has %zu", page->n_packed, n_left);
    AT_CHECK(page->n_packed <= AT_PARQUET_MAX_PAGE &&
                 page->n_unpacked <= AT_PARQUET_MAX_PAGE,
             ATTRIB_ERANGE, "a page of %zu bytes, at most %zu are read",
             at_larger(page->n_packed, page->n_unpacked), AT_PARQUET_MAX_PAGE);
    AT_CHECK(page->n_values <= INT32_MAX, ATTRIB_EFORMAT, "a page of %zu values",
             page->n_values);
    AT_CHECK(page->n_repetition <= page->n_packed &&
                 page->n_definition <= page->n_packed - page->n_repetition &&
                 page->n_repetition <= page->n_unpacked &&
                 page->n_definition <= page->n_unpacked - page->n_repetition,
             ATTRIB_EFORMAT, "a page of %zu bytes with levels of %zu and %zu",
             page->n_packed, page->n_repetition, page->n_definition);
done:
    return status;
}

attrib_status at_page_read_header(const uint8_t **at,
                                  const uint8_t *end,
                                  at_page *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift t = {.at = *at, .end = end, .name = "page header"};
    at_thrift_field field = {0};
    *out = (at_page){.kind = AT_PAGE_INDEX, .is_packed = true};
    AT_TRY(at_thrift_next(&t, &field, err));
    while (field.type != AT_THRIFT_STOP) {
        AT_TRY(read_header_field(&t, &field, out, err));
        AT_TRY(at_thrift_next(&t, &field, err));
    }
    AT_TRY(check_header(out, (size_t)(end - t.at), err));
    *at = t.at;
done:
    return status;
}

/* 2. Bytes */

attrib_status at_page_unpack(const at_page *page,
                             at_codec codec,
                             const uint8_t *packed,
                             at_buffer *memory,
                             at_slice *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_levels = page->n_definition + page->n_repetition;
    size_t n = page->n_packed - n_levels;
    size_t n_unpacked = page->n_unpacked - n_levels;
    uint32_t checksum = 0;
    if (page->has_checksum) {
        checksum = (uint32_t)crc32(0, packed, (uInt)page->n_packed);
    }
    AT_CHECK(checksum == page->checksum, ATTRIB_EFORMAT,
             "a page has checksum %08x, expected %08x", (unsigned)checksum,
             (unsigned)page->checksum);
    packed += n_levels;
    if (codec == AT_CODEC_NONE || !page->is_packed || n == 0) {
        AT_CHECK(n == n_unpacked, ATTRIB_EFORMAT, "a page of %zu bytes, expected %zu", n,
                 n_unpacked);
        *out = (at_slice){(const char *)packed, n};
        goto done;
    }
    AT_TRY(at_codec_unpack(codec, packed, n, n_unpacked, memory, err));
    *out = (at_slice){memory->bytes, n_unpacked};
done:
    return status;
}
