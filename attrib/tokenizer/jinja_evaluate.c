/* SPDX-License-Identifier: MIT */
/* Jinja: what expressions are worth.
 *
 *   1. Names and members   2. Slices   3. Arithmetic   4. Comparisons   5. Calls
 *   6. Collections   7. The whole */
#include <math.h>
#include <string.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_tree.h"

/* 1. Names and members */

/* The innermost binding of a name: of the scopes that are open, or, in a macro, of its
 * own and the outermost. */
static const at_jinja_value *find_variable(const at_jinja_walk *w, int symbol)
{
    for (size_t i = w->n; i-- > w->call;) {
        if (w->bindings[i].symbol == symbol) {
            return w->bindings[i].value;
        }
    }
    for (size_t i = w->call ? w->n_top : 0; i-- > 0;) {
        if (w->bindings[i].symbol == symbol) {
            return w->bindings[i].value;
        }
    }
    return NULL;
}

static const at_jinja_value *name_method(at_jinja_walk *w,
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
    const at_jinja_value *found = find_variable(w, node->symbol);
    for (const char *const *name = functions; !found && *name; name++) {
        if (strcmp(*name, node->text) == 0) {
            return name_method(w, NULL, *name);
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
    } numbers[] = {
        {"index", loop->i + 1},         {"index0", loop->i}, {"revindex", n - loop->i},
        {"revindex0", n - loop->i - 1}, {"length", n},       {"depth", loop->depth},
        {"depth0", loop->depth - 1}};

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
        return name_method(w, value, "cycle");
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
        return name_method(w, self, key->as.text.bytes);
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
                   ? name_method(w, value, name.bytes)
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

/* 3. Arithmetic */

static const at_jinja_value *concat(at_jinja_walk *w,
                                    const at_jinja_value *left,
                                    const at_jinja_value *right)
{
    at_jinja_builder b = {0};
    return at_jinja_add_str(w->r, &b, left) && at_jinja_add_str(w->r, &b, right)
               ? at_jinja_built(w->r, &b)
               : NULL;
}

static const at_jinja_value *join_lists(at_jinja_walk *w,
                                        const at_jinja_value *left,
                                        const at_jinja_value *right)
{
    at_jinja_value *made = at_jinja_new(w->r, left->type);
    const at_jinja_value *const both[2] = {left, right};
    for (size_t k = 0; made && k < 2; k++) {
        for (size_t i = 0; i < both[k]->as.list.n; i++) {
            if (!at_jinja_push(w->r, made, both[k]->as.list.items[i])) {
                return NULL;
            }
        }
    }
    return made;
}

static const at_jinja_value *repeat(at_jinja_walk *w,
                                    const at_jinja_value *text,
                                    int64_t n)
{
    at_jinja_builder b = {0};
    for (int64_t i = 0; i < n; i++) {
        if (!at_jinja_work(w->r, 1) || !at_jinja_add_str(w->r, &b, text)) {
            return NULL;
        }
    }
    return at_jinja_built(w->r, &b);
}

static const at_jinja_value *make_real(at_jinja_walk *w, double value)
{
    at_jinja_value *made = at_jinja_new(w->r, AT_JINJA_REAL);
    if (made) {
        made->as.real = value;
    }
    return made;
}

/* Integers below 2^31, as templates count; Python's // and % round down. */
static const at_jinja_value *count_with(at_jinja_walk *w, char sign, int64_t a, int64_t b)
{
    const int64_t limit = (int64_t)1 << 31;
    bool divides = sign == '%' || sign == '|' || sign == '/';
    if (a >= limit || a <= -limit || b >= limit || b <= -limit || (divides && b == 0)) {
        at_jinja_fail(w->r, b ? ATTRIB_ERANGE : ATTRIB_EINVAL, "operands of \"%c\"",
                      sign);
        return NULL;
    }
    int64_t rest = divides ? ((a % b) + b) % b : 0;
    switch (sign) {
    case '+':
        return at_jinja_int(w->r, a + b);
    case '-':
        return at_jinja_int(w->r, a - b);
    case '*':
        return at_jinja_int(w->r, a * b);
    case '%':
        return at_jinja_int(w->r, rest);
    case '|':
        return at_jinja_int(w->r, (a - rest) / b);
    default:
        return make_real(w, (double)a / (double)b);
    }
}

static const at_jinja_value *compute(at_jinja_walk *w,
                                     char sign,
                                     const at_jinja_value *left,
                                     const at_jinja_value *right)
{
    int64_t a = 0;
    int64_t b = 0;
    double x = 0;
    double y = 0;
    if (at_jinja_as_int(left, &a) && at_jinja_as_int(right, &b) && sign != '^') {
        return count_with(w, sign, a, b);
    }
    if (at_jinja_as_real(left, &x) && at_jinja_as_real(right, &y)) {
        switch (sign) {
        case '+':
            return make_real(w, x + y);
        case '-':
            return make_real(w, x - y);
        case '*':
            return make_real(w, x * y);
        case '/':
            return make_real(w, x / y);
        case '^':
            if (at_jinja_as_int(left, &a) && at_jinja_as_int(right, &b) && b >= 0 &&
                fabs(pow(x, y)) < 9e15) {
                return at_jinja_int(w->r, (int64_t)pow(x, y));
            }
            return make_real(w, pow(x, y));
        default:
            break;
        }
    }
    at_jinja_fail(w->r, ATTRIB_EINVAL, "\"%c\" between %s and %s", sign,
                  at_jinja_type_name(left), at_jinja_type_name(right));
    return NULL;
}

static const at_jinja_value *combine(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *left = at_jinja_evaluate(w, node->a);
    const at_jinja_value *right = left ? at_jinja_evaluate(w, node->b) : NULL;
    int64_t n = 0;
    if (!right) {
        return NULL;
    }
    if (node->sign == '~') {
        return concat(w, left, right);
    }
    if (node->sign == '+' && at_jinja_is_text(left) && at_jinja_is_text(right)) {
        if (at_jinja_is_safe(left) != at_jinja_is_safe(right)) {
            left = at_jinja_escape(w->r, left); /* what is safe stays as it is */
            right = at_jinja_escape(w->r, right);
        }
        return left && right ? concat(w, left, right) : NULL;
    }
    if (node->sign == '+' && left->type == right->type && at_jinja_is_list(left)) {
        return join_lists(w, left, right);
    }
    if (node->sign == '*' && at_jinja_is_text(left) && at_jinja_as_int(right, &n)) {
        return repeat(w, left, n);
    }
    if (node->sign == '%' && at_jinja_is_text(left)) {
        bool is_tuple = right->type == AT_JINJA_TUPLE;
        return at_jinja_format(w->r, left, is_tuple ? right->as.list.items : &right,
                               is_tuple ? right->as.list.n : 1);
    }
    return compute(w, node->sign, left, right);
}

static const at_jinja_value *negate(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *value = at_jinja_evaluate(w, node->a);
    int64_t integer = 0;
    double real = 0;
    if (!value || node->sign == '!') {
        return value ? at_jinja_bool(!at_jinja_is_true(value)) : NULL;
    }
    if (at_jinja_as_int(value, &integer) && integer > INT64_MIN) {
        return at_jinja_int(w->r, node->sign == '-' ? -integer : integer);
    }
    if (at_jinja_as_real(value, &real)) {
        return make_real(w, node->sign == '-' ? -real : real);
    }
    at_jinja_fail(w->r, ATTRIB_EINVAL, "\"%c\" of %s", node->sign,
                  at_jinja_type_name(value));
    return NULL;
}

/* 4. Comparisons */

static bool contains(at_jinja_walk *w,
                     const at_jinja_value *held,
                     const at_jinja_value *value,
                     bool *out)
{
    *out = false;
    if (at_jinja_is_text(held) && at_jinja_is_text(value)) {
        *out = memmem(held->as.text.bytes, held->as.text.n, value->as.text.bytes,
                      value->as.text.n) != NULL;
        return at_jinja_work(w->r, held->as.text.n / 64);
    }
    if (at_jinja_is_list(held)) {
        for (size_t i = 0; !*out && i < held->as.list.n; i++) {
            *out = at_jinja_is_equal(w->r, held->as.list.items[i], value);
        }
        return at_jinja_work(w->r, held->as.list.n / 4);
    }
    if ((at_jinja_is_dict(held) || held->type == AT_JINJA_NAMESPACE)) {
        *out = at_jinja_is_text(value) &&
               at_jinja_find(held, value->as.text.bytes, value->as.text.n) != NULL;
        return at_jinja_work(w->r, held->as.dict.n / 16);
    }
    return held->type == AT_JINJA_UNDEFINED ||
           at_jinja_fail(w->r, ATTRIB_EINVAL, "\"in\" %s", at_jinja_type_name(held));
}

static bool holds(at_jinja_walk *w,
                  char sign,
                  const at_jinja_value *left,
                  const at_jinja_value *right,
                  bool *out)
{
    int order = 0;
    if (sign == '=' || sign == '!') {
        *out = at_jinja_is_equal(w->r, left, right) == (sign == '=');
        return w->r->status == ATTRIB_OK;
    }
    if (sign == 'i' || sign == 'n') {
        bool is_in = false;
        if (!contains(w, right, left, &is_in)) {
            return false;
        }
        *out = is_in == (sign == 'i');
        return true;
    }
    if (!at_jinja_compare(w->r, left, right, &order)) {
        return false;
    }
    *out = sign == '<'   ? order < 0
           : sign == '>' ? order > 0
           : sign == 'l' ? order <= 0
                         : order >= 0;
    return true;
}

static const at_jinja_value *compare(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *left = at_jinja_evaluate(w, node->a);
    bool all_hold = true;
    for (const at_jinja_node *one = node->list; left && all_hold && one;
         one = one->next) {
        const at_jinja_value *right = at_jinja_evaluate(w, one->a);
        if (!right || !holds(w, one->sign, left, right, &all_hold)) {
            return NULL;
        }
        left = right;
    }
    return left ? at_jinja_bool(all_hold) : NULL;
}

/* 5. Calls */

static bool take_arguments(at_jinja_walk *w,
                           const at_jinja_node *list,
                           at_jinja_arguments *out)
{
    *out = (at_jinja_arguments){0};
    at_jinja_value items = {.type = AT_JINJA_LIST};
    for (; list; list = list->next) {
        const at_jinja_value *value = at_jinja_evaluate(w, list->a);
        if (!value) {
            return false;
        }
        if (!list->text) {
            if (!at_jinja_push(w->r, &items, value)) {
                return false;
            }
            continue;
        }
        if (!out->named && !(out->named = at_jinja_new(w->r, AT_JINJA_DICT))) {
            return false;
        }
        if (!at_jinja_set(w->r, out->named,
                          at_jinja_borrow(w->r, list->text, strlen(list->text)), value)) {
            return false;
        }
    }
    out->items = items.as.list.items;
    out->n = items.as.list.n;
    return true;
}

static const at_jinja_value *call(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_arguments arguments;
    const at_jinja_value *callee = at_jinja_evaluate(w, node->a);
    if (!callee || !take_arguments(w, node->list, &arguments)) {
        return NULL;
    }
    switch (callee->type) {
    case AT_JINJA_MACRO:
        return at_jinja_call_macro(w, callee->as.other, &arguments);
    case AT_JINJA_FUNCTION:
        return at_jinja_call_function(w, callee->as.method.name, &arguments);
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

static const at_jinja_value *filter(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_arguments arguments;
    const at_jinja_value *value = at_jinja_evaluate(w, node->a);
    return value && take_arguments(w, node->list, &arguments)
               ? at_jinja_filter(w->r, node->text, value, &arguments)
               : NULL;
}

static const at_jinja_value *test(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_arguments arguments;
    bool is_true = false;
    const at_jinja_value *value = at_jinja_evaluate(w, node->a);
    return value && take_arguments(w, node->list, &arguments) &&
                   at_jinja_test(w->r, node->text, value, &arguments, &is_true)
               ? at_jinja_bool(is_true != (node->sign == '!'))
               : NULL;
}

/* 6. Collections */

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

/* 7. The whole */

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
        return call(w, node);
    case AT_NODE_FILTER:
        return filter(w, node);
    case AT_NODE_TEST:
        return test(w, node);
    case AT_NODE_UNARY:
        return negate(w, node);
    case AT_NODE_BINARY:
        return combine(w, node);
    case AT_NODE_COMPARE:
        return compare(w, node);
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
