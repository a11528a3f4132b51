/* SPDX-License-Identifier: MIT */
/* The cost of products, with the library that does them: oneDNN and OpenBLAS may differ
 * by a factor of two on a processor that one of them does not know. */
#ifndef AT_LINALG_COST_H
#define AT_LINALG_COST_H

#include "base/load.h"
#include "linalg/linalg.h"

/* The sizes of a product as at_gemm() takes them, means that need not be whole:
 * A [m, k], op_b(B) [k, n]. */
typedef struct at_product_size {
    at_op op_b;
    double m, n, k;
} at_product_size;

/* Add `times` products, with the elements that they read and write. */
void at_load_product(attrib_load *load, at_product_size size, double times);

/* Add a product of at_syrk(): x' x of x [k, n]. */
void at_load_square(attrib_load *load, double n, double k);

/* Add products of at_add_dots() or at_combine_rows(), which count as those of OpenBLAS:
 * on a core of an AMD
 * EPYC (Zen 5) 95 to 142 GFLOP/s of 4 to 18 rows with 8 to 64, where OpenBLAS does 107
 * and oneDNN 230. */
void at_load_dots(attrib_load *load, double m, double n, double k);

#endif
