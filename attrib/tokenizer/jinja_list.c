/* SPDX-License-Identifier: MIT */
/* Jinja: filters of lists: members by path, order, ends and sums. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/jinja_value.h"

const at_jinja_value *at_jinja_refuse(at_jinja_run *r,
                                      const char *name,
                                      const at_jinja_value *value)
{
    at_jinja_fail(r, ATTRIB_ENOTSUP, "filter \"%.32s\" of %s", name,
                  at_jinja_type_name(value));
    return NULL;
}

/* A member by path, "function.name"; numbers are places. */
const at_jinja_value *at_jinja_attribute(at_jinja_run *r,
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
    const at_jinja_value *key = path ? at_jinja_attribute(r, item, path) : item;
    return key && at_jinja_is_text(key) && !heeds_case ? at_jinja_change_case(r, key, 'l')
                                                       : key;
}

bool at_jinja_is_set(const at_jinja_arguments *arguments, size_t i, const char *name)
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

const at_jinja_value *at_jinja_sort(at_jinja_run *r,
                                    const at_jinja_value *value,
                                    const at_jinja_arguments *arguments)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    const at_jinja_value *path = at_jinja_argument(arguments, 2, "attribute");
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    ordering o = {r, at_jinja_is_set(arguments, 0, "reverse")};
    keyed *all =
        list && made
            ? make_keyed(r, list, path, at_jinja_is_set(arguments, 1, "case_sensitive"))
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

const at_jinja_value *at_jinja_unique(at_jinja_run *r,
                                      const at_jinja_value *value,
                                      const at_jinja_arguments *arguments)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    const at_jinja_value *path = at_jinja_argument(arguments, 1, "attribute");
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    at_jinja_value *keys = at_jinja_new(r, AT_JINJA_LIST);
    bool heeds_case = at_jinja_is_set(arguments, 0, "case_sensitive");
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
const at_jinja_value *at_jinja_sort_dict(at_jinja_run *r,
                                         const at_jinja_value *value,
                                         const at_jinja_arguments *arguments)
{
    const at_jinja_value *by = at_jinja_argument(arguments, 1, "by");
    at_jinja_value *named = at_jinja_new(r, AT_JINJA_DICT);
    const at_jinja_value *place =
        at_jinja_int(r, by && at_jinja_same_text(by, "value") ? 1 : 0);
    at_jinja_arguments sorted = {NULL, 0, named};
    if (!at_jinja_is_dict(value)) {
        return at_jinja_refuse(r, "dictsort", value);
    }
    if (!named || !place ||
        !at_jinja_set(r, named, at_jinja_borrow(r, "attribute", 9), place) ||
        !at_jinja_set(r, named, at_jinja_borrow(r, "case_sensitive", 14),
                      at_jinja_bool(at_jinja_is_set(arguments, 0, "case_sensitive"))) ||
        !at_jinja_set(r, named, at_jinja_borrow(r, "reverse", 7),
                      at_jinja_bool(at_jinja_is_set(arguments, 2, "reverse")))) {
        return NULL;
    }
    return at_jinja_sort(r, at_jinja_pairs(r, value, 'i'), &sorted);
}

const at_jinja_value *at_jinja_join_list(at_jinja_run *r,
                                         const at_jinja_value *value,
                                         const at_jinja_arguments *arguments)
{
    at_jinja_builder b = {0};
    const at_jinja_value *list = at_jinja_elements(r, value);
    const at_jinja_value *by = at_jinja_argument(arguments, 0, "d");
    const at_jinja_value *path = at_jinja_argument(arguments, 1, "attribute");
    for (size_t i = 0; list && i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        item = path ? at_jinja_attribute(r, item, path) : item;
        if (!item || (i > 0 && by && !at_jinja_add_str(r, &b, by)) ||
            !at_jinja_add_str(r, &b, item)) {
            return NULL;
        }
    }
    return list ? at_jinja_built(r, &b) : NULL;
}

/* The least or the greatest element. */
const at_jinja_value *at_jinja_extreme(at_jinja_run *r,
                                       const at_jinja_value *value,
                                       bool is_least)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    const at_jinja_value *best = &at_jinja_undefined;
    for (size_t i = 0; list && i < list->as.list.n; i++) {
        int order = 0;
        const at_jinja_value *item = list->as.list.items[i];
        if (i > 0 && !at_jinja_compare(r, item, best, &order)) {
            return NULL;
        }
        best = i == 0 || (is_least ? order < 0 : order > 0) ? item : best;
    }
    return list ? best : NULL;
}

const at_jinja_value *at_jinja_sum(at_jinja_run *r, const at_jinja_value *value)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    int64_t total = 0;
    for (size_t i = 0; list && i < list->as.list.n; i++) {
        int64_t addend = 0;
        if (!at_jinja_as_int(list->as.list.items[i], &addend) || addend > INT32_MAX ||
            addend < INT32_MIN) {
            return at_jinja_refuse(r, "sum", list->as.list.items[i]);
        }
        total += addend;
    }
    return list ? at_jinja_int(r, total) : NULL;
}

const at_jinja_value *at_jinja_reverse(at_jinja_run *r, const at_jinja_value *value)
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

const at_jinja_value *at_jinja_end_of(at_jinja_run *r,
                                      const at_jinja_value *value,
                                      bool is_last)
{
    const at_jinja_value *list = at_jinja_elements(r, value);
    size_t n = list ? list->as.list.n : 0;
    return !list ? NULL
           : n   ? list->as.list.items[is_last ? n - 1 : 0]
                 : &at_jinja_undefined;
}
