/* SPDX-License-Identifier: MIT */
/* Thrift's compact protocol, in which Parquet keeps its footers and page headers.
 *
 * Every length is checked against the bytes that are left, so nothing is believed that
 * the file does not hold. */
#ifndef AT_FORMAT_PARQUET_THRIFT_H
#define AT_FORMAT_PARQUET_THRIFT_H

#include "format/columns.h"

/* What is left to be read of a struct. */
typedef struct at_thrift {
    const uint8_t *at, *end;
    const char *name; /* what messages call the struct, with its file */
} at_thrift;

/* Types of the compact protocol; a bool is its own value. */
typedef enum at_thrift_type {
    AT_THRIFT_STOP = 0,
    AT_THRIFT_TRUE = 1,
    AT_THRIFT_FALSE = 2,
    AT_THRIFT_I8 = 3,
    AT_THRIFT_I16 = 4,
    AT_THRIFT_I32 = 5,
    AT_THRIFT_I64 = 6,
    AT_THRIFT_DOUBLE = 7,
    AT_THRIFT_BINARY = 8,
    AT_THRIFT_LIST = 9,
    AT_THRIFT_SET = 10,
    AT_THRIFT_MAP = 11,
    AT_THRIFT_STRUCT = 12,
} at_thrift_type;

typedef struct at_thrift_field {
    int32_t id; /* 0 before the first field of a struct */
    at_thrift_type type;
} at_thrift_field;

/* The next field of a struct: its id follows from that in *field. STOP at the struct's
 * end. */
attrib_status at_thrift_next(at_thrift *t, at_thrift_field *field, attrib_error *err);

/* Values of fields. EFORMAT where the type in `field` is another one. */
attrib_status at_thrift_int(at_thrift *t,
                            const at_thrift_field *field,
                            int64_t *out,
                            attrib_error *err);
attrib_status at_thrift_size(at_thrift *t,
                             const at_thrift_field *field,
                             size_t *out,
                             attrib_error *err); /* EFORMAT below 0 */
attrib_status at_thrift_bytes(at_thrift *t,
                              const at_thrift_field *field,
                              at_slice *out,
                              attrib_error *err);
/* A list whose elements have this type: their number, never more than bytes are left. The
 * elements are read next. */
attrib_status at_thrift_list(at_thrift *t,
                             const at_thrift_field *field,
                             at_thrift_type element,
                             size_t *n,
                             attrib_error *err);

/* Whether the field is a struct, whose fields are read next. */
attrib_status at_thrift_struct(const at_thrift *t,
                               const at_thrift_field *field,
                               attrib_error *err);

/* Pass over a value of any type, nested 16 deep at most. */
attrib_status at_thrift_skip(at_thrift *t,
                             const at_thrift_field *field,
                             attrib_error *err);

#endif
