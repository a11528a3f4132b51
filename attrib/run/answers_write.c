/* SPDX-License-Identifier: MIT */
/* Write the answers of a run: what reported documents are made of into a file of its own
 * (explained_write.c), and a record of
 *
 *     pieces   [{id, is_special, text}] of all tokens that occur
 *     modules  [name]
 *     answers  [bin], each a msgpack map of a query and its documents, so that they are
 *              unpacked one after the other */
#include <math.h>
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
    AT_TRY(at_pack_size_member(packer, "text_bytes", document->n_text_bytes, err));
done:
    return status;
}

static attrib_status pack_extract(msgpack_packer *packer,
                                  const at_extract *extract,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_size_member(packer, "start", extract->start, err));
    AT_TRY(at_pack_size_member(packer, "bytes", extract->n_bytes, err));
    AT_TRY(at_pack_bytes_member(packer, "digest", extract->digest, sizeof extract->digest,
                                err));
done:
    return status;
}

static attrib_status pack_results(msgpack_packer *packer,
                                  const char *key,
                                  const attrib_result *results,
                                  size_t n,
                                  at_explained_writer *explained,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, key, n, err));
    for (size_t i = 0; i < n; i++) {
        at_extract extract = {0};
        AT_TRY(at_explained_writer_add(explained, &results[i], &extract, err));
        AT_TRY(at_pack_map(packer, 20, err));
        AT_TRY(at_pack_size_member(packer, "rank", results[i].rank, err));
        AT_TRY(at_pack_number_member(packer, "score", results[i].score, err));
        AT_TRY(at_pack_number_member(packer, "token_error", results[i].token_error, err));
        AT_TRY(at_pack_size_member(
            packer, "tokens",
            at_larger(results[i].n_tokens, results[i].document.n_tokens), err));
        AT_TRY(pack_document(packer, &results[i].document, err));
        AT_TRY(pack_extract(packer, &extract, err));
    }
done:
    return status;
}

static attrib_status pack_answer(msgpack_packer *packer,
                                 const attrib_answer *answer,
                                 at_explained_writer *explained,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_map(packer, isnan(answer->residual) ? 26 : 27, err));
    AT_TRY(pack_query(packer, &answer->query, err));
    AT_TRY(at_pack_size_member(packer, "setting", answer->i_setting, err));
    AT_TRY(at_pack_size_member(packer, "rows", answer->n_rows, err));
    AT_TRY(at_pack_number_member(packer, "loss", answer->loss, err));
    AT_TRY(at_pack_number_member(packer, "measured", answer->measured, err));
    /* A record has no NaN; baselines, whose self-influence it is, are known as such. */
    AT_TRY(at_pack_number_member(
        packer, "self", isnan(answer->self_influence) ? 0 : answer->self_influence, err));
    if (!isnan(answer->residual)) {
        AT_TRY(at_pack_number_member(packer, "residual", answer->residual, err));
    }
    AT_TRY(at_pack_size_member(packer, "scored", answer->n_scored, err));
    AT_TRY(at_pack_size_member(packer, "missed_top", answer->n_missed_top, err));
    AT_TRY(at_pack_size_member(packer, "missed_bottom", answer->n_missed_bottom, err));
    AT_TRY(pack_results(packer, "top", answer->top, answer->n_top, explained, err));
    AT_TRY(
        pack_results(packer, "bottom", answer->bottom, answer->n_bottom, explained, err));
done:
    return status;
}

/* Pack each answer by itself, and write what its documents are made of. */
static attrib_status pack_answers(const attrib_run *run,
                                  msgpack_packer *packer,
                                  at_explained_writer *explained,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    msgpack_sbuffer bytes;
    msgpack_packer inner;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&inner, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_array_member(packer, "answers", run->info.n_answers, err));
    for (size_t q = 0; q < run->info.n_answers; q++) {
        msgpack_sbuffer_clear(&bytes);
        AT_TRY(pack_answer(&inner, &run->answers[q], explained, err));
        AT_TRY(at_pack_bytes(packer, bytes.data, bytes.size, err));
    }
done:
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

/* The pieces and modules of all answers, which are packed before. */
static attrib_status pack_names(msgpack_packer *packer,
                                const at_explained_writer *explained,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, "pieces", explained->n_pieces, err));
    for (size_t i = 0; i < explained->n_pieces; i++) {
        const attrib_token_score *piece = &explained->pieces[i];
        AT_TRY(at_pack_map(packer, 3, err));
        AT_TRY(at_pack_size_member(packer, "id", (size_t)piece->id, err));
        AT_TRY(at_pack_size_member(packer, "is_special", piece->is_special, err));
        AT_TRY(at_pack_bytes_member(packer, "text", piece->text, piece->n_bytes, err));
    }
    AT_TRY(at_pack_array_member(packer, "modules", explained->n_modules, err));
    for (size_t m = 0; m < explained->n_modules; m++) {
        AT_TRY(at_pack_key(packer, explained->modules[m], err));
    }
done:
    return status;
}

static attrib_status write_answers(const attrib_run *run,
                                   at_explained_writer *explained,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, 6, err));
    AT_TRY(at_pack_text_member(&packer, "format", "attrib answers", err));
    AT_TRY(at_pack_size_member(&packer, "version", AT_RUN_VERSION, err));
    AT_TRY(at_pack_text_member(&packer, "run", run->identity, err));
    AT_TRY(pack_answers(run, &packer, explained, err));
    AT_TRY(pack_names(&packer, explained, err));
    AT_TRY(at_explained_writer_commit(explained, err));
    AT_TRY(at_join_path(run->info.folder, AT_RUN_ANSWERS, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

attrib_status at_answers_write(const attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_explained_writer explained = {0};
    AT_TRY(at_explained_writer_open(run->info.folder, &explained, err));
    AT_TRY(write_answers(run, &explained, err));
done:
    at_explained_writer_free(&explained);
    return status;
}
