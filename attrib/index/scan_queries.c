/* SPDX-License-Identifier: MIT */
/* The queries of a scan: turned to the basis of an index, cut to a low rank, and rounded.
 *
 * 1. A case of a map.   2. All of them. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "index/scan.h"
#include "linalg/linalg.h"

/* 1. A case of a map */

static attrib_status open_side(
    size_t dim, bool is_whole, size_t n_columns, at_scan_side *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (is_whole) {
        AT_TRY(at_array(dim * n_columns, sizeof *out->whole, &out->whole, err));
        return status;
    }
    AT_TRY(
        at_array(at_scan_row(dim) * n_columns, sizeof *out->levels, &out->levels, err));
    AT_TRY(at_array(n_columns, sizeof *out->steps, &out->steps, err));
done:
    return status;
}

attrib_status at_scan_map_new(const at_index_shape *shape,
                              size_t i_map,
                              size_t rank,
                              size_t n_cases,
                              at_scan_map *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t o = shape->maps[i_map].out_dim;
    size_t i = shape->maps[i_map].in_dim;
    size_t n_columns = 0;
    bool is_whole = shape->is_whole;
    at_scan_map made = {.rank = at_smaller(rank, at_smaller(o, i)), .n_cases = n_cases};
    made.rank = is_whole ? made.rank : at_smaller(made.rank, AT_SCAN_RANK);
    n_columns = n_cases * (is_whole ? made.rank : AT_SCAN_RANK);
    AT_TRY(open_side(o, is_whole, n_columns, &made.left, err));
    AT_TRY(open_side(i, is_whole, n_columns, &made.right, err));
    AT_TRY(at_array(n_cases, sizeof(double), &made.norm, err));
    AT_TRY(at_array(n_cases, sizeof(double), &made.error, err));
    *out = made;
    made = (at_scan_map){0};
done:
    at_scan_map_free(&made);
    return status;
}

void at_scan_map_free(at_scan_map *map)
{
    at_scan_side *const sides[] = {&map->left, &map->right};
    for (size_t k = 0; k < 2; k++) {
        free(sides[k]->whole);
        free(sides[k]->levels);
        free(sides[k]->steps);
    }
    free(map->norm);
    free(map->error);
    *map = (at_scan_map){0};
}

/* The largest level of factors of so many rows: sums of products with multiples of trits
 * stay below 2^31. */
static float largest_level(size_t dim)
{
    size_t largest = INT32_MAX / (AT_TRITS_LARGEST * dim);
    return (float)at_smaller(largest, INT16_MAX);
}

/* Round a factor [dim, r] to multiples of a step for each column, which it becomes, and
 * keep them as those of case v. A step has all digits of an f32. */
static void round_factor(
    float *factor, size_t dim, size_t rank, size_t v, const at_scan_side *out)
{
    int16_t *levels = out->levels + v * at_scan_row(dim) * AT_SCAN_RANK;
    for (size_t j = 0; j < rank; j++) {
        float largest = 0;
        for (size_t i = 0; i < dim; i++) {
            largest = fmaxf(largest, fabsf(factor[i * rank + j]));
        }
        float step = largest > 0 ? fmaxf(largest / largest_level(dim), FLT_MIN) : 0;
        out->steps[v * AT_SCAN_RANK + j] = step;
        for (size_t i = 0; i < dim; i++) {
            float level = step > 0 ? roundf(factor[i * rank + j] / step) : 0;
            levels[at_integer_place(at_trits_place(dim, i), j)] = (int16_t)level;
            factor[i * rank + j] = level * step;
        }
    }
}

/* Put the factors of one case, [dim, r], into those of all, [dim, V r]. */
static void put_factor(const float *from,
                       size_t dim,
                       size_t rank,
                       size_t v,
                       size_t n_cases,
                       const at_scan_side *out)
{
    for (size_t i = 0; i < dim; i++) {
        memcpy(out->whole + (i * n_cases + v) * rank, from + i * rank,
               rank * sizeof *from);
    }
}

attrib_status at_scan_map_put(const at_index_shape *shape,
                              size_t i_map,
                              size_t v,
                              float *q,
                              float *scratch,
                              at_scan_map *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t o = shape->maps[i_map].out_dim;
    size_t i = shape->maps[i_map].in_dim;
    size_t r = out->rank;
    float *left = NULL;
    float *right = NULL;
    AT_TRY(at_array(o * r, sizeof *left, &left, err));
    AT_TRY(at_array(i * r, sizeof *right, &right, err));
    memcpy(scratch, q, o * i * sizeof *q);
    out->norm[v] = sqrt(at_dot(q, q, o * i));
    AT_TRY(at_low_rank(o, i, scratch, r, left, right, &out->error[v], err));
    if (shape->is_whole) {
        put_factor(left, o, r, v, out->n_cases, &out->left);
        put_factor(right, i, r, v, out->n_cases, &out->right);
    } else {
        round_factor(left, o, r, v, &out->left);
        round_factor(right, i, r, v, &out->right);
        at_gemm(AT_PLAIN, AT_TRANSPOSED, o, i, r, -1.0F, left, r, right, r, 1.0F, q, i);
        out->error[v] = sqrt(at_dot(q, q, o * i));
    }
done:
    free(left);
    free(right);
    return status;
}

/* 2. All of them */

typedef struct turning {
    const at_setup *setup;
    const at_prepared *prepared;
    const at_index_shape *shape;
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

/* q [O, I] = diag(1 / scale_out) q diag(1 / scale_in) */
static void unscale(const at_index_map *map, float *q)
{
    for (size_t i = 0; i < map->out_dim; i++) {
        for (size_t j = 0; j < map->in_dim; j++) {
            double scale = (double)map->scale_out[i] * (double)map->scale_in[j];
            q[i * map->in_dim + j] = (float)((double)q[i * map->in_dim + j] / scale);
        }
    }
}

static attrib_status turn_map(void *context, size_t i_worker, size_t m, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const turning *self = context;
    const at_index_map *map = &self->shape->maps[m];
    at_scan_map *out = &self->out->maps[m];
    size_t n_cases = self->out->n_cases;
    size_t rank = self->shape->is_whole ? SIZE_MAX : AT_SCAN_RANK;
    float *q = NULL;       /* [O, I] */
    float *scratch = NULL; /* [O, I] */
    at_factor factor = {0};
    (void)i_worker;
    AT_TRY(at_scan_map_new(self->shape, m, rank, n_cases, out, err));
    AT_TRY(at_array(map->out_dim * map->in_dim, sizeof *q, &q, err));
    AT_TRY(at_array(map->out_dim * map->in_dim, sizeof *scratch, &scratch, err));
    AT_TRY(at_factor_load(self->setup->factors, m, AT_PIECES_BASIS, &factor, err));
    for (size_t v = 0; v < n_cases; v++) {
        take_whole(&self->prepared->maps[m], v, n_cases, q);
        at_rotate_gradient(NULL, &factor, q, scratch, q);
        unscale(map, q);
        AT_TRY(at_scan_map_put(self->shape, m, v, q, scratch, out, err));
    }
done:
    at_factor_unload(self->setup->factors, &factor);
    free(q);
    free(scratch);
    return status;
}

attrib_status at_scan_queries_new(const at_setup *setup,
                                  const at_prepared *prepared,
                                  const at_index_shape *shape,
                                  at_scan_queries *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_scan_queries made = {.n_cases = prepared->n_cases, .n_maps = shape->n_maps};
    turning self = {setup, prepared, shape, &made};
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
        at_scan_map_free(&queries->maps[m]);
    }
    free(queries->maps);
    *queries = (at_scan_queries){0};
}
