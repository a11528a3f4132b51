/* SPDX-License-Identifier: MIT */
/* Jinja: what expressions are worth. It calls jinja_operate.c, jinja_call.c and
 * jinja_run.c in a circle: operands and arguments are expressions, and a macro's body is
 * a template.
 *
 *   1. Names and members   2. Slices   3. Filters and tests   4. Collections
 *   5. The whole */
#include <string.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_tree.h"

/* 1. Names and members */

const at_jinja_value *at_jinja_name_method(at_jinja_walk *w,
                                           const at_jinja_value *self,
                                           const char *name)
{
    at_jinja_value *made = at_jinja_new(w->r, self ? AT_JINJA_METHOD : AT_JINJA_FUNCTION);
    if (made) {
        made->as.method.self = self;
        made->as.method.name = name;
    }
    return made;
}

static const at_jinja_value *look_up(at_jinja_walk *w, const at_jinja_node *node)
{
    static const char *const functions[] = {"raise_exception", "namespace", "range",
                                            "strftime_now",    "dict",      NULL};
    const at_jinja_value *found = at_jinja_find_variable(w, node->symbol);
    for (const char *const *name = functions; !found && *name; name++) {
        if (strcmp(*name, node->text) == 0) {
            return at_jinja_name_method(w, NULL, *name);
        }
    }
    return found ? found : &at_jinja_undefined;
}

/* loop.index and its kin. */
static const at_jinja_value *loop_member(at_jinja_walk *w,
                                         const at_jinja_value *value,
                                         const at_jinja_value *key)
{
    const at_jinja_loop *loop = value->as.other;
    size_t n = loop->list->as.list.n;

    const struct {
        const char *name;
        size_t number;
    } numbers[] = {{"index", loop->i + 1},
                   {"index0", loop->i},
                   {"revindex", n - loop->i},
                   {"revindex0", n - loop->i - 1},
                   {"length", n},
                   {"depth", 1},
                   {"depth0", 0}};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (at_jinja_same_text(key, numbers[i].name)) {
            return at_jinja_int(w->r, (int64_t)numbers[i].number);
        }
    }
    if (at_jinja_same_text(key, "first") || at_jinja_same_text(key, "last")) {
        return at_jinja_bool(key->as.text.n == 5 ? loop->i == 0 : loop->i + 1 == n);
    }
    if (at_jinja_same_text(key, "previtem")) {
        return loop->i ? loop->list->as.list.items[loop->i - 1] : &at_jinja_undefined;
    }
    if (at_jinja_same_text(key, "nextitem")) {
        return loop->i + 1 < n ? loop->list->as.list.items[loop->i + 1]
                               : &at_jinja_undefined;
    }
    if (at_jinja_same_text(key, "cycle")) {
        return at_jinja_name_method(w, value, "cycle");
    }
    at_jinja_fail(w->r, ATTRIB_ENOTSUP, "loop.%.*s",
                  key->as.text.n < 32 ? (int)key->as.text.n : 32, key->as.text.bytes);
    return NULL;
}

/* value.key: a method before a member, as Python has it. */
static const at_jinja_value *get_attribute(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *self = at_jinja_evaluate(w, node->a);
    const at_jinja_value *key = node->literal;
    if (!self) {
        return NULL;
    }
    if (self->type == AT_JINJA_LOOP) {
        return loop_member(w, self, key);
    }
    if (self->type != AT_JINJA_NAMESPACE &&
        at_jinja_has_method(self, key->as.text.bytes, key->as.text.n)) {
        return at_jinja_name_method(w, self, key->as.text.bytes);
    }
    return at_jinja_item(w->r, self, key);
}

/* value[key]: a member before a method. */
static const at_jinja_value *get_item(at_jinja_walk *w,
                                      const at_jinja_value *value,
                                      const at_jinja_value *key)
{
    const at_jinja_value *found = at_jinja_item(w->r, value, key);
    if (found && found->type == AT_JINJA_UNDEFINED && at_jinja_is_text(key) &&
        at_jinja_has_method(value, key->as.text.bytes, key->as.text.n)) {
        at_jinja_builder name = {0};
        return at_jinja_add_part(w->r, &name, key, 0, key->as.text.n) &&
                       at_jinja_add(w->r, &name, "", 1, 0)
                   ? at_jinja_name_method(w, value, name.bytes)
                   : NULL;
    }
    return found;
}

/* 2. Slices */

typedef struct bounds {
    int64_t from, to, step;
} bounds;

/* A bound cut to n elements: [0, n], or [-1, n - 1] where it runs backwards. */
static int64_t clip(const at_jinja_value *bound,
                    int64_t missing,
                    int64_t n,
                    bool is_forward)
{
    int64_t low = is_forward ? 0 : -1;
    int64_t high = is_forward ? n : n - 1;
    int64_t i = missing;
    if (at_jinja_as_int(bound, &i) && i < 0) {
        i += n;
    }
    return i < low ? low : i > high ? high : i;
}

static const at_jinja_value *slice_list(at_jinja_walk *w,
                                        const at_jinja_value *list,
                                        bounds b)
{
    at_jinja_value *made = at_jinja_new(w->r, list->type);
    for (int64_t i = b.from; made && (b.step > 0 ? i < b.to : i > b.to); i += b.step) {
        if (!at_jinja_push(w->r, made, list->as.list.items[i])) {
            return NULL;
        }
    }
    return made;
}

/* Characters one after the other are a part; others are joined. */
static const at_jinja_value *slice_text(at_jinja_walk *w,
                                        const at_jinja_value *text,
                                        bounds b)
{
    const char *bytes = text->as.text.bytes;
    size_t start = 0;
    uint32_t ignored = 0;
    at_jinja_builder out = {0};
    if (b.step == 1) {
        int64_t i = 0;
        for (; i < b.from; i++) {
            start += at_get_character(bytes + start, &ignored);
        }
        size_t end = start;
        for (; i < b.to; i++) {
            end += at_get_character(bytes + end, &ignored);
        }
        return at_jinja_part(w->r, text, start, end - start);
    }
    const at_jinja_value *all = at_jinja_elements(w->r, text);
    for (int64_t i = b.from; all && (b.step > 0 ? i < b.to : i > b.to); i += b.step) {
        if (!at_jinja_add_str(w->r, &out, all->as.list.items[i])) {
            return NULL;
        }
    }
    return all ? at_jinja_built(w->r, &out) : NULL;
}

static const at_jinja_value *slice(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_node *parts[3] = {node->b, node->c, node->d};
    const at_jinja_value *values[3] = {NULL, NULL, NULL};
    const at_jinja_value *value = at_jinja_evaluate(w, node->a);
    int64_t step = 1;
    for (size_t i = 0; value && i < 3; i++) {
        values[i] = parts[i] ? at_jinja_evaluate(w, parts[i]) : NULL;
        if (parts[i] && !values[i]) {
            return NULL;
        }
    }
    if (!value) {
        return NULL;
    }
    if (!at_jinja_is_text(value) && !at_jinja_is_list(value)) {
        at_jinja_fail(w->r, ATTRIB_EINVAL, "a slice of %s", at_jinja_type_name(value));
        return NULL;
    }
    int64_t n = (int64_t)at_jinja_length(value);
    (void)at_jinja_as_int(values[2], &step);
    if (step == 0 || step > n + 1 || step < -n - 1 ||
        !at_jinja_work(w->r, (size_t)n / 64)) {
        step = step > 0 ? n + 1 : step < 0 ? -n - 1 : 1;
    }
    bool is_forward = step > 0;
    bounds b = {clip(values[0], is_forward ? 0 : n - 1, n, is_forward),
                clip(values[1], is_forward ? n : -1, n, is_forward), step};
    b.to = is_forward && b.to < b.from ? b.from : b.to;
    return at_jinja_is_text(value) ? slice_text(w, value, b) : slice_list(w, value, b);
}

/* 3. Filters and tests */

static const at_jinja_value *filter(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_arguments arguments;
    const at_jinja_value *value = at_jinja_evaluate(w, node->a);
    return value && at_jinja_take_arguments(w, node->list, &arguments)
               ? at_jinja_filter(w->r, node->text, value, &arguments)
               : NULL;
}

static const at_jinja_value *test(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_arguments arguments;
    bool is_true = false;
    const at_jinja_value *value = at_jinja_evaluate(w, node->a);
    return value && at_jinja_take_arguments(w, node->list, &arguments) &&
                   at_jinja_test(w->r, node->text, value, &arguments, &is_true)
               ? at_jinja_bool(is_true != (node->sign == '!'))
               : NULL;
}

/* 4. Collections */

static const at_jinja_value *collect(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_type type = node->kind == AT_NODE_DICT    ? AT_JINJA_DICT
                         : node->kind == AT_NODE_TUPLE ? AT_JINJA_TUPLE
                                                       : AT_JINJA_LIST;
    at_jinja_value *made = at_jinja_new(w->r, type);
    for (const at_jinja_node *one = node->list; made && one; one = one->next) {
        const at_jinja_value *first = at_jinja_evaluate(w, one->a);
        const at_jinja_value *second =
            first && type == AT_JINJA_DICT ? at_jinja_evaluate(w, one->b) : NULL;
        if (!first || (type == AT_JINJA_DICT ? !at_jinja_set(w->r, made, first, second)
                                             : !at_jinja_push(w->r, made, first))) {
            return NULL;
        }
    }
    return made;
}

/* 5. The whole */

static const at_jinja_value *decide(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *first =
        at_jinja_evaluate(w, node->kind == AT_NODE_CONDITIONAL ? node->b : node->a);
    if (!first) {
        return NULL;
    }
    bool is_true = at_jinja_is_true(first);
    if (node->kind == AT_NODE_CONDITIONAL) {
        return is_true   ? at_jinja_evaluate(w, node->a)
               : node->c ? at_jinja_evaluate(w, node->c)
                         : &at_jinja_undefined;
    }
    return is_true == (node->kind == AT_NODE_AND) ? at_jinja_evaluate(w, node->b) : first;
}

static const at_jinja_value *evaluate(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *value = NULL;
    const at_jinja_value *key = NULL;
    switch (node->kind) {
    case AT_NODE_ATTRIBUTE:
        return get_attribute(w, node);
    case AT_NODE_ITEM:
        value = at_jinja_evaluate(w, node->a);
        key = value ? at_jinja_evaluate(w, node->b) : NULL;
        if (key && value->type == AT_JINJA_LOOP && at_jinja_is_text(key)) {
            return loop_member(w, value, key);
        }
        return key ? get_item(w, value, key) : NULL;
    case AT_NODE_SLICE:
        return slice(w, node);
    case AT_NODE_CALL:
        return at_jinja_call(w, node, NULL);
    case AT_NODE_FILTER:
        return filter(w, node);
    case AT_NODE_TEST:
        return test(w, node);
    case AT_NODE_UNARY:
        return at_jinja_negate(w, node);
    case AT_NODE_BINARY:
        return at_jinja_combine(w, node);
    case AT_NODE_COMPARE:
        return at_jinja_compare_all(w, node);
    case AT_NODE_LIST:
    case AT_NODE_TUPLE:
    case AT_NODE_DICT:
        return collect(w, node);
    default: /* and, or, if ... else */
        return decide(w, node);
    }
}

const at_jinja_value *at_jinja_evaluate(at_jinja_walk *w, const at_jinja_node *node)
{
    if (node->kind == AT_NODE_LITERAL) {
        return node->literal;
    }
    if (node->kind == AT_NODE_NAME) {
        return at_jinja_work(w->r, 1) ? look_up(w, node) : NULL;
    }
    if (!at_jinja_enter(w->r)) {
        return NULL;
    }
    const at_jinja_value *value = evaluate(w, node);
    at_jinja_leave(w->r);
    return w->r->status == ATTRIB_OK ? value : NULL;
}
