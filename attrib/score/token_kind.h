/* SPDX-License-Identifier: MIT */
/* Influences of output and input tokens of documents that are reported. */
#ifndef AT_SCORE_TOKEN_KIND_H
#define AT_SCORE_TOKEN_KIND_H

#include "score/explain.h"

/* The share of explaining that this takes, for progress: 0 where tokens are positions. */
double at_token_kinds_share(const at_setup *setup);

/* Put the influences of the run's kind of tokens into `tokens` of pairs that are
 * explained and sorted by document, then case, in the place of the shares of positions.
 * Queries are whole. */
attrib_status at_token_kinds(const at_setup *setup,
                             const at_prepared *prepared,
                             at_pair *pairs,
                             size_t n_pairs,
                             attrib_error *err);

/* Bytes that this takes beyond the prepared queries, for blocks of these sizes. */
attrib_status at_token_kinds_bytes(const at_setup *setup,
                                   const at_pass_size *blocks,
                                   double *out,
                                   attrib_error *err);

#endif
