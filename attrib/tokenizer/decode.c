/* SPDX-License-Identifier: MIT */
/* Decoders: a chain of steps, each a list of tokens to a list of tokens; the last list is
 * joined.
 *
 *   1. Steps on one token   2. Steps on all tokens   3. Running   4. Pieces */
#include "tokenizer/decode.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"
#include "tokenizer/decode_step.h"

void at_decoding_free(at_decoding *decoding)
{
    for (size_t i = 0; i < 2; i++) {
        at_pieces_free(&decoding->tokens[i]);
        at_buffer_free(&decoding->texts[i]);
    }
    at_matcher_free(&decoding->matcher);
    memset(decoding, 0, sizeof *decoding);
}

attrib_status at_decoding_add(at_decoding *decoding,
                              const char *token,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer *text = &decoding->texts[decoding->i_current];
    at_span span = {text->n_bytes, n, false};
    AT_TRY(at_buffer_append(text, token, n, err));
    AT_TRY(at_pieces_add(&decoding->tokens[decoding->i_current], span, err));
done:
    return status;
}

/* 1. Steps on one token */

static attrib_status replace(const at_detokenizer_step *step,
                             at_decoding *d,
                             const char *token,
                             size_t n,
                             at_buffer *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_search search = {&step->pattern, &d->matcher, token, n, 0, SIZE_MAX};
    size_t copied = 0;
    size_t start = 0;
    size_t end = 0;
    while (n && (status = at_search_next(&search, &start, &end, err)) == ATTRIB_OK) {
        AT_TRY(at_buffer_append(out, token + copied, start - copied, err));
        AT_TRY(at_buffer_append(out, step->content, step->n_content, err));
        copied = end;
    }
    if (status == ATTRIB_END) {
        status = ATTRIB_OK;
    }
    AT_TRY(status);
    AT_TRY(at_buffer_append(out, token + copied, n - copied, err));
done:
    return status;
}

static bool is_mark(const at_detokenizer_step *step, const char *text)
{
    return memcmp(text, step->mark, step->n_mark) == 0;
}

/* Take up to n_start marks from the start of a token, and n_stop from its end. */
static attrib_status strip(const at_detokenizer_step *step,
                           const char *token,
                           size_t n,
                           at_buffer *out,
                           attrib_error *err)
{
    size_t width = step->n_mark;
    size_t start = 0;
    size_t end = n;
    for (size_t i = 0; i < step->n_start && end - start >= width; i++) {
        if (!is_mark(step, token + start)) {
            break;
        }
        start += width;
    }
    for (size_t i = 0; i < step->n_stop && end - start >= width; i++) {
        if (!is_mark(step, token + end - width)) {
            break;
        }
        end -= width;
    }
    return at_buffer_append(out, token + start, end - start, err);
}

/* Marks to spaces; `drops` them instead. */
static attrib_status unmark(const at_detokenizer_step *step,
                            const char *token,
                            size_t n,
                            bool drops,
                            at_buffer *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n;) {
        uint32_t character = 0;
        size_t length = at_get_character(token + i, &character);
        if (length != step->n_mark || !is_mark(step, token + i)) {
            AT_TRY(at_buffer_append(out, token + i, length, err));
        } else if (!drops) {
            AT_TRY(at_buffer_append(out, " ", 1, err));
        }
        i += length;
    }
done:
    return status;
}

/* The byte that <0xNN> stands for, or -1. */
static int fallback_byte(const char *token, size_t n)
{
    if (n != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>') {
        return -1;
    }
    int value = 0;
    for (size_t i = 3; i < 5; i++) {
        char c = token[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* 2. Steps on all tokens, from the current list to the other */

typedef struct step_run {
    const at_detokenizer_step *step;
    at_decoding *decoding;
    const at_pieces *from;
    const char *from_text;
    at_pieces *to;
    at_buffer *to_text;
    attrib_error *err;
} step_run;

/* What was appended since `start` is one token. */
static attrib_status end_token(const step_run *r, size_t start)
{
    size_t limit = r->decoding->limit;
    if (r->to_text->n_bytes > limit) {
        return at_fail(r->err, ATTRIB_ERANGE,
                       "the tokenizer's decoder makes more than %zu bytes of its tokens",
                       limit);
    }
    return at_pieces_add(r->to, (at_span){start, r->to_text->n_bytes - start, false},
                         r->err);
}

static attrib_status map_tokens(const step_run *r)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < r->from->n_spans; i++) {
        const char *token = r->from_text + r->from->spans[i].start;
        size_t n = r->from->spans[i].n_bytes;
        size_t start = r->to_text->n_bytes;
        if (r->step->kind == AT_DECODER_REPLACE) {
            status = replace(r->step, r->decoding, token, n, r->to_text, r->err);
        } else if (r->step->kind == AT_DECODER_STRIP) {
            status = strip(r->step, token, n, r->to_text, r->err);
        } else {
            bool drops = i == 0 && r->step->drops_first;
            status = unmark(r->step, token, n, drops, r->to_text, r->err);
        }
        AT_TRY(status);
        AT_TRY(end_token(r, start));
    }
done:
    return status;
}

/* All tokens become one: their texts, or the bytes of their byte-level characters. */
static attrib_status join_tokens(const step_run *r)
{
    attrib_status status = ATTRIB_OK;
    at_buffer bytes = {0};
    if (r->step->kind == AT_DECODER_FUSE) {
        for (size_t i = 0; i < r->from->n_spans; i++) {
            AT_TRY(at_buffer_append(r->to_text, r->from_text + r->from->spans[i].start,
                                    r->from->spans[i].n_bytes, r->err));
        }
    } else {
        for (size_t i = 0; i < r->from->n_spans; i++) {
            AT_TRY(at_append_bytes_of_characters(&bytes,
                                                 r->from_text + r->from->spans[i].start,
                                                 r->from->spans[i].n_bytes, r->err));
        }
        AT_TRY(at_append_valid(r->to_text, bytes.bytes, bytes.n_bytes, r->err));
    }
    AT_TRY(end_token(r, 0));
done:
    at_buffer_free(&bytes);
    return status;
}

/* A run of bytes is their text where that is UTF-8, else U+FFFD for each. */
static attrib_status end_run(const step_run *r, const char *bytes, size_t n)
{
    attrib_status status = ATTRIB_OK;
    size_t start = r->to_text->n_bytes;
    if (n && at_utf8_is_valid(bytes, n, NULL)) {
        AT_TRY(at_buffer_append(r->to_text, bytes, n, r->err));
        return end_token(r, start);
    }
    for (size_t i = 0; i < n; i++) {
        start = r->to_text->n_bytes;
        AT_TRY(at_buffer_append(r->to_text, "\xEF\xBF\xBD", 3, r->err));
        AT_TRY(end_token(r, start));
    }
done:
    return status;
}

static attrib_status join_bytes(const step_run *r)
{
    attrib_status status = ATTRIB_OK;
    at_buffer run = {0};
    for (size_t i = 0; i < r->from->n_spans; i++) {
        const char *token = r->from_text + r->from->spans[i].start;
        size_t n = r->from->spans[i].n_bytes;
        int byte = fallback_byte(token, n);
        if (byte >= 0) {
            char c = (char)byte;
            AT_TRY(at_buffer_append(&run, &c, 1, r->err));
            continue;
        }
        AT_TRY(end_run(r, run.bytes, run.n_bytes));
        at_buffer_clear(&run);
        size_t start = r->to_text->n_bytes;
        AT_TRY(at_buffer_append(r->to_text, token, n, r->err));
        AT_TRY(end_token(r, start));
    }
    AT_TRY(end_run(r, run.bytes, run.n_bytes));
done:
    at_buffer_free(&run);
    return status;
}

/* 3. Running */

static attrib_status run_step(const at_detokenizer_step *step,
                              at_decoding *d,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t from = d->i_current;
    size_t to = 1 - from;
    step_run r = {
        step,          d,  &d->tokens[from], d->texts[from].bytes, &d->tokens[to],
        &d->texts[to], err};
    at_pieces_clear(r.to);
    at_buffer_clear(r.to_text);
    AT_TRY(at_buffer_append(r.to_text, "", 0, err));
    switch (step->kind) {
    case AT_DECODER_BYTE_LEVEL:
    case AT_DECODER_FUSE:
        status = join_tokens(&r);
        break;
    case AT_DECODER_BYTE_FALLBACK:
        status = join_bytes(&r);
        break;
    case AT_DECODER_REPLACE:
    case AT_DECODER_STRIP:
    case AT_DECODER_METASPACE:
        status = map_tokens(&r);
        break;
    }
    d->i_current = to;
done:
    return status;
}

attrib_status at_decode(const at_detokenizer *decoder,
                        at_decoding *decoding,
                        at_buffer *out,
                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *separator = decoder->is_there ? "" : " ";
    AT_TRY(at_buffer_append(&decoding->texts[decoding->i_current], "", 0, err));
    decoding->limit = at_growth_limit(decoding->texts[decoding->i_current].n_bytes);
    for (size_t i = 0; i < decoder->n_steps; i++) {
        AT_TRY(run_step(&decoder->steps[i], decoding, err));
    }
    {
        const at_pieces *tokens = &decoding->tokens[decoding->i_current];
        const char *text = decoding->texts[decoding->i_current].bytes;
        for (size_t i = 0; i < tokens->n_spans; i++) {
            AT_TRY(at_buffer_append(out, separator, i ? strlen(separator) : 0, err));
            AT_TRY(at_buffer_append(out, text + tokens->spans[i].start,
                                    tokens->spans[i].n_bytes, err));
        }
    }
done:
    return status;
}

/* 4. Pieces */

/* What one step makes of a token in the middle of a text. */
static attrib_status run_step_on_piece(const at_detokenizer_step *step,
                                       at_decoding *scratch,
                                       const at_buffer *from,
                                       at_buffer *to,
                                       attrib_error *err)
{
    const char *token = from->bytes;
    size_t n = from->n_bytes;
    int byte = step->kind == AT_DECODER_BYTE_FALLBACK ? fallback_byte(token, n) : -1;
    if (byte >= 0) {
        char c = (char)byte;
        return at_buffer_append(to, &c, 1, err);
    }
    /* After a byte came out, what follows is no text; only joining steps may. */
    bool is_text = at_utf8_is_valid(token, n, NULL);
    if (is_text && step->kind == AT_DECODER_BYTE_LEVEL) {
        return at_append_bytes_of_characters(to, token, n, err);
    }
    if (is_text && step->kind == AT_DECODER_REPLACE) {
        return replace(step, scratch, token, n, to, err);
    }
    if (is_text && step->kind == AT_DECODER_METASPACE) {
        return unmark(step, token, n, false, to, err);
    }
    return at_buffer_append(to, token, n, err);
}

attrib_status at_decode_piece(const at_detokenizer *decoder,
                              at_decoding *scratch,
                              const char *token,
                              size_t n,
                              at_buffer *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t limit = at_growth_limit(n);
    at_buffer *from = &scratch->texts[0];
    at_buffer_clear(from);
    AT_TRY(at_buffer_append(from, token, n, err));
    for (size_t i = 0; i < decoder->n_steps; i++) {
        at_buffer *to = &scratch->texts[(i + 1) % 2];
        at_buffer_clear(to);
        AT_TRY(at_buffer_append(to, "", 0, err));
        AT_TRY(run_step_on_piece(&decoder->steps[i], scratch, from, to, err));
        AT_CHECK(to->n_bytes <= limit, ATTRIB_ERANGE,
                 "the tokenizer's decoder makes more than %zu bytes of a token", limit);
        from = to;
    }
    AT_TRY(at_buffer_append(out, from->bytes, from->n_bytes, err));
done:
    return status;
}
