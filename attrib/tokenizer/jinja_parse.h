/* SPDX-License-Identifier: MIT */
/* Reading a template into its tree: what expressions (jinja_parse.c) and statements
 * (jinja_statement.c) share. Functions give NULL or false once the reading has failed. */
#ifndef AT_TOKENIZER_JINJA_PARSE_H
#define AT_TOKENIZER_JINJA_PARSE_H

#include "tokenizer/jinja_tree.h"

/* The names that a macro has without naming them as parameters. */
#define AT_N_IMPLIED 3
extern const char *const at_jinja_implied[AT_N_IMPLIED]; /* caller, kwargs, varargs */

/* What is known of the macro, or of the template outside of macros, that is being read.
 */
typedef struct at_jinja_body {
    bool is_in_loop;
    bool reads[AT_N_IMPLIED]; /* the implied names */
    bool sets[AT_N_IMPLIED];  /* names that it sets before it reads them: its own */
} at_jinja_body;

typedef struct at_jinja_parser {
    at_jinja_run r; /* its bank becomes the tree's */
    at_jinja_tokens tokens;
    size_t at; /* the next token */
    const char **names;
    size_t n_names, names_room;
    bool has_generation;
    at_jinja_body body;
} at_jinja_parser;

const at_jinja_token *at_parse_peek(const at_jinja_parser *p);
bool at_parse_sees(const at_jinja_parser *p, at_jinja_kind kind, const char *text);
/* Step over the next token if it is this. */
bool at_parse_takes(at_jinja_parser *p, at_jinja_kind kind, const char *text);
bool at_parse_is_token(const at_jinja_parser *p,
                       size_t at,
                       at_jinja_kind kind,
                       const char *text);
bool at_parse_expect(at_jinja_parser *p, at_jinja_kind kind, const char *text);
/* EFORMAT: what was expected at the next token. */
bool at_parse_fail(at_jinja_parser *p, const char *expected);
at_jinja_node *at_parse_node(at_jinja_parser *p, at_jinja_node_kind kind);
/* A node with these parts; NULL where one of them is. */
at_jinja_node *at_parse_join(at_jinja_parser *p,
                             at_jinja_node_kind kind,
                             char sign,
                             const at_jinja_node *a,
                             const at_jinja_node *b);
/* The next token as a text. */
const at_jinja_value *at_parse_literal(at_jinja_parser *p);
const char *at_parse_name(at_jinja_parser *p);
/* The number of a variable; -1 where there are too many. */
int at_parse_symbol(at_jinja_parser *p, const char *name);

/* Note that an implied name is read, or set. */
void at_parse_note(at_jinja_parser *p, const char *name, bool is_set);

/* An expression; without "if ... else"; a tuple without brackets; filters after one. */
const at_jinja_node *at_parse_expression(at_jinja_parser *p);
const at_jinja_node *at_parse_primary(at_jinja_parser *p);
/* What follows a value: members, places and calls. */
const at_jinja_node *at_parse_postfix(at_jinja_parser *p, const at_jinja_node *value);
const at_jinja_node *at_parse_or(at_jinja_parser *p);
const at_jinja_node *at_parse_tuple(at_jinja_parser *p);
const at_jinja_node *at_parse_filters(at_jinja_parser *p, const at_jinja_node *value);

#endif
