/* SPDX-License-Identifier: MIT */
/* Preconditioned gradients of queries (prepare.c, prepare_map.c, dampings.c), whole or
 * cut to a low rank. */
#ifndef AT_QUERY_PREPARE_H
#define AT_QUERY_PREPARE_H

#include "query/setup.h"

/* Fill setup->dampings. */
attrib_status at_choose_dampings(at_setup *setup, attrib_error *err);

/* Bytes of one case over all maps: P, or the factors L and R where it is cut. */
double at_case_bytes(const at_setup *setup);

/* Bytes of the gradients that are summed for one query, where queries are sums of rows.
 */
double at_carried_bytes(const at_setup *setup);

/* The widest side of any tracked map. */
size_t at_widest_map(const at_setup *setup);

/* Bytes that at_prepare_queries() keeps of the pass over a row of n_tokens tokens. */
double at_kept_row_bytes(const at_setup *setup, size_t n_tokens);
/* Fill setup->kept_row and kept_all. */
void at_measure_rows(at_setup *setup);

/* Take the factor of map i_tracked with those pieces that the settings read; it must be
 * given back. All zeros without factors. It is borrowed from setup->resident where that
 * is there. May be called on any worker. */
attrib_status at_take_factor(const at_setup *setup,
                             size_t i_tracked,
                             at_factor *out,
                             attrib_error *err);
void at_give_factor(const at_setup *setup, at_factor *factor);

/* The prepared queries of a tile in one map: P whole, or cut to L R'. */
typedef struct at_prepared_map {
    size_t out_dim, in_dim, rank; /* O, I, r; rank 0: whole */
    float *p;                     /* [V, O, I] */
    float *left, *right;          /* [O, V r], [I, V r] */
    char *bank;                   /* memory of these arrays; owned */
    /* Set for every case where queries were to be cut; else NULL. */
    double *error; /* [V] upper bound of ||P - L R'||_F; 0 where this map is whole */
    double *norm;  /* [V] ||P||_F */
} at_prepared_map;

typedef struct at_prepared {
    at_tile tile;
    size_t n_cases; /* V */
    size_t n_maps;
    at_prepared_map *maps; /* [n_maps] */
    bool has_errors;       /* maps have `error` and `norm`: queries were to be cut */
    size_t first_setting;  /* of the cases, among the run's settings */
    double *losses;        /* [tile.n] nats, summed over the completion's tokens; 0 where
                              directions are measured */
    double *measured;      /* [tile.n] f: the weighted sum of what the rows measure */
    double *self;          /* [V] <P_q, G_q> */
    double *residuals;     /* [V] of refined queries (refine/refine.h); else NULL */
} at_prepared;

/* The sizes of prepared queries without their arrays, which at_prepare_queries() then
 * fills and dry runs only count. */
attrib_status at_prepared_outline(const at_setup *setup,
                                  at_tile tile,
                                  at_prepared *out,
                                  attrib_error *err);

/* Bytes of the arrays of prepared queries. */
attrib_status at_prepared_bytes(const at_prepared *prepared,
                                double *out,
                                attrib_error *err);

/* Prepare the queries of a tile under every setting, cut as the setup says. */
attrib_status at_prepare_queries(const at_setup *setup,
                                 at_tile tile,
                                 at_prepared *out,
                                 attrib_error *err);
void at_prepared_free(at_prepared *prepared);

/* The counts that the cost of preparing depends on: rows, the tokens of each, and the
 * cases that are made of them. */
typedef struct at_prepared_count {
    double n_rows, row_tokens, n_cases;
} at_prepared_count;

/* Add the cost of preparing queries in one map, without the pass. */
void at_prepare_cost(const at_setup *setup,
                     size_t i_tracked,
                     const at_prepared_count *count,
                     attrib_load *load);

#endif
