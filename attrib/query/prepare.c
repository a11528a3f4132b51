/* SPDX-License-Identifier: MIT */
/* Preconditioned gradients of queries, whole or cut to a low rank.
 *
 *     P_q = (Fisher + damping)^-1 G_q,   G_q the gradient of -f, what the query measures
 *
 * A pass over some rows of queries keeps the activations and gradients of every map. Then
 * the maps take turns: each reads its factor and works on all these rows. So there are
 * never more factors in memory than workers, and each is read once for many rows.
 *
 * 1. Rows.
 * 2. The maps in turn.
 * 3. A tile. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread.h"
#include "linalg/linalg.h"
#include "query/prepare_map.h"

/* 1. Rows */

typedef struct preparation {
    const at_setup *setup;
    at_prepared *prepared;
    size_t first, n;    /* rows of this turn, in setup->asked.rows */
    size_t *query_of;   /* [rows of the tile] each row's query, counted in the tile */
    at_keeping keeping; /* of the rows of this turn */
    at_gradient_sum
        *sums;    /* [n_tracked] for a query that is a sum and not complete yet */
    double *self; /* [n_tracked, V] <P_q, G_q> */
    char **desks; /* [n_workers] memory for the map that takes most */
    at_factor_room *rooms; /* [n_workers] for the factors of a turn's maps */
    size_t n_workers;
    at_stage stage;       /* progress of the maps of this turn */
    atomic_size_t n_maps; /* maps that are done */
} preparation;

static size_t first_row(const preparation *self)
{
    return self->setup->asked.first[self->prepared->tile.first];
}

/* Bytes that all maps keep of row k of setup->asked.rows. */
static double row_bytes(const at_setup *setup, size_t k)
{
    return at_kept_row_bytes(
        setup, attrib_queries_get(setup->queries, setup->asked.rows[k])->n_tokens);
}

void at_measure_rows(at_setup *setup)
{
    size_t n = setup->n_queries ? setup->asked.first[setup->n_queries] : 0;
    setup->kept_row = 0;
    setup->kept_all = 0;
    for (size_t k = 0; k < n; k++) {
        double bytes = row_bytes(setup, k);
        setup->kept_row = fmax(setup->kept_row, bytes);
        setup->kept_all += bytes;
    }
}

/* How many of the rows k .. end share the next turn of the maps: at least one. */
static size_t count_rows(const at_setup *setup, size_t k, size_t end)
{
    size_t n = 1;
    double bytes = row_bytes(setup, k);
    for (; k + n < end; n++) {
        bytes += row_bytes(setup, k + n);
        if (bytes > setup->kept_bytes) {
            break;
        }
    }
    return n;
}

/* 2. The maps in turn */

/* Deal the arrays of a map whose sizes are set. */
static attrib_status deal_map(at_prepared_map *map,
                              size_t n_cases,
                              bool has_errors,
                              attrib_bank *bank,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    if (has_errors) {
        AT_TRY(attrib_bank_deal(bank, n_cases, 1, sizeof(double), &map->error, err));
        AT_TRY(attrib_bank_deal(bank, n_cases, 1, sizeof(double), &map->norm, err));
    }
    if (map->rank == 0) {
        AT_TRY(at_mul(map->out_dim, map->in_dim, &n, err));
        AT_TRY(attrib_bank_deal(bank, n_cases, n, sizeof(float), &map->p, err));
        goto done;
    }
    AT_TRY(at_mul(n_cases, map->rank, &n, err));
    AT_TRY(attrib_bank_deal(bank, map->out_dim, n, sizeof(float), &map->left, err));
    AT_TRY(attrib_bank_deal(bank, map->in_dim, n, sizeof(float), &map->right, err));
done:
    return status;
}

static attrib_status open_map(at_prepared_map *map,
                              size_t n_cases,
                              bool has_errors,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_bank bank = {0};
    AT_TRY(deal_map(map, n_cases, has_errors, &bank, err));
    AT_TRY(at_array(bank.used, 1, &map->bank, err));
    bank = (attrib_bank){map->bank, 0};
    AT_TRY(deal_map(map, n_cases, has_errors, &bank, err));
done:
    return status;
}

static at_prepared_map outline_map(const at_setup *setup, size_t m)
{
    const attrib_module *module = at_setup_module(setup, m);
    return (at_prepared_map){.out_dim = module->out_dim,
                             .in_dim = module->in_dim,
                             .rank = at_map_rank(setup, m)};
}

attrib_status at_prepared_outline(const at_setup *setup,
                                  at_tile tile,
                                  at_prepared *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared made = {.tile = tile,
                        .n_cases = tile.n * setup->options.n_settings,
                        .has_errors = at_is_cut(setup),
                        .n_maps = setup->n_tracked};
    AT_TRY(at_array(made.n_maps, sizeof *made.maps, &made.maps, err));
    for (size_t m = 0; m < made.n_maps; m++) {
        made.maps[m] = outline_map(setup, m);
    }
    *out = made;
done:
    return status;
}

double at_case_bytes(const at_setup *setup)
{
    double bytes = 0;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        at_prepared_map map = outline_map(setup, m);
        attrib_bank bank = {0};
        attrib_status status = deal_map(&map, 1, false, &bank, NULL);
        bytes += status == ATTRIB_OK ? (double)bank.used : HUGE_VAL;
    }
    return bytes;
}

size_t at_widest_map(const at_setup *setup)
{
    size_t widest = 0;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        at_prepared_map map = outline_map(setup, m);
        widest = map.out_dim > widest ? map.out_dim : widest;
        widest = map.in_dim > widest ? map.in_dim : widest;
    }
    return widest;
}

double at_carried_bytes(const at_setup *setup)
{
    at_setup whole = at_setup_cut(setup, 0);
    return setup->options.aggregate ? 2 * at_case_bytes(&whole) : 0;
}

attrib_status at_prepared_bytes(const at_prepared *prepared,
                                double *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (size_t m = 0; m < prepared->n_maps; m++) {
        at_prepared_map map = prepared->maps[m];
        attrib_bank bank = {0};
        AT_TRY(deal_map(&map, prepared->n_cases, prepared->has_errors, &bank, err));
        *out += (double)bank.used;
    }
done:
    return status;
}

/* What all settings need of a map's factor. */
static unsigned setting_pieces(const at_setup *setup)
{
    unsigned pieces = 0;
    for (size_t s = 0; s < setup->options.n_settings; s++) {
        pieces |= at_strategy_pieces(setup->options.settings[s].strategy);
    }
    return pieces;
}

attrib_status at_take_factor(const at_setup *setup,
                             size_t i_tracked,
                             at_factor *out,
                             attrib_error *err)
{
    *out = (at_factor){0};
    if (!setup->factors) {
        return ATTRIB_OK;
    }
    if (setup->resident) {
        *out = setup->resident[i_tracked];
        return ATTRIB_OK;
    }
    return at_factor_load(setup->factors, i_tracked, setting_pieces(setup), out, err);
}

void at_give_factor(const at_setup *setup, at_factor *factor)
{
    if (!setup->resident) {
        at_factor_unload(setup->factors, factor);
    }
}

/* The same into a worker's room, which it stays in until the next map's. */
static attrib_status take_factor(const preparation *self,
                                 size_t i_worker,
                                 size_t i_tracked,
                                 at_factor *out,
                                 attrib_error *err)
{
    const at_setup *setup = self->setup;
    if (!setup->factors || setup->resident) {
        return at_take_factor(setup, i_tracked, out, err);
    }
    return at_factor_load_into(setup->factors, i_tracked, setting_pieces(setup),
                               &self->rooms[i_worker], out, err);
}

/* Between turns, passes have the memory. */
static void free_rooms(const preparation *self)
{
    for (size_t w = 0; self->rooms && w < self->n_workers; w++) {
        free(self->rooms[w].bytes);
        self->rooms[w] = (at_factor_room){0};
    }
}

/* Work on all rows of this turn for one map. */
static attrib_status prepare_map(void *context,
                                 size_t i_worker,
                                 size_t i_tracked,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    preparation *self = context;
    const at_setup *setup = self->setup;
    at_prepared *prepared = self->prepared;
    at_factor factor = {0};
    const at_map_turn turn = {setup,
                              prepared->tile,
                              prepared->n_cases,
                              i_tracked,
                              setup->factors ? &factor : NULL,
                              &prepared->maps[i_tracked],
                              &self->sums[i_tracked],
                              self->self + i_tracked * prepared->n_cases,
                              {self->desks[i_worker], 0}};
    AT_TRY(take_factor(self, i_worker, i_tracked, &factor, err));
    if (self->first == first_row(self)) {
        AT_TRY(open_map(turn.map, prepared->n_cases, prepared->has_errors, err));
    }
    for (size_t r = 0; r < self->n; r++) {
        size_t k = self->first + r;
        at_row_map *row = &self->keeping.kept[r * setup->n_tracked + i_tracked];
        AT_TRY(at_prepare_row(&turn, k, self->query_of[k - first_row(self)], row, err));
        at_row_map_free(row);
    }
    at_stage_report(&self->stage, atomic_fetch_add(&self->n_maps, 1) + 1);
done:
    return status;
}

/* Add what the rows of this turn measure to that of their queries. */
static void add_measured(const preparation *self)
{
    for (size_t r = 0; r < self->n; r++) {
        size_t k = self->first + r;
        size_t q = self->query_of[k - first_row(self)];
        double weight = self->setup->asked.weights[k];
        self->prepared->losses[q] += weight * self->keeping.losses[r];
        self->prepared->measured[q] += weight * self->keeping.measured[r];
    }
}

/* Prepare the rows of one turn: a pass over them, then the work on all maps. */
static attrib_status prepare_rows(preparation *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = self->setup;
    self->keeping = (at_keeping){.setup = setup, .first = self->first, .n = self->n};
    AT_TRY(at_keep_rows(&self->keeping, err));
    add_measured(self);
    at_stage_begin(&self->stage, setup->session, at_setup_stage(setup, "query"), "maps",
                   setup->n_tracked);
    at_stage_set(&self->stage, (1 - AT_ROWS_SHARE) * (double)self->n, 0);
    atomic_store(&self->n_maps, 0);
    AT_TRY(at_parallel_for(setup->session, setup->n_tracked, prepare_map, self, err));
    at_stage_end(&self->stage, setup->n_tracked, 0);
done:
    at_keeping_free(&self->keeping);
    free_rooms(self);
    at_memory_trim();
    return status;
}

/* 3. A tile */

static attrib_status allocate(preparation *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = self->setup;
    at_prepared *prepared = self->prepared;
    size_t n_self = 0;
    size_t n_desk = 0;
    AT_TRY(at_mul(setup->n_tracked, prepared->n_cases, &n_self, err));
    AT_TRY(at_array(n_self, sizeof *self->self, &self->self, err));
    AT_TRY(at_array(prepared->tile.n, sizeof *prepared->losses, &prepared->losses, err));
    AT_TRY(
        at_array(prepared->tile.n, sizeof *prepared->measured, &prepared->measured, err));
    AT_TRY(at_array(prepared->n_cases, sizeof *prepared->self, &prepared->self, err));
    AT_TRY(at_array(setup->n_tracked, sizeof *self->sums, &self->sums, err));
    AT_TRY(at_array(self->n_workers, sizeof *self->desks, &self->desks, err));
    AT_TRY(at_array(self->n_workers, sizeof *self->rooms, &self->rooms, err));
    AT_TRY(at_prepare_desk(setup, prepared, &n_desk, err));
    for (size_t w = 0; w < self->n_workers; w++) {
        AT_TRY(at_array(n_desk, 1, &self->desks[w], err));
    }
done:
    return status;
}

/* List which query each row of the tile belongs to. */
static attrib_status list_rows(preparation *self, size_t n_rows, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(at_array(n_rows, sizeof *self->query_of, &self->query_of, err));
    for (size_t q = 0; q < self->prepared->tile.n; q++) {
        size_t n_of_query = at_n_rows(self->setup, self->prepared->tile.first + q);
        for (size_t k = 0; k < n_of_query; k++) {
            self->query_of[n++] = q;
        }
    }
done:
    return status;
}

static void release(preparation *self)
{
    for (size_t w = 0; self->desks && w < self->n_workers; w++) {
        free(self->desks[w]);
    }
    for (size_t m = 0; self->sums && m < self->setup->n_tracked; m++) {
        free(self->sums[m].rotated);
        free(self->sums[m].plain);
    }
    free(self->sums);
    free(self->self);
    free(self->query_of);
    free(self->desks);
    free(self->rooms);
}

/* Sum the queries' self-influences over maps, in the order of the maps. */
static void add_selves(const preparation *self)
{
    at_prepared *prepared = self->prepared;
    for (size_t m = 0; m < self->setup->n_tracked; m++) {
        for (size_t v = 0; v < prepared->n_cases; v++) {
            prepared->self[v] += self->self[m * prepared->n_cases + v];
        }
    }
}

/* Check that the scores of every query can be normalized as was asked. */
static attrib_status check_divisors(const at_prepared *prepared,
                                    const at_setup *setup,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_normalize how = setup->options.normalize;
    for (size_t v = 0; v < prepared->n_cases; v++) {
        size_t q = v % prepared->tile.n;
        const char *id = at_query(setup, prepared->tile.first + q)->id;
        AT_CHECK(how != ATTRIB_NORMALIZE_NATS || prepared->losses[q] > 0, ATTRIB_EINVAL,
                 "query %s: a loss of %g nats, expected more than 0 to divide scores by",
                 id, prepared->losses[q]);
        AT_CHECK(how != ATTRIB_NORMALIZE_UNIT || prepared->self[v] > 0, ATTRIB_EINVAL,
                 "query %s: its gradient is 0, which has no cosine", id);
    }
done:
    return status;
}

attrib_status at_prepare_queries(const at_setup *setup,
                                 at_tile tile,
                                 at_prepared *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    preparation self = {.setup = setup,
                        .prepared = &prepared,
                        .first = setup->asked.first[tile.first],
                        .n_workers = at_n_workers(setup->session, setup->n_tracked)};
    size_t end = setup->asked.first[tile.first + tile.n];
    AT_TRY(at_prepared_outline(setup, tile, &prepared, err));
    AT_TRY(at_blas_check_memory(self.n_workers, err));
    AT_TRY(list_rows(&self, end - self.first, err));
    AT_TRY(allocate(&self, err));
    for (; self.first < end; self.first += self.n) {
        self.n = count_rows(setup, self.first, end);
        AT_TRY(prepare_rows(&self, err));
    }
    add_selves(&self);
    AT_TRY(check_divisors(&prepared, setup, err));
    *out = prepared;
    prepared = (at_prepared){0};
done:
    if (status == ATTRIB_ENOMEM) {
        at_context(err, status, "%zu preconditioned queries", prepared.n_cases);
    }
    at_prepared_free(&prepared);
    release(&self);
    return status;
}

void at_prepared_free(at_prepared *prepared)
{
    for (size_t m = 0; m < prepared->n_maps; m++) {
        free(prepared->maps[m].bank);
    }
    free(prepared->maps);
    free(prepared->losses);
    free(prepared->measured);
    free(prepared->self);
    free(prepared->residuals);
    *prepared = (at_prepared){0};
}
