/* SPDX-License-Identifier: MIT */
/* Scores of one map of a block. */
#ifndef AT_SCORE_CONTRACT_H
#define AT_SCORE_CONTRACT_H

#include "linalg/multiply.h"
#include "query/prepare.h"
#include "score/contraction.h"

/* One map of a block. The sums are added to. */
typedef struct at_contract_job {
    const at_prepared_map *map;
    at_contracted contracted;  /* its sizes, which decide how it is contracted */
    at_tile tile;              /* by the places of its queries in the run */
    size_t n_cases;            /* V: queries of the tile, settings counted apart */
    const attrib_block *block; /* its rows are those of a and ds; the order of contraction
                                  is chosen by its tokens */
    const float *a, *ds;       /* [n_rows, I], [n_rows, O] */
    double *scores;            /* sequence s has scores + s * stride [V] */
    double *bounds; /* sequence s has bounds + s * stride [V]; NULL: no errors */
    size_t stride;
    double *tokens;            /* [rows of the pass, V] shares of rows, where by token */
    const attrib_bank *desk;   /* memory, as much as at_contract_desk() counts */
    at_multiplier *multiplier; /* of products with rows; NULL: f32 */
    const size_t *rows; /* [n_rows] which rows of the pass they are; NULL: all of them */
} at_contract_job;

/* Count the memory that at_contract() takes of its desk for a block of this size.
 * has_bounds: the map has errors. */
attrib_status at_contract_desk(const at_contracted *map,
                               const attrib_block_size *size,
                               bool has_bounds,
                               attrib_bank *bank,
                               attrib_error *err);

/* Add the scores of all sequences, and their bounds where job->bounds is set. */
attrib_status at_contract(const at_contract_job *job, attrib_error *err);

/* Add the bounds alone (bounds.c): of all sequences, or of sequence s, whose gradient G
 * [O, I] is given. */
attrib_status at_bound_sequences(const at_contract_job *job, attrib_error *err);
void at_bound_gradient(const at_contract_job *job, size_t s, const float *g);

/* Count the memory that at_bound_sequences() takes of its desk. The longest sequence has
 * `longest` rows. */
attrib_status at_bound_desk(const at_contracted *map,
                            size_t longest,
                            attrib_bank *bank,
                            attrib_error *err);

#endif
