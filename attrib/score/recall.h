/* SPDX-License-Identifier: MIT */
/* What a filter of documents missed, by the sample that was scored whatever it said. */
#ifndef AT_SCORE_RECALL_H
#define AT_SCORE_RECALL_H

#include "baseline/candidates.h"
#include "score/stream.h"

/* Sampled documents of a case that are no candidates, and precede the last of the first k
 * candidates, or follow the first of the last k. */
typedef struct at_missed_counts {
    size_t top, bottom;
} at_missed_counts;

/* Count them for every case, out [n_cases], owned by the caller. All are 0 where nothing
 * is filtered or sampled. */
attrib_status at_missed_count(const at_stream *scores,
                              const at_candidates *candidates,
                              size_t k,
                              at_missed_counts **out,
                              attrib_error *err);

#endif
