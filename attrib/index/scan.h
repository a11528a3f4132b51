/* SPDX-License-Identifier: MIT */
/* Scores estimated from an index.
 *
 *     score(z, q) ~ sum over maps, components c of z's  u_c' Q v_c,
 *     Q = diag(1 / scale_out) U_S' P_q U_A diag(1 / scale_in)        [O, I]
 *
 * with Q cut to a low rank and rounded. What is left out of a record, and of Q, bounds
 * the error:
 *
 *     |error| <= sum over maps  |Q| left + |Q - L R'| (norm + left) */
#ifndef AT_INDEX_SCAN_H
#define AT_INDEX_SCAN_H

#include "baseline/candidates.h"
#include "index/index.h"
#include "linalg/integers.h"
#include "query/prepare.h"

/* The rank that queries are cut to for a scan: far less is lost by it than by the few
 * bits of components, and a component costs r (O + I) multiply-adds. */
#define AT_SCAN_RANK AT_INTEGER_COLUMNS

/* Components of a map that are multiplied at a time: what is read of the trits stays in
 * the fastest cache. */
#define AT_SCAN_COMPONENTS ((size_t)32)

/* Pieces that are scanned between two rounds. */
#define AT_SCAN_PIECES ((size_t)16)

/* Numbers that a scan has of a vector of `dim`, in the order of at_trits_place(). */
static inline size_t at_scan_row(size_t dim)
{
    return 2 * at_integer_pairs(AT_TRITS_A_BYTE * at_trits_bytes(dim));
}

/* A factor of the queries in a map. Of an index that keeps components whole it is kept so
 * too. Otherwise it is multiplied by trits, and rounded to integers for that: column j of
 * case v is levels steps[v, j]. */
typedef struct at_scan_side {
    float *whole;    /* [dim, V r] */
    int16_t *levels; /* [V, at_scan_row(dim), 16], where at_integer_place() says */
    float *steps;    /* [V, 16] */
} at_scan_side;

/* A map of the queries that scan an index: Q ~ L R', L [O, r], R [I, r]. */
typedef struct at_scan_map {
    size_t rank;    /* r */
    size_t n_cases; /* V */
    at_scan_side left, right;
    double *norm, *error; /* [V] |Q|, |Q - L R'|, of L and R as they were rounded */
} at_scan_map;

typedef struct at_scan_queries {
    size_t n_cases; /* V */
    size_t n_maps;
    at_scan_map *maps; /* [n_maps] */
} at_scan_queries;

/* Make a map of so many queries, to be cut to at most `rank`, and to AT_SCAN_RANK where
 * components are not kept whole. */
attrib_status at_scan_map_new(const at_index_shape *shape,
                              size_t i_map,
                              size_t rank,
                              size_t n_cases,
                              at_scan_map *out,
                              attrib_error *err);
void at_scan_map_free(at_scan_map *map);

/* Cut and round Q [O, I] of case v; q and scratch [O, I] are used up. */
attrib_status at_scan_map_put(const at_index_shape *shape,
                              size_t i_map,
                              size_t v,
                              float *q,
                              float *scratch,
                              at_scan_map *out,
                              attrib_error *err);

/* Turn prepared queries to the basis of an index, whose maps are the setup's, and cut
 * them. */
attrib_status at_scan_queries_new(const at_setup *setup,
                                  const at_prepared *prepared,
                                  const at_index_shape *shape,
                                  at_scan_queries *out,
                                  attrib_error *err);
void at_scan_queries_free(at_scan_queries *queries);

/* A worker's memory for scans. */
typedef struct at_scan_desk at_scan_desk;
attrib_status at_scan_desk_new(const at_index_shape *shape,
                               const at_scan_queries *queries,
                               at_scan_desk **out,
                               attrib_error *err);
void at_scan_desk_free(at_scan_desk *desk);

/* Some records of a piece. */
typedef struct at_record_list {
    const uint8_t *records; /* of the piece */
    const size_t *listed;   /* [n] which of them */
    size_t n;               /* at most AT_PIECE_DOCUMENTS */
} at_record_list;

/* Estimate the scores of n records, out [n, V]; bounds [n, V] may be NULL. */
void at_scan_records(const at_index_shape *shape,
                     const at_scan_queries *queries,
                     const at_record_list *list,
                     at_scan_desk *desk,
                     double *out,
                     double *bounds);

/* Add the cost of turning the queries of one map, and of scanning records for all maps,
 * the check of a first scan included. */
void at_scan_queries_cost(const at_index_shape *shape,
                          const at_factor *factor,
                          size_t i_map,
                          double n_cases,
                          attrib_load *load);
void at_scan_records_cost(const at_index_shape *shape,
                          double n_documents,
                          double n_cases,
                          attrib_load *load);

/* Bytes that a scan takes, without the prepared queries, where pieces of so many
 * documents in all are mapped at a time. */
double at_scan_bytes(const at_index_shape *shape,
                     double n_cases,
                     double n_workers,
                     double n_mapped);

/* Choose for each query the `n_end` documents with the largest and those with the
 * smallest estimates, and draw a sample. EINVAL where documents of the corpus are not in
 * the index, or it is of another model. `ready` are the prepared queries where all of
 * them fit in memory at a time; else it stays empty. */
attrib_status at_index_choose(const at_setup *setup,
                              const attrib_index *index,
                              size_t n_end,
                              at_candidates *out,
                              at_prepared *ready,
                              attrib_error *err);

#endif
