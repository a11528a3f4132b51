/* SPDX-License-Identifier: MIT */
/* Tables of FlatBuffers, as Arrow's messages are, with every access checked.
 *
 * Source: https://flatbuffers.dev/internals. */
#ifndef AT_FORMAT_ARROW_FLAT_H
#define AT_FORMAT_ARROW_FLAT_H

#include "base/memory.h"

/* Borrowed bytes of a message, and what failures call them. */
typedef struct at_flat {
    const uint8_t *bytes; /* [n] */
    size_t n;
    const char *name;
} at_flat;

/* A table whose fields lie within the message. Zeroed = absent: all fields have their
 * default. */
typedef struct at_flat_table {
    const at_flat *flat;
    size_t start, n_bytes;   /* of the table */
    size_t vtable, n_vtable; /* of the places of its fields, in bytes */
} at_flat_table;

/* A vector whose items lie within the message. Zeroed = empty. */
typedef struct at_flat_vector {
    const at_flat *flat;
    size_t start, n, item_bytes;
} at_flat_vector;

/* Little-endian words. */
uint64_t at_flat_word(const uint8_t *bytes, size_t n_bytes);
int64_t at_flat_signed(const uint8_t *bytes, size_t n_bytes);

/* The root of a message. EFORMAT, as of all below, for what lies outside of it. */
attrib_status at_flat_root(const at_flat *flat, at_flat_table *out, attrib_error *err);

/* An integer of 1, 2, 4 or 8 bytes in a field, or `standard` where it is absent. */
attrib_status at_flat_integer(const at_flat_table *table,
                              size_t field,
                              size_t n_bytes,
                              int64_t standard,
                              int64_t *out,
                              attrib_error *err);
/* A table in a field; zeroed where it is absent. */
attrib_status at_flat_table_in(const at_flat_table *table,
                               size_t field,
                               at_flat_table *out,
                               attrib_error *err);
/* A text in a field: its bytes, NULL where it is absent. */
attrib_status at_flat_text(const at_flat_table *table,
                           size_t field,
                           const char **out,
                           size_t *n,
                           attrib_error *err);
/* A vector of structs or, with item_bytes 4, of tables. */
attrib_status at_flat_vector_in(const at_flat_table *table,
                                size_t field,
                                size_t item_bytes,
                                at_flat_vector *out,
                                attrib_error *err);
/* Item i < n: a struct's bytes, or a table. */
const uint8_t *at_flat_item(const at_flat_vector *vector, size_t i);
attrib_status at_flat_item_table(const at_flat_vector *vector,
                                 size_t i,
                                 at_flat_table *out,
                                 attrib_error *err);

#endif
