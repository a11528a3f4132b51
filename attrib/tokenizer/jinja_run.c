/* SPDX-License-Identifier: MIT */
/* Jinja: running statements.
 *
 *   1. set   2. for   3. Statements   4. The whole */
#include <string.h>

#include "tokenizer/jinja_tree.h"

static bool run_body(at_jinja_walk *w, const at_jinja_node *body);

/* Leave a block, whose variables end with it, for macros that outlive it too. */
static void leave_block(at_jinja_walk *w)
{
    w->scope->n = 0;
    at_jinja_close_scope(w, w->scope->outer);
}

/* A body with a scope of its own. */
static bool run_block(at_jinja_walk *w, const at_jinja_node *body)
{
    if (!at_jinja_open_scope(w, w->scope)) {
        return false;
    }
    bool is_run = run_body(w, body);
    leave_block(w);
    return is_run;
}

/* 1. set */

/* A name, or names for the parts of a list. */
static bool assign(at_jinja_walk *w,
                   const at_jinja_node *target,
                   const at_jinja_value *value)
{
    size_t i = 0;
    if (target->kind == AT_NODE_NAME) {
        return at_jinja_bind(w, target->symbol, value);
    }
    const at_jinja_value *parts = at_jinja_elements(w->r, value);
    if (!parts) {
        return false;
    }
    for (const at_jinja_node *name = target->list; name; name = name->next) {
        if (i == parts->as.list.n) {
            break;
        }
        if (!at_jinja_bind(w, name->symbol, parts->as.list.items[i++])) {
            return false;
        }
        if (!name->next && i == parts->as.list.n) {
            return true;
        }
    }
    return at_jinja_fail(w->r, ATTRIB_EINVAL, "%zu parts for another number of names",
                         parts->as.list.n);
}

/* The member of a namespace, which alone can be changed: it is the run's own. */
static bool assign_member(at_jinja_walk *w,
                          const at_jinja_node *target,
                          const at_jinja_value *value)
{
    const at_jinja_value *found = at_jinja_evaluate(w, target->a);
    at_jinja_value *own = NULL;
    if (!found || found->type != AT_JINJA_NAMESPACE) {
        return at_jinja_fail(w->r, ATTRIB_EINVAL, "\"%.32s\" is no namespace",
                             target->a->text);
    }
    memcpy(&own, &found, sizeof own);
    return at_jinja_set(w->r, own, target->literal, value);
}

static bool run_set(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *value = at_jinja_evaluate(w, node->b);
    return value && (node->a->kind == AT_NODE_ATTRIBUTE ? assign_member(w, node->a, value)
                                                        : assign(w, node->a, value));
}

/* What a body prints, as a text. */
const at_jinja_value *at_jinja_print_apart(at_jinja_walk *w, const at_jinja_node *body)
{
    at_jinja_builder printed = {.flags = w->out->flags};
    at_jinja_builder *outer = w->out;
    w->out = &printed;
    bool is_run = run_body(w, body);
    w->out = outer;
    return is_run ? at_jinja_built(w->r, &printed) : NULL;
}

/* What a body prints, through the filters of its block. */
static const at_jinja_value *print_filtered(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *printed = NULL;
    if (at_jinja_open_scope(w, w->scope)) {
        printed = at_jinja_print_apart(w, node->body);
        leave_block(w);
    }
    const at_jinja_node *innermost = node->b;
    while (innermost->kind != AT_NODE_NAME) {
        innermost = innermost->a;
    }
    if (!printed || !at_jinja_bind(w, innermost->symbol, printed)) {
        return NULL;
    }
    return at_jinja_evaluate(w, node->b);
}

/* 2. for */

/* The elements for which the loop's "if" holds. */
static const at_jinja_value *choose_elements(at_jinja_walk *w,
                                             const at_jinja_node *node,
                                             const at_jinja_value *list)
{
    at_jinja_value *kept = at_jinja_new(w->r, AT_JINJA_LIST);
    if (!kept || !at_jinja_open_scope(w, w->scope)) {
        return NULL;
    }
    for (size_t i = 0; i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        const at_jinja_value *condition =
            assign(w, node->a, item) ? at_jinja_evaluate(w, node->c) : NULL;
        if (!condition ||
            (at_jinja_is_true(condition) && !at_jinja_push(w->r, kept, item))) {
            return NULL;
        }
    }
    leave_block(w);
    return kept;
}

static bool run_turns(at_jinja_walk *w,
                      const at_jinja_node *node,
                      const at_jinja_value *list,
                      int loop_symbol)
{
    at_jinja_value *shown = at_jinja_new(w->r, AT_JINJA_LOOP);
    at_jinja_loop *loop = at_jinja_take(&w->r->bank, sizeof *loop);
    if (!shown || !loop) {
        return at_jinja_fail(w->r, ATTRIB_ERANGE, "too many loops");
    }
    *loop = (at_jinja_loop){list, 0};
    shown->as.other = loop;
    bool is_run = at_jinja_open_scope(w, w->scope);
    for (; is_run && loop->i < list->as.list.n; loop->i++) {
        is_run = at_jinja_work(w->r, 1) &&
                 (loop_symbol < 0 || at_jinja_bind(w, loop_symbol, shown)) &&
                 assign(w, node->a, list->as.list.items[loop->i]) &&
                 run_body(w, node->body);
        w->scope->n = 0;
        bool is_left = w->flow == AT_FLOW_BREAK;
        w->flow = AT_FLOW_ON;
        if (is_left) {
            break;
        }
    }
    leave_block(w);
    return is_run;
}

static bool run_for(at_jinja_walk *w, const at_jinja_node *node)
{
    int loop_symbol = -1;
    const at_jinja_value *value = at_jinja_evaluate(w, node->b);
    const at_jinja_value *list = value ? at_jinja_elements(w->r, value) : NULL;
    if (list && node->c) {
        list = choose_elements(w, node, list);
    }
    if (!list) {
        return false;
    }
    for (size_t i = 0; i < w->template->n_names; i++) {
        if (strcmp(w->template->names[i], "loop") == 0) {
            loop_symbol = (int)i;
        }
    }
    if (list->as.list.n == 0) {
        return run_block(w, node->other);
    }
    return run_turns(w, node, list, loop_symbol);
}

/* 3. Statements */

static bool run_print(at_jinja_walk *w, const at_jinja_node *node)
{
    return node->literal ? at_jinja_add_str(w->r, w->out, node->literal)
                         : at_jinja_print_sum(w, node->a);
}

static bool run_if(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *condition = at_jinja_evaluate(w, node->a);
    return condition &&
           run_body(w, at_jinja_is_true(condition) ? node->body : node->other);
}

static bool run_macro(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *made = at_jinja_make_macro(w, node);
    return made && at_jinja_bind(w, node->symbol, made);
}

static bool run_call(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *caller = at_jinja_make_macro(w, node->b);
    const at_jinja_value *value = caller ? at_jinja_call(w, node->a, caller) : NULL;
    return value && at_jinja_add_str(w->r, w->out, value);
}

/* In "with a = 1, b = a" the second a is that of the block around. */
static bool run_with(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_scope *outer = w->scope;
    if (!at_jinja_open_scope(w, outer)) {
        return false;
    }
    at_jinja_scope *own = w->scope;
    bool is_run = true;
    for (const at_jinja_node *set = node->list; is_run && set; set = set->next) {
        w->scope = outer;
        const at_jinja_value *value = at_jinja_evaluate(w, set->b);
        w->scope = own;
        is_run = value && assign(w, set->a, value);
    }
    is_run = is_run && run_body(w, node->body);
    leave_block(w);
    return is_run;
}

static bool run_generation(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_mark before = w->out->flags;
    w->out->flags |= AT_JINJA_GENERATION;
    bool is_run = run_block(w, node->body);
    w->out->flags = before;
    return is_run;
}

static bool run_one(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *value = NULL;
    switch (node->kind) {
    case AT_NODE_PRINT:
        return run_print(w, node);
    case AT_NODE_IF:
        return run_if(w, node);
    case AT_NODE_FOR:
        return run_for(w, node);
    case AT_NODE_SET:
        return run_set(w, node);
    case AT_NODE_SET_BLOCK:
        value = print_filtered(w, node);
        return value &&
               (node->a->kind == AT_NODE_ATTRIBUTE ? assign_member(w, node->a, value)
                                                   : assign(w, node->a, value));
    case AT_NODE_FILTER_BLOCK:
        value = print_filtered(w, node);
        return value && at_jinja_add_str(w->r, w->out, value);
    case AT_NODE_MACRO:
        return run_macro(w, node);
    case AT_NODE_CALL_BLOCK:
        return run_call(w, node);
    case AT_NODE_WITH:
        return run_with(w, node);
    case AT_NODE_GENERATION:
        return run_generation(w, node);
    default:
        w->flow = node->kind == AT_NODE_BREAK ? AT_FLOW_BREAK : AT_FLOW_CONTINUE;
        return true;
    }
}

static bool run_body(at_jinja_walk *w, const at_jinja_node *body)
{
    if (!at_jinja_enter(w->r)) {
        return false;
    }
    bool is_run = true;
    for (; is_run && body && w->flow == AT_FLOW_ON; body = body->next) {
        is_run = at_jinja_work(w->r, 1) && run_one(w, body);
    }
    at_jinja_leave(w->r);
    return is_run;
}

/* 4. The whole */

void at_jinja_open(at_jinja_run *r, attrib_error *err)
{
    *r = (at_jinja_run){.bank = {.limit = AT_JINJA_MAX_BANK}, .err = err};
}

void at_jinja_close(at_jinja_run *r)
{
    at_jinja_bank_free(&r->bank);
}

attrib_status at_jinja_print(at_jinja_run *r,
                             const at_jinja *template,
                             const at_jinja_variable *variables,
                             size_t n,
                             const char *date,
                             const at_jinja_value **out)
{
    at_jinja_builder printed = {0};
    at_jinja_walk w = {.r = r, .template = template, .date = date, .out = &printed};
    bool is_run = r->status == ATTRIB_OK && at_jinja_open_scope(&w, NULL);
    for (size_t i = 0; i < template->n_names; i++) {
        for (size_t k = 0; is_run && k < n; k++) {
            if (variables[k].value &&
                strcmp(variables[k].name, template->names[i]) == 0) {
                is_run = at_jinja_bind(&w, (int)i, variables[k].value);
            }
        }
    }
    is_run = is_run && run_body(&w, template->body);
    const at_jinja_value *text = is_run ? at_jinja_built(r, &printed) : NULL;
    if (text) {
        *out = text;
    }
    return r->status;
}
