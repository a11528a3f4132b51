/* SPDX-License-Identifier: MIT */
#include "index/shape.h"

#include <stdlib.h>

void at_index_shape_free(at_index_shape *shape)
{
    for (size_t m = 0; shape->maps && m < shape->n_maps; m++) {
        free(shape->maps[m].name);
        free(shape->maps[m].scale_out);
        free(shape->maps[m].scale_in);
    }
    free(shape->maps);
    *shape = (at_index_shape){0};
}

size_t at_record_head(size_t n_maps)
{
    return n_maps * (2 * sizeof(float) + 1);
}

/* Three times as many as a map has in the mean, where all have one digit: the sizes of
 * gradients differ from map to map. */
#define SPREAD           ((size_t)2)
#define LEAST_COMPONENTS ((size_t)4)
#define MOST_COMPONENTS  ((size_t)255) /* which a byte counts */

size_t at_most_components(const at_index_shape *shape, size_t i_map)
{
    size_t bytes = 0;
    const at_index_map *map = &shape->maps[i_map];
    size_t widest = at_smaller(map->out_dim, map->in_dim);
    for (size_t m = 0; m < shape->n_maps; m++) {
        bytes += at_component_bytes(&shape->maps[m], shape->is_whole ? 0 : 1);
    }
    size_t n =
        at_larger(SPREAD * shape->record_bytes / at_larger(bytes, 1), LEAST_COMPONENTS);
    return at_smaller(at_smaller(n, widest), MOST_COMPONENTS);
}

size_t at_default_record_bytes(const at_index_shape *shape)
{
    const size_t usual = (size_t)4 * 3 * (448 + 128);
    size_t widths = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        widths += shape->maps[m].out_dim + shape->maps[m].in_dim;
    }
    return at_larger((size_t)(32768.0 * (double)widths / (double)usual), 256);
}
