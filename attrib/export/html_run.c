/* SPDX-License-Identifier: MIT */
/* The chunk `run` of a page:
 *
 *     version, title, counts, leftOut {analysis: sentence},
 *     runs [{title, command, hashes, modules [{name}],
 *     checkpoints [{modelHash, command, weight}], ...}],
 *     settings [{run, name, damping, meaning}],
 *     queries [{id, prompt, completion, loss, ...}], as the first run has them
 *     answers [{self, nTop, nBottom, first, width, firstBin, ..., query}], where `query`
 *         is what another run has of the query that may differ
 *
 * and the arrays of all results that are shown, answer by answer from its `first` on:
 *     document u32 number in the chunk `documents`, rank u32, score f64
 * and of all answers: bins u32 [n, AT_SPREAD_BINS], steps u32 and sums f64
 * [n, 2, AT_SPREAD_STEPS]. */
#include <stdlib.h>
#include <string.h>

#include "export/html.h"

/* Bytes of a prompt or a completion that lists and searches see; the chunk of the answer
 * has all of it. */
#define LISTED_BYTES ((size_t)2000)

/* 1. The run */

static attrib_status put_counts(const at_shown *shown, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = shown->info;
    json_t *left_out = NULL;
    AT_TRY(at_put_size(out, "nQueries", info->n_queries, err));
    AT_TRY(at_put_size(out, "nDocuments", info->n_documents, err));
    AT_TRY(at_put_size(out, "nTokens", info->n_tokens, err));
    AT_TRY(at_put_text(out, "prefilter", info->options->prefilter, err));
    AT_TRY(at_put_size(out, "nReported", shown->n_reported, err));
    AT_TRY(at_put_size(out, "nEach", shown->n_each, err));
    AT_TRY(at_put_text(out, "version", ATTRIB_VERSION, err));
    AT_TRY(at_put_text(out, "title", at_shown_title(shown, 0), err));
    AT_TRY(at_put_text(out, "tokenKind",
                       attrib_token_kind_name(info->options->token_kind), err));
    AT_TRY(at_put_text(out, "normalize", attrib_normalize_name(info->options->normalize),
                       err));
    AT_TRY(at_put_size(out, "nBins", AT_SPREAD_BINS, err));
    AT_TRY(at_put_size(out, "nSteps", AT_SPREAD_STEPS, err));
    AT_TRY(at_put(out, "hasTails", json_boolean(at_page_has_tails(shown)), err));
    left_out = json_object();
    AT_TRY(at_put(out, "leftOut", left_out, err));
    AT_TRY(at_page_left_out(shown, left_out, err));
done:
    return status;
}

static attrib_status put_setting(const at_shown *shown,
                                 const at_shown_setting *of,
                                 json_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(of->run);
    const attrib_setting *setting = &info->options->settings[of->i_setting];
    at_buffer text = {0};
    AT_TRY(at_put_size(out, "run", of->i_run, err));
    AT_TRY(at_put_text(out, "strategy", attrib_strategy_name(setting->strategy), err));
    if (shown->n_runs > 1) {
        AT_TRY(at_buffer_print(&text, err, "%s: ", at_shown_title(shown, of->i_run)));
    }
    AT_TRY(at_put(out, "isBaseline",
                  json_boolean(attrib_strategy_is_baseline(setting->strategy)), err));
    AT_TRY(at_append_setting(&text, setting, err));
    AT_TRY(at_put_text(out, "name", text.bytes, err));
    at_buffer_clear(&text);
    AT_TRY(at_append_damping(&text, setting, err));
    AT_TRY(at_put_text(out, "damping", text.bytes, err));
    at_buffer_clear(&text);
    AT_TRY(at_append_scale(&text, info, setting, at_common_query(of->run), err));
    AT_TRY(at_put_text(out, "meaning", text.bytes, err));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status put_settings(const at_shown *shown, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = NULL;
    AT_TRY(at_put_array(out, "settings", &list, err));
    for (size_t i = 0; i < shown->n_settings; i++) {
        json_t *item = NULL;
        const at_shown_setting setting = at_shown_setting_of(shown, i);
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(put_setting(shown, &setting, item, err));
    }
done:
    return status;
}

/* All results of a run have the same modules: those that it tracks. */
static attrib_status put_modules(attrib_run *run, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = NULL;
    const attrib_result *result = NULL;
    AT_TRY(at_put_array(out, "modules", &list, err));
    for (size_t i = 0; i < attrib_run_describe(run)->n_answers && !result; i++) {
        const attrib_answer *answer = attrib_run_answer(run, i);
        if (answer->n_top) {
            result = &answer->top[0];
            AT_TRY(attrib_run_load_result(run, i, result, err));
        }
    }
    for (size_t i = 0; result && i < result->n_modules; i++) {
        json_t *item = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(at_put_text(item, "name", result->modules[i].name, err));
    }
done:
    return status;
}

/* Put the models and weights of the runs that were added up, if this run is a sum. */
static attrib_status put_checkpoints(const attrib_run_info *info,
                                     json_t *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = NULL;
    AT_TRY(at_put_array(out, "checkpoints", &list, err));
    for (size_t c = 0; c < info->n_checkpoints; c++) {
        const attrib_checkpoint *one = &info->checkpoints[c];
        json_t *item = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(at_put_text(item, "modelHash", one->model_hash, err));
        AT_TRY(at_put_text(item, "command", one->command, err));
        AT_TRY(at_put_real(item, "weight", one->weight, err));
    }
done:
    return status;
}

/* What a run was made with. */
static attrib_status put_run(const at_shown *shown,
                             size_t i_run,
                             json_t *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = shown->runs[i_run];
    const attrib_run_info *info = attrib_run_describe(run);
    AT_TRY(at_put_text(out, "title", at_shown_title(shown, i_run), err));
    AT_TRY(at_put_text(out, "command", info->command, err));
    AT_TRY(at_put_text(out, "modelHash", info->model_hash, err));
    AT_TRY(at_put_text(out, "corpusHash", info->corpus_hash, err));
    AT_TRY(at_put_text(out, "factorsHash", info->factors_hash, err));
    AT_TRY(at_put_text(out, "corpusDate", info->corpus_date, err));
    AT_TRY(at_put_size(out, "queryRank", info->query_rank, err));
    AT_TRY(at_put_text(out, "precision", attrib_precision_name(info->options->precision),
                       err));
    AT_TRY(at_put_real(out, "assumedError", info->assumed_error, err));
    AT_TRY(at_put_size(out, "nOpen", info->n_open, err));
    AT_TRY(at_put_real(out, "largestBound", info->largest_bound, err));
    AT_TRY(at_put_real(out, "trackedShare", info->tracked_share, err));
    AT_TRY(put_checkpoints(info, out, err));
    AT_TRY(put_modules(run, out, err));
done:
    return status;
}

static attrib_status put_runs(const at_shown *shown, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = NULL;
    AT_TRY(at_put_array(out, "runs", &list, err));
    for (size_t i = 0; i < shown->n_runs; i++) {
        json_t *item = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(put_run(shown, i, item, err));
    }
done:
    return status;
}

/* 2. Queries */

static attrib_status put_start(json_t *out,
                               const char *key,
                               const char *text,
                               attrib_error *err)
{
    return text ? at_put_bytes(out, key, text, strnlen(text, LISTED_BYTES), err)
                : at_put(out, key, json_null(), err);
}

/* What the query measures, and of a direction where it is from. */
static attrib_status put_measure(const attrib_answer *answer,
                                 json_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &answer->query;
    AT_TRY(at_put_text(out, "measure", attrib_measure_name(query->measure), err));
    AT_TRY(at_put_real(out, "measured", answer->measured, err));
    if (query->direction) {
        AT_TRY(at_put_text(out, "direction", query->direction->path, err));
        AT_TRY(at_put_size(out, "layer", query->direction->layer, err));
    }
done:
    return status;
}

/* What depends on the model: the completion that it wrote, and its loss. */
static attrib_status put_outcome(const attrib_answer *answer,
                                 json_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &answer->query;
    AT_TRY(put_start(out, "completion", query->completion, err));
    AT_TRY(at_put_size(out, "nTokens", query->n_tokens, err));
    AT_TRY(at_put_size(out, "nCompletionTokens", answer->n_completion_tokens, err));
    AT_TRY(at_put_real(out, "loss", answer->loss, err));
    AT_TRY(put_measure(answer, out, err));
    AT_TRY(at_put(out, "isGenerated", json_boolean(query->is_generated), err));
    AT_TRY(at_put(out, "isCut", json_boolean(query->is_cut), err));
    AT_TRY(at_put(out, "isTurn", json_boolean(query->is_turn), err));
done:
    return status;
}

static attrib_status put_queries(const at_shown *shown, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = NULL;
    AT_TRY(at_put_array(out, "queries", &list, err));
    for (size_t i = 0; i < shown->info->n_queries; i++) {
        const attrib_answer *answer = at_shown_answer(shown, i);
        const attrib_query *query = &answer->query;
        json_t *item = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(at_put_text(item, "id", query->id, err));
        AT_TRY(put_start(item, "prompt", query->prompt, err));
        AT_TRY(at_put_size(item, "nRows", answer->n_rows, err));
        AT_TRY(put_outcome(answer, item, err));
        AT_TRY(at_put_tags(item, query->tags, query->n_tags, err));
    }
done:
    return status;
}

/* 3. Answers and their results */

/* Arrays of all results. */
typedef struct results {
    at_buffer documents, ranks, scores;
    size_t n;
} results;

static attrib_status add_results(const at_shown *shown,
                                 const attrib_answer *answer,
                                 results *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_result *result = NULL;
    for (size_t j = 0; (result = at_shown_result(shown, answer, j)); j++) {
        uint32_t number = (uint32_t)at_shown_number(shown, result->document.index);
        uint32_t rank = (uint32_t)result->rank;
        AT_TRY(at_buffer_append(&out->documents, &number, sizeof number, err));
        AT_TRY(at_buffer_append(&out->ranks, &rank, sizeof rank, err));
        AT_TRY(at_buffer_append(&out->scores, &result->score, sizeof result->score, err));
        out->n++;
    }
done:
    return status;
}

static attrib_status put_answer(const at_shown *shown,
                                const attrib_answer *answer,
                                const at_spread *spread,
                                json_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t n_settings = shown->n_settings;
    size_t n_compared = n_settings > 1 ? n_settings : 0;
    json_t *list = NULL;
    AT_TRY(at_put_real(out, "self", answer->self_influence, err));
    AT_TRY(at_put_size(out, "nScored", answer->n_scored, err));
    AT_TRY(at_put_size(out, "nTop", at_shown_top(shown, answer), err));
    AT_TRY(at_put_size(out, "nBottom", at_shown_bottom(shown, answer), err));
    AT_TRY(at_put_real(out, "width", spread->width, err));
    AT_TRY(at_put(out, "firstBin", json_integer(spread->first), err));
    AT_TRY(at_put_real(out, "largest", spread->largest, err));
    AT_TRY(at_put_array(out, "correlation", &list, err));
    for (size_t s = 0; s < n_compared; s++) {
        json_t *item = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(at_put_real(item, "r", spread->correlation[s], err));
    }
done:
    return status;
}

static attrib_status put_answers(const at_shown *shown,
                                 const at_spread *spreads,
                                 at_chunk *chunk,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    results all = {0};
    json_t *list = NULL;
    AT_TRY(at_put_array(chunk->json, "answers", &list, err));
    for (size_t i = 0; i < shown->n_answers; i++) {
        const attrib_answer *answer = at_shown_answer(shown, i);
        json_t *item = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(at_put_size(item, "first", all.n, err));
        AT_TRY(put_answer(shown, answer, &spreads[i], item, err));
        if (at_shown_setting_of(shown, i / shown->info->n_queries).i_run > 0) {
            json_t *query = json_object();
            AT_TRY(at_put(item, "query", query, err));
            AT_TRY(put_outcome(answer, query, err));
        }
        AT_TRY(add_results(shown, answer, &all, err));
    }
    AT_TRY(at_put_size(chunk->json, "nResults", all.n, err));
    AT_TRY(at_chunk_add(chunk, chunk->json, "documents", &all.documents, err));
    AT_TRY(at_chunk_add(chunk, chunk->json, "ranks", &all.ranks, err));
    AT_TRY(at_chunk_add(chunk, chunk->json, "scores", &all.scores, err));
done:
    at_buffer_free(&all.documents);
    at_buffer_free(&all.ranks);
    at_buffer_free(&all.scores);
    return status;
}

static attrib_status add_spreads(const at_shown *shown,
                                 const at_spread *spreads,
                                 at_chunk *chunk,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer bins = {0};
    at_buffer steps = {0};
    at_buffer sums = {0};
    for (size_t i = 0; i < shown->n_answers; i++) {
        const at_spread *spread = &spreads[i];
        AT_TRY(at_buffer_append(&bins, spread->bins, sizeof spread->bins, err));
        AT_TRY(at_buffer_append(&steps, spread->steps, sizeof spread->steps, err));
        AT_TRY(at_buffer_append(&sums, spread->sums, sizeof spread->sums, err));
    }
    AT_TRY(at_chunk_add(chunk, chunk->json, "bins", &bins, err));
    AT_TRY(at_chunk_add(chunk, chunk->json, "steps", &steps, err));
    AT_TRY(at_chunk_add(chunk, chunk->json, "sums", &sums, err));
done:
    at_buffer_free(&bins);
    at_buffer_free(&steps);
    at_buffer_free(&sums);
    return status;
}

attrib_status at_page_run(const at_shown *shown, at_output *output, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_chunk chunk = {0};
    at_spread *spreads = NULL;
    AT_TRY(at_spreads_count(shown, &spreads, err));
    AT_TRY(at_chunk_begin(&chunk, err));
    AT_TRY(put_counts(shown, chunk.json, err));
    AT_TRY(put_runs(shown, chunk.json, err));
    AT_TRY(put_settings(shown, chunk.json, err));
    AT_TRY(put_queries(shown, chunk.json, err));
    AT_TRY(put_answers(shown, spreads, &chunk, err));
    AT_TRY(add_spreads(shown, spreads, &chunk, err));
    AT_TRY(at_chunk_write(&chunk, "run", output, err));
done:
    free(spreads);
    at_chunk_free(&chunk);
    return status;
}
