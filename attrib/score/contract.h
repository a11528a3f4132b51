/* SPDX-License-Identifier: MIT */
/* Scores of one map of a block. */
#ifndef AT_SCORE_CONTRACT_H
#define AT_SCORE_CONTRACT_H

#include "linalg/multiply.h"
#include "query/prepare.h"
#include "score/contraction.h"

/* Entries of G that one f32 product sums; the products are added in f64. In whatever
 * order it is taken, the sum has an error of at most 2,048 x 2^-24 = 2^-13 of the sum of
 * magnitudes, and of about sqrt(2,048) x 2^-24 = 2^-18.5 of it as roundings are as good
 * as independent; bounds.c allows for the first. Shorter sums gain little speed, longer
 * ones lose it: on a core of an AMD EPYC (Zen 4), 64 cases with 4 gradients of
 * [3072, 768] take 0.28 ns an entry of a query at 2,048, 0.34 at 512 and 0.76 at 4,096.
 */
#define AT_SUM_LENGTH ((size_t)2048)

/* One map of a block. The sums are added to. */
typedef struct at_contract_job {
    const at_prepared_map *map;
    at_contracted contracted; /* its sizes, which decide how it is contracted */
    at_tile tile;
    size_t n_cases;            /* V: queries of the tile, settings counted apart */
    size_t n_run_cases;        /* cases of the whole run */
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
