/* SPDX-License-Identifier: MIT */
/* Source: thrift-compact-protocol.md of Apache Thrift. */
#include "format/parquet_thrift_write.h"

#include <assert.h>

#define MAX_SHORT 15 /* differences of ids, and lengths of lists, that share a byte */

attrib_status at_append_varint(at_buffer *out, uint64_t value, attrib_error *err)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7) {
        bytes[n++] = (unsigned char)(value | 0x80);
    }
    bytes[n++] = (unsigned char)value;
    return at_buffer_append(out, bytes, n, err);
}

attrib_status at_append_word(at_buffer *out, size_t value, attrib_error *err)
{
    const unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                                    (unsigned char)(value >> 16),
                                    (unsigned char)(value >> 24)};
    return at_buffer_append(out, bytes, sizeof bytes, err);
}

static attrib_status append_byte(at_buffer *out, size_t value, attrib_error *err)
{
    unsigned char byte = (unsigned char)value;
    return at_buffer_append(out, &byte, 1, err);
}

/* Numbers of either sign in few bytes: 0, -1, 1, -2, ... are 0, 1, 2, 3, ... */
attrib_status at_thrift_item_int(at_thrift_writer *t, int64_t value, attrib_error *err)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;
    return at_append_varint(t->out, ((uint64_t)value << 1) ^ sign, err);
}

attrib_status at_thrift_item_bytes(at_thrift_writer *t,
                                   const void *bytes,
                                   size_t n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_append_varint(t->out, n, err));
    AT_TRY(at_buffer_append(t->out, bytes, n, err));
done:
    return status;
}

/* Ids rise by 1 to 15 in all structs of Parquet. */
static attrib_status begin_field(at_thrift_writer *t,
                                 int32_t id,
                                 at_thrift_type type,
                                 attrib_error *err)
{
    size_t step = (size_t)(id - t->last[t->depth]);
    assert(step >= 1 && step <= MAX_SHORT);
    t->last[t->depth] = id;
    return append_byte(t->out, step << 4 | type, err);
}

attrib_status at_thrift_write_int(at_thrift_writer *t,
                                  int32_t id,
                                  at_thrift_type type,
                                  int64_t value,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(begin_field(t, id, type, err));
    AT_TRY(at_thrift_item_int(t, value, err));
done:
    return status;
}

attrib_status at_thrift_write_bytes(
    at_thrift_writer *t, int32_t id, const void *bytes, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(begin_field(t, id, AT_THRIFT_BINARY, err));
    AT_TRY(at_thrift_item_bytes(t, bytes, n, err));
done:
    return status;
}

attrib_status at_thrift_write_list(
    at_thrift_writer *t, int32_t id, at_thrift_type element, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(begin_field(t, id, AT_THRIFT_LIST, err));
    AT_TRY(append_byte(t->out, at_smaller(n, MAX_SHORT) << 4 | element, err));
    if (n >= MAX_SHORT) {
        AT_TRY(at_append_varint(t->out, n, err));
    }
done:
    return status;
}

attrib_status at_thrift_open(at_thrift_writer *t, int32_t id, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (id) {
        AT_TRY(begin_field(t, id, AT_THRIFT_STRUCT, err));
    }
    assert(t->depth + 1 < AT_THRIFT_MAX_NESTED);
    t->last[++t->depth] = 0;
done:
    return status;
}

attrib_status at_thrift_close(at_thrift_writer *t, attrib_error *err)
{
    t->depth -= t->depth > 0; /* the outermost struct was not opened */
    return append_byte(t->out, AT_THRIFT_STOP, err);
}
