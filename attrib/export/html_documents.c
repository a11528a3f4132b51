/* SPDX-License-Identifier: MIT */
/* The chunks of a page that hold documents: `documents`, their names, places and tags,
 *
 *     documents [{id, source, member, line, index, tokens, rejected, block, tags}]
 *
 * and `text-B`, what the tokens of block B spell,
 *
 *     first, documents [{bytes, lengths}]
 *
 * where `bytes` are those of all tokens one after the other and `lengths` u16, the bytes
 * of each token. Special tokens, which are no text of the document, are of length
 * SPECIAL_TOKEN. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/html.h"

#define SPECIAL_TOKEN 0xFFFFu
#define MAX_LENGTH    0xFFFEu

/* 1. Names, places and tags */

static attrib_status put_document(const at_shown_document *shown,
                                  json_t *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_document *document = &shown->result->document;
    AT_TRY(at_put_text(out, "id", document->id, err));
    AT_TRY(at_put_text(out, "source", document->source, err));
    if (document->member) {
        AT_TRY(at_put_text(out, "member", document->member, err));
    }
    AT_TRY(at_put_size(out, "line", document->line, err));
    AT_TRY(at_put_size(out, "index", document->index, err));
    AT_TRY(at_put_size(out, "tokens", document->n_tokens, err));
    AT_TRY(at_put_size(out, "rejected", document->rejected_token, err));
    AT_TRY(at_put_size(out, "block", shown->block, err));
    AT_TRY(at_put_tags(out, document->tags, document->n_tags, err));
done:
    return status;
}

attrib_status at_page_names(const at_shown *shown, at_output *output, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_chunk chunk = {0};
    json_t *list = NULL;
    AT_TRY(at_chunk_begin(&chunk, err));
    AT_TRY(at_put_array(chunk.json, "documents", &list, err));
    for (size_t i = 0; i < shown->n_documents; i++) {
        json_t *item = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(put_document(&shown->documents[i], item, err));
    }
    AT_TRY(at_chunk_write(&chunk, "documents", output, err));
done:
    at_chunk_free(&chunk);
    return status;
}

/* 2. Texts */

/* The bytes and lengths of a document's tokens. */
typedef struct spelling {
    at_buffer bytes, lengths;
} spelling;

static attrib_status spell(
    spelling *self, const char *text, size_t n, bool is_special, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint16_t length = (uint16_t)(is_special ? SPECIAL_TOKEN : at_smaller(n, MAX_LENGTH));
    AT_TRY(at_buffer_append(&self->lengths, &length, sizeof length, err));
    AT_TRY(at_buffer_append(&self->bytes, text, is_special ? 0 : length, err));
done:
    return status;
}

/* All tokens; where no tokenizer gave them text, their ids. */
static attrib_status spell_tokens(spelling *self,
                                  const attrib_result *result,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < result->n_tokens; i++) {
        const attrib_token_score *token = &result->tokens[i];
        AT_TRY(spell(self, token->text, token->n_bytes, token->is_special, err));
    }
    if (self->bytes.n_bytes > 0) {
        goto done;
    }
    at_buffer_clear(&self->lengths);
    for (size_t i = 0; i < result->n_tokens; i++) {
        char id[16];
        int n = snprintf(id, sizeof id, " %ld", (long)result->tokens[i].id);
        AT_TRY(spell(self, id, (size_t)n, false, err));
    }
done:
    return status;
}

static attrib_status add_text(at_chunk *chunk,
                              const at_shown *shown,
                              const at_shown_document *document,
                              json_t *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    spelling text = {0};
    AT_TRY(at_shown_load_result(shown, document->i_answer, document->result, err));
    AT_TRY(spell_tokens(&text, document->result, err));
    AT_TRY(at_put_size(out, "nBytes", text.bytes.n_bytes, err));
    AT_TRY(at_chunk_add(chunk, out, "bytes", &text.bytes, err));
    AT_TRY(at_chunk_add(chunk, out, "lengths", &text.lengths, err));
done:
    at_buffer_free(&text.bytes);
    at_buffer_free(&text.lengths);
    return status;
}

/* Write the block that begins with document *first, and set *first to the next one's. */
static attrib_status write_block(const at_shown *shown,
                                 size_t *first,
                                 at_output *output,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_chunk chunk = {0};
    json_t *list = NULL;
    size_t block = shown->documents[*first].block;
    char name[32];
    AT_TRY(at_chunk_begin(&chunk, err));
    AT_TRY(at_put_size(chunk.json, "first", *first, err));
    AT_TRY(at_put_array(chunk.json, "documents", &list, err));
    for (; *first < shown->n_documents; ++*first) {
        json_t *item = NULL;
        if (shown->documents[*first].block != block) {
            break;
        }
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(add_text(&chunk, shown, &shown->documents[*first], item, err));
    }
    snprintf(name, sizeof name, "text-%zu", block);
    AT_TRY(at_chunk_write(&chunk, name, output, err));
done:
    at_chunk_free(&chunk);
    return status;
}

attrib_status at_page_texts(
    const at_shown *shown, size_t first, size_t end, at_output *output, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    while (first < end) {
        AT_TRY(write_block(shown, &first, output, err));
    }
done:
    return status;
}
