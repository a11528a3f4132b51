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
 *     result   {rank, score, document, tokens [{text, id, score}],
 *               modules {name: score}}
 *     document {id, index, source, member, line, span, tags, text}
 *
 * A result is_spurious where the score stands on few tokens. It is_estimate, with rank 0,
 * where the document was not scored, and has its error where that is known.
 *
 * The text of a pair is its chosen side's; its document has `rejected` too, the text of
 * the other side, whose tokens say "is_rejected": true. */
#include <math.h>
#include <string.h>

#include "export/json_members.h"
#include "format/json.h"

static attrib_status append_document(at_buffer *out,
                                     const attrib_document *document,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_value chosen = at_chosen_text(document);
    const at_value rejected = at_rejected_text(document);
    AT_TRY(at_append_key(out, "document", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(at_append_member_text(out, "id", document->id, err));
    AT_TRY(at_append_member_size(out, "index", document->index, err));
    AT_TRY(at_append_member_text(out, "source", document->source, err));
    AT_TRY(at_append_member_text(out, "member", document->member, err));
    if (document->line) {
        AT_TRY(at_append_member_size(out, "line", document->line, err));
    } else {
        AT_TRY(at_append_member_text(out, "line", NULL, err));
    }
    AT_TRY(at_append_key(out, "span", err));
    AT_TRY(
        at_buffer_print(out, err, "[%zu,%zu]", document->span_start, document->span_end));
    AT_TRY(at_append_key(out, "tags", err));
    AT_TRY(at_append_tags(out, document->tags, document->n_tags, err));
    AT_TRY(at_append_key(out, "text", err));
    AT_TRY(chosen.text ? at_json_append_text(out, chosen.text, chosen.n_bytes, err)
                       : at_buffer_print(out, err, "null"));
    if (rejected.text) {
        AT_TRY(at_append_key(out, "rejected", err));
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
    AT_TRY(at_append_key(out, "tokens", err));
    AT_TRY(at_buffer_append(out, "[", 1, err));
    for (size_t i = 0; i < result->n_tokens; i++) {
        const attrib_token_score *token = &result->tokens[i];
        AT_TRY(at_buffer_print(out, err, i ? ",{\"text\":" : "{\"text\":"));
        AT_TRY(at_json_append_text(out, token->text, token->n_bytes, err));
        AT_TRY(at_buffer_print(out, err, ",\"id\":%ld", (long)token->id));
        AT_TRY(at_append_member_real(out, "score", token->score, err));
        if (border && i >= border) {
            AT_TRY(at_append_member_flag(out, "is_rejected", true, err));
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
    AT_TRY(at_append_key(out, "modules", err));
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
    AT_TRY(at_append_key(out, key, err));
    AT_TRY(at_buffer_append(out, "[", 1, err));
    for (size_t i = 0; i < n_results; i++) {
        AT_TRY(at_buffer_print(out, err, i ? ",{" : "{"));
        AT_TRY(at_append_member_size(out, "rank", results[i].rank, err));
        AT_TRY(at_append_member_real(out, "score", results[i].score, err));
        if (results[i].token_error > 0) {
            AT_TRY(
                at_append_member_real(out, "token_error", results[i].token_error, err));
        }
        if (results[i].is_estimate) {
            AT_TRY(at_append_member_flag(out, "is_estimate", true, err));
        }
        if (results[i].error > 0) {
            AT_TRY(at_append_member_real(out, "error", results[i].error, err));
        }
        if (attrib_result_is_spurious(&results[i], NULL)) {
            AT_TRY(at_append_member_flag(out, "is_spurious", true, err));
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
    AT_TRY(at_append_key(out, "direction", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(at_append_member_text(out, "file", direction->path, err));
    AT_TRY(at_append_member_size(out, "layer", direction->layer, err));
    AT_TRY(at_append_key(out, "positions", err));
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
    AT_TRY(
        at_append_member_text(out, "measure", attrib_measure_name(query->measure), err));
    AT_TRY(at_append_member_real(out, "measured", answer->measured, err));
    if (query->direction) {
        AT_TRY(append_direction(out, query, err));
    }
    AT_TRY(
        at_append_member_real(out, "loss", has_loss ? answer->loss : (double)NAN, err));
done:
    return status;
}

static attrib_status append_query(at_buffer *out,
                                  const attrib_answer *answer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &answer->query;
    AT_TRY(at_append_key(out, "query", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(at_append_member_text(out, "id", query->id, err));
    AT_TRY(at_append_member_text(out, "prompt", query->prompt, err));
    AT_TRY(at_append_member_text(out, "completion", query->completion, err));
    if (query->measure == ATTRIB_MEASURE_MARGIN) {
        AT_TRY(at_append_member_text(out, "against", query->against, err));
    }
    AT_TRY(at_append_member_size(out, "n_rows", answer->n_rows, err));
    AT_TRY(append_measured(out, answer, err));
    AT_TRY(at_append_member_size(out, "n_completion_tokens", answer->n_completion_tokens,
                                 err));
    AT_TRY(at_append_member_real(out, "self_influence", answer->self_influence, err));
    AT_TRY(at_append_member_flag(out, "is_generated", query->is_generated, err));
    AT_TRY(at_append_member_flag(out, "is_cut", query->is_cut, err));
    AT_TRY(at_append_member_flag(out, "is_turn", query->is_turn, err));
    AT_TRY(at_append_key(out, "tags", err));
    AT_TRY(at_append_tags(out, query->tags, query->n_tags, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
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
    AT_TRY(at_append_key(out, "ranking", err));
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(at_append_member_text(out, "by", names[listed->by], err));
    AT_TRY(at_append_member_size(out, "n_ranked", listed->n_ranked, err));
    AT_TRY(at_append_member_text(out, "notes", listed->notes, err));
    if (listed->group) {
        AT_TRY(at_append_key(out, "group", err));
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
    AT_TRY(at_append_run(out, listed, err));
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
