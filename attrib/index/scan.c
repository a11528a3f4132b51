/* SPDX-License-Identifier: MIT */
/* 1. Queries.   2. What a worker has.   3. Components that are unpacked.   4. Components
 * that are looked up.   5. Records. */
#include "index/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "index/lookups.h"
#include "linalg/linalg.h"

/* 1. Queries */

typedef struct turning {
    const at_setup *setup;
    const at_prepared *prepared;
    const at_index_shape *shape;
    size_t rank;
    at_scan_queries *out;
} turning;

/* P of case v in one map, [O, I]. */
static void take_whole(const at_prepared_map *map, size_t v, size_t n_cases, float *out)
{
    size_t n_columns = n_cases * map->rank;
    if (map->rank == 0) {
        memcpy(out, map->p + v * map->out_dim * map->in_dim,
               map->out_dim * map->in_dim * sizeof *out);
        return;
    }
    at_gemm(AT_PLAIN, AT_TRANSPOSED, map->out_dim, map->in_dim, map->rank, 1.0F,
            map->left + v * map->rank, n_columns, map->right + v * map->rank, n_columns,
            0.0F, out, map->in_dim);
}

/* q [O, I] = diag(1 / scale_out) q diag(1 / scale_in); returns its norm. */
static double unscale(const at_index_map *map, float *q)
{
    for (size_t i = 0; i < map->out_dim; i++) {
        for (size_t j = 0; j < map->in_dim; j++) {
            double scale = (double)map->scale_out[i] * (double)map->scale_in[j];
            q[i * map->in_dim + j] = (float)((double)q[i * map->in_dim + j] / scale);
        }
    }
    return sqrt(at_dot(q, q, map->out_dim * map->in_dim));
}

/* Put the factors of one case, [dim, r], into those of all, [dim, V r]. */
static void put_factor(
    const float *from, size_t dim, size_t rank, size_t v, size_t n_cases, float *out)
{
    for (size_t i = 0; i < dim; i++) {
        memcpy(out + (i * n_cases + v) * rank, from + i * rank, rank * sizeof *out);
    }
}

/* Arrays that one map is turned with. */
typedef struct turn_desk {
    float *q, *scratch;  /* [O, I] */
    float *left, *right; /* [O, r], [I, r] */
} turn_desk;

static attrib_status open_map(const turning *self,
                              size_t m,
                              turn_desk *desk,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_index_map *map = &self->shape->maps[m];
    at_scan_map *out = &self->out->maps[m];
    size_t n_cases = self->out->n_cases;
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    out->rank = at_smaller(self->rank, at_smaller(o, i));
    AT_TRY(at_array(o * n_cases * out->rank, sizeof(float), &out->left, err));
    AT_TRY(at_array(i * n_cases * out->rank, sizeof(float), &out->right, err));
    AT_TRY(at_array(n_cases, sizeof(double), &out->norm, err));
    AT_TRY(at_array(n_cases, sizeof(double), &out->error, err));
    AT_TRY(at_array(o * i, sizeof(float), &desk->q, err));
    AT_TRY(at_array(o * i, sizeof(float), &desk->scratch, err));
    AT_TRY(at_array(o * out->rank, sizeof(float), &desk->left, err));
    AT_TRY(at_array(i * out->rank, sizeof(float), &desk->right, err));
done:
    return status;
}

static attrib_status turn_map(void *context, size_t i_worker, size_t m, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const turning *self = context;
    const at_index_map *map = &self->shape->maps[m];
    at_scan_map *out = &self->out->maps[m];
    size_t n_cases = self->out->n_cases;
    turn_desk desk = {0};
    at_factor factor = {0};
    (void)i_worker;
    AT_TRY(open_map(self, m, &desk, err));
    AT_TRY(at_factor_load(self->setup->factors, m, AT_PIECES_BASIS, &factor, err));
    for (size_t v = 0; v < n_cases; v++) {
        take_whole(&self->prepared->maps[m], v, n_cases, desk.q);
        at_rotate_gradient(NULL, &factor, desk.q, desk.scratch, desk.q);
        out->norm[v] = unscale(map, desk.q);
        AT_TRY(at_low_rank(map->out_dim, map->in_dim, desk.q, out->rank, desk.left,
                           desk.right, &out->error[v], err));
        put_factor(desk.left, map->out_dim, out->rank, v, n_cases, out->left);
        put_factor(desk.right, map->in_dim, out->rank, v, n_cases, out->right);
    }
done:
    at_factor_unload(self->setup->factors, &factor);
    free(desk.q);
    free(desk.scratch);
    free(desk.left);
    free(desk.right);
    return status;
}

attrib_status at_scan_queries_new(const at_setup *setup,
                                  const at_prepared *prepared,
                                  const at_index_shape *shape,
                                  size_t rank,
                                  at_scan_queries *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_scan_queries made = {.n_cases = prepared->n_cases, .n_maps = shape->n_maps};
    turning self = {setup, prepared, shape, rank, &made};
    AT_TRY(at_array(made.n_maps, sizeof *made.maps, &made.maps, err));
    AT_TRY(at_parallel_for(setup->session, made.n_maps, turn_map, &self, err));
    *out = made;
    made = (at_scan_queries){0};
done:
    at_scan_queries_free(&made);
    return status;
}

void at_scan_queries_free(at_scan_queries *queries)
{
    for (size_t m = 0; queries->maps && m < queries->n_maps; m++) {
        free(queries->maps[m].left);
        free(queries->maps[m].right);
        free(queries->maps[m].norm);
        free(queries->maps[m].error);
    }
    free(queries->maps);
    *queries = (at_scan_queries){0};
}

/* 2. What a worker has */

/* Planes that are looked up at a time, so many that the sums of rows are used often while
 * the products stay in a cache. */
#define PLANES_AT_A_TIME ((size_t)512)

/* A component whose planes are looked up. */
typedef struct listed {
    size_t document;
    float scale;
    unsigned n_digits;
} listed;

struct at_scan_desk {
    at_trit_table table;
    at_record_reader readers[AT_PIECE_DOCUMENTS];
    size_t documents[AT_SCAN_COMPONENTS]; /* whose components they are */
    float *u, *v;                         /* [AT_SCAN_COMPONENTS, widest] */
    float *by_u, *by_v;                   /* [AT_SCAN_COMPONENTS, V r] */
    /* Used where components are looked up; NULL where they are unpacked. */
    float **left, **right; /* [n_maps] of [V, O, 16], [V, I, 16] */
    size_t n_maps;
    _Alignas(64) at_lookup_table sums;
    const uint8_t *planes_u[PLANES_AT_A_TIME], *planes_v[PLANES_AT_A_TIME];
    listed components[PLANES_AT_A_TIME];
    _Alignas(64) float products_u[PLANES_AT_A_TIME][AT_LOOKUP_WIDTH];
    _Alignas(64) float products_v[PLANES_AT_A_TIME][AT_LOOKUP_WIDTH];
};

/* Whether components are looked up. */
static bool is_looked_up(const at_index_shape *shape, const at_scan_queries *queries)
{
    bool fits = !shape->is_whole && queries->n_cases <= AT_MOST_LOOKED_UP;
    for (size_t m = 0; m < shape->n_maps; m++) {
        fits = fits && queries->maps[m].rank <= AT_LOOKUP_WIDTH;
    }
    return fits;
}

/* Copy factors [dim, V r] to [V, dim, 16], with zeros after the r. */
static attrib_status spread(const float *from,
                            size_t dim,
                            size_t rank,
                            size_t n_cases,
                            float **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(n_cases * dim * AT_LOOKUP_WIDTH, sizeof **out, out, err));
    for (size_t v = 0; v < n_cases; v++) {
        for (size_t i = 0; i < dim; i++) {
            memcpy(*out + (v * dim + i) * AT_LOOKUP_WIDTH,
                   from + (i * n_cases + v) * rank, rank * sizeof **out);
        }
    }
done:
    return status;
}

static attrib_status spread_all(const at_index_shape *shape,
                                const at_scan_queries *queries,
                                at_scan_desk *desk,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    desk->n_maps = shape->n_maps;
    at_lookup_table_fill(&desk->sums);
    AT_TRY(at_array(shape->n_maps, sizeof(float *), &desk->left, err));
    AT_TRY(at_array(shape->n_maps, sizeof(float *), &desk->right, err));
    for (size_t m = 0; m < shape->n_maps; m++) {
        const at_scan_map *of = &queries->maps[m];
        AT_TRY(spread(of->left, shape->maps[m].out_dim, of->rank, queries->n_cases,
                      &desk->left[m], err));
        AT_TRY(spread(of->right, shape->maps[m].in_dim, of->rank, queries->n_cases,
                      &desk->right[m], err));
    }
done:
    return status;
}

static attrib_status deal_unpacked(const at_index_shape *shape,
                                   const at_scan_queries *queries,
                                   at_scan_desk *desk,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = AT_SCAN_COMPONENTS;
    size_t o = 0;
    size_t i = 0;
    size_t r = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        o = at_larger(o, shape->maps[m].out_dim);
        i = at_larger(i, shape->maps[m].in_dim);
        r = at_larger(r, queries->maps[m].rank);
    }
    at_trit_table_fill(&desk->table);
    AT_TRY(at_array(n * o + AT_TRITS_PADDING, sizeof(float), &desk->u, err));
    AT_TRY(at_array(n * i + AT_TRITS_PADDING, sizeof(float), &desk->v, err));
    AT_TRY(at_array(n * queries->n_cases * r, sizeof(float), &desk->by_u, err));
    AT_TRY(at_array(n * queries->n_cases * r, sizeof(float), &desk->by_v, err));
done:
    return status;
}

attrib_status at_scan_desk_new(const at_index_shape *shape,
                               const at_scan_queries *queries,
                               at_scan_desk **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_scan_desk *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    AT_TRY(is_looked_up(shape, queries) ? spread_all(shape, queries, made, err)
                                        : deal_unpacked(shape, queries, made, err));
    *out = made;
    made = NULL;
done:
    at_scan_desk_free(made);
    return status;
}

void at_scan_desk_free(at_scan_desk *desk)
{
    for (size_t m = 0; desk && m < desk->n_maps; m++) {
        free(desk->left ? desk->left[m] : NULL);
        free(desk->right ? desk->right[m] : NULL);
    }
    if (desk) {
        free(desk->left);
        free(desk->right);
        free(desk->u);
        free(desk->v);
        free(desk->by_u);
        free(desk->by_v);
        free(desk);
    }
}

/* 3. Components that are unpacked */

/* Add u' L R' v of n components of map m to the scores of their documents. */
static void add_components(const at_index_shape *shape,
                           const at_scan_queries *queries,
                           size_t m,
                           size_t n,
                           const at_scan_desk *desk,
                           double *out)
{
    const at_index_map *map = &shape->maps[m];
    const at_scan_map *of = &queries->maps[m];
    size_t n_cases = queries->n_cases;
    size_t n_columns = n_cases * of->rank;
    at_gemm(AT_PLAIN, AT_PLAIN, n, n_columns, map->out_dim, 1.0F, desk->u, map->out_dim,
            of->left, n_columns, 0.0F, desk->by_u, n_columns);
    at_gemm(AT_PLAIN, AT_PLAIN, n, n_columns, map->in_dim, 1.0F, desk->v, map->in_dim,
            of->right, n_columns, 0.0F, desk->by_v, n_columns);
    for (size_t k = 0; k < n; k++) {
        double *scores = out + desk->documents[k] * n_cases;
        for (size_t v = 0; v < n_cases; v++) {
            scores[v] += at_dot(desk->by_u + k * n_columns + v * of->rank,
                                desk->by_v + k * n_columns + v * of->rank, of->rank);
        }
    }
}

/* Add the scores of map m. */
static void scan_unpacked(const at_index_shape *shape,
                          const at_scan_queries *queries,
                          size_t m,
                          size_t n,
                          at_scan_desk *desk,
                          double *out)
{
    const at_index_map *map = &shape->maps[m];
    size_t held = 0;
    for (size_t d = 0; d < n; d++) {
        size_t n_kept = at_record_map(shape, &desk->readers[d], m).n;
        for (size_t c = 0; c < n_kept; c++) {
            at_record_next(shape, &desk->table, m, &desk->readers[d],
                           desk->u + held * map->out_dim, desk->v + held * map->in_dim);
            desk->documents[held++] = d;
            if (held == AT_SCAN_COMPONENTS) {
                add_components(shape, queries, m, held, desk, out);
                held = 0;
            }
        }
    }
    if (held > 0) {
        add_components(shape, queries, m, held, desk, out);
    }
}

/* 4. Components that are looked up */

/* The product of a component's planes, the last digit first, into the first of them. */
static void join_digits(float (*products)[AT_LOOKUP_WIDTH], unsigned n_digits)
{
    for (unsigned k = 1; k < n_digits; k++) {
        for (size_t j = 0; j < AT_LOOKUP_WIDTH; j++) {
            products[0][j] = 3 * products[0][j] + products[k][j];
        }
    }
}

/* Add u' L R' v of the components that are listed to the scores of their documents. */
static void add_listed(const at_index_map *map,
                       size_t n_cases,
                       size_t m,
                       size_t n_components,
                       at_scan_desk *desk,
                       double *out)
{
    size_t n_planes = 0;
    for (size_t c = 0; c < n_components; c++) {
        n_planes += desk->components[c].n_digits;
    }
    for (size_t v = 0; v < n_cases; v++) {
        size_t at = 0;
        at_lookup_products(desk->left[m] + v * map->out_dim * AT_LOOKUP_WIDTH,
                           map->out_dim, desk->planes_u, n_planes, &desk->sums,
                           desk->products_u[0]);
        at_lookup_products(desk->right[m] + v * map->in_dim * AT_LOOKUP_WIDTH,
                           map->in_dim, desk->planes_v, n_planes, &desk->sums,
                           desk->products_v[0]);
        for (size_t c = 0; c < n_components; c++) {
            const listed *one = &desk->components[c];
            join_digits(desk->products_u + at, one->n_digits);
            join_digits(desk->products_v + at, one->n_digits);
            out[one->document * n_cases + v] +=
                (double)one->scale *
                at_dot(desk->products_u[at], desk->products_v[at], AT_LOOKUP_WIDTH);
            at += one->n_digits;
        }
    }
}

/* Add the scores of map m. */
static void scan_packed(const at_index_shape *shape,
                        size_t n_cases,
                        size_t m,
                        size_t n,
                        at_scan_desk *desk,
                        double *out)
{
    const at_index_map *map = &shape->maps[m];
    const size_t bytes_u = at_trits_bytes(map->out_dim);
    const size_t bytes_v = at_trits_bytes(map->in_dim);
    size_t n_components = 0;
    size_t n_planes = 0;
    for (size_t d = 0; d < n; d++) {
        size_t n_kept = at_record_map(shape, &desk->readers[d], m).n;
        for (size_t c = 0; c < n_kept; c++) {
            at_packed one = at_record_packed(shape, m, &desk->readers[d]);
            if (n_planes + one.n_digits > PLANES_AT_A_TIME) {
                add_listed(map, n_cases, m, n_components, desk, out);
                n_components = 0;
                n_planes = 0;
            }
            desk->components[n_components++] = (listed){d, one.scale, one.n_digits};
            for (unsigned k = 0; k < one.n_digits; k++) {
                desk->planes_u[n_planes] = one.u + k * bytes_u;
                desk->planes_v[n_planes++] = one.v + k * bytes_v;
            }
        }
    }
    if (n_components > 0) {
        add_listed(map, n_cases, m, n_components, desk, out);
    }
}

/* 5. Records */

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
        if (desk->left) {
            scan_packed(shape, n_cases, m, n, desk, out);
        } else {
            scan_unpacked(shape, queries, m, n, desk, out);
        }
    }
}
