/* SPDX-License-Identifier: MIT */
/* Jinja: what Python says of values.
 *
 *   1. Kinds and truth   2. Equality and order   3. Names, lengths, elements */
#include <string.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_value.h"

/* 1. Kinds and truth */

bool at_jinja_is_true(const at_jinja_value *value)
{
    switch (value->type) {
    case AT_JINJA_UNDEFINED:
    case AT_JINJA_NONE:
        return false;
    case AT_JINJA_BOOL:
        return value->as.boolean;
    case AT_JINJA_INT:
        return value->as.integer != 0;
    case AT_JINJA_REAL:
        return value->as.real < 0 || value->as.real > 0;
    case AT_JINJA_TEXT_VALUE:
        return value->as.text.n > 0;
    case AT_JINJA_LIST:
    case AT_JINJA_TUPLE:
        return value->as.list.n > 0;
    case AT_JINJA_DICT:
        return value->as.dict.n > 0;
    default:
        return true;
    }
}

bool at_jinja_is_text(const at_jinja_value *value)
{
    return value && value->type == AT_JINJA_TEXT_VALUE;
}

bool at_jinja_is_list(const at_jinja_value *value)
{
    return value && (value->type == AT_JINJA_LIST || value->type == AT_JINJA_TUPLE);
}

bool at_jinja_is_dict(const at_jinja_value *value)
{
    return value && value->type == AT_JINJA_DICT;
}

bool at_jinja_as_int(const at_jinja_value *value, int64_t *out)
{
    if (value && value->type == AT_JINJA_BOOL) {
        *out = value->as.boolean;
        return true;
    }
    if (value && value->type == AT_JINJA_INT) {
        *out = value->as.integer;
        return true;
    }
    return false;
}

bool at_jinja_as_real(const at_jinja_value *value, double *out)
{
    int64_t integer = 0;
    if (value && value->type == AT_JINJA_REAL) {
        *out = value->as.real;
        return true;
    }
    if (at_jinja_as_int(value, &integer)) {
        *out = (double)integer;
        return true;
    }
    return false;
}

/* 2. Equality and order */

static bool are_lists_equal(at_jinja_run *r,
                            const at_jinja_value *left,
                            const at_jinja_value *right)
{
    bool are_equal = left->type == right->type && left->as.list.n == right->as.list.n;
    for (size_t i = 0; are_equal && i < left->as.list.n; i++) {
        are_equal = at_jinja_is_equal(r, left->as.list.items[i], right->as.list.items[i]);
    }
    return are_equal;
}

static bool are_dicts_equal(at_jinja_run *r,
                            const at_jinja_value *left,
                            const at_jinja_value *right)
{
    bool are_equal = left->as.dict.n == right->as.dict.n;
    for (size_t i = 0; are_equal && i < left->as.dict.n; i++) {
        const at_jinja_pair *pair = &left->as.dict.pairs[i];
        const at_jinja_value *other =
            at_jinja_is_text(pair->key)
                ? at_jinja_find(right, pair->key->as.text.bytes, pair->key->as.text.n)
                : NULL;
        are_equal = other && at_jinja_work(r, right->as.dict.n / 16) &&
                    at_jinja_is_equal(r, pair->value, other);
    }
    return are_equal;
}

bool at_jinja_is_equal(at_jinja_run *r,
                       const at_jinja_value *left,
                       const at_jinja_value *right)
{
    double a = 0;
    double b = 0;
    bool are_equal = false;
    if (at_jinja_is_text(left) && at_jinja_is_text(right)) {
        return left->as.text.n == right->as.text.n &&
               memcmp(left->as.text.bytes, right->as.text.bytes, left->as.text.n) == 0;
    }
    if (left->type == AT_JINJA_INT && right->type == AT_JINJA_INT) {
        return left->as.integer == right->as.integer;
    }
    if (at_jinja_as_real(left, &a) && at_jinja_as_real(right, &b)) {
        return !(a < b) && !(a > b);
    }
    if (!at_jinja_enter(r)) {
        return false;
    }
    if (at_jinja_is_list(left) && at_jinja_is_list(right)) {
        are_equal = are_lists_equal(r, left, right);
    } else if (at_jinja_is_dict(left) && at_jinja_is_dict(right)) {
        are_equal = are_dicts_equal(r, left, right);
    } else {
        are_equal = left == right ||
                    (left->type == right->type &&
                     (left->type == AT_JINJA_NONE || left->type == AT_JINJA_UNDEFINED));
    }
    at_jinja_leave(r);
    return are_equal;
}

bool at_jinja_same_text(const at_jinja_value *text, const char *other)
{
    return at_jinja_is_text(text) && text->as.text.n == strlen(other) &&
           memcmp(text->as.text.bytes, other, text->as.text.n) == 0;
}

bool at_jinja_compare(at_jinja_run *r,
                      const at_jinja_value *left,
                      const at_jinja_value *right,
                      int *out)
{
    double a = 0;
    double b = 0;
    if (at_jinja_is_text(left) && at_jinja_is_text(right)) {
        size_t n =
            left->as.text.n < right->as.text.n ? left->as.text.n : right->as.text.n;
        int order = n ? memcmp(left->as.text.bytes, right->as.text.bytes, n) : 0;
        *out = order ? (order < 0 ? -1 : 1)
                     : (left->as.text.n > right->as.text.n) -
                           (left->as.text.n < right->as.text.n);
        return true;
    }
    if (at_jinja_as_real(left, &a) && at_jinja_as_real(right, &b)) {
        *out = (a > b) - (a < b);
        return true;
    }
    return at_jinja_fail(r, ATTRIB_EINVAL, "%s and %s have no order",
                         at_jinja_type_name(left), at_jinja_type_name(right));
}

/* 3. Names, lengths, elements */

const char *at_jinja_type_name(const at_jinja_value *value)
{
    static const char *const names[] = {
        "undefined", "None",       "a truth value", "an integer",   "a number",
        "a text",    "a list",     "a tuple",       "a dictionary", "a namespace",
        "a method",  "a function", "a macro",       "a loop"};
    return names[value->type];
}

size_t at_jinja_length(const at_jinja_value *value)
{
    return at_jinja_is_text(value)
               ? at_count_characters(value->as.text.bytes, value->as.text.n)
           : at_jinja_is_list(value) ? value->as.list.n
                                     : value->as.dict.n;
}

/* The characters of a text, or the keys of a dictionary. */
const at_jinja_value *at_jinja_elements(at_jinja_run *r, const at_jinja_value *value)
{
    if (at_jinja_is_list(value)) {
        return value;
    }
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    if (!made || value->type == AT_JINJA_UNDEFINED) {
        return made;
    }
    if (at_jinja_is_dict(value)) {
        for (size_t i = 0; i < value->as.dict.n; i++) {
            if (!at_jinja_push(r, made, value->as.dict.pairs[i].key)) {
                return NULL;
            }
        }
        return made;
    }
    if (at_jinja_is_text(value)) {
        for (size_t i = 0; i < value->as.text.n;) {
            uint32_t ignored = 0;
            size_t n = at_get_character(value->as.text.bytes + i, &ignored);
            if (!at_jinja_work(r, 1) ||
                !at_jinja_push(r, made, at_jinja_part(r, value, i, n))) {
                return NULL;
            }
            i += n;
        }
        return made;
    }
    at_jinja_fail(r, ATTRIB_EINVAL, "%s has no elements", at_jinja_type_name(value));
    return NULL;
}
