/* SPDX-License-Identifier: MIT */
/* Preconditioned gradients of queries, whole or cut to a low rank.
 *
 *     P_q = (Fisher + damping)^-1 G_q,   G_q the gradient of -log p(completion | prompt)
 *
 * A query's rows are turned into the eigenbasis once for all settings. Cut queries are
 * divided and cut there, and only their factors are turned back: r (O^2 + I^2) in place
 * of O I (O + I). Source: Grosse et al. 2023, arXiv:2308.03296, section 3.2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "rank/rank.h"

/* What f32 products of P and of L R', or of P in two orders, may differ by, over
 * ||P|| ||G||. */
#define ROUNDING 0x1p-19

typedef struct desk desk;

/* The weighted gradients [O, I] of a query's rows, summed up so far, of one map; NULL
 * where that basis is not needed. */
typedef struct gradient_sum {
    float *rotated, *plain;
} gradient_sum;

typedef struct query_tap {
    const at_ranking *ranking;
    at_prepared *prepared;
    size_t first_row;   /* of the tile, in ranking->asked.rows */
    size_t *query_of;   /* [rows of the tile] in the tile */
    gradient_sum *sums; /* [n_tracked] of the query under way, where it is a sum */
    desk *desks;        /* [n_workers] of the row and map under way */
    at_arena **scratch; /* [n_workers] */
    size_t n_workers;
} query_tap;

/* 1. One query and map */

/* Where a query's map is worked on. */
struct desk {
    const query_tap *tap;
    const at_factor *factor; /* may be NULL */
    at_prepared_map *map;
    size_t i_tracked, i_row, i_query; /* in the tile */
    float *rotated, *plain; /* [O, I] the gradient in each basis; NULL: not needed */
    float *divided;         /* [O, I] */
    float *scratch;         /* O I + T (O + I) floats */
};

static const attrib_setting *setting_of(const query_tap *tap, size_t s)
{
    return &tap->ranking->options.settings[s];
}

/* Put a [n, r] factor into the columns of one case in [n, V r]. */
static void place(
    const float *factor, size_t n, size_t r, size_t i_case, size_t n_cases, float *out)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(out + (i * n_cases + i_case) * r, factor + i * r, r * sizeof *out);
    }
}

/* L R' of the divided gradient, turned back, and the bound of what was cut. */
static attrib_status cut(const desk *d,
                         size_t i_case,
                         attrib_strategy strategy,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared_map *map = d->map;
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t r = map->rank;
    size_t n_cases = d->tap->prepared->n_cases;
    double error = 0;
    double norm = sqrt(at_dot(d->divided, d->divided, o * i));
    float *left = NULL;
    float *right = NULL;
    AT_TRY(at_array(o * r, sizeof *left, &left, err));
    AT_TRY(at_array(i * r, sizeof *right, &right, err));
    AT_TRY(at_low_rank(o, i, d->divided, r, left, right, &error, err));
    map->error[i_case] = error + ROUNDING * norm;
    if (at_is_rotated(strategy)) {
        at_rotate_columns_back(&d->factor->basis_s, left, r, d->scratch);
        place(d->scratch, o, r, i_case, n_cases, map->left);
        at_rotate_columns_back(&d->factor->basis_a, right, r, d->scratch);
        place(d->scratch, i, r, i_case, n_cases, map->right);
    } else {
        place(left, o, r, i_case, n_cases, map->left);
        place(right, i, r, i_case, n_cases, map->right);
    }
done:
    free(left);
    free(right);
    return status;
}

static attrib_status prepare_setting(const desk *d, size_t s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const query_tap *tap = d->tap;
    at_prepared_map *map = d->map;
    size_t n_entries = map->out_dim * map->in_dim;
    size_t i_case = s * tap->prepared->tile.n + d->i_query;
    attrib_strategy strategy = setting_of(tap, s)->strategy;
    double damping = tap->ranking->dampings[s * tap->ranking->n_tracked + d->i_tracked];
    const float *gradient = at_is_rotated(strategy) ? d->rotated : d->plain;
    float *out = map->rank ? d->divided : map->p + i_case * n_entries;
    at_divide(tap->ranking->factors, d->factor, strategy, damping, gradient, n_entries,
              out);
    tap->prepared->self[i_case] += at_dot(gradient, out, n_entries);
    if (map->rank) {
        AT_TRY(cut(d, i_case, strategy, err));
        goto done;
    }
    if (map->error) {
        map->error[i_case] = ROUNDING * sqrt(at_dot(out, out, n_entries));
    }
    at_gradient_from_basis(d->factor, strategy, d->scratch, out);
done:
    return status;
}

/* The gradient in one basis, where a setting wants it there. */
static attrib_status take_gradient(const desk *d,
                                   at_arena *arena,
                                   bool is_rotated,
                                   const float *a,
                                   const float *ds,
                                   size_t n_rows,
                                   float **out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t o = d->map->out_dim;
    size_t i = d->map->in_dim;
    *out = NULL;
    for (size_t s = 0; s < d->tap->ranking->options.n_settings && !*out; s++) {
        attrib_strategy strategy = setting_of(d->tap, s)->strategy;
        if (at_is_rotated(strategy) == is_rotated) {
            AT_TRY(at_arena_take(arena, o * i, sizeof **out, out, err));
            at_gradient_in_basis(d->factor, strategy, a, ds, n_rows, o, i, d->scratch,
                                 *out);
        }
    }
done:
    return status;
}

/* Whether a query is more than its one row as it is. */
static bool is_sum(const query_tap *tap, size_t i_query)
{
    const at_asked *asked = &tap->ranking->asked;
    size_t q = tap->prepared->tile.first + i_query;
    return at_n_rows(tap->ranking, q) > 1 || asked->weights[asked->first[q]] != 1;
}

static attrib_status prepare_settings(const desk *d, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t s = 0; s < d->tap->ranking->options.n_settings; s++) {
        AT_TRY(prepare_setting(d, s, err));
    }
done:
    return status;
}

/* The gradients of a row's map, and what follows from them unless they are part of a sum.
 */
static attrib_status prepare_map(desk *d,
                                 at_arena *arena,
                                 const float *a,
                                 const float *ds,
                                 size_t n_rows,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t o = d->map->out_dim;
    size_t i = d->map->in_dim;
    size_t larger = o > i ? o : i;
    size_t n_scratch = o * i + n_rows * (o + i);
    n_scratch = n_scratch > larger * d->map->rank ? n_scratch : larger * d->map->rank;
    at_arena_reset(arena, 0);
    AT_TRY(at_arena_take(arena, n_scratch, sizeof(float), &d->scratch, err));
    AT_TRY(at_arena_take(arena, o * i, sizeof(float), &d->divided, err));
    AT_TRY(take_gradient(d, arena, true, a, ds, n_rows, &d->rotated, err));
    AT_TRY(take_gradient(d, arena, false, a, ds, n_rows, &d->plain, err));
    if (!is_sum(d->tap, d->i_query)) {
        AT_TRY(prepare_settings(d, err));
    }
done:
    return status;
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

/* Add a row's gradients to its query's, and prepare that behind its last row. */
static attrib_status add_row(desk *d, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const query_tap *tap = d->tap;
    const at_asked *asked = &tap->ranking->asked;
    gradient_sum *sum = &tap->sums[d->i_tracked];
    size_t k = tap->first_row + d->i_row;
    size_t q = tap->prepared->tile.first + d->i_query;
    size_t n_entries = d->map->out_dim * d->map->in_dim;
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

/* 2. The tap */

/* The rows of a tile's queries as a source. */
static void get_row(const void *context, size_t i, attrib_sequence *out)
{
    const query_tap *tap = context;
    const at_ranking *ranking = tap->ranking;
    const attrib_query *row =
        attrib_queries_get(ranking->queries, ranking->asked.rows[tap->first_row + i]);
    *out = (attrib_sequence){
        .document = i, .n_tokens = row->n_tokens, .ids = row->ids, .mask = row->mask};
}

/* A block is one row. */
static attrib_status prepare_block(void *context,
                                   size_t i_worker,
                                   const at_block *block,
                                   size_t i_tracked,
                                   const float *a,
                                   const float *ds,
                                   attrib_error *err)
{
    const query_tap *tap = context;
    const attrib_factors *factors = tap->ranking->factors;
    desk *d = &tap->desks[i_worker];
    *d = (desk){.tap = tap,
                .factor = factors ? &factors->factors[i_tracked] : NULL,
                .map = &tap->prepared->maps[i_tracked],
                .i_tracked = i_tracked,
                .i_row = block->first_sequence,
                .i_query = tap->query_of[block->first_sequence]};
    return prepare_map(d, tap->scratch[i_worker], a, ds, block->n_rows, err);
}

/* Sums are made in the order of the rows, map by map. */
static attrib_status commit_row(void *context,
                                size_t i_worker,
                                const at_block *block,
                                size_t i_tracked,
                                attrib_error *err)
{
    const query_tap *tap = context;
    (void)block;
    (void)i_tracked;
    desk *d = &tap->desks[i_worker];
    return is_sum(tap, d->i_query) ? add_row(d, err) : ATTRIB_OK;
}

static attrib_status keep_losses(void *context,
                                 size_t i_worker,
                                 const at_block *block,
                                 const double *losses,
                                 attrib_error *err)
{
    (void)i_worker;
    (void)err;
    const query_tap *tap = context;
    size_t row = block->first_sequence;
    tap->prepared->losses[tap->query_of[row]] +=
        tap->ranking->asked.weights[tap->first_row + row] * losses[0];
    return ATTRIB_OK;
}

/* 3. A tile */

attrib_status at_choose_dampings(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &ranking->options;
    AT_TRY(at_array(options->n_settings * ranking->n_tracked, sizeof(double),
                    &ranking->dampings, err));
    for (size_t k = 0; k < options->n_settings * ranking->n_tracked; k++) {
        size_t m = k % ranking->n_tracked;
        const attrib_setting *setting = &options->settings[k / ranking->n_tracked];
        const at_damping how = {setting->strategy, setting->damping,
                                setting->is_damping_absolute};
        const char *name = attrib_model_module(ranking->model, ranking->tracked[m])->name;
        AT_TRY(at_damping_of(ranking->factors,
                             ranking->factors ? &ranking->factors->factors[m] : NULL,
                             &how, name, &ranking->dampings[k], err));
        if (setting->strategy != ATTRIB_IDENTITY) {
            at_log(ranking->session, ATTRIB_LOG_DETAIL,
                   "%s: %s, damping %.3g nats^2/weight^2", name,
                   attrib_strategy_name(setting->strategy), ranking->dampings[k]);
        }
    }
done:
    return status;
}

static attrib_status allocate_map(at_prepared_map *map,
                                  size_t n_cases,
                                  size_t rank,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t smaller = map->out_dim < map->in_dim ? map->out_dim : map->in_dim;
    size_t n = 0;
    map->rank = rank < smaller ? rank : 0;
    if (rank) {
        AT_TRY(at_array(n_cases, sizeof *map->error, &map->error, err));
    }
    if (map->rank == 0) {
        AT_TRY(at_mul(map->out_dim, map->in_dim, &n, err));
        AT_TRY(at_mul(n, n_cases, &n, err));
        AT_TRY(at_array(n, sizeof *map->p, &map->p, err));
        goto done;
    }
    AT_TRY(at_mul(n_cases, map->rank, &n, err));
    AT_TRY(at_mul(n, map->out_dim, &n, err));
    AT_TRY(at_array(n, sizeof *map->left, &map->left, err));
    AT_TRY(
        at_array(n / map->out_dim * map->in_dim, sizeof *map->right, &map->right, err));
done:
    return status;
}

static attrib_status allocate(query_tap *tap, size_t rank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_ranking *ranking = tap->ranking;
    at_prepared *prepared = tap->prepared;
    AT_TRY(at_array(prepared->tile.n, sizeof *prepared->losses, &prepared->losses, err));
    AT_TRY(at_array(prepared->n_cases, sizeof *prepared->self, &prepared->self, err));
    AT_TRY(at_array(ranking->n_tracked, sizeof *prepared->maps, &prepared->maps, err));
    prepared->n_maps = ranking->n_tracked;
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        prepared->maps[m].out_dim = module->out_dim;
        prepared->maps[m].in_dim = module->in_dim;
        AT_TRY(allocate_map(&prepared->maps[m], prepared->n_cases, rank, err));
    }
    AT_TRY(at_array(ranking->n_tracked, sizeof *tap->sums, &tap->sums, err));
    AT_TRY(at_array(tap->n_workers, sizeof *tap->desks, &tap->desks, err));
    AT_TRY(at_array(tap->n_workers, sizeof(at_arena *), &tap->scratch, err));
    for (size_t w = 0; w < tap->n_workers; w++) {
        AT_TRY(at_arena_new(&tap->scratch[w], err));
    }
done:
    if (status == ATTRIB_ENOMEM) {
        at_context(err, status, "%zu preconditioned queries", prepared->n_cases);
    }
    return status;
}

/* Which query each row of the tile belongs to. */
static attrib_status list_rows(query_tap *tap, size_t n_rows, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(at_array(n_rows, sizeof *tap->query_of, &tap->query_of, err));
    for (size_t q = 0; q < tap->prepared->tile.n; q++) {
        size_t n_of_query = at_n_rows(tap->ranking, tap->prepared->tile.first + q);
        for (size_t k = 0; k < n_of_query; k++) {
            tap->query_of[n++] = q;
        }
    }
done:
    return status;
}

static void release(query_tap *tap)
{
    for (size_t w = 0; tap->scratch && w < tap->n_workers; w++) {
        at_arena_free(tap->scratch[w]);
    }
    for (size_t m = 0; tap->sums && m < tap->ranking->n_tracked; m++) {
        free(tap->sums[m].rotated);
        free(tap->sums[m].plain);
    }
    free(tap->sums);
    free(tap->desks);
    free(tap->query_of);
    free(tap->scratch);
}

/* Whether the scores of every query can be divided as was asked. */
static attrib_status check_divisors(const at_prepared *prepared,
                                    const at_ranking *ranking,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_normalize how = ranking->options.normalize;
    for (size_t v = 0; v < prepared->n_cases; v++) {
        size_t q = v % prepared->tile.n;
        const char *id = at_query(ranking, prepared->tile.first + q)->id;
        AT_CHECK(how != ATTRIB_NORMALIZE_NATS || prepared->losses[q] > 0, ATTRIB_EINVAL,
                 "query %s: a loss of %g nats, expected more than 0 to divide scores by",
                 id, prepared->losses[q]);
        AT_CHECK(how != ATTRIB_NORMALIZE_UNIT || prepared->self[v] > 0, ATTRIB_EINVAL,
                 "query %s: its gradient is 0, which has no cosine", id);
    }
done:
    return status;
}

attrib_status at_prepare_queries(const at_ranking *ranking,
                                 at_tile tile,
                                 size_t rank,
                                 at_prepared *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {.tile = tile};
    query_tap tap = {.ranking = ranking,
                     .prepared = &prepared,
                     .first_row = ranking->asked.first[tile.first]};
    at_tap interface = {&tap, prepare_block, NULL, keep_losses};
    at_source source = {&tap, ranking->asked.first[tile.first + tile.n] - tap.first_row,
                        get_row};
    at_pass pass = {ranking->session,
                    ranking->model,
                    ranking->tracked,
                    ranking->n_tracked,
                    AT_LABELS_DATA,
                    0,
                    1, /* a row a block: preparing one is as much work as many tokens */
                    "query"};
    prepared.n_cases = tile.n * ranking->options.n_settings;
    AT_TRY(list_rows(&tap, source.n_sequences, err));
    for (size_t q = 0; q < tile.n; q++) {
        if (is_sum(&tap, q)) {
            interface.commit = commit_row;
        }
    }
    AT_TRY(at_pass_n_workers(&pass, &source, &tap.n_workers, err));
    AT_TRY(allocate(&tap, rank, err));
    AT_TRY(at_pass_run(&pass, &source, &interface, err));
    AT_TRY(check_divisors(&prepared, ranking, err));
    *out = prepared;
    prepared = (at_prepared){0};
done:
    at_prepared_free(&prepared);
    release(&tap);
    return status;
}

void at_prepared_free(at_prepared *prepared)
{
    for (size_t m = 0; m < prepared->n_maps; m++) {
        at_prepared_map *map = &prepared->maps[m];
        free(map->p);
        free(map->left);
        free(map->right);
        free(map->error);
    }
    free(prepared->maps);
    free(prepared->losses);
    free(prepared->self);
    *prepared = (at_prepared){0};
}

at_contracted at_contracted_of(const at_prepared_map *map, size_t n_cases)
{
    return (at_contracted){map->out_dim, map->in_dim, map->rank, n_cases};
}
