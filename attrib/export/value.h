/* SPDX-License-Identifier: MIT */
/* One value of a table: what a cell, a column or a database takes. Private to the export
 * room. */
#ifndef AT_EXPORT_VALUE_H
#define AT_EXPORT_VALUE_H

#include "base/memory.h"

typedef enum at_value_kind {
    AT_NONE, /* not known, or does not apply */
    AT_INTEGER,
    AT_REAL,
    AT_TEXT,
    AT_JSON /* text that is JSON, as tags are */
} at_value_kind;

typedef struct at_value {
    at_value_kind kind;
    int64_t integer;
    double real;
    const char *text; /* [n_bytes] borrowed; any bytes */
    size_t n_bytes;
} at_value;

static inline at_value at_none(void)
{
    return (at_value){.kind = AT_NONE};
}

static inline at_value at_integer(size_t value)
{
    return (at_value){.kind = AT_INTEGER, .integer = (int64_t)value};
}

static inline at_value at_real(double value)
{
    return (at_value){.kind = AT_REAL, .real = value};
}

static inline at_value at_bytes(const char *text, size_t n_bytes)
{
    return text ? (at_value){.kind = AT_TEXT, .text = text, .n_bytes = n_bytes}
                : at_none();
}

/* A text up to its NUL; NULL is none. */
at_value at_text(const char *text);

/* Append text as UTF-8: bytes that are none become U+FFFD. */
attrib_status at_append_utf8(at_buffer *out,
                             const char *text,
                             size_t n,
                             attrib_error *err);

/* A tag's value, or one of the values in its list. */
typedef struct at_tag_value {
    const char *type; /* as SQLite's json_type() says: "text", "integer", "real", "true",
                         "false", "null", "array", "object"; static */
    at_value value;   /* "true" is 1, "false" 0; arrays and objects are JSON */
} at_tag_value;

/* Hand each value of a tag to `fn`: the values of a list one by one, i from 0 on. A value
 * that is no JSON, as in a damaged run, is text. */
typedef attrib_status (*at_tag_fn)(void *context,
                                   size_t i,
                                   const at_tag_value *value,
                                   attrib_error *err);
attrib_status at_each_tag_value(const char *json,
                                at_tag_fn fn,
                                void *context,
                                attrib_error *err);

#endif
