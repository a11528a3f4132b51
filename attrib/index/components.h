/* SPDX-License-Identifier: MIT */
/* The largest singular components of a gradient that is a product of rows. */
#ifndef AT_INDEX_COMPONENTS_H
#define AT_INDEX_COMPONENTS_H

#include "base/memory.h"
#include "linalg/eights.h"
#include "linalg/linalg.h"

/* H [O, I] = D' A of rows D [T, O], A [T, I]. */
typedef struct at_row_product {
    const float *ds, *a;
    size_t n_rows, out_dim, in_dim;
} at_row_product;

/* H ~ sum_c sigma_c u_c v_c', the largest first; u_c and v_c of norm 1 to some percent,
 * and as near as f32 allows after at_components_make_unit(). */
typedef struct at_components {
    size_t n;
    float *u, *v;  /* [most, O], [most, I] */
    double *sigma; /* [most] */
} at_components;

/* Products of at most so many rows are worked on eight at a time. */
#define AT_GROUP_ROWS ((size_t)64)
/* Rows of a Gram matrix's triangle that are multiplied at a time with all before them. */
#define AT_GRAM_ROWS ((size_t)6)

/* The rows that a product of n_rows is worked on with: fewer where they are many. */
size_t at_reduced_rows(size_t n_rows, size_t most, bool is_whole);

/* What finding them works with; dealt from a bank for rows of at most this many. */
typedef struct at_component_scratch {
    /* [t, stride] of the t rows that the product is reduced to: K_A; L and L'; what else
     * is multiplied (linalg/small.h) */
    double *gram_a, *lower, *upper, *half, *product;
    double *values; /* [t] */
    double *eigen;
    /* the same of eight products, [AT_GROUP_ROWS, AT_GROUP_ROWS]; NULL where is_whole */
    at_eight *grams, *lowers, *halves, *products, *all_values, *eigens;
    float *turn;         /* [t, t] */
    float *by_row;       /* [T, t] */
    float *left, *right; /* [t, O], [t, I] the reduced rows; NULL where the
                            rows are few */
} at_component_scratch;

attrib_status at_component_deal(const at_row_product *size,
                                size_t most,
                                bool is_whole,
                                attrib_bank *bank,
                                at_component_scratch *out,
                                attrib_error *err);

/* A product whose components are wanted: at most `most` of them, which are no more than
 * its rows, and none that is smaller than `least`. */
typedef struct at_component_task {
    at_row_product of;
    size_t most;
    double least;
    at_components *out; /* borrowed */
} at_component_task;

/* Find the components of all tasks, which are put in another order; where is_whole, all
 * up to rounding, with sums in f64. Many rows are first reduced to fewer that span the
 * range of H nearly whole. What is found of a product depends on it alone. */
attrib_status at_components_find(at_component_task *tasks,
                                 size_t n,
                                 bool is_whole,
                                 const at_component_scratch *scratch,
                                 attrib_error *err);

/* Make the vectors of the first n components of norm 1. */
void at_components_make_unit(const at_components *of,
                             size_t n,
                             size_t out_dim,
                             size_t in_dim);

/* Add the cost of that for one product of this size. */
void at_components_cost(const at_row_product *size,
                        size_t most,
                        bool is_whole,
                        attrib_load *load);

#endif
