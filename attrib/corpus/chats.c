/* SPDX-License-Identifier: MIT */
/* Conversations: which template is in force, messages of rows to turns, turns to text.
 *
 *   1. The template in force   2. Turns   3. Messages   4. Text */
#include "corpus/chats.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/parts.h"

/* 1. The template in force */

attrib_status at_rules_choose_chat(at_rules *rules,
                                   const char *name,
                                   const char *date,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_own = rules->tokenizer && attrib_tokenizer_chat_template(rules->tokenizer);
    char day[11];
    AT_TRY(at_chat_read_date(date, day, err)); /* also where no template is in force */
    AT_CHECK(has_own || !name || strcmp(name, "model") != 0, ATTRIB_EINVAL,
             "the model has no chat template of its own");
    AT_CHECK(!name || rules->tokenizer, ATTRIB_EINVAL,
             "chat template \"%.64s\", but there is no tokenizer", name);
    if (name) {
        AT_TRY(at_chat_open(rules->tokenizer, name, date, &rules->chat, err));
    } else if (has_own) {
        attrib_error problem = {0};
        status = at_chat_open(rules->tokenizer, NULL, date, &rules->chat, &problem);
        AT_CHECK(status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", problem.message);
        rules->is_chat_broken = status != ATTRIB_OK; /* told where it is needed */
        status = ATTRIB_OK;
        if (rules->chat) {
            AT_TRY(at_chat_answers(rules->chat, &rules->asks_in_turns, err));
        }
    }
    rules->wraps_prompts = name && rules->chat;
done:
    return status;
}

void at_rules_free(at_rules *rules)
{
    at_chat_close(rules->chat);
    rules->chat = NULL;
}

attrib_status at_rules_need_chat(const at_rules *rules, attrib_error *err)
{
    at_chat *opened = NULL;
    attrib_status status = rules->is_chat_broken
                               ? at_chat_open(rules->tokenizer, NULL, NULL, &opened, err)
                               : ATTRIB_OK;
    at_chat_close(opened);
    return status;
}

/* 2. Turns */

void at_messages_free(at_messages *turns)
{
    for (size_t i = 0; i < turns->n; i++) {
        json_decref(turns->items[i].message);
    }
    free(turns->items);
    json_decref(turns->tools);
    *turns = (at_messages){0};
}

/* Add a turn of a message, which is taken over, if only to be freed. */
static attrib_status add_turn(at_messages *turns,
                              at_chat_role role,
                              json_t *message,
                              attrib_error *err)
{
    const json_t *content = json_object_get(message, "content");
    attrib_status status = ATTRIB_OK;
    AT_CHECK(message, ATTRIB_ENOMEM, "out of memory for a message");
    AT_TRY(at_grow(&turns->items, &turns->capacity, turns->n + 1, sizeof *turns->items,
                   err));
    turns->items[turns->n++] = (at_chat_turn){
        .role = role,
        .message = message,
        .text = json_is_string(content) ? json_string_value(content) : "",
        .n_bytes = json_string_length(content),
    };
    message = NULL;
done:
    json_decref(message);
    return status;
}

attrib_status at_messages_add(at_messages *turns,
                              at_chat_role role,
                              const char *text,
                              size_t n_bytes,
                              attrib_error *err)
{
    static const char *const names[] = {"system", "user", "assistant", "tool"};
    attrib_status status = ATTRIB_OK;
    json_t *content = json_stringn(text ? text : "", n_bytes);
    AT_CHECK(content, ATTRIB_EFORMAT, "a message that is not UTF-8");
    AT_TRY(add_turn(turns, role,
                    json_pack("{ss sO}", "role", names[role], "content", content), err));
done:
    json_decref(content);
    return status;
}

attrib_status at_messages_take_tools(at_messages *turns,
                                     const char *name,
                                     const json_t *tools,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *read = NULL;
    if (json_string_length(tools)) {
        status = at_json_parse(name, json_string_value(tools), json_string_length(tools),
                               &read, err);
        AT_CHECK(status == ATTRIB_OK && json_is_array(read), ATTRIB_EFORMAT,
                 "%s: field \"tools\": expected a list", name);
    } else if (json_array_size(tools)) {
        read = json_deep_copy(tools);
        AT_CHECK(read, ATTRIB_ENOMEM, "out of memory for tools");
    } else {
        AT_CHECK(!tools || json_is_null(tools) || json_is_array(tools) ||
                     json_is_string(tools),
                 ATTRIB_EFORMAT, "%s: field \"tools\": expected a list", name);
    }
    json_decref(turns->tools);
    turns->tools = read;
    read = NULL;
done:
    json_decref(read);
    return status;
}

/* 3. Messages */

static attrib_status read_role(const char *name,
                               const json_t *value,
                               at_chat_role *out,
                               attrib_error *err)
{
    static const struct {
        const char *name;
        at_chat_role role;
    } roles[] = {
        {"system", AT_CHAT_SYSTEM}, {"user", AT_CHAT_USER},
        {"human", AT_CHAT_USER},    {"assistant", AT_CHAT_ASSISTANT},
        {"gpt", AT_CHAT_ASSISTANT}, {"model", AT_CHAT_ASSISTANT},
    };

    const char *role = json_string_value(value);
    if (!role) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: a turn without a role", name);
    }
    *out = AT_CHAT_OTHER;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(roles[i].name, role) == 0) {
            *out = roles[i].role;
        }
    }
    return ATTRIB_OK;
}

/* Whether a field is there and neither null nor an empty text. */
static bool says(const json_t *turn, const char *field)
{
    const json_t *value = json_object_get(turn, field);
    return at_row_has(turn, field) &&
           !(json_is_string(value) && json_string_length(value) == 0);
}

attrib_status at_message_check(const char *name, const json_t *turn, attrib_error *err)
{
    static const char *const unsaid[] = {"tool_calls",        "function_call",
                                         "reasoning_content", "reasoning",
                                         "thinking",          NULL};
    attrib_status status = ATTRIB_OK;
    for (const char *const *field = unsaid; *field; field++) {
        AT_CHECK(!says(turn, *field), ATTRIB_ENOTSUP,
                 "%s: field \"%s\" has no place without a chat template", name, *field);
    }
done:
    return status;
}

attrib_status at_message_counts(const char *name,
                                const json_t *turn,
                                bool *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *weight = json_object_get(turn, "weight");
    const json_t *train = json_object_get(turn, "train");
    double value = json_is_number(weight) ? json_number_value(weight) : 1;
    AT_CHECK(!weight || json_is_null(weight) || json_is_number(weight), ATTRIB_EFORMAT,
             "%s: field \"weight\": expected a number", name);
    AT_CHECK(!train || json_is_null(train) || json_is_boolean(train), ATTRIB_EFORMAT,
             "%s: field \"train\": expected true or false", name);
    AT_CHECK(value == 1 || value == 0, ATTRIB_ENOTSUP,
             "%s: field \"weight\": %g, expected 1, or 0 for a turn that does not count",
             name, value);
    *out = value == 1 && !json_is_false(train);
done:
    return status;
}

/* What a message says: a text, or parts where the template takes them. */
static attrib_status read_content(const at_messages *turns,
                                  const char *name,
                                  json_t *said,
                                  at_chat_role role,
                                  json_t **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (json_is_array(said) && !at_chat_takes_parts(turns->chat, role)) {
        return at_parts_join(name, said, out, err);
    }
    AT_TRY(at_parts_check(name, said, true, err));
    *out = said ? json_incref(said) : json_null();
done:
    return status;
}

/* The message as templates have it, with the members that the turn has besides. */
static attrib_status make_message(const json_t *turn,
                                  const char *const fields[2],
                                  at_chat_role role,
                                  json_t *content,
                                  json_t **out,
                                  attrib_error *err)
{
    static const char *const names[] = {"system", "user", "assistant"};
    attrib_status status = ATTRIB_OK;
    json_t *own_role = json_object_get(turn, fields[0]);
    json_t *object = NULL; /* jansson copies none that is const */
    memcpy(&object, &turn, sizeof object);
    json_t *made = json_copy(object);
    AT_CHECK(made, ATTRIB_ENOMEM, "out of memory for a message");
    (void)json_object_del(made, fields[0]);
    (void)json_object_del(made, fields[1]);
    AT_CHECK(json_object_set_new(made, "role",
                                 role == AT_CHAT_OTHER ? json_incref(own_role)
                                                       : json_string(names[role])) == 0,
             ATTRIB_ENOMEM, "out of memory for a message");
    AT_CHECK(json_object_set(made, "content", content) == 0, ATTRIB_ENOMEM,
             "out of memory for a message");
    *out = made;
    made = NULL;
done:
    json_decref(made);
    return status;
}

static attrib_status add_message(const char *name,
                                 const json_t *turn,
                                 const char *const fields[2],
                                 at_messages *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_chat_role role = AT_CHAT_USER;
    json_t *content = NULL;
    json_t *message = NULL;
    json_t *said = json_object_get(turn, fields[1]);
    bool counts = true;
    AT_TRY(read_role(name, json_object_get(turn, fields[0]), &role, err));
    AT_TRY(role == AT_CHAT_ASSISTANT ? at_message_counts(name, turn, &counts, err)
                                     : ATTRIB_OK);
    AT_CHECK(json_is_string(said) || json_is_array(said) ||
                 ((!said || json_is_null(said)) && role != AT_CHAT_USER &&
                  role != AT_CHAT_SYSTEM),
             ATTRIB_EFORMAT, "%s: field \"%s\": expected a string", name, fields[1]);
    AT_TRY(read_content(out, name, said, role, &content, err));
    AT_TRY(make_message(turn, fields, role, content, &message, err));
    AT_TRY(add_turn(out, role, message, err));
    out->items[out->n - 1].is_silent = !counts;
done:
    json_decref(content);
    return status;
}

attrib_status at_messages_read(const char *name,
                               const json_t *messages,
                               const char *role_field,
                               const char *said_field,
                               at_messages *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *const fields[2] = {role_field, said_field};
    for (size_t i = 0; i < json_array_size(messages); i++) {
        AT_TRY(add_message(name, json_array_get(messages, i), fields, out, err));
    }
done:
    return status;
}

/* 4. Text */

typedef struct target {
    at_draft *draft;
    at_segments *segments;
} target;

static attrib_status put(
    void *context, const char *text, size_t n_bytes, bool is_said, attrib_error *err)
{
    const target *t = context;
    return at_draft_append(t->draft, t->segments, text, n_bytes, is_said, err);
}

attrib_status at_draft_converse(const at_rules *rules,
                                const char *name,
                                const at_messages *turns,
                                at_chat_end end,
                                at_draft *draft,
                                at_segments *segments,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    target t = {draft, segments};
    at_chat_message *messages = NULL;
    if (turns->n == 0) {
        return ATTRIB_OK;
    }
    draft->is_rendered = true;
    AT_TRY(at_array(turns->n, sizeof *messages, &messages, err));
    for (size_t i = 0; i < turns->n; i++) {
        const at_chat_turn *turn = &turns->items[i];
        messages[i] = (at_chat_message){turn->message, turn->role == AT_CHAT_ASSISTANT &&
                                                           !turn->is_silent};
    }
    AT_TRY(at_buffer_append(&draft->text, "", 0, err));
    status = at_chat_write(rules->chat,
                           &(at_chat_conversation){messages, turns->n, turns->tools, end},
                           (at_chat_sink){&t, put}, err);
    if (status != ATTRIB_OK) {
        at_context(err, status, "%s", name);
    }
done:
    free(messages);
    return status;
}
