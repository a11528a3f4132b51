/* SPDX-License-Identifier: MIT */
/* Ranks of documents for every query. */
#ifndef AT_ANALYZE_RANKS_H
#define AT_ANALYZE_RANKS_H

#include "analyze/analyze.h"

typedef struct at_rank_table {
    size_t n_documents; /* that are ranked: every `stride`-th of the run */
    size_t n_queries, stride;
    double *ranks; /* [n_documents, n_queries] less their mean; freed by free() */
} at_rank_table;

/* Rank as many evenly spaced documents as AT_COLUMN_BYTES / 2 hold, all where they fit.
 * The same documents are ranked in both runs of an inquiry. */
attrib_status at_rank_documents(const at_inquiry *inquiry,
                                const at_subject *subject,
                                at_rank_table *out,
                                attrib_error *err);

/* Say that ranks are of fewer documents than all, where they are. */
attrib_status at_say_ranked(const at_rank_table *table,
                            attrib_analysis *out,
                            attrib_error *err);

#endif
