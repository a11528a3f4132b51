/* SPDX-License-Identifier: MIT */
/* Scores of one map of a block. */
#ifndef AT_RANK_CONTRACT_H
#define AT_RANK_CONTRACT_H

#include "base/memory.h"
#include "rank/rank.h"

/* One map of a block. The sums are added to. */
typedef struct at_contract_job {
    const at_prepared_map *map;
    at_contracted contracted; /* the same, as contractions are chosen by */
    at_tile tile;
    size_t n_cases;     /* V: queries of the tile, settings counted apart */
    size_t n_run_cases; /* of the run */
    const at_batch *batch;
    const float *a, *ds; /* [rows, I], [rows, O] */
    double *scores;      /* those of sequence s: scores + s * stride [V] */
    double *bounds;      /* the same; where the map has errors */
    size_t stride;
    double *norms;  /* [n_sequences] scratch, where the map has errors */
    double *tokens; /* [rows, V] shares of rows, or NULL */
    at_arena *arena;
} at_contract_job;

attrib_status at_contract(const at_contract_job *job, attrib_error *err);

#endif
