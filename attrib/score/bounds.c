/* SPDX-License-Identifier: MIT */
/* Bounds of the scores of one map by queries cut to P ~ L R':
 *
 *     |error| <= sum over maps and sequences  ||P_q - L R'||_F ||G||_F
 *
 * and what rounding may add, which counts where gradients cancel: products are of rows,
 * whose lengths G need not have.
 *
 * On the default model at rank 16 the first term is 345 times the error in the median, as
 * what is cut off and G hardly share a direction, and three quarters of the documents are
 * scored again. Half as many would need a twelfth of the bound. What can be had without
 * the products of all rows with what is cut off falls short of that: norms by blocks of
 * the eigenbasis leave 0.88 to 0.97 of the bound, norms weighted by Lambda 0.82, G less
 * its part within L and R 0.93, sums of products of singular values 0.51; and 1 to 5 %
 * fewer documents scored again. */
#include <math.h>

#include "linalg/linalg.h"
#include "score/contract.h"

/* Rows of a sequence whose inner products are taken at a time. */
#define GRAM_TILE ((size_t)256)
/* Half of f32's eps: a sum of k products is off by k UNIT times the sum of their sizes at
 * most, in whatever order it is taken. */
#define UNIT 0x1p-24

/* Inner products of a tile of rows with those before it. */
typedef struct gram {
    float *of_ds, *of_a; /* [GRAM_TILE, n_rows] */
} gram;

static attrib_status deal_gram(size_t n_rows,
                               attrib_bank *bank,
                               gram *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(attrib_bank_deal(bank, GRAM_TILE, n_rows, sizeof(float), &out->of_ds, err));
    AT_TRY(attrib_bank_deal(bank, GRAM_TILE, n_rows, sizeof(float), &out->of_a, err));
done:
    return status;
}

/* ||G||_F^2 = sum_{s, t} (ds_s . ds_t)(a_s . a_t) over rows of a sequence, by tiles on
 * and below the diagonal. */
static attrib_status sum_inner_products(const at_contract_job *job,
                                        size_t i_sequence,
                                        double *out,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    size_t first = job->block->first_row[i_sequence];
    size_t n_rows = job->block->first_row[i_sequence + 1] - first;
    const float *ds = job->ds + first * o;
    const float *a = job->a + first * i;
    attrib_bank desk = *job->desk;
    gram at = {0};
    double sum = 0;
    AT_TRY(deal_gram(n_rows, &desk, &at, err));
    for (size_t t = 0; t < n_rows; t += GRAM_TILE) {
        size_t n = at_smaller(GRAM_TILE, n_rows - t);
        size_t width = t + n;
        at_gemm(AT_PLAIN, AT_TRANSPOSED, n, width, o, 1.0F, ds + t * o, o, ds, o, 0.0F,
                at.of_ds, width);
        at_gemm(AT_PLAIN, AT_TRANSPOSED, n, width, i, 1.0F, a + t * i, i, a, i, 0.0F,
                at.of_a, width);
        for (size_t k = 0; k < n; k++) {
            const float *x = at.of_ds + k * width;
            const float *y = at.of_a + k * width;
            sum += 2 * at_dot(x, y, t) + at_dot(x + t, y + t, n);
        }
    }
    *out = sum;
done:
    return status;
}

/* What bounds of a sequence are made of. */
typedef struct extent {
    double norm;   /* ||G||_F at most */
    double length; /* sum_t |ds_t| |a_t|: ||G||_F if nothing in G cancelled */
    double n_rows;
} extent;

/* All but the norm. */
static extent extent_of(const at_contract_job *job, size_t s)
{
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    size_t first = job->block->first_row[s];
    size_t end = job->block->first_row[s + 1];
    extent of = {.n_rows = (double)(end - first)};
    for (size_t t = first; t < end; t++) {
        const float *ds = job->ds + t * o;
        const float *a = job->a + t * i;
        of.length += sqrt(at_dot(ds, ds, o) * at_dot(a, a, i));
    }
    return of;
}

/* bounds += what the scores of sequence s by P ~ L R' and by P may differ by, as both are
 * computed from the same rows:
 *
 *     ||P - L R'|| ||G|| + UNIT ||P|| (k_t sum_t |ds_t| |a_t| + k_g ||G||)
 *
 * k_t counts the products that f32 sums over rows or widths take: one over O and one over
 * I by factors or one over T where G is formed; and of the score by P one over O or T.
 * k_g counts the others: one over entries of G of either score, and where L R' is rebuilt
 * r in each of its entries, of |L| |R|', whose norm is at most sqrt(r) ||P||. */
static void add_bounds(const at_contract_job *job, size_t s, extent of)
{
    const at_prepared_map *map = job->map;
    double o = (double)map->out_dim;
    double i = (double)map->in_dim;
    double r = (double)map->rank;
    double k_t = fmax(o + i, of.n_rows) + fmax(o, of.n_rows);
    double k_g = 2 * fmin(AT_SUM_LENGTH, o * i) + r * sqrt(r);
    double rounding = UNIT * (k_t * of.length + k_g * of.norm);
    for (size_t v = 0; v < job->n_cases; v++) {
        job->bounds[s * job->stride + v] +=
            map->error[v] * of.norm + map->norm[v] * rounding;
    }
}

/* The entries of G are sums of T products. */
void at_bound_gradient(const at_contract_job *job, size_t s, const float *g)
{
    extent of = extent_of(job, s);
    of.norm = sqrt(at_dot(g, g, job->map->out_dim * job->map->in_dim)) +
              UNIT * of.n_rows * of.length;
    add_bounds(job, s, of);
}

/* Without G: ||G||^2 is a sum over pairs of rows, each of which is off by
 * (O + I) UNIT |ds_s| |a_s| |ds_t| |a_t|. */
static attrib_status add_bounds_of_rows(const at_contract_job *job,
                                        size_t s,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    extent of = extent_of(job, s);
    double k = (double)job->map->out_dim + (double)job->map->in_dim;
    double square = 0;
    AT_TRY(sum_inner_products(job, s, &square, err));
    of.norm = sqrt(fmax(square, 0) + UNIT * k * of.length * of.length);
    add_bounds(job, s, of);
done:
    return status;
}

attrib_status at_bound_sequences(const at_contract_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t *first_row = job->block->first_row;
    size_t o = job->map->out_dim;
    size_t i = job->map->in_dim;
    for (size_t s = 0; s < job->block->n_sequences; s++) {
        size_t n_rows = first_row[s + 1] - first_row[s];
        attrib_bank desk = *job->desk;
        float *g = NULL;
        if (at_norm_by_rows(&job->contracted, n_rows)) {
            AT_TRY(add_bounds_of_rows(job, s, err));
            continue;
        }
        AT_TRY(attrib_bank_deal(&desk, o, i, sizeof *g, &g, err));
        at_form_gradient(job->ds + first_row[s] * o, job->a + first_row[s] * i, n_rows, o,
                         i, g);
        at_bound_gradient(job, s, g);
    }
done:
    return status;
}

/* Norms of sequences of at most `longest` rows: the longest whose inner products are
 * taken, and the whole gradient of a longer one. */
attrib_status at_bound_desk(const at_contracted *map,
                            size_t longest,
                            attrib_bank *bank,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_bank whole = *bank;
    size_t n_rows = longest;
    float *g = NULL;
    gram at = {0};
    if (!at_norm_by_rows(map, longest)) {
        AT_TRY(attrib_bank_deal(&whole, map->out_dim, map->in_dim, sizeof *g, &g, err));
        n_rows = 2 * map->out_dim * map->in_dim / (map->out_dim + map->in_dim);
    }
    AT_TRY(deal_gram(n_rows, bank, &at, err));
    bank->used = whole.used > bank->used ? whole.used : bank->used;
done:
    return status;
}
