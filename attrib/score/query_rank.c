/* SPDX-License-Identifier: MIT */
/* The rank that queries are cut to: the one whose run is predicted to cost least, and
 * whole where a single query would gain nothing by being cut.
 *
 * 1. A rank that is chosen.
 * 2. A rank that is asked for. */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "linalg/linalg.h"
#include "score/counted.h"
#include "score/sizes.h"
#include "score/taps.h"
#include "run/top.h"

/* The pilot's documents are PILOT_RUNS runs of PILOT_RUN consecutive documents each, one
 * in each of PILOT_RUNS equal stretches of the corpus. So where a corpus is sorted, its
 * beginning does not decide alone: any kind of documents that makes up a sixteenth of it
 * or more fills one of 32 stretches at least. Runs of 8 still share blocks of the pass.
 */
#define PILOT_RUNS ((size_t)32)
#define PILOT_RUN  (AT_PILOT_DOCUMENTS / PILOT_RUNS)
/* The seed of the draws that place the runs ("pilot" in ASCII); any number would do. */
#define PILOT_SEED 0x70696c6f74u
/* The share of documents that are scored again because a cut query's bounds do not leave
 * them out, at least: on the default model they are three quarters at rank 16 (bounds.c).
 */
#define RESCORED_AT_LEAST 0.5

/* 1. A rank that is chosen */

/* Multiply-adds of preparing all queries, which are taken to be like the first. */
static double preparation_cost(const at_setup *setup)
{
    double n = (double)setup->n_queries;
    const at_prepared_count count = {n, (double)at_query(setup, 0)->n_tokens,
                                     n * (double)setup->options.n_settings};
    attrib_load load = {0};
    for (size_t m = 0; m < setup->n_tracked; m++) {
        at_prepare_cost(setup, m, &count, &load);
    }
    return load.flop / 2;
}

/* Multiply-adds of a whole run if no document were scored again in full. */
static attrib_status run_cost(const at_setup *setup, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double n_tokens = (double)attrib_corpus_summarize(setup->corpus)->n_tokens;
    double pass = 2 * at_model_products_per_token(setup->model) * n_tokens;
    double n_tiles = 0;
    size_t n_tile = 0;
    AT_TRY(at_fitting_queries(setup, &n_tile, err));
    n_tiles = ceil((double)setup->n_queries / (double)n_tile);
    *out = n_tiles * pass + preparation_cost(setup);
    *out += n_tiles * at_contraction_cost(setup, setup->block_rows,
                                          n_tile * setup->options.n_settings);
    if (at_is_cut(setup)) { /* queries are prepared whole too, for what is reported */
        at_setup full = at_setup_cut(setup, 0);
        *out += preparation_cost(&full);
    }
done:
    return status;
}

/* Where run i of the pilot's documents begins. */
static size_t pilot_start(size_t n_documents, size_t i)
{
    size_t first = n_documents / PILOT_RUNS * i;
    size_t end = i + 1 < PILOT_RUNS ? n_documents / PILOT_RUNS * (i + 1) : n_documents;
    size_t n_starts = end - first - PILOT_RUN + 1;
    return first + (size_t)((double)n_starts * at_uniform(PILOT_SEED, 0, i));
}

/* What a pilot finds: scores and bounds [AT_PILOT_DOCUMENTS, groups, V], before they are
 * normalized. */
typedef struct pilot {
    at_prepared prepared;
    double *scores, *bounds;
    at_counts counts; /* of one run of its documents */
} pilot;

static attrib_status run_pilot(const at_setup *of_run, pilot *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup own = *of_run;
    const at_setup *setup = &own;
    at_tile tile = {0, at_pilot_queries(setup)};
    size_t n_columns = 0;
    size_t n = 0;
    own.is_pilot = true;
    own.candidates = NULL; /* a pilot's documents stand for those that are scored */
    AT_TRY(at_prepare_queries(setup, tile, &out->prepared, err));
    out->counts = (at_counts){.n_documents = PILOT_RUN,
                              .n_sums = setup->n_groups,
                              .n_cases = out->prepared.n_cases,
                              .n_settings = setup->options.n_settings};
    AT_TRY(at_mul(out->counts.n_sums, out->counts.n_cases, &n_columns, err));
    AT_TRY(at_mul(AT_PILOT_DOCUMENTS, n_columns, &n, err));
    AT_TRY(at_array(n, sizeof(double), &out->scores, err));
    AT_TRY(at_array(n, sizeof(double), &out->bounds, err));
    for (size_t i = 0; i < PILOT_RUNS; i++) {
        size_t offset = i * PILOT_RUN * n_columns;
        at_slice run = {
            .tile = tile,
            .first = pilot_start(setup->n_documents, i),
            .counts = out->counts,
            .arrays = {
                [AT_SCORES] = out->scores + offset, [AT_BOUNDS] = out->bounds + offset}};
        AT_TRY(at_score_documents(setup, &out->prepared, &run, err));
    }
done:
    return status;
}

/* Add to *n the documents of case v whose bounds let them stand among the first or last
 * k. */
static attrib_status count_reaching(
    const pilot *p, size_t v, size_t k, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_top top = {0};
    AT_TRY(at_top_new(k, &top, err));
    for (size_t d = 0; d < AT_PILOT_DOCUMENTS; d++) {
        double score = at_slice_total(p->scores, &p->counts, d, v);
        double bound = at_slice_total(p->bounds, &p->counts, d, v);
        at_top_add_best(&top, d, score - bound);
        at_top_add_worst(&top, d, score + bound);
    }
    for (size_t d = 0; d < AT_PILOT_DOCUMENTS; d++) {
        double score = at_slice_total(p->scores, &p->counts, d, v);
        double bound = at_slice_total(p->bounds, &p->counts, d, v);
        *n += score + bound >= top.best[k - 1].score ||
              score - bound <= top.worst[k - 1].score;
    }
done:
    at_top_free(&top);
    return status;
}

/* The share of a pilot's documents whose bounds let them stand among those reported. */
static attrib_status pilot_share(const at_setup *setup, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    pilot p = {0};
    size_t top_k = setup->options.top < setup->n_documents ? setup->options.top
                                                           : setup->n_documents - 1;
    size_t k = top_k * AT_PILOT_DOCUMENTS / setup->n_documents + 1; /* no more than all */
    size_t n_reaching = 0;
    AT_TRY(run_pilot(setup, &p, err));
    for (size_t v = 0; v < p.prepared.n_cases; v++) {
        AT_TRY(count_reaching(&p, v, k, &n_reaching, err));
    }
    *out = (double)n_reaching / (double)(AT_PILOT_DOCUMENTS * p.prepared.n_cases);
done:
    free(p.scores);
    free(p.bounds);
    at_prepared_free(&p.prepared);
    return status;
}

/* The cheapest way to cut queries if no document were scored again, and what it costs. */
static attrib_status find_cheapest(const at_setup *setup,
                                   at_setup *best,
                                   double *least,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < AT_N_AUTO_RANKS; i++) {
        at_setup cut = at_setup_cut(setup, at_auto_rank(i));
        double cost = 0;
        AT_TRY(run_cost(&cut, &cost, err));
        if (i == 0 || cost < *least) {
            *least = cost;
            *best = cut;
        }
    }
done:
    return status;
}

/* The cost of scoring the share of documents that a pilot finds again in full. A document
 * that any query reaches is passed through once more; each query that reaches it costs a
 * product by rows. */
static double repeated_cost(const at_setup *whole, double share)
{
    double n_tokens = (double)attrib_corpus_summarize(whole->corpus)->n_tokens;
    double n_cases = (double)whole->n_queries * (double)whole->options.n_settings;
    double reached = fmin(n_cases * share, 1);
    return n_tokens * (2 * at_model_products_per_token(whole->model) * reached +
                       n_cases * share * at_case_bytes(whole) / sizeof(float));
}

attrib_status at_choose_rank(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup whole = at_setup_cut(setup, 0);
    at_setup best = whole;
    double whole_cost = 0;
    double least = 0;
    double share = 0;
    double again = 0;
    AT_TRY(run_cost(&whole, &whole_cost, err));
    AT_TRY(find_cheapest(setup, &best, &least, err));
    if (at_is_cut(&best) && setup->options.max_rescored == 0) {
        bool has_pilot = at_has_pilot(setup);
        if (has_pilot) {
            AT_TRY(pilot_share(&best, &share, err));
            again = repeated_cost(&whole, share);
        }
        best = has_pilot && least + again < whole_cost ? best : whole;
    }
    at_log(setup->session, ATTRIB_LOG_DETAIL,
           "query rank: whole %.3g multiply-adds, cut %.3g and %.3g for the %.1f %% of "
           "documents that a pilot scored again: %s",
           whole_cost, least, again, 100 * share, at_is_cut(&best) ? "cut" : "whole");
    *setup = best;
done:
    return status;
}

/* 2. A rank that is asked for */

/* Multiply-adds of the passes that score documents against one query, kept whole or cut.
 * Cut, it is prepared at its rank too, and documents are passed through again. */
static double cost_of_one(const at_setup *setup)
{
    const at_counted *counted = &setup->counted;
    const at_prepared_count count = {1, setup->longest_row, 1};
    double pass = 2 * at_model_products_per_token(setup->model);
    double cost = pass * counted->n_tokens + at_contraction_cost(setup, AT_BLOCK_ROWS, 1);
    at_setup whole = at_setup_cut(setup, 0);
    attrib_load preparing = {0};
    double again = (double)setup->n_documents * RESCORED_AT_LEAST;
    if (!at_is_cut(setup)) {
        return cost;
    }
    for (size_t m = 0; m < setup->n_tracked; m++) {
        at_prepare_cost(setup, m, &count, &preparing);
    }
    if (setup->options.max_rescored > 0) {
        again = fmin((double)setup->n_documents, (double)setup->options.max_rescored);
    }
    again *= counted->n_tokens / (double)setup->n_documents;
    return cost + preparing.flop / 2 +
           again * (pass + at_case_bytes(&whole) / sizeof(float));
}

void at_take_rank(at_setup *setup, size_t rank)
{
    at_setup whole = at_setup_cut(setup, 0);
    double cut_cost = 0;
    double whole_cost = 0;
    *setup = at_setup_cut(setup, rank);
    if (!at_is_cut(setup) || setup->n_first > 0 || /* of a run that grows */
        at_scoring_mode(&whole) != AT_MODE_FORWARD) {
        return;
    }
    cut_cost = cost_of_one(setup);
    whole_cost = cost_of_one(&whole);
    at_log(setup->session, ATTRIB_LOG_DETAIL,
           "query rank: one query, whole %.3g multiply-adds, cut %.3g: %s", whole_cost,
           cut_cost, whole_cost <= cut_cost ? "whole" : "cut");
    *setup = whole_cost <= cut_cost ? whole : *setup;
}
