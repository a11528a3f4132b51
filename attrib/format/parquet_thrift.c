/* SPDX-License-Identifier: MIT */
/* Thrift's compact protocol (thrift/doc/specs/thrift-compact-protocol.md).
 *
 * 1. Numbers   2. Fields   3. Passing over */
#include "format/parquet_thrift.h"

#include <stdbool.h>

#define MAX_DEPTH 16

/* 1. Numbers */

static size_t left(const at_thrift *t)
{
    return (size_t)(t->end - t->at);
}

static attrib_status fail_truncated(const at_thrift *t, attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: truncated", t->name);
}

static attrib_status read_byte(at_thrift *t, uint8_t *out, attrib_error *err)
{
    if (t->at == t->end) {
        return fail_truncated(t, err);
    }
    *out = *t->at++;
    return ATTRIB_OK;
}

/* Seven bits a byte, the lowest first. */
static attrib_status read_varint(at_thrift *t, uint64_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t value = 0;
    uint8_t byte = 0x80;
    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        AT_TRY(read_byte(t, &byte, err));
        AT_CHECK(shift < 63 || (shift == 63 && byte <= 1), ATTRIB_EFORMAT,
                 "%s: a number of more than 64 bits", t->name);
        value |= (uint64_t)(byte & 0x7f) << shift;
    }
    *out = value;
done:
    return status;
}

/* Zigzag: 0, -1, 1, -2, ... */
static attrib_status read_zigzag(at_thrift *t, int64_t *out, attrib_error *err)
{
    uint64_t value = 0;
    attrib_status status = read_varint(t, &value, err);
    *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    return status;
}

/* 2. Fields */

static attrib_status read_type(const at_thrift *t,
                               unsigned code,
                               at_thrift_type *out,
                               attrib_error *err)
{
    if (code > AT_THRIFT_STRUCT) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: a field of unknown type %u", t->name,
                       code);
    }
    *out = (at_thrift_type)code;
    return ATTRIB_OK;
}

static attrib_status check_type(const at_thrift *t,
                                const at_thrift_field *field,
                                bool is_right,
                                attrib_error *err)
{
    return is_right ? ATTRIB_OK
                    : at_fail(err, ATTRIB_EFORMAT, "%s: field %d has the wrong type %d",
                              t->name, (int)field->id, (int)field->type);
}

attrib_status at_thrift_next(at_thrift *t, at_thrift_field *field, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint8_t head = 0;
    int64_t id = 0;
    AT_TRY(read_byte(t, &head, err));
    AT_TRY(read_type(t, head & 15, &field->type, err));
    if (field->type == AT_THRIFT_STOP) {
        goto done;
    }
    if (head >> 4) {
        field->id += head >> 4;
    } else {
        AT_TRY(read_zigzag(t, &id, err));
        AT_CHECK(id >= INT16_MIN && id <= INT16_MAX, ATTRIB_EFORMAT,
                 "%s: a field's number %lld is no 16-bit integer", t->name,
                 (long long)id);
        field->id = (int32_t)id;
    }
    AT_CHECK(field->id <= INT16_MAX, ATTRIB_EFORMAT,
             "%s: a field's number %d is no 16-bit integer", t->name, (int)field->id);
done:
    return status;
}

attrib_status at_thrift_int(at_thrift *t,
                            const at_thrift_field *field,
                            int64_t *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint8_t byte = 0;
    AT_TRY(check_type(t, field,
                      field->type >= AT_THRIFT_I8 && field->type <= AT_THRIFT_I64, err));
    if (field->type == AT_THRIFT_I8) {
        AT_TRY(read_byte(t, &byte, err));
        *out = byte < 128 ? byte : byte - 256;
    } else {
        AT_TRY(read_zigzag(t, out, err));
    }
done:
    return status;
}

attrib_status at_thrift_size(at_thrift *t,
                             const at_thrift_field *field,
                             size_t *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t value = 0;
    AT_TRY(at_thrift_int(t, field, &value, err));
    AT_CHECK(value >= 0, ATTRIB_EFORMAT, "%s: field %d is %lld, below 0", t->name,
             (int)field->id, (long long)value);
    *out = (size_t)value;
done:
    return status;
}

attrib_status at_thrift_bytes(at_thrift *t,
                              const at_thrift_field *field,
                              at_slice *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t n = 0;
    AT_TRY(check_type(t, field, field->type == AT_THRIFT_BINARY, err));
    AT_TRY(read_varint(t, &n, err));
    if (n > left(t)) {
        return fail_truncated(t, err);
    }
    *out = (at_slice){(const char *)t->at, (size_t)n};
    t->at += n;
done:
    return status;
}

/* The head of a list or a set. Any element takes a byte at least. */
static attrib_status read_list(at_thrift *t,
                               at_thrift_type *element,
                               size_t *n,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint8_t head = 0;
    uint64_t count = 0;
    AT_TRY(read_byte(t, &head, err));
    AT_TRY(read_type(t, head & 15, element, err));
    count = head >> 4;
    if (count == 15) {
        AT_TRY(read_varint(t, &count, err));
    }
    if (count > left(t)) {
        return fail_truncated(t, err);
    }
    *n = (size_t)count;
done:
    return status;
}

attrib_status at_thrift_list(at_thrift *t,
                             const at_thrift_field *field,
                             at_thrift_type element,
                             size_t *n,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_type found = AT_THRIFT_STOP;
    AT_TRY(check_type(t, field, field->type == AT_THRIFT_LIST, err));
    AT_TRY(read_list(t, &found, n, err));
    AT_CHECK(*n == 0 || found == element, ATTRIB_EFORMAT,
             "%s: field %d is a list of the wrong type %d", t->name, (int)field->id,
             (int)found);
done:
    return status;
}

attrib_status at_thrift_struct(const at_thrift *t,
                               const at_thrift_field *field,
                               attrib_error *err)
{
    return check_type(t, field, field->type == AT_THRIFT_STRUCT, err);
}

/* 3. Passing over */

static attrib_status skip_bytes(at_thrift *t, uint64_t n, attrib_error *err)
{
    if (n > left(t)) {
        return fail_truncated(t, err);
    }
    t->at += n;
    return ATTRIB_OK;
}

static attrib_status skip_value(
    at_thrift *t, at_thrift_type type, bool is_element, size_t depth, attrib_error *err);

static attrib_status skip_map(at_thrift *t, size_t depth, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t n = 0;
    uint8_t types = 0;
    at_thrift_type key = AT_THRIFT_STOP;
    at_thrift_type value = AT_THRIFT_STOP;
    AT_TRY(read_varint(t, &n, err));
    if (n > 0) {
        AT_TRY(read_byte(t, &types, err));
    }
    AT_TRY(read_type(t, types >> 4, &key, err));
    AT_TRY(read_type(t, types & 15, &value, err));
    for (uint64_t i = 0; i < n; i++) { /* an end of the bytes ends it */
        AT_TRY(skip_value(t, key, true, depth + 1, err));
        AT_TRY(skip_value(t, value, true, depth + 1, err));
    }
done:
    return status;
}

static attrib_status skip_container(at_thrift *t,
                                    at_thrift_type type,
                                    size_t depth,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_thrift_field field = {0};
    at_thrift_type element = AT_THRIFT_STOP;
    size_t n = 0;
    AT_CHECK(depth < MAX_DEPTH, ATTRIB_EFORMAT, "%s: nested more than %d deep", t->name,
             MAX_DEPTH);
    if (type == AT_THRIFT_MAP) {
        return skip_map(t, depth, err);
    }
    if (type == AT_THRIFT_STRUCT) {
        AT_TRY(at_thrift_next(t, &field, err));
        while (field.type != AT_THRIFT_STOP) {
            AT_TRY(skip_value(t, field.type, false, depth + 1, err));
            AT_TRY(at_thrift_next(t, &field, err));
        }
        goto done;
    }
    AT_TRY(read_list(t, &element, &n, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(skip_value(t, element, true, depth + 1, err));
    }
done:
    return status;
}

/* A bool is in the type of a field, but a byte in a list. */
static attrib_status skip_value(
    at_thrift *t, at_thrift_type type, bool is_element, size_t depth, attrib_error *err)
{
    uint64_t ignored = 0;
    at_slice bytes = {0};
    const at_thrift_field field = {.type = type};
    switch (type) {
    case AT_THRIFT_TRUE:
    case AT_THRIFT_FALSE:
        return skip_bytes(t, is_element, err);
    case AT_THRIFT_I8:
        return skip_bytes(t, 1, err);
    case AT_THRIFT_I16:
    case AT_THRIFT_I32:
    case AT_THRIFT_I64:
        return read_varint(t, &ignored, err);
    case AT_THRIFT_DOUBLE:
        return skip_bytes(t, 8, err);
    case AT_THRIFT_BINARY:
        return at_thrift_bytes(t, &field, &bytes, err);
    case AT_THRIFT_STOP:
        return at_fail(err, ATTRIB_EFORMAT, "%s: a list of no type", t->name);
    default:
        return skip_container(t, type, depth, err);
    }
}

attrib_status at_thrift_skip(at_thrift *t,
                             const at_thrift_field *field,
                             attrib_error *err)
{
    return skip_value(t, field->type, false, 0, err);
}
