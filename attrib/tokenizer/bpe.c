/* SPDX-License-Identifier: MIT */
/* BPE: words to symbols, symbols to ids.
 *
 *   1. Scratch   2. Symbols   3. Words */
#include "tokenizer/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"

/* 1. Scratch */

void at_bpe_free_scratch(at_bpe_scratch *scratch)
{
    free(scratch->symbols);
    free(scratch->previous);
    free(scratch->next);
    free(scratch->heap);
    at_word_cache_free(&scratch->cache);
    at_buffer_free(&scratch->text);
    memset(scratch, 0, sizeof *scratch);
}

/* 2. Symbols: the ids that a word's characters begin as */

/* The character at `text`: its bytes, and its id or -1. */
static size_t next_symbol(const at_bpe *bpe, const char *text, int32_t *id)
{
    if (bpe->words_are_bytes) {
        *id = bpe->bytes[(unsigned char)*text];
        return 1;
    }
    uint32_t character = 0;
    size_t length = at_get_character(text, &character);
    *id = at_character_id(&bpe->characters, character);
    return length;
}

static attrib_status add_symbol(at_bpe_scratch *s, int32_t id, attrib_error *err)
{
    attrib_status status =
        at_grow(&s->symbols, &s->symbol_capacity, s->n_symbols + 1, sizeof(int32_t), err);
    if (status == ATTRIB_OK) {
        s->symbols[s->n_symbols++] = id;
    }
    return status;
}

/* The fallback tokens of a character's bytes; *n is 0 where one of them is missing. */
static void fall_back(const at_bpe *bpe,
                      const char *text,
                      size_t length,
                      int32_t ids[AT_UTF8_MAX],
                      size_t *n)
{
    char mapped[AT_UTF8_MAX];
    *n = 0;
    if (!bpe->has_byte_fallback) {
        return;
    }
    if (bpe->words_are_bytes) {
        length = at_put_character(at_byte_character((unsigned char)*text), mapped);
        text = mapped;
    }
    for (size_t i = 0; i < length; i++) {
        ids[i] = bpe->fallback[(unsigned char)text[i]];
        if (ids[i] < 0) {
            return;
        }
    }
    *n = length;
}

/* Whether a character without a token leaves no symbol: then the characters around
 * it are neighbors. */
static bool is_dropped(const at_bpe *bpe, const char *text, size_t length)
{
    int32_t ids[AT_UTF8_MAX];
    size_t n = 0;
    fall_back(bpe, text, length, ids, &n);
    return n == 0 && !bpe->unknown;
}

bool at_bpe_cuts(const at_bpe *bpe, const char *left, const char *right)
{
    int32_t first = -1;
    int32_t second = -1;
    size_t n = 0;
    int32_t ids[AT_UTF8_MAX];
    (void)next_symbol(bpe, left, &first);
    size_t length = next_symbol(bpe, right, &second);
    if (!bpe->cuts_words || bpe->ignores_merges || bpe->words_are_bytes || first < 0) {
        return false;
    }
    if (second >= 0) {
        return at_pair_find(&bpe->neighbors, first, second) == AT_NO_PAIR;
    }
    fall_back(bpe, right, length, ids, &n);
    return n > 0; /* tokens of bytes, which no merge joins either */
}

/* A word on its way to ids. */
typedef struct encoder {
    const at_bpe *bpe;
    at_bpe_scratch *scratch;
    const char *word;
    size_t n_bytes, start; /* where the stretch of symbols in the scratch begins */
    bool has_unknown;      /* an unknown token waits for what comes next */
    at_ids *out;
    attrib_error *err;
} encoder;

/* Merge the stretch of known characters that ends before `end`, and append its ids. */
static attrib_status finish_stretch(encoder *e, size_t end)
{
    attrib_status status = ATTRIB_OK;
    at_bpe_scratch *s = e->scratch;
    const char *text = e->word + e->start;
    size_t n_text = end - e->start;
    size_t n_ids = 0;
    at_word_lookup l = {0};
    if (s->n_symbols == 0) {
        return ATTRIB_OK;
    }
    /* The whole word was looked up before, and may mean something else than a part. */
    if (n_text != e->n_bytes && !e->bpe->ignores_merges && e->bpe->cuts_words) {
        l = at_word_find(&s->cache, &e->bpe->known, text, n_text);
    }
    if (l.found) {
        AT_TRY(at_ids_add(e->out, l.found->ids, l.found->n_ids, e->err));
    } else {
        AT_TRY(at_bpe_merge(e->bpe, s, &n_ids, e->err));
        AT_TRY(at_ids_add(e->out, s->symbols, n_ids, e->err));
        at_word_keep(&l, text, n_text, s->symbols, n_ids);
    }
    s->n_symbols = 0;
done:
    return status;
}

/* A symbol that no merge can join to its neighbors goes straight to the ids. */
static attrib_status add_loose(encoder *e, int32_t id)
{
    return e->bpe->cuts_words ? at_ids_add(e->out, &id, 1, e->err)
                              : add_symbol(e->scratch, id, e->err);
}

static attrib_status flush_unknown(encoder *e)
{
    bool had_unknown = e->has_unknown;
    e->has_unknown = false;
    return had_unknown ? add_loose(e, e->bpe->unknown_id) : ATTRIB_OK;
}

/* A character without a token: its bytes' tokens, else the unknown token. An unknown
 * token that waits comes after the bytes' tokens, as in Hugging Face's code. */
static attrib_status add_unknown(encoder *e, const char *text, size_t length)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = e->err;
    const at_bpe *bpe = e->bpe;
    int32_t ids[AT_UTF8_MAX];
    size_t n = 0;
    fall_back(bpe, text, length, ids, &n);
    for (size_t i = 0; i < n; i++) {
        AT_TRY(add_loose(e, ids[i]));
    }
    if (n == 0) {
        AT_CHECK(bpe->unknown_id >= 0, ATTRIB_EFORMAT,
                 "the tokenizer's unknown token \"%.64s\" is not in its vocabulary",
                 bpe->unknown);
        if (!bpe->fuses_unknown) {
            AT_TRY(flush_unknown(e));
        }
        e->has_unknown = true;
    }
done:
    return status;
}

/* 3. Words */

#define LONG_WORD 64 /* bytes; shorter ones are merged faster than cut */

static attrib_status encode_characters(encoder *e)
{
    attrib_status status = ATTRIB_OK;
    const at_bpe *bpe = e->bpe;
    at_bpe_scratch *s = e->scratch;
    bool is_long = e->n_bytes > LONG_WORD;
    int32_t last = -1; /* the known character before, of the same stretch */
    size_t length = 0;
    s->n_symbols = 0;
    for (size_t i = 0; i < e->n_bytes; i += length) {
        int32_t id = -1;
        length = next_symbol(bpe, e->word + i, &id);
        if (id < 0 && is_dropped(bpe, e->word + i, length)) {
            continue;
        }
        bool is_cut = id < 0 || (is_long && last >= 0 &&
                                 at_pair_find(&bpe->neighbors, last, id) == AT_NO_PAIR);
        if (is_cut && bpe->cuts_words) {
            AT_TRY(finish_stretch(e, i));
            e->start = i;
        }
        if (id < 0) {
            AT_TRY(add_unknown(e, e->word + i, length));
            e->start = i + length;
        } else {
            AT_TRY(flush_unknown(e));
            AT_TRY(add_symbol(s, id, e->err));
        }
        last = id;
    }
    if (!bpe->cuts_words) {
        AT_TRY(flush_unknown(e));
    }
    AT_TRY(finish_stretch(e, e->n_bytes));
    AT_TRY(flush_unknown(e));
done:
    return status;
}

/* The id of a word that is a token as a whole, or -1. */
static attrib_status find_whole(encoder *e, int32_t *id)
{
    attrib_status status = ATTRIB_OK;
    const char *text = e->word;
    size_t n = e->n_bytes;
    if (e->bpe->words_are_bytes) {
        at_buffer *mapped = &e->scratch->text;
        at_buffer_clear(mapped);
        AT_TRY(at_append_byte_characters(mapped, text, n, e->err));
        text = mapped->bytes;
        n = mapped->n_bytes;
    }
    *id = at_vocabulary_find(e->bpe->vocabulary, text, n);
    if (*id >= 0 && !e->bpe->vocabulary->tokens[*id].is_of_model) {
        *id = -1;
    }
done:
    return status;
}

attrib_status at_bpe_encode(const at_bpe *bpe,
                            at_bpe_scratch *scratch,
                            const char *word,
                            size_t n,
                            at_ids *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    encoder e = {bpe, scratch, word, n, 0, false, out, err};
    size_t n_before = out->n_ids;
    int32_t whole = -1;
    at_word_lookup l = at_word_find(&scratch->cache, &bpe->known, word, n);
    if (l.found) {
        return at_ids_add(out, l.found->ids, l.found->n_ids, err);
    }
    if (bpe->ignores_merges && n) {
        AT_TRY(find_whole(&e, &whole));
    }
    if (whole >= 0) {
        AT_TRY(at_ids_add(out, &whole, 1, err));
    } else {
        AT_TRY(encode_characters(&e));
    }
    at_word_keep(&l, word, n, out->ids + n_before, out->n_ids - n_before);
done:
    return status;
}

/* The word that token `id` spells, in `out`; empty where none can. */
static attrib_status spell(const at_bpe *bpe,
                           int32_t id,
                           at_buffer *out,
                           attrib_error *err)
{
    size_t n = 0;
    const char *text = at_vocabulary_text(bpe->vocabulary, id, &n);
    at_buffer_clear(out);
    if (n > 2 * AT_SLOT_KEY) {
        return ATTRIB_OK;
    }
    return bpe->words_are_bytes ? at_append_bytes_of_characters(out, text, n, err)
                                : at_buffer_append(out, text, n, err);
}

attrib_status at_bpe_learn(at_bpe *bpe, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_bpe_scratch scratch = {0};
    at_ids ids = {0};
    at_buffer word = {0};
    at_word_cache known = {0};
    const at_word_cache none = {0};
    AT_TRY(at_word_cache_open(&known, bpe->vocabulary->n_sorted, SIZE_MAX / 2, err));
    AT_TRY(at_grow(&ids.ids, &ids.capacity, AT_SLOT_IDS, sizeof(int32_t), err));
    /* Low ids are the frequent tokens, and the last to fill a slot stays. */
    for (size_t id = bpe->vocabulary->n_tokens; id-- > 0;) {
        AT_TRY(spell(bpe, (int32_t)id, &word, err));
        if (word.n_bytes == 0 || word.n_bytes > AT_SLOT_KEY) {
            continue;
        }
        ids.n_ids = 0;
        status = at_bpe_encode(bpe, &scratch, word.bytes, word.n_bytes, &ids, NULL);
        if (status == ATTRIB_OK) {
            at_word_lookup l = at_word_find(&known, &none, word.bytes, word.n_bytes);
            at_word_keep(&l, word.bytes, word.n_bytes, ids.ids, ids.n_ids);
        } else if (status != ATTRIB_EFORMAT) { /* a word that has no ids */
            status = at_fail(err, status, "out of memory for the vocabulary's words");
            goto done;
        }
        status = ATTRIB_OK;
    }
    bpe->known = known;
    known = (at_word_cache){0};
done:
    at_word_cache_free(&known);
    at_bpe_free_scratch(&scratch);
    free(ids.ids);
    at_buffer_free(&word);
    return status;
}
