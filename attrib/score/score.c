/* SPDX-License-Identifier: MIT */
/* Scores of documents against the prepared queries of a tile.
 *
 *     score(z, q) = sum over maps and sequences of z  < P_q, sum_t ds_t a_t' >
 *
 * Each map is contracted by itself (contract.h). Sums are added to documents in block
 * order, since a document may span blocks. The same tap keeps the share of every row
 * where these are wanted.
 *
 * 1. What a worker takes.
 * 2. What it does.
 * 3. The pass. */
#include <string.h>

#include "base/load.h"
#include "score/contract.h"
#include "score/counted.h"
#include "score/source.h"
#include "score/taps.h"

/* A worker's sums of the block that it works on; zero between blocks. */
typedef struct score_scratch {
    double *scores; /* [n_sequences, groups, V] */
    double *bounds; /* [n_sequences, groups, V]; NULL where queries are whole */
    double *tokens; /* [n_rows, V] shares of rows; NULL where they are not wanted */
} score_scratch;

/* Whether an array is added to, or will be in the run that this is a dry run of. */
static bool is_wanted(const at_scoring *scoring, at_array_kind kind)
{
    return scoring->out ? scoring->out->arrays[kind] != NULL
                        : at_setup_holds(scoring->setup, kind);
}

/* 1. What a worker takes */

static attrib_status deal(const void *context,
                          const attrib_block_size *most,
                          attrib_bank *bank,
                          void **scratch,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_scoring *scoring = context;
    size_t n_cases = scoring->prepared->n_cases;
    size_t n_columns = 0;
    score_scratch *out = NULL;
    score_scratch made = {0};
    AT_TRY(at_mul(scoring->setup->n_groups, n_cases, &n_columns, err));
    AT_TRY(attrib_bank_deal(bank, 1, 1, sizeof *out, &out, err));
    AT_TRY(attrib_bank_deal(bank, most->n_sequences, n_columns, sizeof(double),
                            &made.scores, err));
    if (scoring->prepared->has_errors) {
        AT_TRY(attrib_bank_deal(bank, most->n_sequences, n_columns, sizeof(double),
                                &made.bounds, err));
    }
    if (is_wanted(scoring, AT_TOKENS)) {
        AT_TRY(attrib_bank_deal(bank, most->n_rows, n_cases, sizeof(double), &made.tokens,
                                err));
    }
    if (out) {
        *out = made;
    }
    *scratch = out;
done:
    return status;
}

/* The sizes of a map by which its order of contraction is chosen. */
static at_contracted contracted_of(const at_scoring *scoring, size_t i_tracked)
{
    const at_prepared *prepared = scoring->prepared;
    at_contracted map = at_contracted_map(
        scoring->setup, i_tracked, prepared->maps[i_tracked].rank, prepared->n_cases);
    map.by_token = is_wanted(scoring, AT_TOKENS);
    return map;
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    const at_scoring *scoring = context;
    at_contracted map = contracted_of(scoring, i_tracked);
    return at_contract_desk(&map, size, scoring->prepared->has_errors, bank, err);
}

static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    at_contracted map = contracted_of(context, i_tracked);
    at_contract_cost(&map, n_rows, n_sequences, load);
}

/* 2. What it does */

static attrib_status score_map(void *context,
                               void *scratch,
                               const attrib_visit *visit,
                               attrib_error *err)
{
    const at_scoring *scoring = context;
    const score_scratch *own = scratch;
    size_t n_cases = scoring->prepared->n_cases;
    size_t offset = scoring->setup->group[visit->i_tracked] * n_cases;
    const at_prepared_map *map = &scoring->prepared->maps[visit->i_tracked];
    at_contracted contracted = contracted_of(scoring, visit->i_tracked);
    at_tile tile = scoring->prepared->tile;
    attrib_block block = *visit->block;
    block.n_rows = visit->n_rows;
    block.first_row = visit->first_row;
    at_contract_job job = {map,
                           contracted,
                           {scoring->setup->first_query + tile.first, tile.n},
                           n_cases,
                           &block,
                           visit->a,
                           visit->ds,
                           own->scores + offset,
                           map->error ? own->bounds + offset : NULL,
                           scoring->setup->n_groups * n_cases,
                           own->tokens,
                           &visit->desk,
                           visit->multiplier,
                           visit->rows};
    return at_contract(&job, err);
}

/* Add a block's sums to their documents, and clear them. */
static attrib_status add_block(void *context,
                               void *scratch,
                               const attrib_block *block,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_scoring *scoring = context;
    const score_scratch *own = scratch;
    at_slice *out = scoring->out;
    size_t n = block->n_sequences * scoring->setup->n_groups * scoring->prepared->n_cases;
    AT_TRY(at_add_sums(block, own->scores, AT_SCORES, out, err));
    memset(own->scores, 0, n * sizeof *own->scores);
    if (own->bounds) {
        AT_TRY(at_add_sums(block, own->bounds, AT_BOUNDS, out, err));
        memset(own->bounds, 0, n * sizeof *own->bounds);
    }
    if (own->tokens) {
        AT_TRY(at_move_tokens(block, own->tokens, out, err));
    }
done:
    return status;
}

static attrib_tap score_tap(at_scoring *scoring)
{
    return (attrib_tap){.name = "score",
                        .context = scoring,
                        .deal = deal,
                        .desk = count_desk,
                        .cost = add_cost,
                        .module = score_map,
                        .finish = add_block};
}

/* 3. The pass */

at_mode at_scoring_mode(const at_setup *setup)
{
    size_t n = at_larger(setup->n_queries, setup->n_run_queries);
    bool is_one = n * setup->options.n_settings == 1;
    bool is_sum = setup->n_groups == 1;
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        is_sum = is_sum && at_setup_holds(setup, k) == (k == AT_SCORES);
    }
    return is_one && is_sum ? AT_MODE_FORWARD : AT_MODE_REVERSE;
}

attrib_status at_scoring_open(const at_setup *setup,
                              const at_prepared *prepared,
                              at_slice *out,
                              at_scoring *scoring,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    /* A pilot's queries may be cut before the run's rank is known. */
    bool is_along = at_scoring_mode(setup) == AT_MODE_FORWARD && !prepared->has_errors;
    *scoring = (at_scoring){.setup = setup, .prepared = prepared, .out = out};
    if (setup->n_queries > 0) {
        scoring->taps[scoring->n_taps++] =
            is_along ? at_slope_tap(scoring) : score_tap(scoring);
    }
    if (is_wanted(scoring, AT_SELF)) {
        AT_TRY(at_self_new(setup, out, &scoring->self, err));
        scoring->taps[scoring->n_taps++] = at_self_tap(scoring->self);
    }
done:
    return status;
}

void at_scoring_close(at_scoring *scoring)
{
    at_self_free(scoring->self);
    scoring->self = NULL;
}

at_pass at_scoring_pass(const at_setup *setup)
{
    at_pass pass = at_setup_pass(setup, setup->block_rows, "score");
    pass.precision = setup->options.precision;
    pass.rounds_weights = setup->rounds_weights;
    pass.layers_limit = setup->layers_limit[AT_RUN_SCORE];
    pass.skips_uncounted = true;
    return pass;
}

attrib_status at_score_documents(const at_setup *setup,
                                 const at_prepared *prepared,
                                 at_slice *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_scoring scoring = {0};
    at_scored scored = {0};
    at_pass pass = at_scoring_pass(setup);
    at_source source = {0};
    AT_TRY(at_scored_list(setup, out->first, out->counts.n_documents, &scored, err));
    source = at_scored_source(&scored);
    AT_TRY(at_scoring_open(setup, prepared, out, &scoring, err));
    AT_TRY(at_pass_run(&pass, &source, scoring.taps, scoring.n_taps, err));
done:
    at_scoring_close(&scoring);
    at_scored_free(&scored);
    return status;
}
