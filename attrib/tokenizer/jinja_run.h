/* SPDX-License-Identifier: MIT */
/* A template that is being run: what statements (jinja_run.c) and expressions
 * (jinja_expression.c) share. Both read the tokens in place; what is not to be run is
 * read with is_live false. */
#ifndef AT_TOKENIZER_JINJA_RUN_H
#define AT_TOKENIZER_JINJA_RUN_H

#include "tokenizer/jinja.h"

#define AT_JINJA_MAX_DEPTH 48 /* scopes, and brackets in brackets */

typedef enum at_jinja_flow {
    AT_JINJA_FLOW_ON,
    AT_JINJA_FLOW_CONTINUE,
    AT_JINJA_FLOW_BREAK
} at_jinja_flow;

typedef struct at_jinja_run_state {
    const at_jinja *template;
    size_t at; /* the next token */
    bool is_live;
    at_jinja_flow flow;
    json_t
        *scopes[AT_JINJA_MAX_DEPTH]; /* [n_scopes] owned objects, the outermost first */
    size_t n_scopes;
    size_t depth, n_steps, n_made; /* n_made: bytes of texts made */
    at_buffer *out;
    bool has_raised;
    attrib_error *err;
} at_jinja_run_state;

/* The next token, and whether it is a certain operator or name. */
const at_jinja_token *at_jinja_peek(const at_jinja_run_state *r);
bool at_jinja_sees(const at_jinja_run_state *r, at_jinja_kind kind, const char *text);
/* Step behind it if it is. */
bool at_jinja_takes(at_jinja_run_state *r, at_jinja_kind kind, const char *text);
attrib_status at_jinja_expect(at_jinja_run_state *r,
                              at_jinja_kind kind,
                              const char *text);
/* Step over one token. */
attrib_status at_jinja_step(at_jinja_run_state *r);
/* A name as a string that ends, in `out`. */
#define AT_JINJA_NAME_BYTES 64
attrib_status at_jinja_take_name(at_jinja_run_state *r, char out[AT_JINJA_NAME_BYTES]);

/* EFORMAT: what was expected at the next token. */
attrib_status at_jinja_fail(const at_jinja_run_state *r, const char *expected);

/* Evaluate the expression that comes next: with `a if b else c`, or without. *out is
 * owned; NULL is undefined. */
attrib_status at_jinja_expression(at_jinja_run_state *r, json_t **out);
attrib_status at_jinja_or(at_jinja_run_state *r, json_t **out);

#endif
