/* SPDX-License-Identifier: MIT */
/* Conversations: which template is in force, messages of rows to turns, turns to text.
 *
 *   1. The template in force   2. Messages   3. Text */
#include "corpus/chats.h"

#include <stdlib.h>
#include <string.h>

/* 1. The template in force */

attrib_status at_rules_choose_chat(at_rules *rules, const char *name, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *own =
        rules->tokenizer ? attrib_tokenizer_chat_template(rules->tokenizer) : NULL;
    bool asks_for_own = name && strcmp(name, "model") == 0;
    rules->wraps_prompts = name != NULL;
    AT_CHECK(own || !asks_for_own, ATTRIB_EINVAL,
             "the model has no chat template of its own");
    AT_CHECK(!name || rules->tokenizer, ATTRIB_EINVAL,
             "chat template \"%.64s\", but there is no tokenizer", name);
    if (own && (asks_for_own || (!name && *own))) {
        AT_TRY(at_chat_of_model(rules->tokenizer, &rules->chat, err));
    } else if (own && !name) {
        rules->is_chat_unknown = true; /* told where a conversation comes */
    } else if (name) {
        AT_TRY(at_chat_by_name(rules->tokenizer, name, &rules->chat, err));
    }
    rules->wraps_prompts = rules->wraps_prompts && rules->chat.form;
done:
    return status;
}

attrib_status at_rules_need_chat(const at_rules *rules, attrib_error *err)
{
    at_chat ignored;
    return rules->is_chat_unknown ? at_chat_of_model(rules->tokenizer, &ignored, err)
                                  : ATTRIB_OK;
}

/* 2. Messages */

void at_messages_free(at_messages *turns)
{
    free(turns->items);
    *turns = (at_messages){0};
}

attrib_status at_messages_add(at_messages *turns,
                              at_chat_role role,
                              const char *text,
                              size_t n_bytes,
                              attrib_error *err)
{
    attrib_status status =
        at_grow(&turns->items, &turns->capacity, turns->n + 1, sizeof *turns->items, err);
    if (status == ATTRIB_OK) {
        turns->items[turns->n++] = (at_chat_turn){role, text ? text : "", n_bytes, false};
    }
    return status;
}

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
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(roles[i].name, role) == 0) {
            *out = roles[i].role;
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ENOTSUP,
                   "%s: role \"%.64s\" has no place in a chat template", name, role);
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
    const json_t *weight = json_object_get(turn, "weight");
    attrib_status status = ATTRIB_OK;
    for (const char *const *field = unsaid; *field; field++) {
        AT_CHECK(!says(turn, *field), ATTRIB_ENOTSUP,
                 "%s: field \"%s\" has no place in a chat template", name, *field);
    }
    AT_CHECK(!json_is_number(weight) || json_number_value(weight) == 1 ||
                 json_number_value(weight) == 0,
             ATTRIB_ENOTSUP,
             "%s: field \"weight\": %g, expected 1, or 0 for a turn that does not count",
             name, json_number_value(weight));
done:
    return status;
}

bool at_message_counts(const json_t *turn)
{
    const json_t *weight = json_object_get(turn, "weight");
    return !json_is_false(json_object_get(turn, "train")) &&
           !(json_is_number(weight) && json_number_value(weight) == 0);
}

attrib_status at_messages_read(const char *name,
                               const json_t *messages,
                               const char *role_field,
                               const char *said_field,
                               at_messages *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *turn = json_array_get(messages, i);
        const json_t *said = json_object_get(turn, said_field);
        at_chat_role role = AT_CHAT_USER;
        AT_TRY(read_role(name, json_object_get(turn, role_field), &role, err));
        AT_CHECK(!json_is_array(said), ATTRIB_ENOTSUP,
                 "%s: field \"%s\": expected a string", name, said_field);
        AT_CHECK(json_is_string(said), ATTRIB_EFORMAT,
                 "%s: field \"%s\": expected a string", name, said_field);
        AT_TRY(role == AT_CHAT_ASSISTANT ? at_message_check(name, turn, err) : ATTRIB_OK);
        AT_TRY(at_messages_add(out, role, json_string_value(said),
                               json_string_length(said), err));
        out->items[out->n - 1].is_silent = !at_message_counts(turn);
    }
done:
    return status;
}

/* 3. Text */

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
    if (turns->n == 0) {
        return ATTRIB_OK;
    }
    draft->is_rendered = true;
    AT_TRY(at_buffer_append(&draft->text, "", 0, err));
    status = at_chat_write(&rules->chat, turns->items, turns->n, end,
                           (at_chat_sink){&t, put}, err);
    if (status != ATTRIB_OK) {
        at_context(err, status, "%s", name);
    }
done:
    return status;
}
