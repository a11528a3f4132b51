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

/* 1. Fields */

bool at_row_has(const json_t *row, const char *field)
{
    const json_t *value = at_row_at(row, field);
    return value && !json_is_null(value);
}

attrib_status at_row_take(
    const char *name, json_t *row, const char *field, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *value = NULL;
    AT_TRY(at_row_check_used(name, row, field, err));
    value = json_incref(json_object_get(row, field));
    json_object_del(row, field);
    if (json_is_null(value)) {
        value = NULL; /* a constant, which nobody owns */
    }
    *out = value;
done:
    return status;
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
    bool is_whole = false;
    const char *number = at_row_number(value, &is_whole);
    if (number && is_whole) {
        return at_copy_text(number, strlen(number), &draft->id, err);
    }
    if (json_is_integer(value)) {
        char digits[32];
        int n =
            snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
        return at_copy_text(digits, (size_t)n, &draft->id, err);
    }
    if (!json_is_string(value) ||
        memchr(json_string_value(value), '\0', json_string_length(value))) {
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

/* What may be wrong with a file that has a field of such a name: tables of commas and
 * tabs take theirs from the first line. */
static const char *guess_why(const char *key)
{
    if (key[0] == '{' || key[0] == '[') {
        return " (this is JSON: let the file's name end in .jsonl)";
    }
    return strchr(key, ' ') || (key[0] >= '0' && key[0] <= '9')
               ? " (is the first line a header?)"
               : "";
}

attrib_status at_row_fail_fields(const char *name,
                                 json_t *row,
                                 const char *wanted,
                                 attrib_error *err)
{
    char found[200] = "";
    const char *why = "";
    size_t length = 0;
    for (void *it = json_object_iter(row); it && length < sizeof found;
         it = json_object_iter_next(row, it)) {
        const char *key = json_object_iter_key(it);
        why = *why ? why : guess_why(key);
        int n = at_row_is_twice(key) ? 0
                                     : snprintf(found + length, sizeof found - length,
                                                "%s\"%s\"", length ? ", " : "", key);
        length += n > 0 ? (size_t)n : 0;
    }
    return at_fail(err, ATTRIB_ESHAPE, "%s: %s; found %s%s%s", name, wanted,
                   *found ? found : "no field", length >= sizeof found ? "..." : "", why);
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

/* What the attention mask leaves of a row: its ends may be padding. */
static attrib_status cut_padding(const char *name,
                                 const json_t *row,
                                 at_draft *draft,
                                 size_t *first,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *array = json_object_get(row, "attention_mask");
    size_t n = draft->n_tokens;
    *first = 0;
    if (!array || json_is_null(array)) {
        return ATTRIB_OK;
    }
    AT_CHECK(json_array_size(array) == n, ATTRIB_ESHAPE,
             "%s: attention_mask: expected an array of %zu, as many as input_ids", name,
             n);
    while (*first < n && json_integer_value(json_array_get(array, *first)) == 0) {
        (*first)++;
    }
    while (n > *first && json_integer_value(json_array_get(array, n - 1)) == 0) {
        n--;
    }
    for (size_t t = *first; t < n; t++) {
        AT_CHECK(json_integer_value(json_array_get(array, t)) == 1, ATTRIB_ENOTSUP,
                 "%s: attention_mask[%zu] is not 1 between tokens that are seen", name,
                 t);
    }
    draft->n_tokens = n - *first;
    memmove(draft->ids, draft->ids + *first, draft->n_tokens * sizeof *draft->ids);
done:
    return status;
}

/* The mask that labels say: the loss counts where one is not negative. */
static attrib_status mask_labels(const char *name,
                                 const json_t *row,
                                 size_t n_row,
                                 size_t first,
                                 at_draft *draft,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *array =
        at_row_has(row, "labels") ? json_object_get(row, "labels") : NULL;
    AT_CHECK(!array || json_array_size(array) == n_row, ATTRIB_ESHAPE,
             "%s: labels: expected an array of %zu, as many as input_ids", name, n_row);
    for (size_t t = 0; t < draft->n_tokens; t++) {
        const json_t *value = array ? json_array_get(array, first + t) : NULL;
        json_int_t label = value ? json_integer_value(value) : draft->ids[t];
        AT_CHECK(!value || json_is_integer(value), ATTRIB_EFORMAT,
                 "%s: labels[%zu]: expected an integer", name, first + t);
        AT_CHECK(label < 0 || label == draft->ids[t], ATTRIB_ENOTSUP,
                 "%s: labels[%zu]: %lld, expected -100 or the id %d", name, first + t,
                 (long long)label, (int)draft->ids[t]);
        draft->mask[t] = t > 0 && label >= 0;
        draft->n_predicted += draft->mask[t];
    }
done:
    return status;
}

attrib_status at_row_tokens(const at_rules *rules,
                            const char *name,
                            const json_t *row,
                            const char *field,
                            at_draft *draft,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *ids = json_object_get(row, field);
    size_t first = 0;
    AT_CHECK(json_is_array(ids), ATTRIB_EFORMAT, "%s: %s: expected an array", name,
             field);
    draft->n_tokens = json_array_size(ids);
    AT_TRY(at_array(draft->n_tokens, sizeof *draft->ids, &draft->ids, err));
    AT_TRY(at_array(draft->n_tokens, 1, &draft->mask, err));
    AT_TRY(read_integers(rules, name, row, field, false, draft->ids, err));
    if (strcmp(field, AT_TRAINED_IDS) == 0) {
        AT_TRY(cut_padding(name, row, draft, &first, err));
        AT_TRY(mask_labels(name, row, json_array_size(ids), first, draft, err));
        goto done;
    }
    AT_TRY(read_mask(name, row, draft, err));
    AT_TRY(read_labels(rules, name, row, draft, err));
done:
    return status;
}
