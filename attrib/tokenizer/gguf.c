/* SPDX-License-Identifier: MIT */
/* Tokenizers of GGUF files, of the kinds "gpt2" (gguf_gpt2.c) and "llama"
 * (gguf_llama.c).
 *
 *   1. Reading   2. Tokens   3. Ends   4. The whole
 *
 * Source: the keys under tokenizer.* of docs/gguf.md of the ggml project. */
#include "tokenizer/gguf_source.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"

/* 1. Reading */

static attrib_status read_source(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_scores = 0;
    size_t n_types = 0;
    AT_TRY(at_gguf_texts(s->gguf, AT_GGUF_KEY("tokens"), &s->tokens, &s->n_tokens, err));
    AT_TRY(at_gguf_numbers(s->gguf, AT_GGUF_KEY("scores"), &s->scores, &n_scores, err));
    AT_TRY(
        at_gguf_integers(s->gguf, AT_GGUF_KEY("token_type"), &s->types, &n_types, err));
    AT_CHECK(s->n_tokens, ATTRIB_EFORMAT,
             "%s: no tokens (key \"" AT_GGUF_KEY("tokens") "\")", s->name);
    AT_CHECK(!s->scores || n_scores == s->n_tokens, ATTRIB_ESHAPE,
             "%s: %zu scores of %zu tokens", s->name, n_scores, s->n_tokens);
    AT_CHECK(!s->types || n_types == s->n_tokens, ATTRIB_ESHAPE,
             "%s: %zu types of %zu tokens", s->name, n_types, s->n_tokens);
    for (size_t i = 0; i < s->n_tokens; i++) {
        size_t offset = 0;
        AT_CHECK(s->tokens[i].n == 0 ||
                     at_utf8_is_valid(s->tokens[i].bytes, s->tokens[i].n, &offset),
                 ATTRIB_EFORMAT, "%s: token %zu is not UTF-8", s->name, i);
    }
done:
    return status;
}

/* 2. Tokens that are split out of the text before the model sees it */

/* As "added_tokens" of a tokenizer.json. User's tokens are matched in the text as it is:
 * files have their marks as spaces already. An empty one matches nothing. */
static attrib_status add_other_tokens(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = json_array();
    AT_CHECK(list, ATTRIB_ENOMEM, "out of memory for added tokens");
    for (size_t id = 0; id < s->n_tokens; id++) {
        if (!at_gguf_is_added(s, id) || s->tokens[id].n == 0) {
            continue;
        }
        json_t *text = json_stringn(s->tokens[id].bytes, s->tokens[id].n);
        json_t *token = json_pack(
            "{so sI sb sb}", "content", text, "id", (json_int_t)id, "special",
            at_gguf_token_type(s, id) != AT_TOKEN_USER_DEFINED, "normalized", 0);
        AT_CHECK(json_array_append_new(list, token) == 0, ATTRIB_ENOMEM,
                 "out of memory for added tokens");
    }
    AT_TRY(at_added_tokens_read(s->name, list, &s->t->normalizer, &s->t->vocabulary,
                                &s->t->added, err));
done:
    json_decref(list);
    return status;
}

/* 3. Ends of documents and turns, and the chat template */

static attrib_status read_ends(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tokenizer *t = s->t;
    bool adds_bos = s->adds_bos;
    bool adds_eos = false;
    static const char *const stops[] = {AT_GGUF_KEY("eot_token_id"),
                                        AT_GGUF_KEY("eom_token_id")};
    AT_TRY(at_gguf_read_id(s, AT_GGUF_KEY("bos_token_id"), &t->bos, err));
    AT_TRY(at_gguf_read_id(s, AT_GGUF_KEY("eos_token_id"), &t->eos, err));
    AT_TRY(at_gguf_bool(s->gguf, AT_GGUF_KEY("add_bos_token"), &adds_bos, NULL, err));
    AT_TRY(at_gguf_bool(s->gguf, AT_GGUF_KEY("add_eos_token"), &adds_eos, NULL, err));
    t->template.is_there = true;
    if (adds_bos && t->bos >= 0) {
        AT_TRY(at_ids_add(&t->template.before, &t->bos, 1, err));
    }
    if (adds_eos && t->eos >= 0) {
        AT_TRY(at_ids_add(&t->template.after, &t->eos, 1, err));
    }
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        int32_t stop = -1;
        AT_TRY(at_gguf_read_id(s, stops[i], &stop, err));
        AT_TRY(stop >= 0 ? at_tokenizer_add_stop(t, stop, err) : ATTRIB_OK);
    }
    AT_TRY(at_tokenizer_add_stops(t, err));
done:
    return status;
}

static attrib_status read_chat_template(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = NULL;
    size_t n = 0;
    size_t offset = 0;
    bool is_there = false;
    AT_TRY(
        at_gguf_get_text(s->gguf, "tokenizer.chat_template", &text, &n, &is_there, err));
    if (is_there) {
        AT_CHECK(n == 0 || at_utf8_is_valid(text, n, &offset), ATTRIB_EFORMAT,
                 "%s: byte %zu of the chat template is not UTF-8", s->name, offset);
        AT_TRY(at_tokenizer_take_chat_template(s->t, text, n, err));
    }
done:
    return status;
}

/* 4. The whole */

static attrib_status read_kind(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *kind = NULL;
    bool is_there = false;
    AT_TRY(at_gguf_get_text(s->gguf, AT_GGUF_KEY("model"), &kind, NULL, &is_there, err));
    if (!is_there) {
        return ATTRIB_END;
    }
    AT_CHECK(strcmp(kind, "gpt2") == 0 || strcmp(kind, "llama") == 0, ATTRIB_ENOTSUP,
             "%s: tokenizer \"%.64s\" is not supported, only \"gpt2\" and \"llama\" are",
             s->name, kind);
    AT_TRY(read_source(s, err));
    AT_TRY(strcmp(kind, "gpt2") == 0 ? at_gguf_read_gpt2(s, err)
                                     : at_gguf_read_llama(s, err));
done:
    return status;
}

/* Hash what a file says of its tokenizer. */
static attrib_status hash_keys(const at_gguf *gguf,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    for (size_t i = 0; i < at_gguf_n_values(gguf); i++) {
        const at_gguf_value *value = at_gguf_value_at(gguf, i);
        if (strncmp(value->key, "tokenizer.", strlen("tokenizer.")) == 0) {
            at_hash_add(hash, value->key, strlen(value->key) + 1);
            at_hash_add(hash, value->data, value->n_bytes);
        }
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}

attrib_status at_tokenizer_from_gguf(const at_gguf *gguf,
                                     attrib_tokenizer **out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_gguf_source s = {.gguf = gguf, .name = at_gguf_path(gguf)};
    AT_TRY(at_array(1, sizeof *s.t, &s.t, err));
    s.t->bos = -1;
    s.t->eos = -1;
    memset(s.t->special, -1, sizeof s.t->special);
    AT_TRY(hash_keys(gguf, s.t->source_hash, err));
    AT_TRY(read_kind(&s, err));
    AT_TRY(add_other_tokens(&s, err));
    AT_TRY(at_tokenizer_make_pieces(s.t, err));
    AT_TRY(read_ends(&s, err));
    AT_TRY(read_chat_template(&s, err));
    *out = s.t;
    s.t = NULL;
done:
    free(s.tokens);
    free(s.scores);
    free(s.types);
    attrib_tokenizer_close(s.t);
    return status;
}
