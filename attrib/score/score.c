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
#include <math.h>
#include <stdlib.h>

#include "base/load.h"
#include "score/contract.h"
#include "score/taps.h"

/* A worker's sums of the block that it works on; zero between blocks. */
typedef struct score_scratch {
    double *scores; /* [n_sequences, groups, V] */
    double *bounds; /* [n_sequences, groups, V]; NULL where queries are whole */
    double *tokens; /* [n_rows, V] shares of rows; NULL where they are not wanted */
} score_scratch;

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
    if (scoring->with_tokens) {
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
    const at_setup *setup = scoring->setup;
    const at_prepared_map *map = &scoring->prepared->maps[i_tracked];
    return (at_contracted){map->out_dim, map->in_dim, map->rank,
                           scoring->prepared->n_cases,
                           setup->n_queries * setup->options.n_settings};
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    const at_scoring *scoring = context;
    at_contracted map = contracted_of(scoring, i_tracked);
    return at_contract_desk(&map, size, scoring->with_tokens,
                            scoring->prepared->has_errors, bank, err);
}

static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    const at_scoring *scoring = context;
    at_contracted map = contracted_of(scoring, i_tracked);
    at_contract_cost(&map, n_rows, n_sequences, scoring->with_tokens, load);
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
    at_contract_job job = {map,
                           contracted,
                           scoring->prepared->tile,
                           n_cases,
                           contracted.n_of_run,
                           visit->block,
                           visit->a,
                           visit->ds,
                           own->scores + offset,
                           map->error ? own->bounds + offset : NULL,
                           scoring->setup->n_groups * n_cases,
                           own->tokens,
                           &visit->desk};
    return at_contract(&job, err);
}

/* to += from, and from = 0 */
static void move_sums(double *from, double *to, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        to[k] += from[k];
        from[k] = 0;
    }
}

static attrib_status check_score(const at_scoring *scoring,
                                 size_t document,
                                 double score,
                                 size_t i_case,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tile *tile = &scoring->prepared->tile;
    AT_CHECK(isfinite(score), ATTRIB_ENUMERIC,
             "document %zu: its score against query %zu is not finite", document,
             tile->first + i_case % tile->n);
done:
    return status;
}

static attrib_status add_block(void *context,
                               void *scratch,
                               const attrib_block *block,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_scoring *scoring = context;
    const score_scratch *own = scratch;
    const at_sums *out = &scoring->out;
    size_t n_cases = scoring->prepared->n_cases;
    size_t n = scoring->setup->n_groups * n_cases;
    for (size_t s = 0; s < block->n_sequences; s++) {
        size_t document = block->sequences[s].document;
        double *from = own->scores + s * n;
        for (size_t k = 0; k < n; k++) {
            AT_TRY(check_score(scoring, document, from[k], k % n_cases, err));
        }
        move_sums(from, out->scores + (document - scoring->first) * n, n);
        if (out->bounds) {
            move_sums(own->bounds + s * n, out->bounds + (document - scoring->first) * n,
                      n);
        }
    }
    if (scoring->with_tokens) {
        AT_TRY(at_move_tokens(block, n_cases, scoring->first, own->tokens, out, err));
    }
done:
    return status;
}

attrib_tap at_score_tap(at_scoring *scoring)
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
    const attrib_score_options *options = &setup->options;
    bool is_one = setup->n_queries * options->n_settings == 1;
    bool is_sum = setup->n_groups == 1 && !options->with_tokens && !options->with_self;
    return is_one && setup->query_rank == 0 && is_sum ? AT_MODE_FORWARD : AT_MODE_REVERSE;
}

size_t at_scoring_taps(at_scoring *scoring, at_self *self, attrib_tap taps[2])
{
    size_t n = 0;
    /* A pilot's queries may be cut before the run's rank is known. */
    bool is_along = at_scoring_mode(scoring->setup) == AT_MODE_FORWARD &&
                    !scoring->prepared->has_errors;
    taps[n++] = is_along ? at_slope_tap(scoring) : at_score_tap(scoring);
    if (self) {
        taps[n++] = at_self_tap(self);
    }
    return n;
}

attrib_status at_score_documents(const at_setup *setup,
                                 const at_prepared *prepared,
                                 size_t first,
                                 size_t n_documents,
                                 const at_sums *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_scoring scoring = {setup, prepared, out->tokens != NULL, first, *out};
    at_pass pass = at_setup_pass(setup, setup->block_rows, "score");
    at_range range = {.corpus = setup->corpus};
    at_source source = {0};
    at_self *self = NULL;
    attrib_tap taps[2];
    attrib_document from;
    attrib_document to;
    attrib_corpus_document(setup->corpus, first, &from);
    attrib_corpus_document(setup->corpus, first + n_documents - 1, &to);
    range.first = from.first_sequence;
    source =
        at_source_range(&range, to.first_sequence + to.n_sequences - from.first_sequence);
    if (out->self) {
        AT_TRY(at_self_new(setup, range.first, first, out->self, &self, err));
    }
    AT_TRY(at_pass_run(&pass, &source, taps, at_scoring_taps(&scoring, self, taps), err));
done:
    at_self_free(self);
    return status;
}
