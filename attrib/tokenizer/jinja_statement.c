/* SPDX-License-Identifier: MIT */
/* Jinja: from tokens to the tree: statements, and the whole.
 *
 *   1. if and for   2. set   3. macros and other blocks   4. The whole */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/jinja_parse.h"

/* Statements up to a tag that begins with one of `ends`, which is left to be read; with
 * NULL up to the end of the template. */
static bool parse_body(at_jinja_parser *p,
                       const char *const *ends,
                       const at_jinja_node **out);

static bool close_tag(at_jinja_parser *p)
{
    return at_parse_expect(p, AT_TOKEN_CLOSE, "");
}

/* The end of a tag, a body, and the name of the tag that ends it, stepped over. */
static bool parse_block(at_jinja_parser *p, const char *end, const at_jinja_node **out)
{
    const char *const ends[] = {end, NULL};
    return close_tag(p) && parse_body(p, ends, out) &&
           at_parse_expect(p, AT_TOKEN_NAME, end);
}

/* 1. if and for */

static at_jinja_node *parse_if(at_jinja_parser *p)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    at_jinja_node *made = at_parse_node(p, AT_NODE_IF);
    if (!made) {
        return NULL;
    }
    made->a = at_parse_tuple(p);
    if (!made->a || !close_tag(p) || !parse_body(p, ends, &made->body)) {
        return NULL;
    }
    if (at_parse_takes(p, AT_TOKEN_NAME, "elif")) {
        bool is_entered = at_jinja_enter(&p->r);
        made->other = is_entered ? parse_if(p) : NULL;
        if (!made->other) {
            return NULL;
        }
        at_jinja_leave(&p->r);
        return made;
    }
    if (at_parse_takes(p, AT_TOKEN_NAME, "else")) {
        return parse_block(p, "endif", &made->other) ? made : NULL;
    }
    return at_parse_expect(p, AT_TOKEN_NAME, "endif") ? made : NULL;
}

static at_jinja_node *parse_target_name(at_jinja_parser *p)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_NAME);
    if (made) {
        made->text = at_parse_name(p);
        made->symbol = made->text ? at_parse_symbol(p, made->text) : -1;
    }
    if (made && made->text) {
        at_parse_note(p, made->text, true);
    }
    return made && made->symbol >= 0 ? made : NULL;
}

/* a, or a, b, or (a, b): what an element or its parts become. */
static at_jinja_node *parse_target(at_jinja_parser *p)
{
    bool is_group = at_parse_takes(p, AT_TOKEN_OPERATOR, "(");
    at_jinja_node *first = parse_target_name(p);
    if (!first || (!is_group && !at_parse_sees(p, AT_TOKEN_OPERATOR, ","))) {
        return first;
    }
    at_jinja_node *tuple = at_parse_node(p, AT_NODE_TUPLE);
    at_jinja_node *last = first;
    while (tuple && last && at_parse_takes(p, AT_TOKEN_OPERATOR, ",")) {
        at_jinja_node *next = parse_target_name(p);
        last->next = next;
        last = next;
    }
    if (!tuple || !last || (is_group && !at_parse_expect(p, AT_TOKEN_OPERATOR, ")"))) {
        return NULL;
    }
    tuple->list = first;
    return tuple;
}

static at_jinja_node *parse_for(at_jinja_parser *p)
{
    static const char *const ends[] = {"else", "endfor", NULL};
    at_jinja_node *made = at_parse_node(p, AT_NODE_FOR);
    bool was_in_loop = p->body.is_in_loop;
    if (!made) {
        return NULL;
    }
    p->body.is_in_loop = true;
    made->a = parse_target(p);
    made->b = made->a && at_parse_expect(p, AT_TOKEN_NAME, "in") ? at_parse_or(p) : NULL;
    if (!made->b) {
        return NULL;
    }
    if (at_parse_takes(p, AT_TOKEN_NAME, "if") && !(made->c = at_parse_expression(p))) {
        return NULL;
    }
    if (!close_tag(p) || !parse_body(p, ends, &made->body)) {
        return NULL;
    }
    p->body.is_in_loop = was_in_loop;
    if (at_parse_takes(p, AT_TOKEN_NAME, "else")) {
        return parse_block(p, "endfor", &made->other) ? made : NULL;
    }
    return at_parse_expect(p, AT_TOKEN_NAME, "endfor") ? made : NULL;
}

/* 2. set */

/* A target, and for a namespace its member as `text`. */
static at_jinja_node *parse_set_target(at_jinja_parser *p)
{
    at_jinja_node *target = parse_target(p);
    if (target && target->kind == AT_NODE_NAME &&
        at_parse_takes(p, AT_TOKEN_OPERATOR, ".")) {
        at_jinja_node *member = at_parse_node(p, AT_NODE_ATTRIBUTE);
        if (!member || at_parse_peek(p)->kind != AT_TOKEN_NAME) {
            at_parse_fail(p, "a name");
            return NULL;
        }
        member->a = target;
        member->literal = at_parse_literal(p);
        return member->literal ? member : NULL;
    }
    return target;
}

/* Filters around what a block prints, which is their literal. */
static const at_jinja_node *parse_block_filters(at_jinja_parser *p)
{
    at_jinja_node *printed = at_parse_node(p, AT_NODE_NAME);
    if (printed) {
        printed->symbol = at_parse_symbol(p, " printed");
    }
    return printed && printed->symbol >= 0 ? at_parse_filters(p, printed) : NULL;
}

static at_jinja_node *parse_set(at_jinja_parser *p)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_SET);
    if (!made) {
        return NULL;
    }
    made->a = parse_set_target(p);
    if (!made->a) {
        return NULL;
    }
    if (at_parse_takes(p, AT_TOKEN_OPERATOR, "=")) {
        made->b = at_parse_tuple(p);
        return made->b ? made : NULL;
    }
    made->kind = AT_NODE_SET_BLOCK;
    made->b = parse_block_filters(p);
    return made->b && parse_block(p, "endset", &made->body) ? made : NULL;
}

/* 3. macros and other blocks */

static bool parse_parameters(at_jinja_parser *p, const at_jinja_node **out)
{
    const at_jinja_node **end = out;
    if (!at_parse_expect(p, AT_TOKEN_OPERATOR, "(")) {
        return false;
    }
    while (!at_parse_takes(p, AT_TOKEN_OPERATOR, ")")) {
        at_jinja_node *made = parse_target_name(p);
        if (!made) {
            return false;
        }
        made->kind = AT_NODE_ARGUMENT;
        if (at_parse_takes(p, AT_TOKEN_OPERATOR, "=") &&
            !(made->a = at_parse_expression(p))) {
            return false;
        }
        if (!at_parse_sees(p, AT_TOKEN_OPERATOR, ")") &&
            !at_parse_expect(p, AT_TOKEN_OPERATOR, ",")) {
            return false;
        }
        *end = made;
        end = &made->next;
    }
    return true;
}

/* The end of a macro's body: the implied names that it reads become parameters, and
 * count as read by the macro around it. */
static bool leave_macro(at_jinja_parser *p, at_jinja_node *macro, at_jinja_body outer)
{
    at_jinja_body own = p->body;
    const at_jinja_node **end = &macro->other;
    p->body = outer;
    for (size_t i = 0; i < AT_N_IMPLIED; i++) {
        if (!own.reads[i]) {
            continue;
        }
        at_jinja_node *made = at_parse_node(p, AT_NODE_ARGUMENT);
        if (!made) {
            return false;
        }
        made->text = at_jinja_implied[i];
        made->symbol = at_parse_symbol(p, made->text);
        at_parse_note(p, made->text, false);
        *end = made;
        end = &made->next;
    }
    return p->r.status == ATTRIB_OK;
}

static at_jinja_node *parse_macro(at_jinja_parser *p)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_MACRO);
    at_jinja_body outer = p->body;
    if (!made) {
        return NULL;
    }
    made->text = at_parse_name(p);
    made->symbol = made->text ? at_parse_symbol(p, made->text) : -1;
    p->body = (at_jinja_body){0};
    if (made->symbol < 0 || !parse_parameters(p, &made->list) ||
        !parse_block(p, "endmacro", &made->body) || !leave_macro(p, made, outer)) {
        return NULL;
    }
    (void)at_parse_takes(p, AT_TOKEN_NAME, made->text);
    return made;
}

/* {% call(item) list_of(items) %} ... {% endcall %}: the body is a macro that the one
 * which is called knows as "caller". */
static at_jinja_node *parse_call(at_jinja_parser *p)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_CALL_BLOCK);
    at_jinja_node *caller = made ? at_parse_node(p, AT_NODE_MACRO) : NULL;
    at_jinja_body outer = p->body;
    if (!caller) {
        return NULL;
    }
    caller->text = "caller";
    p->body = (at_jinja_body){0};
    if (at_parse_sees(p, AT_TOKEN_OPERATOR, "(") && !parse_parameters(p, &caller->list)) {
        return NULL;
    }
    at_jinja_body own = p->body;
    p->body = outer;
    made->a = at_parse_expression(p);
    if (!made->a || made->a->kind != AT_NODE_CALL) {
        at_parse_fail(p, "a call");
        return NULL;
    }
    outer = p->body;
    p->body = own;
    made->b = caller;
    return parse_block(p, "endcall", &caller->body) && leave_macro(p, caller, outer)
               ? made
               : NULL;
}

/* {% with a = 1, b = 2 %} */
static at_jinja_node *parse_with(at_jinja_parser *p)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_WITH);
    const at_jinja_node **end = made ? &made->list : NULL;
    while (made && at_parse_peek(p)->kind == AT_TOKEN_NAME) {
        at_jinja_node *set = at_parse_node(p, AT_NODE_SET);
        if (!set) {
            return NULL;
        }
        set->a = parse_target(p);
        set->b = set->a && at_parse_expect(p, AT_TOKEN_OPERATOR, "=")
                     ? at_parse_expression(p)
                     : NULL;
        if (!set->b) {
            return NULL;
        }
        *end = set;
        end = &set->next;
        (void)at_parse_takes(p, AT_TOKEN_OPERATOR, ",");
    }
    return made && parse_block(p, "endwith", &made->body) ? made : NULL;
}

static at_jinja_node *parse_filter_block(at_jinja_parser *p)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_FILTER_BLOCK);
    if (!made) {
        return NULL;
    }
    /* "{% filter trim %}" is "| trim" without its sign. */
    p->at--;
    p->tokens.items[p->at].kind = AT_TOKEN_OPERATOR;
    p->tokens.items[p->at].n_bytes = 1;
    p->tokens.bytes.bytes[p->tokens.items[p->at].start] = '|';
    made->b = parse_block_filters(p);
    return made->b && parse_block(p, "endfilter", &made->body) ? made : NULL;
}

static at_jinja_node *parse_generation(at_jinja_parser *p)
{
    at_jinja_node *made = at_parse_node(p, AT_NODE_GENERATION);
    p->has_generation = true;
    return made && parse_block(p, "endgeneration", &made->body) ? made : NULL;
}

/* 4. The whole */

static at_jinja_node *parse_statement(at_jinja_parser *p)
{
    static const struct {
        const char *name;
        at_jinja_node *(*parse)(at_jinja_parser *p);
    } statements[] = {{"if", parse_if},
                      {"for", parse_for},
                      {"set", parse_set},
                      {"macro", parse_macro},
                      {"call", parse_call},
                      {"with", parse_with},
                      {"filter", parse_filter_block},
                      {"generation", parse_generation}};

    const char *name = at_parse_name(p);
    if (!name) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (strcmp(statements[i].name, name) == 0) {
            return statements[i].parse(p);
        }
    }
    if (strcmp(name, "break") == 0 || strcmp(name, "continue") == 0) {
        if (!p->body.is_in_loop) {
            at_parse_fail(p, "a loop to leave");
            return NULL;
        }
        return at_parse_node(p, name[0] == 'b' ? AT_NODE_BREAK : AT_NODE_CONTINUE);
    }
    at_jinja_fail(&p->r, ATTRIB_ENOTSUP, "statement \"%.32s\"", name);
    return NULL;
}

/* Whether one of some names comes next. */
static bool sees_one(const at_jinja_parser *p, const char *const *names)
{
    for (; *names; names++) {
        if (at_parse_sees(p, AT_TOKEN_NAME, *names)) {
            return true;
        }
    }
    return false;
}

/* Text, {{ ... }} or {% ... %}, whose first token was stepped over. */
static at_jinja_node *parse_one(at_jinja_parser *p, at_jinja_kind kind)
{
    at_jinja_node *made = NULL;
    if (kind == AT_TOKEN_BLOCK) {
        made = parse_statement(p);
        return made && close_tag(p) ? made : NULL;
    }
    made = at_parse_node(p, AT_NODE_PRINT);
    if (made && kind == AT_TOKEN_TEXT) {
        p->at--;
        made->literal = at_parse_literal(p);
        return made->literal ? made : NULL;
    }
    if (made) {
        made->a = at_parse_tuple(p);
    }
    return made && made->a && close_tag(p) ? made : NULL;
}

static bool parse_body(at_jinja_parser *p,
                       const char *const *ends,
                       const at_jinja_node **out)
{
    if (!at_jinja_enter(&p->r)) {
        return false;
    }
    for (;;) {
        at_jinja_kind kind = at_parse_peek(p)->kind;
        if (kind == AT_TOKEN_END) {
            at_jinja_leave(&p->r);
            return !ends || at_parse_fail(p, ends[0]);
        }
        p->at++;
        if (kind == AT_TOKEN_BLOCK && ends && sees_one(p, ends)) {
            at_jinja_leave(&p->r);
            return true;
        }
        at_jinja_node *made = parse_one(p, kind);
        if (!made) {
            return false;
        }
        *out = made;
        out = &made->next;
    }
}

attrib_status at_jinja_read(const char *text, size_t n, at_jinja *out, attrib_error *err)
{
    at_jinja template = {0};
    at_jinja_parser p = {.r = {.err = err}};
    p.r.status = at_jinja_cut(text, n, &p.tokens, err);
    if (p.r.status == ATTRIB_OK && parse_body(&p, NULL, &template.body)) {
        size_t bytes = p.n_names * sizeof *p.names;
        template.names = at_jinja_take(&p.r.bank, bytes + sizeof *p.names);
        if (template.names && bytes) {
            memcpy(template.names, p.names, bytes);
        }
        if (!template.names) {
            at_jinja_fail(&p.r, ATTRIB_ENOMEM, "out of memory");
        }
    }
    free(p.names);
    at_jinja_tokens_free(&p.tokens);
    if (p.r.status != ATTRIB_OK) {
        at_jinja_bank_free(&p.r.bank);
        return p.r.status;
    }
    template.bank = p.r.bank;
    template.n_names = p.n_names;
    template.has_generation = p.has_generation;
    *out = template;
    return ATTRIB_OK;
}

void at_jinja_free(at_jinja *template)
{
    at_jinja_bank_free(&template->bank);
    *template = (at_jinja){0};
}
