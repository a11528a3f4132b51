/* SPDX-License-Identifier: MIT */
/* The fields that a row is not read for, as its tags. */
#include <stdlib.h>
#include <string.h>

#include "corpus/shape.h"

#define MAX_DEPTH 8  /* of objects in objects that are looked into */
#define MAX_LIST  64 /* elements: a longer list is data, unless it is asked for */

static bool is_scalar(const json_t *value)
{
    return value && !json_is_object(value) && !json_is_array(value) &&
           !at_row_is_binary(value);
}

static bool is_list_of_scalars(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!is_scalar(json_array_get(value, i))) {
            return false;
        }
    }
    return json_array_size(value) > 0;
}

/* A scalar as JSON. Whole numbers keep their digits; the names of others are texts. */
static attrib_status append_scalar(at_buffer *out, const json_t *value, attrib_error *err)
{
    bool is_whole = false;
    const char *number = at_row_number(value, &is_whole);
    if (number) {
        return at_buffer_print(out, err, is_whole ? "%s" : "\"%s\"", number);
    }
    return at_json_append(out, value, err);
}

/* A tag's value is compact JSON: a scalar, or a list of scalars. */
static attrib_status add_tag(const char *key,
                             const json_t *value,
                             at_draft *draft,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer *out = &draft->tags;
    if (json_is_null(value) || (!is_scalar(value) && !is_list_of_scalars(value))) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_append(out, key, strlen(key) + 1, err));
    if (is_scalar(value)) {
        AT_TRY(append_scalar(out, value, err));
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        AT_TRY(at_buffer_append(out, i ? "," : "[", 1, err));
        AT_TRY(append_scalar(out, json_array_get(value, i), err));
    }
    AT_TRY(at_buffer_append(out, "]", json_is_array(value), err));
    AT_TRY(at_buffer_append(out, "", 1, err));
    draft->n_tags++;
done:
    return status;
}

/* What the tags of one row are taken from. */
typedef struct taking {
    const at_rules *rules;
    const at_shape *shape;
    const json_t *row;
    at_draft *draft;
} taking;

/* The members of an object that are not read, its own objects among them: the key of a
 * tag is its path. */
static attrib_status add_members(
    const taking *t, const char *path, json_t *object, size_t depth, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer key = {0};
    for (void *it = json_object_iter(object); it;
         it = json_object_iter_next(object, it)) {
        const char *name = json_object_iter_key(it);
        json_t *value = json_object_iter_value(it);
        bool is_tags = depth == 0 && json_is_object(value) && strcmp(name, "tags") == 0;
        if (at_row_is_twice(name) ||
            at_shape_reads(t->rules, t->shape, t->row, depth == 0 ? name : "", value)) {
            continue;
        }
        at_buffer_clear(&key);
        AT_TRY(at_buffer_print(&key, err, "%s%s%s", path, *path ? "." : "",
                               is_tags ? "" : name));
        if (json_is_object(value) && depth < MAX_DEPTH) {
            AT_TRY(add_members(t, key.bytes, value, depth + 1, err));
        } else if (json_array_size(value) <= MAX_LIST) {
            AT_TRY(add_tag(key.bytes, value, t->draft, err));
        }
    }
done:
    at_buffer_free(&key);
    return status;
}

/* The fields of a list of paths, separated by commas. */
static attrib_status add_fields(const taking *t, const char *list, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *field = NULL;
    while (*list) {
        size_t n = strcspn(list, ",");
        free(field);
        field = NULL;
        AT_TRY(at_copy_text(list, n, &field, err));
        if (*field) {
            AT_TRY(add_tag(field, at_row_at(t->row, field), t->draft, err));
        }
        list += n + (list[n] == ',');
    }
done:
    free(field);
    return status;
}

attrib_status at_shape_tags(const at_rules *rules,
                            const at_shape *shape,
                            json_t *row,
                            at_draft *draft,
                            attrib_error *err)
{
    const taking t = {rules, shape, row, draft};
    return rules->tag_fields ? add_fields(&t, rules->tag_fields, err)
                             : add_members(&t, "", row, 0, err);
}
