/* SPDX-License-Identifier: MIT */
/* Reading a template into its tree: what expressions (jinja_parse.c) and statements
 * (jinja_statement.c) share. Functions give NULL or false once the reading has failed. */
#ifndef AT_TOKENIZER_JINJA_PARSE_H
#define AT_TOKENIZER_JINJA_PARSE_H

#include "tokenizer/jinja_tree.h"

typedef struct at_jinja_parser {
    at_jinja_run r; /* its bank becomes the tree's */
    at_jinja_tokens tokens;
    size_t at; /* the next token */
    const char **names;
    size_t n_names, names_room;
    bool has_generation;
    bool is_inside; /* a loop, a macro or another block that opens a scope */
} at_jinja_parser;

const at_jinja_token *at_parse_peek(const at_jinja_parser *p);
bool at_parse_sees(const at_jinja_parser *p, at_jinja_kind kind, const char *text);
/* Step behind the next token if it is this. */
bool at_parse_takes(at_jinja_parser *p, at_jinja_kind kind, const char *text);
bool at_parse_expect(at_jinja_parser *p, at_jinja_kind kind, const char *text);
/* EFORMAT: what was expected at the next token. */
bool at_parse_fail(at_jinja_parser *p, const char *expected);
at_jinja_node *at_parse_node(at_jinja_parser *p, at_jinja_node_kind kind);
/* The next token as a text. */
const at_jinja_value *at_parse_literal(at_jinja_parser *p);
const char *at_parse_name(at_jinja_parser *p);
/* The number of a variable; -1 where there are too many. */
int at_parse_symbol(at_jinja_parser *p, const char *name);

/* An expression; without "if ... else"; a tuple without brackets; filters behind one. */
const at_jinja_node *at_parse_expression(at_jinja_parser *p);
const at_jinja_node *at_parse_or(at_jinja_parser *p);
const at_jinja_node *at_parse_tuple(at_jinja_parser *p);
const at_jinja_node *at_parse_filters(at_jinja_parser *p, const at_jinja_node *value);

#endif
