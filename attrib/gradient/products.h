/* SPDX-License-Identifier: MIT */
/* Products of vectors with the Gauss-Newton matrix of a source's losses, summed over its
 * sequences:
 *
 *     H P = sum over sequences and counted positions of  J' (diag(p) - p p') J P
 *
 * for V vectors P at a time. In expectation over labels that the model draws this is what
 * Lambda estimates, but with all products between weights and maps. */
#ifndef AT_GRADIENT_PRODUCTS_H
#define AT_GRADIENT_PRODUCTS_H

#include "gradient/pass.h"

/* The vectors' parts in one map. */
typedef struct at_product_map {
    size_t out_dim, in_dim;
    const float *const *p; /* [V], each [O, I] */
    double *const *sum;    /* [V], each [O, I], cleared by the caller; the pass adds */
} at_product_map;

typedef struct at_products {
    const at_product_map *maps; /* [n_tracked of the pass] */
    size_t n_vectors;           /* V */
} at_products;

/* A tap that multiplies all V vectors; for dry runs maps need no arrays. A block's
 * gradients are formed in f32 and added in f64, in the order of blocks: the same bytes
 * for any number of threads, and whatever other vectors share the pass. */
attrib_tap at_products_tap(at_products *products);

#endif
