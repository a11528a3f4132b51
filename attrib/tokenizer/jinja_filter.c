/* SPDX-License-Identifier: MIT */
/* Jinja: filters.
 *
 *   1. Filters of texts   2. Numbers   3. Choosing elements   4. The table */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_value.h"

/* 1. Filters of texts */

static const at_jinja_value *to_json(at_jinja_run *r,
                                     const at_jinja_value *value,
                                     const at_jinja_arguments *arguments)
{
    at_jinja_builder b = {0};
    const at_jinja_value *indent = at_jinja_argument(arguments, 1, "indent");
    const at_jinja_value *ascii = at_jinja_argument(arguments, 0, "ensure_ascii");
    const at_jinja_value *separators = at_jinja_argument(arguments, 2, "separators");
    const at_jinja_value *sorts = at_jinja_argument(arguments, 3, "sort_keys");
    int64_t width = -1;
    at_jinja_layout layout = {-1, ", ", ": ", sorts && at_jinja_is_true(sorts), false};
    if (ascii && ascii->type == AT_JINJA_INT) {
        indent = ascii; /* tojson(2) of templates made for Jinja's own filter */
    }
    layout.is_ascii = ascii && ascii->type == AT_JINJA_BOOL && ascii->as.boolean;
    if (indent && at_jinja_as_int(indent, &width) && width >= 0 && width <= 16) {
        layout.indent = (int)width;
        layout.item = ",";
    }
    if (separators && at_jinja_is_list(separators) && separators->as.list.n == 2) {
        const at_jinja_value *item = separators->as.list.items[0];
        const at_jinja_value *key = separators->as.list.items[1];
        const at_jinja_value *ends = at_jinja_borrow(r, "", 1);
        at_jinja_builder first = {0};
        at_jinja_builder second = {0};
        if (!at_jinja_is_text(item) || !at_jinja_is_text(key) || !ends ||
            !at_jinja_add_part(r, &first, item, 0, item->as.text.n) ||
            !at_jinja_add_part(r, &first, ends, 0, 1) ||
            !at_jinja_add_part(r, &second, key, 0, key->as.text.n) ||
            !at_jinja_add_part(r, &second, ends, 0, 1)) {
            return at_jinja_refuse(r, "tojson", value);
        }
        layout.item = first.bytes;
        layout.key = second.bytes;
    }
    return at_jinja_add_json(r, &b, value, &layout, 0) ? at_jinja_built(r, &b) : NULL;
}

/* All lines but the first are moved to the right. */
static const at_jinja_value *indent_lines(at_jinja_run *r,
                                          const at_jinja_value *value,
                                          const at_jinja_arguments *arguments)
{
    at_jinja_builder b = {0};
    const at_jinja_value *text = at_jinja_str(r, value);
    const at_jinja_value *by = at_jinja_argument(arguments, 0, "width");
    const at_jinja_value *first = at_jinja_argument(arguments, 1, "first");
    const at_jinja_value *blank = at_jinja_argument(arguments, 2, "blank");
    int64_t width = 4;
    if (!text || (by && !at_jinja_as_int(by, &width) && !at_jinja_is_text(by)) ||
        width < 0 || width > 64) {
        return at_jinja_refuse(r, "indent", value);
    }
    const at_jinja_value *shift =
        at_jinja_is_text(by)
            ? by
            : at_jinja_borrow(r,
                              "                                          "
                              "                      ",
                              (size_t)width);
    for (size_t i = 0; shift && i <= text->as.text.n;) {
        const char *start = text->as.text.bytes + i;
        const char *found = memchr(start, '\n', text->as.text.n - i);
        size_t n = found ? (size_t)(found - start) + 1 : text->as.text.n - i;
        size_t n_line = n - (found != NULL);
        bool is_shifted = (i > 0 || (first && at_jinja_is_true(first))) &&
                          (n_line > 0 || (blank && at_jinja_is_true(blank)));
        if ((is_shifted && !at_jinja_add_part(r, &b, shift, 0, shift->as.text.n)) ||
            !at_jinja_add_part(r, &b, text, i, n)) {
            return NULL;
        }
        i += n;
        if (!found) {
            break;
        }
    }
    return shift ? at_jinja_built(r, &b) : NULL;
}

bool at_jinja_is_safe(const at_jinja_value *value)
{
    bool is_safe = at_jinja_is_text(value) &&
                   (value->as.text.n_stretches || (value->mark & AT_JINJA_SAFE));
    for (size_t i = 0; is_safe && i < value->as.text.n_stretches; i++) {
        is_safe = value->as.text.stretches[i].mark & AT_JINJA_SAFE;
    }
    return is_safe;
}

/* A text that says of itself that it is safe. */
static const at_jinja_value *make_safe(at_jinja_run *r, const at_jinja_value *value)
{
    at_jinja_builder b = {.flags = AT_JINJA_SAFE};
    return at_jinja_add_str(r, &b, value) ? at_jinja_built(r, &b) : NULL;
}

const at_jinja_value *at_jinja_escape(at_jinja_run *r, const at_jinja_value *value)
{
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    static const char letters[] = "&<>'\"";
    at_jinja_builder b = {.flags = AT_JINJA_SAFE};
    const at_jinja_value *text = at_jinja_str(r, value);
    if (text && at_jinja_is_safe(text)) {
        return text;
    }
    for (size_t i = 0; text && i < text->as.text.n; i++) {
        char c = text->as.text.bytes[i];
        const char *letter = c ? strchr(letters, c) : NULL;
        const char *name = letter ? names[letter - letters] : NULL;
        const at_jinja_value *one = name ? at_jinja_part(r, text, i, 1) : NULL;
        if (name ? !one || !at_jinja_add(r, &b, name, strlen(name), one->mark)
                 : !at_jinja_add_part(r, &b, text, i, 1)) {
            return NULL;
        }
    }
    return text ? at_jinja_built(r, &b) : NULL;
}

static const at_jinja_value *filter_text(at_jinja_run *r,
                                         char what,
                                         const at_jinja_value *value,
                                         const at_jinja_arguments *arguments)
{
    const at_jinja_value *text = at_jinja_str(r, value);
    const at_jinja_value *old = at_jinja_argument(arguments, 0, "old");
    const at_jinja_value *new = at_jinja_argument(arguments, 1, "new");
    int64_t limit = -1;
    if (!text) {
        return NULL;
    }
    switch (what) {
    case 's': /* string, safe */
        return text;
    case 'm': /* trim */
        return at_jinja_strip(r, text, at_jinja_argument(arguments, 0, "chars"), true,
                              true);
    case 'r': /* replace */
        (void)at_jinja_as_int(at_jinja_argument(arguments, 2, "count"), &limit);
        if (!old || !new || !(old = at_jinja_str(r, old)) ||
            !(new = at_jinja_str(r, new))) {
            return at_jinja_refuse(r, "replace", value);
        }
        return at_jinja_replace(r, text, old, new, limit);
    case 'f': /* format */
        return at_jinja_format(r, text, arguments->items, arguments->n);
    default: /* lower, upper, title, capitalize */
        return at_jinja_change_case(r, text, what);
    }
}

/* 2. Numbers */

static const at_jinja_value *real(at_jinja_run *r, double value)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_REAL);
    if (made) {
        made->as.real = value;
    }
    return made;
}

/* A text of a whole number, with blanks around it. */
static bool read_number(const at_jinja_value *value, bool is_whole, double *out)
{
    char text[64] = "";
    char *end = NULL;
    if (!at_jinja_is_text(value)) {
        return at_jinja_as_real(value, out);
    }
    if (value->as.text.n == 0 || value->as.text.n >= sizeof text) {
        return false;
    }
    memcpy(text, value->as.text.bytes, value->as.text.n);
    *out = is_whole ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    return end != text && end[strspn(end, " \t\r\n")] == '\0';
}

static const at_jinja_value *to_number(at_jinja_run *r,
                                       const at_jinja_value *value,
                                       const at_jinja_arguments *arguments,
                                       bool is_whole)
{
    double number = 0;
    const at_jinja_value *other = at_jinja_argument(arguments, 0, "default");
    if (!read_number(value, is_whole, &number) || !(fabs(number) < 9e15)) {
        return other ? other : is_whole ? at_jinja_int(r, 0) : real(r, 0);
    }
    return is_whole ? at_jinja_int(r, (int64_t)number) : real(r, number);
}

static const at_jinja_value *to_absolute(at_jinja_run *r, const at_jinja_value *value)
{
    int64_t integer = 0;
    double number = 0;
    if (at_jinja_as_int(value, &integer) && integer > INT64_MIN) {
        return at_jinja_int(r, integer < 0 ? -integer : integer);
    }
    return at_jinja_as_real(value, &number) ? real(r, fabs(number))
                                            : at_jinja_refuse(r, "abs", value);
}

static const at_jinja_value *to_rounded(at_jinja_run *r,
                                        const at_jinja_value *value,
                                        const at_jinja_arguments *arguments)
{
    int64_t digits = 0;
    double number = 0;
    (void)at_jinja_as_int(at_jinja_argument(arguments, 0, "precision"), &digits);
    if (!at_jinja_as_real(value, &number) || digits < 0 || digits > 12) {
        return at_jinja_refuse(r, "round", value);
    }
    double scale = pow(10, (double)digits);
    return real(r, rint(number * scale) / scale);
}

/* 3. Choosing elements: select, reject, selectattr, rejectattr, map */

/* What is false in Python, as None, has no elements to choose from. */
static const at_jinja_value *some_of(const at_jinja_value *value)
{
    return at_jinja_is_true(value) ? value : &at_jinja_undefined;
}

static at_jinja_arguments rest_of(const at_jinja_arguments *arguments, size_t n)
{
    size_t left = arguments->n > n ? arguments->n - n : 0;
    return (at_jinja_arguments){left ? arguments->items + n : NULL, left,
                                arguments->named};
}

static const at_jinja_value *choose(at_jinja_run *r,
                                    const char *filter,
                                    const at_jinja_value *value,
                                    const at_jinja_arguments *arguments)
{
    const at_jinja_value *list = at_jinja_elements(r, some_of(value));
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    size_t n_path = strstr(filter, "attr") != NULL;
    bool wanted = filter[0] == 's';
    const at_jinja_value *path = n_path ? at_jinja_argument(arguments, 0, NULL) : NULL;
    const at_jinja_value *test = at_jinja_argument(arguments, n_path, NULL);
    at_jinja_arguments rest = rest_of(arguments, n_path + 1);
    char name[32] = "";
    if ((n_path && !path) ||
        (test && (!at_jinja_is_text(test) || test->as.text.n >= sizeof name))) {
        return at_jinja_refuse(r, filter, value);
    }
    if (test) {
        memcpy(name, test->as.text.bytes, test->as.text.n);
    }
    for (size_t i = 0; list && made && i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        const at_jinja_value *key = path ? at_jinja_attribute(r, item, path) : item;
        bool holds = key && at_jinja_is_true(key);
        if (!key || (test && !at_jinja_test(r, name, key, &rest, &holds)) ||
            (holds == wanted && !at_jinja_push(r, made, item))) {
            return NULL;
        }
    }
    return list ? made : NULL;
}

static const at_jinja_value *map(at_jinja_run *r,
                                 const at_jinja_value *value,
                                 const at_jinja_arguments *arguments)
{
    const at_jinja_value *list = at_jinja_elements(r, some_of(value));
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    const at_jinja_value *path =
        arguments->named ? at_jinja_find(arguments->named, "attribute", 9) : NULL;
    const at_jinja_value *other =
        arguments->named ? at_jinja_find(arguments->named, "default", 7) : NULL;
    const at_jinja_value *filter = at_jinja_argument(arguments, 0, NULL);
    at_jinja_arguments rest = rest_of(arguments, 1);
    char name[32] = "";
    if (!path && (!at_jinja_is_text(filter) || filter->as.text.n >= sizeof name)) {
        return at_jinja_refuse(r, "map", value);
    }
    if (!path) {
        memcpy(name, filter->as.text.bytes, filter->as.text.n);
    }
    for (size_t i = 0; list && made && i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        item = path ? at_jinja_attribute(r, item, path)
                    : at_jinja_filter(r, name, item, &rest);
        item = item && item->type == AT_JINJA_UNDEFINED && other ? other : item;
        if (!at_jinja_push(r, made, item)) {
            return NULL;
        }
    }
    return list ? made : NULL;
}

/* 4. The table */

static const at_jinja_value *filter_default(const at_jinja_value *value,
                                            const at_jinja_arguments *arguments)
{
    const at_jinja_value *other = at_jinja_argument(arguments, 0, "default_value");
    bool is_there = at_jinja_is_set(arguments, 1, "boolean")
                        ? at_jinja_is_true(value)
                        : value->type != AT_JINJA_UNDEFINED;
    return is_there ? value : other ? other : &at_jinja_undefined;
}

static const at_jinja_value *measure(at_jinja_run *r, const at_jinja_value *value)
{
    if (value->type == AT_JINJA_UNDEFINED) {
        return at_jinja_int(r, 0);
    }
    if (!at_jinja_is_text(value) && !at_jinja_is_list(value) &&
        !at_jinja_is_dict(value)) {
        return at_jinja_refuse(r, "length", value);
    }
    return at_jinja_int(r, (int64_t)at_jinja_length(value));
}

static const at_jinja_value *filter_list(at_jinja_run *r,
                                         const char *name,
                                         const at_jinja_value *value,
                                         const at_jinja_arguments *arguments)
{
    if (strcmp(name, "first") == 0 || strcmp(name, "last") == 0) {
        return at_jinja_end_of(r, value, name[0] == 'l');
    }
    if (strcmp(name, "select") == 0 || strcmp(name, "reject") == 0 ||
        strcmp(name, "selectattr") == 0 || strcmp(name, "rejectattr") == 0) {
        return choose(r, name, value, arguments);
    }
    if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0) {
        return at_jinja_extreme(r, value, name[1] == 'i');
    }
    if (strcmp(name, "items") == 0 && value->type == AT_JINJA_UNDEFINED) {
        return at_jinja_elements(r, value);
    }
    if (strcmp(name, "items") == 0 && at_jinja_is_dict(value)) {
        return at_jinja_pairs(r, value, 'i');
    }
    if (strcmp(name, "attr") == 0 && at_jinja_argument(arguments, 0, "name")) {
        return at_jinja_item(r, value, at_jinja_argument(arguments, 0, "name"));
    }
    return at_jinja_refuse(r, name, value);
}

typedef enum filter {
    F_TRIM,
    F_LENGTH,
    F_TEXT,
    F_LIST,
    F_DEFAULT,
    F_JSON,
    F_JOIN,
    F_MAP,
    F_SORT,
    F_UNIQUE,
    F_DICTSORT,
    F_INT,
    F_FLOAT,
    F_ABS,
    F_ROUND,
    F_SUM,
    F_REVERSE,
    F_INDENT,
    F_ESCAPE,
    F_SAFE
} filter;

static const struct {
    const char *name;
    filter filter;
    char how;
} filters[] = {
    {"trim", F_TEXT, 'm'},     {"length", F_LENGTH, 0},     {"count", F_LENGTH, 0},
    {"string", F_TEXT, 's'},   {"safe", F_SAFE, 0},         {"list", F_LIST, 0},
    {"default", F_DEFAULT, 0}, {"d", F_DEFAULT, 0},         {"tojson", F_JSON, 0},
    {"join", F_JOIN, 0},       {"map", F_MAP, 0},           {"sort", F_SORT, 0},
    {"unique", F_UNIQUE, 0},   {"dictsort", F_DICTSORT, 0}, {"int", F_INT, 0},
    {"float", F_FLOAT, 0},     {"abs", F_ABS, 0},           {"round", F_ROUND, 0},
    {"sum", F_SUM, 0},         {"reverse", F_REVERSE, 0},   {"indent", F_INDENT, 0},
    {"escape", F_ESCAPE, 0},   {"e", F_ESCAPE, 0},          {"lower", F_TEXT, 'l'},
    {"upper", F_TEXT, 'u'},    {"title", F_TEXT, 't'},      {"capitalize", F_TEXT, 'c'},
    {"replace", F_TEXT, 'r'},  {"format", F_TEXT, 'f'},
};

static const at_jinja_value *apply(at_jinja_run *r,
                                   size_t i,
                                   const at_jinja_value *value,
                                   const at_jinja_arguments *arguments)
{
    switch (filters[i].filter) {
    case F_LENGTH:
        return measure(r, value);
    case F_LIST:
        return at_jinja_elements(r, value);
    case F_DEFAULT:
        return filter_default(value, arguments);
    case F_JSON:
        return to_json(r, value, arguments);
    case F_JOIN:
        return at_jinja_join_list(r, value, arguments);
    case F_MAP:
        return map(r, value, arguments);
    case F_SORT:
        return at_jinja_sort(r, value, arguments);
    case F_UNIQUE:
        return at_jinja_unique(r, value, arguments);
    case F_DICTSORT:
        return at_jinja_sort_dict(r, value, arguments);
    case F_INT:
    case F_FLOAT:
        return to_number(r, value, arguments, filters[i].filter == F_INT);
    case F_ABS:
        return to_absolute(r, value);
    case F_ROUND:
        return to_rounded(r, value, arguments);
    case F_SUM:
        return at_jinja_sum(r, value);
    case F_REVERSE:
        return at_jinja_reverse(r, value);
    case F_INDENT:
        return indent_lines(r, value, arguments);
    case F_SAFE:
        return make_safe(r, value);
    case F_ESCAPE:
        return at_jinja_escape(r, value);
    default:
        return filter_text(r, filters[i].how, value, arguments);
    }
}

const at_jinja_value *at_jinja_filter(at_jinja_run *r,
                                      const char *name,
                                      const at_jinja_value *value,
                                      const at_jinja_arguments *arguments)
{
    const at_jinja_value *out = NULL;
    if (!at_jinja_enter(r) ||
        !at_jinja_work(r, at_jinja_is_text(value) ? value->as.text.n / 64 : 0)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (strcmp(filters[i].name, name) == 0) {
            out = apply(r, i, value, arguments);
            at_jinja_leave(r);
            return out;
        }
    }
    out = filter_list(r, name, value, arguments);
    at_jinja_leave(r);
    return out;
}
