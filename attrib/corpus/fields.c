/* SPDX-License-Identifier: MIT */
/* Fields of rows of JSON, as documents and queries have them.
 *
 * 1. Fields
 * 2. Tokens */
#include "corpus/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

/* A parsed value takes some forty bytes, so a row of nothing but commas would fill the
 * memory. Rows below this size are not counted. */
#define MAX_VALUES ((size_t)16 << 20)

#define MAX_KEY    256 /* bytes of a part of a path */

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

/* The member of an object, or the element of an array, that a part of a path names. */
static const json_t *step_into(const json_t *value, const char *part)
{
    char *end = NULL;
    if (!json_is_array(value)) {
        return json_object_get(value, part);
    }
    unsigned long long i = strtoull(part, &end, 10);
    return *part >= '0' && *part <= '9' && !*end ? json_array_get(value, (size_t)i)
                                                 : NULL;
}

/* Copy the next part of a path, "~1" and "~0" being "/" and "~" in those that begin with
 * a slash; what is behind it, or NULL where the part is too long for a key. */
static const char *next_part(const char *path, char separator, char part[MAX_KEY])
{
    size_t n = 0;
    for (; *path && *path != separator; path++) {
        bool is_escape = separator == '/' && *path == '~' && (path[1] | 1) == '1';
        if (n + 1 >= MAX_KEY) {
            return NULL;
        }
        path += is_escape;
        part[n++] = (char)(is_escape ? (*path == '1' ? '/' : '~') : *path);
    }
    part[n] = '\0';
    return path;
}

const json_t *at_row_at(const json_t *row, const char *field)
{
    char part[MAX_KEY];
    const json_t *value = json_object_get(row, field);
    const char separator = *field == '/' ? '/' : '.';
    if (value || !strchr(field, separator)) {
        return value;
    }
    value = row;
    field += separator == '/';
    while (value && field) {
        field = next_part(field, separator, part);
        value = field ? step_into(value, part) : NULL;
        if (!field || !*field) {
            return value;
        }
        field++;
    }
    return NULL;
}

bool at_row_has(const json_t *row, const char *field)
{
    const json_t *value = at_row_at(row, field);
    return value && !json_is_null(value);
}

attrib_status at_row_text(const char *name,
                          const json_t *row,
                          const char *field,
                          const char **out,
                          size_t *n_bytes,
                          attrib_error *err)
{
    const json_t *value = at_row_at(row, field);
    if (value && !json_is_null(value) && !json_is_string(value)) {
        return at_fail(err, json_is_array(value) ? ATTRIB_ENOTSUP : ATTRIB_EFORMAT,
                       "%s: field \"%s\": expected a string", name, field);
    }
    *out = json_is_string(value) ? json_string_value(value) : "";
    *n_bytes = json_string_length(value);
    return ATTRIB_OK;
}

attrib_status at_row_id(const char *name,
                        const json_t *row,
                        const char *field,
                        at_draft *draft,
                        attrib_error *err)
{
    const json_t *value = at_row_at(row, field);
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

bool at_is_listed(const char *const *list, const char *key)
{
    while (*list && strcmp(*list, key) != 0) {
        list++;
    }
    return *list != NULL;
}

attrib_status at_row_tag(const char *key,
                         const json_t *value,
                         at_draft *draft,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (json_is_object(value) || json_is_array(value) || json_is_null(value)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_append(&draft->tags, key, strlen(key) + 1, err));
    AT_TRY(at_json_append(&draft->tags, value, err));
    AT_TRY(at_buffer_append(&draft->tags, "", 1, err));
    draft->n_tags++;
done:
    return status;
}

attrib_status at_row_fail_fields(const char *name,
                                 json_t *row,
                                 const char *wanted,
                                 attrib_error *err)
{
    char found[200] = "";
    size_t length = 0;
    for (void *it = json_object_iter(row); it && length < sizeof found;
         it = json_object_iter_next(row, it)) {
        int n = snprintf(found + length, sizeof found - length, "%s\"%s\"",
                         length ? ", " : "", json_object_iter_key(it));
        length += n > 0 ? (size_t)n : 0;
    }
    return at_fail(err, ATTRIB_ESHAPE, "%s: %s; found %s%s", name, wanted,
                   *found ? found : "no field", length >= sizeof found ? "..." : "");
}

/* 2. Tokens */

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
