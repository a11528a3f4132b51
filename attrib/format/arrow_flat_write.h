/* SPDX-License-Identifier: MIT */
/* Writing FlatBuffers front to back: a table leaves room for what its fields point to,
 * which is appended later and pointed to then. */
#ifndef AT_FORMAT_ARROW_FLAT_WRITE_H
#define AT_FORMAT_ARROW_FLAT_WRITE_H

#include "base/memory.h"

#define AT_FLAT_MAX_FIELDS 8

/* A field of a table: a number of 1, 2, 4 or 8 bytes, or (4 bytes) what points to
 * something that is appended later. 0 bytes: absent. */
typedef struct at_flat_field {
    size_t n_bytes;
    uint64_t value;
} at_flat_field;

/* Append a table of n fields, let `place` point to it, and note where each field stands
 * in places [n]. `out` holds the message from its start; its first 4 bytes, at place 0,
 * point to the root. */
attrib_status at_flat_write_table(at_buffer *out,
                                  size_t place,
                                  const at_flat_field *fields,
                                  size_t n,
                                  size_t *places,
                                  attrib_error *err);
/* Append the start of a vector of n items, which the caller appends, so that they are
 * aligned to item_align <= 8 bytes, and let `place` point to it. */
attrib_status at_flat_write_vector(
    at_buffer *out, size_t place, size_t n, size_t item_align, attrib_error *err);
/* Append a text that `place` points to. */
attrib_status at_flat_write_text(at_buffer *out,
                                 size_t place,
                                 const char *text,
                                 attrib_error *err);

/* Append zeros up to a multiple of `align`. */
attrib_status at_flat_pad(at_buffer *out, size_t align, attrib_error *err);
/* Append the n_bytes <= 8 low bytes of a number. */
attrib_status at_flat_append(at_buffer *out,
                             uint64_t value,
                             size_t n_bytes,
                             attrib_error *err);

#endif
