/* SPDX-License-Identifier: MIT */
/* Triangles and products of eight small symmetric matrices at a time: each lane by
 * itself.
 *
 * Source: Golub & Van Loan, "Matrix Computations" (4th edition), 4.2.9 (Cholesky). */
#include "linalg/eights.h"

#include <string.h>

#include "base/wide.h"
#include "linalg/lanes.h"

void at_eights_put(
    size_t lane, size_t n, const double *x, size_t ldx, size_t n_out, at_eight *out)
{
    double *to = (double *)out + lane;
    for (size_t i = 0; i < n_out; i++) {
        for (size_t j = 0; j <= i; j++) {
            double entry = i < n ? x[i * ldx + j] : 0;
            to[(i * n_out + j) * AT_EIGHT] = entry;
            to[(j * n_out + i) * AT_EIGHT] = entry;
        }
    }
}

/* Column by column, so that no entry of a column waits for another one's quotient. */
AT_WIDE void at_eights_factor(size_t n, const at_eight *ridge, at_eight *a)
{
    for (size_t j = 0; j < n; j++) {
        at_eight *row = a + j * n;
        at_eight square = row[j] + *ridge - dot(j, row, row);
        mask is_kept = square > 0.1 * *ridge;
        row[j] = choose(is_kept, root(choose(is_kept, square, all_of(1))), all_of(0));
        at_eight by = choose(is_kept, 1 / choose(is_kept, row[j], all_of(1)), all_of(0));
        for (size_t i = j + 1; i < n; i++) {
            a[i * n + j] = (a[i * n + j] - dot(j, a + i * n, row)) * by;
            row[i] = all_of(0);
        }
    }
}

/* Rows and columns that are worked on at a time. */
#define N_TILE ((size_t)4)

/* A product x y of which [i, k] of x stands at x[i * x_row + k * x_step]; y and out have
 * rows of n. */
typedef struct eights_product {
    const at_eight *x, *y;
    size_t x_row, x_step, n;
    at_eight *out;
} eights_product;

/* A tile of a product, of constant sizes where this is called, from rows k >= first of y:
 * before it x or y is 0. */
INLINE void multiply_tile(const eights_product *of,
                          size_t i,
                          size_t j,
                          size_t first,
                          size_t n_rows,
                          size_t n_columns)
{
    at_eight sums[N_TILE][N_TILE] = {{{0}}};
    for (size_t k = first; k < of->n; k++) {
        const at_eight *y = of->y + k * of->n + j;
        for (size_t r = 0; r < n_rows; r++) {
            at_eight x = of->x[(i + r) * of->x_row + k * of->x_step];
            for (size_t c = 0; c < n_columns; c++) {
                sums[r][c] += x * y[c];
            }
        }
    }
    for (size_t r = 0; r < n_rows; r++) {
        memcpy(of->out + (i + r) * of->n + j, sums[r], n_columns * sizeof *of->out);
    }
}

/* n_rows rows from i on, in columns before `end`. Rows of y count from the tile's first
 * column on, or from its first row. */
INLINE void multiply_rows(
    const eights_product *of, size_t i, size_t n_rows, size_t end, bool from_column)
{
    size_t j = 0;
    for (; j + N_TILE <= end; j += N_TILE) {
        multiply_tile(of, i, j, from_column ? j : i, n_rows, N_TILE);
    }
    for (; j < end; j++) {
        multiply_tile(of, i, j, from_column ? j : i, n_rows, 1);
    }
}

AT_WIDE void at_eights_congruent(
    size_t n, const at_eight *k, const at_eight *l, at_eight *half, at_eight *out)
{
    const eights_product first = {k, l, n, 1, n, half};    /* half = K L */
    const eights_product second = {l, half, 1, n, n, out}; /* out = L' half */
    size_t i = 0;
    for (; i + N_TILE <= n; i += N_TILE) {
        multiply_rows(&first, i, N_TILE, n, true);
    }
    for (; i < n; i++) {
        multiply_rows(&first, i, 1, n, true);
    }
    for (i = 0; i + N_TILE <= n; i += N_TILE) {
        multiply_rows(&second, i, N_TILE, i + N_TILE, false);
    }
    for (; i < n; i++) {
        multiply_rows(&second, i, 1, i + 1, false);
    }
}

/* A tile of out = x y' [m, n], of sums over the first `end` columns. */
INLINE void multiply_dots(const at_eight *x,
                          const at_eight *y,
                          size_t n,
                          size_t end,
                          size_t n_rows,
                          size_t n_columns,
                          at_eight *out)
{
    at_eight sums[N_TILE][N_TILE] = {{{0}}};
    for (size_t k = 0; k < end; k++) {
        for (size_t r = 0; r < n_rows; r++) {
            for (size_t c = 0; c < n_columns; c++) {
                sums[r][c] += x[r * n + k] * y[c * n + k];
            }
        }
    }
    for (size_t r = 0; r < n_rows; r++) {
        memcpy(out + r * n, sums[r], n_columns * sizeof *out);
    }
}

/* n_rows rows of x with all of y. */
INLINE void multiply_beside(const at_eight *x,
                            const at_eight *y,
                            size_t n,
                            bool is_lower,
                            size_t n_rows,
                            at_eight *out)
{
    size_t i = 0;
    for (; i + N_TILE <= n; i += N_TILE) {
        multiply_dots(x, y + i * n, n, is_lower ? i + N_TILE : n, n_rows, N_TILE,
                      out + i);
    }
    for (; i < n; i++) {
        multiply_dots(x, y + i * n, n, is_lower ? i + 1 : n, n_rows, 1, out + i);
    }
}

AT_WIDE void at_eights_product(size_t m,
                               size_t n,
                               const at_eight *x,
                               const at_eight *y,
                               bool is_lower,
                               at_eight *out)
{
    size_t c = 0;
    for (; c + N_TILE <= m; c += N_TILE) {
        multiply_beside(x + c * n, y, n, is_lower, N_TILE, out + c * n);
    }
    for (; c < m; c++) {
        multiply_beside(x + c * n, y, n, is_lower, 1, out + c * n);
    }
}

/* In exponentials, a lane's share: of a number of a row that meets another row, in all
 * products and reflections, and of a rotation; measured at n = 27. */
#define ROW_UNITS      0.25
#define ROTATION_UNITS 8.0

void at_eights_cost(double n, double n_wanted, attrib_load *load)
{
    load->elements += (3 * n + n_wanted) * n * n * ROW_UNITS + n * n * ROTATION_UNITS;
}
