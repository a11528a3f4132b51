/* SPDX-License-Identifier: MIT */
/* What the records of an index hold, and where.
 *
 * A map's gradient stands in the eigenbasis, its rows and columns scaled:
 *
 *     H = diag(scale_out) U_S' G U_A diag(scale_in)      [O, I]
 *
 * so that a squared entry counts about as much as it does in scores. A record is of one
 * document, has a fixed number of bytes, and is packed without gaps, little endian:
 *
 *     f32 norm, f32 left   of each map: |H|, and a bound of |H - what is kept of it|
 *     u8 n                 of each map: its components
 *     then for each component of each map, the maps in order:
 *     f32 scale, u8 n_digits, u in n_digits planes of trits, v in the same (trits.h);
 *         n_digits 0: u and v in f32
 *     zeros */
#ifndef AT_INDEX_SHAPE_H
#define AT_INDEX_SHAPE_H

#include "index/components.h"
#include "index/trits.h"

typedef struct at_index_map {
    char *name; /* owned */
    size_t out_dim, in_dim;
    float *scale_out, *scale_in; /* [O], [I] > 0; owned */
} at_index_map;

typedef struct at_index_shape {
    at_index_map *maps; /* [n_maps] owned */
    size_t n_maps;
    size_t record_bytes;
    bool is_whole; /* components are kept in f32 */
} at_index_shape;

void at_index_shape_free(at_index_shape *shape);

/* Bytes of a record before its first component; and of a component in so many digits. */
size_t at_record_head(size_t n_maps);

static inline size_t at_component_bytes(const at_index_map *map, unsigned n_digits)
{
    size_t head = sizeof(float) + 1;
    return n_digits == 0 ? head + (map->out_dim + map->in_dim) * sizeof(float)
                         : head + n_digits * (at_trits_bytes(map->out_dim) +
                                              at_trits_bytes(map->in_dim));
}

/* Components of a map that are looked for, which are more than most records keep. */
size_t at_most_components(const at_index_shape *shape, size_t i_map);

/* Bytes of a record by default, in proportion to the widths of the maps: 32 KiB for 4
 * layers of [448, 128] three times. */
size_t at_default_record_bytes(const at_index_shape *shape);

/* 1. Writing (record_write.c) */

/* What was found of a document in one map. */
typedef struct at_found {
    double square; /* |H|^2 */
    at_components components;
} at_found;

/* What choosing works with: of each document the components, and of these the digits,
 * that keep most of |H|^2 in a record's bytes, among those that were added. */
typedef struct at_choice at_choice;
attrib_status at_choice_deal(const at_index_shape *shape,
                             size_t n_documents,
                             attrib_bank *bank,
                             at_choice **out,
                             attrib_error *err);

/* The least size of a component of a map that could still be among them. */
double at_choice_least(const at_choice *choice, size_t i_document, size_t i_map);

/* Add the components of a map, each map once. */
void at_choice_add(const at_index_shape *shape,
                   at_choice *choice,
                   size_t i_document,
                   size_t i_map,
                   const at_components *found);

/* Write the record of a document, [record_bytes], of what was chosen. found [n_maps].
 * Nothing is added to its choice any more, until those of another document are. */
void at_record_pack(const at_index_shape *shape,
                    const at_found *found,
                    at_choice *choice,
                    size_t i_document,
                    uint8_t *out);

/* 2. Reading (record_read.c) */

/* A place in a record. Maps are read in order, the components of each in order. */
typedef struct at_record_reader {
    const uint8_t *bytes; /* [record_bytes] */
    size_t at;            /* of the next component */
} at_record_reader;

void at_record_begin(const at_index_shape *shape,
                     const uint8_t *bytes,
                     at_record_reader *out);

typedef struct at_recorded {
    double norm, left;
    size_t n; /* components */
} at_recorded;

at_recorded at_record_map(const at_index_shape *shape,
                          const at_record_reader *reader,
                          size_t i_map);

/* The components of map i_map. */
static inline size_t at_record_count(const at_index_shape *shape,
                                     const at_record_reader *reader,
                                     size_t i_map)
{
    return reader->bytes[shape->n_maps * 2 * sizeof(float) + i_map];
}

/* A component as it is packed: planes of digits, the last first, of u and of v; or both
 * in f32. */
typedef struct at_packed {
    float scale;
    unsigned n_digits; /* 0: u and v in f32 */
    const uint8_t *u, *v;
    const uint8_t *end; /* of the record */
} at_packed;

/* Read the next component of map i_map. */
at_packed at_record_next(const at_index_shape *shape,
                         size_t i_map,
                         at_record_reader *reader);

/* Whether a record from a file is one: numbers are finite, bytes are trits, and nothing
 * stands beyond its end. */
bool at_record_is(const at_index_shape *shape, const uint8_t *bytes);

#endif
