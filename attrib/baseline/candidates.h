/* SPDX-License-Identifier: MIT */
/* Which documents are scored at all: those that a filter finds likely for a query, and a
 * random sample of all, by which the filter's recall is measured. */
#ifndef AT_BASELINE_CANDIDATES_H
#define AT_BASELINE_CANDIDATES_H

#include "baseline/bag.h"
#include "query/setup.h"

typedef struct at_candidates {
    size_t n_queries, n_documents;
    size_t n_each;       /* candidates of a query */
    size_t *documents;   /* [n_queries, n_each] ascending */
    uint8_t *is_sampled; /* [n_documents] 1 where it was drawn; those are scored against
                            all queries */
    size_t n_sampled;
    uint8_t *is_passed; /* [n_documents] 1 where it is scored against any query */
    size_t n_passed;
} at_candidates;

/* What options.prefilter says. */
typedef struct at_filter {
    bool by_index; /* else by TF-IDF */
    size_t n;      /* candidates of a query, or of each end by an index; 0: no filter */
} at_filter;

/* Read options.prefilter, "tfidf:N" or "index:N". EINVAL for another text. */
attrib_status at_prefilter_read(const char *text, at_filter *out, attrib_error *err);

/* Room for n_each candidates of each query, all 0; and, once they are filled, draw the
 * random documents that the options ask for, and note which are scored at all. */
attrib_status at_candidates_new(const at_setup *setup,
                                size_t n_each,
                                at_candidates *out,
                                attrib_error *err);
attrib_status at_candidates_finish(const at_setup *setup,
                                   at_candidates *candidates,
                                   attrib_error *err);

void at_candidates_free(at_candidates *candidates);

bool at_candidates_have(const at_candidates *candidates, size_t i_query, size_t document);

/* Whether a document is scored against a query: it is a candidate, or was drawn. All are
 * where `candidates` is NULL. */
bool at_candidates_score(const at_candidates *candidates,
                         size_t i_query,
                         size_t document);

/* How many of documents first .. end - 1 are scored against a query. */
size_t at_candidates_count(const at_candidates *candidates,
                           size_t i_query,
                           size_t first,
                           size_t end);

/* What goes by the tokens of all documents. */
typedef struct at_by_tokens {
    at_frequencies frequencies;
    at_candidates candidates;
} at_by_tokens;

/* Count which documents have which tokens, and choose those that are scored, where the
 * options of a setup ask for it by tokens; the setup points to what was made. */
attrib_status at_by_tokens_choose(at_setup *setup, at_by_tokens *out, attrib_error *err);
void at_by_tokens_free(at_by_tokens *by_tokens);

#endif
