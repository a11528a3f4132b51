/* SPDX-License-Identifier: MIT */
/* The sizes of a run (rank of queries, tiles, blocks), and the bytes and costs that they
 * are chosen by. Costs are multiply-adds. */
#ifndef AT_SCORE_SIZES_H
#define AT_SCORE_SIZES_H

#include "query/prepare.h"

/* 1. Memory (memory.c), in bytes */

/* The most bytes that a stage allocates with the tiles of `setup`. What was in memory
 * before the run is not included. */
attrib_status at_stage_bytes(const at_setup *setup,
                             at_run_stage stage,
                             double *out,
                             attrib_error *err);

/* The bytes of a scan, for n queries at a time, of the index that documents are chosen
 * by; with n = 0 those of taking its self-influences, and 0 without an index
 * (scanning.c). */
attrib_status at_scanning_bytes(const at_setup *setup,
                                size_t n,
                                double *out,
                                attrib_error *err);

/* Set kept_bytes: all rows where memory allows it, else as much as leaves room for one
 * query and for the rest of the work, but at least the largest row. */
attrib_status at_choose_kept(at_setup *setup, attrib_error *err);

/* The bytes that a run takes with one query at a time. */
attrib_status at_least_bytes(const at_setup *setup, double *out, attrib_error *err);

/* ERANGE where the limit of memory does not hold even one query at a time. */
attrib_status at_check_limit(const at_setup *setup, attrib_error *err);

/* How many queries can be prepared and scored at a time, under every setting,
 * and how many whole ones can be held while documents are explained: one at least. */
attrib_status at_fitting_queries(const at_setup *setup, size_t *out, attrib_error *err);
attrib_status at_fitting_whole(const at_setup *setup, size_t *out, attrib_error *err);

/* Set layers_limit by what rank, blocks and tiles leave of the limit of memory. */
attrib_status at_choose_layers(at_setup *setup, attrib_error *err);

/* Set is_resident: for self-influences, factors stay in memory where there is room. */
attrib_status at_choose_resident(at_setup *setup, attrib_error *err);

/* 2. The choice (sizes.c, query_rank.c) */

/* Choose rank, blocks and tiles of a setup whose counts, workers and limit of memory are
 * set. A tile is one query at least, even where memory does not hold it. */
attrib_status at_fit_sizes(at_setup *setup, attrib_error *err);

/* Cut queries to the rank whose run is predicted to cost least, or not at all. A pilot
 * counts the documents that would be scored again in full, each of which costs a pass and
 * a product by rows. */
attrib_status at_choose_rank(at_setup *setup, attrib_error *err);

/* Cut queries to a rank that was asked for, 0 to keep them whole. A single query whose
 * totals alone are wanted stays whole where that costs less, by count: documents are then
 * scored along it in forward mode and need no bounds, and what is reported takes a whole
 * query in any case, so that it needs no more memory either. */
void at_take_rank(at_setup *setup, size_t rank);

/* Set which sum the scores of each map are added to, by options.split. */
attrib_status at_group_maps(at_setup *setup, attrib_run *run, attrib_error *err);
/* Choose rank, tiles and blocks within the limit of memory; ERANGE where that is too
 * small.
 */
attrib_status at_choose_sizes(at_setup *setup, attrib_error *err);

/* Set what these are chosen by, and find the bytes that the run takes at least. */
attrib_status at_measure_least(at_setup *setup, double *out, attrib_error *err);

#endif
