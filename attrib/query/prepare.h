/* SPDX-License-Identifier: MIT */
/* Preconditioned gradients of queries (prepare.c, prepare_map.c), whole or cut to a low
 * rank. */
#ifndef AT_QUERY_PREPARE_H
#define AT_QUERY_PREPARE_H

#include "query/setup.h"

/* Fill setup->dampings. */
attrib_status at_choose_dampings(at_setup *setup, attrib_error *err);

/* Bytes of one case of a query: whole where rank is 0, else its factors. */
double at_case_bytes(const at_setup *setup, size_t rank);

/* Bytes of the sums of the query under way, where queries are sums of rows. */
double at_carried_bytes(const at_setup *setup);

/* The widest side of any tracked map. */
size_t at_widest_map(const at_setup *setup);

/* Bytes that at_prepare_queries() keeps of the pass over a row of so many tokens. */
double at_kept_row_bytes(const at_setup *setup, size_t n_tokens);
/* Fill setup->kept_row and kept_all. */
void at_measure_rows(at_setup *setup);

/* Map i_tracked with what the settings read of its factor, to be given back; all zeros
 * without factors. On any worker. Borrowed from setup->resident where that is there. */
attrib_status at_take_factor(const at_setup *setup,
                             size_t i_tracked,
                             at_factor *out,
                             attrib_error *err);
void at_give_factor(const at_setup *setup, at_factor *factor);

/* Those of one map: whole, or cut to L R'. */
typedef struct at_prepared_map {
    size_t out_dim, in_dim, rank; /* O, I, r; rank 0: whole */
    float *p;                     /* [V, O, I] */
    float *left, *right;          /* [O, V r], [I, V r] */
    char *bank;                   /* of these arrays; owned */
    /* Where queries were to be cut, of every case; else NULL. */
    double *error; /* [V] ||P - L R'||_F at most; 0 where this map is whole */
    double *norm;  /* [V] ||P||_F */
} at_prepared_map;

typedef struct at_prepared {
    at_tile tile;
    size_t n_cases; /* V */
    size_t n_maps;
    at_prepared_map *maps; /* [n_maps] */
    bool has_errors;       /* of maps: queries were to be cut */
    double *losses;        /* [tile.n] nats, summed over the completion's tokens */
    double *self;          /* [V] <P_q, G_q> */
} at_prepared;

/* Their sizes alone, without arrays: what at_prepare_queries() fills, and dry runs count.
 */
attrib_status at_prepared_outline(const at_setup *setup,
                                  at_tile tile,
                                  size_t rank,
                                  at_prepared *out,
                                  attrib_error *err);

/* Bytes of their arrays. */
attrib_status at_prepared_bytes(const at_prepared *prepared,
                                double *out,
                                attrib_error *err);

/* The queries of a tile under every setting, cut to `rank` where that is not 0 and less
 * than a map's smaller width. */
attrib_status at_prepare_queries(const at_setup *setup,
                                 at_tile tile,
                                 size_t rank,
                                 at_prepared *out,
                                 attrib_error *err);
void at_prepared_free(at_prepared *prepared);

/* What preparing costs depend on: rows of so many tokens, and cases made of them. */
typedef struct at_prepared_count {
    double n_rows, row_tokens, n_cases;
} at_prepared_count;

/* Add what a map costs beyond the pass, for queries cut to `rank`. */
void at_prepare_cost(const at_setup *setup,
                     size_t i_tracked,
                     size_t rank,
                     const at_prepared_count *count,
                     attrib_load *load);

#endif
