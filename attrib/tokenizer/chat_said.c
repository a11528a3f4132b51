/* SPDX-License-Identifier: MIT */
/* Finding what the assistant says in a conversation that was rendered.
 *
 *   1. Marks   2. Where a turn begins and ends   3. The whole */
#include "tokenizer/chat_said.h"

#include <stdlib.h>
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

/* Where a message is printed: from the first stretch that came from it to the last. */
typedef struct printing {
    size_t first, last;
    bool is_there, is_split; /* is_split: words of another message stand between */
} printing;

/* The printings [n] of the messages from i on. */
static void find_printings(const at_jinja_value *text, size_t i, size_t n, printing *out)
{
    at_jinja_mark before = 0;
    memset(out, 0, n * sizeof *out);
    for (size_t k = 0; k < text->as.text.n_stretches; k++) {
        at_jinja_mark message = text->as.text.stretches[k].mark & AT_JINJA_MESSAGE;
        if (message > i && message - i <= n) {
            printing *p = &out[message - i - 1];
            p->is_split = p->is_split || (p->is_there && before != message);
            p->first = p->is_there ? p->first : k;
            p->last = k;
            p->is_there = true;
        }
        before = message ? message : before;
    }
}

static at_span frame(const at_jinja_value *text, const printing *p)
{
    const at_jinja_stretch *stretches = text->as.text.stretches;
    return (at_span){
        .start = start_of(text, p->first),
        .end = stretches[p->last].end,
        .begins_aside = (stretches[p->first].mark & AT_JINJA_ASIDE) != 0,
        .ends_aside = (stretches[p->last].mark & AT_JINJA_ASIDE) != 0,
    };
}

/* 2. Where a turn begins and ends */

/* Where the template's own text before stretch k begins. */
static size_t literal_start(const at_jinja_value *text, size_t k)
{
    while (k > 0 && !(text->as.text.stretches[k - 1].mark & AT_JINJA_MESSAGE)) {
        k--;
    }
    return start_of(text, k);
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

/* The start of a turn, moved back over the text that opens its thought or call. */
static size_t open_turn(const at_chat *chat,
                        const at_jinja_value *text,
                        const printing *p,
                        const json_t *message)
{
    const char *bytes = text->as.text.bytes;
    const size_t start = start_of(text, p->first);
    size_t from = literal_start(text, p->first);
    size_t n_opening = restored_opening(bytes, from, start, message);
    if (!frame(text, p).begins_aside || !chat->prompt) {
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

/* Where the template's own text after stretch k ends. */
static size_t literal_end(const at_jinja_value *text, size_t k)
{
    size_t n = text->as.text.n_stretches;
    for (k++; k < n && !(text->as.text.stretches[k].mark & AT_JINJA_MESSAGE); k++) {
        /* The template's words go on. */
    }
    return k < n ? start_of(text, k) : text->as.text.n;
}

/* The end of a turn, moved over the token that ends it, blanks before it included; after
 * a thought or a call, over what closes that too. */
static size_t close_turn(const at_chat *chat,
                         const at_jinja_value *text,
                         const printing *p)
{
    const char *bytes = text->as.text.bytes;
    at_span one = frame(text, p);
    size_t n = literal_end(text, p->last);
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

/* Whether message i is printed once. One that says nothing need not be. */
static attrib_status check_printing(const printing *p,
                                    const at_chat_message *messages,
                                    size_t i,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(!p->is_split, ATTRIB_ENOTSUP,
             "message %zu: the chat template prints it in more than one place", i + 1);
    AT_CHECK(p->is_there || !says_something(messages[i].json), ATTRIB_ENOTSUP,
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
    printing *printings = NULL;
    AT_TRY(at_array(conversation->n, sizeof *printings, &printings, err));
    find_printings(text, 0, conversation->n, printings);
    for (size_t i = 0; i < conversation->n; i++) {
        const printing *p = &printings[i];
        if (!messages[i].is_said) {
            continue;
        }
        AT_TRY(check_printing(p, messages, i, err));
        if (p->is_there) {
            AT_TRY(add_span(out,
                            (at_span){.start = open_turn(chat, text, p, messages[i].json),
                                      .end = close_turn(chat, text, p)},
                            err));
        }
    }
done:
    free(printings);
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
    printing p = {0};
    const size_t last = conversation->n - 1;
    find_printings(text, last, 1, &p);
    AT_TRY(check_printing(&p, conversation->messages, last, err));
    out->n_bytes = 0;
    if (p.is_there) {
        out->n_bytes = frame(text, &p).end;
        AT_TRY(add_span(out,
                        (at_span){.start = open_turn(chat, text, &p,
                                                     conversation->messages[last].json),
                                  .end = out->n_bytes},
                        err));
    }
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
    printing p = {0};
    at_jinja_stretch whole;
    at_jinja_value spread;
    spread_mark(text, &whole, &spread);
    find_printings(&spread, i, 1, &p);
    if (!p.is_there || p.is_split) {
        return false;
    }
    const char *bytes = spread.as.text.bytes;
    size_t n = literal_end(&spread, p.last);
    return find_stop(chat, true, bytes, skip_blanks(bytes, frame(&spread, &p).end, n),
                     n) > 0;
}
