/* SPDX-License-Identifier: MIT */
/* How many documents a filter missed, by the random sample that is scored all the same.
 */
#ifndef AT_SCORE_RECALL_H
#define AT_SCORE_RECALL_H

#include "baseline/candidates.h"
#include "run/drawn.h"
#include "score/stream.h"

/* Find both ends of the candidates of every case, and the drawn documents that they do
 * not rule out: out [n_cases], to be freed by at_drawn_free_all(); NULL where nothing is
 * filtered or drawn. */
attrib_status at_drawn_find(const at_stream *scores,
                            const at_candidates *candidates,
                            at_drawn **out,
                            attrib_error *err);

#endif
