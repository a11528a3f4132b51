/* SPDX-License-Identifier: MIT */
/* What the columns of a Parquet file are: its flat list of schema elements as the tree of
 * columns that is read (format/columns.h), with the levels by which values are nested. */
#ifndef AT_FORMAT_PARQUET_SCHEMA_H
#define AT_FORMAT_PARQUET_SCHEMA_H

#include "format/columns.h"
#include "format/parquet_elements.h"

#define AT_PARQUET_MAX_ELEMENTS ((size_t)1 << 16)
#define AT_PARQUET_MAX_DEPTH    64 /* so that a level fits a byte */

/* A column that is read, or a part of one.
 *
 * Every value of a leaf comes with two levels. Its repetition level says at which list a
 * new element begins (0: a new row); its definition level says how many of the optional
 * and repeated ancestors are there. A node has a value, null or not, for each level pair
 * with repetition <= `repetition` and definition >= `slot`. */
typedef struct at_parquet_node {
    at_column_kind kind;
    const char *name;     /* of a member of a struct, else NULL */
    uint8_t repetition;   /* repeated ancestors */
    uint8_t slot;         /* definition of the innermost repeated ancestor, or 0 */
    uint8_t definition;   /* from this level on the value is not null */
    uint8_t element;      /* LIST, MAP: from this level on there is an element */
    size_t i_leaf;        /* the leaf, or the first one below, among those read */
    at_parquet_type type; /* of a leaf */
    size_t width;         /* of a leaf: bytes of a value; 0: they differ */
    int64_t per_second;   /* as in at_column */
    bool is_utc;          /* as in at_column */
    int32_t scale;        /* as in at_column */
    const char *path;     /* of a leaf: "meta.source", for messages */
    size_t i_chunk;       /* of a leaf: its place among all leaves of the file */
    struct at_parquet_node *children; /* [n_children] */
    size_t n_children;
} at_parquet_node;

typedef struct at_parquet_schema {
    at_parquet_node root;           /* STRUCT */
    size_t n_chunks;                /* leaves of the file */
    const at_parquet_node **leaves; /* [n_leaves] those read */
    size_t n_leaves;
} at_parquet_schema;

/* Read the list of schema elements at `t` into memory of the arena. EFORMAT where it is
 * damaged, ENOTSUP "column "x": ..." for what is not read. */
attrib_status at_parquet_schema_read(at_thrift *t,
                                     const at_thrift_field *field,
                                     const at_column_filter *filter,
                                     at_arena *arena,
                                     at_parquet_schema *out,
                                     attrib_error *err);

#endif
