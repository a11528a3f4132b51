/* SPDX-License-Identifier: MIT */
/* A map in forward and product mode. */
#include <string.h>

#include "model/layers.h"

attrib_status at_map_along(at_decoder *decoder,
                           size_t i_layer,
                           at_slot slot,
                           const float *a,
                           const float *d_a,
                           float beta,
                           float *d_out,
                           size_t stride,
                           attrib_error *err)
{
    const at_layer *layer = &decoder->model->layers[i_layer];
    const at_linear *map = &layer->maps[slot];
    size_t n = decoder->n_rows;
    size_t i_tracked = decoder->i_tracked[layer->i_module[slot]];
    if (d_a) {
        at_linear_product(&decoder->widener, map, d_a, n, beta, d_out, stride);
    }
    for (size_t t = 0; !d_a && beta == 0 && t < n; t++) {
        memset(d_out + t * stride, 0, map->out_dim * sizeof *d_out);
    }
    if (i_tracked == AT_UNTRACKED) {
        return ATTRIB_OK;
    }
    attrib_outputs outputs = {.i_tracked = i_tracked,
                              .a = a,
                              .n_rows = n,
                              .n_outputs = map->out_dim,
                              .d_out = d_out,
                              .stride = stride,
                              .multiplier = decoder->widener.multiplier,
                              .i_vector = decoder->i_vector};
    return decoder->direction(decoder->fn_context, &outputs, err);
}
