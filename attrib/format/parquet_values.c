/* SPDX-License-Identifier: MIT */
/* Encodings of values (parquet-format's Encodings.md).
 *
 * 1. Plain   2. Differences   3. Dictionaries and streams   4. Pages */
#include "format/parquet_values.h"

#include <stdlib.h>
#include <string.h>

#define MAX_VALUE ((size_t)256 << 20) /* bytes of a value that is put together */

/* 1. Plain */

static attrib_status take_bytes(at_values *v, size_t n, at_slice *out, attrib_error *err)
{
    if (n > (size_t)(v->end - v->at)) {
        return at_fail(err, ATTRIB_EFORMAT, "a page ends before its values");
    }
    *out = (at_slice){(const char *)v->at, n};
    v->at += n;
    return ATTRIB_OK;
}

static attrib_status next_plain(at_values *v, at_slice *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice head = {0};
    size_t n = v->width;
    if (n == 0) {
        AT_TRY(take_bytes(v, 4, &head, err));
        const uint8_t *b = (const uint8_t *)head.bytes;
        n = b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
    }
    AT_TRY(take_bytes(v, n, out, err));
done:
    return status;
}

/* A value that is put together in v->value. */
static attrib_status give_built(at_values *v, at_slice *out)
{
    *out = (at_slice){v->value.bytes, v->value.n_bytes};
    return ATTRIB_OK;
}

static attrib_status give_number(
    at_values *v, uint64_t number, size_t n_bytes, at_slice *out, attrib_error *err)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    at_buffer_clear(&v->value);
    attrib_status status = at_buffer_append(&v->value, bytes, n_bytes, err);
    return status == ATTRIB_OK ? give_built(v, out) : status;
}

/* Booleans take a bit each, the lowest first. */
static attrib_status next_bit(at_values *v, at_slice *out, attrib_error *err)
{
    if (v->i / 8 >= (size_t)(v->end - v->at)) {
        return at_fail(err, ATTRIB_EFORMAT, "a page ends before its values");
    }
    uint64_t bit = v->at[v->i / 8] >> (v->i % 8) & 1;
    v->i++;
    return give_number(v, bit, 1, out, err);
}

/* 2. Differences */

static attrib_status next_delta(at_values *v, at_slice *out, attrib_error *err)
{
    int64_t value = 0;
    attrib_status status = at_deltas_next(&v->lengths, &value, err);
    return status == ATTRIB_OK ? give_number(v, (uint64_t)value, v->width, out, err)
                               : status;
}

static attrib_status next_length(at_deltas *lengths, size_t *out, attrib_error *err)
{
    int64_t value = 0;
    attrib_status status = at_deltas_next(lengths, &value, err);
    if (status == ATTRIB_OK && value < 0) {
        status = at_fail(err, ATTRIB_EFORMAT, "a length of %lld", (long long)value);
    }
    *out = (size_t)value;
    return status;
}

static attrib_status next_delta_length(at_values *v, at_slice *out, attrib_error *err)
{
    size_t n = 0;
    attrib_status status = next_length(&v->lengths, &n, err);
    return status == ATTRIB_OK ? take_bytes(v, n, out, err) : status;
}

/* The first bytes are those of the value before. */
static attrib_status next_delta_bytes(at_values *v, at_slice *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_prefix = 0;
    at_slice suffix = {0};
    AT_TRY(next_length(&v->prefixes, &n_prefix, err));
    AT_TRY(next_delta_length(v, &suffix, err));
    AT_CHECK(n_prefix <= v->value.n_bytes, ATTRIB_EFORMAT,
             "a prefix of %zu bytes of a value of %zu", n_prefix, v->value.n_bytes);
    AT_CHECK(suffix.n_bytes <= MAX_VALUE - at_smaller(n_prefix, MAX_VALUE), ATTRIB_ERANGE,
             "a value of more than %zu bytes", MAX_VALUE);
    v->value.n_bytes = n_prefix;
    AT_TRY(at_buffer_append(&v->value, suffix.bytes, suffix.n_bytes, err));
    AT_CHECK(v->width == 0 || v->value.n_bytes == v->width, ATTRIB_EFORMAT,
             "a value of %zu bytes, expected %zu", v->value.n_bytes, v->width);
    AT_TRY(give_built(v, out));
done:
    return status;
}

/* Lengths, and after them all the bytes. */
static attrib_status open_lengths(at_values *v, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_deltas_open(&v->lengths, v->at, (size_t)(v->end - v->at), err));
    AT_TRY(at_deltas_end(v->lengths, &v->at, err));
done:
    return status;
}

static attrib_status open_prefixes(at_values *v, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_deltas_open(&v->prefixes, v->at, (size_t)(v->end - v->at), err));
    AT_TRY(at_deltas_end(v->prefixes, &v->at, err));
    AT_TRY(open_lengths(v, err));
    at_buffer_clear(&v->value);
    AT_TRY(at_buffer_append(&v->value, "", 0, err));
done:
    return status;
}

/* 3. Dictionaries and streams */

static attrib_status next_item(at_values *v, at_slice *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint32_t i = 0;
    AT_TRY(at_runs_next(&v->runs, &i, err));
    AT_CHECK(i < v->dictionary->n, ATTRIB_EFORMAT, "item %u of a dictionary of %zu",
             (unsigned)i, v->dictionary->n);
    *out = v->dictionary->items[i];
done:
    return status;
}

/* The bits of an index stand in the first byte. A page without values may have none. */
static attrib_status open_items(at_values *v, attrib_error *err)
{
    size_t n = (size_t)(v->end - v->at);
    unsigned width = n ? *v->at : 0;
    if (width > 32) {
        return at_fail(err, ATTRIB_EFORMAT, "dictionary indices of %u bits", width);
    }
    v->runs = at_runs_of(n ? v->at + 1 : v->at, n ? n - 1 : 0, width);
    return ATTRIB_OK;
}

static attrib_status next_run_bit(at_values *v, at_slice *out, attrib_error *err)
{
    uint32_t bit = 0;
    attrib_status status = at_runs_next(&v->runs, &bit, err);
    return status == ATTRIB_OK ? give_number(v, bit, 1, out, err) : status;
}

/* Booleans in runs have the length of their bytes before them. */
static attrib_status open_run_bits(at_values *v, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_values head = {.at = v->at, .end = v->end};
    at_slice runs = {0};
    AT_TRY(next_plain(&head, &runs, err));
    v->runs = at_runs_of((const uint8_t *)runs.bytes, runs.n_bytes, 1);
done:
    return status;
}

/* Byte k of all values, for each k. */
static attrib_status next_split(at_values *v, at_slice *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(v->i < v->n, ATTRIB_EFORMAT, "a page ends before its values");
    at_buffer_clear(&v->value);
    for (size_t k = 0; k < v->width; k++) {
        AT_TRY(at_buffer_append(&v->value, v->at + k * v->n + v->i, 1, err));
    }
    v->i++;
    AT_TRY(give_built(v, out));
done:
    return status;
}

static attrib_status open_split(at_values *v, attrib_error *err)
{
    size_t n = (size_t)(v->end - v->at);
    v->n = n / v->width;
    return n % v->width == 0
               ? ATTRIB_OK
               : at_fail(err, ATTRIB_EFORMAT, "%zu bytes of values of %zu", n, v->width);
}

attrib_status at_dictionary_read(at_dictionary *dictionary,
                                 at_parquet_type type,
                                 size_t width,
                                 size_t n,
                                 const uint8_t *bytes,
                                 size_t n_bytes,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_values plain = {.type = type, .width = width, .at = bytes, .end = bytes + n_bytes};
    AT_CHECK(type != AT_PARQUET_BOOLEAN, ATTRIB_ENOTSUP, "a dictionary of booleans");
    AT_CHECK(n <= n_bytes / (width ? width : 4), ATTRIB_EFORMAT,
             "a dictionary of %zu items in %zu bytes", n, n_bytes);
    AT_TRY(at_grow(&dictionary->items, &dictionary->capacity, n, sizeof(at_slice), err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(next_plain(&plain, &dictionary->items[i], err));
    }
    dictionary->n = n;
done:
    return status;
}

void at_dictionary_free(at_dictionary *dictionary)
{
    at_buffer_free(&dictionary->bytes);
    free(dictionary->items);
    *dictionary = (at_dictionary){0};
}

/* 4. Pages */

static bool is_fixed(const at_values *v)
{
    return v->type != AT_PARQUET_BOOLEAN && v->width > 0;
}

static bool is_bytes(const at_values *v)
{
    return v->type == AT_PARQUET_BYTE_ARRAY || v->type == AT_PARQUET_FIXED;
}

static attrib_status fail_encoding(const at_values *v, attrib_error *err)
{
    return at_fail(err, ATTRIB_ENOTSUP, "encoding %d of type %d is not read",
                   (int)v->encoding, (int)v->type);
}

attrib_status at_values_open(at_values *values,
                             at_encoding encoding,
                             const uint8_t *bytes,
                             size_t n_bytes,
                             attrib_error *err)
{
    values->encoding = encoding;
    values->at = bytes;
    values->end = bytes + n_bytes;
    values->i = 0;
    switch (encoding) {
    case AT_ENCODING_PLAIN:
        return ATTRIB_OK;
    case AT_ENCODING_PLAIN_DICTIONARY:
    case AT_ENCODING_RLE_DICTIONARY:
        return open_items(values, err);
    case AT_ENCODING_RLE:
        return values->type == AT_PARQUET_BOOLEAN ? open_run_bits(values, err)
                                                  : fail_encoding(values, err);
    case AT_ENCODING_DELTA_BINARY_PACKED:
        return values->type == AT_PARQUET_INT32 || values->type == AT_PARQUET_INT64
                   ? at_deltas_open(&values->lengths, bytes, n_bytes, err)
                   : fail_encoding(values, err);
    case AT_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return values->type == AT_PARQUET_BYTE_ARRAY ? open_lengths(values, err)
                                                     : fail_encoding(values, err);
    case AT_ENCODING_DELTA_BYTE_ARRAY:
        return is_bytes(values) ? open_prefixes(values, err) : fail_encoding(values, err);
    case AT_ENCODING_BYTE_STREAM_SPLIT:
        return is_fixed(values) ? open_split(values, err) : fail_encoding(values, err);
    default:
        return fail_encoding(values, err);
    }
}

attrib_status at_values_next(at_values *values, at_slice *out, attrib_error *err)
{
    switch (values->encoding) {
    case AT_ENCODING_PLAIN_DICTIONARY:
    case AT_ENCODING_RLE_DICTIONARY:
        return next_item(values, out, err);
    case AT_ENCODING_RLE:
        return next_run_bit(values, out, err);
    case AT_ENCODING_DELTA_BINARY_PACKED:
        return next_delta(values, out, err);
    case AT_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return next_delta_length(values, out, err);
    case AT_ENCODING_DELTA_BYTE_ARRAY:
        return next_delta_bytes(values, out, err);
    case AT_ENCODING_BYTE_STREAM_SPLIT:
        return next_split(values, out, err);
    default:
        return values->type == AT_PARQUET_BOOLEAN ? next_bit(values, out, err)
                                                  : next_plain(values, out, err);
    }
}

void at_values_free(at_values *values)
{
    at_buffer_free(&values->value);
}
