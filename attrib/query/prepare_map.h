/* SPDX-License-Identifier: MIT */
/* Between the pass over queries and the work on each of their maps. */
#ifndef AT_QUERY_PREPARE_MAP_H
#define AT_QUERY_PREPARE_MAP_H

#include "query/prepare.h"

/* What a pass leaves of one row of queries and one map: its rows of tokens, or its
 * gradient where that is turned as a whole. */
typedef struct at_row_map {
    size_t n_tokens;
    float *a, *ds;   /* [T, I], [T, O]; owned */
    float *gradient; /* [O, I] in place of them; owned */
} at_row_map;

/* Whether the gradient is what is kept of n_tokens tokens. */
bool at_keeps_gradient(const at_setup *setup,
                       size_t i_tracked,
                       size_t n_tokens,
                       size_t n_entries);

/* The weighted gradients [O, I] of a query's rows, summed up so far, of one map; NULL
 * where that basis is not needed. */
typedef struct at_gradient_sum {
    float *rotated, *plain; /* owned */
} at_gradient_sum;

/* One map, with its factor at hand, to which rows of queries come one after the other. */
typedef struct at_map_turn {
    const at_setup *setup;
    at_tile tile;
    size_t n_cases, i_tracked;
    const at_factor *factor; /* may be NULL */
    at_prepared_map *map;
    at_gradient_sum *sum; /* of the query under way, where it is a sum */
    double *self;         /* [V] <P_q, G_q> of this map */
    attrib_bank desk;     /* at_prepare_desk() bytes */
} at_map_turn;

/* The most that a row takes of its desk, of any map and row of these queries. */
attrib_status at_prepare_desk(const at_setup *setup,
                              const at_prepared *prepared,
                              size_t *out,
                              attrib_error *err);

/* Row k of ranking->asked.rows, of query i_query of the tile. Rows come in order: a
 * query's P is made behind its last one. */
attrib_status at_prepare_row(const at_map_turn *turn,
                             size_t k,
                             size_t i_query,
                             const at_row_map *row,
                             attrib_error *err);

#endif
