/* SPDX-License-Identifier: MIT */
/* Jinja: dictionaries, whose keys are compared as Python does, and values from JSON.
 *
 *   1. Dictionaries   2. From JSON */
#include <string.h>

#include "tokenizer/jinja_value.h"

/* 1. Dictionaries */

bool at_jinja_set(at_jinja_run *r,
                  at_jinja_value *dict,
                  const at_jinja_value *key,
                  const at_jinja_value *value)
{
    at_jinja_pair *pair = NULL;
    if (!key || !value || !at_jinja_work(r, dict->as.dict.n / 16)) {
        return false;
    }
    if (key->type == AT_JINJA_TEXT_VALUE) {
        pair = at_jinja_find_pair(dict, key->as.text.bytes, key->as.text.n);
    }
    for (size_t i = 0; !pair && key->type != AT_JINJA_TEXT_VALUE && i < dict->as.dict.n;
         i++) {
        if (at_jinja_is_equal(r, dict->as.dict.pairs[i].key, key)) {
            pair = &dict->as.dict.pairs[i];
        }
    }
    if (pair) {
        pair->value = value;
        return true;
    }
    return at_jinja_add_pair(r, dict, key, value);
}

const at_jinja_value *at_jinja_remove(at_jinja_value *dict, const char *key)
{
    at_jinja_pair *pair = at_jinja_find_pair(dict, key, strlen(key));
    if (!pair) {
        return NULL;
    }
    const at_jinja_value *value = pair->value;
    size_t n_behind = dict->as.dict.n - (size_t)(pair - dict->as.dict.pairs) - 1;
    memmove(pair, pair + 1, n_behind * sizeof *pair);
    dict->as.dict.n--;
    return value;
}

/* 2. From JSON */

static const at_jinja_value *marked(at_jinja_value *value, at_jinja_mark mark)
{
    if (value) {
        value->mark = mark;
    }
    return value;
}

/* JSON's text outlives the run: it is borrowed. */
static const at_jinja_value *text_from(at_jinja_run *r,
                                       const char *bytes,
                                       size_t n,
                                       at_jinja_mark mark)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_TEXT_VALUE);
    if (made) {
        made->as.text.bytes = bytes;
        made->as.text.n = n;
    }
    return marked(made, mark);
}

static const at_jinja_value *list_from(at_jinja_run *r,
                                       const json_t *json,
                                       at_jinja_mark mark)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    for (size_t i = 0; made && i < json_array_size(json); i++) {
        if (!at_jinja_push(r, made,
                           at_jinja_from_json(r, json_array_get(json, i), mark))) {
            return NULL;
        }
    }
    return marked(made, mark);
}

/* jansson walks through objects that are not const only, and changes none. */
static const at_jinja_value *dict_from(at_jinja_run *r,
                                       const json_t *json,
                                       at_jinja_mark mark)
{
    json_t *object = NULL;
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_DICT);
    memcpy(&object, &json, sizeof object);
    for (void *i = json_object_iter(object); made && i;
         i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);
        if (!at_jinja_set(r, made, text_from(r, key, strlen(key), mark),
                          at_jinja_from_json(r, json_object_iter_value(i), mark))) {
            return NULL;
        }
    }
    return marked(made, mark);
}

const at_jinja_value *at_jinja_from_json(at_jinja_run *r,
                                         const json_t *json,
                                         at_jinja_mark mark)
{
    at_jinja_value *made = NULL;
    const at_jinja_value *nested = NULL;
    switch (json_typeof(json)) {
    case JSON_STRING:
        return text_from(r, json_string_value(json), json_string_length(json), mark);
    case JSON_INTEGER:
        made = at_jinja_new(r, AT_JINJA_INT);
        if (made) {
            made->as.integer = json_integer_value(json);
        }
        return marked(made, mark);
    case JSON_REAL:
        made = at_jinja_new(r, AT_JINJA_REAL);
        if (made) {
            made->as.real = json_real_value(json);
        }
        return marked(made, mark);
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (at_jinja_enter(r)) {
            nested =
                json_is_array(json) ? list_from(r, json, mark) : dict_from(r, json, mark);
            at_jinja_leave(r);
        }
        return nested;
    case JSON_TRUE:
    case JSON_FALSE:
        made = at_jinja_new(r, AT_JINJA_BOOL);
        if (made) {
            made->as.boolean = json_is_true(json);
        }
        return marked(made, mark);
    default:
        return &at_jinja_none;
    }
}
