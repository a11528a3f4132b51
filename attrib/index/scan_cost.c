/* SPDX-License-Identifier: MIT */
/* What a scan costs: of its queries, and of the records. */
#include <math.h>

#include "curvature/inverse.h"
#include "index/scan.h"
#include "linalg/cost.h"

/* The rank that a query is cut to in a map. */
static double rank_of(const at_index_shape *shape, size_t i_map)
{
    const at_index_map *map = &shape->maps[i_map];
    double whole = (double)at_smaller(map->out_dim, map->in_dim);
    return shape->is_whole ? whole : fmin((double)AT_SCAN_RANK, whole);
}

void at_scan_queries_cost(const at_index_shape *shape,
                          const at_factor *factor,
                          size_t i_map,
                          double n_cases,
                          attrib_load *load)
{
    double o = (double)factor->out_dim;
    double i = (double)factor->in_dim;
    double k = (double)factor->basis_a.n_blocks;
    attrib_load one = {.elements = o * i * AT_UNITS_DIVIDE}; /* by the scales */
    at_load_product(&one, (at_product_size){AT_TRANSPOSED, o, i / k, i / k}, k);
    at_load_product(&one, (at_product_size){AT_PLAIN, o / k, i, o / k}, k);
    at_low_rank_cost(o, i, rank_of(shape, i_map), &one);
    if (!shape->is_whole) { /* what rounding leaves */
        at_load_product(&one,
                        (at_product_size){AT_TRANSPOSED, o, i, rank_of(shape, i_map)}, 1);
    }
    at_load_add(load, &one, n_cases);
}

/* Planes of a component: of the default model's, 1.72 at 8 KiB a document and 1.86 at 32
 * KiB, where records are full. */
#define PLANES 1.8

/* Numbers of components that so many bytes of records keep. */
static double numbers_of(const at_index_shape *shape, double bytes)
{
    return shape->is_whole ? bytes / sizeof(float)
                           : bytes * (double)AT_TRITS_A_BYTE / PLANES;
}

/* Numbers of a component of all maps. */
static double widths_of(const at_index_shape *shape)
{
    double widths = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        widths += (double)(shape->maps[m].out_dim + shape->maps[m].in_dim);
    }
    return widths;
}

/* Components of a map that are kept whole and multiplied by the factors of all queries,
 * as if of all maps as many were kept. */
static void add_whole(const at_index_shape *shape,
                      size_t i_map,
                      double n_components,
                      double n_cases,
                      attrib_load *load)
{
    double n = (double)AT_SCAN_COMPONENTS;
    double columns = n_cases * rank_of(shape, i_map);
    double o = (double)shape->maps[i_map].out_dim;
    double i = (double)shape->maps[i_map].in_dim;
    at_load_product(load, (at_product_size){AT_PLAIN, n, columns, o}, n_components / n);
    at_load_product(load, (at_product_size){AT_PLAIN, n, columns, i}, n_components / n);
    load->elements += n_components * columns * AT_UNITS_SUM;
}

/* In exponentials: a byte of a record, read as digits, and checked; and a number of a
 * component, multiplied by the 16 of a query. Measured at 8 KiB a document (bench_scan).
 */
#define UNITS_READ       0.22
#define UNITS_CHECKED    0.08
#define UNITS_MULTIPLIED 0.12

void at_scan_records_cost(const at_index_shape *shape,
                          double n_documents,
                          double n_cases,
                          attrib_load *load)
{
    double bytes = n_documents * (double)shape->record_bytes;
    double numbers = numbers_of(shape, bytes);
    load->elements += bytes * UNITS_CHECKED;
    load->bytes += bytes;
    if (!shape->is_whole) {
        load->elements += bytes * UNITS_READ + n_cases * numbers * UNITS_MULTIPLIED;
        return;
    }
    for (size_t m = 0; m < shape->n_maps; m++) {
        add_whole(shape, m, numbers / widths_of(shape), n_cases, load);
    }
}

/* Bytes of a number of a query's factor and, for a worker, of components that wait. */
static double number_bytes(const at_index_shape *shape)
{
    return shape->is_whole ? sizeof(float) : sizeof(int16_t);
}

/* Bytes that a worker has of a scan. */
static double desk_bytes(const at_index_shape *shape, double n_cases)
{
    double n = (double)AT_SCAN_COMPONENTS;
    double o = 0;
    double i = 0;
    double columns = (double)AT_SCAN_RANK;
    for (size_t m = 0; m < shape->n_maps; m++) {
        o = fmax(o, (double)shape->maps[m].out_dim);
        i = fmax(i, (double)shape->maps[m].in_dim);
        columns = shape->is_whole ? fmax(columns, n_cases * rank_of(shape, m)) : columns;
    }
    return n * (number_bytes(shape) * (o + i) + 2 * sizeof(float) * columns);
}

/* Bytes that a worker takes while it turns a map of the queries: its gradient twice, and
 * the map's eigenvectors. */
static double turning_bytes(const at_index_shape *shape)
{
    double most = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        double o = (double)shape->maps[m].out_dim;
        double i = (double)shape->maps[m].in_dim;
        most = fmax(most, sizeof(float) * (2 * o * i + o * o + i * i));
    }
    return most;
}

double at_scan_bytes(const at_index_shape *shape,
                     double n_cases,
                     double n_workers,
                     double n_mapped)
{
    double of_round = (double)(AT_SCAN_PIECES * AT_PIECE_DOCUMENTS) *
                      (n_cases * sizeof(double) + 2 * sizeof(size_t) + sizeof(float));
    double queries = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        double columns = shape->is_whole ? rank_of(shape, m) : (double)AT_SCAN_RANK;
        queries += n_cases * columns * number_bytes(shape) *
                   (double)(shape->maps[m].out_dim + shape->maps[m].in_dim);
    }
    return queries + fmax(n_workers * turning_bytes(shape),
                          of_round + n_workers * desk_bytes(shape, n_cases) +
                              n_mapped * (double)shape->record_bytes);
}
