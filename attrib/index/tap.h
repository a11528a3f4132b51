/* SPDX-License-Identifier: MIT */
/* The tap that keeps a record of every document. */
#ifndef AT_INDEX_TAP_H
#define AT_INDEX_TAP_H

#include "curvature/factor_read.h"
#include "curvature/inverse.h"
#include "index/shape.h"

/* Documents first .. first + n of a corpus, and what is written of them. */
typedef struct at_index_piece {
    size_t first, n;
    uint8_t *records; /* [n, record_bytes] */
    float *self;      /* [n] self-influences */
} at_index_piece;

/* The context of the tap. */
typedef struct at_indexing {
    const at_index_shape *shape;
    const attrib_factors *factors;
    const at_factor
        *resident;          /* [n_maps] all factors, loaded; NULL: read visit by visit */
    const double *dampings; /* [n_maps] */
    attrib_strategy strategy;
    at_index_piece *piece; /* NULL in dry runs */
} at_indexing;

/* Every document of the pass is whole in one block. */
attrib_tap at_index_tap(at_indexing *indexing);

#endif
