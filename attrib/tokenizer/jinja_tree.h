/* SPDX-License-Identifier: MIT */
/* The tree of a template: tokens (jinja_read.c), nodes (jinja_parse.c), and the state of
 * a run through them (jinja_evaluate.c, jinja_run.c). */
#ifndef AT_TOKENIZER_JINJA_TREE_H
#define AT_TOKENIZER_JINJA_TREE_H

#include "tokenizer/jinja.h"

/* 1. Tokens */

typedef enum at_jinja_kind {
    AT_TOKEN_TEXT,
    AT_TOKEN_BLOCK, /* {% */
    AT_TOKEN_PRINT, /* {{ */
    AT_TOKEN_CLOSE, /* %} and }} */
    AT_TOKEN_NAME,
    AT_TOKEN_STRING,
    AT_TOKEN_NUMBER,
    AT_TOKEN_OPERATOR,
    AT_TOKEN_END /* the last, once */
} at_jinja_kind;

typedef struct at_jinja_token {
    at_jinja_kind kind;
    size_t start, n_bytes; /* in the bytes; of strings without quotes and escapes */
} at_jinja_token;

typedef struct at_jinja_tokens {
    at_jinja_token *items; /* [n] */
    size_t n, capacity;
    at_buffer bytes;
} at_jinja_tokens;

attrib_status at_jinja_cut(const char *text,
                           size_t n,
                           at_jinja_tokens *out,
                           attrib_error *err);
void at_jinja_tokens_free(at_jinja_tokens *tokens);

/* 2. Nodes */

typedef enum at_jinja_node_kind {
    /* expressions */
    AT_NODE_LITERAL,
    AT_NODE_NAME,      /* symbol */
    AT_NODE_ATTRIBUTE, /* a.literal */
    AT_NODE_ITEM,      /* a[b] */
    AT_NODE_SLICE,     /* a[b:c:d] */
    AT_NODE_CALL,      /* a(list) */
    AT_NODE_FILTER,    /* a | text(list) */
    AT_NODE_TEST,      /* a is text(list); sign '!': is not */
    AT_NODE_UNARY,     /* sign - + or ! (not) */
    AT_NODE_BINARY,    /* sign + - * / % ~ | (//) ^ (**) */
    AT_NODE_AND,
    AT_NODE_OR,
    AT_NODE_COMPARE,     /* a, then list of AT_NODE_COMPARISON */
    AT_NODE_COMPARISON,  /* sign = ! < > l g i n, a */
    AT_NODE_CONDITIONAL, /* a if b else c */
    AT_NODE_LIST,
    AT_NODE_TUPLE,
    AT_NODE_DICT,     /* list of a: b */
    AT_NODE_ARGUMENT, /* a; text: its name, or NULL */
    /* statements */
    AT_NODE_PRINT,        /* a; a literal is text */
    AT_NODE_IF,           /* a, body, other */
    AT_NODE_FOR,          /* a: target, b: list, c: condition, body, other */
    AT_NODE_SET,          /* a: target, b */
    AT_NODE_SET_BLOCK,    /* a: target, body; list: filters around a literal */
    AT_NODE_FILTER_BLOCK, /* b: filters around a literal, body */
    AT_NODE_MACRO, /* symbol, list: AT_NODE_ARGUMENT with symbol and default a; body */
    AT_NODE_WITH,  /* list: AT_NODE_SET; body */
    AT_NODE_BREAK,
    AT_NODE_CONTINUE,
    AT_NODE_GENERATION /* body */
} at_jinja_node_kind;

struct at_jinja_node {
    at_jinja_node_kind kind;
    char sign;
    int symbol;
    const char *text;
    const at_jinja_value *literal;
    const at_jinja_node *a, *b, *c, *d;
    const at_jinja_node *list, *body, *other;
    const at_jinja_node *next; /* of a list or a body */
};

/* 3. A run through it */

typedef enum at_jinja_flow { AT_FLOW_ON, AT_FLOW_CONTINUE, AT_FLOW_BREAK } at_jinja_flow;

typedef struct at_jinja_binding {
    int symbol;
    const at_jinja_value *value;
} at_jinja_binding;

/* A loop at one of its turns: the variable "loop". */
typedef struct at_jinja_loop {
    const at_jinja_value *list;
    size_t i;
    size_t depth;
} at_jinja_loop;

typedef struct at_jinja_walk {
    at_jinja_run *r;
    const at_jinja *template;
    const char *date;
    at_jinja_binding *bindings; /* [n] of all open scopes, the innermost last */
    size_t n, capacity;
    size_t scope; /* where the innermost begins */
    size_t n_top; /* where the outermost ends, once others are open */
    size_t call;  /* where those of the running macro begin; 0: none */
    size_t n_loops;
    at_jinja_builder *out;
    at_jinja_flow flow;
} at_jinja_walk;

const at_jinja_value *at_jinja_evaluate(at_jinja_walk *w, const at_jinja_node *node);
/* Call a macro; jinja_run.c. */
const at_jinja_value *at_jinja_call_macro(at_jinja_walk *w,
                                          const at_jinja_node *macro,
                                          const at_jinja_arguments *arguments);
const at_jinja_value *at_jinja_call_function(at_jinja_walk *w,
                                             const char *name,
                                             const at_jinja_arguments *arguments);

#endif
