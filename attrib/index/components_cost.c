/* SPDX-License-Identifier: MIT */
/* What it costs to find components. */
#include "index/components.h"
#include "linalg/cost.h"
#include "linalg/small.h"

/* In exponentials: of a number of a row from which another one is taken. */
#define UNITS_TAKEN 0.1

/* The cost of making t rows of n numbers orthonormal, `times` times. */
static void orthonormal_cost(double t, double n, double times, attrib_load *load)
{
    attrib_load once = {0};
    at_load_dots(&once, t, t / 2, n);
    once.elements += t * t / 2 * (n * UNITS_TAKEN + t);
    at_load_add(load, &once, times);
}

/* The cost of reduce(). */
static void reduce_cost(double n_rows, double t, double o, double i, attrib_load *load)
{
    at_load_product(load, (at_product_size){AT_PLAIN, t, o, n_rows}, 3);
    at_load_product(load, (at_product_size){AT_TRANSPOSED, n_rows, t, i}, 2);
    at_load_product(load, (at_product_size){AT_TRANSPOSED, n_rows, t, o}, 3);
    at_load_product(load, (at_product_size){AT_PLAIN, t, i, n_rows}, 3);
    orthonormal_cost(t, o, 4, load);
    orthonormal_cost(t, i, 2, load);
    load->elements += n_rows * t; /* signs */
}

void at_components_cost(const at_row_product *size,
                        size_t most,
                        bool is_whole,
                        attrib_load *load)
{
    size_t reduced = at_reduced_rows(size->n_rows, most, is_whole);
    double t = (double)reduced;
    double n = (double)at_smaller(most, reduced);
    double o = (double)size->out_dim;
    double i = (double)size->in_dim;
    if (reduced < size->n_rows) {
        reduce_cost((double)size->n_rows, t, o, i, load);
    }
    at_load_dots(load, t, (t + (double)AT_GRAM_ROWS) / 2, o + i);
    at_load_dots(load, n, o + i, t);
    if (!is_whole && reduced <= AT_GROUP_ROWS) {
        at_eights_cost(t, n, load);
        return;
    }
    at_small_product_cost(t, t, t, load);
    at_small_product_cost(t, t, t, load);
    at_small_product_cost(n, t, t, load);
    at_small_product_cost(n, t, t, load);
    at_small_eigen_cost(t, load);
    load->elements += t * t * t / 3; /* the triangle L */
}
