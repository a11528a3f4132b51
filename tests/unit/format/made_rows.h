/* SPDX-License-Identifier: MIT */
/* Tables of made-up rows, for what is written and read back. */
#ifndef MADE_ROWS_H
#define MADE_ROWS_H

#include "format/columns.h"

/* Rows whose values follow from their number: an integer, a real, a text of few, a text
 * of many, a text that is mostly null, and nothing. */
enum { MADE_NUMBER, MADE_REAL, MADE_FEW, MADE_MANY, MADE_RARE, MADE_EMPTY, MADE_COLUMNS };

typedef struct made_rows {
    int64_t *numbers;
    double *reals;
    at_slice *few, *many, *rare;
    uint8_t *is_valid[MADE_COLUMNS];
    at_column columns[MADE_COLUMNS];
    at_column table;
    at_arena *arena;
} made_rows;

/* Make rows first .. first + n, with n_few texts in the column of few; freed by
 * free_rows(). */
void make_rows(made_rows *self, size_t first, size_t n, size_t n_few);
void free_rows(made_rows *self);

/* Fails unless row k of a table is row i of these. */
void check_row(const at_column *table, size_t k, const made_rows *want, size_t i);

#endif
