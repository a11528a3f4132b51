/* SPDX-License-Identifier: MIT */
/* The pass over rows of queries, which keeps what the work on each map needs. */
#ifndef AT_QUERY_KEEP_H
#define AT_QUERY_KEEP_H

#include "query/setup.h"

/* What a pass keeps of one row of the queries in one map: the activations and gradients
 * of its tokens, or the row's whole gradient where that is what is turned. Both sides of
 * a margin are tokens of its row. */
typedef struct at_row_map {
    size_t n_tokens;
    float *a, *ds;   /* [T, I], [T, O]; owned */
    float *gradient; /* [O, I] in place of a and ds; owned */
} at_row_map;

void at_row_map_free(at_row_map *row);

/* Whether the whole gradient of a row of n_tokens tokens is kept, and not a and ds. */
bool at_keeps_gradient(const at_setup *setup,
                       size_t i_tracked,
                       size_t n_tokens,
                       size_t n_entries);

/* Consecutive rows of queries. Set the first three members. */
typedef struct at_keeping {
    const at_setup *setup;
    size_t first, n;        /* rows, in setup->asked.rows */
    attrib_sequence *sides; /* [n_sides] sequences of these rows: two of a margin */
    size_t n_sides;
    at_row_map *kept; /* [n, n_tracked] gradients of -f */
    double *losses;   /* [n] nats of the completion; 0 where a direction is measured */
    double *measured; /* [n] f */
} at_keeping;

/* Run the pass. ERANGE for a probability that is too small. What was kept is to be freed,
 * after a failure too. */
attrib_status at_keep_rows(at_keeping *keeping, attrib_error *err);
void at_keeping_free(at_keeping *keeping);

#endif
