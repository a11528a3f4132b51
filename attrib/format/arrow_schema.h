/* SPDX-License-Identifier: MIT */
/* The columns of an Arrow stream: their names, types and children. */
#ifndef AT_FORMAT_ARROW_SCHEMA_H
#define AT_FORMAT_ARROW_SCHEMA_H

#include "format/arrow_flat.h"
#include "format/columns.h"

/* How the values of a field lie in buffers. */
typedef enum at_arrow_layout {
    AT_ARROW_NULL,       /* no buffers */
    AT_ARROW_BITS,       /* one bit a value */
    AT_ARROW_NUMBERS,    /* width bytes a value */
    AT_ARROW_FIXED,      /* width bytes a value, which are a slice */
    AT_ARROW_OFFSETS,    /* offsets of width bytes, and the bytes between these */
    AT_ARROW_VIEWS,      /* 16 bytes a value, and any number of buffers */
    AT_ARROW_LIST,       /* offsets of width bytes, and a child; of a map the child is a
                            struct of two */
    AT_ARROW_FIXED_LIST, /* `width` values of a child each */
    AT_ARROW_STRUCT,
} at_arrow_layout;

typedef struct at_arrow_field {
    const char *name;
    at_column_kind kind;
    at_arrow_layout layout;
    size_t width;
    bool is_signed, is_milliseconds; /* is_milliseconds: of a date */
    bool is_utc;
    int64_t per_second;
    int32_t scale;
    bool has_dictionary; /* its values are indices of index_width bytes */
    int64_t dictionary;  /* its id */
    size_t index_width;
    bool is_index_signed;
    struct at_arrow_field *children; /* [n_children] */
    size_t n_children;
    bool is_left_out; /* its values are passed over */
} at_arrow_field;

/* Read the table of a Schema as a STRUCT field; all of it is the arena's. EFORMAT for
 * what is damaged, ERANGE for more columns or a deeper nesting than is read, ENOTSUP for
 * types that are not, by column. */
attrib_status at_arrow_schema_read(const at_flat_table *schema,
                                   at_arena *arena,
                                   at_arrow_field *out,
                                   attrib_error *err);

/* Leave out the columns of a schema that the filter does not read: a list with what it
 * holds, a map whole, and a struct when none of its members is left. ESHAPE where no
 * column is left, naming the first of those that there are; `name` is the file's. */
attrib_status at_arrow_schema_choose(const char *name,
                                     const at_column_filter *filter,
                                     at_arrow_field *schema,
                                     attrib_error *err);

#endif
