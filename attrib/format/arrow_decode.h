/* SPDX-License-Identifier: MIT */
/* A batch that is being decoded: what the files of its layouts share. */
#ifndef AT_FORMAT_ARROW_DECODE_H
#define AT_FORMAT_ARROW_DECODE_H

#include "format/arrow_batch.h"

/* A batch that is being decoded. */
typedef struct at_arrow_decoding {
    const char *name; /* of the file */
    const at_arrow_batch *batch;
    at_flat_vector nodes, buffers, counts;
    size_t i_node, i_buffer, i_count;
    int64_t codec;
    size_t n_unpacked; /* bytes */
    const at_arrow_dictionaries *dictionaries;
    at_arena *arena;
    const at_memory_limit *limit; /* NULL: none */
} at_arrow_decoding;

typedef struct at_arrow_buffer {
    const uint8_t *bytes; /* [n] */
    size_t n;
} at_arrow_buffer;

/* 1. Nodes and buffers */

/* EFORMAT: what is wrong with a field. */
attrib_status at_arrow_fail_field(const at_arrow_decoding *d,
                                  const at_arrow_field *field,
                                  const char *what,
                                  attrib_error *err);
/* Take memory of the arena. ERANGE where the limit does not hold it. */
attrib_status at_arrow_take(const at_arrow_decoding *d,
                            size_t n,
                            size_t element_bytes,
                            void *out,
                            attrib_error *err);
/* The next buffer, unpacked, which must have at least n bytes. */
attrib_status at_arrow_take_buffer(at_arrow_decoding *d,
                                   const at_arrow_field *field,
                                   size_t n,
                                   at_arrow_buffer *out,
                                   attrib_error *err);
/* The length of a field, and which of its values are there. */
attrib_status at_arrow_take_node(at_arrow_decoding *d,
                                 const at_arrow_field *field,
                                 at_column *out,
                                 attrib_error *err);
/* One byte for each of n bits. */
attrib_status at_arrow_spread_bits(at_arrow_decoding *d,
                                   const uint8_t *bytes,
                                   size_t n,
                                   const uint8_t **out,
                                   attrib_error *err);
/* How many buffers a field of views has after the views themselves. */
attrib_status at_arrow_take_count(at_arrow_decoding *d,
                                  const at_arrow_field *field,
                                  size_t *n,
                                  attrib_error *err);

/* 2. Values */

/* A small file must not ask for much memory: values that take no bytes are few. */
attrib_status at_arrow_check_bare(const at_arrow_decoding *d,
                                  const at_arrow_field *field,
                                  const at_column *column,
                                  attrib_error *err);
/* n + 1 offsets that do not fall; an empty field may have none. */
attrib_status at_arrow_take_offsets(at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    size_t n,
                                    const size_t **out,
                                    attrib_error *err);
/* Add n bytes to what a column holds where several values may be the same bytes. */
attrib_status at_arrow_add_expanded(const at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    size_t n,
                                    size_t *total,
                                    attrib_error *err);
/* The values of a column whose length and nulls are set. */
attrib_status at_arrow_decode_numbers(at_arrow_decoding *d,
                                      const at_arrow_field *field,
                                      at_column *out,
                                      attrib_error *err);
attrib_status at_arrow_decode_bits(at_arrow_decoding *d,
                                   const at_arrow_field *field,
                                   at_column *out,
                                   attrib_error *err);
attrib_status at_arrow_decode_fixed(at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    at_column *out,
                                    attrib_error *err);
attrib_status at_arrow_decode_offsets(at_arrow_decoding *d,
                                      const at_arrow_field *field,
                                      at_column *out,
                                      attrib_error *err);
attrib_status at_arrow_decode_views(at_arrow_decoding *d,
                                    const at_arrow_field *field,
                                    at_column *out,
                                    attrib_error *err);

#endif
