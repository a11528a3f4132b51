/* SPDX-License-Identifier: MIT */
/* The names under which people keep prompts and their completions.
 *
 *   1. Names   2. Shapes   3. Fields that may be read */
#include "corpus/shape.h"

#include <string.h>

#include "corpus/parts.h"

#define MAX_FIELD 1024 /* bytes of a field's name in a list */

/* 1. Names */

/* Pairs that are usual, in the order in which they are looked for. */
static const struct {
    const char *asked, *answered;
} pairs[] = {
    {"prompt", "completion"},    {"prompt", "response"}, {"instruction", "output"},
    {"instruction", "response"}, {"question", "answer"}, {"query", "response"},
    {"input", "output"},         {"inputs", "targets"},
};

/* Any other pair of these is read too, where the row has one completion only. */
static const char *const asking[] = {"prompt",  "instruction", "question", "query",
                                     "problem", "inputs",      "input",    NULL};
static const char *const answering[] = {"completion", "response", "output",
                                        "answer",     "chosen",   "solution",
                                        "targets",    "target",   NULL};

/* What may follow an instruction. */
static const char *const inputs[] = {"input", "context", NULL};

static const char *const turns[] = {"messages", "conversations", "conversation", NULL};
static const char *const tokens[] = {"ids", AT_TRAINED_IDS, NULL};

/* The first field of a list that the row has, or NULL. */
static const char *find_field(const json_t *row, const char *const *list)
{
    while (*list && !at_row_has(row, *list)) {
        list++;
    }
    return *list;
}

/* 2. Shapes */

/* Whether a field holds something: not null, no empty text, no empty list. */
static bool says(const json_t *row, const char *field)
{
    const json_t *value = at_row_at(row, field);
    return value && !json_is_null(value) &&
           !(json_is_string(value) && json_string_length(value) == 0) &&
           !(json_is_array(value) && json_array_size(value) == 0);
}

/* The only field of a completion's name; ESHAPE where there are several. */
static attrib_status find_answer(const char *name,
                                 const json_t *row,
                                 const char **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = NULL;
    for (const char *const *field = answering; *field; field++) {
        if (!at_row_has(row, *field)) {
            continue;
        }
        AT_CHECK(!*out, ATTRIB_ESHAPE,
                 "%s: field \"%s\" or \"%s\": which is the completion? name it "
                 "(completion field)",
                 name, *out, *field);
        *out = *field;
    }
done:
    return status;
}

/* A prompt with or without its completion, by their names. */
static attrib_status find_pair(const char *name,
                               const json_t *row,
                               at_shape *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && !out->asked; i++) {
        if (at_row_has(row, pairs[i].asked) && at_row_has(row, pairs[i].answered)) {
            out->asked = pairs[i].asked;
            out->answered = pairs[i].answered;
        }
    }
    if (!out->asked) {
        out->asked = find_field(row, asking);
        AT_TRY(out->asked ? find_answer(name, row, &out->answered, err) : ATTRIB_OK);
    }
    if (!out->asked && json_is_array(json_object_get(row, "chosen"))) {
        out->asked = "chosen"; /* a conversation of its own */
        out->kind = AT_SHAPE_TURNS;
    }
done:
    return status;
}

/* An instruction may have an input, or instances in place of its answer. */
static void see_instruction(const json_t *row, at_shape *out)
{
    if (out->asked && strcmp(out->asked, "instruction") == 0) {
        bool has_instances = !out->answered && at_row_has(row, "instances");
        out->kind = has_instances ? AT_SHAPE_INSTANCES : AT_SHAPE_INSTRUCTION;
        out->answered = has_instances ? "instances" : out->answered;
        out->input = has_instances ? "input" : find_field(row, inputs);
    }
}

/* Bytes that two texts have in common at their front: whole characters, and no space at
 * the end, which begins a completion's first word. */
static size_t common_front(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t n = 0;
    while (n < n_a && n < n_b && a[n] == b[n]) {
        n++;
    }
    while (n > 0 && n < n_a && ((unsigned char)a[n] & 0xC0) == 0x80) {
        n--;
    }
    return n > 0 && a[n - 1] == ' ' ? n - 1 : n;
}

/* Two texts without a prompt have the one that they begin with, as trainers have it. */
static attrib_status split_texts(const char *name,
                                 json_t *row,
                                 at_shape *out,
                                 attrib_error *err)
{
    static const char *const keys[] = {"asked" AT_ROW_OWN, "chosen" AT_ROW_OWN,
                                       "rejected" AT_ROW_OWN};
    attrib_status status = ATTRIB_OK;
    const json_t *chosen = json_object_get(row, "chosen");
    const json_t *rejected = json_object_get(row, "rejected");
    const char *bytes[] = {json_string_value(chosen), json_string_value(rejected)};
    const size_t n[] = {json_string_length(chosen), json_string_length(rejected)};
    const size_t front = common_front(bytes[0], n[0], bytes[1], n[1]);
    const char *texts[] = {bytes[0], bytes[0] + front, bytes[1] + front};
    const size_t lengths[] = {front, n[0] - front, n[1] - front};
    AT_TRY(at_row_check_used(name, row, "chosen", err));
    AT_TRY(at_row_check_used(name, row, "rejected", err));
    for (size_t i = 0; i < 3; i++) {
        json_t *text = json_stringn(texts[i], lengths[i]);
        AT_CHECK(json_object_set_new(row, keys[i], text) == 0, ATTRIB_ENOMEM,
                 "out of memory for the texts of a row");
    }
    out->kind = AT_SHAPE_PAIR;
    out->asked = keys[0];
    out->answered = keys[1];
    out->rejected = out->rejected ? keys[2] : NULL;
done:
    return status;
}

static bool are_texts(const json_t *row)
{
    return json_is_string(json_object_get(row, "chosen")) &&
           json_is_string(json_object_get(row, "rejected"));
}

/* The two sides of a preference, where they are one document: completions of a prompt,
 * or whole conversations or texts. */
static attrib_status find_sides(const at_rules *rules,
                                const char *name,
                                json_t *row,
                                at_shape *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_chosen = at_row_has(row, "chosen");
    if (!rules->takes_margin || (!has_chosen && !at_row_has(row, "rejected"))) {
        return ATTRIB_OK;
    }
    AT_CHECK(has_chosen && at_row_has(row, "rejected"), ATTRIB_ESHAPE,
             "%s: field \"%s\" without \"%s\": a margin needs both", name,
             has_chosen ? "chosen" : "rejected", has_chosen ? "rejected" : "chosen");
    *out =
        (at_shape){.kind = AT_SHAPE_PAIR, .answered = "chosen", .rejected = "rejected"};
    out->asked = rules->prompt_field && at_row_has(row, rules->prompt_field)
                     ? rules->prompt_field
                     : find_field(row, asking);
    see_instruction(row, out);
    if (!out->asked) {
        *out =
            (at_shape){.kind = AT_SHAPE_TURNS, .asked = "chosen", .rejected = "rejected"};
    }
    if (out->kind == AT_SHAPE_TURNS && are_texts(row)) {
        AT_TRY(split_texts(name, row, out, err));
    }
    out->hides_text = at_row_has(row, rules->text_field);
done:
    return status;
}

/* The shape that options name the fields of. */
static attrib_status find_named(const at_rules *rules,
                                const char *name,
                                const json_t *row,
                                at_shape *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (rules->messages_field && at_row_has(row, rules->messages_field)) {
        *out = (at_shape){.kind = AT_SHAPE_TURNS, .asked = rules->messages_field};
    } else if (rules->prompt_field || rules->completion_field) {
        at_shape usual = {0};
        AT_TRY(rules->prompt_field && rules->completion_field
                   ? ATTRIB_OK
                   : find_pair(name, row, &usual, err));
        const char *asked = rules->prompt_field ? rules->prompt_field : usual.asked;
        const char *answered =
            rules->completion_field ? rules->completion_field : usual.answered;
        bool has_answer = answered && at_row_has(row, answered);
        if (asked && at_row_has(row, asked) && (rules->prompt_field || has_answer)) {
            out->kind = AT_SHAPE_PAIR;
            out->asked = asked;
            out->answered = has_answer ? answered : NULL;
        }
    } else if (rules->is_text_given && at_row_has(row, rules->text_field)) {
        *out = (at_shape){.kind = AT_SHAPE_TEXT, .asked = rules->text_field};
    }
done:
    return status;
}

/* The shape of a row by the names that its fields usually have. */
static attrib_status find_usual(const at_rules *rules,
                                const char *name,
                                json_t *row,
                                at_shape *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_text = at_row_has(row, rules->text_field);
    out->asked = find_field(row, turns);
    if (out->asked) {
        out->kind = AT_SHAPE_TURNS;
    } else {
        AT_TRY(find_pair(name, row, out, err));
        out->kind = out->kind ? out->kind : out->asked ? AT_SHAPE_PAIR : AT_SHAPE_NONE;
    }
    see_instruction(row, out);
    if (has_text && (!out->kind || (out->kind != AT_SHAPE_TURNS && !out->answered))) {
        *out = (at_shape){.kind = AT_SHAPE_TEXT, .asked = rules->text_field};
    }
    if (!out->kind && are_texts(row)) {
        AT_TRY(split_texts(name, row, out, err));
    }
    out->hides_text = has_text && out->kind != AT_SHAPE_TEXT;
done:
    return status;
}

/* Fields that say more of a text than is read are empty. */
static attrib_status check_lacks(const char *name,
                                 const json_t *row,
                                 const at_shape *shape,
                                 attrib_error *err)
{
    static const char *const of_turns[] = {"functions", NULL};
    static const char *const of_pairs[] = {"context", "input", NULL};
    static const char *const none[] = {NULL};
    attrib_status status = ATTRIB_OK;
    const char *const *lacks = shape->kind == AT_SHAPE_TURNS  ? of_turns
                               : shape->kind == AT_SHAPE_PAIR ? of_pairs
                                                              : none;
    for (; *lacks; lacks++) {
        AT_CHECK(!says(row, *lacks) || strcmp(*lacks, shape->asked) == 0, ATTRIB_ENOTSUP,
                 "%s: field \"%s\" of a row with \"%s\" is not supported, expected "
                 "nothing in it",
                 name, *lacks, shape->asked);
    }
done:
    return status;
}

/* Fields that are read in addition to those that a shape names. */
static const char *const *more_fields(const at_shape *shape)
{
    static const char *const of_tokens[] = {"mask", "attention_mask", "labels", "sampled",
                                            NULL};
    static const char *const of_turns[] = {"system", "rejected", NULL};
    static const char *const of_pairs[] = {"system", "history", "rejected", NULL};
    static const char *const none[] = {NULL};
    switch (shape->kind) {
    case AT_SHAPE_TOKENS:
        return of_tokens;
    case AT_SHAPE_TURNS:
        return of_turns;
    case AT_SHAPE_TEXT:
    case AT_SHAPE_NONE:
        return none;
    default:
        return of_pairs;
    }
}

static attrib_status check_used(const char *name,
                                json_t *row,
                                const at_shape *shape,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *const own[] = {shape->asked, shape->answered, shape->input};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        AT_TRY(own[i] ? at_row_check_used(name, row, own[i], err) : ATTRIB_OK);
    }
    for (const char *const *field = more_fields(shape); *field; field++) {
        AT_TRY(at_row_check_used(name, row, *field, err));
    }
done:
    return status;
}

attrib_status at_row_shape(const at_rules *rules,
                           const char *name,
                           json_t *row,
                           at_shape *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_shape shape = {0};
    AT_TRY(find_sides(rules, name, row, &shape, err));
    if (!shape.kind) {
        AT_TRY(find_named(rules, name, row, &shape, err));
    }
    if (!shape.kind && find_field(row, tokens)) {
        shape = (at_shape){.kind = AT_SHAPE_TOKENS, .asked = find_field(row, tokens)};
    } else if (!shape.kind) {
        AT_TRY(find_usual(rules, name, row, &shape, err));
        AT_TRY(check_lacks(name, row, &shape, err));
    } else if (shape.rejected) {
        AT_TRY(check_lacks(name, row, &shape, err));
    }
    if (at_row_is_strange(row)) {
        AT_TRY(check_used(name, row, &shape, err));
    }
    if (shape.kind == AT_SHAPE_PAIR || shape.kind == AT_SHAPE_INSTRUCTION) {
        AT_TRY(at_parts_join_field(name, row, "asked" AT_ROW_OWN, &shape.asked, err));
        AT_TRY(
            at_parts_join_field(name, row, "answered" AT_ROW_OWN, &shape.answered, err));
        AT_TRY(
            at_parts_join_field(name, row, "rejected" AT_ROW_OWN, &shape.rejected, err));
    }
    *out = shape;
done:
    return status;
}

bool at_shape_reads(const at_rules *rules,
                    const at_shape *shape,
                    const json_t *row,
                    const char *key,
                    const json_t *value)
{
    const char *const own[] = {rules->id_field, shape->asked, shape->answered,
                               shape->input,
                               shape->hides_text ? rules->text_field : NULL};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (own[i] && (strcmp(own[i], key) == 0 || at_row_at(row, own[i]) == value)) {
            return true;
        }
    }
    return at_is_listed(more_fields(shape), key);
}

/* 3. Fields that may be read */

/* Whether a member of a path has this name [n]. */
static bool is_member(const char *path, const char *name, size_t n)
{
    return strncmp(path, name, n) == 0 && (path[n] == '.' || path[n] == '\0');
}

/* Whether a field, a key or a path, is this one or has it in it. Paths that lead here
 * name no elements of lists; a field may. */
static bool leads_to(const char *field, const char *path)
{
    const char separators[] = {*field == '/' ? '/' : '.', '\0'};
    size_t n = strlen(field);
    if (is_member(path, field, n)) {
        return true;
    }
    if (*field == '/' && strchr(field, '~')) {
        return true; /* keys with slashes are rare: better read too much */
    }
    field += *field == '/';
    for (; *field && path; field += n + (field[n] != '\0')) {
        n = strcspn(field, separators);
        if (is_member(path, field, n)) {
            const char *dot = strchr(path + n, '.');
            path = path[n] && dot ? dot + 1 : "";
        } else if (strspn(field, "0123456789") < n || n == 0) {
            return false;
        }
    }
    return true;
}

static bool one_leads_to(const char *const *fields, const char *path)
{
    for (; *fields; fields++) {
        if (leads_to(*fields, path)) {
            return true;
        }
    }
    return false;
}

/* Whether one of a list of fields, separated by commas, is this one. */
static bool list_leads_to(const char *list, const char *path)
{
    char field[MAX_FIELD];
    while (list && *list) {
        size_t n = strcspn(list, ",");
        if (n >= sizeof field) {
            return true; /* longer than can be compared */
        }
        memcpy(field, list, n);
        field[n] = '\0';
        if (n > 0 && leads_to(field, path)) {
            return true;
        }
        list += n + (list[n] == ',');
    }
    return false;
}

/* The names that the tables above have. */
static bool is_usual(const char *path)
{
    static const at_shape_kind kinds[] = {AT_SHAPE_TOKENS, AT_SHAPE_TURNS, AT_SHAPE_PAIR};
    static const char *const more[] = {"instances", "functions", "tools", NULL};
    const char *const *const lists[] = {asking, answering, inputs, turns, tokens, more};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (leads_to(pairs[i].asked, path) || leads_to(pairs[i].answered, path)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (one_leads_to(lists[i], path)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const at_shape shape = {.kind = kinds[i]};
        if (one_leads_to(more_fields(&shape), path)) {
            return true;
        }
    }
    return false;
}

bool at_rules_read(const at_rules *rules, const char *path, bool is_binary)
{
    const char *const named[] = {rules->text_field, rules->id_field, rules->prompt_field,
                                 rules->completion_field, rules->messages_field};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (named[i] && leads_to(named[i], path)) {
            return true;
        }
    }
    return (!rules->tag_fields && !is_binary) || list_leads_to(rules->tag_fields, path) ||
           is_usual(path);
}
