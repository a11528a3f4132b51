/* SPDX-License-Identifier: MIT */
/* Scores by several ranks. */
#ifndef CLI_RANKS_SCORE_H
#define CLI_RANKS_SCORE_H

#include "cli/scoring.h"

/* Score into args->output together, to the bytes of one process: the first rank prepares
 * the run, each takes a share of its shards, and the first one merges them. What is done
 * is kept in OUTPUT.ranks until all is; the same command goes on from there, with any
 * number of ranks. `out` is NULL for all ranks but the first. */
attrib_status ranks_score(const scoring_args *args,
                          cli_job *job,
                          attrib_run **out,
                          attrib_error *err);

#endif
