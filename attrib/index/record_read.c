/* SPDX-License-Identifier: MIT */
/* Records of an index read from their bytes, map by map, as shape.h lays them out. */
#include "index/shape.h"

#include <math.h>
#include <string.h>

#include "base/wide.h"

void at_record_begin(const at_index_shape *shape,
                     const uint8_t *bytes,
                     at_record_reader *out)
{
    *out = (at_record_reader){bytes, at_record_head(shape->n_maps)};
}

at_recorded at_record_map(const at_index_shape *shape,
                          const at_record_reader *reader,
                          size_t i_map)
{
    float norms[2];
    memcpy(norms, reader->bytes + i_map * sizeof norms, sizeof norms);
    return (at_recorded){(double)norms[0], (double)norms[1],
                         at_record_count(shape, reader, i_map)};
}

at_packed at_record_next(const at_index_shape *shape,
                         size_t i_map,
                         at_record_reader *reader)
{
    const at_index_map *map = &shape->maps[i_map];
    const uint8_t *from = reader->bytes + reader->at;
    at_packed out = {.n_digits = from[sizeof(float)],
                     .u = from + sizeof(float) + 1,
                     .end = reader->bytes + shape->record_bytes};
    memcpy(&out.scale, from, sizeof out.scale);
    out.v = out.u + (out.n_digits == 0 ? map->out_dim * sizeof(float)
                                       : out.n_digits * at_trits_bytes(map->out_dim));
    reader->at += at_component_bytes(map, out.n_digits);
    return out;
}

static bool are_finite(const uint8_t *bytes, size_t n)
{
    bool are = true;
    for (size_t i = 0; i < n; i++) {
        float x = 0;
        memcpy(&x, bytes + i * sizeof x, sizeof x);
        are = are && isfinite(x);
    }
    return are;
}

AT_WIDE static bool are_trits(const uint8_t *bytes, size_t n)
{
    uint8_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = bytes[i] > largest ? bytes[i] : largest;
    }
    return largest < AT_TRITS_VALUES;
}

/* Whether the component at `at` is one; *at is moved to what follows it. */
static bool is_component(const at_index_shape *shape,
                         const at_index_map *map,
                         const uint8_t *bytes,
                         size_t *at)
{
    size_t head = sizeof(float) + 1;
    size_t left = shape->record_bytes - *at;
    if (left < head) {
        return false;
    }
    unsigned n_digits = bytes[*at + sizeof(float)];
    bool is_known = shape->is_whole ? n_digits == 0 : n_digits >= 1;
    if (!is_known || n_digits > AT_MOST_DIGITS ||
        at_component_bytes(map, n_digits) > left || !are_finite(bytes + *at, 1)) {
        return false;
    }
    size_t end = *at + at_component_bytes(map, n_digits);
    bool is = n_digits > 0 ? are_trits(bytes + *at + head, end - *at - head)
                           : are_finite(bytes + *at + head, map->out_dim + map->in_dim);
    *at = end;
    return is;
}

bool at_record_is(const at_index_shape *shape, const uint8_t *bytes)
{
    size_t at = at_record_head(shape->n_maps);
    const uint8_t *counts = bytes + shape->n_maps * 2 * sizeof(float);
    if (at > shape->record_bytes || !are_finite(bytes, 2 * shape->n_maps)) {
        return false;
    }
    for (size_t m = 0; m < shape->n_maps; m++) {
        at_record_reader reader = {bytes, at};
        at_recorded kept = at_record_map(shape, &reader, m);
        if (kept.norm < 0 || kept.left < 0) {
            return false;
        }
        for (size_t c = 0; c < counts[m]; c++) {
            if (!is_component(shape, &shape->maps[m], bytes, &at)) {
                return false;
            }
        }
    }
    return true;
}
