/* SPDX-License-Identifier: MIT */
/* The scales of an index's rows and columns. */
#ifndef AT_INDEX_SCALES_H
#define AT_INDEX_SCALES_H

#include "curvature/factors.h"
#include "index/shape.h"

/* Fill scale_out and scale_in of a map, which has its sizes, from the eigenvalues of its
 * factor: the product of their squares is the best such product, in the mean over the
 * gradients' expected entries, of
 *
 *     Lambda^(1/2) / (Lambda + damping)^(3/2)
 *
 * It stands between 1 / (Lambda + damping), by which entries count in a document's own
 * score, and Lambda / (Lambda + damping)^2, by which they do for queries whose gradients
 * are as large as documents'. All are 1 where Lambda vanishes. */
attrib_status at_index_scale(const attrib_factors *factors,
                             const at_factor *factor,
                             double damping,
                             at_index_map *map,
                             attrib_error *err);

#endif
