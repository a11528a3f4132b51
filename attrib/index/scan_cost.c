/* SPDX-License-Identifier: MIT */
/* What a scan costs: of its queries, and of the records. */
#include <math.h>

#include "curvature/inverse.h"
#include "index/scan.h"
#include "linalg/cost.h"

void at_scan_queries_cost(const at_factor *factor, double n_cases, attrib_load *load)
{
    double o = (double)factor->out_dim;
    double i = (double)factor->in_dim;
    double k = (double)factor->basis_a.n_blocks;
    attrib_load one = {.elements = o * i * AT_UNITS_DIVIDE}; /* by the scales */
    at_load_product(&one, (at_product_size){AT_TRANSPOSED, o, i / k, i / k}, k);
    at_load_product(&one, (at_product_size){AT_PLAIN, o / k, i, o / k}, k);
    at_low_rank_cost(o, i, fmin((double)AT_SCAN_RANK, fmin(o, i)), &one);
    at_load_add(load, &one, n_cases);
}

/* In exponentials, of a byte of a record: sums that are looked up for each query, digits
 * that are unpacked once, and checks. Measured at 8 KiB a document (bench_scan). */
#define UNITS_LOOKED_UP 2.5
#define UNITS_UNPACKED  1.2
#define UNITS_CHECKED   0.8

void at_scan_records_cost(const at_index_shape *shape,
                          double n_documents,
                          double n_cases,
                          attrib_load *load)
{
    double bytes = n_documents * (double)shape->record_bytes;
    bool is_looked_up = !shape->is_whole && n_cases <= (double)AT_MOST_LOOKED_UP;
    double numbers =
        shape->is_whole ? bytes / sizeof(float) : bytes * (double)AT_TRITS_A_BYTE;
    load->elements += bytes * UNITS_CHECKED;
    load->bytes += bytes;
    if (is_looked_up) {
        load->elements += bytes * n_cases * UNITS_LOOKED_UP;
    } else {
        load->elements += bytes * UNITS_UNPACKED;
        at_load_product(
            load, (at_product_size){AT_PLAIN, numbers, n_cases * (double)AT_SCAN_RANK, 1},
            1);
    }
}
