/* SPDX-License-Identifier: MIT */
/* Writing Thrift's compact protocol: structs field by field, in order of their ids. */
#ifndef AT_FORMAT_PARQUET_THRIFT_WRITE_H
#define AT_FORMAT_PARQUET_THRIFT_WRITE_H

#include "format/parquet_thrift.h"

#define AT_THRIFT_MAX_NESTED 8

/* A struct being written, with those around it. Begins as {.out = buffer}. */
typedef struct at_thrift_writer {
    at_buffer *out;
    int32_t last[AT_THRIFT_MAX_NESTED]; /* id of the field before, of each open struct */
    size_t depth;
} at_thrift_writer;

/* Fields of numbers, I32 or I64, and of bytes. */
attrib_status at_thrift_write_int(at_thrift_writer *t,
                                  int32_t id,
                                  at_thrift_type type,
                                  int64_t value,
                                  attrib_error *err);
attrib_status at_thrift_write_bytes(
    at_thrift_writer *t, int32_t id, const void *bytes, size_t n, attrib_error *err);

/* A list of n elements, which are written next: structs between at_thrift_open() and
 * at_thrift_close(), numbers and bytes by the functions of items. */
attrib_status at_thrift_write_list(
    at_thrift_writer *t, int32_t id, at_thrift_type element, size_t n, attrib_error *err);
attrib_status at_thrift_item_int(at_thrift_writer *t, int64_t value, attrib_error *err);
attrib_status at_thrift_item_bytes(at_thrift_writer *t,
                                   const void *bytes,
                                   size_t n,
                                   attrib_error *err);

/* A field that is a struct (id 0: an element of a list), and its end. */
attrib_status at_thrift_open(at_thrift_writer *t, int32_t id, attrib_error *err);
attrib_status at_thrift_close(at_thrift_writer *t, attrib_error *err);

/* Append a number in 7 bits a byte, lowest first. */
attrib_status at_append_varint(at_buffer *out, uint64_t value, attrib_error *err);

/* Append the low 32 bits of a number, little-endian. */
attrib_status at_append_word(at_buffer *out, size_t value, attrib_error *err);

#endif
