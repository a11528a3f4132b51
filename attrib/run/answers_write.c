/* SPDX-License-Identifier: MIT */
/* Write the answers of a run as a record: an array of queries with the documents found
 * for each. */
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "run/run.h"

static attrib_status pack_tags(msgpack_packer *packer,
                               const attrib_tag *tags,
                               size_t n_tags,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "tags", n_tags, err));
    for (size_t i = 0; i < n_tags; i++) {
        AT_TRY(at_pack_map(packer, 2, err));
        AT_TRY(at_pack_text_member(packer, "key", tags[i].key, err));
        AT_TRY(at_pack_text_member(packer, "value", tags[i].value, err));
    }
done:
    return status;
}

/* A direction's members, or nil for each where there is none. */
static attrib_status pack_direction(msgpack_packer *packer,
                                    const attrib_query *query,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_direction *direction = query->direction;
    AT_TRY(at_pack_text_member(packer, "direction", direction ? direction->path : NULL,
                               err));
    AT_TRY(at_pack_size_member(packer, "layer", direction ? direction->layer : 0, err));
    AT_TRY(at_pack_size_member(packer, "direction_values",
                               direction ? direction->n_values : 0, err));
    AT_TRY(at_pack_bytes_member(packer, "positions",
                                direction ? direction->positions : NULL,
                                direction ? query->n_tokens : 0, err));
done:
    return status;
}

static attrib_status pack_query(msgpack_packer *packer,
                                const attrib_query *query,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_text_member(packer, "id", query->id, err));
    AT_TRY(at_pack_text_member(packer, "prompt", query->prompt, err));
    AT_TRY(at_pack_text_member(packer, "completion", query->completion, err));
    AT_TRY(at_pack_size_member(packer, "measure", query->measure, err));
    AT_TRY(at_pack_text_member(packer, "against", query->against, err));
    AT_TRY(at_pack_size_member(packer, "against_token", query->against_token, err));
    AT_TRY(pack_direction(packer, query, err));
    AT_TRY(at_pack_size_member(packer, "is_generated", query->is_generated, err));
    AT_TRY(at_pack_size_member(packer, "is_cut", query->is_cut, err));
    AT_TRY(at_pack_size_member(packer, "is_turn", query->is_turn, err));
    AT_TRY(pack_tags(packer, query->tags, query->n_tags, err));
    AT_TRY(at_pack_bytes_member(packer, "ids", query->ids,
                                query->n_tokens * sizeof *query->ids, err));
    AT_TRY(at_pack_bytes_member(packer, "mask", query->mask, query->n_tokens, err));
done:
    return status;
}

static attrib_status pack_document(msgpack_packer *packer,
                                   const attrib_document *document,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_size_member(packer, "index", document->index, err));
    AT_TRY(at_pack_text_member(packer, "id", document->id, err));
    AT_TRY(at_pack_text_member(packer, "source", document->source, err));
    AT_TRY(at_pack_text_member(packer, "member", document->member, err));
    AT_TRY(at_pack_size_member(packer, "line", document->line, err));
    AT_TRY(at_pack_size_member(packer, "span_start", document->span_start, err));
    AT_TRY(at_pack_size_member(packer, "span_end", document->span_end, err));
    AT_TRY(at_pack_size_member(packer, "predicted", document->n_predicted, err));
    AT_TRY(at_pack_text_member(packer, "hash", document->hash, err));
    AT_TRY(at_pack_size_member(packer, "rejected_token", document->rejected_token, err));
    AT_TRY(at_pack_size_member(packer, "rejected_byte", document->rejected_byte, err));
    AT_TRY(pack_tags(packer, document->tags, document->n_tags, err));
    AT_TRY(at_pack_size_member(packer, "has_text", document->text != NULL, err));
    AT_TRY(at_pack_bytes_member(packer, "text", document->text,
                                document->text ? document->n_text_bytes : 0, err));
done:
    return status;
}

static attrib_status pack_shares(msgpack_packer *packer,
                                 const attrib_result *result,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "tokens", result->n_tokens, err));
    for (size_t t = 0; t < result->n_tokens; t++) {
        const attrib_token_score *token = &result->tokens[t];
        AT_TRY(at_pack_map(packer, 4, err));
        AT_TRY(at_pack_bytes_member(packer, "text", token->text, token->n_bytes, err));
        AT_TRY(at_pack_size_member(packer, "id", (size_t)token->id, err));
        AT_TRY(at_pack_size_member(packer, "is_special", token->is_special, err));
        AT_TRY(at_pack_number_member(packer, "score", token->score, err));
    }
    AT_TRY(at_pack_array_member(packer, "modules", result->n_modules, err));
    for (size_t m = 0; m < result->n_modules; m++) {
        AT_TRY(at_pack_map(packer, 2, err));
        AT_TRY(at_pack_text_member(packer, "name", result->modules[m].name, err));
        AT_TRY(at_pack_number_member(packer, "score", result->modules[m].score, err));
    }
done:
    return status;
}

static attrib_status pack_results(msgpack_packer *packer,
                                  const char *key,
                                  const attrib_result *results,
                                  size_t n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, key, n, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_pack_map(packer, 19, err));
        AT_TRY(at_pack_size_member(packer, "rank", results[i].rank, err));
        AT_TRY(at_pack_number_member(packer, "score", results[i].score, err));
        AT_TRY(at_pack_number_member(packer, "token_error", results[i].token_error, err));
        AT_TRY(pack_document(packer, &results[i].document, err));
        AT_TRY(pack_shares(packer, &results[i], err));
    }
done:
    return status;
}

static attrib_status pack_answer(msgpack_packer *packer,
                                 const attrib_answer *answer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_map(packer, 23, err));
    AT_TRY(pack_query(packer, &answer->query, err));
    AT_TRY(at_pack_size_member(packer, "setting", answer->i_setting, err));
    AT_TRY(at_pack_size_member(packer, "rows", answer->n_rows, err));
    AT_TRY(at_pack_number_member(packer, "loss", answer->loss, err));
    AT_TRY(at_pack_number_member(packer, "measured", answer->measured, err));
    AT_TRY(at_pack_number_member(packer, "self", answer->self_influence, err));
    AT_TRY(pack_results(packer, "top", answer->top, answer->n_top, err));
    AT_TRY(pack_results(packer, "bottom", answer->bottom, answer->n_bottom, err));
done:
    return status;
}

attrib_status at_answers_write(const attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, 4, err));
    AT_TRY(at_pack_text_member(&packer, "format", "attrib answers", err));
    AT_TRY(at_pack_size_member(&packer, "version", AT_RUN_VERSION, err));
    AT_TRY(at_pack_text_member(&packer, "run", run->identity, err));
    AT_TRY(at_pack_array_member(&packer, "answers", run->info.n_answers, err));
    for (size_t q = 0; q < run->info.n_answers; q++) {
        AT_TRY(pack_answer(&packer, &run->answers[q], err));
    }
    AT_TRY(at_join_path(run->info.folder, AT_RUN_ANSWERS, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}
