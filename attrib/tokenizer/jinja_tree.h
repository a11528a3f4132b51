/* SPDX-License-Identifier: MIT */
/* The tree of a template: tokens (jinja_read.c), nodes (jinja_parse.h), and the state of
 * a run through them (jinja_run.c). */
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
    AT_NODE_ARGUMENT, /* a; text: its name, or NULL; sign '*': *a, '^': **a */
    /* statements */
    AT_NODE_PRINT,        /* a; a literal is text */
    AT_NODE_IF,           /* a, body, other */
    AT_NODE_FOR,          /* a: target, b: list, c: condition, body, other */
    AT_NODE_SET,          /* a: target, b */
    AT_NODE_SET_BLOCK,    /* a: target, body; list: filters around a literal */
    AT_NODE_FILTER_BLOCK, /* b: filters around a literal, body */
    AT_NODE_MACRO,      /* symbol, list: AT_NODE_ARGUMENT with symbol and default a; body;
                         * other: what it reads of caller, kwargs and varargs */
    AT_NODE_CALL_BLOCK, /* a: AT_NODE_CALL, b: AT_NODE_MACRO, the caller */
    AT_NODE_WITH,       /* list: AT_NODE_SET; body */
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

/* The variables of a block, which hide those of the blocks around it. */
typedef struct at_jinja_scope at_jinja_scope;

struct at_jinja_scope {
    at_jinja_scope *outer;
    at_jinja_binding *bindings; /* [n] */
    size_t n, capacity;
    bool is_kept; /* a macro was made inside of it */
};

/* A macro sees the variables of the scope in which it was made, as they are when it is
 * called, and none of its caller's. */
typedef struct at_jinja_macro {
    const at_jinja_node *node;
    at_jinja_scope *scope;
} at_jinja_macro;

/* A loop at one of its turns: the variable "loop". */
typedef struct at_jinja_loop {
    const at_jinja_value *list;
    size_t i;
} at_jinja_loop;

typedef struct at_jinja_walk {
    at_jinja_run *r;
    const at_jinja *template;
    const char *date;
    at_jinja_scope *scope; /* the innermost */
    at_jinja_scope *spare; /* closed scopes to use again, linked by `outer` */
    at_jinja_builder *out;
    at_jinja_flow flow;
} at_jinja_walk;

const at_jinja_value *at_jinja_evaluate(at_jinja_walk *w, const at_jinja_node *node);
/* A method of a value; with NULL for it, a function. */
const at_jinja_value *at_jinja_name_method(at_jinja_walk *w,
                                           const at_jinja_value *self,
                                           const char *name);
/* What a body prints, as a text (jinja_run.c). */
const at_jinja_value *at_jinja_print_apart(at_jinja_walk *w, const at_jinja_node *body);

/* Operators (jinja_operate.c): a + b and its kin; -a, +a, not a; a < b <= c. */
/* Print an expression, a sum of texts term by term. */
bool at_jinja_print_sum(at_jinja_walk *w, const at_jinja_node *node);
const at_jinja_value *at_jinja_combine(at_jinja_walk *w, const at_jinja_node *node);
const at_jinja_value *at_jinja_negate(at_jinja_walk *w, const at_jinja_node *node);
const at_jinja_value *at_jinja_compare_all(at_jinja_walk *w, const at_jinja_node *node);

/* Calls (jinja_call.c); caller: the macro of a call block, or NULL. */
bool at_jinja_take_arguments(at_jinja_walk *w,
                             const at_jinja_node *list,
                             at_jinja_arguments *out);
const at_jinja_value *at_jinja_call(at_jinja_walk *w,
                                    const at_jinja_node *node,
                                    const at_jinja_value *caller);

/* Scopes (jinja_scope.c). Open one inside of another; close it and go back to the one
 * that was open before. */
bool at_jinja_open_scope(at_jinja_walk *w, at_jinja_scope *outer);
void at_jinja_close_scope(at_jinja_walk *w, at_jinja_scope *before);
/* Bind a name in the innermost scope. */
bool at_jinja_bind(at_jinja_walk *w, int symbol, const at_jinja_value *value);
/* The innermost binding of a name, or NULL. */
const at_jinja_value *at_jinja_find_variable(const at_jinja_walk *w, int symbol);
const at_jinja_value *at_jinja_make_macro(at_jinja_walk *w, const at_jinja_node *node);

#endif
