/* SPDX-License-Identifier: MIT */
/* Queries: completions written by the model, and preconditioned gradients.
 *
 *     P_q = (Fisher + damping)^-1 G_q,   G_q the gradient of -log p(completion | prompt)
 */
#include <stdlib.h>

#include "base/thread.h"
#include "linalg/linalg.h"
#include "rank/rank.h"

#define MAX_NEW_TOKENS 32

/* 1. Completions */

static bool has_counted_token(const attrib_query *query)
{
    for (size_t t = 1; t < query->n_tokens; t++) {
        if (query->mask[t]) {
            return true;
        }
    }
    return false;
}

static attrib_status write_completion(const at_ranking *ranking,
                                      size_t i_query,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = attrib_queries_get(ranking->queries, i_query);
    const attrib_tokenizer *tokenizer = ranking->tokenizer;
    int32_t new_ids[MAX_NEW_TOKENS];
    size_t n_new = 0;
    char *text = NULL;
    size_t n_bytes = 0;
    AT_TRY(attrib_model_generate(
        ranking->model, query->ids, query->n_tokens, MAX_NEW_TOKENS,
        tokenizer ? attrib_tokenizer_eos(tokenizer) : -1, new_ids, &n_new, err));
    AT_CHECK(n_new > 0, ATTRIB_EINVAL,
             "query %s: the model writes nothing after the prompt, give a completion",
             query->id);
    if (tokenizer) {
        AT_TRY(attrib_tokenizer_decode(tokenizer, new_ids, n_new, true, &text, &n_bytes,
                                       err));
    }
    AT_TRY(attrib_queries_set_completion(ranking->queries, i_query, new_ids, n_new,
                                         text ? text : "", err));
done:
    free(text);
    return status;
}

attrib_status at_complete_queries(const at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < ranking->n_queries; i++) {
        const attrib_query *query = attrib_queries_get(ranking->queries, i);
        if (query->prompt && !query->completion && !query->is_generated) {
            AT_TRY(at_poll_cancel(ranking->session, err));
            AT_TRY(write_completion(ranking, i, err));
        }
        query = attrib_queries_get(ranking->queries, i);
        AT_CHECK(has_counted_token(query), ATTRIB_EINVAL,
                 "query %s: no token of its completion counts", query->id);
    }
done:
    return status;
}

/* 2. Preconditioned gradients */

typedef struct query_tap {
    const at_ranking *ranking;
    at_prepared *prepared;
    double *dampings;   /* [n_tracked] */
    at_arena **scratch; /* [n_workers] */
    size_t n_workers;
} query_tap;

static void get_query(const void *context, size_t i, attrib_sequence *out)
{
    const at_ranking *ranking = context;
    const attrib_query *query = attrib_queries_get(ranking->queries, i);
    *out = (attrib_sequence){.document = i,
                             .n_tokens = query->n_tokens,
                             .ids = query->ids,
                             .mask = query->mask};
}

static attrib_status precondition_block(void *context,
                                        size_t i_worker,
                                        const at_block *block,
                                        size_t i_tracked,
                                        const float *a,
                                        const float *ds,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const query_tap *tap = context;
    const at_ranking *ranking = tap->ranking;
    const attrib_module *module =
        attrib_model_module(ranking->model, ranking->tracked[i_tracked]);
    const at_factor *factor =
        ranking->factors ? &ranking->factors->factors[i_tracked] : NULL;
    size_t o = module->out_dim;
    size_t i = module->in_dim;
    at_arena *arena = tap->scratch[i_worker];
    for (size_t s = 0; s < block->batch.n_sequences; s++) {
        size_t first = block->batch.first_row[s];
        size_t n_rows = block->batch.first_row[s + 1] - first;
        float *scratch = NULL;
        at_arena_reset(arena, 0);
        AT_TRY(at_arena_take(arena, o * i + n_rows * (o + i), sizeof *scratch, &scratch,
                             err));
        at_precondition(
            ranking->factors, factor, ranking->options.strategy, tap->dampings[i_tracked],
            a + first * i, ds + first * o, n_rows, o, i, scratch,
            tap->prepared->p[i_tracked] + (block->first_sequence + s) * o * i);
    }
done:
    return status;
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
    for (size_t s = 0; s < block->batch.n_sequences; s++) {
        tap->prepared->losses[block->first_sequence + s] = losses[s];
    }
    return ATTRIB_OK;
}

static attrib_status choose_dampings(query_tap *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_ranking *ranking = tap->ranking;
    const at_damping how = {ranking->options.strategy, ranking->options.damping,
                            ranking->options.is_damping_absolute};
    AT_TRY(at_array(ranking->n_tracked, sizeof *tap->dampings, &tap->dampings, err));
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const char *name = attrib_model_module(ranking->model, ranking->tracked[m])->name;
        AT_TRY(at_damping_of(ranking->factors,
                             ranking->factors ? &ranking->factors->factors[m] : NULL,
                             &how, name, &tap->dampings[m], err));
        at_log(ranking->session, ATTRIB_LOG_DETAIL, "%s: damping %.3g nats^2/weight^2",
               name, tap->dampings[m]);
    }
done:
    return status;
}

static attrib_status allocate(query_tap *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_ranking *ranking = tap->ranking;
    at_prepared *prepared = tap->prepared;
    prepared->n_tracked = ranking->n_tracked;
    AT_TRY(
        at_array(ranking->n_queries, sizeof *prepared->losses, &prepared->losses, err));
    AT_TRY(at_array(ranking->n_tracked, sizeof *prepared->p, &prepared->p, err));
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        size_t n = 0;
        AT_TRY(at_mul(module->out_dim, module->in_dim, &n, err));
        AT_TRY(at_mul(n, ranking->n_queries, &n, err));
        AT_TRY(at_array(n, sizeof(float), &prepared->p[m], err));
    }
    AT_TRY(at_array(tap->n_workers, sizeof(at_arena *), &tap->scratch, err));
    for (size_t w = 0; w < tap->n_workers; w++) {
        AT_TRY(at_arena_new(&tap->scratch[w], err));
    }
done:
    if (status == ATTRIB_ENOMEM) {
        at_context(err, status, "%zu preconditioned queries", ranking->n_queries);
    }
    return status;
}

attrib_status at_prepare_queries(const at_ranking *ranking,
                                 at_prepared *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    query_tap tap = {.ranking = ranking, .prepared = &prepared};
    at_tap interface = {&tap, precondition_block, NULL, keep_losses};
    at_source source = {ranking, ranking->n_queries, get_query};
    at_pass pass = {ranking->session,
                    ranking->model,
                    ranking->tracked,
                    ranking->n_tracked,
                    AT_LABELS_DATA,
                    0,
                    1, /* a query a block: preparing one is as much work as many rows */
                    "query"};
    AT_TRY(choose_dampings(&tap, err));
    AT_TRY(at_pass_n_workers(&pass, &source, &tap.n_workers, err));
    AT_TRY(allocate(&tap, err));
    AT_TRY(at_pass_run(&pass, &source, &interface, err));
    *out = prepared;
    prepared = (at_prepared){0};
done:
    at_prepared_free(&prepared);
    for (size_t w = 0; tap.scratch && w < tap.n_workers; w++) {
        at_arena_free(tap.scratch[w]);
    }
    free(tap.scratch);
    free(tap.dampings);
    return status;
}

void at_prepared_free(at_prepared *prepared)
{
    for (size_t m = 0; prepared->p && m < prepared->n_tracked; m++) {
        free(prepared->p[m]);
    }
    free(prepared->p);
    free(prepared->losses);
    *prepared = (at_prepared){0};
}
