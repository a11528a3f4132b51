/* SPDX-License-Identifier: MIT */
/* What sizes are chosen by: bytes, and costs in multiply-adds. */
#ifndef AT_RANK_SIZES_H
#define AT_RANK_SIZES_H

#include "rank/run.h"

/* 1. Memory (memory.c), in bytes */

/* Fill ranking->counted. */
void at_count_documents(at_ranking *ranking);

/* Tokens of so many documents at most. */
double at_tokens_of(const at_ranking *ranking, double n_documents);

/* The blocks of the passes that score documents. */
attrib_status at_measure_blocks(const at_ranking *ranking,
                                size_t block_rows,
                                at_pass_size *out,
                                attrib_error *err);

/* Of one case while its first and last documents are settled (settle.c), beside the
 * prepared query and the scores, which are those of queries of `rank`. */
double at_settling_bytes(const at_ranking *ranking, size_t rank);

/* Documents of a case that are scored in full and explained in a round (settle.c). */
double at_round_documents(const at_ranking *ranking);

/* Of one case's answer (answers.c). */
double at_answer_bytes(const at_ranking *ranking);

/* Of scores, bounds and shares of tokens in memory, for so many documents with n_tokens
 * tokens and cases of a rank (part.c). */
double at_part_bytes(const at_ranking *ranking,
                     double n_documents,
                     size_t rank,
                     double n_cases,
                     double n_tokens);

/* What a stage takes with the tiles of the ranking, beside what was there before it, at
 * most. */
attrib_status at_stage_bytes(const at_ranking *ranking,
                             at_run_stage stage,
                             double *out,
                             attrib_error *err);

/* Set kept_bytes: all rows, or what leaves room for one query and for others, or one row.
 */
attrib_status at_choose_kept(at_ranking *ranking, attrib_error *err);

/* ERANGE where the limit does not hold one query at a time. */
attrib_status at_check_limit(const at_ranking *ranking, attrib_error *err);

/* How many queries of a rank are prepared and scored at a time, under every setting, and
 * how many whole ones are held in the end: 1 at least. */
attrib_status at_fitting_queries(const at_ranking *ranking,
                                 size_t rank,
                                 size_t *out,
                                 attrib_error *err);
attrib_status at_fitting_whole(const at_ranking *ranking, size_t *out, attrib_error *err);

/* Set is_resident: factors stay in memory for self-influences where there is room. */
attrib_status at_choose_resident(at_ranking *ranking, attrib_error *err);

/* 2. Costs and the choice (sizes.c) */

/* Multiply-adds, traffic among them, of contracting all documents in blocks of n_rows,
 * with n_cases cases of a rank. */
double at_contraction_cost(const at_ranking *ranking,
                           size_t n_rows,
                           size_t n_cases,
                           size_t rank);

/* How documents are scored: in forward mode along one whole query, where the total of
 * each document is all that is wanted of it; else in reverse. */
at_mode at_scoring_mode(const at_ranking *ranking);

/* Choose rank, blocks and tiles of a ranking whose counts, workers and memory are set,
 * whether memory holds them or not. */
attrib_status at_fit_sizes(at_ranking *ranking, attrib_error *err);

/* The largest rank that is chosen, and the queries of the pilot that chooses it. */
#define AT_LARGEST_RANK ((size_t)128)
size_t at_pilot_queries(const at_ranking *ranking);

/* Set ranking->query_rank. Documents that would be scored again in full are counted by a
 * pilot: a pass and a product by rows for each. */
attrib_status at_choose_rank(at_ranking *ranking, attrib_error *err);

#endif
