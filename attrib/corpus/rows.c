/* SPDX-License-Identifier: MIT */
/* Rows of JSON to documents.
 *
 * A row's kind is told by its fields, in the order of the table below; its other scalar
 * fields are tags. A field that is null counts as absent, as tables that were joined have
 * them.
 *
 * 1. Fields
 * 2. Rows that are tokens
 * 3. Text and turns
 * 4. The kinds of row */
#include "corpus/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

/* A parsed value takes some forty bytes, so a row of nothing but commas would fill the
 * memory. Rows below this size are not counted. */
#define MAX_VALUES ((size_t)16 << 20)

/* 1. Fields */

static bool has_too_many_values(const char *text, size_t n)
{
    size_t n_values = 0;
    for (size_t i = 0; n > MAX_VALUES && i < n; i++) {
        n_values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    }
    return n_values > MAX_VALUES;
}

attrib_status at_row_parse(
    const char *name, const char *text, size_t n_bytes, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *row = NULL;
    AT_CHECK(!has_too_many_values(text, n_bytes), ATTRIB_ERANGE,
             "%s: a row of more than %zu values", name, MAX_VALUES);
    AT_TRY(at_json_parse(name, text, n_bytes, &row, err));
    AT_CHECK(json_is_object(row), ATTRIB_EFORMAT, "%s: a row that is no object", name);
    *out = row;
    row = NULL;
done:
    json_decref(row);
    return status;
}

bool at_row_has(const json_t *row, const char *field)
{
    const json_t *value = json_object_get(row, field);
    return value && !json_is_null(value);
}

attrib_status at_row_id(const char *name,
                        const json_t *row,
                        const char *field,
                        at_draft *draft,
                        attrib_error *err)
{
    const json_t *value = json_object_get(row, field);
    if (!value || json_is_null(value) ||
        (json_is_string(value) && json_string_length(value) == 0)) {
        return ATTRIB_OK;
    }
    if (json_is_integer(value)) {
        char digits[32];
        int n =
            snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
        return at_copy_text(digits, (size_t)n, &draft->id, err);
    }
    if (!json_is_string(value)) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: field \"%s\": expected a string or an integer", name, field);
    }
    return at_copy_text(json_string_value(value), json_string_length(value), &draft->id,
                        err);
}

static bool is_listed(const char *const *list, const char *key)
{
    while (*list && strcmp(*list, key) != 0) {
        list++;
    }
    return *list != NULL;
}

attrib_status at_row_tags(const json_t *row,
                          const char *const *used,
                          at_draft *draft,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    /* jansson iterates only over objects that are not const. */
    for (void *it = json_object_iter((json_t *)(uintptr_t)row); it;
         it = json_object_iter_next((json_t *)(uintptr_t)row, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *value = json_object_iter_value(it);
        if (json_is_object(value) || json_is_array(value) || json_is_null(value) ||
            is_listed(used, key)) {
            continue;
        }
        AT_TRY(at_buffer_append(&draft->tags, key, strlen(key) + 1, err));
        AT_TRY(at_json_append(&draft->tags, value, err));
        AT_TRY(at_buffer_append(&draft->tags, "", 1, err));
        draft->n_tags++;
    }
done:
    return status;
}

attrib_status at_row_fail_fields(const char *name,
                                 const json_t *row,
                                 const char *wanted,
                                 attrib_error *err)
{
    char found[200] = "";
    size_t length = 0;
    for (void *it = json_object_iter((json_t *)(uintptr_t)row);
         it && length < sizeof found;
         it = json_object_iter_next((json_t *)(uintptr_t)row, it)) {
        int n = snprintf(found + length, sizeof found - length, "%s\"%s\"",
                         length ? ", " : "", json_object_iter_key(it));
        length += n > 0 ? (size_t)n : 0;
    }
    return at_fail(err, ATTRIB_ESHAPE, "%s: %s; found %s%s", name, wanted,
                   *found ? found : "no field", length >= sizeof found ? "..." : "");
}

/* 2. Rows that are tokens */

/* An array of ids below the vocabulary's size, where that is known. A label may be
 * negative: there is none, and it becomes -1. */
static attrib_status read_integers(const at_rules *rules,
                                   const char *name,
                                   const json_t *row,
                                   const char *field,
                                   bool is_label,
                                   int32_t *out,
                                   attrib_error *err)
{
    const json_t *array = json_object_get(row, field);
    json_int_t limit = rules->n_vocabulary && rules->n_vocabulary <= INT32_MAX
                           ? (json_int_t)rules->n_vocabulary
                           : (json_int_t)INT32_MAX + 1;
    for (size_t t = 0; t < json_array_size(array); t++) {
        const json_t *value = json_array_get(array, t);
        json_int_t id = json_integer_value(value);
        if (!json_is_integer(value)) {
            return at_fail(err, ATTRIB_EFORMAT, "%s: %s[%zu]: expected an integer", name,
                           field, t);
        }
        if ((id < 0 && !is_label) || id >= limit) {
            return at_fail(err, ATTRIB_ERANGE,
                           "%s: %s[%zu]: %lld, expected 0 to %lld, the vocabulary's last",
                           name, field, t, (long long)id, (long long)limit - 1);
        }
        out[t] = id < 0 ? -1 : (int32_t)id;
    }
    return ATTRIB_OK;
}

/* Where a row has no mask, every token but the first is predicted. */
static attrib_status read_mask(const char *name,
                               const json_t *row,
                               at_draft *draft,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *array = at_row_has(row, "mask") ? json_object_get(row, "mask") : NULL;
    AT_CHECK(!array || json_array_size(array) == draft->n_tokens, ATTRIB_ESHAPE,
             "%s: mask: expected an array of %zu, as many as ids", name, draft->n_tokens);
    for (size_t t = 0; t < draft->n_tokens; t++) {
        const json_t *value = array ? json_array_get(array, t) : NULL;
        json_int_t bit = json_is_boolean(value) ? json_is_true(value)
                         : value                ? json_integer_value(value)
                                                : t > 0;
        AT_CHECK(!value || json_is_integer(value) || json_is_boolean(value),
                 ATTRIB_EFORMAT, "%s: mask[%zu]: expected 0 or 1", name, t);
        AT_CHECK(bit == 0 || bit == 1, ATTRIB_EFORMAT,
                 "%s: mask[%zu]: %lld, expected 0 or 1", name, t, (long long)bit);
        AT_CHECK(t > 0 || bit == 0, ATTRIB_EFORMAT,
                 "%s: mask[0] is 1, but nothing stands before the first token to predict "
                 "it from",
                 name);
        draft->mask[t] = (uint8_t)bit;
        draft->n_predicted += draft->mask[t];
    }
done:
    return status;
}

/* Labels, under either name; each predicted position has one. */
static attrib_status read_labels(const at_rules *rules,
                                 const char *name,
                                 const json_t *row,
                                 at_draft *draft,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *field = at_row_has(row, "labels") ? "labels" : "sampled";
    if (!at_row_has(row, field)) {
        return ATTRIB_OK;
    }
    AT_CHECK(json_array_size(json_object_get(row, field)) == draft->n_tokens,
             ATTRIB_ESHAPE, "%s: %s: expected an array of %zu, as many as ids", name,
             field, draft->n_tokens);
    AT_TRY(at_array(draft->n_tokens, sizeof *draft->labels, &draft->labels, err));
    AT_TRY(read_integers(rules, name, row, field, true, draft->labels, err));
    for (size_t t = 0; t < draft->n_tokens; t++) {
        AT_CHECK(draft->labels[t] >= 0 || !draft->mask[t], ATTRIB_ERANGE,
                 "%s: %s[%zu] is negative where mask is 1", name, field, t);
    }
done:
    return status;
}

attrib_status at_row_tokens(const at_rules *rules,
                            const char *name,
                            const json_t *row,
                            at_draft *draft,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *ids = json_object_get(row, "ids");
    AT_CHECK(json_is_array(ids), ATTRIB_EFORMAT, "%s: ids: expected an array", name);
    draft->n_tokens = json_array_size(ids);
    AT_TRY(at_array(draft->n_tokens, sizeof *draft->ids, &draft->ids, err));
    AT_TRY(at_array(draft->n_tokens, 1, &draft->mask, err));
    AT_TRY(read_integers(rules, name, row, "ids", false, draft->ids, err));
    AT_TRY(read_mask(name, row, draft, err));
    AT_TRY(read_labels(rules, name, row, draft, err));
done:
    return status;
}

/* 3. Text and turns */

/* A row on its way to becoming documents. */
typedef struct row {
    const at_rules *rules;
    const char *name;
    const json_t *object;
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

static attrib_status build_completion(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segments segments = {0};
    AT_TRY(at_drafts_add(r->out, &draft, err));
    AT_TRY(append_field(r, r->object, "prompt", false, draft, &segments, err));
    AT_TRY(append_field(r, r->object, "completion", true, draft, &segments, err));
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
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
    return add_instruction(r, r->object, err);
}

static attrib_status build_instances(const row *r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *instances = json_object_get(r->object, "instances");
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
    *out = is_listed(with, name);
    if (!*out && !is_listed(without, name)) {
        return at_fail(err, ATTRIB_ENOTSUP, "%s: role \"%s\" is not known", r->name,
                       name);
    }
    return ATTRIB_OK;
}

/* Turns as models without a template see them: what was said, and a newline. */
static attrib_status build_turns(const row *r,
                                 const char *list,
                                 const char *role_field,
                                 const char *said_field,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segments segments = {0};
    const json_t *turns = json_object_get(r->object, list);
    AT_CHECK(json_is_array(turns), ATTRIB_EFORMAT, "%s: field \"%s\": expected an array",
             r->name, list);
    AT_TRY(at_drafts_add(r->out, &draft, err));
    draft->has_text = true;
    AT_TRY(at_buffer_append(&draft->text, "", 0, err));
    for (size_t i = 0; i < json_array_size(turns); i++) {
        const json_t *turn = json_array_get(turns, i);
        bool has_loss = false;
        AT_TRY(role_has_loss(r, json_object_get(turn, role_field), &has_loss, err));
        AT_TRY(append_field(r, turn, said_field, has_loss, draft, &segments, err));
        AT_TRY(at_draft_append(draft, &segments, "\n", 1, has_loss, err));
    }
    AT_TRY(at_draft_encode(r->rules, r->name, &segments, draft, err));
done:
    free(segments.items);
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

/* 4. The kinds of row */

typedef struct row_kind {
    const char *first, *second; /* the fields that tell it; second may be NULL */
    const char *uses[4];        /* further fields that are no tags */
    attrib_status (*build)(const row *r, attrib_error *err);
} row_kind;

static const row_kind kinds[] = {
    {"ids", NULL, {"mask", "labels", "sampled"}, build_tokens},
    {NULL, NULL, {NULL}, build_text}, /* the text field is an option */
    {"messages", NULL, {NULL}, build_messages},
    {"conversations", NULL, {NULL}, build_conversations},
    {"prompt", "completion", {NULL}, build_completion},
    {"instruction", "output", {"input"}, build_instruction},
    {"instruction", "instances", {NULL}, build_instances},
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
