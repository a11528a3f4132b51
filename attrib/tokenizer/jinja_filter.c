/* SPDX-License-Identifier: MIT */
/* Jinja: filters and tests.
 *
 *   1. Filters of texts   2. Numbers   3. Filters of lists   4. Choosing elements
 *   5. The table   6. Tests */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_value.h"

static const at_jinja_value *refuse(at_jinja_run *r,
                                    const char *name,
                                    const at_jinja_value *value)
{
    at_jinja_fail(r, ATTRIB_ENOTSUP, "filter \"%.32s\" of %s", name,
                  at_jinja_type_name(value));
    return NULL;
}

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
            return refuse(r, "tojson", value);
        }
        layout.item = first.bytes;
        layout.key = second.bytes;
    }
    return at_jinja_add_json(r, &b, value, &layout, 0) ? at_jinja_built(r, &b) : NULL;
}

/* Lines behind the first are moved to the right. */
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
        return refuse(r, "indent", value);
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

static const at_jinja_value *escape(at_jinja_run *r, const at_jinja_value *value)
{
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    static const char letters[] = "&<>'\"";
    at_jinja_builder b = {0};
    const at_jinja_value *text = at_jinja_str(r, value);
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
            return refuse(r, "replace", value);
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
                                            : refuse(r, "abs", value);
}

static const at_jinja_value *to_rounded(at_jinja_run *r,
                                        const at_jinja_value *value,
                                        const at_jinja_arguments *arguments)
{
    int64_t digits = 0;
    double number = 0;
    (void)at_jinja_as_int(at_jinja_argument(arguments, 0, "precision"), &digits);
    if (!at_jinja_as_real(value, &number) || digits < 0 || digits > 12) {
        return refuse(r, "round", value);
    }
    double scale = pow(10, (double)digits);
    return real(r, rint(number * scale) / scale);
}

/* 3. Filters of lists */

/* A member by path, "function.name"; numbers are places. */
static const at_jinja_value *attribute(at_jinja_run *r,
                                       const at_jinja_value *value,
                                       const at_jinja_value *path)
{
    size_t at = 0;
    if (!at_jinja_is_text(path)) {
        return at_jinja_item(r, value, path);
    }
    while (value && at <= path->as.text.n) {
        const char *start = path->as.text.bytes + at;
        const char *dot = memchr(start, '.', path->as.text.n - at);
        size_t n = dot ? (size_t)(dot - start) : path->as.text.n - at;
        int64_t place = 0;
        bool is_place = n > 0 && n < 9;
        for (size_t i = 0; is_place && i < n; i++) {
            is_place = start[i] >= '0' && start[i] <= '9';
            place = 10 * place + (start[i] - '0');
        }
        const at_jinja_value *key =
            is_place ? at_jinja_int(r, place) : at_jinja_part(r, path, at, n);
        value = key ? at_jinja_item(r, value, key) : NULL;
        at += n + 1;
    }
    return value;
}

/* An element, and what it is sorted or told apart by. */
typedef struct keyed {
    const at_jinja_value *item, *key;
    size_t i;
} keyed;

typedef struct ordering {
    at_jinja_run *r;
    bool is_reversed;
} ordering;

static int compare_keyed(const void *left, const void *right, void *context)
{
    const keyed *a = left;
    const keyed *b = right;
    const ordering *o = context;
    int order = 0;
    (void)at_jinja_compare(o->r, a->key, b->key, &order);
    order = o->is_reversed ? -order : order;
    return order ? order : (a->i > b->i) - (a->i < b->i);
}

/* A key as sort, unique and their kin take it: case does not count unless asked. */
static const at_jinja_value *make_key(at_jinja_run *r,
                                      const at_jinja_value *item,
                                      const at_jinja_value *path,
                                      bool heeds_case)
{
    const at_jinja_value *key = path ? attribute(r, item, path) : item;
    return key && at_jinja_is_text(key) && !heeds_case ? at_jinja_change_case(r, key, 'l')
                                                       : key;
}

static bool is_set(const at_jinja_arguments *arguments, size_t i, const char *name)
{
    const at_jinja_value *value = at_jinja_argument(arguments, i, name);
    return value && at_jinja_is_true(value);
}

static keyed *make_keyed(at_jinja_run *r,
                         const at_jinja_value *list,
                         const at_jinja_value *path,
                         bool heeds_case)
{
    size_t n = list->as.list.n;
    keyed *all = at_jinja_take(&r->bank, (n + 1) * sizeof *all);
    if (!all) {
        at_jinja_fail(r, ATTRIB_ENOMEM, "out of memory");
    }
    for (size_t i = 0; all && i < n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        all[i] = (keyed){item, make_key(r, item, path, heeds_case), i};
        if (!all[i].key) {
            return NULL;
        }
    }
    return all;
}

static const at_jinja_value *sort(at_jinja_run *r,
                                  const at_jinja_value *value,
                                  const at_jinja_arguments *arguments)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    const at_jinja_value *path = at_jinja_argument(arguments, 2, "attribute");
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    ordering o = {r, is_set(arguments, 0, "reverse")};
    keyed *all = list && made
                     ? make_keyed(r, list, path, is_set(arguments, 1, "case_sensitive"))
                     : NULL;
    if (!all || !at_jinja_work(r, 20 * list->as.list.n)) {
        return NULL;
    }
    qsort_r(all, list->as.list.n, sizeof *all, compare_keyed, &o);
    for (size_t i = 0; i < list->as.list.n; i++) {
        if (!at_jinja_push(r, made, all[i].item)) {
            return NULL;
        }
    }
    return r->status == ATTRIB_OK ? made : NULL;
}

static const at_jinja_value *unique(at_jinja_run *r,
                                    const at_jinja_value *value,
                                    const at_jinja_arguments *arguments)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    const at_jinja_value *path = at_jinja_argument(arguments, 1, "attribute");
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    at_jinja_value *keys = at_jinja_new(r, AT_JINJA_LIST);
    bool heeds_case = is_set(arguments, 0, "case_sensitive");
    for (size_t i = 0; list && made && keys && i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        const at_jinja_value *key = make_key(r, item, path, heeds_case);
        bool is_there = false;
        for (size_t k = 0; key && !is_there && k < keys->as.list.n; k++) {
            is_there = at_jinja_is_equal(r, keys->as.list.items[k], key);
        }
        if (!key || !at_jinja_work(r, keys->as.list.n) ||
            (!is_there &&
             (!at_jinja_push(r, keys, key) || !at_jinja_push(r, made, item)))) {
            return NULL;
        }
    }
    return list && keys ? made : NULL;
}

/* [key, value], by key or by value. */
static const at_jinja_value *sort_dict(at_jinja_run *r,
                                       const at_jinja_value *value,
                                       const at_jinja_arguments *arguments)
{
    const at_jinja_value *by = at_jinja_argument(arguments, 1, "by");
    at_jinja_value *named = at_jinja_new(r, AT_JINJA_DICT);
    const at_jinja_value *place =
        at_jinja_int(r, by && at_jinja_same_text(by, "value") ? 1 : 0);
    at_jinja_arguments sorted = {NULL, 0, named};
    if (!at_jinja_is_dict(value)) {
        return refuse(r, "dictsort", value);
    }
    if (!named || !place ||
        !at_jinja_set(r, named, at_jinja_borrow(r, "attribute", 9), place) ||
        !at_jinja_set(r, named, at_jinja_borrow(r, "case_sensitive", 14),
                      at_jinja_bool(is_set(arguments, 0, "case_sensitive"))) ||
        !at_jinja_set(r, named, at_jinja_borrow(r, "reverse", 7),
                      at_jinja_bool(is_set(arguments, 2, "reverse")))) {
        return NULL;
    }
    return sort(r, at_jinja_pairs(r, value, 'i'), &sorted);
}

static const at_jinja_value *join(at_jinja_run *r,
                                  const at_jinja_value *value,
                                  const at_jinja_arguments *arguments)
{
    at_jinja_builder b = {0};
    const at_jinja_value *list = at_jinja_elements(r, value);
    const at_jinja_value *by = at_jinja_argument(arguments, 0, "d");
    const at_jinja_value *path = at_jinja_argument(arguments, 1, "attribute");
    for (size_t i = 0; list && i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        item = path ? attribute(r, item, path) : item;
        if (!item || (i > 0 && by && !at_jinja_add_str(r, &b, by)) ||
            !at_jinja_add_str(r, &b, item)) {
            return NULL;
        }
    }
    return list ? at_jinja_built(r, &b) : NULL;
}

/* The least ('<') or greatest element. */
static const at_jinja_value *extreme(at_jinja_run *r,
                                     const at_jinja_value *value,
                                     char sign)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    const at_jinja_value *best = &at_jinja_undefined;
    for (size_t i = 0; list && i < list->as.list.n; i++) {
        int order = 0;
        const at_jinja_value *item = list->as.list.items[i];
        if (i > 0 && !at_jinja_compare(r, item, best, &order)) {
            return NULL;
        }
        best = i == 0 || (sign == '<' ? order < 0 : order > 0) ? item : best;
    }
    return list ? best : NULL;
}

static const at_jinja_value *sum(at_jinja_run *r, const at_jinja_value *value)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    int64_t total = 0;
    for (size_t i = 0; list && i < list->as.list.n; i++) {
        int64_t addend = 0;
        if (!at_jinja_as_int(list->as.list.items[i], &addend) || addend > INT32_MAX ||
            addend < INT32_MIN) {
            return refuse(r, "sum", list->as.list.items[i]);
        }
        total += addend;
    }
    return list ? at_jinja_int(r, total) : NULL;
}

static const at_jinja_value *reverse(at_jinja_run *r, const at_jinja_value *value)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    at_jinja_builder b = {0};
    for (size_t i = list ? list->as.list.n : 0; made && i-- > 0;) {
        if (at_jinja_is_text(value) ? !at_jinja_add_str(r, &b, list->as.list.items[i])
                                    : !at_jinja_push(r, made, list->as.list.items[i])) {
            return NULL;
        }
    }
    return !list || !made ? NULL : at_jinja_is_text(value) ? at_jinja_built(r, &b) : made;
}

static const at_jinja_value *end_of(at_jinja_run *r,
                                    const at_jinja_value *value,
                                    bool is_last)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    size_t n = list ? list->as.list.n : 0;
    return !list ? NULL
           : n   ? list->as.list.items[is_last ? n - 1 : 0]
                 : &at_jinja_undefined;
}

/* 4. Choosing elements: select, reject, selectattr, rejectattr, map */

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
        return refuse(r, filter, value);
    }
    if (test) {
        memcpy(name, test->as.text.bytes, test->as.text.n);
    }
    for (size_t i = 0; list && made && i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        const at_jinja_value *key = path ? attribute(r, item, path) : item;
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
        return refuse(r, "map", value);
    }
    if (!path) {
        memcpy(name, filter->as.text.bytes, filter->as.text.n);
    }
    for (size_t i = 0; list && made && i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        item = path ? attribute(r, item, path) : at_jinja_filter(r, name, item, &rest);
        item = item && item->type == AT_JINJA_UNDEFINED && other ? other : item;
        if (!at_jinja_push(r, made, item)) {
            return NULL;
        }
    }
    return list ? made : NULL;
}

/* 5. The table */

static const at_jinja_value *filter_default(const at_jinja_value *value,
                                            const at_jinja_arguments *arguments)
{
    const at_jinja_value *other = at_jinja_argument(arguments, 0, "default_value");
    bool is_there = is_set(arguments, 1, "boolean") ? at_jinja_is_true(value)
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
        return refuse(r, "length", value);
    }
    return at_jinja_int(r, (int64_t)at_jinja_length(value));
}

static const at_jinja_value *filter_list(at_jinja_run *r,
                                         const char *name,
                                         const at_jinja_value *value,
                                         const at_jinja_arguments *arguments)
{
    if (strcmp(name, "first") == 0 || strcmp(name, "last") == 0) {
        return end_of(r, value, name[0] == 'l');
    }
    if (strcmp(name, "select") == 0 || strcmp(name, "reject") == 0 ||
        strcmp(name, "selectattr") == 0 || strcmp(name, "rejectattr") == 0) {
        return choose(r, name, value, arguments);
    }
    if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0) {
        return extreme(r, value, name[1] == 'i' ? '<' : '>');
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
    return refuse(r, name, value);
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
    F_ESCAPE
} filter;

static const struct {
    const char *name;
    filter filter;
    char how;
} filters[] = {
    {"trim", F_TEXT, 'm'},     {"length", F_LENGTH, 0},     {"count", F_LENGTH, 0},
    {"string", F_TEXT, 's'},   {"safe", F_TEXT, 's'},       {"list", F_LIST, 0},
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
        return join(r, value, arguments);
    case F_MAP:
        return map(r, value, arguments);
    case F_SORT:
        return sort(r, value, arguments);
    case F_UNIQUE:
        return unique(r, value, arguments);
    case F_DICTSORT:
        return sort_dict(r, value, arguments);
    case F_INT:
    case F_FLOAT:
        return to_number(r, value, arguments, filters[i].filter == F_INT);
    case F_ABS:
        return to_absolute(r, value);
    case F_ROUND:
        return to_rounded(r, value, arguments);
    case F_SUM:
        return sum(r, value);
    case F_REVERSE:
        return reverse(r, value);
    case F_INDENT:
        return indent_lines(r, value, arguments);
    case F_ESCAPE:
        return escape(r, value);
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

/* 6. Tests */

/* What compares with an argument; false where it is another test. */
static bool test_against(at_jinja_run *r,
                         const char *test,
                         const at_jinja_value *value,
                         const at_jinja_value *other,
                         bool *out)
{
    static const struct {
        const char *name;
        char sign;
    } signs[] = {{"equalto", '='},     {"eq", '='},    {"==", '='}, {"ne", '!'},
                 {"!=", '!'},          {"gt", '>'},    {">", '>'},  {"greaterthan", '>'},
                 {"ge", 'g'},          {">=", 'g'},    {"lt", '<'}, {"<", '<'},
                 {"lessthan", '<'},    {"le", 'l'},    {"<=", 'l'}, {"in", 'i'},
                 {"divisibleby", '%'}, {"sameas", '='}};

    char sign = '\0';
    int order = 0;
    int64_t a = 0;
    int64_t b = 0;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        sign = strcmp(signs[i].name, test) == 0 ? signs[i].sign : sign;
    }
    if (!sign || !other) {
        return false;
    }
    if (sign == '=' || sign == '!') {
        *out = at_jinja_is_equal(r, value, other) == (sign == '=');
    } else if (sign == '%') {
        *out = at_jinja_as_int(value, &a) && at_jinja_as_int(other, &b) && b != 0 &&
               (b == -1 || a % b == 0);
    } else if (sign == 'i') {
        if (at_jinja_is_text(other) && at_jinja_is_text(value)) {
            *out = memmem(other->as.text.bytes, other->as.text.n, value->as.text.bytes,
                          value->as.text.n) != NULL;
            return true;
        }
        const at_jinja_value *list = at_jinja_elements(r, other);
        *out = false;
        for (size_t i = 0; list && !*out && i < list->as.list.n; i++) {
            *out = at_jinja_is_equal(r, list->as.list.items[i], value);
        }
    } else if (at_jinja_compare(r, value, other, &order)) {
        *out = sign == '>'   ? order > 0
               : sign == 'g' ? order >= 0
               : sign == '<' ? order < 0
                             : order <= 0;
    }
    return true;
}

/* Whether a text's letters are all of a case. */
static bool has_case(at_jinja_run *r, const at_jinja_value *value, bool is_upper)
{
    at_jinja_arguments none = {0};
    const at_jinja_value *holds =
        at_jinja_is_text(value)
            ? at_jinja_method(r, value, is_upper ? "isupper" : "islower", &none)
            : NULL;
    return holds && holds->as.boolean;
}

bool at_jinja_test(at_jinja_run *r,
                   const char *name,
                   const at_jinja_value *value,
                   const at_jinja_arguments *arguments,
                   bool *out)
{
    at_jinja_type type = value->type;
    int64_t integer = 0;
    bool is_whole = at_jinja_as_int(value, &integer);
    bool is_held = at_jinja_is_text(value) || at_jinja_is_list(value) ||
                   at_jinja_is_dict(value) || type == AT_JINJA_UNDEFINED;

    const struct {
        const char *name;
        bool holds;
    } tests[] = {
        {"defined", type != AT_JINJA_UNDEFINED},
        {"undefined", type == AT_JINJA_UNDEFINED},
        {"none", type == AT_JINJA_NONE},
        {"string", at_jinja_is_text(value)},
        {"mapping", at_jinja_is_dict(value)},
        {"iterable", is_held},
        {"sequence", is_held},
        {"number", is_whole || type == AT_JINJA_REAL},
        {"integer", type == AT_JINJA_INT},
        {"float", type == AT_JINJA_REAL},
        {"boolean", type == AT_JINJA_BOOL},
        {"true", type == AT_JINJA_BOOL && value->as.boolean},
        {"false", type == AT_JINJA_BOOL && !value->as.boolean},
        {"callable",
         type == AT_JINJA_METHOD || type == AT_JINJA_FUNCTION || type == AT_JINJA_MACRO},
        {"odd", is_whole && integer % 2 != 0},
        {"even", is_whole && integer % 2 == 0},
    };

    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(tests[i].name, name) == 0) {
            *out = tests[i].holds;
            return true;
        }
    }
    if (strcmp(name, "upper") == 0 || strcmp(name, "lower") == 0) {
        *out = has_case(r, value, name[0] == 'u');
        return r->status == ATTRIB_OK;
    }
    if (test_against(r, name, value, at_jinja_argument(arguments, 0, NULL), out)) {
        return r->status == ATTRIB_OK;
    }
    return at_jinja_fail(r, ATTRIB_ENOTSUP, "test \"%.32s\"", name);
}
