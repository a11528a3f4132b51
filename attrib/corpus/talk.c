/* SPDX-License-Identifier: MIT */
/* Turns of rows.
 *
 *   1. One turn, and lists of them   2. The turns of a row */
#include "corpus/talk.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/parts.h"

attrib_status at_talk_open(at_talk *talk,
                           const at_rules *rules,
                           const char *name,
                           at_draft *draft,
                           attrib_error *err)
{
    *talk = (at_talk){.rules = *rules, .name = name, .draft = draft};
    talk->turns.chat = rules->chat;
    attrib_status status = at_rules_need_chat(rules, err);
    return status == ATTRIB_OK ? status : at_context(err, status, "%s", name);
}

void at_talk_free(at_talk *talk)
{
    at_messages_free(&talk->turns);
    free(talk->segments.items);
    at_buffer_free(&talk->asked);
    *talk = (at_talk){0};
}

/* 1. One turn, and lists of them */

static attrib_status say(
    at_talk *talk, at_chat_role role, const char *text, size_t n_bytes, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_loss = role == AT_CHAT_ASSISTANT;
    if (talk->rules.chat) {
        return at_messages_add(&talk->turns, role, text, n_bytes, err);
    }
    AT_TRY(at_draft_append(talk->draft, &talk->segments, text, n_bytes, has_loss, err));
    AT_TRY(at_draft_append(talk->draft, &talk->segments, "\n", 1, has_loss, err));
done:
    return status;
}

static attrib_status say_field(at_talk *talk,
                               at_chat_role role,
                               const json_t *row,
                               const char *field,
                               attrib_error *err)
{
    const char *text = NULL;
    size_t n_bytes = 0;
    attrib_status status = at_row_text(talk->name, row, field, &text, &n_bytes, err);
    return status == ATTRIB_OK ? say(talk, role, text, n_bytes, err) : status;
}

static size_t length_of(const json_t *row, const char *field)
{
    const json_t *value = json_object_get(row, field);
    return json_is_array(value) ? json_array_size(value) : json_string_length(value);
}

static bool is_system(const json_t *turn, const char *role_field)
{
    const char *role = json_string_value(json_object_get(turn, role_field));
    return role && strcmp(role, "system") == 0;
}

/* Whether the model is trained on what a role says. */
static attrib_status role_has_loss(const char *name,
                                   const json_t *role,
                                   bool *out,
                                   attrib_error *err)
{
    static const char *const with[] = {"assistant", "gpt", "model", NULL};
    static const char *const without[] = {"system",   "user",      "human", "tool",
                                          "function", "developer", NULL};
    const char *text = json_string_value(role);
    if (!text) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: a turn without a role", name);
    }
    *out = at_is_listed(with, text);
    if (!*out && !at_is_listed(without, text)) {
        return at_fail(err, ATTRIB_ENOTSUP, "%s: role \"%s\" is not known", name, text);
    }
    return ATTRIB_OK;
}

/* What a turn says, a text or the text of its parts, and a newline. */
static attrib_status say_content(at_talk *talk,
                                 const json_t *turn,
                                 const char *field,
                                 bool has_loss,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = NULL;
    size_t n_bytes = 0;
    json_t *joined = NULL;
    const json_t *said = json_object_get(turn, field);
    if (json_is_array(said)) {
        AT_TRY(at_parts_join(talk->name, said, &joined, err));
        text = json_string_value(joined);
        n_bytes = json_string_length(joined);
    } else {
        AT_TRY(at_row_text(talk->name, turn, field, &text, &n_bytes, err));
    }
    AT_TRY(at_draft_append(talk->draft, &talk->segments, text, n_bytes, has_loss, err));
    AT_TRY(at_draft_append(talk->draft, &talk->segments, "\n", 1, has_loss, err));
done:
    json_decref(joined);
    return status;
}

/* Turns as models without a template see them. */
static attrib_status say_plainly(at_talk *talk,
                                 const json_t *list,
                                 const char *role_field,
                                 const char *said_field,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *turn = json_array_get(list, i);
        bool has_loss = false;
        AT_TRY(
            role_has_loss(talk->name, json_object_get(turn, role_field), &has_loss, err));
        if (has_loss) {
            AT_TRY(at_message_check(talk->name, turn, err));
            AT_TRY(at_message_counts(talk->name, turn, &has_loss, err));
        }
        if (is_system(turn, role_field) && length_of(turn, said_field) == 0) {
            continue; /* as a row whose field "system" is empty */
        }
        AT_TRY(say_content(talk, turn, said_field, has_loss, err));
    }
done:
    return status;
}

/* The names of a list's fields for the role and for what is said: {role, content}, or
 * {from, value} where the first message has it so. */
static void find_names(const json_t *list, const char **role, const char **said)
{
    const json_t *first = json_array_get(list, 0);
    bool is_from = json_object_get(first, "from") && !json_object_get(first, "role");
    *role = is_from ? "from" : "role";
    *said = is_from ? "value" : "content";
}

static attrib_status say_list(at_talk *talk, const json_t *list, attrib_error *err)
{
    const char *role = NULL;
    const char *said = NULL;
    find_names(list, &role, &said);
    return talk->rules.chat
               ? at_messages_read(talk->name, list, role, said, &talk->turns, err)
               : say_plainly(talk, list, role, said, err);
}

/* 2. The turns of a row */

bool at_talk_is(const at_rules *rules, const at_shape *shape, const json_t *row)
{
    switch (shape->kind) {
    case AT_SHAPE_TURNS:
        return true;
    case AT_SHAPE_PAIR:
        return rules->wraps_prompts || json_is_array(at_row_at(row, shape->asked)) ||
               (shape->answered && json_is_array(at_row_at(row, shape->answered))) ||
               length_of(row, "system") > 0 || length_of(row, "history") > 0;
    case AT_SHAPE_INSTRUCTION:
    case AT_SHAPE_INSTANCES:
        return rules->chat || length_of(row, "system") > 0 ||
               length_of(row, "history") > 0;
    default:
        return false;
    }
}

/* Earlier turns as pairs: [["asked", "answered"], ...]. */
static attrib_status say_history(at_talk *talk, const json_t *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *history = json_object_get(row, "history");
    AT_CHECK(!history || json_is_null(history) || json_is_array(history), ATTRIB_EFORMAT,
             "%s: field \"history\": expected pairs of texts", talk->name);
    for (size_t i = 0; i < json_array_size(history); i++) {
        const json_t *pair = json_array_get(history, i);
        for (size_t k = 0; k < 2; k++) {
            const json_t *said = json_array_get(pair, k);
            AT_CHECK(json_array_size(pair) == 2 && json_is_string(said), ATTRIB_EFORMAT,
                     "%s: field \"history\": expected pairs of texts", talk->name);
            AT_TRY(say(talk, k ? AT_CHAT_ASSISTANT : AT_CHAT_USER,
                       json_string_value(said), json_string_length(said), err));
        }
    }
done:
    return status;
}

/* The role of the first message of a list, or NULL. */
static const char *first_role(const json_t *list)
{
    const json_t *first = json_array_get(list, 0);
    const json_t *role = json_object_get(first, "role");
    return json_string_value(role ? role : json_object_get(first, "from"));
}

static bool is_same(const json_t *a,
                    const char *field_a,
                    const json_t *b,
                    const char *field_b)
{
    return json_equal(json_object_get(a, field_a), json_object_get(b, field_b));
}

/* Whether an answer is the whole conversation, what was asked among it. One that begins
 * with a tool's turn goes on with the prompt as one of the assistant does. */
static bool is_whole(const json_t *answer)
{
    static const char *const asking[] = {"system", "developer", "user", "human", NULL};
    const char *role = first_role(answer);
    return role && at_is_listed(asking, role);
}

/* The turns of a prompt must be among those of an answer that is the whole conversation,
 * in their order: else some would be lost. */
static attrib_status check_among(const at_talk *talk,
                                 const at_shape *shape,
                                 const json_t *row,
                                 const json_t *answer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *prompt = shape->asked ? at_row_at(row, shape->asked) : NULL;
    const char *asked[2];
    const char *answered[2];
    size_t k = 0;
    find_names(prompt, &asked[0], &asked[1]);
    find_names(answer, &answered[0], &answered[1]);
    for (size_t i = 0; i < json_array_size(prompt); i++) {
        const json_t *turn = json_array_get(prompt, i);
        bool is_found = false;
        for (; k < json_array_size(answer) && !is_found; k++) {
            const json_t *other = json_array_get(answer, k);
            is_found = is_same(turn, asked[0], other, answered[0]) &&
                       is_same(turn, asked[1], other, answered[1]);
        }
        AT_CHECK(is_found, ATTRIB_EFORMAT,
                 "%s: field \"%s\" is a whole conversation, in which turn %zu of field "
                 "\"%s\" is missing",
                 talk->name, shape->answered, i + 1, shape->asked);
    }
done:
    return status;
}

/* What the system says is said once: messages that begin with it are not given it again.
 */
static attrib_status say_system(at_talk *talk,
                                const json_t *row,
                                const json_t *list,
                                attrib_error *err)
{
    const char *role = first_role(list);
    bool is_said = role && strcmp(role, "system") == 0;
    return length_of(row, "system") > 0 && !is_said
               ? say_field(talk, AT_CHAT_SYSTEM, row, "system", err)
               : ATTRIB_OK;
}

static attrib_status say_asked(at_talk *talk,
                               const at_shape *shape,
                               const json_t *row,
                               const json_t *instance,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *asked = at_row_at(row, shape->asked);
    size_t n_bytes = 0;
    if (json_is_array(asked)) {
        return say_list(talk, asked, err);
    }
    AT_CHECK(shape->kind != AT_SHAPE_TURNS, ATTRIB_EFORMAT,
             "%s: field \"%s\": expected an array", talk->name, shape->asked);
    AT_TRY(at_shape_ask(shape, talk->name, row, instance, talk->rules.chat, &talk->asked,
                        err));
    /* Without a template what is asked ends in the newline of a turn already. */
    n_bytes = talk->asked.n_bytes;
    if (!talk->rules.chat && shape->kind != AT_SHAPE_PAIR && n_bytes) {
        n_bytes--;
    }
    AT_TRY(say(talk, AT_CHAT_USER, talk->asked.bytes, n_bytes, err));
done:
    return status;
}

/* Tools that the template is to tell of. */
static attrib_status take_tools(at_talk *talk, const json_t *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *tools = json_object_get(row, "tools");
    AT_TRY(at_messages_take_tools(&talk->turns, talk->name, tools, err));
    AT_CHECK(!talk->turns.tools || talk->rules.chat, ATTRIB_ENOTSUP,
             "%s: field \"tools\" has no place without a chat template", talk->name);
done:
    return status;
}

attrib_status at_talk_row(at_talk *talk,
                          const at_shape *shape,
                          const json_t *row,
                          const json_t *instance,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *answer = shape->answered && shape->kind != AT_SHAPE_INSTANCES
                               ? at_row_at(row, shape->answered)
                               : NULL;
    AT_TRY(take_tools(talk, row, err));
    AT_TRY(say_system(talk, row, is_whole(answer) ? answer : at_row_at(row, shape->asked),
                      err));
    AT_TRY(say_history(talk, row, err));
    AT_TRY(is_whole(answer) ? check_among(talk, shape, row, answer, err)
                            : say_asked(talk, shape, row, instance, err));
    if (json_is_array(answer)) {
        AT_TRY(say_list(talk, answer, err));
    } else if (shape->kind == AT_SHAPE_INSTANCES) {
        AT_TRY(say_field(talk, AT_CHAT_ASSISTANT, instance, "output", err));
    } else if (answer) {
        AT_TRY(say_field(talk, AT_CHAT_ASSISTANT, row, shape->answered, err));
    }
done:
    return status;
}

attrib_status at_talk_write(at_talk *talk, at_chat_end end, attrib_error *err)
{
    if (!talk->rules.chat) {
        return at_buffer_append(&talk->draft->text, "", 0, err);
    }
    return at_draft_converse(&talk->rules, talk->name, &talk->turns, end, talk->draft,
                             &talk->segments, err);
}
