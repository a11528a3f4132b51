/* SPDX-License-Identifier: MIT */
/* Bounds of the error of one map's scores by queries that were cut to P ~ L R':
 *
 *     |error| <= sum over maps and sequences  ||P_q - L R'||_F ||G||_F  + rounding
 *
 * The first term is Cauchy and Schwarz's inequality. Rounding matters where the rows of a
 * gradient cancel: scores are sums of products of rows, whose errors grow with the
 * lengths of the rows, while ||G|| may be much smaller (see add_bounds()).
 *
 * On the default model at rank 16 the first term is 345 times the error in the median,
 * since P - L R' and G point in nearly orthogonal directions, and three quarters of the
 * documents are scored again. To halve these the bound would have to be twelve times
 * smaller. Tighter bounds that need no product of all rows with P - L R' were measured
 * and do not reach that. Norms by blocks of the eigenbasis leave 0.88 to 0.97 of the
 * bound, norms weighted by Lambda 0.82, G without its part within L and R 0.93, sums of
 * products of singular values 0.51; with them 1 to 5 % fewer documents are scored again.
 */
#include <math.h>

#include "linalg/linalg.h"
#include "score/contract.h"

/* Rows of a sequence whose inner products are taken at a time: for 2,048 rows 2 MiB of
 * each kind, about the second cache of a core. */
#define GRAM_TILE ((size_t)256)
/* The unit roundoff of f32, half its eps: a sum of k products in f32 has an error of at
 * most k UNIT times the sum of their magnitudes, in whatever order it is taken. */
#define UNIT 0x1p-24

/* Inner products of the rows of a tile with each other and with all rows before them. */
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

/* ||G||_F^2 = sum_{s, t} (ds_s . ds_t)(a_s . a_t) over rows s, t of a sequence. The sum
 * is symmetric: tiles below the diagonal count twice. */
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
        at_multiply_once(job->multiplier, (at_sizes){n, width, o}, 1.0F,
                         at_plain(ds + t * o, o), at_transposed(ds, o), 0.0F, at.of_ds,
                         width);
        at_multiply_once(job->multiplier, (at_sizes){n, width, i}, 1.0F,
                         at_plain(a + t * i, i), at_transposed(a, i), 0.0F, at.of_a,
                         width);
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

/* The norms that the bounds of a sequence are computed from.
 *
 * Where products round their rows to bf16, ds + e and a + f are multiplied in place of ds
 * and a, and G is off by
 *
 *     ||sum_t (ds_t + e_t)(a_t + f_t)' - ds_t a_t'||
 *         <= sum_t |e_t| |a_t| + (|ds_t| + |e_t|) |f_t|
 *
 * which is `rounding`. It is taken from the rows themselves, whose roundings are about
 * 0.4 of the 2^-8 by which any number may be off. As |ds_t + e_t| |a_t + f_t| is at most
 * |ds_t| |a_t| plus the addend of row t, the rounded rows have a length of at most
 * length + rounding. */
typedef struct extent {
    double norm;   /* an upper bound of ||G||_F */
    double length; /* sum_t |ds_t| |a_t|: at least ||G||_F, far above it if rows cancel */
    double rounding; /* 0 where products are of f32 */
    double n_rows;
} extent;

/* The extent of sequence s without its norm. */
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
        double size_ds = sqrt(at_dot(ds, ds, o));
        double size_a = sqrt(at_dot(a, a, i));
        of.length += size_ds * size_a;
        if (job->multiplier) {
            double e = sqrt(at_rounding_square(ds, o));
            double f = sqrt(at_rounding_square(a, i));
            of.rounding += e * size_a + (size_ds + e) * f;
        }
    }
    return of;
}

/* Add to the bounds the most by which the scores of sequence s by L R' and by P differ.
 * Both are computed from the same rows:
 *
 *     ||P - L R'|| ||G|| + UNIT ||P|| (k_t sum_t |ds_t| |a_t| + k_g ||G||)
 *
 * k_t is the number of terms of the f32 sums whose error grows with the rows' lengths.
 * For the score by L R': O + I by factors, or T where G is formed. For the score by P: O,
 * or T where G is formed.
 *
 * k_g is the number of terms of the f32 sums whose error grows with ||G||: the sums over
 * entries of G, one for each of the two scores; and where L R' is rebuilt, r terms for
 * each of its entries. These are bounded by |L| |R|', whose norm is at most sqrt(r)
 * ||P||. */
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

/* Each entry of G is an f32 sum of T products, so that the computed ||G|| has an error of
 * at most T UNIT sum_t |ds_t| |a_t| of the rows that are multiplied. */
void at_bound_gradient(const at_contract_job *job, size_t s, const float *g)
{
    extent of = extent_of(job, s);
    of.norm = sqrt(at_dot(g, g, job->map->out_dim * job->map->in_dim)) +
              UNIT * of.n_rows * (of.length + of.rounding) + of.rounding;
    add_bounds(job, s, of);
}

/* Add the bounds without forming G. ||G||^2 is a sum over pairs of rows, and the error of
 * a pair's addend is at most (O + I) UNIT |ds_s| |a_s| |ds_t| |a_t| of the rows that are
 * multiplied. */
static attrib_status add_bounds_of_rows(const at_contract_job *job,
                                        size_t s,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    extent of = extent_of(job, s);
    double k = (double)job->map->out_dim + (double)job->map->in_dim;
    double length = of.length + of.rounding;
    double square = 0;
    AT_TRY(sum_inner_products(job, s, &square, err));
    of.norm = sqrt(fmax(square, 0) + UNIT * k * length * length) + of.rounding;
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
        at_form_gradient(job->multiplier, job->ds + first_row[s] * o,
                         job->a + first_row[s] * i, n_rows, o, i, g);
        at_bound_gradient(job, s, g);
    }
done:
    return status;
}

/* Norms of short sequences need inner products of their rows, norms of long ones the
 * whole gradient (at_norm_by_rows()). The desk holds either. Where the longest sequence
 * is a long one, the longest of the short ones has n_rows rows. */
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
