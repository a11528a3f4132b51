/* SPDX-License-Identifier: MIT */
/* Jinja: from tokens to the tree: values, and what follows them. It calls
 * jinja_parse_operators.c in a circle, as an expression in brackets is a value.
 *
 *   1. Tokens and nodes   2. Primaries   3. What follows a primary */
#include "tokenizer/jinja_parse.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAMES ((size_t)4096)

/* 1. Tokens and nodes */

const at_jinja_token *at_parse_peek(const at_jinja_parser *p)
{
    return &p->tokens.items[p->at];
}

bool at_parse_is_token(const at_jinja_parser *p,
                       size_t at,
                       at_jinja_kind kind,
                       const char *text)
{
    const at_jinja_token *token = &p->tokens.items[at];
    return token->kind == kind && token->n_bytes == strlen(text) &&
           memcmp(p->tokens.bytes.bytes + token->start, text, token->n_bytes) == 0;
}

bool at_parse_sees(const at_jinja_parser *p, at_jinja_kind kind, const char *text)
{
    return at_parse_is_token(p, p->at, kind, text);
}

bool at_parse_takes(at_jinja_parser *p, at_jinja_kind kind, const char *text)
{
    bool is_there = at_parse_sees(p, kind, text);
    p->at += is_there;
    return is_there;
}

bool at_parse_fail(at_jinja_parser *p, const char *expected)
{
    const at_jinja_token *token = at_parse_peek(p);
    int n = token->n_bytes < 32 ? (int)token->n_bytes : 32;
    return at_jinja_fail(&p->r, ATTRIB_EFORMAT, "expected %s at \"%.*s\"", expected, n,
                         p->tokens.bytes.bytes + token->start);
}

bool at_parse_expect(at_jinja_parser *p, at_jinja_kind kind, const char *text)
{
    return at_parse_takes(p, kind, text) ||
           at_parse_fail(p, kind == AT_TOKEN_CLOSE ? "the end of a tag" : text);
}

at_jinja_node *at_parse_node(at_jinja_parser *p, at_jinja_node_kind kind)
{
    at_jinja_node *made =
        p->r.status == ATTRIB_OK ? at_jinja_take(&p->r.bank, sizeof *made) : NULL;
    if (!made) {
        at_jinja_fail(&p->r, ATTRIB_ENOMEM, "out of memory");
        return NULL;
    }
    made->kind = kind;
    made->symbol = -1;
    return made;
}

const at_jinja_value *at_parse_literal(at_jinja_parser *p)
{
    const at_jinja_token *token = &p->tokens.items[p->at++];
    return at_jinja_text(&p->r, p->tokens.bytes.bytes + token->start, token->n_bytes);
}

/* A name as a text of the bank that ends in NUL. */
const char *at_parse_name(at_jinja_parser *p)
{
    if (at_parse_peek(p)->kind != AT_TOKEN_NAME) {
        at_parse_fail(p, "a name");
        return NULL;
    }
    const at_jinja_value *text = at_parse_literal(p);
    return text ? text->as.text.bytes : NULL;
}

int at_parse_symbol(at_jinja_parser *p, const char *name)
{
    for (size_t i = 0; i < p->n_names; i++) {
        if (strcmp(p->names[i], name) == 0) {
            return (int)i;
        }
    }
    if (p->n_names == MAX_NAMES) {
        at_jinja_fail(&p->r, ATTRIB_ERANGE, "more than %zu variables", MAX_NAMES);
        return -1;
    }
    if (at_grow(&p->names, &p->names_room, p->n_names + 1, sizeof *p->names, p->r.err) !=
        ATTRIB_OK) {
        p->r.status = ATTRIB_ENOMEM;
        return -1;
    }
    p->names[p->n_names++] = name;
    return (int)p->n_names - 1;
}

const char *const at_jinja_implied[AT_N_IMPLIED] = {"caller", "kwargs", "varargs"};

void at_parse_note(at_jinja_parser *p, const char *name, bool is_set)
{
    for (size_t i = 0; i < AT_N_IMPLIED; i++) {
        if (strcmp(name, at_jinja_implied[i]) == 0) {
            p->body.sets[i] = p->body.sets[i] || is_set;
            p->body.reads[i] = p->body.reads[i] || !p->body.sets[i];
        }
    }
}

static at_jinja_node *literal(at_jinja_parser *p, const at_jinja_value *value)
{
    at_jinja_node *made = value ? at_parse_node(p, AT_NODE_LITERAL) : NULL;
    if (made) {
        made->literal = value;
    }
    return made;
}

at_jinja_node *at_parse_join(at_jinja_parser *p,
                             at_jinja_node_kind kind,
                             char sign,
                             const at_jinja_node *a,
                             const at_jinja_node *b)
{
    at_jinja_node *made = a && b ? at_parse_node(p, kind) : NULL;
    if (made) {
        made->sign = sign;
        made->a = a;
        made->b = b;
    }
    return made;
}

/* 2. Primaries */

/* One argument: a, name=a, *a or **a. `stage` notes how far in this order they are. */
static at_jinja_node *parse_argument(at_jinja_parser *p, unsigned *stage)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_ARGUMENT);
    unsigned next = 0;
    if (!made) {
        return NULL;
    }
    if (at_parse_takes(p, AT_TOKEN_OPERATOR, "**")) {
        made->sign = '^';
        next = 3;
    } else if (at_parse_takes(p, AT_TOKEN_OPERATOR, "*")) {
        made->sign = '*';
        next = 2;
    } else if (at_parse_peek(p)->kind == AT_TOKEN_NAME &&
               at_parse_is_token(p, p->at + 1, AT_TOKEN_OPERATOR, "=")) {
        made->text = at_parse_name(p);
        p->at++;
        next = 1;
    }
    bool is_again = *stage == next && next >= 2;
    bool is_name_late = next == 1 && *stage == 2; /* f(*list, name=a) */
    if (is_again || (next < *stage && !is_name_late)) {
        at_parse_fail(p, "another order of arguments");
        return NULL;
    }
    *stage = next > *stage ? next : *stage;
    made->a = at_parse_expression(p);
    return made->a ? made : NULL;
}

/* Arguments, after their opening bracket. */
static bool parse_arguments(at_jinja_parser *p, const at_jinja_node **out)
{
    const at_jinja_node **end = out;
    unsigned stage = 0;
    while (!at_parse_takes(p, AT_TOKEN_OPERATOR, ")")) {
        at_jinja_node *made = parse_argument(p, &stage);
        if (!made || (!at_parse_sees(p, AT_TOKEN_OPERATOR, ")") &&
                      !at_parse_expect(p, AT_TOKEN_OPERATOR, ","))) {
            return false;
        }
        *end = made;
        end = &made->next;
    }
    return true;
}

/* Elements up to a closing bracket. */
static bool parse_elements(at_jinja_parser *p,
                           const char *close,
                           const at_jinja_node **out)
{
    const at_jinja_node **end = out;
    while (!at_parse_takes(p, AT_TOKEN_OPERATOR, close)) {
        at_jinja_node *made = at_parse_node(p, AT_NODE_ARGUMENT);
        if (!made) {
            return false;
        }
        made->a = at_parse_expression(p);
        if (made->a && close[0] == '}') {
            made->b = at_parse_expect(p, AT_TOKEN_OPERATOR, ":") ? at_parse_expression(p)
                                                                 : NULL;
        }
        if (!made->a || (close[0] == '}' && !made->b) ||
            (!at_parse_sees(p, AT_TOKEN_OPERATOR, close) &&
             !at_parse_expect(p, AT_TOKEN_OPERATOR, ","))) {
            return false;
        }
        *end = made;
        end = &made->next;
    }
    return true;
}

static at_jinja_node *parse_collection(at_jinja_parser *p)
{
    bool is_dict = at_parse_takes(p, AT_TOKEN_OPERATOR, "{");
    at_jinja_node *made = at_parse_node(p, is_dict ? AT_NODE_DICT : AT_NODE_LIST);
    p->at += !is_dict;
    return made && parse_elements(p, is_dict ? "}" : "]", &made->list) ? made : NULL;
}

/* (a), or (a, b), (a,) and () as tuples. */
static const at_jinja_node *parse_group(at_jinja_parser *p)
{
    at_jinja_node *tuple = NULL;
    p->at++;
    if (at_parse_sees(p, AT_TOKEN_OPERATOR, ")")) {
        p->at++;
        return at_parse_node(p, AT_NODE_TUPLE);
    }
    const at_jinja_node *first = at_parse_expression(p);
    if (!first || at_parse_takes(p, AT_TOKEN_OPERATOR, ")")) {
        return first;
    }
    tuple = at_parse_expect(p, AT_TOKEN_OPERATOR, ",") ? at_parse_node(p, AT_NODE_TUPLE)
                                                       : NULL;
    at_jinja_node *one = tuple ? at_parse_node(p, AT_NODE_ARGUMENT) : NULL;
    if (!one) {
        return NULL;
    }
    one->a = first;
    tuple->list = one;
    return parse_elements(p, ")", &one->next) ? tuple : NULL;
}

static at_jinja_node *parse_name(at_jinja_parser *p)
{
    const char *name = at_parse_name(p);
    if (!name) {
        return NULL;
    }
    if (strcmp(name, "true") == 0 || strcmp(name, "True") == 0) {
        return literal(p, &at_jinja_true);
    }
    if (strcmp(name, "false") == 0 || strcmp(name, "False") == 0) {
        return literal(p, &at_jinja_false);
    }
    if (strcmp(name, "none") == 0 || strcmp(name, "None") == 0) {
        return literal(p, &at_jinja_none);
    }
    at_jinja_node *made = at_parse_node(p, AT_NODE_NAME);
    if (made) {
        made->text = name;
        made->symbol = at_parse_symbol(p, name);
        at_parse_note(p, name, false);
    }
    return made && made->symbol >= 0 ? made : NULL;
}

/* Strings side by side are one. */
static at_jinja_node *parse_string(at_jinja_parser *p)
{
    at_jinja_builder b = {0};
    while (at_parse_peek(p)->kind == AT_TOKEN_STRING) {
        const at_jinja_token *token = &p->tokens.items[p->at++];
        if (!at_jinja_add(&p->r, &b, p->tokens.bytes.bytes + token->start, token->n_bytes,
                          0)) {
            return NULL;
        }
    }
    return literal(p, at_jinja_built(&p->r, &b));
}

static at_jinja_node *parse_number(at_jinja_parser *p)
{
    char text[40] = "";
    const at_jinja_token *token = &p->tokens.items[p->at];
    const char *bytes = p->tokens.bytes.bytes + token->start;
    size_t n = 0;
    for (size_t i = 0; i < token->n_bytes; i++) {
        if (n + 1 == sizeof text) {
            at_parse_fail(p, "a number that is not so long");
            return NULL;
        }
        text[n] = bytes[i];
        n += bytes[i] != '_';
    }
    text[n] = '\0';
    p->at++;
    if (strpbrk(text, ".eE")) {
        at_jinja_value *real = at_jinja_new(&p->r, AT_JINJA_REAL);
        if (real) {
            real->as.real = strtod(text, NULL);
        }
        return literal(p, real);
    }
    if (n > 18) {
        p->at--;
        at_parse_fail(p, "a number that is not so large");
        return NULL;
    }
    return literal(p, at_jinja_int(&p->r, strtoll(text, NULL, 10)));
}

const at_jinja_node *at_parse_primary(at_jinja_parser *p)
{
    switch (at_parse_peek(p)->kind) {
    case AT_TOKEN_NAME:
        return parse_name(p);
    case AT_TOKEN_STRING:
        return parse_string(p);
    case AT_TOKEN_NUMBER:
        return parse_number(p);
    default:
        break;
    }
    if (at_parse_sees(p, AT_TOKEN_OPERATOR, "(")) {
        return parse_group(p);
    }
    if (at_parse_sees(p, AT_TOKEN_OPERATOR, "[") ||
        at_parse_sees(p, AT_TOKEN_OPERATOR, "{")) {
        return parse_collection(p);
    }
    at_parse_fail(p, "a value");
    return NULL;
}

/* 3. What follows a primary: members, calls, filters, tests */

static at_jinja_node *parse_bracket(at_jinja_parser *p, const at_jinja_node *value)
{
    const at_jinja_node *bounds[3] = {NULL, NULL, NULL};
    size_t n_colons = 0;
    while (!at_parse_takes(p, AT_TOKEN_OPERATOR, "]")) {
        if (at_parse_takes(p, AT_TOKEN_OPERATOR, ":")) {
            n_colons++;
        } else if (n_colons < 3 && !bounds[n_colons]) {
            bounds[n_colons] = at_parse_expression(p);
            if (!bounds[n_colons]) {
                return NULL;
            }
        } else {
            at_parse_fail(p, "]");
            return NULL;
        }
        if (n_colons > 2) {
            at_parse_fail(p, "]");
            return NULL;
        }
    }
    if (n_colons == 0) {
        if (!bounds[0]) {
            at_parse_fail(p, "a place in brackets");
        }
        return at_parse_join(p, AT_NODE_ITEM, 0, value, bounds[0]);
    }
    at_jinja_node *made = at_parse_node(p, AT_NODE_SLICE);
    if (made) {
        made->a = value;
        made->b = bounds[0];
        made->c = bounds[1];
        made->d = bounds[2];
    }
    return made;
}

static at_jinja_node *parse_dot(at_jinja_parser *p, const at_jinja_node *value)
{
    if (at_parse_peek(p)->kind == AT_TOKEN_NUMBER) {
        return at_parse_join(p, AT_NODE_ITEM, 0, value, parse_number(p));
    }
    if (at_parse_peek(p)->kind != AT_TOKEN_NAME) {
        at_parse_fail(p, "a name");
        return NULL;
    }
    at_jinja_node *made = at_parse_node(p, AT_NODE_ATTRIBUTE);
    if (made) {
        made->a = value;
        made->literal = at_parse_literal(p);
    }
    return made && made->literal ? made : NULL;
}

/* A call of `value`, whose bracket was taken. */
static const at_jinja_node *parse_call(at_jinja_parser *p, const at_jinja_node *value)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_CALL);
    if (!made || !parse_arguments(p, &made->list)) {
        return NULL;
    }
    made->a = value;
    return made;
}

const at_jinja_node *at_parse_postfix(at_jinja_parser *p, const at_jinja_node *value)
{
    while (value) {
        if (at_parse_takes(p, AT_TOKEN_OPERATOR, ".")) {
            value = parse_dot(p, value);
        } else if (at_parse_takes(p, AT_TOKEN_OPERATOR, "[")) {
            value = parse_bracket(p, value);
        } else if (at_parse_takes(p, AT_TOKEN_OPERATOR, "(")) {
            value = parse_call(p, value);
        } else {
            break;
        }
    }
    return value;
}

/* The one argument of a test without brackets: "is divisibleby 3". */
static bool parse_bare_argument(at_jinja_parser *p, at_jinja_node *test)
{
    static const char *const words[] = {"else", "or", "and", "is",
                                        "if",   "in", "not", NULL};
    at_jinja_kind kind = at_parse_peek(p)->kind;
    bool is_value = kind == AT_TOKEN_NAME || kind == AT_TOKEN_STRING ||
                    kind == AT_TOKEN_NUMBER || at_parse_sees(p, AT_TOKEN_OPERATOR, "[") ||
                    at_parse_sees(p, AT_TOKEN_OPERATOR, "{");
    for (const char *const *word = words; *word; word++) {
        is_value = is_value && !at_parse_sees(p, AT_TOKEN_NAME, *word);
    }
    if (!is_value) {
        return true;
    }
    at_jinja_node *made = at_parse_node(p, AT_NODE_ARGUMENT);
    if (made) {
        made->a = at_parse_postfix(p, at_parse_primary(p));
        test->list = made;
    }
    return made && made->a;
}

static at_jinja_node *parse_is(at_jinja_parser *p, const at_jinja_node *value)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_TEST);
    if (!made) {
        return NULL;
    }
    made->a = value;
    made->sign = at_parse_takes(p, AT_TOKEN_NAME, "not") ? '!' : '\0';
    made->text = at_parse_name(p);
    if (!made->text) {
        return NULL;
    }
    bool is_parsed = at_parse_takes(p, AT_TOKEN_OPERATOR, "(")
                         ? parse_arguments(p, &made->list)
                         : parse_bare_argument(p, made);
    return is_parsed ? made : NULL;
}

static at_jinja_node *parse_filter(at_jinja_parser *p, const at_jinja_node *value)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_FILTER);
    if (!made) {
        return NULL;
    }
    made->a = value;
    made->text = at_parse_name(p);
    if (!made->text ||
        (at_parse_takes(p, AT_TOKEN_OPERATOR, "(") && !parse_arguments(p, &made->list))) {
        return NULL;
    }
    return made;
}

const at_jinja_node *at_parse_filters(at_jinja_parser *p, const at_jinja_node *value)
{
    while (value) {
        if (at_parse_takes(p, AT_TOKEN_OPERATOR, "|")) {
            value = parse_filter(p, value);
        } else if (at_parse_takes(p, AT_TOKEN_NAME, "is")) {
            value = parse_is(p, value);
        } else if (at_parse_takes(p, AT_TOKEN_OPERATOR, "(")) {
            value = parse_call(p, value);
        } else {
            break;
        }
    }
    return value;
}
