/* SPDX-License-Identifier: MIT */
/* Answers as JSON, one object for each query:
 *
 *     query    {id, prompt, completion, against, n_rows, measure, measured,
 *               direction {file, layer, positions}, loss, n_completion_tokens,
 *               self_influence, is_generated, is_cut, is_turn, tags}
 *     results  [result, ...] the first documents, best first
 *     opposed  [result, ...] the last documents, worst first
 *     run      {n_documents, strategy, damping, ..., meaning}
 *
 *     result   {rank, score, document, tokens [{text, id, score}], modules {name:
 * score}}, is_spurious where the score stands on few tokens, and is_estimate, with rank
 * 0, where the document was not scored: its error, where that is known. document {id,
 * index, source, member, line, span, tags, text}
 *
 * The text of a pair is its chosen side's; its document has `rejected` too, the text of
 * the other side, whose tokens say "is_rejected": true. */
#include <math.h>
#include <string.h>

#include "export/write.h"
#include "format/json.h"

static attrib_status append_key(at_buffer *out, const char *key, attrib_error *err)
{
    return at_buffer_print(
        out, err, "%s\"%s\":", out->bytes[out->n_bytes - 1] == '{' ? "" : ",", key);
}

static attrib_status append_text(at_buffer *out,
                                 const char *key,
                                 const char *text,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_key(out, key, err));
    AT_TRY(text ? at_json_append_text(out, text, strlen(text), err)
                : at_buffer_print(out, err, "null"));
done:
    return status;
}

static attrib_status append_size(at_buffer *out,
                                 const char *key,
                                 size_t value,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_key(out, key, err));
    AT_TRY(at_buffer_print(out, err, "%zu", value));
done:
    return status;
}

static attrib_status append_real(at_buffer *out,
                                 const char *key,
                                 double value,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_key(out, key, err));
    AT_TRY(at_append_number(out, value, err));
done:
    return status;
}

static attrib_status append_flag(at_buffer *out,
                                 const char *key,
                                 bool value,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_key(out, key, err));
    AT_TRY(at_buffer_print(out, err, value ? "true" : "false"));
done:
    return status;
}

/* A tag's value is JSON by its contract; from a damaged run it may be anything, which is
 * then text. */
attrib_status at_append_tag_value(at_buffer *out, const char *value, attrib_error *err)
{
    json_t *parsed = NULL;
    attrib_status status = at_json_parse("tag", value, strlen(value), &parsed, NULL);
    if (status == ATTRIB_OK) {
        json_decref(parsed);
        return at_buffer_append(out, value, strlen(value), err);
    }
    return at_json_append_text(out, value, strlen(value), err);
}

attrib_status at_append_tags(at_buffer *out,
                             const attrib_tag *tags,
                             size_t n_tags,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(out, "{", 1, err));
    for (size_t i = 0; i < n_tags; i++) {
        AT_TRY(at_buffer_append(out, ",", i > 0, err));
        AT_TRY(at_json_append_text(out, tags[i].key, strlen(tags[i].key), err));
        AT_TRY(at_buffer_append(out, ":", 1, err));
        AT_TRY(at_append_tag_value(out, tags[i].value, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

static attrib_status append_document(at_buffer *out,
                                     const attrib_document *document,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_value chosen = at_chosen_text(document);
    const at_value rejected = at_rejected_text(document);
    AT_TRY(append_key(out, "document", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(append_text(out, "id", document->id, err));
    AT_TRY(append_size(out, "index", document->index, err));
    AT_TRY(append_text(out, "source", document->source, err));
    AT_TRY(append_text(out, "member", document->member, err));
    if (document->line) {
        AT_TRY(append_size(out, "line", document->line, err));
    } else {
        AT_TRY(append_text(out, "line", NULL, err));
    }
    AT_TRY(append_key(out, "span", err));
    AT_TRY(
        at_buffer_print(out, err, "[%zu,%zu]", document->span_start, document->span_end));
    AT_TRY(append_key(out, "tags", err));
    AT_TRY(at_append_tags(out, document->tags, document->n_tags, err));
    AT_TRY(append_key(out, "text", err));
    AT_TRY(chosen.text ? at_json_append_text(out, chosen.text, chosen.n_bytes, err)
                       : at_buffer_print(out, err, "null"));
    if (rejected.text) {
        AT_TRY(append_key(out, "rejected", err));
        AT_TRY(at_json_append_text(out, rejected.text, rejected.n_bytes, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

static attrib_status append_tokens(at_buffer *out,
                                   const attrib_result *result,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t border = result->document.rejected_token;
    AT_TRY(append_key(out, "tokens", err));
    AT_TRY(at_buffer_append(out, "[", 1, err));
    for (size_t i = 0; i < result->n_tokens; i++) {
        const attrib_token_score *token = &result->tokens[i];
        AT_TRY(at_buffer_print(out, err, i ? ",{\"text\":" : "{\"text\":"));
        AT_TRY(at_json_append_text(out, token->text, token->n_bytes, err));
        AT_TRY(at_buffer_print(out, err, ",\"id\":%ld", (long)token->id));
        AT_TRY(append_real(out, "score", token->score, err));
        if (border && i >= border) {
            AT_TRY(append_flag(out, "is_rejected", true, err));
        }
        AT_TRY(at_buffer_append(out, "}", 1, err));
    }
    AT_TRY(at_buffer_append(out, "]", 1, err));
done:
    return status;
}

static attrib_status append_modules(at_buffer *out,
                                    const attrib_result *result,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_key(out, "modules", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    for (size_t i = 0; i < result->n_modules; i++) {
        const attrib_module_score *module = &result->modules[i];
        AT_TRY(at_buffer_append(out, ",", i > 0, err));
        AT_TRY(at_json_append_text(out, module->name, strlen(module->name), err));
        AT_TRY(at_buffer_append(out, ":", 1, err));
        AT_TRY(at_append_number(out, module->score, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

static attrib_status append_results(at_buffer *out,
                                    const char *key,
                                    const attrib_result *results,
                                    size_t n_results,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_key(out, key, err));
    AT_TRY(at_buffer_append(out, "[", 1, err));
    for (size_t i = 0; i < n_results; i++) {
        AT_TRY(at_buffer_print(out, err, i ? ",{" : "{"));
        AT_TRY(append_size(out, "rank", results[i].rank, err));
        AT_TRY(append_real(out, "score", results[i].score, err));
        if (results[i].token_error > 0) {
            AT_TRY(append_real(out, "token_error", results[i].token_error, err));
        }
        if (results[i].is_estimate) {
            AT_TRY(append_flag(out, "is_estimate", true, err));
        }
        if (results[i].error > 0) {
            AT_TRY(append_real(out, "error", results[i].error, err));
        }
        if (attrib_result_is_spurious(&results[i], NULL)) {
            AT_TRY(append_flag(out, "is_spurious", true, err));
        }
        AT_TRY(append_document(out, &results[i].document, err));
        AT_TRY(append_tokens(out, &results[i], err));
        AT_TRY(append_modules(out, &results[i], err));
        AT_TRY(at_buffer_append(out, "}", 1, err));
    }
    AT_TRY(at_buffer_append(out, "]", 1, err));
done:
    return status;
}

static attrib_status append_direction(at_buffer *out,
                                      const attrib_query *query,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_direction *direction = query->direction;
    size_t n = 0;
    AT_TRY(append_key(out, "direction", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(append_text(out, "file", direction->path, err));
    AT_TRY(append_size(out, "layer", direction->layer, err));
    AT_TRY(append_key(out, "positions", err));
    AT_TRY(at_buffer_append(out, "[", 1, err));
    for (size_t t = 0; t < query->n_tokens; t++) {
        if (direction->positions[t]) {
            AT_TRY(at_buffer_print(out, err, "%s%zu", n++ ? "," : "", t));
        }
    }
    AT_TRY(at_buffer_append(out, "]}", 2, err));
done:
    return status;
}

/* A direction has no loss, which is null then. */
static attrib_status append_measured(at_buffer *out,
                                     const attrib_answer *answer,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &answer->query;
    bool has_loss = query->measure != ATTRIB_MEASURE_DIRECTION;
    AT_TRY(append_text(out, "measure", attrib_measure_name(query->measure), err));
    AT_TRY(append_real(out, "measured", answer->measured, err));
    if (query->direction) {
        AT_TRY(append_direction(out, query, err));
    }
    AT_TRY(append_real(out, "loss", has_loss ? answer->loss : (double)NAN, err));
done:
    return status;
}

static attrib_status append_query(at_buffer *out,
                                  const attrib_answer *answer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &answer->query;
    AT_TRY(append_key(out, "query", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(append_text(out, "id", query->id, err));
    AT_TRY(append_text(out, "prompt", query->prompt, err));
    AT_TRY(append_text(out, "completion", query->completion, err));
    if (query->measure == ATTRIB_MEASURE_MARGIN) {
        AT_TRY(append_text(out, "against", query->against, err));
    }
    AT_TRY(append_size(out, "n_rows", answer->n_rows, err));
    AT_TRY(append_measured(out, answer, err));
    AT_TRY(append_size(out, "n_completion_tokens", answer->n_completion_tokens, err));
    AT_TRY(append_real(out, "self_influence", answer->self_influence, err));
    AT_TRY(append_flag(out, "is_generated", query->is_generated, err));
    AT_TRY(append_flag(out, "is_cut", query->is_cut, err));
    AT_TRY(append_flag(out, "is_turn", query->is_turn, err));
    AT_TRY(append_key(out, "tags", err));
    AT_TRY(at_append_tags(out, query->tags, query->n_tags, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

/* What is said of scores of cut queries and in bf16: nothing of other ones. */
static attrib_status append_cut(at_buffer *out,
                                const attrib_run_info *info,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_rounded = info->options->precision != ATTRIB_F32_PRODUCTS;
    AT_TRY(append_size(out, "query_rank", info->query_rank, err));
    if (is_rounded) {
        AT_TRY(append_text(out, "precision",
                           attrib_precision_name(info->options->precision), err));
        AT_TRY(append_real(out, "assumed_error", info->assumed_error, err));
    }
    if (info->query_rank || is_rounded) {
        AT_TRY(append_size(out, "n_rescored", info->n_rescored, err));
        AT_TRY(append_size(out, "n_open", info->n_open, err));
        AT_TRY(append_real(out, "largest_error", info->largest_error, err));
        AT_TRY(append_real(out, "largest_bound", info->largest_bound, err));
    }
done:
    return status;
}

static attrib_status append_recall(at_buffer *out,
                                   const char *key,
                                   const attrib_recall *recall,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_key(out, key, err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(append_real(out, "share", recall->share, err));
    AT_TRY(append_real(out, "low", recall->low, err));
    AT_TRY(append_real(out, "high", recall->high, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

/* What a filter let through, and what share of both ends that is by its sample: nothing
 * where all documents are scored. */
static attrib_status append_filter(at_buffer *out,
                                   const at_listed *listed,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = listed->info;
    attrib_recall recall;
    size_t i_answer = listed->i_answer;
    if (!info->options->prefilter) {
        return ATTRIB_OK;
    }
    AT_TRY(append_text(out, "prefilter", info->options->prefilter, err));
    AT_TRY(append_size(out, "n_scored", listed->answer->n_scored, err));
    AT_TRY(append_size(out, "n_sampled", info->n_sampled, err));
    if (listed->run && attrib_run_recall(listed->run, i_answer, 1, false, &recall)) {
        AT_TRY(append_recall(out, "recall", &recall, err));
    }
    if (listed->run && attrib_run_recall(listed->run, i_answer, 1, true, &recall)) {
        AT_TRY(append_recall(out, "recall_opposed", &recall, err));
    }
done:
    return status;
}

/* The runs of a sum; nothing where the run is none. */
static attrib_status append_checkpoints(at_buffer *out,
                                        const attrib_run_info *info,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (info->n_checkpoints == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(append_key(out, "checkpoints", err));
    for (size_t c = 0; c < info->n_checkpoints; c++) {
        const attrib_checkpoint *one = &info->checkpoints[c];
        AT_TRY(at_buffer_print(out, err, c ? ",{" : "[{"));
        AT_TRY(append_real(out, "weight", one->weight, err));
        AT_TRY(append_text(out, "model_hash", one->model_hash, err));
        AT_TRY(append_text(out, "factors_hash", one->factors_hash, err));
        AT_TRY(append_text(out, "command", one->command, err));
        AT_TRY(at_buffer_append(out, "}", 1, err));
    }
    AT_TRY(at_buffer_append(out, "]", 1, err));
done:
    return status;
}

/* How queries passed segments and stages, and were refined and scaled, where they were.
 */
static attrib_status append_refinement(at_buffer *out,
                                       const at_listed *listed,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = listed->info->options;
    bool is_refined = options->refine != ATTRIB_REFINE_NONE;
    bool is_scaled = options->scale != ATTRIB_SCALE_NONE;
    if (options->segments) {
        AT_TRY(append_text(out, "segments", options->segments, err));
    }
    if (options->over_documents) {
        AT_TRY(append_size(out, "over_documents", 1, err));
    }
    if (is_refined) {
        AT_TRY(append_text(out, "refine", attrib_refine_name(options->refine), err));
        AT_TRY(append_size(out, "refine_steps", options->refine_steps, err));
        AT_TRY(append_real(out, "residual", listed->answer->residual, err));
    }
    if (is_scaled) {
        AT_TRY(append_text(out, "scale", attrib_scale_name(options->scale), err));
    }
    if (is_refined || is_scaled) {
        AT_TRY(append_size(out, "refine_documents", options->refine_documents, err));
    }
done:
    return status;
}

static attrib_status append_run(at_buffer *out,
                                const at_listed *listed,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = listed->info;
    const attrib_answer *answer = listed->answer;
    const attrib_setting *setting = &info->options->settings[answer->i_setting];
    at_buffer scale = {0};
    AT_TRY(append_key(out, "run", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(append_size(out, "n_documents", info->n_documents, err));
    AT_TRY(append_text(out, "strategy", attrib_strategy_name(setting->strategy), err));
    AT_TRY(append_real(out, "damping",
                       attrib_strategy_is_baseline(setting->strategy) ? (double)NAN
                                                                      : setting->damping,
                       err));
    AT_TRY(append_flag(out, "is_damping_absolute", setting->is_damping_absolute, err));
    AT_TRY(append_text(out, "normalize", attrib_normalize_name(info->options->normalize),
                       err));
    AT_TRY(append_text(out, "token_kind",
                       attrib_token_kind_name(info->options->token_kind), err));
    AT_TRY(append_cut(out, info, err));
    AT_TRY(append_refinement(out, listed, err));
    AT_TRY(append_filter(out, listed, err));
    AT_TRY(append_real(out, "tracked_share", info->tracked_share, err));
    AT_TRY(append_text(out, "model_hash", info->model_hash, err));
    AT_TRY(append_text(out, "corpus_hash", info->corpus_hash, err));
    AT_TRY(append_text(out, "factors_hash", info->factors_hash, err));
    AT_TRY(append_checkpoints(out, info, err));
    AT_TRY(at_append_meaning(&scale, listed, err));
    AT_TRY(append_text(out, "meaning", scale.bytes, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    at_buffer_free(&scale);
    return status;
}

/* How documents were ranked where the answer is not the run's own. */
static attrib_status append_ranking(at_buffer *out,
                                    const at_listed *listed,
                                    attrib_error *err)
{
    static const char *const names[] = {[ATTRIB_BY_SCORE] = "score",
                                        [ATTRIB_BY_SELF] = "self",
                                        [ATTRIB_BY_COSINE] = "cosine"};
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_key(out, "ranking", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(append_text(out, "by", names[listed->by], err));
    AT_TRY(append_size(out, "n_ranked", listed->n_ranked, err));
    AT_TRY(append_text(out, "notes", listed->notes, err));
    if (listed->group) {
        AT_TRY(append_key(out, "group", err));
        AT_TRY(at_append_tags(out, listed->group, 1, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

attrib_status at_append_listing_json(at_buffer *out,
                                     const at_listed *listed,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = listed->answer;
    AT_TRY(at_buffer_append(out, "{", 1, err));
    if (listed->by != ATTRIB_BY_SELF) {
        AT_TRY(append_query(out, answer, err));
    }
    AT_TRY(append_results(out, "results", answer->top, answer->n_top, err));
    AT_TRY(append_results(out, "opposed", answer->bottom, answer->n_bottom, err));
    if (listed->n_ranked > 0) {
        AT_TRY(append_ranking(out, listed, err));
    }
    AT_TRY(append_run(out, listed, err));
    AT_TRY(at_buffer_append(out, "}\n", 2, err));
done:
    return status;
}

attrib_status at_append_answer(at_buffer *out,
                               attrib_run *run,
                               size_t i_answer,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_listed listed = {.run = run,
                              .i_answer = i_answer,
                              .info = attrib_run_describe(run),
                              .answer = attrib_run_answer(run, i_answer)};
    AT_TRY(attrib_run_load(run, i_answer, err));
    AT_TRY(at_append_listing_json(out, &listed, err));
done:
    return status;
}

attrib_status attrib_export_json(attrib_run *run,
                                 size_t i_answer,
                                 const char *path,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_CHECK(i_answer < attrib_run_describe(run)->n_answers, ATTRIB_EINVAL,
             "answer %zu of %zu", i_answer, attrib_run_describe(run)->n_answers);
    AT_TRY(at_append_answer(&text, run, i_answer, err));
    AT_TRY(at_write_whole(path, &text, err));
done:
    at_buffer_free(&text);
    return status;
}

attrib_status at_export_jsonl(attrib_run *run, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    at_output output = {0};
    AT_TRY(at_output_open(path, &output, err));
    for (size_t i = 0; i < attrib_run_describe(run)->n_answers; i++) {
        at_buffer_clear(&text);
        AT_TRY(at_append_answer(&text, run, i, err));
        AT_TRY(at_output_write(&output, text.bytes, text.n_bytes, err));
    }
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    at_buffer_free(&text);
    return status;
}
