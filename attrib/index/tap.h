/* SPDX-License-Identifier: MIT */
/* The tap that keeps a record of every document. */
#ifndef AT_INDEX_TAP_H
#define AT_INDEX_TAP_H

#include "curvature/factor_read.h"
#include "curvature/inverse.h"
#include "index/index.h"

/* What takes what is found: of the next n documents of a corpus records
 * [n, record_bytes] and self-influences [n], one call after the other. */
typedef struct at_index_sink {
    void *context;
    attrib_status (*take)(void *context,
                          size_t n,
                          const uint8_t *records,
                          const float *self,
                          attrib_error *err);
} at_index_sink;

/* The context of the tap. */
typedef struct at_indexing {
    const at_index_shape *shape;
    const attrib_factors *factors;
    const at_factor
        *resident;          /* [n_maps] all factors, loaded; NULL: read visit by visit */
    const double *dampings; /* [n_maps] */
    attrib_strategy strategy;
    const at_index_sink *sink; /* NULL in dry runs */
} at_indexing;

/* The shape of an index of factors, whose scales are not set. EINVAL for bytes that hold
 * no record. */
attrib_status at_index_outline(const attrib_factors *factors,
                               const attrib_index_options *options,
                               at_index_shape *out,
                               attrib_error *err);

/* Rows of a block of the pass: by the maps alone, so that an index has the same bytes
 * whatever memory there is. */
size_t at_index_block_rows(const at_index_shape *shape);

/* Every document of the pass is whole in one block. */
attrib_tap at_index_tap(at_indexing *indexing);

#endif
