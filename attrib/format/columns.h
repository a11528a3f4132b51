/* SPDX-License-Identifier: MIT */
/* Columns of values in memory, as formats of tables hold them, and their rows as JSON. */
#ifndef AT_FORMAT_COLUMNS_H
#define AT_FORMAT_COLUMNS_H

#include "base/memory.h"
#include "base/memory_limit.h"

/* What a column holds, and the type of `values`. */
typedef enum at_column_kind {
    AT_COLUMN_NULL,      /* only nulls; no values */
    AT_COLUMN_BOOL,      /* uint8_t, 0 or 1 */
    AT_COLUMN_INT,       /* int64_t */
    AT_COLUMN_UINT,      /* uint64_t */
    AT_COLUMN_FLOAT,     /* double */
    AT_COLUMN_TEXT,      /* at_slice, UTF-8 */
    AT_COLUMN_BINARY,    /* at_slice, a text where it is UTF-8 */
    AT_COLUMN_UUID,      /* at_slice of 16 bytes */
    AT_COLUMN_DECIMAL,   /* at_slice of 1 to 32 bytes, two's complement, big-endian */
    AT_COLUMN_DATE,      /* int64_t, days since 1970-01-01 */
    AT_COLUMN_TIME,      /* int64_t, units since midnight */
    AT_COLUMN_TIMESTAMP, /* int64_t, units since 1970-01-01T00:00:00 */
    AT_COLUMN_LIST,      /* one child; no values */
    AT_COLUMN_STRUCT,    /* a child for each member; no values */
    AT_COLUMN_MAP,       /* two children, keys and values; no values */
} at_column_kind;

typedef struct at_slice {
    const char *bytes; /* [n_bytes], borrowed */
    size_t n_bytes;
} at_slice;

#define AT_COLUMNS_MAX_ROW ((size_t)256 << 20) /* bytes of a row's JSON */

/* A column and all that it points to belong to whoever made it. A table is a STRUCT
 * column whose children are the table's columns. */
typedef struct at_column {
    const char *name; /* of a member of a struct; NULL for a list's or a map's child */
    at_column_kind kind;
    size_t n;                   /* values, nulls among them */
    const uint8_t *is_valid;    /* [n], 0 for null; NULL: there is no null */
    const void *values;         /* [n] of the kind's type; anything where null */
    const size_t *offsets;      /* LIST, MAP: [n + 1]; value i has the children's values
                                   offsets[i] to offsets[i + 1] - 1, none where null */
    struct at_column *children; /* [n_children]; a struct's have n values each */
    size_t n_children;
    int64_t per_second; /* TIME, TIMESTAMP: units in a second, 1, 10^3, 10^6 or 10^9 */
    bool is_utc;        /* TIMESTAMP: else it is local time of a place not said */
    int32_t scale;      /* DECIMAL: digits after the point, -1000 to 1000 */
} at_column;

/* Which columns of a file are read, by the path of struct members that leads to them,
 * "meta.source"; is_binary: bytes that the file does not call a text. And what reading
 * them may take. */
typedef struct at_column_filter {
    void *context;
    bool (*reads)(void *context, const char *path, bool is_binary); /* NULL: all */
    const at_memory_limit *limit;                                   /* NULL: none */
} at_column_filter;

/* ENOMEM where n_bytes more for values are not within the limit (NULL: none); less than
 * AT_COLUMNS_SMALL are not asked about. */
#define AT_COLUMNS_SMALL ((size_t)1 << 20)
attrib_status at_columns_check_memory(const at_memory_limit *limit,
                                      size_t n_bytes,
                                      attrib_error *err);

/* What stands in JSON for a binary value that is not UTF-8: no JSON file has this text,
 * and at_row_is_binary() in the corpus room tells it. */
#define AT_COLUMN_BINARY_MARK "\\u0000binary"

/* Append row i < table->n as a JSON object of one line. Integers keep their digits, reals
 * have 17 significant digits and NaN, Infinity and -Infinity their names, as Python
 * writes them. Dates, times and timestamps are ISO 8601 text, a fraction of a second with
 * 3, 6 or 9 digits where it is not 0; decimals are text with all their digits; maps are
 * objects. EFORMAT "NAME: column "x": ..." where text is not UTF-8, ERANGE where the row
 * is longer than AT_COLUMNS_MAX_ROW; the buffer then holds a part of the row. */
attrib_status at_columns_append_row(const char *name,
                                    const at_column *table,
                                    size_t i,
                                    at_buffer *out,
                                    attrib_error *err);

/* Append "2026-01-31T23:59:59.123456+00:00", from days since 1970-01-01 (of magnitude
 * below 2^53) and the units within the day (0 <= units < 86400 per_second). */
attrib_status at_columns_append_moment(int64_t days,
                                       int64_t units,
                                       int64_t per_second,
                                       bool is_utc,
                                       at_buffer *out,
                                       attrib_error *err);

#endif
