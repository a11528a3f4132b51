/* SPDX-License-Identifier: MIT */
/* The public functions but for opening and encoding: what a token is, and decoding.
 *
 *   1. Questions   2. Decoding */
#include "tokenizer/tokenizer_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/utf8.h"
#include "tokenizer/characters.h"

void attrib_tokenizer_close(attrib_tokenizer *tokenizer)
{
    if (!tokenizer) {
        return;
    }
    at_detokenizer_free(&tokenizer->decoder);
    at_template_free(&tokenizer->template);
    at_bpe_free(&tokenizer->bpe);
    at_unigram_free(&tokenizer->unigram);
    at_pretokenizer_free(&tokenizer->pretokenizer);
    at_normalizer_free(&tokenizer->normalizer);
    at_added_tokens_free(&tokenizer->added);
    at_vocabulary_free(&tokenizer->vocabulary);
    at_buffer_free(&tokenizer->pieces);
    free(tokenizer->piece_offsets);
    free(tokenizer->stops.ids);
    free(tokenizer->chat_source);
    at_jinja_free(&tokenizer->chat_template);
    free(tokenizer);
}

/* 1. Questions */

size_t attrib_tokenizer_n_tokens(const attrib_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.n_tokens;
}

void attrib_tokenizer_hash(const attrib_tokenizer *tokenizer, char out[33])
{
    const char *chat = tokenizer->chat_source ? tokenizer->chat_source : "";
    char of_chat[AT_HASH_SIZE];
    char text[2 * AT_HASH_SIZE + 32];
    at_hash_bytes(chat, strlen(chat), of_chat);
    int n = snprintf(text, sizeof text, "%s %s %ld %ld", tokenizer->source_hash, of_chat,
                     (long)tokenizer->bos, (long)tokenizer->eos);
    at_hash_bytes(text, (size_t)n, out);
}

int32_t attrib_tokenizer_bos(const attrib_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t attrib_tokenizer_eos(const attrib_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

const int32_t *attrib_tokenizer_ends(const attrib_tokenizer *tokenizer, size_t *n_ids)
{
    *n_ids = tokenizer->template.after.n_ids;
    return tokenizer->template.after.ids;
}

const int32_t *attrib_tokenizer_stops(const attrib_tokenizer *tokenizer, size_t *n_ids)
{
    *n_ids = tokenizer->stops.n_ids;
    return tokenizer->stops.ids;
}

const char *attrib_tokenizer_chat_template(const attrib_tokenizer *tokenizer)
{
    return tokenizer->chat_source;
}

const char *attrib_tokenizer_note(const attrib_tokenizer *tokenizer)
{
    return tokenizer->note;
}

const char *attrib_tokenizer_kind(const attrib_tokenizer *tokenizer)
{
    if (tokenizer->is_unigram) {
        return tokenizer->unigram.has_byte_fallback ? "unigram (byte fallback)"
                                                    : "unigram";
    }
    if (tokenizer->pretokenizer.has_byte_level || tokenizer->decoder.has_byte_level) {
        return "BPE (byte-level)";
    }
    return tokenizer->bpe.has_byte_fallback ? "BPE (byte fallback)" : "BPE";
}

const char *attrib_tokenizer_piece(const attrib_tokenizer *tokenizer,
                                   int32_t id,
                                   size_t *n_bytes)
{
    if (id < 0 || (size_t)id >= tokenizer->vocabulary.n_tokens) {
        *n_bytes = 0;
        return "";
    }
    size_t start = tokenizer->piece_offsets[id];
    *n_bytes = tokenizer->piece_offsets[id + 1] - start;
    return *n_bytes ? tokenizer->pieces.bytes + start : "";
}

bool attrib_tokenizer_is_special(const attrib_tokenizer *tokenizer, int32_t id)
{
    return at_vocabulary_has(&tokenizer->vocabulary, id) &&
           (tokenizer->vocabulary.tokens[id].is_special || id == tokenizer->bos ||
            id == tokenizer->eos);
}

/* 2. Decoding */

attrib_status attrib_tokenizer_decode(const attrib_tokenizer *tokenizer,
                                      attrib_ids ids,
                                      bool skip_special,
                                      char **text,
                                      size_t *n_bytes,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_decoding decoding = {0};
    at_buffer out = {0};
    AT_TRY(at_buffer_append(&out, "", 0, err));
    for (size_t i = 0; i < ids.n_ids; i++) {
        size_t n = 0;
        const char *token = at_vocabulary_text(&tokenizer->vocabulary, ids.ids[i], &n);
        AT_CHECK(token, ATTRIB_ERANGE,
                 "id %d at %zu is not in the vocabulary of %zu tokens", (int)ids.ids[i],
                 i, tokenizer->vocabulary.n_tokens);
        if (!skip_special || !attrib_tokenizer_is_special(tokenizer, ids.ids[i])) {
            AT_TRY(at_decoding_add(&decoding, token, n, err));
        }
    }
    AT_TRY(at_decode(&tokenizer->decoder, &decoding, &out, err));
    *text = out.bytes;
    *n_bytes = out.n_bytes;
    out = (at_buffer){0};
done:
    at_decoding_free(&decoding);
    at_buffer_free(&out);
    return status;
}
