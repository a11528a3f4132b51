/* SPDX-License-Identifier: MIT */
/* Jinja: running statements.
 *
 *   1. Scopes   2. set   3. for   4. Macros and functions   5. Statements   6. The whole
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tokenizer/jinja_tree.h"

static bool run_body(at_jinja_walk *w, const at_jinja_node *body);

/* 1. Scopes */

static bool push_binding(at_jinja_walk *w, int symbol, const at_jinja_value *value)
{
    if (w->n == w->capacity) {
        size_t wanted = w->capacity ? 2 * w->capacity : 64;
        at_jinja_binding *grown = at_jinja_take(&w->r->bank, wanted * sizeof *grown);
        if (!grown) {
            return at_jinja_fail(w->r, ATTRIB_ERANGE, "too many variables");
        }
        if (w->n) {
            memcpy(grown, w->bindings, w->n * sizeof *grown);
        }
        w->bindings = grown;
        w->capacity = wanted;
    }
    w->bindings[w->n++] = (at_jinja_binding){symbol, value};
    return true;
}

/* Bind a name in the innermost scope. */
static bool bind(at_jinja_walk *w, int symbol, const at_jinja_value *value)
{
    for (size_t i = w->scope; i < w->n; i++) {
        if (w->bindings[i].symbol == symbol) {
            w->bindings[i].value = value;
            return true;
        }
    }
    return push_binding(w, symbol, value);
}

/* What is restored when a scope is left. */
typedef struct frame {
    size_t n, scope, n_top, call;
} frame;

static frame open_scope(at_jinja_walk *w)
{
    frame before = {w->n, w->scope, w->n_top, w->call};
    w->n_top = w->scope == 0 && w->n_top == 0 ? w->n : w->n_top;
    w->scope = w->n;
    return before;
}

static void close_scope(at_jinja_walk *w, frame before)
{
    w->n = before.n;
    w->scope = before.scope;
    w->n_top = before.n_top;
    w->call = before.call;
}

/* 2. set */

/* A name, or names for the parts of a list. */
static bool assign(at_jinja_walk *w,
                   const at_jinja_node *target,
                   const at_jinja_value *value)
{
    size_t i = 0;
    if (target->kind == AT_NODE_NAME) {
        return bind(w, target->symbol, value);
    }
    const at_jinja_value *parts = at_jinja_elements(w->r, value);
    if (!parts) {
        return false;
    }
    for (const at_jinja_node *name = target->list; name; name = name->next) {
        if (i == parts->as.list.n) {
            break;
        }
        if (!bind(w, name->symbol, parts->as.list.items[i++])) {
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
static const at_jinja_value *print_apart(at_jinja_walk *w, const at_jinja_node *body)
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
    const at_jinja_value *printed = print_apart(w, node->body);
    const at_jinja_node *innermost = node->b;
    while (innermost->kind != AT_NODE_NAME) {
        innermost = innermost->a;
    }
    if (!printed || !bind(w, innermost->symbol, printed)) {
        return NULL;
    }
    return at_jinja_evaluate(w, node->b);
}

/* 3. for */

/* The elements for which the loop's "if" holds. */
static const at_jinja_value *choose_elements(at_jinja_walk *w,
                                             const at_jinja_node *node,
                                             const at_jinja_value *list)
{
    at_jinja_value *kept = at_jinja_new(w->r, AT_JINJA_LIST);
    for (size_t i = 0; kept && i < list->as.list.n; i++) {
        const at_jinja_value *item = list->as.list.items[i];
        frame before = open_scope(w);
        const at_jinja_value *condition =
            assign(w, node->a, item) ? at_jinja_evaluate(w, node->c) : NULL;
        close_scope(w, before);
        if (!condition ||
            (at_jinja_is_true(condition) && !at_jinja_push(w->r, kept, item))) {
            return NULL;
        }
    }
    return kept;
}

static bool run_turns(at_jinja_walk *w,
                      const at_jinja_node *node,
                      const at_jinja_value *list,
                      int loop_symbol)
{
    at_jinja_value *shown = at_jinja_new(w->r, AT_JINJA_LOOP);
    at_jinja_loop *loop = at_jinja_take(&w->r->bank, sizeof *loop);
    bool is_run = shown && loop;
    if (!loop) {
        return at_jinja_fail(w->r, ATTRIB_ERANGE, "too many loops");
    }
    *loop = (at_jinja_loop){list, 0, ++w->n_loops};
    for (; is_run && loop->i < list->as.list.n; loop->i++) {
        frame before = open_scope(w);
        shown->as.other = loop;
        is_run = at_jinja_work(w->r, 1) &&
                 (loop_symbol < 0 || push_binding(w, loop_symbol, shown)) &&
                 assign(w, node->a, list->as.list.items[loop->i]) &&
                 run_body(w, node->body);
        close_scope(w, before);
        bool is_left = w->flow == AT_FLOW_BREAK;
        w->flow = AT_FLOW_ON;
        if (is_left) {
            break;
        }
    }
    w->n_loops--;
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
        return run_body(w, node->other);
    }
    return run_turns(w, node, list, loop_symbol);
}

/* 4. Macros and functions */

static bool bind_parameters(at_jinja_walk *w,
                            const at_jinja_node *macro,
                            const at_jinja_arguments *arguments)
{
    size_t i = 0;
    for (const at_jinja_node *p = macro->list; p; p = p->next, i++) {
        const at_jinja_value *value = at_jinja_argument(arguments, i, p->text);
        if (!value) {
            value = p->a ? at_jinja_evaluate(w, p->a) : &at_jinja_undefined;
        }
        if (!value || !push_binding(w, p->symbol, value)) {
            return false;
        }
    }
    return arguments->n <= i ||
           at_jinja_fail(w->r, ATTRIB_EINVAL, "macro \"%.32s\" takes %zu arguments",
                         macro->text, i);
}

const at_jinja_value *at_jinja_call_macro(at_jinja_walk *w,
                                          const at_jinja_node *macro,
                                          const at_jinja_arguments *arguments)
{
    at_jinja_flow flow = w->flow;
    frame before = open_scope(w);
    if (macro->sign != 'i') {
        w->call = w->n ? w->n : 1;
    }
    if (w->n == 0 && !push_binding(w, -1, &at_jinja_undefined)) {
        return NULL;
    }
    w->scope = w->n;
    const at_jinja_value *printed =
        bind_parameters(w, macro, arguments) ? print_apart(w, macro->body) : NULL;
    close_scope(w, before);
    w->flow = flow;
    return printed;
}

/* The day as strftime() writes it; midnight is its hour. */
static const at_jinja_value *print_date(at_jinja_walk *w, const at_jinja_value *format)
{
    struct tm day = {0};
    char pattern[64] = "";
    char out[256] = "";
    if (!at_jinja_is_text(format) || format->as.text.n >= sizeof pattern) {
        at_jinja_fail(w->r, ATTRIB_EINVAL, "strftime_now() without a format");
        return NULL;
    }
    memcpy(pattern, format->as.text.bytes, format->as.text.n);
    if (!w->date || !strptime(w->date, "%Y-%m-%d", &day)) {
        at_jinja_fail(w->r, ATTRIB_EINVAL, "it asks for the date, and there is none");
        return NULL;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = strftime(out, sizeof out, pattern, &day);
#pragma GCC diagnostic pop
    return at_jinja_text(w->r, out, n);
}

static const at_jinja_value *make_range(at_jinja_walk *w,
                                        const at_jinja_arguments *arguments)
{
    int64_t bounds[3] = {0, 0, 1};
    at_jinja_value *made = at_jinja_new(w->r, AT_JINJA_LIST);
    for (size_t i = 0; i < arguments->n && i < 3; i++) {
        if (!at_jinja_as_int(arguments->items[i], &bounds[i]) || bounds[i] > INT32_MAX ||
            bounds[i] < INT32_MIN) {
            at_jinja_fail(w->r, ATTRIB_EINVAL, "range() of what is no integer");
            return NULL;
        }
    }
    if (arguments->n == 1) {
        bounds[1] = bounds[0];
        bounds[0] = 0;
    }
    if (arguments->n == 0 || bounds[2] == 0) {
        at_jinja_fail(w->r, ATTRIB_EINVAL, "range() without an end");
        return NULL;
    }
    for (int64_t i = bounds[0]; made && (bounds[2] > 0 ? i < bounds[1] : i > bounds[1]);
         i += bounds[2]) {
        if (!at_jinja_work(w->r, 1) ||
            !at_jinja_push(w->r, made, at_jinja_int(w->r, i))) {
            return NULL;
        }
    }
    return made;
}

/* namespace(a = 1) or dict(a = 1), of a dictionary too. */
static const at_jinja_value *make_dict(at_jinja_walk *w,
                                       at_jinja_type type,
                                       const at_jinja_arguments *arguments)
{
    at_jinja_value *made = at_jinja_new(w->r, type);
    const at_jinja_value *sources[2] = {at_jinja_argument(arguments, 0, NULL),
                                        arguments->named};
    for (size_t k = 0; made && k < 2; k++) {
        const at_jinja_value *from = sources[k];
        if (from && !at_jinja_is_dict(from)) {
            at_jinja_fail(w->r, ATTRIB_ENOTSUP, "a dictionary of %s",
                          at_jinja_type_name(from));
            return NULL;
        }
        for (size_t i = 0; from && i < from->as.dict.n; i++) {
            if (!at_jinja_set(w->r, made, from->as.dict.pairs[i].key,
                              from->as.dict.pairs[i].value)) {
                return NULL;
            }
        }
    }
    return made;
}

const at_jinja_value *at_jinja_call_function(at_jinja_walk *w,
                                             const char *name,
                                             const at_jinja_arguments *arguments)
{
    const at_jinja_value *first = at_jinja_argument(arguments, 0, NULL);
    switch (name[0]) {
    case 's':
        return print_date(w, first);
    case 'n':
        return make_dict(w, AT_JINJA_NAMESPACE, arguments);
    case 'd':
        return make_dict(w, AT_JINJA_DICT, arguments);
    default:
        break;
    }
    if (strcmp(name, "range") == 0) {
        return make_range(w, arguments);
    }
    first = first ? at_jinja_str(w->r, first) : NULL;
    at_jinja_fail(w->r, ATTRIB_EINVAL, "it refuses this: %.*s",
                  first && first->as.text.n < 150 ? (int)first->as.text.n
                  : first                         ? 150
                                                  : 0,
                  first ? first->as.text.bytes : "");
    return NULL;
}

/* 5. Statements */

static bool run_print(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *value =
        node->literal ? node->literal : at_jinja_evaluate(w, node->a);
    return value && at_jinja_add_str(w->r, w->out, value);
}

static bool run_if(at_jinja_walk *w, const at_jinja_node *node)
{
    const at_jinja_value *condition = at_jinja_evaluate(w, node->a);
    return condition &&
           run_body(w, at_jinja_is_true(condition) ? node->body : node->other);
}

static bool run_macro(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_value *made = at_jinja_new(w->r, AT_JINJA_MACRO);
    if (made) {
        made->as.other = node;
    }
    return made && bind(w, node->symbol, made);
}

static bool run_with(at_jinja_walk *w, const at_jinja_node *node)
{
    frame before = open_scope(w);
    bool is_run = true;
    for (const at_jinja_node *set = node->list; is_run && set; set = set->next) {
        is_run = run_set(w, set);
    }
    is_run = is_run && run_body(w, node->body);
    close_scope(w, before);
    return is_run;
}

static bool run_generation(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_mark before = w->out->flags;
    w->out->flags |= AT_JINJA_GENERATION;
    bool is_run = run_body(w, node->body);
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

/* 6. The whole */

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
    bool is_run = r->status == ATTRIB_OK;
    for (size_t i = 0; i < template->n_names; i++) {
        for (size_t k = 0; is_run && k < n; k++) {
            if (variables[k].value &&
                strcmp(variables[k].name, template->names[i]) == 0) {
                is_run = push_binding(&w, (int)i, variables[k].value);
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
