/* SPDX-License-Identifier: MIT */
/* Counts of documents and tokens, which sizes and costs are computed from. */
#ifndef AT_SCORE_COUNTED_H
#define AT_SCORE_COUNTED_H

#include "query/setup.h"
#include "score/contraction.h"

/* Fill setup->counted. */
void at_count_documents(at_setup *setup);

/* The most tokens that n_documents documents can have. */
double at_tokens_of(const at_setup *setup, double n_documents);

/* The sizes of the blocks of the passes that score documents. */
attrib_status at_measure_blocks(const at_setup *setup,
                                size_t block_rows,
                                at_pass_size *out,
                                attrib_error *err);

/* The sizes of a tracked map by which its order of contraction is chosen, with n_cases
 * cases cut to a rank, or whole where that is 0. */
at_contracted at_contracted_map(const at_setup *setup,
                                size_t i_tracked,
                                size_t rank,
                                size_t n_cases);

/* Multiply-adds, including those that memory traffic counts as, of contracting all
 * documents in blocks of n_rows with n_cases cases. */
double at_contraction_cost(const at_setup *setup, size_t n_rows, size_t n_cases);

/* A pilot scores AT_PILOT_DOCUMENTS documents for at most AT_PILOT_QUERIES queries, to
 * count how many would be scored again in full. A share p of 4 x 256 pairs has a standard
 * error of sqrt(p (1 - p) / 1,024), at most 1.6 %, where pairs are as good as
 * independent. Corpora of fewer than AT_PILOT_SHARE times as many documents do without,
 * and without cutting: so a pilot costs at most an eighth of the passes of a run. */
#define AT_PILOT_DOCUMENTS ((size_t)256)
#define AT_PILOT_SHARE     ((size_t)8)
#define AT_PILOT_QUERIES   ((size_t)4)

size_t at_pilot_queries(const at_setup *setup);

/* Whether a pilot decides on the rank of queries. */
bool at_has_pilot(const at_setup *setup);

/* Rank i < AT_N_AUTO_RANKS of those that are chosen from, ascending; the first is 0,
 * whole queries. */
#define AT_N_AUTO_RANKS ((size_t)6)
size_t at_auto_rank(size_t i);

#endif
