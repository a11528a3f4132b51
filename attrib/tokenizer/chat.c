/* SPDX-License-Identifier: MIT */
/* Rendering conversations, and finding what the assistant says in them.
 *
 *   1. What a template is given   2. Rendering   3. What is said   4. Writing
 *   5. Whether a model answers in turns   6. Opening
 */
#include "tokenizer/chat.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "tokenizer/jinja.h"

#define MAX_MESSAGES ((size_t)100000)
#define MAX_FILE     ((size_t)1 << 20)

struct at_chat {
    const attrib_tokenizer *tokenizer;
    const at_jinja *template; /* the tokenizer's, or own */
    at_jinja own;
    const at_chat_named *named; /* NULL: the model's own, or a file */
    char date[11];
    char *prompt; /* for the assistant to speak: behind a user's message */
    bool takes_parts[AT_CHAT_OTHER]; /* of a role: content in parts */
};

/* 1. What a template is given */

static const at_jinja_value *key_of(at_jinja_run *r, const char *key)
{
    return at_jinja_borrow(r, key, strlen(key));
}

/* Words of a message have its mark: of its content, or of what stands aside. Its role and
 * name are the template's matter. */
static at_jinja_mark mark_of(const char *key, size_t i)
{
    static const char *const unmarked[] = {"role", "name", "tool_call_id", "type", NULL};
    at_jinja_mark mark = (at_jinja_mark)(i + 1);
    for (const char *const *one = unmarked; *one; one++) {
        if (strcmp(*one, key) == 0) {
            return 0;
        }
    }
    return strcmp(key, "content") == 0 ? mark : mark | AT_JINJA_ASIDE;
}

static bool add_member(at_jinja_run *r,
                       at_jinja_value *message,
                       const char *key,
                       const json_t *json,
                       size_t i)
{
    return at_jinja_set(r, message, key_of(r, key),
                        at_jinja_from_json(r, json, mark_of(key, i)));
}

/* As transformers gives messages to templates: members that are null are left out, and a
 * thought stands under both of its names. */
static const at_jinja_value *make_message(at_jinja_run *r, const json_t *json, size_t i)
{
    static const char *const thoughts[] = {"reasoning_content", "thinking", "reasoning"};
    json_t *object = NULL;
    const json_t *thought = NULL;
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_DICT);
    for (size_t k = 0; k < 3; k++) {
        const json_t *found = json_object_get(json, thoughts[k]);
        thought = !thought && found && !json_is_null(found) ? found : thought;
    }
    bool is_made = made && (!thought || add_member(r, made, "thinking", thought, i));
    memcpy(&object, &json, sizeof object); /* jansson walks through no const object */
    for (void *at = json_object_iter(object); is_made && at;
         at = json_object_iter_next(object, at)) {
        const json_t *value = json_object_iter_value(at);
        is_made = json_is_null(value) ||
                  add_member(r, made, json_object_iter_key(at), value, i);
    }
    is_made =
        is_made && (!thought || add_member(r, made, "reasoning_content", thought, i));
    return is_made ? made : NULL;
}

static const at_jinja_value *make_messages(at_jinja_run *r,
                                           const at_chat_message *messages,
                                           size_t n)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    for (size_t i = 0; made && i < n; i++) {
        if (!at_jinja_push(r, made, make_message(r, messages[i].json, i))) {
            return NULL;
        }
    }
    return made;
}

/* The text of a special token; undefined where the tokenizer has none. */
static const at_jinja_value *make_token(at_jinja_run *r,
                                        const attrib_tokenizer *t,
                                        int32_t id)
{
    size_t n = 0;
    const char *piece = id >= 0 ? attrib_tokenizer_piece(t, id, &n) : NULL;
    return piece ? at_jinja_borrow(r, piece, n) : NULL;
}

/* 2. Rendering */

static attrib_status render(at_jinja_run *r,
                            const at_chat *chat,
                            const at_chat_message *messages,
                            size_t n,
                            const json_t *tools,
                            bool asks,
                            const at_jinja_value **out)
{
    const attrib_tokenizer *t = chat->tokenizer;
    at_jinja_variable variables[8 + AT_SPECIAL_NAMES] = {
        {"messages", make_messages(r, messages, n)},
        {"add_generation_prompt", at_jinja_bool(asks)},
        {"tools",
         json_array_size(tools) ? at_jinja_from_json(r, tools, 0) : &at_jinja_none},
        {"documents", &at_jinja_none},
        {"bos_token", make_token(r, t, attrib_tokenizer_bos(t))},
        {"eos_token", make_token(r, t, attrib_tokenizer_eos(t))},
    };
    size_t n_variables = 6;
    for (size_t i = 0; i < AT_SPECIAL_NAMES; i++) {
        variables[n_variables++] = (at_jinja_variable){
            at_special_names[i], make_token(r, t, at_tokenizer_special(t, i))};
    }
    if (r->status != ATTRIB_OK) {
        return r->status;
    }
    return at_jinja_print(r, chat->template, variables, n_variables, chat->date, out);
}

/* 3. What is said */

typedef struct span {
    size_t start, end;
    bool begins_aside,
        ends_aside; /* its first and last bytes are a thought's or a call's */
} span;

/* Whose bytes those before stretch i end are. */
static size_t start_of(const at_jinja_value *text, size_t i)
{
    return i ? text->as.text.stretches[i - 1].end : 0;
}

/* A text of one mark as one stretch, so that all texts have some. */
static attrib_status spread(at_jinja_run *r, const at_jinja_value **text)
{
    at_jinja_value *copy = at_jinja_new(r, AT_JINJA_TEXT_VALUE);
    at_jinja_stretch *whole = copy ? at_jinja_take(&r->bank, sizeof *whole) : NULL;
    if (!whole) {
        (void)at_jinja_fail(r, ATTRIB_ENOMEM, "out of memory");
        return r->status;
    }
    *copy = **text;
    *whole = (at_jinja_stretch){copy->as.text.n, copy->mark};
    if (copy->as.text.n_stretches == 0 && copy->as.text.n) {
        copy->as.text.stretches = whole;
        copy->as.text.n_stretches = 1;
    }
    *text = copy;
    return ATTRIB_OK;
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
                           span *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_jinja_mark wanted = (at_jinja_mark)(i + 1);
    bool is_between = false;
    *out = (span){0};
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

/* Where bytes begin that no message has, up to `at`. */
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

/* Bytes of an empty thought at the front of a text, blanks behind it included. */
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

/* The last place of a part in text [from, to), or SIZE_MAX. */
static size_t find_last(const char *text, size_t from, size_t to, const char *part)
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
    size_t found = find_last(bytes, from, start, chat->prompt);
    if (found == SIZE_MAX) {
        return start - n_opening;
    }
    size_t behind = found + strlen(chat->prompt);
    return behind + empty_thought(bytes + behind, start - behind);
}

/* Bytes of the longest token that stands at text[at] and ends what a model writes, only
 * such that its own files name where that is wanted; 0 where none does. */
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

/* Where the template's own text behind a place ends. */
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

/* Move the end of a turn over the token that ends it, blanks before it included; behind a
 * thought or a call, over what closes that too. */
static size_t close_turn(const at_chat *chat, const at_jinja_value *text, span one)
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

/* 4. Writing */

/* What is said, span by span, in order. */
typedef struct spans {
    span *items; /* [n] */
    size_t n, capacity;
} spans;

static attrib_status add_span(spans *s, span one, attrib_error *err)
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
                                 spans *out,
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
                            (span){.start = start_of(text, first),
                                   .end = text->as.text.stretches[k - 1].end},
                            err));
        }
        k += k == first;
    }
done:
    return status;
}

static attrib_status find_framed(const at_chat *chat,
                                 const at_jinja_value *text,
                                 const at_chat_message *messages,
                                 size_t n,
                                 spans *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n; i++) {
        span one = {0};
        if (!messages[i].is_said) {
            continue;
        }
        AT_TRY(frame(text, i, &one, err));
        AT_CHECK(one.end || !says_something(messages[i].json), ATTRIB_ENOTSUP,
                 "message %zu: the chat template leaves out what the assistant says",
                 i + 1);
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

/* The last turn alone, without its end; *n_bytes is where the text is cut. */
static attrib_status find_open(const at_chat *chat,
                               const at_jinja_value *text,
                               const at_chat_message *messages,
                               size_t n,
                               spans *out,
                               size_t *n_bytes,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    span one = {0};
    AT_TRY(frame(text, n - 1, &one, err));
    AT_CHECK(one.end || !says_something(messages[n - 1].json), ATTRIB_ENOTSUP,
             "message %zu: the chat template leaves out what the assistant says", n);
    *n_bytes = one.end;
    one.start = open_turn(chat, text, one.start, one.begins_aside, messages[n - 1].json);
    AT_TRY(add_span(out, one, err));
done:
    return status;
}

static attrib_status put_spans(
    const char *text, size_t n, const spans *said, at_chat_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t at = 0;
    for (size_t i = 0; i < said->n; i++) {
        span one = said->items[i];
        if (one.start > at) {
            AT_TRY(sink.put(sink.context, text + at, one.start - at, false, err));
        }
        AT_TRY(sink.put(sink.context, text + one.start, one.end - one.start, true, err));
        at = one.end;
    }
    if (n > at) {
        AT_TRY(sink.put(sink.context, text + at, n - at, false, err));
    }
done:
    return status;
}

attrib_status at_chat_write(const at_chat *chat,
                            const at_chat_message *messages,
                            size_t n_messages,
                            const json_t *tools,
                            at_chat_end end,
                            at_chat_sink sink,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_run run;
    const at_jinja_value *text = NULL;
    spans said = {0};
    size_t n_bytes = 0;
    at_jinja_open(&run, err);
    AT_CHECK(n_messages <= MAX_MESSAGES, ATTRIB_ERANGE,
             "a conversation of %zu messages, at most %zu are read", n_messages,
             MAX_MESSAGES);
    AT_TRY(render(&run, chat, messages, n_messages, tools, end == AT_CHAT_ASKS, &text));
    AT_TRY(spread(&run, &text));
    n_bytes = text->as.text.n;
    if (end == AT_CHAT_OPEN && n_messages) {
        AT_TRY(find_open(chat, text, messages, n_messages, &said, &n_bytes, err));
    } else if (end == AT_CHAT_CLOSED && chat->template->has_generation) {
        AT_TRY(find_tagged(text, messages, &said, err));
    } else if (end == AT_CHAT_CLOSED) {
        AT_TRY(find_framed(chat, text, messages, n_messages, &said, err));
    }
    AT_TRY(put_spans(text->as.text.bytes, n_bytes, &said, sink, err));
done:
    free(said.items);
    at_jinja_close(&run);
    return status;
}

/* 5. Whether a model answers in turns */

/* A later turn follows the one that is looked at: some templates end none but such. */
attrib_status at_chat_answers(const at_chat *chat, bool *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_run run;
    attrib_error ignored = {0};
    const at_jinja_value *text = NULL;
    span one = {0};
    json_t *asked = json_pack("{ss ss}", "role", "user", "content", "x");
    json_t *said = json_pack("{ss ss}", "role", "assistant", "content", "y");
    const at_chat_message messages[] = {
        {asked, false}, {said, true}, {asked, false}, {said, true}};
    *out = false;
    at_jinja_open(&run, &ignored);
    AT_CHECK(asked && said, ATTRIB_ENOMEM, "out of memory for a chat template");
    if (render(&run, chat, messages, 4, NULL, false, &text) == ATTRIB_OK &&
        spread(&run, &text) == ATTRIB_OK && frame(text, 1, &one, &ignored) == ATTRIB_OK &&
        one.end) {
        size_t n = literal_end(text, one.end);
        const char *bytes = text->as.text.bytes;
        *out = find_stop(chat, true, bytes, skip_blanks(bytes, one.end, n), n) > 0;
    }
    AT_CHECK(ignored.status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", ignored.message);
done:
    at_jinja_close(&run);
    json_decref(asked);
    json_decref(said);
    return status;
}

/* 6. Opening */

/* The template's prompt for the assistant: what it prints more where it is asked for.
 * NULL where it prints nothing more, or refuses. */
static attrib_status find_prompt(at_chat *chat, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_run run;
    attrib_error ignored = {0};
    const at_jinja_value *texts[2] = {NULL, NULL};
    json_t *user = json_pack("{ss ss}", "role", "user", "content", "x");
    at_chat_message message = {user, false};
    at_jinja_open(&run, &ignored);
    AT_CHECK(user, ATTRIB_ENOMEM, "out of memory for a chat template");
    if (render(&run, chat, &message, 1, NULL, false, &texts[0]) == ATTRIB_OK &&
        render(&run, chat, &message, 1, NULL, true, &texts[1]) == ATTRIB_OK) {
        size_t n = texts[0]->as.text.n;
        const char *asked = texts[1]->as.text.bytes;
        size_t n_asked = texts[1]->as.text.n;
        if (n_asked > n && memcmp(asked, texts[0]->as.text.bytes, n) == 0) {
            AT_TRY(at_copy_text(asked + n, n_asked - n, &chat->prompt, err));
        }
    }
    AT_CHECK(ignored.status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", ignored.message);
done:
    at_jinja_close(&run);
    json_decref(user);
    return status;
}

/* Content in two parts is printed as two texts, where a template that takes it for a
 * string fails, or prints a list with its keys. */
static attrib_status find_parts(at_chat *chat, at_chat_role role, attrib_error *err)
{
    static const char *const names[] = {"system", "user", "assistant"};
    attrib_status status = ATTRIB_OK;
    at_jinja_run run;
    attrib_error ignored = {0};
    const at_jinja_value *text = NULL;
    json_t *user = json_pack("{ss ss}", "role", "user", "content", "x");
    json_t *parts =
        json_pack("{ss s[{ss ss} {ss ss}]}", "role", names[role], "content", "type",
                  "text", "text", "first-part", "type", "text", "text", "second-part");
    const at_chat_message answer[] = {{user, false}, {parts, false}, {user, false}};
    const size_t first = role == AT_CHAT_ASSISTANT ? 0 : 1;
    const size_t n = role == AT_CHAT_USER ? 1 : 2;
    at_jinja_open(&run, &ignored);
    AT_CHECK(user && parts, ATTRIB_ENOMEM, "out of memory for a chat template");
    if (render(&run, chat, answer + first, n, NULL, false, &text) == ATTRIB_OK) {
        const char *bytes = text->as.text.bytes;
        size_t end = text->as.text.n;
        size_t second = find_last(bytes, 0, end, "second-part");
        chat->takes_parts[role] = second != SIZE_MAX &&
                                  find_last(bytes, 0, second, "first-part") != SIZE_MAX &&
                                  find_last(bytes, 0, end, "'text'") == SIZE_MAX &&
                                  find_last(bytes, 0, end, "\"text\"") == SIZE_MAX;
    }
    AT_CHECK(ignored.status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", ignored.message);
done:
    at_jinja_close(&run);
    json_decref(user);
    json_decref(parts);
    return status;
}

bool at_chat_takes_parts(const at_chat *chat, at_chat_role role)
{
    return chat->takes_parts[role == AT_CHAT_OTHER ? AT_CHAT_USER : role];
}

static attrib_status set_date(at_chat *chat, const char *date, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct tm day = {0};
    char again[11] = "";
    time_t now = time(NULL);
    const char *end = date ? strptime(date, "%Y-%m-%d", &day) : "";
    AT_CHECK(end && !*end && (!date || strlen(date) == 10), ATTRIB_EINVAL,
             "date \"%.32s\": expected YYYY-MM-DD", date);
    if (!date) {
        (void)localtime_r(&now, &day);
    }
    AT_CHECK(strftime(chat->date, sizeof chat->date, "%Y-%m-%d", &day) == 10,
             ATTRIB_EINVAL, "date \"%.32s\": expected YYYY-MM-DD", date ? date : "today");
    (void)timegm(&day); /* which moves February 30 on to March 2 */
    AT_CHECK(strftime(again, sizeof again, "%Y-%m-%d", &day) == 10 &&
                 strcmp(again, chat->date) == 0,
             ATTRIB_EINVAL, "date \"%s\": there is no such day", chat->date);
done:
    return status;
}

/* The tokens that a named template writes must be tokens of the model. */
static attrib_status check_tokens(const at_chat *chat, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_chat_named *named = chat->named;
    for (size_t i = 0; i < 4 && named->tokens[i]; i++) {
        AT_CHECK(at_tokenizer_has(chat->tokenizer, named->tokens[i]), ATTRIB_EINVAL,
                 "chat template \"%s\" writes the token %s, which the model's vocabulary "
                 "does not have",
                 named->name, named->tokens[i]);
    }
    AT_CHECK(!named->needs_eos || attrib_tokenizer_eos(chat->tokenizer) >= 0,
             ATTRIB_EINVAL,
             "chat template \"%s\" ends turns with the end-of-sequence token, and the "
             "tokenizer has none",
             named->name);
done:
    return status;
}

static attrib_status read_source(at_chat *chat, const char *name, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer source = {0};
    char names[512];
    chat->named = at_chat_find(name);
    if (chat->named) {
        AT_TRY(check_tokens(chat, err));
        AT_TRY(at_jinja_read(chat->named->source, strlen(chat->named->source), &chat->own,
                             err));
    } else {
        AT_CHECK(at_is_there(name), ATTRIB_EINVAL,
                 "chat template \"%.64s\" is neither a file nor one of %s", name,
                 at_chat_names(names, sizeof names));
        AT_TRY(at_read_file(name, MAX_FILE, &source, err));
        status = at_jinja_read(source.bytes ? source.bytes : "", source.n_bytes,
                               &chat->own, err);
        if (status != ATTRIB_OK) {
            at_context(err, status, "%.200s", name);
        }
    }
    chat->template = &chat->own;
done:
    at_buffer_free(&source);
    return status;
}

attrib_status at_chat_open(const attrib_tokenizer *tokenizer,
                           const char *name,
                           const char *date,
                           at_chat **out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_chat *chat = NULL;
    bool is_own = !name || strcmp(name, "model") == 0;
    *out = NULL;
    if ((is_own && !attrib_tokenizer_chat_template(tokenizer)) ||
        (name && strcmp(name, "plain") == 0)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(1, sizeof *chat, &chat, err));
    chat->tokenizer = tokenizer;
    AT_TRY(set_date(chat, date, err));
    if (is_own) {
        const attrib_error *problem = NULL;
        chat->template = at_tokenizer_template(tokenizer, &problem);
        AT_CHECK(problem->status == ATTRIB_OK, problem->status, "the model's %s",
                 problem->message);
    } else {
        AT_TRY(read_source(chat, name, err));
    }
    AT_TRY(find_prompt(chat, err));
    for (at_chat_role role = AT_CHAT_SYSTEM; role < AT_CHAT_OTHER; role++) {
        AT_TRY(find_parts(chat, role, err));
    }
    *out = chat;
    chat = NULL;
done:
    at_chat_close(chat);
    return status;
}

void at_chat_close(at_chat *chat)
{
    if (chat) {
        at_jinja_free(&chat->own);
        free(chat->prompt);
        free(chat);
    }
}

const char *at_chat_date(const at_chat *chat)
{
    for (size_t i = 0; chat && i < chat->template->n_names; i++) {
        if (strcmp(chat->template->names[i], "strftime_now") == 0) {
            return chat->date;
        }
    }
    return "";
}

const char *at_chat_input(const at_chat *chat)
{
    return chat && chat->named && chat->named->input ? chat->named->input : "\n";
}
