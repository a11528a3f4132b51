/* SPDX-License-Identifier: MIT */
/* The elements of a Parquet file's schema, one by one, as they stand in the file. */
#ifndef AT_FORMAT_PARQUET_ELEMENTS_H
#define AT_FORMAT_PARQUET_ELEMENTS_H

#include "format/parquet_thrift.h"

/* Physical types, numbered as in the file. */
typedef enum at_parquet_type {
    AT_PARQUET_BOOLEAN,
    AT_PARQUET_INT32,
    AT_PARQUET_INT64,
    AT_PARQUET_INT96,
    AT_PARQUET_FLOAT,
    AT_PARQUET_DOUBLE,
    AT_PARQUET_BYTE_ARRAY,
    AT_PARQUET_FIXED,
} at_parquet_type;

typedef enum at_repetition { AT_REQUIRED, AT_OPTIONAL, AT_REPEATED } at_repetition;

/* What annotates an element, numbered as LogicalType in the file. */
typedef enum at_annotation {
    AT_AS_NOTHING = 0,
    AT_AS_STRING = 1,
    AT_AS_MAP = 2,
    AT_AS_LIST = 3,
    AT_AS_ENUM = 4,
    AT_AS_DECIMAL = 5,
    AT_AS_DATE = 6,
    AT_AS_TIME = 7,
    AT_AS_TIMESTAMP = 8,
    AT_AS_INTERVAL = 9, /* which only ConvertedType has */
    AT_AS_INTEGER = 10,
    AT_AS_UNKNOWN = 11, /* only nulls */
    AT_AS_JSON = 12,
    AT_AS_BSON = 13,
    AT_AS_UUID = 14,
    AT_AS_FLOAT16 = 15,
    AT_AS_VARIANT = 16,
    AT_AS_GEOMETRY = 17,
    AT_AS_GEOGRAPHY = 18
} at_annotation;

typedef struct at_element {
    const char *name;
    bool has_type; /* a leaf */
    at_parquet_type type;
    size_t type_length, n_children;
    at_repetition repetition;
    at_annotation annotation;
    bool is_logical; /* the annotation is a LogicalType, which goes before others */
    bool is_unsigned, is_utc;
    int64_t per_second;
    int64_t scale;
    size_t end;     /* the element that follows the last descendant */
    size_t i_chunk; /* of a leaf: its place among all leaves */
} at_element;

/* Read one element; its name is in memory of the arena. `end` and `i_chunk` stay 0. */
attrib_status at_element_read(at_thrift *t,
                              at_arena *arena,
                              at_element *out,
                              attrib_error *err);

#endif
