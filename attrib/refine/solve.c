/* SPDX-License-Identifier: MIT */
/* Vectors of queries that are solved for together (solve.h).
 *
 *   1. Places   2. Memory   3. Products   4. Steps */
#include "refine/solve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "linalg/linalg.h"

/* 1. Places */

static size_t entries_of(const at_setup *setup, size_t m)
{
    const attrib_module *module = at_setup_module(setup, m);
    return module->out_dim * module->in_dim;
}

static size_t setting_of(const at_solve *solve, size_t c)
{
    return c / solve->queries.n;
}

float *at_solve_x(const at_solve *solve, size_t m, size_t c)
{
    size_t query = solve->queries.first + c % solve->queries.n;
    size_t i_case = setting_of(solve, c) * solve->prepared->tile.n + query;
    return solve->prepared->maps[m].p + i_case * entries_of(solve->setup, m);
}

const float *at_solve_g(const at_solve *solve, size_t m, size_t c)
{
    return solve->gradients.maps[m].p +
           c % solve->queries.n * entries_of(solve->setup, m);
}

float *at_solve_r(const at_solve *solve, size_t m, size_t c)
{
    return solve->r[m * solve->n_cases + c];
}

float *at_solve_p(const at_solve *solve, size_t m, size_t c)
{
    return solve->p[m * solve->n_cases + c];
}

double *at_solve_sum(const at_solve *solve, size_t m, size_t c)
{
    return solve->sum[m * solve->n_cases + c];
}

double at_solve_damping(const at_solve *solve, size_t m, size_t c)
{
    const at_setup *setup = solve->setup;
    return setup->dampings[setting_of(solve, c) * setup->n_tracked + m];
}

/* 2. Memory */

double at_solve_query_bytes(const at_setup *setup)
{
    double bytes = 0;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        double n_cases = (double)setup->options.n_settings;
        bytes += (double)entries_of(setup, m) *
                 (sizeof(float) + n_cases * (2 * sizeof(float) + sizeof(double)));
    }
    return bytes;
}

/* Deal the vectors of every map and case. */
static attrib_status deal_vectors(at_solve *solve, attrib_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t m = 0; m < solve->setup->n_tracked; m++) {
        size_t n = entries_of(solve->setup, m);
        for (size_t c = 0; c < solve->n_cases; c++) {
            size_t k = m * solve->n_cases + c;
            AT_TRY(attrib_bank_deal(bank, n, 1, sizeof(float), &solve->r[k], err));
            AT_TRY(attrib_bank_deal(bank, n, 1, sizeof(float), &solve->p[k], err));
            AT_TRY(attrib_bank_deal(bank, n, 1, sizeof(double), &solve->sum[k], err));
        }
    }
done:
    return status;
}

static attrib_status allocate(at_solve *solve, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = solve->setup;
    size_t n_workers = at_n_workers(setup->session, setup->n_tracked);
    size_t n = setup->n_tracked * solve->n_cases;
    size_t most = 0;
    attrib_bank bank = {0};
    AT_TRY(at_array(n, sizeof *solve->r, &solve->r, err));
    AT_TRY(at_array(n, sizeof *solve->p, &solve->p, err));
    AT_TRY(at_array(n, sizeof *solve->sum, &solve->sum, err));
    AT_TRY(at_array(n, sizeof *solve->vectors, &solve->vectors, err));
    AT_TRY(at_array(n, sizeof *solve->products, &solve->products, err));
    for (size_t k = 0; k < 2; k++) {
        AT_TRY(at_array(n, sizeof(double), &solve->dots[k], err));
        AT_TRY(at_array(solve->n_cases, sizeof(double), &solve->numbers[k], err));
    }
    AT_TRY(at_array(solve->n_cases, sizeof(double), &solve->scale, err));
    AT_TRY(at_array(solve->n_cases, sizeof(double), &solve->residual, err));
    AT_TRY(at_array(solve->n_cases, sizeof *solve->active, &solve->active, err));
    AT_TRY(at_array(setup->n_tracked, sizeof *solve->maps, &solve->maps, err));
    AT_TRY(at_array(n_workers, sizeof *solve->desks, &solve->desks, err));
    for (size_t m = 0; m < setup->n_tracked; m++) {
        most = at_larger(most, entries_of(setup, m));
    }
    for (size_t w = 0; w < n_workers; w++) {
        AT_TRY(at_array(2 * most, sizeof(float), &solve->desks[w], err));
    }
    AT_TRY(deal_vectors(solve, &bank, err));
    AT_TRY(at_array(bank.used, 1, &solve->bank, err));
    bank = (attrib_bank){solve->bank, 0};
    AT_TRY(deal_vectors(solve, &bank, err));
done:
    return status;
}

/* Whole gradients of the queries. */
static attrib_status take_gradients(at_solve *solve, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup plain = *solve->setup;
    double *none = NULL;
    plain.options.n_settings = 1;
    plain.options.settings[0] = (attrib_setting){.strategy = ATTRIB_IDENTITY};
    plain.options.normalize = ATTRIB_NORMALIZE_NONE;
    AT_TRY(at_array(plain.n_tracked, sizeof *none, &none, err));
    plain.dampings = none;
    AT_TRY(at_prepare_queries(
        &plain,
        (at_tile){solve->prepared->tile.first + solve->queries.first, solve->queries.n},
        &solve->gradients, err));
done:
    free(none);
    return status;
}

attrib_status at_solve_open(const at_setup *setup,
                            at_prepared *prepared,
                            at_tile queries,
                            at_solve *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = (at_solve){.setup = setup,
                      .prepared = prepared,
                      .queries = queries,
                      .n_cases = queries.n * setup->options.n_settings};
    AT_TRY(take_gradients(out, err));
    AT_TRY(allocate(out, err));
    for (size_t c = 0; c < out->n_cases; c++) {
        out->scale[c] = prepared->self[setting_of(out, c) * prepared->tile.n +
                                       queries.first + c % queries.n];
    }
done:
    return status;
}

void at_solve_close(at_solve *solve)
{
    size_t n_workers =
        solve->setup ? at_n_workers(solve->setup->session, solve->setup->n_tracked) : 0;
    for (size_t w = 0; solve->desks && w < n_workers; w++) {
        free(solve->desks[w]);
    }
    for (size_t k = 0; k < 2; k++) {
        free(solve->dots[k]);
        free(solve->numbers[k]);
    }
    free(solve->desks);
    free(solve->r);
    free(solve->p);
    free(solve->sum);
    free(solve->vectors);
    free(solve->products);
    free(solve->scale);
    free(solve->residual);
    free(solve->active);
    free(solve->maps);
    free(solve->bank);
    at_prepared_free(&solve->gradients);
    *solve = (at_solve){0};
}

/* 3. Products */

/* Consecutive sequences of the sample. */
typedef struct part {
    const at_setup *setup;
    size_t first;
} part;

static void get_sampled(const void *context, size_t i, attrib_sequence *out)
{
    const part *from = context;
    attrib_corpus_sequence(from->setup->corpus, from->setup->sampled[from->first + i],
                           out);
}

/* Point a map's arrays at those of the active cases, and clear the sums. */
static void aim_map(at_solve *solve, size_t m, bool of_x)
{
    const attrib_module *module = at_setup_module(solve->setup, m);
    size_t n = entries_of(solve->setup, m);
    const float **vectors = solve->vectors + m * solve->n_cases;
    double **products = solve->products + m * solve->n_cases;
    for (size_t a = 0; a < solve->n_active; a++) {
        size_t c = solve->active[a];
        vectors[a] = of_x ? at_solve_x(solve, m, c) : at_solve_p(solve, m, c);
        products[a] = at_solve_sum(solve, m, c);
        memset(products[a], 0, n * sizeof **products);
    }
    solve->maps[m] = (at_product_map){module->out_dim, module->in_dim, vectors, products};
}

attrib_status at_solve_multiply(at_solve *solve,
                                bool of_x,
                                size_t i_part,
                                size_t n_parts,
                                double *count,
                                attrib_error *err)
{
    const at_setup *setup = solve->setup;
    size_t n = setup->n_sampled;
    part from = {setup, at_block_start(n, n_parts, i_part)};
    at_source source = {.context = &from,
                        .n_sequences =
                            at_block_start(n, n_parts, i_part + 1) - from.first,
                        .get = get_sampled};
    at_pass pass = at_setup_pass(setup, AT_BLOCK_ROWS, "refine");
    at_products products = {solve->maps, solve->n_active};
    pass.units = 1;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        aim_map(solve, m, of_x);
    }
    *count = (double)source.n_sequences;
    attrib_tap tap = at_products_tap(&products);
    return at_pass_run(&pass, &source, &tap, 1, err);
}

/* 4. Steps */

void at_solve_add(const at_solve_map *map, size_t k, size_t c, double value)
{
    map->solve->dots[k][map->m * map->solve->n_cases + c] += value;
}

void at_solve_precondition(const at_solve_map *map, size_t c, const float *v, float *out)
{
    const at_setup *setup = map->solve->setup;
    attrib_strategy strategy =
        setup->options.settings[setting_of(map->solve, c)].strategy;
    const at_inverse inverse = {setup->factors, map->factor, strategy,
                                at_solve_damping(map->solve, map->m, c)};
    at_rotate_gradient(NULL, map->factor, v, map->scratch, out);
    at_divide(&inverse, out, map->n_entries, out);
    at_gradient_from_basis(map->factor, strategy, map->scratch, out);
}

void at_solve_activate(at_solve *solve, double residual_above)
{
    solve->n_active = 0;
    for (size_t c = 0; c < solve->n_cases; c++) {
        if (residual_above < 0 || solve->residual[c] > residual_above) {
            solve->active[solve->n_active++] = c;
        }
    }
}

typedef struct step {
    at_solve *solve;
    at_solve_fn fn;
    double count;
    const double *given;
} step;

static attrib_status do_map(void *context, size_t i_worker, size_t m, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const step *self = context;
    at_solve *solve = self->solve;
    at_factor factor = {0};
    float *desk = (float *)(void *)solve->desks[i_worker];
    at_solve_map map = {.solve = solve,
                        .m = m,
                        .n_entries = entries_of(solve->setup, m),
                        .count = self->count,
                        .factor = &factor,
                        .given = self->given,
                        .desk = desk};
    map.scratch = desk + map.n_entries;
    AT_TRY(at_take_factor(solve->setup, m, &factor, err));
    for (size_t a = 0; a < solve->n_active; a++) {
        size_t c = solve->active[a];
        if (!isinf(at_solve_damping(solve, m, c))) { /* whose gradients vanish */
            self->fn(&map, c);
        }
    }
done:
    at_give_factor(solve->setup, &factor);
    return status;
}

attrib_status at_solve_step(
    at_solve *solve, at_solve_fn fn, double count, const double *given, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_maps = solve->setup->n_tracked;
    step self = {solve, fn, count, given};
    for (size_t k = 0; k < 2; k++) {
        memset(solve->dots[k], 0, n_maps * solve->n_cases * sizeof *solve->dots[k]);
    }
    AT_TRY(at_parallel_for(solve->setup->session, n_maps, do_map, &self, err));
    for (size_t a = 0; a < 2 * solve->n_active; a++) {
        size_t k = a / solve->n_active;
        size_t c = solve->active[a % solve->n_active];
        double sum = 0;
        for (size_t m = 0; m < n_maps; m++) {
            sum += solve->dots[k][m * solve->n_cases + c];
        }
        AT_CHECK(isfinite(sum), ATTRIB_ENUMERIC,
                 "query %s: its refinement is not finite (a larger refine-damping)",
                 at_query(solve->setup, solve->prepared->tile.first +
                                            solve->queries.first + c % solve->queries.n)
                     ->id);
        solve->numbers[k][c] = sum;
    }
done:
    return status;
}

/* r = G - (H + damping) x;  numbers <r, M^-1 r>, <x, G> */
static void take_residual(const at_solve_map *map, size_t c)
{
    const float *x = at_solve_x(map->solve, map->m, c);
    const float *g = at_solve_g(map->solve, map->m, c);
    const double *sum = at_solve_sum(map->solve, map->m, c);
    float *r = at_solve_r(map->solve, map->m, c);
    double damping = at_solve_damping(map->solve, map->m, c);
    for (size_t k = 0; k < map->n_entries; k++) {
        r[k] = (float)((double)g[k] - sum[k] / map->count - damping * (double)x[k]);
    }
    at_solve_precondition(map, c, r, map->desk);
    at_solve_add(map, 0, c, at_dot(r, map->desk, map->n_entries));
    at_solve_add(map, 1, c, at_dot(x, g, map->n_entries));
}

void at_solve_rate(at_solve *solve)
{
    for (size_t a = 0; a < solve->n_active; a++) {
        size_t c = solve->active[a];
        double square = fmax(solve->numbers[0][c], 0);
        solve->residual[c] = solve->scale[c] > 0 ? sqrt(square / solve->scale[c]) : 0;
    }
}

attrib_status at_solve_residuals(at_solve *solve, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double count = 0;
    at_solve_activate(solve, -1);
    AT_TRY(at_solve_multiply(solve, true, 0, 1, &count, err));
    AT_TRY(at_solve_step(solve, take_residual, count, NULL, err));
    at_solve_rate(solve);
done:
    return status;
}
