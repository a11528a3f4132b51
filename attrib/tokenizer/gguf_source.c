/* SPDX-License-Identifier: MIT */
/* What the kinds "gpt2" and "llama" of a GGUF file's vocabulary have in common.
 *
 *   1. Reading   2. Tokens */
#include "tokenizer/gguf_source.h"

#include <string.h>

/* 1. Reading */

int64_t at_gguf_token_type(const at_gguf_source *s, size_t id)
{
    return s->types ? s->types[id] : AT_TOKEN_NORMAL;
}

attrib_status at_gguf_read_id(const at_gguf_source *s,
                              const char *key,
                              int32_t *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t id = 0;
    bool is_there = false;
    AT_TRY(at_gguf_size(s->gguf, key, &id, &is_there, err));
    if (is_there && id != UINT32_MAX) {
        AT_CHECK(id < s->n_tokens, ATTRIB_EFORMAT,
                 "%s: key \"%s\": id %zu is not in the vocabulary of %zu tokens", s->name,
                 key, id, s->n_tokens);
        *out = (int32_t)id;
    }
done:
    return status;
}

/* A stage as tokenizer.json writes it; owned by the caller. */
static attrib_status stage_of(const char *text, json_t **out, attrib_error *err)
{
    return at_json_parse("tokenizer", text, strlen(text), out, err);
}

attrib_status at_gguf_read_normalizer(at_gguf_source *s,
                                      const char *text,
                                      attrib_error *err)
{
    json_t *stage = NULL;
    attrib_status status = stage_of(text, &stage, err);
    if (status == ATTRIB_OK) {
        status = at_normalizer_read(s->name, stage, &s->t->normalizer, err);
    }
    json_decref(stage);
    return status;
}

attrib_status at_gguf_read_decoder(at_gguf_source *s, const char *text, attrib_error *err)
{
    json_t *stage = NULL;
    attrib_status status = stage_of(text, &stage, err);
    if (status == ATTRIB_OK) {
        status = at_detokenizer_read(s->name, stage, &s->t->decoder, err);
    }
    json_decref(stage);
    return status;
}

/* 2. Tokens */

bool at_gguf_is_added(const at_gguf_source *s, size_t id)
{
    int64_t type = at_gguf_token_type(s, id);
    return type == AT_TOKEN_CONTROL || type == AT_TOKEN_USER_DEFINED ||
           type == AT_TOKEN_UNKNOWN;
}

attrib_status at_gguf_add_model_tokens(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_vocabulary *vocabulary = &s->t->vocabulary;
    for (size_t id = 0; id < s->n_tokens; id++) {
        if (!at_gguf_is_added(s, id)) {
            AT_TRY(at_vocabulary_add(vocabulary, s->name, id, s->tokens[id].bytes,
                                     s->tokens[id].n, err));
            vocabulary->tokens[id].is_of_model = true;
        }
    }
    AT_TRY(at_vocabulary_sort(vocabulary, s->name, err));
done:
    return status;
}
