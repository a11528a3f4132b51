/* SPDX-License-Identifier: MIT */
/* Rows of JSON to documents.
 *
 * A row's kind is told by its fields, in the order of the table below; its other scalar
 * fields are tags. A field that is null counts as absent, as tables that were joined have
 * them.
 *
 * 1. Text and turns
 * 2. The kinds of row */
#include "corpus/chats.h"
#include "corpus/draft.h"

#include <stdio.h>
#include <stdlib.h>

/* 1. Text and turns */

/* A row on its way to becoming documents. */
typedef struct row {
    const at_rules *rules;
    const char *name;
    json_t *object; /* borrowed */
    at_drafts *out;
} row;

/* A string field appended as a segment; one that is absent or null appends nothing. */
static attrib_status append_field(const row *r,
                                  const json_t *object,
                                  const char *field,
                                  bool has_loss,
                                  at_draft *draft,
                                  at_segments *segments,
                                  attrib_error *err)
{
    const json_t *value = json_object_get(object, field);
    if (value && !json_is_null(value) && !json_is_string(value)) {
        return at_fail(err, json_is_array(value) ? ATTRIB_ENOTSUP : ATTRIB_EFORMAT,
                       "%s: field \"%s\": expected a string", r->name, field);
    }
    return at_draft_append(draft, segments,
                           json_is_string(value) ? json_string_value(value) : "",
                           json_string_length(value), has_loss, err);
}

static attrib_status build_tokens(const row *r, attrib_error *err)
{
    at_draft *draft = NULL;
    attrib_status status = at_drafts_add(r->out, &draft, err);
    if (status == ATTRIB_OK) {
        status = at_row_tokens(r->rules, r->name, r->object, draft, err);
    }
    return status;
}

static attrib_status build_text(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segments segments = {0};
    AT_TRY(at_drafts_add(r->out, &draft, err));
    AT_TRY(append_field(r, r->object, r->rules->text_field, true, draft, &segments, err));
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
    return status;
}

/* Turns to a document, by the template in force. */
static attrib_status add_conversation(const row *r,
                                      const at_messages *turns,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segments segments = {0};
    AT_TRY(at_drafts_add(r->out, &draft, err));
    AT_TRY(at_draft_converse(r->rules, r->name, turns, AT_CHAT_CLOSED, draft, &segments,
                             err));
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
    return status;
}

/* A string field as a turn. */
static attrib_status add_turn(const row *r,
                              const json_t *object,
                              const char *field,
                              at_chat_role role,
                              at_messages *turns,
                              attrib_error *err)
{
    const json_t *value = json_object_get(object, field);
    if (value && !json_is_null(value) && !json_is_string(value)) {
        return at_fail(err, json_is_array(value) ? ATTRIB_ENOTSUP : ATTRIB_EFORMAT,
                       "%s: field \"%s\": expected a string", r->name, field);
    }
    return at_messages_add(turns, role, json_string_value(value),
                           json_string_length(value), err);
}

static attrib_status converse_completion(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_messages turns = {0};
    AT_TRY(add_turn(r, r->object, "prompt", AT_CHAT_USER, &turns, err));
    AT_TRY(add_turn(r, r->object, "completion", AT_CHAT_ASSISTANT, &turns, err));
    AT_TRY(add_conversation(r, &turns, err));
done:
    at_messages_free(&turns);
    return status;
}

static attrib_status build_completion(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segments segments = {0};
    if (r->rules->wraps_prompts) {
        return converse_completion(r, err);
    }
    AT_TRY(at_drafts_add(r->out, &draft, err));
    AT_TRY(append_field(r, r->object, "prompt", false, draft, &segments, err));
    AT_TRY(append_field(r, r->object, "completion", true, draft, &segments, err));
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
    return status;
}

/* An instruction as the user's turn, its output as the assistant's. Templates of
 * instructions say where the input goes, and what is said of those that have one. */
static attrib_status converse_instruction(const row *r,
                                          const json_t *instance,
                                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_messages turns = {0};
    at_messages parts = {0};
    at_buffer asked = {0};
    row chosen = *r;
    at_rules rules = *r->rules;
    const at_chat_form *form = rules.chat.form;
    AT_TRY(add_turn(r, r->object, "instruction", AT_CHAT_USER, &parts, err));
    AT_TRY(add_turn(r, instance, "input", AT_CHAT_USER, &parts, err));
    AT_TRY(at_buffer_append(&asked, parts.items[0].text, parts.items[0].n_bytes, err));
    if (parts.items[1].n_bytes) {
        AT_TRY(at_buffer_print(&asked, err, "%s", form->input ? form->input : "\n"));
        AT_TRY(
            at_buffer_append(&asked, parts.items[1].text, parts.items[1].n_bytes, err));
        if (form->with_input && rules.chat.standard == form->standard) {
            rules.chat.standard = form->with_input;
        }
    }
    AT_TRY(at_messages_add(&turns, AT_CHAT_USER, asked.bytes, asked.n_bytes, err));
    AT_TRY(add_turn(r, instance, "output", AT_CHAT_ASSISTANT, &turns, err));
    chosen.rules = &rules;
    AT_TRY(add_conversation(&chosen, &turns, err));
done:
    at_messages_free(&turns);
    at_messages_free(&parts);
    at_buffer_free(&asked);
    return status;
}

/* The instruction of the row with the input and output of `instance`: prompt =
 * instruction ["\n" input] "\n", completion = output. */
static attrib_status add_instruction(const row *r,
                                     const json_t *instance,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segments segments = {0};
    const json_t *input = json_object_get(instance, "input");
    AT_CHECK(json_is_object(instance), ATTRIB_EFORMAT, "%s: an instance is no object",
             r->name);
    if (r->rules->chat.form) {
        return converse_instruction(r, instance, err);
    }
    AT_TRY(at_drafts_add(r->out, &draft, err));
    AT_TRY(append_field(r, r->object, "instruction", false, draft, &segments, err));
    AT_TRY(at_draft_append(draft, &segments, "\n", 1, false, err));
    AT_TRY(append_field(r, instance, "input", false, draft, &segments, err));
    if (json_string_length(input) > 0) {
        AT_TRY(at_draft_append(draft, &segments, "\n", 1, false, err));
    }
    AT_TRY(append_field(r, instance, "output", true, draft, &segments, err));
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
    return status;
}

static attrib_status build_instruction(const row *r, attrib_error *err)
{
    attrib_status status = at_rules_need_chat(r->rules, err);
    return status == ATTRIB_OK ? add_instruction(r, r->object, err)
                               : at_context(err, status, "%s", r->name);
}

static attrib_status build_instances(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *instances = json_object_get(r->object, "instances");
    AT_TRY(at_rules_need_chat(r->rules, err));
    AT_CHECK(json_is_array(instances), ATTRIB_EFORMAT,
             "%s: field \"instances\": expected an array", r->name);
    for (size_t i = 0; i < json_array_size(instances); i++) {
        AT_TRY(add_instruction(r, json_array_get(instances, i), err));
    }
done:
    return status;
}

/* Whether the model is trained on what a role says. */
static attrib_status role_has_loss(const row *r,
                                   const json_t *role,
                                   bool *out,
                                   attrib_error *err)
{
    static const char *const with[] = {"assistant", "gpt", "model", NULL};
    static const char *const without[] = {"system",   "user",      "human", "tool",
                                          "function", "developer", NULL};
    const char *name = json_string_value(role);
    if (!name) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: a turn without a role", r->name);
    }
    *out = at_is_listed(with, name);
    if (!*out && !at_is_listed(without, name)) {
        return at_fail(err, ATTRIB_ENOTSUP, "%s: role \"%s\" is not known", r->name,
                       name);
    }
    return ATTRIB_OK;
}

/* Turns as models without a template see them: what was said, and a newline. */
static attrib_status say_turns(const row *r,
                               const json_t *turns,
                               const char *role_field,
                               const char *said_field,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segments segments = {0};
    AT_TRY(at_drafts_add(r->out, &draft, err));
    draft->has_text = true;
    AT_TRY(at_buffer_append(&draft->text, "", 0, err));
    for (size_t i = 0; i < json_array_size(turns); i++) {
        const json_t *turn = json_array_get(turns, i);
        bool has_loss = false;
        AT_TRY(role_has_loss(r, json_object_get(turn, role_field), &has_loss, err));
        AT_TRY(has_loss ? at_message_check(r->name, turn, err) : ATTRIB_OK);
        AT_TRY(append_field(r, turn, said_field, has_loss, draft, &segments, err));
        AT_TRY(at_draft_append(draft, &segments, "\n", 1, has_loss, err));
    }
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
    return status;
}

static attrib_status build_turns(const row *r,
                                 const char *list,
                                 const char *role_field,
                                 const char *said_field,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_messages read = {0};
    const json_t *turns = json_object_get(r->object, list);
    AT_CHECK(json_is_array(turns), ATTRIB_EFORMAT, "%s: field \"%s\": expected an array",
             r->name, list);
    status = at_rules_need_chat(r->rules, err);
    if (status != ATTRIB_OK) {
        return at_context(err, status, "%s", r->name);
    }
    if (!r->rules->chat.form) {
        return say_turns(r, turns, role_field, said_field, err);
    }
    AT_TRY(at_messages_read(r->name, turns, role_field, said_field, &read, err));
    AT_TRY(add_conversation(r, &read, err));
done:
    at_messages_free(&read);
    return status;
}

static attrib_status build_messages(const row *r, attrib_error *err)
{
    return build_turns(r, "messages", "role", "content", err);
}

static attrib_status build_conversations(const row *r, attrib_error *err)
{
    return build_turns(r, "conversations", "from", "value", err);
}

/* 2. The kinds of row */

typedef struct row_kind {
    const char *first, *second; /* the fields that tell it; second may be NULL */
    const char *uses[4];        /* further fields that are no tags */
    const char *lacks[4];       /* fields that say more of the text, and are not read */
    attrib_status (*build)(const row *r, attrib_error *err);
} row_kind;

static const row_kind kinds[] = {
    {"ids", NULL, {"mask", "labels", "sampled"}, {NULL}, build_tokens},
    {NULL, NULL, {NULL}, {NULL}, build_text}, /* the text field is an option */
    {"messages", NULL, {NULL}, {"tools", "functions"}, build_messages},
    {"conversations",
     NULL,
     {NULL},
     {"tools", "functions", "system"},
     build_conversations},
    {"prompt", "completion", {NULL}, {NULL}, build_completion},
    {"instruction", "output", {"input"}, {"history", "system"}, build_instruction},
    {"instruction", "instances", {NULL}, {NULL}, build_instances},
};

static const row_kind *find_kind(const row *r, const char **first)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        *first = kinds[i].first ? kinds[i].first : r->rules->text_field;
        if (at_row_has(r->object, *first) &&
            (!kinds[i].second || at_row_has(r->object, kinds[i].second))) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* Lists and texts that would be part of a conversation are empty. */
static attrib_status check_lacks(const row *r, const row_kind *kind, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; kind->lacks[i]; i++) {
        const json_t *value = json_object_get(r->object, kind->lacks[i]);
        AT_CHECK(json_array_size(value) == 0 && json_string_length(value) == 0,
                 ATTRIB_ENOTSUP,
                 "%s: field \"%s\" of a row with \"%s\" is not supported, expected "
                 "nothing in it",
                 r->name, kind->lacks[i], kind->first);
    }
done:
    return status;
}

/* What all kinds share: the id, and the fields left over as tags. */
static attrib_status finish_drafts(const row *r,
                                   const row_kind *kind,
                                   const char *first,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer numbered = {0};
    const char *used[8] = {r->rules->id_field, first};
    size_t n_used = 2;
    if (kind->second) {
        used[n_used++] = kind->second;
    }
    for (size_t i = 0; kind->uses[i]; i++) {
        used[n_used++] = kind->uses[i];
    }
    for (size_t i = 0; i < r->out->n; i++) {
        at_draft *draft = &r->out->items[i];
        AT_TRY(at_row_id(r->name, r->object, r->rules->id_field, draft, err));
        AT_TRY(at_row_tags(r->object, used, draft, err));
        if (r->out->n > 1) {
            AT_TRY(at_buffer_print(&numbered, err, "%s#%zu",
                                   draft->id ? draft->id : r->name, i + 1));
            free(draft->id);
            draft->id = numbered.bytes;
            numbered = (at_buffer){0};
        }
    }
done:
    at_buffer_free(&numbered);
    return status;
}

attrib_status at_draft_from_row(const at_rules *rules,
                                const char *name,
                                const char *text,
                                size_t n_bytes,
                                at_drafts *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *object = NULL;
    at_draft *empty = NULL;
    row r = {rules, name, NULL, out};
    const char *first = NULL;
    const row_kind *kind = NULL;
    AT_TRY(at_row_parse(name, text, n_bytes, &object, err));
    r.object = object;
    kind = find_kind(&r, &first);
    if (kind) {
        AT_TRY(check_lacks(&r, kind, err));
        AT_TRY(kind->build(&r, err));
        AT_TRY(finish_drafts(&r, kind, first, err));
    } else if (json_object_get(object, rules->text_field)) {
        AT_TRY(at_drafts_add(out, &empty, err)); /* a text that is null */
    } else {
        char wanted[160];
        snprintf(wanted, sizeof wanted,
                 "no field \"%.64s\", nor those of another kind of row",
                 rules->text_field);
        status = at_row_fail_fields(name, object, wanted, err);
    }
done:
    json_decref(object);
    return status;
}
