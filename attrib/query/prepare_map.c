/* SPDX-License-Identifier: MIT */
/* Preconditioned gradients of queries, one map at a time.
 *
 * A query's gradient is turned into the eigenbasis once for all settings. Queries that
 * are cut are divided by the eigenvalues and cut there, and only their factors are turned
 * back, which takes r (O^2 + I^2) multiply-adds in place of O I (O + I).
 *
 * 1. One setting.
 * 2. One row.
 * 3. Cost.
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, section 3.2. */
#include <math.h>
#include <string.h>

#include "base/load.h"
#include "linalg/cost.h"
#include "linalg/linalg.h"
#include "query/prepare_map.h"

/* The most by which rounding changes P, or L R', when it is turned back from the
 * eigenbasis, as a multiple of ||P||_F (sqrt(O) + sqrt(I)). A turn takes f32 sums of k =
 * O or I products, and every operation rounds by u = 2^-24 at most. U is orthogonal and
 * roundings are as good as independent, so a turn has an error of about sqrt(k) u of the
 * norm, and exceeds 8 times that once in 10^13 turns (Higham & Mary 2019, theorem 2.4). P
 * is turned on both sides, and so are L and R, so that both allow for 2 x 8 u = 2^-20. */
#define TURN_ROUNDING 0x1p-20

/* The arrays with which one map of a query is worked on. */
typedef struct desk {
    const at_map_turn *turn;
    size_t i_query;         /* counted in the tile */
    float *rotated, *plain; /* [O, I] the gradient in each basis; NULL: not needed */
    float *divided;         /* [O, I] */
    float *scratch;         /* O I + T (O + I) floats */
    float *left, *right;    /* [O, r], [I, r] where queries are cut */
} desk;

static const attrib_setting *setting_of(const at_setup *setup, size_t s)
{
    return &setup->options.settings[s];
}

/* Whether any setting divides gradients in the eigenbasis (is_rotated), or in the
 * weights' own basis. */
static bool wants_basis(const at_setup *setup, bool is_rotated)
{
    for (size_t s = 0; s < setup->options.n_settings; s++) {
        if (at_is_rotated(setting_of(setup, s)->strategy) == is_rotated) {
            return true;
        }
    }
    return false;
}

/* Deal the arrays for a row of n_tokens tokens, or 0 where its gradient was kept. */
static attrib_status deal_desk(const at_setup *setup,
                               const at_prepared_map *map,
                               size_t n_tokens,
                               attrib_bank *bank,
                               desk *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t n_scratch = o * i + n_tokens * (o + i);
    size_t n_factor = (o > i ? o : i) * map->rank;
    n_scratch = n_scratch > n_factor ? n_scratch : n_factor;
    AT_TRY(attrib_bank_deal(bank, n_scratch, 1, sizeof(float), &out->scratch, err));
    AT_TRY(attrib_bank_deal(bank, o, i, sizeof(float), &out->divided, err));
    AT_TRY(attrib_bank_deal(bank, o, map->rank, sizeof(float), &out->left, err));
    AT_TRY(attrib_bank_deal(bank, i, map->rank, sizeof(float), &out->right, err));
    if (wants_basis(setup, true)) {
        AT_TRY(attrib_bank_deal(bank, o, i, sizeof(float), &out->rotated, err));
    }
    if (wants_basis(setup, false)) {
        AT_TRY(attrib_bank_deal(bank, o, i, sizeof(float), &out->plain, err));
    }
done:
    return status;
}

attrib_status at_prepare_desk(const at_setup *setup,
                              const at_prepared *prepared,
                              size_t *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (size_t m = 0; m < prepared->n_maps; m++) {
        attrib_bank bank = {0};
        desk none = {0};
        AT_TRY(deal_desk(setup, &prepared->maps[m], (size_t)setup->longest_row, &bank,
                         &none, err));
        *out = bank.used > *out ? bank.used : *out;
    }
done:
    return status;
}

bool at_keeps_gradient(const at_setup *setup,
                       size_t i_tracked,
                       size_t n_tokens,
                       size_t n_entries)
{
    const attrib_module *module = at_setup_module(setup, i_tracked);
    for (size_t s = 0; s < setup->options.n_settings; s++) {
        if (at_is_rotated(setting_of(setup, s)->strategy) &&
            at_rotate_rows_first(&setup->factors->factors[i_tracked], n_tokens, 1)) {
            return false;
        }
    }
    return n_tokens > n_entries / (module->out_dim + module->in_dim);
}

/* 1. One setting */

/* Put a [n, r] factor into the columns of one case in [n, V r]. */
static void place(
    const float *factor, size_t n, size_t r, size_t i_case, size_t n_cases, float *out)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(out + (i * n_cases + i_case) * r, factor + i * r, r * sizeof *out);
    }
}

/* Cut the divided gradient to L R', turn L and R back, and set the norm and the bound of
 * what was cut. */
static attrib_status cut(const desk *d,
                         size_t i_case,
                         attrib_strategy strategy,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared_map *map = d->turn->map;
    const at_factor *factor = d->turn->factor;
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t r = map->rank;
    size_t n_cases = d->turn->n_cases;
    double error = 0;
    double norm = sqrt(at_dot(d->divided, d->divided, o * i));
    AT_TRY(at_low_rank(o, i, d->divided, r, d->left, d->right, &error, err));
    map->error[i_case] = error;
    map->norm[i_case] = norm;
    if (at_is_rotated(strategy)) {
        map->error[i_case] += TURN_ROUNDING * (sqrt((double)o) + sqrt((double)i)) * norm;
    }
    if (at_is_rotated(strategy)) {
        at_rotate_columns_back(&factor->basis_s, d->left, r, d->scratch);
        place(d->scratch, o, r, i_case, n_cases, map->left);
        at_rotate_columns_back(&factor->basis_a, d->right, r, d->scratch);
        place(d->scratch, i, r, i_case, n_cases, map->right);
    } else {
        place(d->left, o, r, i_case, n_cases, map->left);
        place(d->right, i, r, i_case, n_cases, map->right);
    }
done:
    return status;
}

static attrib_status prepare_setting(const desk *d, size_t s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_map_turn *turn = d->turn;
    const at_setup *setup = turn->setup;
    at_prepared_map *map = turn->map;
    size_t n_entries = map->out_dim * map->in_dim;
    size_t i_case = s * turn->tile.n + d->i_query;
    attrib_strategy strategy = setting_of(setup, s)->strategy;
    double damping = setup->dampings[s * setup->n_tracked + turn->i_tracked];
    const float *gradient = at_is_rotated(strategy) ? d->rotated : d->plain;
    float *out = map->rank ? d->divided : map->p + i_case * n_entries;
    const at_inverse inverse = {setup->factors, turn->factor, strategy, damping};
    at_divide(&inverse, gradient, n_entries, out);
    turn->self[i_case] += at_dot(gradient, out, n_entries);
    if (map->rank) {
        AT_TRY(cut(d, i_case, strategy, err));
        goto done;
    }
    if (map->norm) {
        map->norm[i_case] = sqrt(at_dot(out, out, n_entries));
    }
    at_gradient_from_basis(turn->factor, strategy, d->scratch, out);
done:
    return status;
}

static attrib_status prepare_settings(const desk *d, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t s = 0; s < d->turn->setup->options.n_settings; s++) {
        AT_TRY(prepare_setting(d, s, err));
    }
done:
    return status;
}

/* 2. One row */

/* Compute a row's gradient in each basis that a setting wants. */
static void take_gradients(const desk *d, const at_row_map *row)
{
    const at_map_turn *turn = d->turn;
    size_t o = turn->map->out_dim;
    size_t i = turn->map->in_dim;
    if (d->rotated && row->gradient) {
        at_rotate_gradient(NULL, turn->factor, row->gradient, d->scratch, d->rotated);
    } else if (d->rotated) {
        at_form_rotated_gradient(turn->factor, row->ds, row->a, row->n_tokens, d->scratch,
                                 d->rotated);
    }
    if (d->plain && row->gradient) {
        memcpy(d->plain, row->gradient, o * i * sizeof *d->plain);
    } else if (d->plain) {
        at_form_gradient(NULL, row->ds, row->a, row->n_tokens, o, i, d->plain);
    }
}

/* sum += weight gradient, or = for the first row of a query */
static attrib_status add_weighted(const float *gradient,
                                  double weight,
                                  bool is_first,
                                  size_t n_entries,
                                  float **sum,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!gradient) {
        return ATTRIB_OK;
    }
    if (!*sum) {
        AT_TRY(at_array(n_entries, sizeof **sum, sum, err));
    }
    if (is_first) {
        memset(*sum, 0, n_entries * sizeof **sum);
    }
    at_axpy(n_entries, (float)weight, gradient, *sum);
done:
    return status;
}

/* Add a row's gradients to those of its query, which is prepared after its last row. */
static attrib_status add_row(desk *d, size_t k, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_map_turn *turn = d->turn;
    const at_asked *asked = &turn->setup->asked;
    at_gradient_sum *sum = turn->sum;
    size_t q = turn->tile.first + d->i_query;
    size_t n_entries = turn->map->out_dim * turn->map->in_dim;
    bool is_first = k == asked->first[q];
    double weight = asked->weights[k];
    AT_TRY(add_weighted(d->rotated, weight, is_first, n_entries, &sum->rotated, err));
    AT_TRY(add_weighted(d->plain, weight, is_first, n_entries, &sum->plain, err));
    if (k + 1 == asked->first[q + 1]) {
        d->rotated = sum->rotated;
        d->plain = sum->plain;
        AT_TRY(prepare_settings(d, err));
    }
done:
    return status;
}

/* Whether a query is a sum: of several rows, or of one whose weight is not 1. */
static bool is_sum(const at_setup *setup, size_t q)
{
    const at_asked *asked = &setup->asked;
    return at_n_rows(setup, q) > 1 || asked->weights[asked->first[q]] != 1;
}

attrib_status at_prepare_row(const at_map_turn *turn,
                             size_t k,
                             size_t i_query,
                             const at_row_map *row,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    desk d = {.turn = turn, .i_query = i_query};
    attrib_bank bank = turn->desk;
    AT_TRY(deal_desk(turn->setup, turn->map, row->gradient ? 0 : row->n_tokens, &bank, &d,
                     err));
    take_gradients(&d, row);
    if (is_sum(turn->setup, turn->tile.first + i_query)) {
        AT_TRY(add_row(&d, k, err));
    } else {
        AT_TRY(prepare_settings(&d, err));
    }
done:
    return status;
}

/* 3. Cost */

/* Add the cost of `times` cases of one map: each is divided, cut where r > 0, and turned
 * back. */
static void add_case(const at_factor *factor,
                     const attrib_module *module,
                     size_t rank,
                     double times,
                     attrib_load *load)
{
    double in = (double)module->in_dim;
    double out = (double)module->out_dim;
    double k = factor ? (double)factor->basis_a.n_blocks : 1;
    double r = (double)rank;
    attrib_load one = {.elements = in * out * AT_UNITS_DIVIDE};
    if (r > 0) {
        at_low_rank_cost(out, in, r, &one);
    }
    if (factor && r > 0) {
        at_load_product(&one, (at_product_size){AT_PLAIN, in / k, r, in / k}, k);
        at_load_product(&one, (at_product_size){AT_PLAIN, out / k, r, out / k}, k);
    } else if (factor) {
        at_load_product(&one, (at_product_size){AT_PLAIN, out, in / k, in / k}, k);
        at_load_product(&one, (at_product_size){AT_PLAIN, out / k, in, out / k}, k);
    }
    at_load_add(load, &one, times);
}

void at_prepare_cost(const at_setup *setup,
                     size_t i_tracked,
                     const at_prepared_count *count,
                     attrib_load *load)
{
    const attrib_module *module = at_setup_module(setup, i_tracked);
    bool is_rotated = wants_basis(setup, true);
    const at_factor *factor = is_rotated ? &setup->factors->factors[i_tracked] : NULL;
    attrib_load gradient = {0};
    if (is_rotated) {
        at_load_gradients(factor, true, count->row_tokens, 1, HUGE_VAL, &gradient);
    } else {
        at_load_product(&gradient,
                        (at_product_size){AT_PLAIN, (double)module->out_dim,
                                          (double)module->in_dim, count->row_tokens},
                        1);
    }
    at_load_add(load, &gradient, count->n_rows);
    add_case(factor, module, at_map_rank(setup, i_tracked), count->n_cases, load);
}
