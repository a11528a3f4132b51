/* SPDX-License-Identifier: MIT */
/* Documents among the first of a query beyond those that the run reports. */
#ifndef AT_ANALYZE_FURTHER_H
#define AT_ANALYZE_FURTHER_H

#include "analyze/analyze.h"
#include "analyze/answers.h"

typedef struct at_further {
    size_t document, query;
    size_t rank; /* 1: the first */
} at_further;

/* Called with each such document whose text can be read again, and its place. */
typedef attrib_status (*at_further_fn)(void *context,
                                       const at_further *of,
                                       const char *text,
                                       size_t n_bytes,
                                       attrib_error *err);

/* Read the texts of documents of ranks up to options.top that the run does not report
 * again, each once, of the queries that are asked about: is_asked [Q]. `unread` counts
 * those that cannot be read. Reads all scores once, and none where the run reports as
 * many documents. */
attrib_status at_further_read(const at_inquiry *inquiry,
                              const bool *is_asked,
                              at_further_fn fn,
                              void *context,
                              at_unread *unread,
                              attrib_error *err);

#endif
