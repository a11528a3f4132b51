/* SPDX-License-Identifier: MIT */
/* Jinja: what operators make of values.
 *
 *   1. Arithmetic   2. Comparisons */
#include <math.h>
#include <string.h>

#include "tokenizer/jinja_tree.h"

/* 1. Arithmetic */

static const at_jinja_value *concat(at_jinja_walk *w,
                                    const at_jinja_value *left,
                                    const at_jinja_value *right)
{
    at_jinja_builder b = {0};
    if (at_jinja_is_text(left) && at_jinja_is_text(right)) {
        at_jinja_reserve(w->r, &b, left->as.text.n + right->as.text.n);
    }
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

static bool is_nothing(const at_jinja_value *value)
{
    return value->type == AT_JINJA_UNDEFINED || value->type == AT_JINJA_NONE;
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
    at_jinja_fail(w->r, ATTRIB_EINVAL, "\"%c\" between %s and %s%s", sign,
                  at_jinja_type_name(left), at_jinja_type_name(right),
                  is_nothing(left) || is_nothing(right)
                      ? " (does a message lack its content, or what else it prints?)"
                      : "");
    return NULL;
}

static const at_jinja_value *combine(at_jinja_walk *w,
                                     char sign,
                                     const at_jinja_value *left,
                                     const at_jinja_value *right)
{
    int64_t n = 0;
    if (sign == '~') {
        return concat(w, left, right);
    }
    if (sign == '+' && at_jinja_is_text(left) && at_jinja_is_text(right)) {
        if (at_jinja_is_safe(left) != at_jinja_is_safe(right)) {
            left = at_jinja_escape(w->r, left); /* what is safe stays as it is */
            right = at_jinja_escape(w->r, right);
        }
        return left && right ? concat(w, left, right) : NULL;
    }
    if (sign == '+' && left->type == right->type && at_jinja_is_list(left)) {
        return join_lists(w, left, right);
    }
    if (sign == '*' && at_jinja_is_text(left) && at_jinja_as_int(right, &n)) {
        return repeat(w, left, n);
    }
    if (sign == '%' && at_jinja_is_text(left)) {
        bool is_tuple = right->type == AT_JINJA_TUPLE;
        return at_jinja_format(w->r, left, is_tuple ? right->as.list.items : &right,
                               is_tuple ? right->as.list.n : 1);
    }
    return compute(w, sign, left, right);
}

const at_jinja_value *at_jinja_combine(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *left = at_jinja_evaluate(w, node->a);
    const at_jinja_value *right = left ? at_jinja_evaluate(w, node->b) : NULL;
    return right ? combine(w, node->sign, left, right) : NULL;
}

/* The terms of a sum, a + b + c: how many of them, 1 where it is none. */
static size_t count_terms(const at_jinja_node *node)
{
    size_t n = 1;
    for (; node->kind == AT_NODE_BINARY && node->sign == '+'; node = node->a) {
        n++;
    }
    return n;
}

/* Evaluate the terms of a sum from its left: values [n]. */
static bool evaluate_terms(at_jinja_walk *w,
                           const at_jinja_node *node,
                           const at_jinja_value **values,
                           size_t n)
{
    if (n > 1 && !evaluate_terms(w, node->a, values, n - 1)) {
        return false;
    }
    values[n - 1] = at_jinja_evaluate(w, n > 1 ? node->b : node);
    return values[n - 1];
}

#define MAX_TERMS 16

/* Texts are printed one by one, since a sum of long ones would be a copy for each. */
bool at_jinja_print_sum(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *values[MAX_TERMS] = {NULL};
    const at_jinja_value *sum = NULL;
    size_t n = count_terms(node);
    size_t n_plain = 0;
    if (n > MAX_TERMS || n == 1) {
        sum = at_jinja_evaluate(w, node);
        return sum && at_jinja_add_str(w->r, w->out, sum);
    }
    if (!evaluate_terms(w, node, values, n)) {
        return false;
    }
    while (n_plain < n && at_jinja_is_text(values[n_plain]) &&
           !at_jinja_is_safe(values[n_plain])) {
        n_plain++;
    }
    sum = values[0];
    for (size_t i = 1; n_plain < n && i < n && sum; i++) {
        sum = combine(w, '+', sum, values[i]);
    }
    for (size_t i = 0; n_plain == n && i < n; i++) {
        if (!at_jinja_add_str(w->r, w->out, values[i])) {
            return false;
        }
    }
    return n_plain == n || (sum && at_jinja_add_str(w->r, w->out, sum));
}

const at_jinja_value *at_jinja_negate(at_jinja_walk *w, const at_jinja_node *node)
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

/* 2. Comparisons */

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

const at_jinja_value *at_jinja_compare_all(at_jinja_walk *w, const at_jinja_node *node)
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
