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
    at_load_add(load, &one, n_cases);
}

/* Planes of a component: of the default model's, 1.72 at 8 KiB a document and 1.86 at 32
 * KiB, where records are full. */
#define PLANES 1.8

/* Components that records of so many bytes keep of each map, as if of all maps they kept
 * as many. */
static double components_of(const at_index_shape *shape, double bytes)
{
    double of_number = shape->is_whole ? sizeof(float) : PLANES / (double)AT_TRITS_A_BYTE;
    double widths = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        widths += (double)(shape->maps[m].out_dim + shape->maps[m].in_dim);
    }
    return bytes / (of_number * widths);
}

/* Components of a map that are unpacked, multiplied by the factors of all queries, and
 * joined. */
static void add_unpacked(const at_index_shape *shape,
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

/* In exponentials, of a byte of a record: sums that are looked up for each query, digits
 * that are unpacked once, and checks. Measured at 8 KiB a document (bench_scan). */
#define UNITS_LOOKED_UP 2.5
#define UNITS_UNPACKED  1.2
#define UNITS_CHECKED   0.8

static bool is_looked_up(const at_index_shape *shape, double n_cases)
{
    return !shape->is_whole && n_cases <= (double)AT_MOST_LOOKED_UP;
}

void at_scan_records_cost(const at_index_shape *shape,
                          double n_documents,
                          double n_cases,
                          attrib_load *load)
{
    double bytes = n_documents * (double)shape->record_bytes;
    double n_components = components_of(shape, bytes);
    load->elements += bytes * UNITS_CHECKED;
    load->bytes += bytes;
    if (is_looked_up(shape, n_cases)) {
        load->elements += bytes * n_cases * UNITS_LOOKED_UP;
        return;
    }
    load->elements += bytes * UNITS_UNPACKED;
    for (size_t m = 0; m < shape->n_maps; m++) {
        add_unpacked(shape, m, n_components, n_cases, load);
    }
}

/* Bytes that a worker has of a scan. */
static double desk_bytes(const at_index_shape *shape, double n_cases)
{
    double looked_up = 0;
    double o = 0;
    double i = 0;
    double rank = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        o = fmax(o, (double)shape->maps[m].out_dim);
        i = fmax(i, (double)shape->maps[m].in_dim);
        rank = fmax(rank, rank_of(shape, m));
        looked_up += n_cases * (double)AT_SCAN_RANK *
                     (double)(shape->maps[m].out_dim + shape->maps[m].in_dim);
    }
    return sizeof(float) *
           (is_looked_up(shape, n_cases)
                ? looked_up
                : (double)AT_SCAN_COMPONENTS * (o + i + 2 * n_cases * rank));
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
        queries += n_cases * rank_of(shape, m) * sizeof(float) *
                   (double)(shape->maps[m].out_dim + shape->maps[m].in_dim);
    }
    return queries + fmax(n_workers * turning_bytes(shape),
                          of_round + n_workers * desk_bytes(shape, n_cases) +
                              n_mapped * (double)shape->record_bytes);
}
