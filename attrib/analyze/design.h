/* SPDX-License-Identifier: MIT */
/* The columns that influence is explained by: a constant, the numbers of numeric tags,
 * and for the values of other tags 1 where a document has them. */
#ifndef AT_ANALYZE_DESIGN_H
#define AT_ANALYZE_DESIGN_H

#include "analyze/groups.h"

/* A tag of documents, as columns. */
typedef struct at_factor {
    char *tag;
    size_t first_column, n_columns;
    double *numbers; /* [N] where all its values are numbers: less `mean`, over
                        `deviation`; NAN for a document without; else NULL */
    double mean, deviation;
    at_grouping grouping; /* of other tags */
    size_t reference; /* the group without a column, where each document has one value:
                         the largest; else SIZE_MAX */
} at_factor;

typedef struct at_design {
    at_factor *factors; /* [n_factors] */
    size_t n_factors, n_columns;
} at_design;

/* A number in a column. */
typedef struct at_entry {
    size_t column;
    double value;
} at_entry;

/* Make columns of options.tags. EINVAL for the same tag twice, ESHAPE for one that no
 * document has, or that is the same number everywhere. */
attrib_status at_design_new(const at_inquiry *inquiry, at_design *out, attrib_error *err);
void at_design_free(at_design *design);

/* The entries of a document that are not 0, at most at_design_capacity() of them. 0
 * entries: it lacks one of the tags and is left out. */
size_t at_design_row(const at_design *design, size_t document, at_entry *out);
size_t at_design_capacity(const at_design *design);

#endif
