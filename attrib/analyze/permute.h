/* SPDX-License-Identifier: MIT */
/* Permutation tests of how often groups of documents stand in the lists of queries that
 * belong together. Queries are correlated, so their counts are not independent draws;
 * trading tags between documents leaves the queries as they are. */
#ifndef AT_ANALYZE_PERMUTE_H
#define AT_ANALYZE_PERMUTE_H

#include "analyze/groups.h"

/* A document in the list of a query: among the first (side 0) or the last (side 1). */
typedef struct at_listed {
    size_t document, query, side;
} at_listed;

#define AT_N_SIDES ((size_t)2)

/* What is tested. Borrowed. */
typedef struct at_listing {
    const at_inquiry *inquiry;
    const at_grouping *documents, *queries; /* of G and H groups */
    const at_listed *listed;                /* [n_listed] */
    size_t n_listed;
} at_listing;

/* The place of a cell in arrays [sides, G, H]. */
static inline size_t at_cell_of(const at_listing *listing,
                                size_t side,
                                size_t g,
                                size_t h)
{
    size_t n_cells = listing->documents->n_groups * listing->queries->n_groups;
    return side * n_cells + g * listing->queries->n_groups + h;
}

/* Count the documents of each group in the lists of each group of queries: counts [sides,
 * G, H], zeroed by the caller. */
void at_count_listed(const at_listing *listing, size_t *counts);

/* The p of as many documents of a group, for its size, in the lists of a group of queries
 * as there are, or more: (1 + permutations with as many) / (1 + permutations), out
 * [sides, G, H]. `kind` is what traded its tags. EINVAL where sources shall trade and one
 * has documents with different tags. */
attrib_status at_permutation_test(const at_listing *listing,
                                  double *out,
                                  attrib_permute *kind,
                                  attrib_error *err);

#endif
