/* SPDX-License-Identifier: MIT */
/* Jinja: calls of macros, functions and methods.
 *
 *   1. Arguments   2. Macros   3. Functions   4. Calls
 *
 * Source: Jinja 3.1, runtime.py, Macro.__call__(). */
#include <string.h>
#include <time.h>

#include "tokenizer/jinja_tree.h"

/* 1. Arguments */

static bool add_named(at_jinja_walk *w,
                      at_jinja_arguments *out,
                      const at_jinja_value *name,
                      const at_jinja_value *value)
{
    if (!out->named && !(out->named = at_jinja_new(w->r, AT_JINJA_DICT))) {
        return false;
    }
    if (at_jinja_is_text(name) &&
        at_jinja_find(out->named, name->as.text.bytes, name->as.text.n)) {
        return at_jinja_fail(w->r, ATTRIB_EINVAL, "argument \"%.*s\" is given twice",
                             name->as.text.n < 32 ? (int)name->as.text.n : 32,
                             name->as.text.bytes);
    }
    return at_jinja_set(w->r, out->named, name, value);
}

/* Add the elements of *list to the arguments by place. */
static bool add_spread(at_jinja_walk *w,
                       at_jinja_value *items,
                       const at_jinja_value *value)
{
    const at_jinja_value *list = at_jinja_elements(w->r, value);
    for (size_t i = 0; list && i < list->as.list.n; i++) {
        if (!at_jinja_push(w->r, items, list->as.list.items[i])) {
            return false;
        }
    }
    return list != NULL;
}

/* Add the pairs of **dict to the arguments by name. */
static bool add_pairs(at_jinja_walk *w,
                      at_jinja_arguments *out,
                      const at_jinja_value *dict)
{
    bool is_added = true;
    if (!at_jinja_is_dict(dict)) {
        return at_jinja_fail(w->r, ATTRIB_EINVAL, "\"**\" before %s",
                             at_jinja_type_name(dict));
    }
    for (size_t i = 0; is_added && i < dict->as.dict.n; i++) {
        const at_jinja_pair *pair = &dict->as.dict.pairs[i];
        is_added = at_jinja_is_text(pair->key)
                       ? add_named(w, out, pair->key, pair->value)
                       : at_jinja_fail(w->r, ATTRIB_EINVAL, "%s as an argument's name",
                                       at_jinja_type_name(pair->key));
    }
    return is_added;
}

bool at_jinja_take_arguments(at_jinja_walk *w,
                             const at_jinja_node *list,
                             at_jinja_arguments *out)
{
    bool is_taken = true;
    at_jinja_value items = {.type = AT_JINJA_LIST};
    *out = (at_jinja_arguments){0};
    for (; is_taken && list; list = list->next) {
        const at_jinja_value *value = at_jinja_evaluate(w, list->a);
        if (!value) {
            return false;
        }
        if (list->text) {
            is_taken = add_named(
                w, out, at_jinja_borrow(w->r, list->text, strlen(list->text)), value);
        } else if (list->sign == '*') {
            is_taken = add_spread(w, &items, value);
        } else if (list->sign == '^') {
            is_taken = add_pairs(w, out, value);
        } else {
            is_taken = at_jinja_push(w->r, &items, value);
        }
    }
    out->items = items.as.list.items;
    out->n = items.as.list.n;
    return is_taken;
}

/* 2. Macros */

/* Bind the parameters: to arguments by place, then by name, then to their defaults, which
 * see what was given to all others. Named arguments that were taken leave `named`. */
static bool bind_parameters(at_jinja_walk *w,
                            const at_jinja_node *macro,
                            const at_jinja_arguments *given,
                            at_jinja_value *named)
{
    size_t i = 0;
    const at_jinja_node *p = macro->list;
    for (; p; p = p->next, i++) {
        const at_jinja_value *value = i < given->n ? given->items[i] : NULL;
        value = value ? value : at_jinja_remove(named, p->text);
        if (!at_jinja_bind(w, p->symbol, value ? value : &at_jinja_missing)) {
            return false;
        }
    }
    for (p = macro->list; p; p = p->next) {
        if (at_jinja_find_variable(w, p->symbol) != &at_jinja_missing) {
            continue;
        }
        const at_jinja_value *value =
            p->a ? at_jinja_evaluate(w, p->a) : &at_jinja_undefined;
        if (!value || !at_jinja_bind(w, p->symbol, value)) {
            return false;
        }
    }
    return true;
}

/* What is left over, for a macro that reads caller, kwargs or varargs; an error for one
 * that does not. */
static bool bind_rest(at_jinja_walk *w,
                      const at_jinja_node *macro,
                      const at_jinja_arguments *given,
                      at_jinja_value *named)
{
    size_t n = 0;
    bool takes_names = false;
    bool takes_places = false;
    for (const at_jinja_node *p = macro->list; p; p = p->next) {
        n++;
    }
    for (const at_jinja_node *p = macro->other; p; p = p->next) {
        const at_jinja_value *value = named;
        if (p->text[0] == 'c') {
            value = at_jinja_remove(named, p->text);
            value = value ? value : &at_jinja_undefined;
        } else if (p->text[0] == 'v') {
            at_jinja_value *rest = at_jinja_new(w->r, AT_JINJA_TUPLE);
            for (size_t i = n; rest && i < given->n; i++) {
                rest = at_jinja_push(w->r, rest, given->items[i]) ? rest : NULL;
            }
            value = rest;
        }
        takes_names = takes_names || p->text[0] == 'k';
        takes_places = takes_places || p->text[0] == 'v';
        if (!value || !at_jinja_bind(w, p->symbol, value)) {
            return false;
        }
    }
    if (given->n > n && !takes_places) {
        return at_jinja_fail(w->r, ATTRIB_EINVAL, "macro \"%.32s\" takes %zu arguments",
                             macro->text, n);
    }
    if (named->as.dict.n && !takes_names) {
        return at_jinja_fail(w->r, ATTRIB_EINVAL,
                             "macro \"%.32s\" takes no argument \"%.32s\"", macro->text,
                             named->as.dict.pairs[0].key->as.text.bytes);
    }
    return true;
}

static const at_jinja_value *call_macro(at_jinja_walk *w,
                                        const at_jinja_macro *macro,
                                        const at_jinja_arguments *arguments)
{
    const at_jinja_value *printed = NULL;
    at_jinja_flow flow = w->flow;
    at_jinja_scope *before = w->scope;
    at_jinja_value *named =
        arguments->named ? arguments->named : at_jinja_new(w->r, AT_JINJA_DICT);
    if (!named || !at_jinja_open_scope(w, macro->scope)) {
        return NULL;
    }
    if (bind_parameters(w, macro->node, arguments, named) &&
        bind_rest(w, macro->node, arguments, named)) {
        printed = at_jinja_print_apart(w, macro->node->body);
    }
    at_jinja_close_scope(w, before);
    w->flow = flow;
    return printed;
}

/* 3. Functions */

/* The day as strftime() writes it; midnight is its hour. */
static const at_jinja_value *print_date(at_jinja_walk *w, const at_jinja_value *format)
{
    struct tm day = {0};
    char pattern[64] = "";
    char out[256] = "";
    if (!at_jinja_is_text(format) || format->as.text.n >= sizeof pattern) {
        at_jinja_fail(w->r, ATTRIB_EINVAL, "strftime_now() without a format");
        return NULL;
    }
    memcpy(pattern, format->as.text.bytes, format->as.text.n);
    if (!w->date || !strptime(w->date, "%Y-%m-%d", &day)) {
        at_jinja_fail(w->r, ATTRIB_EINVAL, "it asks for the date, and there is none");
        return NULL;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = strftime(out, sizeof out, pattern, &day);
#pragma GCC diagnostic pop
    return at_jinja_text(w->r, out, n);
}

static const at_jinja_value *make_range(at_jinja_walk *w,
                                        const at_jinja_arguments *arguments)
{
    int64_t bounds[3] = {0, 0, 1};
    at_jinja_value *made = at_jinja_new(w->r, AT_JINJA_LIST);
    for (size_t i = 0; i < arguments->n && i < 3; i++) {
        if (!at_jinja_as_int(arguments->items[i], &bounds[i]) || bounds[i] > INT32_MAX ||
            bounds[i] < INT32_MIN) {
            at_jinja_fail(w->r, ATTRIB_EINVAL, "range() of what is no integer");
            return NULL;
        }
    }
    if (arguments->n == 1) {
        bounds[1] = bounds[0];
        bounds[0] = 0;
    }
    if (arguments->n == 0 || bounds[2] == 0) {
        at_jinja_fail(w->r, ATTRIB_EINVAL, "range() without an end");
        return NULL;
    }
    for (int64_t i = bounds[0]; made && (bounds[2] > 0 ? i < bounds[1] : i > bounds[1]);
         i += bounds[2]) {
        if (!at_jinja_work(w->r, 1) ||
            !at_jinja_push(w->r, made, at_jinja_int(w->r, i))) {
            return NULL;
        }
    }
    return made;
}

/* namespace(a = 1) or dict(a = 1), of a dictionary too. */
static const at_jinja_value *make_dict(at_jinja_walk *w,
                                       at_jinja_type type,
                                       const at_jinja_arguments *arguments)
{
    at_jinja_value *made = at_jinja_new(w->r, type);
    const at_jinja_value *sources[2] = {at_jinja_argument(arguments, 0, NULL),
                                        arguments->named};
    for (size_t k = 0; made && k < 2; k++) {
        const at_jinja_value *from = sources[k];
        if (from && !at_jinja_is_dict(from)) {
            at_jinja_fail(w->r, ATTRIB_ENOTSUP, "a dictionary of %s",
                          at_jinja_type_name(from));
            return NULL;
        }
        for (size_t i = 0; from && i < from->as.dict.n; i++) {
            if (!at_jinja_set(w->r, made, from->as.dict.pairs[i].key,
                              from->as.dict.pairs[i].value)) {
                return NULL;
            }
        }
    }
    return made;
}

static const at_jinja_value *call_function(at_jinja_walk *w,
                                           const char *name,
                                           const at_jinja_arguments *arguments)
{
    const at_jinja_value *first = at_jinja_argument(arguments, 0, NULL);
    switch (name[0]) {
    case 's':
        return print_date(w, first);
    case 'n':
        return make_dict(w, AT_JINJA_NAMESPACE, arguments);
    case 'd':
        return make_dict(w, AT_JINJA_DICT, arguments);
    default:
        break;
    }
    if (strcmp(name, "range") == 0) {
        return make_range(w, arguments);
    }
    first = first ? at_jinja_str(w->r, first) : NULL;
    at_jinja_fail(w->r, ATTRIB_EINVAL, "it refuses this: %.*s",
                  first && first->as.text.n < 150 ? (int)first->as.text.n
                  : first                         ? 150
                                                  : 0,
                  first ? first->as.text.bytes : "");
    return NULL;
}

/* 4. Calls */

const at_jinja_value *at_jinja_call(at_jinja_walk *w,
                                    const at_jinja_node *node,
                                    const at_jinja_value *caller)
{
    at_jinja_arguments arguments;
    const at_jinja_value *callee = at_jinja_evaluate(w, node->a);
    if (!callee || !at_jinja_take_arguments(w, node->list, &arguments) ||
        (caller &&
         !add_named(w, &arguments, at_jinja_borrow(w->r, "caller", 6), caller))) {
        return NULL;
    }
    switch (callee->type) {
    case AT_JINJA_MACRO:
        return call_macro(w, callee->as.other, &arguments);
    case AT_JINJA_FUNCTION:
        return call_function(w, callee->as.method.name, &arguments);
    case AT_JINJA_METHOD:
        break;
    default:
        at_jinja_fail(
            w->r, ATTRIB_EINVAL, "a call of %s \"%.32s\"", at_jinja_type_name(callee),
            node->a->kind == AT_NODE_NAME        ? node->a->text
            : node->a->kind == AT_NODE_ATTRIBUTE ? node->a->literal->as.text.bytes
                                                 : "");
        return NULL;
    }
    const at_jinja_value *self = callee->as.method.self;
    if (self->type != AT_JINJA_LOOP) {
        return at_jinja_method(w->r, self, callee->as.method.name, &arguments);
    }
    const at_jinja_loop *loop = self->as.other;
    return arguments.n ? arguments.items[loop->i % arguments.n] : &at_jinja_undefined;
}
