/* SPDX-License-Identifier: MIT */
/* Scores of one map of a block. */
#ifndef AT_SCORE_CONTRACT_H
#define AT_SCORE_CONTRACT_H

#include "query/prepare.h"
#include "score/contraction.h"

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
    double *norms;           /* [n_sequences] scratch, where the map has errors */
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

attrib_status at_contract(const at_contract_job *job, attrib_error *err);

#endif
