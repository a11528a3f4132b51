/* SPDX-License-Identifier: MIT */
/* Products of matrices of small integers, exact: so sums have no order, and every
 * processor gives the same. */
#ifndef AT_LINALG_INTEGERS_H
#define AT_LINALG_INTEGERS_H

#include <stddef.h>
#include <stdint.h>

/* Columns of the right matrix. */
#define AT_INTEGER_COLUMNS ((size_t)16)

/* Rows are multiplied by two columns at once, as instructions do: a row of x and a column
 * of y have an even number of entries. */
static inline size_t at_integer_pairs(size_t n)
{
    return (n + 1) / 2;
}

/* Where the right matrix keeps the entry of a row and a column: [n_pairs, 16, 2]. */
static inline size_t at_integer_place(size_t row, size_t column)
{
    return (row / 2 * AT_INTEGER_COLUMNS + column) * 2 + row % 2;
}

/* out [n, 16] = x y of x [n, 2 n_pairs] and y [2 n_pairs, 16], which lies as
 * at_integer_place() says. Sums of |x y| must stay below 2^31. */
void at_integer_product(
    size_t n, size_t n_pairs, const int16_t *x, const int16_t *y, int32_t *out);

#endif
