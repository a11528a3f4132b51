/* SPDX-License-Identifier: MIT */
/* Rendering conversations.
 *
 *   1. What a template is given   2. Rendering   3. Writing
 *   4. Whether a model answers in turns   5. Opening
 */
#include "tokenizer/chat_said.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

#define MAX_MESSAGES ((size_t)100000)
#define MAX_FILE     ((size_t)1 << 20)

/* 1. What a template is given */

static const at_jinja_value *key_of(at_jinja_run *r, const char *key)
{
    return at_jinja_borrow(r, key, strlen(key));
}

/* Words of a message have its mark, with a flag for those outside of its content. Its
 * role and name have none: they are the template's matter. */
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
 * thought is given under both of its names. */
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
                                           const at_chat_conversation *conversation)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    for (size_t i = 0; made && i < conversation->n; i++) {
        const json_t *message = conversation->messages[i].json;
        if (!at_jinja_push(r, made, make_message(r, message, i))) {
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
                            const at_chat_conversation *conversation,
                            const at_jinja_value **out)
{
    const attrib_tokenizer *t = chat->tokenizer;
    at_jinja_variable variables[8 + AT_SPECIAL_NAMES] = {
        {"messages", make_messages(r, conversation)},
        {"add_generation_prompt", at_jinja_bool(conversation->end == AT_CHAT_ASKS)},
        {"tools", json_array_size(conversation->tools)
                      ? at_jinja_from_json(r, conversation->tools, 0)
                      : &at_jinja_none},
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

/* 3. Writing */

static attrib_status put_said(const char *text,
                              const at_said *said,
                              at_chat_sink sink,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t at = 0;
    for (size_t i = 0; i < said->n; i++) {
        at_span one = said->items[i];
        if (one.start > at) {
            AT_TRY(sink.put(sink.context, text + at, one.start - at, false, err));
        }
        AT_TRY(sink.put(sink.context, text + one.start, one.end - one.start, true, err));
        at = one.end;
    }
    if (said->n_bytes > at) {
        AT_TRY(sink.put(sink.context, text + at, said->n_bytes - at, false, err));
    }
done:
    return status;
}

attrib_status at_chat_write(const at_chat *chat,
                            const at_chat_conversation *conversation,
                            at_chat_sink sink,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_run run;
    const at_jinja_value *text = NULL;
    at_said said = {0};
    at_jinja_open(&run, err);
    AT_CHECK(conversation->n <= MAX_MESSAGES, ATTRIB_ERANGE,
             "a conversation of %zu messages, at most %zu are read", conversation->n,
             MAX_MESSAGES);
    AT_TRY(render(&run, chat, conversation, &text));
    AT_TRY(at_chat_find_said(chat, text, conversation, &said, err));
    AT_TRY(put_said(text->as.text.bytes, &said, sink, err));
done:
    free(said.items);
    at_jinja_close(&run);
    return status;
}

/* 4. Whether a model answers in turns */

/* A later turn follows the one that is looked at: some templates end only such a turn. */
attrib_status at_chat_answers(const at_chat *chat, bool *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_run run;
    attrib_error ignored = {0};
    const at_jinja_value *text = NULL;
    json_t *asked = json_pack("{ss ss}", "role", "user", "content", "x");
    json_t *said = json_pack("{ss ss}", "role", "assistant", "content", "y");
    const at_chat_message messages[] = {
        {asked, false}, {said, true}, {asked, false}, {said, true}};
    const at_chat_conversation conversation = {.messages = messages, .n = 4};
    *out = false;
    at_jinja_open(&run, &ignored);
    AT_CHECK(asked && said, ATTRIB_ENOMEM, "out of memory for a chat template");
    if (render(&run, chat, &conversation, &text) == ATTRIB_OK) {
        *out = at_chat_ends_in_own_stop(chat, text, 1);
    }
    AT_CHECK(ignored.status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", ignored.message);
done:
    at_jinja_close(&run);
    json_decref(asked);
    json_decref(said);
    return status;
}

/* 5. Opening */

/* The template's prompt for the assistant: what it prints more where it is asked for.
 * NULL where it prints nothing more, or refuses. */
static attrib_status find_prompt(at_chat *chat, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_run run;
    attrib_error ignored = {0};
    const at_jinja_value *texts[2] = {NULL, NULL};
    bool is_printed = false;
    json_t *user = json_pack("{ss ss}", "role", "user", "content", "x");
    const at_chat_message message = {user, false};
    at_chat_conversation conversation = {.messages = &message, .n = 1};
    at_jinja_open(&run, &ignored);
    AT_CHECK(user, ATTRIB_ENOMEM, "out of memory for a chat template");
    is_printed = render(&run, chat, &conversation, &texts[0]) == ATTRIB_OK;
    conversation.end = AT_CHAT_ASKS;
    if (is_printed && render(&run, chat, &conversation, &texts[1]) == ATTRIB_OK) {
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
    const at_chat_conversation conversation = {
        .messages = answer + (role == AT_CHAT_ASSISTANT ? 0 : 1),
        .n = role == AT_CHAT_USER ? 1 : 2};
    at_jinja_open(&run, &ignored);
    AT_CHECK(user && parts, ATTRIB_ENOMEM, "out of memory for a chat template");
    if (render(&run, chat, &conversation, &text) == ATTRIB_OK) {
        const char *bytes = text->as.text.bytes;
        size_t end = text->as.text.n;
        size_t second = at_chat_find_last(bytes, 0, end, "second-part");
        chat->takes_parts[role] =
            second != SIZE_MAX &&
            at_chat_find_last(bytes, 0, second, "first-part") != SIZE_MAX &&
            at_chat_find_last(bytes, 0, end, "'text'") == SIZE_MAX &&
            at_chat_find_last(bytes, 0, end, "\"text\"") == SIZE_MAX;
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

attrib_status at_chat_read_date(const char *date, char out[11], attrib_error *err)
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
    AT_CHECK(strftime(out, 11, "%Y-%m-%d", &day) == 10, ATTRIB_EINVAL,
             "date \"%.32s\": expected YYYY-MM-DD", date ? date : "today");
    (void)timegm(&day); /* which moves February 30 on to March 2 */
    AT_CHECK(strftime(again, sizeof again, "%Y-%m-%d", &day) == 10 &&
                 strcmp(again, out) == 0,
             ATTRIB_EINVAL, "date \"%s\": there is no such day", out);
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
    AT_TRY(at_chat_read_date(date, chat->date, err));
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
