/* SPDX-License-Identifier: MIT */
/* Text to ids: added tokens, normalizer, pre-tokenizer and model, one after the other. A
 * long text goes through them in parts where that gives the same ids. */
#include "tokenizer/encode.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"
#include "tokenizer/characters.h"
#include "tokenizer/tokenizer_internal.h"

/* A text on its way to ids. */
typedef struct encoding {
    const attrib_tokenizer *tokenizer;
    at_normalized normalized;
    at_words words;
    at_bpe_scratch bpe;
    at_unigram_scratch unigram;
    at_buffer mapped; /* a word in byte-level characters */
    at_ids ids;       /* not handed on yet */
    at_id_sink sink;
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

/* A unigram model's word. After a last byte-level step words stay bytes, which only BPE
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

/* Hand on the ids that there are. */
static attrib_status hand_on(encoding *e)
{
    attrib_status status = ATTRIB_OK;
    if (e->sink.put && e->ids.n_ids) {
        status = e->sink.put(e->sink.context, e->ids.ids, e->ids.n_ids, e->err);
        e->ids.n_ids = 0;
    }
    return status;
}

/* Each word's ids. */
static attrib_status take_words(void *context, const at_words *words, attrib_error *err)
{
    encoding *e = context;
    attrib_status status = ATTRIB_OK;
    const attrib_tokenizer *t = e->tokenizer;
    for (size_t i = 0; i < words->n_spans; i++) {
        const at_span *span = &words->spans[i];
        const char *word = words->text + span->start;
        AT_TRY(t->is_unigram
                   ? encode_unigram(e, word, span->n_bytes)
                   : at_bpe_encode(&t->bpe, &e->bpe, word, span->n_bytes, &e->ids, err));
    }
    AT_TRY(hand_on(e));
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
        AT_TRY(at_pretokenize(&t->pretokenizer, e->normalized.text + part.start,
                              part.n_bytes, begins, &e->words, e->err));
    }
done:
    return status;
}

/* Bytes of a stretch that are encoded together, or more up to where it may be cut. */
#define USUAL_PART ((size_t)1 << 20)

/* Where text [n] may be cut after its first n_part bytes: before a space or the end of a
 * line that no merge joins to the character before it. n where there is no such place, or
 * it is not known for the tokenizer. */
static size_t find_cut(const attrib_tokenizer *t,
                       const char *text,
                       size_t n,
                       size_t n_part)
{
    const at_pretokenizer *words = &t->pretokenizer;
    const char *mark = at_pretokenizer_mark(words);
    if (t->is_unigram || t->added.normalized.n_tokens || (words->n_steps && !mark) ||
        !at_normalizer_is_local(&t->normalizer)) {
        return n;
    }
    for (size_t i = n_part; i < n; i++) {
        uint32_t last = 0;
        bool is_line = text[i] == '\n' && !mark;
        if (text[i] != ' ' && !is_line) {
            continue;
        }
        size_t n_last = at_get_last_character(text, i, &last);
        char left[AT_UTF8_MAX + 1] = "";
        char right[AT_UTF8_MAX + 1] = "";
        memcpy(left, text + i - n_last, n_last);
        memcpy(right, text + i, 1);
        at_normalizer_map(&t->normalizer, left);
        at_normalizer_map(&t->normalizer, right);
        if (last != ' ' && at_bpe_cuts(&t->bpe, left, mark ? mark : right)) {
            return i;
        }
    }
    return n;
}

/* The same, a part after the other. */
static attrib_status encode_parts(encoding *e, const char *text, size_t n, bool is_first)
{
    attrib_status status = ATTRIB_OK;
    size_t n_usual = e->sink.n_part ? e->sink.n_part : USUAL_PART;
    for (size_t start = 0; start < n;) {
        size_t n_part = n - start;
        if (n_part > n_usual) {
            n_part = find_cut(e->tokenizer, text + start, n_part, n_usual);
        }
        e->normalized.continues = start > 0;
        AT_TRY(encode_stretch(e, text + start, n_part, is_first && start == 0));
        start += n_part;
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
            AT_TRY(encode_parts(e, text + part.start, part.n_bytes, part.start == 0));
        }
    }
done:
    return status;
}

/* Encode into e->ids, or to e->sink where it has one. */
static attrib_status run(encoding *e, const char *text, size_t n_bytes, bool add_special)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = e->err;
    const attrib_tokenizer *t = e->tokenizer;
    const at_template *template = &t->template;
    size_t offset = 0;
    e->words.take = take_words;
    e->words.context = e;
    AT_CHECK(n_bytes == 0 || at_utf8_is_valid(text, n_bytes, &offset), ATTRIB_EFORMAT,
             "byte %zu of the text is not UTF-8", offset);
    AT_TRY(at_word_cache_open(t->is_unigram ? &e->unigram.cache : &e->bpe.cache,
                              n_bytes / 16, AT_TEXT_SLOTS, err));
    if (!e->sink.put) {
        AT_TRY(at_grow(&e->ids.ids, &e->ids.capacity, 16 + n_bytes / 4, sizeof(int32_t),
                       err));
    }
    if (add_special) {
        AT_TRY(at_ids_add(&e->ids, template->before.ids, template->before.n_ids, err));
    }
    if (n_bytes) {
        AT_TRY(encode_text(e, text, n_bytes));
    }
    if (add_special) {
        AT_TRY(at_ids_add(&e->ids, template->after.ids, template->after.n_ids, err));
    }
    AT_TRY(hand_on(e));
done:
    return status;
}

attrib_status attrib_tokenizer_encode(const attrib_tokenizer *tokenizer,
                                      attrib_text text,
                                      bool add_special,
                                      int32_t **ids,
                                      size_t *n_ids,
                                      attrib_error *err)
{
    encoding e = {.tokenizer = tokenizer, .err = err};
    attrib_status status = run(&e, text.bytes, text.n_bytes, add_special);
    if (status == ATTRIB_OK) {
        *ids = e.ids.ids;
        *n_ids = e.ids.n_ids;
        e.ids.ids = NULL;
    }
    free_encoding(&e);
    return status;
}

attrib_status at_tokenizer_encode_to(const attrib_tokenizer *tokenizer,
                                     attrib_text text,
                                     bool add_special,
                                     at_id_sink sink,
                                     attrib_error *err)
{
    encoding e = {.tokenizer = tokenizer, .sink = sink, .err = err};
    const at_template *template = &tokenizer->template;
    attrib_status status = ATTRIB_OK;
    if (add_special) {
        AT_TRY(at_ids_add(&e.ids, template->before.ids, template->before.n_ids, err));
    }
    AT_TRY(run(&e, text.bytes, text.n_bytes, false));
done:
    free_encoding(&e);
    return status;
}
