/* SPDX-License-Identifier: MIT */
/* Costs of the orders of contraction, and the choice of the cheapest. */
#include "score/contraction.h"

#include <math.h>

#include "linalg/cost.h"

/* Multiply-adds that take as long as fetching one float of the queries, and as writing
 * and reading back one float of a gradient. Queries come from memory, as they are larger
 * than a cache; a gradient is read soon after it was written. Measured on a core of an
 * AMD EPYC (Zen 4) with maps of [1024, 768], where a multiply-add takes 0.02 ns: 0.23 ns
 * for a float of 64 queries and 0.43 ns for one of a single query, which are 11 and 21
 * multiply-adds; 0.1 to 0.3 ns for a float of a gradient, 5 to 15 of them. */
#define QUERY_TRAFFIC    16.0
#define GRADIENT_TRAFFIC 8.0
/* Traffic is counted in the multiply-adds that take as long. Plans count it in bytes:
 * this many for each of those multiply-adds. A core of the same machine does 47 billion
 * multiply-adds and reads 19 to 27 GB a second (attrib_machine_measure()). */
#define TRAFFIC_BYTES 0.5
/* Floats of a product [rows, V r] that stay in a cache: 1 MiB. Measured at rank 32 on a
 * core with a second cache of 1 MiB, against the best of 2^15 to 2^21: 2^18 takes as long
 * for maps of [352, 128], where all are within 8 %, and 1 % more for [3072, 768], where
 * 2^16 takes 14 % more and 2^15 takes 30 % more. */
#define FACTOR_FLOATS ((size_t)1 << 18)

const char *at_contraction_name(at_contraction contraction)
{
    static const char *const names[] = {"gradients", "rows", "factors", "rebuilding"};
    return names[contraction];
}

size_t at_gradients_held(const at_contracted *map, size_t n_sequences)
{
    size_t n = AT_GRADIENT_FLOATS / map->out_dim / map->in_dim;
    n = n < n_sequences ? n : n_sequences;
    return n ? n : 1;
}

at_tile at_group_of(size_t place, size_t most, size_t n_first)
{
    if (place < n_first) {
        size_t first = place / most * most;
        return (at_tile){first, at_smaller(most, n_first - first)};
    }
    return (at_tile){n_first + (place - n_first) / most * most, most};
}

/* The sizes that every cost is computed from. */
typedef struct work {
    double o, i, r, queries, rows, sequences;
    double groups; /* groups of sequences whose gradients are held at a time */
} work;

static work work_of(const at_contracted *map,
                    size_t n_queries,
                    size_t n_rows,
                    size_t n_sequences)
{
    size_t held = at_gradients_held(map, n_sequences);
    size_t groups = n_sequences / held + (n_sequences % held != 0);
    return (work){(double)map->out_dim, (double)map->in_dim, (double)map->rank,
                  (double)n_queries,    (double)n_rows,      (double)n_sequences,
                  (double)groups};
}

/* Form G of each sequence, rows O I; multiply it with all queries, sequences Q O I. */
static at_cost by_gradients(const work *w)
{
    double entries = w->o * w->i;
    double products = w->rows * entries + w->sequences * w->queries * entries;
    double traffic = w->sequences * entries * GRADIENT_TRAFFIC +
                     w->groups * w->queries * entries * QUERY_TRAFFIC;
    return (at_cost){products, products + traffic};
}

/* Multiply all rows with each whole query: Q rows O I. */
static at_cost by_rows(const work *w)
{
    double entries = w->o * w->i;
    double products = w->queries * w->rows * entries;
    return (at_cost){products, products + w->queries * entries * QUERY_TRAFFIC};
}

/* Norms of the gradients. ||G||^2 = sum_{s, t} (ds_s . ds_t)(a_s . a_t) is symmetric in s
 * and t, so half of it is computed: T^2 (O + I) / 2 a sequence. Forming G takes O I T. */
static double norm_products(const work *w)
{
    double length = w->rows / w->sequences;
    double by_rows_of = length * length * (w->o + w->i) / 2;
    double by_gradient = length * w->o * w->i;
    return w->sequences * (by_rows_of < by_gradient ? by_rows_of : by_gradient);
}

/* Multiply all rows with both factors of each query, Q rows r (O + I); take the norms. */
static at_cost by_factors(const work *w)
{
    double products = w->queries * w->rows * w->r * (w->o + w->i) + norm_products(w);
    return (at_cost){products, products};
}

/* by_gradients(), where P is not fetched but rebuilt, Q r O I for each group of
 * gradients. */
static at_cost by_rebuilding(const work *w)
{
    double entries = w->o * w->i;
    at_cost all = by_gradients(w);
    double rebuilt = w->groups * w->queries * entries * w->r;
    all.products += rebuilt;
    all.with_traffic += rebuilt;
    return all;
}

size_t at_factors_at_a_time(const at_contracted *map, size_t n_rows)
{
    size_t n = n_rows ? FACTOR_FLOATS / n_rows / map->rank : 1;
    return n ? n : 1;
}

bool at_norm_by_rows(const at_contracted *map, size_t n_rows)
{
    double half = (double)n_rows * ((double)map->out_dim + (double)map->in_dim) / 2;
    return half < (double)map->out_dim * (double)map->in_dim;
}

at_contraction at_contraction_choose(const at_contracted *map,
                                     size_t n_rows,
                                     size_t n_sequences,
                                     at_cost *cost)
{
    work run = work_of(map, map->n_of_run, n_rows, n_sequences);
    work held = work_of(map, map->n_queries, n_rows, n_sequences);
    bool is_full = map->rank == 0;
    at_cost (*gathered)(const work *) = is_full ? by_gradients : by_rebuilding;
    at_cost (*direct)(const work *) = is_full ? by_rows : by_factors;
    if (map->by_token || direct(&run).with_traffic <= gathered(&run).with_traffic) {
        *cost = direct(&held);
        return is_full ? AT_BY_ROWS : AT_BY_FACTORS;
    }
    *cost = gathered(&held);
    return is_full ? AT_BY_GRADIENTS : AT_BY_REBUILDING;
}

/* Add the products of rows with the factors of cut queries, some of these at a time, and
 * those of the norms, by small products whichever way they are taken. */
static void add_by_factors(const at_contracted *map, const work *w, attrib_load *load)
{
    double at_a_time = (double)at_factors_at_a_time(map, (size_t)w->rows);
    double n_groups = ceil(w->queries / at_a_time);
    double width = w->queries / n_groups * w->r;
    double of_norms = 2 * norm_products(w);
    at_load_product(load, (at_product_size){AT_PLAIN, w->rows, width, w->o}, n_groups);
    at_load_product(load, (at_product_size){AT_PLAIN, w->rows, width, w->i}, n_groups);
    load->flop += of_norms;
    load->blas_flop += of_norms;
}

/* Add the products that form gradients, and those of queries with them; `at_a_time`
 * queries are rebuilt before from their factors, or all of them are whole. */
static void add_by_gradients(const work *w,
                             double at_a_time,
                             bool is_rebuilt,
                             attrib_load *load)
{
    double entries = w->o * w->i;
    double n_parts = ceil(w->queries / at_a_time);
    double held = w->sequences / w->groups;
    attrib_load of_group = {0};
    attrib_load part = {0};
    at_load_dots(&part, held, w->queries / n_parts, entries);
    at_load_add(&of_group, &part, n_parts);
    if (is_rebuilt) {
        at_load_product(&of_group, (at_product_size){AT_TRANSPOSED, w->o, w->i, w->r},
                        w->queries);
    }
    at_load_product(load, (at_product_size){AT_PLAIN, w->o, w->i, w->rows / w->sequences},
                    w->sequences);
    at_load_add(load, &of_group, w->groups);
}

void at_contract_cost(const at_contracted *map,
                      double n_rows,
                      double n_sequences,
                      attrib_load *load)
{
    double n = fmax(1, round(n_sequences));
    double sums = 0; /* products of f32 pairs that are summed in f64 */
    at_cost cost = {0};
    at_contraction way = at_contraction_choose(map, (size_t)n_rows, (size_t)n, &cost);
    work held = work_of(map, map->n_queries, (size_t)n_rows, (size_t)n);
    switch (way) {
    case AT_BY_ROWS:
        at_load_product(load, (at_product_size){AT_PLAIN, held.rows, held.i, held.o},
                        held.queries);
        sums = n_rows * held.queries * held.i;
        break;
    case AT_BY_FACTORS:
        add_by_factors(map, &held, load);
        sums = n_rows * held.queries * held.r;
        break;
    case AT_BY_GRADIENTS:
        add_by_gradients(&held, held.queries, false, load);
        break;
    case AT_BY_REBUILDING:
        add_by_gradients(&held, (double)AT_REBUILT_AT_A_TIME, true, load);
        break;
    }
    load->elements += sums * AT_UNITS_SUM;
    load->bytes += (cost.with_traffic - cost.products) * TRAFFIC_BYTES;
}
