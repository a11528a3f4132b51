/* SPDX-License-Identifier: MIT */
/* What sizes are chosen by: bytes, and costs in multiply-adds. */
#ifndef AT_SCORE_SIZES_H
#define AT_SCORE_SIZES_H

#include "query/prepare.h"

/* 1. Memory (memory.c), in bytes */

/* What a stage takes with the tiles of the ranking, beside what was there before it, at
 * most. */
attrib_status at_stage_bytes(const at_setup *setup,
                             at_run_stage stage,
                             double *out,
                             attrib_error *err);

/* Set kept_bytes: all rows, or what leaves room for one query and for others, or one row.
 */
attrib_status at_choose_kept(at_setup *setup, attrib_error *err);

/* ERANGE where the limit does not hold one query at a time. */
attrib_status at_check_limit(const at_setup *setup, attrib_error *err);

/* How many queries of a rank are prepared and scored at a time, under every setting, and
 * how many whole ones are held in the end: 1 at least. */
attrib_status at_fitting_queries(const at_setup *setup,
                                 size_t rank,
                                 size_t *out,
                                 attrib_error *err);
attrib_status at_fitting_whole(const at_setup *setup, size_t *out, attrib_error *err);

/* Set is_resident: factors stay in memory for self-influences where there is room. */
attrib_status at_choose_resident(at_setup *setup, attrib_error *err);

/* 2. The choice (sizes.c, query_rank.c) */

/* Choose rank, blocks and tiles of a ranking whose counts, workers and memory are set,
 * whether memory holds them or not. */
attrib_status at_fit_sizes(at_setup *setup, attrib_error *err);

/* The largest rank that is chosen. */
#define AT_LARGEST_RANK ((size_t)128)

/* The ranks that are chosen from: i < AT_N_AUTO_RANKS, 0 (whole) first. */
#define AT_N_AUTO_RANKS ((size_t)6)
size_t at_auto_rank(size_t i);

/* Set setup->query_rank. Documents that would be scored again in full are counted by a
 * pilot: a pass and a product by rows for each. */
attrib_status at_choose_rank(at_setup *setup, attrib_error *err);

/* Which sum each map's scores go to, by options.split. */
attrib_status at_group_maps(at_setup *setup, attrib_run *run, attrib_error *err);
/* Rank, tiles and blocks, within the limit of memory: ERANGE where that is too small. */
attrib_status at_choose_sizes(at_setup *setup, attrib_error *err);

#endif
