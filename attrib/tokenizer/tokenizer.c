/* SPDX-License-Identifier: MIT */
/* The public functions: opening, encoding, decoding, and what a token is.
 *
 *   1. Opening   2. Questions   3. Encoding   4. Decoding */
#include "tokenizer/tokenizer_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/utf8.h"
#include "tokenizer/characters.h"

#define MAX_FILE ((size_t)256 << 20)

/* 1. Opening */

static attrib_status open_gguf(const char *path,
                               attrib_tokenizer **out,
                               attrib_error *err)
{
    at_gguf *gguf = NULL;
    attrib_status status = at_gguf_open(path, AT_GGUF_HEADER, &gguf, err);
    if (status == ATTRIB_OK) {
        status = at_tokenizer_from_gguf(gguf, out, err);
    }
    at_gguf_close(gguf);
    return status;
}

static attrib_status open_json(const char *path,
                               attrib_tokenizer **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer bytes = {0};
    AT_TRY(at_read_file(path, MAX_FILE, &bytes, err));
    AT_TRY(at_tokenizer_parse(path, bytes.bytes, bytes.n_bytes, out, err));
done:
    at_buffer_free(&bytes);
    return status;
}

static attrib_status open_folder(const char *folder,
                                 attrib_tokenizer **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *inside = NULL;
    AT_TRY(at_join_path(folder, "tokenizer.json", &inside, err));
    if (!at_is_there(inside)) {
        status = ATTRIB_END;
        goto done;
    }
    AT_TRY(open_json(inside, out, err));
    AT_TRY(at_tokenizer_configure(*out, folder, err));
done:
    free(inside);
    return status;
}

attrib_status attrib_tokenizer_open(const char *path,
                                    attrib_tokenizer **out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *gguf = NULL;
    attrib_tokenizer *tokenizer = NULL;
    AT_TRY(at_gguf_find_file(path, &gguf, err));
    if (gguf) {
        AT_TRY(open_gguf(gguf, &tokenizer, err));
    } else if (at_is_folder(path)) {
        AT_TRY(open_folder(path, &tokenizer, err));
    } else {
        AT_TRY(open_json(path, &tokenizer, err));
        AT_TRY(at_tokenizer_add_stops(tokenizer, err));
    }
    *out = tokenizer;
    tokenizer = NULL;
done:
    free(gguf);
    attrib_tokenizer_close(tokenizer);
    return status;
}

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

/* 2. Questions */

size_t attrib_tokenizer_n_tokens(const attrib_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.n_tokens;
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

/* 3. Encoding */

/* A text on its way to ids. */
typedef struct encoding {
    const attrib_tokenizer *tokenizer;
    at_normalized normalized;
    at_words words;
    at_bpe_scratch bpe;
    at_unigram_scratch unigram;
    at_buffer mapped; /* a word in byte-level characters */
    at_ids ids;
    attrib_error *err;
} encoding;

static void free_encoding(encoding *e)
{
    at_normalized_free(&e->normalized);
    at_words_free(&e->words);
    at_bpe_free_scratch(&e->bpe);
    at_unigram_free_scratch(&e->unigram);
    at_buffer_free(&e->mapped);
    free(e->ids.ids);
}

/* A unigram model's word. Words stay bytes behind a last byte-level step, which only BPE
 * understands. */
static attrib_status encode_unigram(encoding *e, const char *word, size_t n)
{
    attrib_status status = ATTRIB_OK;
    if (e->tokenizer->pretokenizer.ends_in_bytes) {
        at_buffer_clear(&e->mapped);
        AT_TRY(at_append_byte_characters(&e->mapped, word, n, e->err));
        word = e->mapped.bytes;
        n = e->mapped.n_bytes;
    }
    AT_TRY(
        at_unigram_encode(&e->tokenizer->unigram, &e->unigram, word, n, &e->ids, e->err));
done:
    return status;
}

/* Text without added tokens: words, and each word's ids. */
static attrib_status encode_words(encoding *e, const char *text, size_t n, bool is_first)
{
    attrib_status status = ATTRIB_OK;
    const attrib_tokenizer *t = e->tokenizer;
    AT_TRY(at_pretokenize(&t->pretokenizer, text, n, is_first, &e->words, e->err));
    for (size_t i = 0; i < e->words.n_spans; i++) {
        const at_span *span = &e->words.spans[i];
        const char *word = e->words.text + span->start;
        AT_TRY(t->is_unigram ? encode_unigram(e, word, span->n_bytes)
                             : at_bpe_encode(&t->bpe, &e->bpe, word, span->n_bytes,
                                             &e->ids, e->err));
    }
done:
    return status;
}

/* Raw text between added tokens: normalized, and those of normalized text split out. */
static attrib_status encode_stretch(encoding *e,
                                    const char *text,
                                    size_t n,
                                    bool is_first)
{
    attrib_status status = ATTRIB_OK;
    const attrib_tokenizer *t = e->tokenizer;
    at_added_search search;
    at_added_part part;
    AT_TRY(at_normalize(&t->normalizer, text, n, &e->normalized, e->err));
    at_added_begin(&t->added.normalized, e->normalized.text, e->normalized.n_bytes,
                   &search);
    while (at_added_next(&search, &part)) {
        if (part.id >= 0) {
            AT_TRY(at_ids_add(&e->ids, &part.id, 1, e->err));
            continue;
        }
        bool begins = is_first && part.start == 0 && !e->normalized.starts_later;
        AT_TRY(encode_words(e, e->normalized.text + part.start, part.n_bytes, begins));
    }
done:
    return status;
}

static attrib_status encode_text(encoding *e, const char *text, size_t n)
{
    attrib_status status = ATTRIB_OK;
    at_added_search search;
    at_added_part part;
    at_added_begin(&e->tokenizer->added.raw, text, n, &search);
    while (at_added_next(&search, &part)) {
        if (part.id >= 0) {
            AT_TRY(at_ids_add(&e->ids, &part.id, 1, e->err));
        } else {
            AT_TRY(encode_stretch(e, text + part.start, part.n_bytes, part.start == 0));
        }
    }
done:
    return status;
}

attrib_status attrib_tokenizer_encode(const attrib_tokenizer *tokenizer,
                                      const char *text,
                                      size_t n_bytes,
                                      bool add_special,
                                      int32_t **ids,
                                      size_t *n_ids,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    encoding e = {.tokenizer = tokenizer, .err = err};
    const at_template *template = &tokenizer->template;
    size_t offset = 0;
    AT_CHECK(n_bytes == 0 || at_utf8_is_valid(text, n_bytes, &offset), ATTRIB_EFORMAT,
             "byte %zu of the text is not UTF-8", offset);
    AT_TRY(at_word_cache_open(tokenizer->is_unigram ? &e.unigram.cache : &e.bpe.cache,
                              n_bytes / 16, AT_TEXT_SLOTS, err));
    AT_TRY(at_grow(&e.ids.ids, &e.ids.capacity, 16 + n_bytes / 4, sizeof(int32_t), err));
    if (add_special) {
        AT_TRY(at_ids_add(&e.ids, template->before.ids, template->before.n_ids, err));
    }
    if (n_bytes) {
        AT_TRY(encode_text(&e, text, n_bytes));
    }
    if (add_special) {
        AT_TRY(at_ids_add(&e.ids, template->after.ids, template->after.n_ids, err));
    }
    *ids = e.ids.ids;
    *n_ids = e.ids.n_ids;
    e.ids.ids = NULL;
done:
    free_encoding(&e);
    return status;
}

/* 4. Decoding */

attrib_status attrib_tokenizer_decode(const attrib_tokenizer *tokenizer,
                                      const int32_t *ids,
                                      size_t n_ids,
                                      bool skip_special,
                                      char **text,
                                      size_t *n_bytes,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_decoding decoding = {0};
    at_buffer out = {0};
    AT_TRY(at_buffer_append(&out, "", 0, err));
    for (size_t i = 0; i < n_ids; i++) {
        size_t n = 0;
        const char *token = at_vocabulary_text(&tokenizer->vocabulary, ids[i], &n);
        AT_CHECK(token, ATTRIB_ERANGE,
                 "id %d at %zu is not in the vocabulary of %zu tokens", (int)ids[i], i,
                 tokenizer->vocabulary.n_tokens);
        if (!skip_special || !attrib_tokenizer_is_special(tokenizer, ids[i])) {
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
