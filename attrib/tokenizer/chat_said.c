/* SPDX-License-Identifier: MIT */
/* Finding what the assistant says in a conversation that was rendered.
 *
 *   1. Marks   2. Where a turn begins and ends   3. The whole */
#include "tokenizer/chat_said.h"

#include <string.h>

/* 1. Marks */

/* Where the bytes of stretch i begin. */
static size_t start_of(const at_jinja_value *text, size_t i)
{
    return i ? text->as.text.stretches[i - 1].end : 0;
}

/* A text of one mark as one with a stretch, so that all texts have some; `whole` is that
 * stretch, which the caller keeps. */
static void spread_mark(const at_jinja_value *text,
                        at_jinja_stretch *whole,
                        at_jinja_value *out)
{
    *out = *text;
    *whole = (at_jinja_stretch){text->as.text.n, text->mark};
    if (text->as.text.n_stretches == 0 && text->as.text.n) {
        out->as.text.stretches = whole;
        out->as.text.n_stretches = 1;
    }
}

/* Whether a turn says anything that could be printed. */
static bool says_something(const json_t *message)
{
    static const char *const fields[] = {"content",   "tool_calls", "reasoning_content",
                                         "reasoning", "thinking",   NULL};
    for (const char *const *field = fields; *field; field++) {
        const json_t *value = json_object_get(message, *field);
        if (json_string_length(value) || json_array_size(value)) {
            return true;
        }
    }
    return false;
}

/* From the first byte that came from message i to the last. No such byte: end is 0. */
static attrib_status frame(const at_jinja_value *text,
                           size_t i,
                           at_span *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_jinja_mark wanted = (at_jinja_mark)(i + 1);
    bool is_between = false;
    *out = (at_span){0};
    for (size_t k = 0; k < text->as.text.n_stretches; k++) {
        at_jinja_mark mark = text->as.text.stretches[k].mark;
        at_jinja_mark message = mark & AT_JINJA_MESSAGE;
        if (message == wanted) {
            AT_CHECK(!is_between, ATTRIB_ENOTSUP,
                     "message %zu: the chat template prints it in more than one place",
                     i + 1);
            if (out->end == 0) {
                out->start = start_of(text, k);
                out->begins_aside = (mark & AT_JINJA_ASIDE) != 0;
            }
            out->end = text->as.text.stretches[k].end;
            out->ends_aside = (mark & AT_JINJA_ASIDE) != 0;
        } else if (message && out->end) {
            is_between = true;
        }
    }
done:
    return status;
}

/* 2. Where a turn begins and ends */

/* Where the template's own text before `at` begins. */
static size_t literal_start(const at_jinja_value *text, size_t at)
{
    size_t start = 0;
    for (size_t k = 0; k < text->as.text.n_stretches; k++) {
        size_t end = text->as.text.stretches[k].end;
        if (end >= at) {
            break;
        }
        if (text->as.text.stretches[k].mark & AT_JINJA_MESSAGE) {
            start = end;
        }
    }
    return start;
}

static size_t skip_blanks(const char *text, size_t at, size_t n)
{
    while (at < n && text[at] && strchr(" \n\t\r", text[at])) {
        at++;
    }
    return at;
}

/* Bytes of an empty thought at the front of a text, blanks after it included. */
static size_t empty_thought(const char *text, size_t n)
{
    static const char *const tags[][2] = {{"<think>", "</think>"},
                                          {"<thinking>", "</thinking>"},
                                          {"[THINK]", "[/THINK]"},
                                          {"<|START_THINKING|>", "<|END_THINKING|>"}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        size_t n_open = strlen(tags[i][0]);
        size_t n_close = strlen(tags[i][1]);
        size_t at = n_open;
        if (n < n_open + n_close || memcmp(text, tags[i][0], n_open) != 0) {
            continue;
        }
        at = skip_blanks(text, at, n);
        if (n - at < n_close || memcmp(text + at, tags[i][1], n_close) != 0) {
            continue;
        }
        at += n_close;
        return skip_blanks(text, at, n);
    }
    return 0;
}

size_t at_chat_find_last(const char *text, size_t from, size_t to, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = to; n && i >= from + n; i--) {
        if (memcmp(text + i - n, part, n) == 0) {
            return i - n;
        }
    }
    return SIZE_MAX;
}

/* How much of the template's text before a turn's content begins that content too: a
 * thought inside of it, which the template took out and put back: "<think>" and a
 * newline.
 */
static size_t restored_opening(const char *text,
                               size_t from,
                               size_t to,
                               const json_t *message)
{
    const char *said = json_string_value(json_object_get(message, "content"));
    size_t end = to;
    while (said && *said && strchr(" \n\t\r", *said)) {
        said++;
    }
    while (end > from && text[end - 1] && strchr(" \n\t\r", text[end - 1])) {
        end--;
    }
    for (size_t n = 3; said && n <= 32 && n <= end - from && n <= strlen(said); n++) {
        if (memcmp(text + end - n, said, n) == 0 && strchr(">]|", said[n - 1])) {
            return to - (end - n);
        }
    }
    return 0;
}

/* Move the start of a turn back over the text that opens its thought or call. */
static size_t open_turn(const at_chat *chat,
                        const at_jinja_value *text,
                        size_t start,
                        bool is_aside,
                        const json_t *message)
{
    const char *bytes = text->as.text.bytes;
    size_t from = literal_start(text, start);
    size_t n_opening = restored_opening(bytes, from, start, message);
    if (!is_aside || !chat->prompt) {
        return start - n_opening;
    }
    size_t found = at_chat_find_last(bytes, from, start, chat->prompt);
    if (found == SIZE_MAX) {
        return start - n_opening;
    }
    size_t behind = found + strlen(chat->prompt);
    return behind + empty_thought(bytes + behind, start - behind);
}

/* Bytes of the longest token that stands at text[at] and ends what a model writes;
 * is_own: only tokens that its own files name as ends. 0 where none stands there. */
static size_t find_stop(
    const at_chat *chat, bool is_own, const char *text, size_t at, size_t n)
{
    size_t best = 0;
    size_t n_stops = 0;
    const int32_t *stops = attrib_tokenizer_stops(chat->tokenizer, &n_stops);
    n_stops = is_own ? at_tokenizer_n_own_stops(chat->tokenizer) : n_stops;
    for (size_t i = 0; i < n_stops; i++) {
        size_t n_piece = 0;
        const char *piece = attrib_tokenizer_piece(chat->tokenizer, stops[i], &n_piece);
        if (n_piece > best && n_piece <= n - at &&
            memcmp(text + at, piece, n_piece) == 0) {
            best = n_piece;
        }
    }
    return best;
}

/* Where the template's own text after a place ends. */
static size_t literal_end(const at_jinja_value *text, size_t at)
{
    for (size_t k = 0; k < text->as.text.n_stretches; k++) {
        if (text->as.text.stretches[k].end > at &&
            (text->as.text.stretches[k].mark & AT_JINJA_MESSAGE)) {
            return start_of(text, k) > at ? start_of(text, k) : at;
        }
    }
    return text->as.text.n;
}

/* Move the end of a turn over the token that ends it, blanks before it included; after a
 * thought or a call, over what closes that too. */
static size_t close_turn(const at_chat *chat, const at_jinja_value *text, at_span one)
{
    const char *bytes = text->as.text.bytes;
    size_t n = literal_end(text, one.end);
    size_t last = one.ends_aside ? n : skip_blanks(bytes, one.end, n);
    for (size_t at = one.ends_aside ? one.end : last; at <= last && at < n; at++) {
        size_t n_stop = find_stop(chat, false, bytes, at, n);
        if (n_stop) {
            return at + n_stop;
        }
    }
    return one.end;
}

/* 3. The whole */

static attrib_status add_span(at_said *s, at_span one, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (s->n && s->items[s->n - 1].end >= one.start) {
        one.start = s->items[s->n - 1].end;
    }
    if (one.end > one.start) {
        AT_TRY(at_grow(&s->items, &s->capacity, s->n + 1, sizeof *s->items, err));
        s->items[s->n++] = one;
    }
done:
    return status;
}

/* What stands inside of generation tags, but for turns that do not count. */
static attrib_status find_tagged(const at_jinja_value *text,
                                 const at_chat_message *messages,
                                 at_said *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; k < text->as.text.n_stretches;) {
        size_t first = k;
        at_jinja_mark message = 0;
        bool counts = true;
        while (k < text->as.text.n_stretches &&
               (text->as.text.stretches[k].mark & AT_JINJA_GENERATION)) {
            message = text->as.text.stretches[k].mark & AT_JINJA_MESSAGE;
            counts = counts && (!message || messages[message - 1].is_said);
            k++;
        }
        if (k > first && counts) {
            AT_TRY(add_span(out,
                            (at_span){.start = start_of(text, first),
                                      .end = text->as.text.stretches[k - 1].end},
                            err));
        }
        k += k == first;
    }
done:
    return status;
}

/* What is printed of a message; end is 0 for one that says nothing. */
static attrib_status find_printed(const at_jinja_value *text,
                                  const at_chat_message *messages,
                                  size_t i,
                                  at_span *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(frame(text, i, out, err));
    AT_CHECK(out->end || !says_something(messages[i].json), ATTRIB_ENOTSUP,
             "message %zu: the chat template leaves out what the assistant says", i + 1);
done:
    return status;
}

/* The turns that count, each with its end. */
static attrib_status find_framed(const at_chat *chat,
                                 const at_jinja_value *text,
                                 const at_chat_conversation *conversation,
                                 at_said *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_chat_message *messages = conversation->messages;
    for (size_t i = 0; i < conversation->n; i++) {
        at_span one = {0};
        if (!messages[i].is_said) {
            continue;
        }
        AT_TRY(find_printed(text, messages, i, &one, err));
        if (one.end) {
            one.start =
                open_turn(chat, text, one.start, one.begins_aside, messages[i].json);
            one.end = close_turn(chat, text, one);
            AT_TRY(add_span(out, one, err));
        }
    }
done:
    return status;
}

/* The last turn alone, where the text is cut. */
static attrib_status find_open(const at_chat *chat,
                               const at_jinja_value *text,
                               const at_chat_conversation *conversation,
                               at_said *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_span one = {0};
    const size_t last = conversation->n - 1;
    AT_TRY(find_printed(text, conversation->messages, last, &one, err));
    out->n_bytes = one.end;
    one.start = open_turn(chat, text, one.start, one.begins_aside,
                          conversation->messages[last].json);
    AT_TRY(add_span(out, one, err));
done:
    return status;
}

attrib_status at_chat_find_said(const at_chat *chat,
                                const at_jinja_value *text,
                                const at_chat_conversation *conversation,
                                at_said *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_stretch whole;
    at_jinja_value spread;
    spread_mark(text, &whole, &spread);
    out->n_bytes = text->as.text.n;
    if (conversation->end == AT_CHAT_OPEN && conversation->n) {
        AT_TRY(find_open(chat, &spread, conversation, out, err));
    } else if (conversation->end == AT_CHAT_CLOSED && chat->template->has_generation) {
        AT_TRY(find_tagged(&spread, conversation->messages, out, err));
    } else if (conversation->end == AT_CHAT_CLOSED) {
        AT_TRY(find_framed(chat, &spread, conversation, out, err));
    }
done:
    return status;
}

bool at_chat_ends_in_own_stop(const at_chat *chat, const at_jinja_value *text, size_t i)
{
    attrib_error ignored = {0};
    at_span one = {0};
    at_jinja_stretch whole;
    at_jinja_value spread;
    spread_mark(text, &whole, &spread);
    if (frame(&spread, i, &one, &ignored) != ATTRIB_OK || one.end == 0) {
        return false;
    }
    const char *bytes = spread.as.text.bytes;
    size_t n = literal_end(&spread, one.end);
    return find_stop(chat, true, bytes, skip_blanks(bytes, one.end, n), n) > 0;
}
