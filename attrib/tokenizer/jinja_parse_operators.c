/* SPDX-License-Identifier: MIT */
/* Jinja: from tokens to the tree: operators, one function a level of precedence.
 *
 *   1. Operators   2. Tuples */
#include "tokenizer/jinja_parse.h"

/* 1. Operators */

/* A sign before a value; filters after it apply to both. */
static const at_jinja_node *parse_unary(at_jinja_parser *p, bool with_filters)
{
    const at_jinja_node *value = NULL;
    bool is_minus = at_parse_takes(p, AT_TOKEN_OPERATOR, "-");
    if (!at_jinja_enter(&p->r)) {
        return NULL;
    }
    if (is_minus || at_parse_takes(p, AT_TOKEN_OPERATOR, "+")) {
        const at_jinja_node *operand = parse_unary(p, false);
        at_jinja_node *made = operand ? at_parse_node(p, AT_NODE_UNARY) : NULL;
        if (made) {
            made->sign = is_minus ? '-' : '+';
            made->a = operand;
        }
        value = made;
    } else {
        value = at_parse_primary(p);
    }
    value = at_parse_postfix(p, value);
    at_jinja_leave(&p->r);
    return with_filters ? at_parse_filters(p, value) : value;
}

#define N_LEVELS 4

/* Operators that group to the left, from + and - to **. */
static const at_jinja_node *parse_level(at_jinja_parser *p, size_t level)
{
    static const struct {
        const char *text;
        char sign;
        size_t level;
    } operators[] = {{"+", '+', 0}, {"-", '-', 0},  {"~", '~', 1}, {"*", '*', 2},
                     {"/", '/', 2}, {"//", '|', 2}, {"%", '%', 2}, {"**", '^', 3}};

    if (level == N_LEVELS) {
        return parse_unary(p, true);
    }
    const at_jinja_node *left = parse_level(p, level + 1);
    while (left) {
        char sign = '\0';
        for (size_t i = 0; i < sizeof operators / sizeof *operators && !sign; i++) {
            if (operators[i].level == level &&
                at_parse_takes(p, AT_TOKEN_OPERATOR, operators[i].text)) {
                sign = operators[i].sign;
            }
        }
        if (!sign) {
            break;
        }
        left = at_parse_join(p, AT_NODE_BINARY, sign, left, parse_level(p, level + 1));
    }
    return left;
}

/* The sign of a comparison that comes next, stepped over, or NUL. */
static char take_comparison(at_jinja_parser *p)
{
    static const char *const texts[] = {"==", "!=", "<=", ">=", "<", ">"};
    static const char signs[] = "=!lg<>";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (at_parse_takes(p, AT_TOKEN_OPERATOR, texts[i])) {
            return signs[i];
        }
    }
    if (at_parse_takes(p, AT_TOKEN_NAME, "in")) {
        return 'i';
    }
    if (at_parse_sees(p, AT_TOKEN_NAME, "not") &&
        at_parse_is_token(p, p->at + 1, AT_TOKEN_NAME, "in")) {
        p->at += 2;
        return 'n';
    }
    return '\0';
}

/* a < b <= c: all of them hold. */
static const at_jinja_node *parse_comparison(at_jinja_parser *p)
{
    const at_jinja_node *left = parse_level(p, 0);
    at_jinja_node *whole = NULL;
    const at_jinja_node **end = NULL;
    char sign = '\0';
    while (left && (sign = take_comparison(p))) {
        at_jinja_node *made = at_parse_node(p, AT_NODE_COMPARISON);
        if (!whole) {
            whole = at_parse_node(p, AT_NODE_COMPARE);
            end = whole ? &whole->list : NULL;
        }
        if (!made || !whole) {
            return NULL;
        }
        made->sign = sign;
        made->a = parse_level(p, 0);
        if (!made->a) {
            return NULL;
        }
        whole->a = left;
        *end = made;
        end = &made->next;
    }
    return whole ? whole : left;
}

static const at_jinja_node *parse_not(at_jinja_parser *p)
{
    if (!at_parse_takes(p, AT_TOKEN_NAME, "not")) {
        return parse_comparison(p);
    }
    if (!at_jinja_enter(&p->r)) {
        return NULL;
    }
    const at_jinja_node *operand = parse_not(p);
    at_jinja_node *made = operand ? at_parse_node(p, AT_NODE_UNARY) : NULL;
    if (made) {
        made->sign = '!';
        made->a = operand;
    }
    at_jinja_leave(&p->r);
    return made;
}

static const at_jinja_node *parse_and(at_jinja_parser *p)
{
    const at_jinja_node *left = parse_not(p);
    while (left && at_parse_takes(p, AT_TOKEN_NAME, "and")) {
        left = at_parse_join(p, AT_NODE_AND, 0, left, parse_not(p));
    }
    return left;
}

const at_jinja_node *at_parse_or(at_jinja_parser *p)
{
    if (!at_jinja_enter(&p->r)) {
        return NULL;
    }
    const at_jinja_node *left = parse_and(p);
    while (left && at_parse_takes(p, AT_TOKEN_NAME, "or")) {
        left = at_parse_join(p, AT_NODE_OR, 0, left, parse_and(p));
    }
    at_jinja_leave(&p->r);
    return left;
}

/* a if b else c */
const at_jinja_node *at_parse_expression(at_jinja_parser *p)
{
    const at_jinja_node *value = at_parse_or(p);
    while (value && at_parse_takes(p, AT_TOKEN_NAME, "if")) {
        at_jinja_node *made = at_parse_node(p, AT_NODE_CONDITIONAL);
        if (!made) {
            return NULL;
        }
        made->a = value;
        made->b = at_parse_or(p);
        if (!made->b) {
            return NULL;
        }
        if (at_parse_takes(p, AT_TOKEN_NAME, "else")) {
            bool is_entered = at_jinja_enter(&p->r);
            made->c = is_entered ? at_parse_expression(p) : NULL;
            if (!made->c) {
                return NULL;
            }
            at_jinja_leave(&p->r);
        }
        value = made;
    }
    return value;
}

/* 2. Tuples */

/* a, or a, b without brackets. */
const at_jinja_node *at_parse_tuple(at_jinja_parser *p)
{
    const at_jinja_node *first = at_parse_expression(p);
    if (!first || !at_parse_sees(p, AT_TOKEN_OPERATOR, ",")) {
        return first;
    }
    at_jinja_node *tuple = at_parse_node(p, AT_NODE_TUPLE);
    const at_jinja_node **end = tuple ? &tuple->list : NULL;
    while (tuple && first) {
        at_jinja_node *one = at_parse_node(p, AT_NODE_ARGUMENT);
        if (!one) {
            return NULL;
        }
        one->a = first;
        *end = one;
        end = &one->next;
        if (!at_parse_takes(p, AT_TOKEN_OPERATOR, ",") ||
            at_parse_peek(p)->kind == AT_TOKEN_CLOSE) {
            return tuple;
        }
        first = at_parse_expression(p);
    }
    return NULL;
}
