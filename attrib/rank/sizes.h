/* SPDX-License-Identifier: MIT */
/* What sizes are chosen by: bytes, and costs in multiply-adds. */
#ifndef AT_RANK_SIZES_H
#define AT_RANK_SIZES_H

#include "rank/run.h"

/* Bytes of one case: whole where rank is 0, else its factors. */
double at_case_bytes(const at_ranking *ranking, size_t rank);

/* How many queries fit into so many bytes, under every setting; at least 1. */
size_t at_fitting_queries(const at_ranking *ranking, double budget, size_t rank);

/* Multiply-adds, traffic among them, of contracting all documents in blocks of n_rows,
 * with n_cases cases of a rank. */
double at_contraction_cost(const at_ranking *ranking,
                           size_t n_rows,
                           size_t n_cases,
                           size_t rank);

/* Set ranking->query_rank. Documents that would be scored again in full are counted by a
 * pilot: a pass and a product by rows for each. */
attrib_status at_choose_rank(at_ranking *ranking, double budget, attrib_error *err);

#endif
