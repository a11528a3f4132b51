/* SPDX-License-Identifier: MIT */
/* Scores of one map of a block, contracted in the order that contraction.h chose.
 *
 * The scores of a query have the same bytes however many queries memory holds at a time,
 * and whole queries' however many others the run has: their products with gradients are
 * at_add_dots(), in which an entry depends on its two rows alone. Cut queries are
 * multiplied by their factors in groups (contraction.h). Where a tile, or a run, holds
 * only a part of a group, the other columns of the product are zeros, so that it has the
 * same shape.
 *
 * 1. Whole queries.
 * 2. Cut queries.
 * 3. All. */
#include "score/contract.h"

#include <string.h>

#include "linalg/linalg.h"

/* The shares [V] of row t. */
static double *shares_of(const at_contract_job *job, size_t t)
{
    return job->tokens + (job->rows ? job->rows[t] : t) * job->n_cases;
}

/* 1. Whole queries */

/* sum_t y_t . a_t of sequence s for case v; row by row where the rows' shares are wanted
 */
static double sum_of_rows(const at_contract_job *job, size_t s, size_t v, const float *y)
{
    size_t i = job->map->in_dim;
    size_t first = job->block->first_row[s];
    size_t end = job->block->first_row[s + 1];
    double sum = 0;
    if (!job->tokens) {
        return at_dot(y + first * i, job->a + first * i, (end - first) * i);
    }
    for (size_t t = first; t < end; t++) {
        double share = at_dot(y + t * i, job->a + t * i, i);
        shares_of(job, t)[v] += share;
        sum += share;
    }
    return sum;
}

/* y [n_rows, I] */
static attrib_status deal_rows(
    size_t n_rows, size_t in_dim, attrib_bank *bank, float **y, attrib_error *err)
{
    return attrib_bank_deal(bank, n_rows, in_dim, sizeof **y, y, err);
}

/* scores += sum_t (ds_t P) . a_t, a case at a time */
static attrib_status score_rows(const at_contract_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_block *block = job->block;
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    size_t n_rows = block->first_row[block->n_sequences];
    attrib_bank desk = *job->desk;
    float *y = NULL;
    AT_TRY(deal_rows(n_rows, i, &desk, &y, err));
    for (size_t v = 0; v < job->n_cases; v++) {
        const float *p = job->map->p + v * o * i;
        at_multiply_once(job->multiplier, (at_sizes){n_rows, i, o}, 1.0F,
                         at_plain(job->ds, o), at_plain(p, i), 0.0F, y, i);
        for (size_t s = 0; s < block->n_sequences; s++) {
            job->scores[s * job->stride + v] += sum_of_rows(job, s, v, y);
        }
    }
done:
    return status;
}

/* The arrays with which gradients are multiplied. */
typedef struct bench {
    size_t n_held;    /* gradients held at a time */
    float *gradients; /* [n_held, O I] */
    float *rebuilt;   /* [AT_REBUILT_AT_A_TIME, O I] L R' of cut queries */
} bench;

static attrib_status deal_bench(const at_contracted *map,
                                size_t n_sequences,
                                attrib_bank *bank,
                                bench *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_rebuilt = map->rank ? at_smaller(AT_REBUILT_AT_A_TIME, map->n_queries) : 0;
    size_t n_entries = 0;
    size_t n_held = at_gradients_held(map, n_sequences);
    AT_TRY(at_mul(map->out_dim, map->in_dim, &n_entries, err));
    out->n_held = n_held;
    AT_TRY(
        attrib_bank_deal(bank, n_held, n_entries, sizeof(float), &out->gradients, err));
    AT_TRY(
        attrib_bank_deal(bank, n_rebuilt, n_entries, sizeof(float), &out->rebuilt, err));
done:
    return status;
}

/* P [n, O, I] of cases first .. first + n from their factors */
static void rebuild(
    const at_prepared_map *map, size_t n_cases, size_t first, size_t n, float *p)
{
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t r = map->rank;
    for (size_t v = 0; v < n; v++) {
        at_gemm(AT_PLAIN, AT_TRANSPOSED, o, i, r, 1.0F, map->left + (first + v) * r,
                n_cases * r, map->right + (first + v) * r, n_cases * r, 0.0F,
                p + v * o * i, i);
    }
}

/* scores [n, V] += G [n, O I] P' [O I, V], of n gradients that were formed, by whole
 * queries or by cut ones that are rebuilt, a few at a time */
static void multiply_gradients(const at_contract_job *job,
                               const bench *on,
                               size_t n,
                               double *scores)
{
    const at_prepared_map *map = job->map;
    size_t entries = map->out_dim * map->in_dim;
    size_t size = map->rank ? AT_REBUILT_AT_A_TIME : job->n_cases;
    for (size_t v = 0; v < job->n_cases; v += size) {
        size_t n_cases = at_smaller(size, job->n_cases - v);
        const float *p = map->p;
        if (map->rank) {
            rebuild(map, job->n_cases, v, n_cases, on->rebuilt);
            p = on->rebuilt;
        }
        at_add_dots(n, n_cases, entries, on->gradients, entries, p, entries, scores + v,
                    job->stride);
    }
}

static attrib_status score_gradients(const at_contract_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_block *block = job->block;
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    attrib_bank desk = *job->desk;
    bench on = {0};
    AT_TRY(deal_bench(&job->contracted, block->n_sequences, &desk, &on, err));
    for (size_t s = 0; s < block->n_sequences; s += on.n_held) {
        size_t n = at_smaller(on.n_held, block->n_sequences - s);
        for (size_t k = 0; k < n; k++) {
            size_t first = block->first_row[s + k];
            size_t n_rows = block->first_row[s + k + 1] - first;
            float *g = on.gradients + k * o * i;
            at_form_gradient(job->multiplier, job->ds + first * o, job->a + first * i,
                             n_rows, o, i, g);
            if (job->bounds) {
                at_bound_gradient(job, s + k, g);
            }
        }
        multiply_gradients(job, &on, n, job->scores + s * job->stride);
    }
done:
    return status;
}

/* 2. Cut queries: scores += sum_t (ds_t L) . (a_t R), as many cases at a time as have
 * their products with all rows of the block in a cache */

/* Cases v .. v + n of the tile: columns offset .. offset + n of a group of `width`. */
typedef struct span {
    size_t n, offset, width;
} span;

/* The span of cases that are multiplied together: from case v of the tile to the end of
 * its group of at most `most`, or of the tile's queries under that setting. */
static span span_at(const at_contract_job *job, size_t v, size_t most)
{
    size_t i = v % job->tile.n;
    size_t query = job->tile.first + i;
    at_tile group = at_group_of(query, most, job->contracted.n_first);
    size_t offset = query - group.first;
    return (span){at_smaller(job->tile.n - i, group.n - offset), offset, group.n};
}

static bool is_whole(const span *at)
{
    return at->n == at->width;
}

/* Copy the columns of a part of a group, `from` [n_rows, n], to their places among zeros,
 * `to` [n_rows, width]. A column is `each` floats wide. */
static void spread(const float *from,
                   size_t from_stride,
                   size_t n_rows,
                   const span *at,
                   size_t each,
                   float *to)
{
    size_t width = at->width * each;
    memset(to, 0, n_rows * width * sizeof *to);
    for (size_t i = 0; i < n_rows; i++) {
        memcpy(to + i * width + at->offset * each, from + i * from_stride,
               at->n * each * sizeof *to);
    }
}

/* The arrays with which factors are multiplied. */
typedef struct factor_bench {
    float *x, *y;  /* [n_rows, cases at a time x r] = ds L, a R */
    float *padded; /* [max(O, I), cases at a time x r] a part of a group among zeros */
} factor_bench;

static attrib_status deal_factor_bench(const at_contracted *map,
                                       size_t n_rows,
                                       attrib_bank *bank,
                                       factor_bench *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t most = at_factors_at_a_time(map, n_rows);
    size_t width = (map->is_longer ? most : at_smaller(most, map->n_first)) * map->rank;
    size_t widest = at_larger(map->out_dim, map->in_dim);
    AT_TRY(attrib_bank_deal(bank, n_rows, width, sizeof(float), &out->x, err));
    AT_TRY(attrib_bank_deal(bank, n_rows, width, sizeof(float), &out->y, err));
    AT_TRY(attrib_bank_deal(bank, map->has_parts ? widest : 0, width, sizeof(float),
                            &out->padded, err));
done:
    return status;
}

/* One side of a product by factors: rows [n_rows, dim], and a factor [dim, V r] from the
 * first column of a group on. */
typedef struct factor_side {
    const float *rows, *factor;
    size_t dim;
} factor_side;

/* out [rows, width r] = rows F, for the columns of one group */
static void multiply_factor(const at_contract_job *job,
                            factor_side side,
                            const span *at,
                            float *padded,
                            float *out)
{
    size_t n_rows = job->block->first_row[job->block->n_sequences];
    size_t r = job->map->rank;
    size_t width = at->width * r;
    size_t stride = job->n_cases * r;
    if (!is_whole(at)) {
        spread(side.factor, stride, side.dim, at, r, padded);
        side.factor = padded;
        stride = width;
    }
    at_multiply_once(job->multiplier, (at_sizes){n_rows, width, side.dim}, 1.0F,
                     at_plain(side.rows, side.dim), at_plain(side.factor, stride), 0.0F,
                     out, width);
}

/* scores += sum_t x_t . y_t of cases v .. v + at->n; x, y [rows, width r] */
static void add_products(
    const at_contract_job *job, size_t v, const span *at, const float *x, const float *y)
{
    const attrib_block *block = job->block;
    size_t r = job->map->rank;
    size_t width = at->width * r;
    for (size_t s = 0; s < block->n_sequences; s++) {
        double *scores = job->scores + s * job->stride + v;
        for (size_t t = block->first_row[s]; t < block->first_row[s + 1]; t++) {
            for (size_t c = 0; c < at->n; c++) {
                size_t k = t * width + (at->offset + c) * r;
                double share = at_dot(x + k, y + k, r);
                scores[c] += share;
                if (job->tokens) {
                    shares_of(job, t)[v + c] += share;
                }
            }
        }
    }
}

static attrib_status score_factors(const at_contract_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_prepared_map *map = job->map;
    size_t n_tokens = job->block->n_tokens;
    size_t size = at_factors_at_a_time(&job->contracted, n_tokens);
    attrib_bank desk = *job->desk;
    factor_bench on = {0};
    AT_TRY(deal_factor_bench(&job->contracted, n_tokens, &desk, &on, err));
    for (size_t v = 0; v < job->n_cases;) {
        span at = span_at(job, v, size);
        factor_side left = {job->ds, map->left + v * map->rank, map->out_dim};
        factor_side right = {job->a, map->right + v * map->rank, map->in_dim};
        multiply_factor(job, left, &at, on.padded, on.x);
        multiply_factor(job, right, &at, on.padded, on.y);
        add_products(job, v, &at, on.x, on.y);
        v += at.n;
    }
done:
    return status;
}

/* 3. All */

attrib_status at_contract_desk(const at_contracted *map,
                               const attrib_block_size *size,
                               bool has_bounds,
                               attrib_bank *bank,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_bank norms = *bank; /* norms reuse the memory of the products */
    at_cost cost = {0};
    at_contraction way =
        at_contraction_choose(map, size->n_rows, size->n_sequences, &cost);
    float *y = NULL;
    bench on = {0};
    factor_bench on_factors = {0};
    switch (way) {
    case AT_BY_ROWS:
        AT_TRY(deal_rows(size->n_rows, map->in_dim, bank, &y, err));
        break;
    case AT_BY_FACTORS:
        AT_TRY(deal_factor_bench(map, size->n_rows, bank, &on_factors, err));
        break;
    case AT_BY_GRADIENTS:
    case AT_BY_REBUILDING:
        AT_TRY(deal_bench(map, size->n_sequences, bank, &on, err));
        break;
    }
    if (has_bounds && (way == AT_BY_ROWS || way == AT_BY_FACTORS)) {
        AT_TRY(at_bound_desk(map, size->longest, &norms, err));
        bank->used = norms.used > bank->used ? norms.used : bank->used;
    }
done:
    return status;
}

attrib_status at_contract(const at_contract_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_cost cost = {0};
    at_contraction way = at_contraction_choose(&job->contracted, job->block->n_tokens,
                                               job->block->n_sequences, &cost);
    switch (way) {
    case AT_BY_ROWS:
        AT_TRY(score_rows(job, err));
        break;
    case AT_BY_FACTORS:
        AT_TRY(score_factors(job, err));
        break;
    case AT_BY_GRADIENTS:
    case AT_BY_REBUILDING:
        AT_TRY(score_gradients(job, err));
        break;
    }
    if (job->bounds && (way == AT_BY_ROWS || way == AT_BY_FACTORS)) {
        AT_TRY(at_bound_sequences(job, err));
    }
done:
    return status;
}
