/* SPDX-License-Identifier: MIT */
/* The texts of the first documents of queries, of more of them than the run reports. */
#ifndef AT_ANALYZE_FURTHER_H
#define AT_ANALYZE_FURTHER_H

#include "analyze/analyze.h"
#include "analyze/answers.h"

/* A document among the first of a query. */
typedef struct at_further {
    size_t document, query;
    size_t rank;    /* 1: the first */
    const char *id; /* of one that the run reports; else NULL */
} at_further;

/* Called with each such document and its text: NULL of one that the run reports and that
 * came as tokens. */
typedef attrib_status (*at_further_fn)(void *context,
                                       const at_further *of,
                                       const char *text,
                                       size_t n_bytes,
                                       attrib_error *err);

/* Hand on the documents of ranks up to options.top of the queries that are asked about,
 * is_asked [Q]: first those that the run reports, then the rest, whose texts are read
 * again, each once; `out` says how many cannot be. Reads all scores once, and none where
 * the run reports as many documents. */
attrib_status at_further_read(const at_inquiry *inquiry,
                              const bool *is_asked,
                              at_further_fn fn,
                              void *context,
                              attrib_analysis *out,
                              attrib_error *err);

#endif
