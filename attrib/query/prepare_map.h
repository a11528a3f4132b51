/* SPDX-License-Identifier: MIT */
/* The work on what the pass over queries' rows keeps, map by map. */
#ifndef AT_QUERY_PREPARE_MAP_H
#define AT_QUERY_PREPARE_MAP_H

#include "query/keep.h"
#include "query/prepare.h"

/* The sum so far of the weighted gradients [O, I] of a query's rows in one map; NULL for
 * a basis that is not needed. */
typedef struct at_gradient_sum {
    float *rotated, *plain; /* owned */
} at_gradient_sum;

/* The turn of one map: its factor is loaded, and it works on one row after the other. */
typedef struct at_map_turn {
    const at_setup *setup;
    at_tile tile;
    size_t n_cases, i_tracked;
    const at_factor *factor; /* may be NULL */
    at_prepared_map *map;
    at_gradient_sum *sum; /* for a query that is a sum and not complete yet */
    double *self;         /* [V] <P_q, G_q> of this map */
    attrib_bank desk;     /* memory, as much as at_prepare_desk() counts */
} at_map_turn;

/* The most bytes that any row of these queries takes of the desk in any map. */
attrib_status at_prepare_desk(const at_setup *setup,
                              const at_prepared *prepared,
                              size_t *out,
                              attrib_error *err);

/* Work on row k of setup->asked.rows, which belongs to query i_query of the tile. Rows
 * come in order: a query's P is computed after its last row. */
attrib_status at_prepare_row(const at_map_turn *turn,
                             size_t k,
                             size_t i_query,
                             const at_row_map *row,
                             attrib_error *err);

#endif
