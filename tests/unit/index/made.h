/* SPDX-License-Identifier: MIT */
/* Gradients made up of random rows, and what is known of them by plain sums. */
#ifndef TEST_INDEX_MADE_H
#define TEST_INDEX_MADE_H

#include "index/shape.h"

enum { N_MAPS = 2, MOST_ROWS = 200, MOST_DIM = 48 };

extern const size_t out_dims[N_MAPS], in_dims[N_MAPS];

/* Random numbers that never change, about normal; `drawn` counts them. */
extern uint64_t drawn;
double draw(void);

/* A document: rows of each map. */
typedef struct made {
    size_t n_rows;
    float ds[N_MAPS][MOST_ROWS * MOST_DIM], a[N_MAPS][MOST_ROWS * MOST_DIM];
    double h[N_MAPS][MOST_DIM * MOST_DIM]; /* [O, I] ds' a */
} made;

/* What rows are like, planted hard ones among them. */
enum { PLAIN, DECAYING, TWINS, REPEATED, SINGLE, ZERO, SPIKED, LOPSIDED, N_KINDS };

void make_rows(made *m, int kind, size_t n_rows);

/* The shape of an index of those maps; its maps are the caller's. */
at_index_shape shape_of(size_t record_bytes, bool is_whole);

/* Memory for a bank whose size was counted, from where it is dealt; freed by free(). */
void *deal_bank(attrib_bank *bank);

/* Find the components of one map of a document; freed by free_found(). */
at_found find(const made *m, size_t k, size_t most, bool is_whole);
void free_found(at_found *found);

/* Multiple i of those that n numbers were rounded to, digit by digit. */
int plain_multiple(const uint8_t *bytes, size_t n, unsigned n_digits, size_t i);

#endif
