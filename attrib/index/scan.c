/* SPDX-License-Identifier: MIT */
/* 1. What a worker has.   2. Components.   3. Records. */
#include "index/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/wide.h"
#include "linalg/linalg.h"

/* 1. What a worker has */

/* A side of components that wait to be multiplied, and its products. */
typedef struct waiting {
    int16_t *rows;     /* [AT_SCAN_COMPONENTS, at_scan_row(dim)] */
    int32_t *products; /* [AT_SCAN_COMPONENTS, 16] */
    float *whole;      /* [AT_SCAN_COMPONENTS, dim] */
    float *by_whole;   /* [AT_SCAN_COMPONENTS, V r] */
} waiting;

struct at_scan_desk {
    at_record_reader readers[AT_PIECE_DOCUMENTS];
    size_t n;                             /* components that wait */
    size_t documents[AT_SCAN_COMPONENTS]; /* of each of them */
    float scales[AT_SCAN_COMPONENTS];
    double sums[AT_SCAN_COMPONENTS]; /* of one case */
    waiting u, v;
};

static attrib_status open_waiting(
    bool is_whole, size_t dim, size_t n_columns, waiting *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = AT_SCAN_COMPONENTS;
    if (is_whole) {
        AT_TRY(at_array(n * dim, sizeof *out->whole, &out->whole, err));
        AT_TRY(at_array(n * n_columns, sizeof *out->by_whole, &out->by_whole, err));
        return status;
    }
    AT_TRY(at_array(n * at_scan_row(dim) + AT_TRITS_PADDING, sizeof *out->rows,
                    &out->rows, err));
    AT_TRY(at_array(n * AT_INTEGER_COLUMNS, sizeof *out->products, &out->products, err));
done:
    return status;
}

static void close_waiting(waiting *side)
{
    free(side->rows);
    free(side->products);
    free(side->whole);
    free(side->by_whole);
}

attrib_status at_scan_desk_new(const at_index_shape *shape,
                               const at_scan_queries *queries,
                               at_scan_desk **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_scan_desk *made = NULL;
    size_t o = 0;
    size_t i = 0;
    size_t n_columns = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        o = at_larger(o, shape->maps[m].out_dim);
        i = at_larger(i, shape->maps[m].in_dim);
        n_columns = at_larger(n_columns, queries->maps[m].rank * queries->n_cases);
    }
    AT_TRY(at_array(1, sizeof *made, &made, err));
    AT_TRY(open_waiting(shape->is_whole, o, n_columns, &made->u, err));
    AT_TRY(open_waiting(shape->is_whole, i, n_columns, &made->v, err));
    *out = made;
    made = NULL;
done:
    at_scan_desk_free(made);
    return status;
}

void at_scan_desk_free(at_scan_desk *desk)
{
    if (desk) {
        close_waiting(&desk->u);
        close_waiting(&desk->v);
        free(desk);
    }
}

/* 2. Components */

/* Let a component wait. */
static void take(const at_index_map *map,
                 const at_packed *one,
                 size_t document,
                 at_scan_desk *desk)
{
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t at = desk->n++;
    desk->documents[at] = document;
    desk->scales[at] = one->scale;
    if (one->n_digits == 0) {
        memcpy(desk->u.whole + at * o, one->u, o * sizeof(float));
        memcpy(desk->v.whole + at * i, one->v, i * sizeof(float));
        return;
    }
    at_trits_get(one->u, one->end, o, one->n_digits, desk->u.rows + at * at_scan_row(o));
    at_trits_get(one->v, one->end, i, one->n_digits, desk->v.rows + at * at_scan_row(i));
}

/* sums [n] = the sum of 16 products by L and by R, in one order. */
AT_WIDE static void join(size_t n,
                         const int32_t *by_left,
                         const float *left_steps,
                         const int32_t *by_right,
                         const float *right_steps,
                         double *sums)
{
    for (size_t c = 0; c < n; c++) {
        float lanes[AT_SCAN_RANK];
        for (size_t j = 0; j < AT_SCAN_RANK; j++) {
            size_t at = c * AT_SCAN_RANK + j;
            lanes[j] = ((float)by_left[at] * left_steps[j]) *
                       ((float)by_right[at] * right_steps[j]);
        }
        for (size_t apart = AT_SCAN_RANK / 2; apart > 0; apart /= 2) {
            for (size_t j = 0; j < apart; j++) {
                lanes[j] += lanes[j + apart];
            }
        }
        sums[c] = (double)lanes[0];
    }
}

/* A component's u' L R' v of case v, from integers. */
static void multiply_rounded(const at_index_map *map,
                             const at_scan_map *of,
                             size_t v,
                             at_scan_desk *desk)
{
    const size_t row_u = at_scan_row(map->out_dim);
    const size_t row_v = at_scan_row(map->in_dim);
    const size_t column = v * AT_SCAN_RANK;
    at_integer_product(desk->n, row_u / 2, desk->u.rows, of->left.levels + column * row_u,
                       desk->u.products);
    at_integer_product(desk->n, row_v / 2, desk->v.rows,
                       of->right.levels + column * row_v, desk->v.products);
    join(desk->n, desk->u.products, of->left.steps + column, desk->v.products,
         of->right.steps + column, desk->sums);
}

/* The same in f32: the first case multiplies for all of them. */
static void multiply_whole(const at_index_map *map,
                           const at_scan_map *of,
                           size_t v,
                           at_scan_desk *desk)
{
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t r = of->rank;
    size_t n_columns = of->n_cases * r;
    if (v == 0) {
        at_gemm(AT_PLAIN, AT_PLAIN, desk->n, n_columns, o, 1.0F, desk->u.whole, o,
                of->left.whole, n_columns, 0.0F, desk->u.by_whole, n_columns);
        at_gemm(AT_PLAIN, AT_PLAIN, desk->n, n_columns, i, 1.0F, desk->v.whole, i,
                of->right.whole, n_columns, 0.0F, desk->v.by_whole, n_columns);
    }
    for (size_t c = 0; c < desk->n; c++) {
        desk->sums[c] = at_dot(desk->u.by_whole + c * n_columns + v * r,
                               desk->v.by_whole + c * n_columns + v * r, r);
    }
}

/* Add the scores of the components that wait. */
static void add_waiting(const at_index_map *map,
                        const at_scan_map *of,
                        at_scan_desk *desk,
                        double *out)
{
    size_t n_cases = of->n_cases;
    for (size_t v = 0; desk->n > 0 && v < n_cases; v++) {
        if (of->left.whole) {
            multiply_whole(map, of, v, desk);
        } else {
            multiply_rounded(map, of, v, desk);
        }
        for (size_t c = 0; c < desk->n; c++) {
            out[desk->documents[c] * n_cases + v] +=
                (double)desk->scales[c] * desk->sums[c];
        }
    }
    desk->n = 0;
}

/* Documents whose bytes are asked for before they are needed: each is of another record,
 * so that no processor foresees where they stand. */
#define N_AHEAD    ((size_t)12)
#define CACHE_LINE ((size_t)64)

/* Ask for the components of map m of a document, as if all had two digits. */
static void ask(const at_index_shape *shape,
                const at_record_reader *reader,
                size_t m,
                size_t bytes)
{
    const uint8_t *from = reader->bytes + reader->at;
    const uint8_t *end = from + at_record_count(shape, reader, m) * bytes;
    for (; from < end; from += CACHE_LINE) {
        __builtin_prefetch(from);
    }
}

/* Add the scores of map m. */
static void scan_map(const at_index_shape *shape,
                     const at_scan_queries *queries,
                     size_t m,
                     size_t n,
                     at_scan_desk *desk,
                     double *out)
{
    const at_index_map *map = &shape->maps[m];
    const size_t bytes = at_component_bytes(map, 2);
    for (size_t d = 0; d < n; d++) {
        if (d + N_AHEAD < n) {
            ask(shape, &desk->readers[d + N_AHEAD], m, bytes);
        }
        size_t n_kept = at_record_count(shape, &desk->readers[d], m);
        for (size_t c = 0; c < n_kept; c++) {
            at_packed one = at_record_next(shape, m, &desk->readers[d]);
            take(map, &one, d, desk);
            if (desk->n == AT_SCAN_COMPONENTS) {
                add_waiting(map, &queries->maps[m], desk, out);
            }
        }
    }
    add_waiting(map, &queries->maps[m], desk, out);
}

/* 3. Records */

static void add_bounds(const at_scan_map *of,
                       const at_recorded *kept,
                       size_t n_cases,
                       double *bounds)
{
    for (size_t v = 0; v < n_cases; v++) {
        bounds[v] += of->norm[v] * kept->left + of->error[v] * (kept->norm + kept->left);
    }
}

void at_scan_records(const at_index_shape *shape,
                     const at_scan_queries *queries,
                     const at_record_list *list,
                     at_scan_desk *desk,
                     double *out,
                     double *bounds)
{
    size_t n_cases = queries->n_cases;
    size_t n = list->n;
    memset(out, 0, n * n_cases * sizeof *out);
    if (bounds) {
        memset(bounds, 0, n * n_cases * sizeof *bounds);
    }
    for (size_t d = 0; d < n; d++) {
        at_record_begin(shape, list->records + list->listed[d] * shape->record_bytes,
                        &desk->readers[d]);
    }
    for (size_t m = 0; m < shape->n_maps; m++) {
        for (size_t d = 0; bounds && d < n; d++) {
            at_recorded kept = at_record_map(shape, &desk->readers[d], m);
            add_bounds(&queries->maps[m], &kept, n_cases, bounds + d * n_cases);
        }
        scan_map(shape, queries, m, n, desk, out);
    }
}
