/* SPDX-License-Identifier: MIT */
/* Scores of one map of a block. */
#ifndef AT_SCORE_CONTRACT_H
#define AT_SCORE_CONTRACT_H

#include "query/prepare.h"
#include "score/contraction.h"

/* Entries of G that one f32 product sums. */
#define AT_SUM_LENGTH ((size_t)2048)

/* One map of a block. The sums are added to. */
typedef struct at_contract_job {
    const at_prepared_map *map;
    at_contracted contracted; /* the same, as contractions are chosen by */
    at_tile tile;
    size_t n_cases;     /* V: queries of the tile, settings counted apart */
    size_t n_run_cases; /* of the run */
    const attrib_block *block;
    const float *a, *ds; /* [rows, I], [rows, O] */
    double *scores;      /* those of sequence s: scores + s * stride [V] */
    double *bounds;      /* the same; where the map has errors */
    size_t stride;
    double *tokens;          /* [rows, V] shares of rows, or NULL */
    const attrib_bank *desk; /* what at_contract_desk() counts */
} at_contract_job;

/* Count what at_contract() takes of its desk for a block of this size; by_token where
 * shares of rows are wanted, has_bounds where the map has errors. */
attrib_status at_contract_desk(const at_contracted *map,
                               const attrib_block_size *size,
                               bool by_token,
                               bool has_bounds,
                               attrib_bank *bank,
                               attrib_error *err);

/* Add the scores of all sequences, and their bounds where job->bounds is set. */
attrib_status at_contract(const at_contract_job *job, attrib_error *err);

/* Bounds alone (bounds.c): of all sequences, or of sequence s with its G [O, I]. */
attrib_status at_bound_sequences(const at_contract_job *job, attrib_error *err);
void at_bound_gradient(const at_contract_job *job, size_t s, const float *g);

/* Count what at_bound_sequences() takes of its desk, where the longest sequence has so
 * many rows. */
attrib_status at_bound_desk(const at_contracted *map,
                            size_t longest,
                            attrib_bank *bank,
                            attrib_error *err);

#endif
