/* SPDX-License-Identifier: MIT */
/* The one place that decides in which order scores are contracted, and what that costs.
 *
 *     score(z, q) = < P_q, sum_t ds_t a_t' >
 *
 * Costs are multiply-adds of products; memory traffic counts as the multiply-adds that
 * take as long. */
#ifndef AT_SCORE_CONTRACTION_H
#define AT_SCORE_CONTRACTION_H

#include "base/load.h"
#include "run/run.h"

typedef enum at_contraction {
    AT_BY_GRADIENTS, /* form G of each sequence, then one product with all queries */
    AT_BY_ROWS,      /* sum_t (ds_t P_q) . a_t, a query at a time */
    AT_BY_FACTORS,   /* P_q = L R': sum_t (ds_t L) . (a_t R), all queries at a time */
    AT_BY_REBUILDING /* P_q = L R' rebuilt for a few queries, then AT_BY_GRADIENTS */
} at_contraction;

/* "gradients", "rows", "factors", "rebuilding"; static. */
const char *at_contraction_name(at_contraction contraction);

/* A tracked map with its queries. */
typedef struct at_contracted {
    size_t out_dim, in_dim; /* O, I */
    size_t rank;            /* r of the queries; 0: they are full */
    size_t n_queries;       /* held at a time, settings counted apart */
    size_t n_of_run; /* as many queries the order is chosen for, however many are held */
    bool by_token;   /* the share of every row is wanted */
    /* Groups of cut queries: */
    size_t n_first; /* the queries that the run began with */
    bool is_longer; /* it was given others after them */
    bool has_parts; /* memory does not hold all queries of every group */
} at_contracted;

/* Floats of gradients that a worker holds at a time (64 MiB), unless a single gradient is
 * larger. Queries are read once for all of them. Those are 7 gradients of [3072, 768],
 * the maps of GPT-2, for which a multiply-add with 64 queries takes 0.056 ns on a core of
 * an AMD EPYC (Zen 4); for one gradient at a time it takes 0.234 ns. */
#define AT_GRADIENT_FLOATS ((size_t)1 << 24)

/* How many sequences' gradients a worker holds at a time: at least 1, at most
 * n_sequences. */
size_t at_gradients_held(const at_contracted *map, size_t n_sequences);

/* What the order of whole queries is chosen for, however many the run has, unless it has
 * a single one: so that it may be given more. */
#define AT_MANY_QUERIES ((size_t)64)

/* Cut queries that a worker rebuilds at a time. Measured on the same core at rank 32, in
 * ns an entry of a query: for maps of [352, 128] with 19 gradients 2.4 at 1 query, 1.7 at
 * 4 and 8, 2.0 at 16 and 2.5 at 32; for [3072, 768] with 4 gradients 2.3 at 1, 1.5 at 4,
 * and 1.4 from 8 on. */
#define AT_REBUILT_AT_A_TIME ((size_t)8)

/* The cut queries that are multiplied in one product under a setting with that at a place
 * of the run: at most `most`, in groups that begin anew after the first n_first, the
 * queries that the run began with. What was added later changes nothing of these. */
at_tile at_group_of(size_t place, size_t most, size_t n_first);

/* The cost of one order of contraction: multiply-adds of its products, and the same plus
 * its memory traffic. */
typedef struct at_cost {
    double products, with_traffic;
} at_cost;

/* The cheapest order for a block of n_rows rows in n_sequences sequences; by token, the
 * one that gives every row its share (by rows or by factors), whatever it costs. Low-rank
 * queries need the norm of every gradient too, which is part of the cost. */
at_contraction at_contraction_choose(const at_contracted *map,
                                     size_t n_rows,
                                     size_t n_sequences,
                                     at_cost *cost);

/* Add the cost of a block to `load`. Its numbers of rows and sequences may be means,
 * which need not be whole. */
void at_contract_cost(const at_contracted *map,
                      double n_rows,
                      double n_sequences,
                      attrib_load *load);

/* How many cut queries are multiplied in one product in a block of n_rows rows. */
size_t at_factors_at_a_time(const at_contracted *map, size_t n_rows);

/* Whether the norm of a gradient of n_rows rows costs less without forming the gradient.
 */
bool at_norm_by_rows(const at_contracted *map, size_t n_rows);

#endif
