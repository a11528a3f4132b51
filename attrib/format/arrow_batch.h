/* SPDX-License-Identifier: MIT */
/* The values of an Arrow message: its buffers to columns. */
#ifndef AT_FORMAT_ARROW_BATCH_H
#define AT_FORMAT_ARROW_BATCH_H

#include "format/arrow_schema.h"

#define AT_ARROW_MAX_BODY ((size_t)1 << 30) /* bytes, packed or unpacked */

/* A dictionary in parts: the values that came first, and those of each delta. */
typedef struct at_arrow_dictionary {
    int64_t id;
    const at_arrow_field *field; /* the first that has it */
    at_arena *arena;             /* of the parts; owned */
    at_column *parts;            /* [n_parts], owned */
    size_t *ends;                /* [n_parts] values up to the end of each; owned */
    size_t n_parts, parts_capacity, ends_capacity;
} at_arrow_dictionary;

typedef struct at_arrow_dictionaries {
    at_arrow_dictionary *items; /* [n], owned */
    size_t n, capacity;
} at_arrow_dictionaries;

at_arrow_dictionary *at_arrow_dictionary_find(const at_arrow_dictionaries *all,
                                              int64_t id);

/* A message that holds values. */
typedef struct at_arrow_batch {
    at_flat_table table; /* a RecordBatch */
    const uint8_t *body; /* [n_body] borrowed, longer than the columns are needed */
    size_t n_body;
    const at_memory_limit *limit; /* on what its values take; NULL: none */
} at_arrow_batch;

/* Decode the columns of a batch: of a record batch `field` is the schema. What `out`
 * points to is the arena's, the body's or the dictionaries'. With as_dictionary they are
 * the values of the field's dictionary. EFORMAT for buffers that do not fit; ERANGE for
 * more than is held; ENOTSUP for codecs that are not read. */
attrib_status at_arrow_batch_decode(const at_arrow_batch *batch,
                                    const at_arrow_field *field,
                                    bool as_dictionary,
                                    const at_arrow_dictionaries *dictionaries,
                                    at_arena *arena,
                                    at_column *out,
                                    attrib_error *err);

#endif
