/* SPDX-License-Identifier: MIT */
/* Jinja: values as text, as Python's str(), repr() and json.dumps() write them.
 *
 *   1. Numbers and strings   2. str() and repr()   3. JSON */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_value.h"

/* 1. Numbers and strings */

/* The shortest decimal that reads back as the number, as Python writes it. */
static void print_real(double value, bool is_json, char out[40])
{
    char digits[32];
    int precision = 1;
    if (isnan(value) || isinf(value)) {
        snprintf(out, 40, "%s",
                 isnan(value) ? (is_json ? "NaN" : "nan")
                 : value > 0  ? (is_json ? "Infinity" : "inf")
                              : (is_json ? "-Infinity" : "-inf"));
        return;
    }
    do {
        snprintf(digits, sizeof digits, "%.*e", precision - 1, value);
        precision++;
    } while (precision <= 17 &&
             (strtod(digits, NULL) < value || strtod(digits, NULL) > value));
    long exponent = strtol(strchr(digits, 'e') + 1, NULL, 10);
    precision--;
    if (exponent < -4 || exponent >= 16) {
        char *mark = strchr(digits, 'e');
        *mark = '\0';
        snprintf(out, 40, "%se%c%02d", digits, exponent < 0 ? '-' : '+',
                 abs((int)exponent) % 1000);
    } else {
        int n_behind = precision - 1 - (int)exponent;
        snprintf(out, 40, "%.*f", n_behind > 1 ? n_behind : 1, value);
    }
}

static bool add_number(at_jinja_run *r,
                       at_jinja_builder *b,
                       const at_jinja_value *value,
                       bool is_json)
{
    char text[40];
    if (value->type == AT_JINJA_REAL) {
        print_real(value->as.real, is_json, text);
    } else {
        snprintf(text, sizeof text, "%lld", (long long)value->as.integer);
    }
    return at_jinja_add(r, b, text, strlen(text), value->mark);
}

/* Bytes of a text up to the next that must be escaped. */
static size_t span_plain(const at_jinja_value *text, size_t from, char quote)
{
    size_t i = from;
    while (i < text->as.text.n) {
        unsigned char c = (unsigned char)text->as.text.bytes[i];
        if (c < 0x20 || c == (unsigned char)quote || c == '\\' ||
            (quote != '"' && c == 0x7F)) {
            break;
        }
        i++;
    }
    return i - from;
}

/* What stands for a character that must be escaped. */
static void print_escape(char c, char quote, bool is_json, char out[8])
{
    static const char letters[] = "\n\r\t\b\f";
    static const char names[] = "nrtbf";
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter && (is_json || letter - letters < 3)) {
        snprintf(out, 8, "\\%c", names[letter - letters]);
    } else if (c == '\\' || c == quote) {
        snprintf(out, 8, "\\%c", c);
    } else {
        snprintf(out, 8, is_json ? "\\u%04x" : "\\x%02x", (unsigned)(unsigned char)c);
    }
}

/* A text in quotes with escapes, each of which has the mark of its character. */
static bool add_quoted(at_jinja_run *r,
                       at_jinja_builder *b,
                       const at_jinja_value *text,
                       char quote,
                       bool is_json)
{
    at_jinja_mark mark = text->as.text.n_stretches ? 0 : text->mark;
    bool is_added = at_jinja_add(r, b, &quote, 1, mark);
    for (size_t i = 0; is_added && i < text->as.text.n; i++) {
        char escape[8];
        size_t n = span_plain(text, i, quote);
        is_added = at_jinja_add_part(r, b, text, i, n);
        i += n;
        if (i == text->as.text.n || !is_added) {
            break;
        }
        print_escape(text->as.text.bytes[i], quote, is_json, escape);
        const at_jinja_value *one = at_jinja_part(r, text, i, 1);
        is_added = one && at_jinja_add(r, b, escape, strlen(escape), one->mark);
    }
    return is_added && at_jinja_add(r, b, &quote, 1, mark);
}

/* A text in quotes, all that is not ASCII as \uXXXX, as in UTF-16. */
static bool add_ascii(at_jinja_run *r, at_jinja_builder *b, const at_jinja_value *text)
{
    at_jinja_builder plain = {0};
    at_jinja_builder quoted = {0};
    if (!add_quoted(r, &quoted, text, '"', true)) {
        return false;
    }
    const at_jinja_value *whole = at_jinja_built(r, &quoted);
    for (size_t i = 0; whole && i < whole->as.text.n;) {
        char escape[16];
        uint32_t c = 0;
        size_t n = at_get_character(whole->as.text.bytes + i, &c);
        const at_jinja_value *one = at_jinja_part(r, whole, i, n);
        if (c < 0x80) {
            snprintf(escape, sizeof escape, "%c", (int)c);
        } else if (c < 0x10000) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
        } else {
            snprintf(escape, sizeof escape, "\\u%04x\\u%04x",
                     0xD800u + (unsigned)((c - 0x10000) >> 10),
                     0xDC00u + (unsigned)((c - 0x10000) & 0x3FF));
        }
        if (!one || !at_jinja_add(r, &plain, escape, strlen(escape), one->mark)) {
            return false;
        }
        i += n;
    }
    const at_jinja_value *made = whole ? at_jinja_built(r, &plain) : NULL;
    return made && at_jinja_add_part(r, b, made, 0, made->as.text.n);
}

/* 2. str() and repr() */

static bool add_repr(at_jinja_run *r, at_jinja_builder *b, const at_jinja_value *value);

static bool add_list(at_jinja_run *r, at_jinja_builder *b, const at_jinja_value *value)
{
    bool is_tuple = value->type == AT_JINJA_TUPLE;
    bool is_added = at_jinja_add(r, b, is_tuple ? "(" : "[", 1, value->mark);
    for (size_t i = 0; is_added && i < value->as.list.n; i++) {
        is_added = (i == 0 || at_jinja_add(r, b, ", ", 2, value->mark)) &&
                   add_repr(r, b, value->as.list.items[i]);
    }
    if (is_added && is_tuple && value->as.list.n == 1) {
        is_added = at_jinja_add(r, b, ",", 1, value->mark);
    }
    return is_added && at_jinja_add(r, b, is_tuple ? ")" : "]", 1, value->mark);
}

static bool add_dict(at_jinja_run *r, at_jinja_builder *b, const at_jinja_value *value)
{
    bool is_added = at_jinja_add(r, b, "{", 1, value->mark);
    for (size_t i = 0; is_added && i < value->as.dict.n; i++) {
        is_added = (i == 0 || at_jinja_add(r, b, ", ", 2, value->mark)) &&
                   add_repr(r, b, value->as.dict.pairs[i].key) &&
                   at_jinja_add(r, b, ": ", 2, value->mark) &&
                   add_repr(r, b, value->as.dict.pairs[i].value);
    }
    return is_added && at_jinja_add(r, b, "}", 1, value->mark);
}

static bool add_nested(at_jinja_run *r, at_jinja_builder *b, const at_jinja_value *value)
{
    if (!at_jinja_enter(r)) {
        return false;
    }
    bool is_added =
        at_jinja_is_list(value) ? add_list(r, b, value) : add_dict(r, b, value);
    at_jinja_leave(r);
    return is_added;
}

static bool add_repr(at_jinja_run *r, at_jinja_builder *b, const at_jinja_value *value)
{
    if (at_jinja_is_text(value)) {
        const char *bytes = value->as.text.bytes;
        size_t n = value->as.text.n;
        bool has_single = memchr(bytes, '\'', n) != NULL;
        bool has_double = memchr(bytes, '"', n) != NULL;
        return add_quoted(r, b, value, has_single && !has_double ? '"' : '\'', false);
    }
    return at_jinja_add_str(r, b, value);
}

bool at_jinja_add_str(at_jinja_run *r, at_jinja_builder *b, const at_jinja_value *value)
{
    const char *word = "";
    switch (value->type) {
    case AT_JINJA_UNDEFINED:
        return true;
    case AT_JINJA_TEXT_VALUE:
        return at_jinja_add_part(r, b, value, 0, value->as.text.n);
    case AT_JINJA_INT:
    case AT_JINJA_REAL:
        return add_number(r, b, value, false);
    case AT_JINJA_LIST:
    case AT_JINJA_TUPLE:
    case AT_JINJA_DICT:
        return add_nested(r, b, value);
    case AT_JINJA_NONE:
        word = "None";
        break;
    case AT_JINJA_BOOL:
        word = value->as.boolean ? "True" : "False";
        break;
    default:
        return at_jinja_fail(r, ATTRIB_ENOTSUP, "%s as text", at_jinja_type_name(value));
    }
    return at_jinja_add(r, b, word, strlen(word), value->mark);
}

const at_jinja_value *at_jinja_str(at_jinja_run *r, const at_jinja_value *value)
{
    at_jinja_builder b = {0};
    if (at_jinja_is_text(value)) {
        return value;
    }
    return at_jinja_add_str(r, &b, value) ? at_jinja_built(r, &b) : NULL;
}

/* 3. JSON */

/* A separator, then a new line where there is an indent. */
static bool add_break(at_jinja_run *r,
                      at_jinja_builder *b,
                      const at_jinja_layout *layout,
                      size_t level,
                      const char *separator,
                      at_jinja_mark mark)
{
    static const char blanks[] = "                ";
    bool is_added = at_jinja_add(r, b, separator, strlen(separator), mark);
    if (layout->indent < 0 || !is_added) {
        return is_added;
    }
    is_added = at_jinja_add(r, b, "\n", 1, mark);
    for (size_t left = level * (size_t)layout->indent; is_added && left > 0;) {
        size_t n = left < sizeof blanks - 1 ? left : sizeof blanks - 1;
        is_added = at_jinja_add(r, b, blanks, n, mark);
        left -= n;
    }
    return is_added;
}

/* Keys are texts in JSON. */
static bool add_key(at_jinja_run *r,
                    at_jinja_builder *b,
                    const at_jinja_value *key,
                    bool is_ascii)
{
    if (key->type == AT_JINJA_BOOL || key->type == AT_JINJA_NONE) {
        const char *word = key->type == AT_JINJA_NONE ? "\"null\""
                           : key->as.boolean          ? "\"true\""
                                                      : "\"false\"";
        return at_jinja_add(r, b, word, strlen(word), key->mark);
    }
    const at_jinja_value *text = at_jinja_str(r, key);
    return text && (is_ascii ? add_ascii(r, b, text) : add_quoted(r, b, text, '"', true));
}

static int compare_pairs(const void *left, const void *right)
{
    const at_jinja_value *a = ((const at_jinja_pair *)left)->key;
    const at_jinja_value *b = ((const at_jinja_pair *)right)->key;
    size_t n = a->as.text.n < b->as.text.n ? a->as.text.n : b->as.text.n;
    int order = n ? memcmp(a->as.text.bytes, b->as.text.bytes, n) : 0;
    return order ? order : (a->as.text.n > b->as.text.n) - (a->as.text.n < b->as.text.n);
}

/* The pairs of a dictionary, by key where they are to be sorted. */
static const at_jinja_pair *order_pairs(at_jinja_run *r,
                                        const at_jinja_value *dict,
                                        bool sorts)
{
    size_t n = dict->as.dict.n;
    if (!sorts || n < 2) {
        return dict->as.dict.pairs;
    }
    at_jinja_pair *pairs = at_jinja_take(&r->bank, n * sizeof *pairs);
    if (!pairs) {
        at_jinja_fail(r, ATTRIB_ENOMEM, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        pairs[i] = dict->as.dict.pairs[i];
        if (!at_jinja_is_text(pairs[i].key)) {
            at_jinja_fail(r, ATTRIB_ENOTSUP, "keys that are no texts, sorted");
            return NULL;
        }
    }
    qsort(pairs, n, sizeof *pairs, compare_pairs);
    return pairs;
}

static bool add_object(at_jinja_run *r,
                       at_jinja_builder *b,
                       const at_jinja_value *value,
                       const at_jinja_layout *layout,
                       size_t level)
{
    size_t n = value->as.dict.n;
    const at_jinja_pair *pairs = order_pairs(r, value, layout->sorts);
    bool is_added = (pairs || n == 0) && at_jinja_add(r, b, "{", 1, value->mark);
    for (size_t i = 0; is_added && i < n; i++) {
        is_added =
            add_break(r, b, layout, level + 1, i ? layout->item : "", value->mark) &&
            add_key(r, b, pairs[i].key, layout->is_ascii) &&
            at_jinja_add(r, b, layout->key, strlen(layout->key), value->mark) &&
            at_jinja_add_json(r, b, pairs[i].value, layout, level + 1);
    }
    return is_added && (n == 0 || add_break(r, b, layout, level, "", value->mark)) &&
           at_jinja_add(r, b, "}", 1, value->mark);
}

static bool add_array(at_jinja_run *r,
                      at_jinja_builder *b,
                      const at_jinja_value *value,
                      const at_jinja_layout *layout,
                      size_t level)
{
    size_t n = value->as.list.n;
    bool is_added = at_jinja_add(r, b, "[", 1, value->mark);
    for (size_t i = 0; is_added && i < n; i++) {
        is_added =
            add_break(r, b, layout, level + 1, i ? layout->item : "", value->mark) &&
            at_jinja_add_json(r, b, value->as.list.items[i], layout, level + 1);
    }
    return is_added && (n == 0 || add_break(r, b, layout, level, "", value->mark)) &&
           at_jinja_add(r, b, "]", 1, value->mark);
}

bool at_jinja_add_json(at_jinja_run *r,
                       at_jinja_builder *b,
                       const at_jinja_value *value,
                       const at_jinja_layout *layout,
                       size_t level)
{
    const char *word = "";
    bool is_added = false;
    switch (value->type) {
    case AT_JINJA_TEXT_VALUE:
        return layout->is_ascii ? add_ascii(r, b, value)
                                : add_quoted(r, b, value, '"', true);
    case AT_JINJA_INT:
    case AT_JINJA_REAL:
        return add_number(r, b, value, true);
    case AT_JINJA_NONE:
        word = "null";
        break;
    case AT_JINJA_BOOL:
        word = value->as.boolean ? "true" : "false";
        break;
    case AT_JINJA_LIST:
    case AT_JINJA_TUPLE:
    case AT_JINJA_DICT:
        if (at_jinja_enter(r)) {
            is_added = at_jinja_is_dict(value) ? add_object(r, b, value, layout, level)
                                               : add_array(r, b, value, layout, level);
            at_jinja_leave(r);
        }
        return is_added;
    default:
        return at_jinja_fail(r, ATTRIB_EINVAL, "%s as JSON", at_jinja_type_name(value));
    }
    return at_jinja_add(r, b, word, strlen(word), value->mark);
}
