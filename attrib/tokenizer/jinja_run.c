/* SPDX-License-Identifier: MIT */
/* Jinja: statements.
 *
 *   1. Tokens   2. Scopes   3. if   4. for   5. set   6. The whole */
#include "tokenizer/jinja_run.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS  ((size_t)50000) /* tokens read; real templates need a few thousand */
#define MAX_OUTPUT ((size_t)1 << 20)

/* 1. Tokens */

const at_jinja_token *at_jinja_peek(const at_jinja_run_state *r)
{
    return &r->template->tokens[r->at];
}

bool at_jinja_sees(const at_jinja_run_state *r, at_jinja_kind kind, const char *text)
{
    const at_jinja_token *token = at_jinja_peek(r);
    return token->kind == kind && token->n_bytes == strlen(text) &&
           memcmp(r->template->bank.bytes + token->start, text, token->n_bytes) == 0;
}

attrib_status at_jinja_step(at_jinja_run_state *r)
{
    if (++r->n_steps > MAX_STEPS) {
        return at_fail(r->err, ATTRIB_ERANGE, "chat template: it runs too long");
    }
    r->at += at_jinja_peek(r)->kind != AT_JINJA_END;
    return ATTRIB_OK;
}

/* Steps are limited where a token must be something; what may be there is read between
 * such tokens. */
bool at_jinja_takes(at_jinja_run_state *r, at_jinja_kind kind, const char *text)
{
    bool is_there = at_jinja_sees(r, kind, text);
    r->at += is_there;
    r->n_steps += is_there;
    return is_there;
}

attrib_status at_jinja_fail(const at_jinja_run_state *r, const char *expected)
{
    const at_jinja_token *token = at_jinja_peek(r);
    int n = token->n_bytes < 32 ? (int)token->n_bytes : 32;
    return at_fail(r->err, ATTRIB_EFORMAT, "chat template: expected %s at \"%.*s\"",
                   expected, n, r->template->bank.bytes + token->start);
}

attrib_status at_jinja_expect(at_jinja_run_state *r, at_jinja_kind kind, const char *text)
{
    if (!at_jinja_sees(r, kind, text)) {
        return at_jinja_fail(r, kind == AT_JINJA_CLOSE ? "the end of a tag" : text);
    }
    return at_jinja_step(r);
}

attrib_status at_jinja_take_name(at_jinja_run_state *r, char out[AT_JINJA_NAME_BYTES])
{
    const at_jinja_token *token = at_jinja_peek(r);
    if (token->kind != AT_JINJA_NAME || token->n_bytes >= AT_JINJA_NAME_BYTES) {
        return at_jinja_fail(r, "a name");
    }
    memcpy(out, r->template->bank.bytes + token->start, token->n_bytes);
    out[token->n_bytes] = '\0';
    return at_jinja_step(r);
}

/* 2. Scopes */

static attrib_status fail_memory(const at_jinja_run_state *r)
{
    return at_fail(r->err, ATTRIB_ENOMEM, "out of memory for a chat template");
}

static attrib_status push_scope(at_jinja_run_state *r)
{
    if (r->n_scopes == AT_JINJA_MAX_DEPTH) {
        return at_fail(r->err, ATTRIB_ERANGE, "chat template: loops too deep");
    }
    r->scopes[r->n_scopes] = json_object();
    return r->scopes[r->n_scopes++] ? ATTRIB_OK : fail_memory(r);
}

static void pop_scope(at_jinja_run_state *r)
{
    json_decref(r->scopes[--r->n_scopes]);
}

/* Set a variable of the innermost scope; steals the value, and undefined unsets it. */
static attrib_status set_variable(at_jinja_run_state *r, const char *name, json_t *value)
{
    json_t *scope = r->scopes[r->n_scopes - 1];
    if (!value) {
        (void)json_object_del(scope, name);
        return ATTRIB_OK;
    }
    return json_object_set_new(scope, name, value) == 0 ? ATTRIB_OK : fail_memory(r);
}

static attrib_status run_until(at_jinja_run_state *r, const char *const *ends);

/* Whether one of some names comes next. */
static bool sees_one(const at_jinja_run_state *r, const char *const *names)
{
    for (; *names; names++) {
        if (at_jinja_sees(r, AT_JINJA_NAME, *names)) {
            return true;
        }
    }
    return false;
}

/* What is live behind a statement: what was before, unless a loop is being left. */
static void restore_live(at_jinja_run_state *r, bool was_live)
{
    r->is_live = was_live && r->flow == AT_JINJA_FLOW_ON;
}

/* 3. if, elif, else */

/* The condition behind "if" or "elif", the end of its tag, and its block. */
static attrib_status run_branch(at_jinja_run_state *r, bool may_run, bool *was_run)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    attrib_status status = ATTRIB_OK;
    json_t *condition = NULL;
    bool holds = false;
    r->is_live = may_run;
    AT_TRY(at_jinja_expression(r, &condition));
    holds = may_run && at_jinja_is_true(condition);
    json_decref(condition);
    AT_TRY(at_jinja_expect(r, AT_JINJA_CLOSE, ""));
    r->is_live = holds;
    AT_TRY(run_until(r, ends));
    *was_run = *was_run || holds;
done:
    return status;
}

static attrib_status run_if(at_jinja_run_state *r)
{
    static const char *const ends[] = {"endif", NULL};
    attrib_status status = ATTRIB_OK;
    bool was_live = r->is_live;
    bool was_run = false;
    AT_TRY(run_branch(r, was_live, &was_run));
    while (at_jinja_takes(r, AT_JINJA_NAME, "elif")) {
        AT_TRY(run_branch(r, was_live && !was_run, &was_run));
    }
    if (at_jinja_takes(r, AT_JINJA_NAME, "else")) {
        AT_TRY(at_jinja_expect(r, AT_JINJA_CLOSE, ""));
        r->is_live = was_live && !was_run;
        AT_TRY(run_until(r, ends));
    }
    AT_TRY(at_jinja_expect(r, AT_JINJA_NAME, "endif"));
    restore_live(r, was_live);
done:
    return status;
}

/* 4. for */

typedef struct loop {
    char names[2][AT_JINJA_NAME_BYTES]; /* of what an element, or its two parts, become */
    bool has_two;
    size_t condition; /* token behind "if"; 0: none */
    size_t body;      /* token behind the tag */
    json_t *list;
} loop;

static attrib_status name_element(at_jinja_run_state *r, const loop *l, json_t *element)
{
    attrib_status status = ATTRIB_OK;
    if (!l->has_two) {
        return set_variable(r, l->names[0], json_incref(element));
    }
    if (json_array_size(element) != 2) {
        return at_fail(r->err, ATTRIB_ENOTSUP,
                       "chat template: an element of no two parts");
    }
    AT_TRY(set_variable(r, l->names[0], json_incref(json_array_get(element, 0))));
    AT_TRY(set_variable(r, l->names[1], json_incref(json_array_get(element, 1))));
done:
    return status;
}

/* Keep the elements for which the loop's "if" holds. */
static attrib_status choose_elements(at_jinja_run_state *r, loop *l)
{
    attrib_status status = ATTRIB_OK;
    size_t at = r->at;
    json_t *kept = json_array();
    for (size_t i = 0; kept && i < json_array_size(l->list); i++) {
        json_t *holds = NULL;
        AT_TRY(push_scope(r));
        status = name_element(r, l, json_array_get(l->list, i));
        r->at = l->condition;
        if (status == ATTRIB_OK) {
            status = at_jinja_or(r, &holds);
        }
        pop_scope(r);
        if (status == ATTRIB_OK && at_jinja_is_true(holds) &&
            json_array_append(kept, json_array_get(l->list, i)) != 0) {
            status = fail_memory(r);
        }
        json_decref(holds);
        AT_TRY(status);
    }
    if (!kept) {
        return fail_memory(r);
    }
    json_decref(l->list);
    l->list = kept;
    kept = NULL;
done:
    r->at = at;
    json_decref(kept);
    return status;
}

/* "x in list", "x in list if condition", and the end of the tag. */
static attrib_status read_loop(at_jinja_run_state *r, loop *l)
{
    attrib_status status = ATTRIB_OK;
    json_t *ignored = NULL;
    bool was_live = r->is_live;
    AT_TRY(at_jinja_take_name(r, l->names[0]));
    l->has_two = at_jinja_takes(r, AT_JINJA_OPERATOR, ",");
    if (l->has_two) {
        AT_TRY(at_jinja_take_name(r, l->names[1]));
    }
    AT_TRY(at_jinja_expect(r, AT_JINJA_NAME, "in"));
    AT_TRY(at_jinja_or(r, &l->list));
    if (at_jinja_takes(r, AT_JINJA_NAME, "if")) {
        l->condition = r->at;
        r->is_live = false;
        AT_TRY(at_jinja_or(r, &ignored));
        r->is_live = was_live;
    }
    AT_TRY(at_jinja_expect(r, AT_JINJA_CLOSE, ""));
    l->body = r->at;
    if (was_live && l->list && !json_is_array(l->list)) {
        status = at_fail(r->err, ATTRIB_ENOTSUP, "chat template: a loop over no list");
        goto done;
    }
    if (was_live && l->condition && l->list) {
        AT_TRY(choose_elements(r, l));
    }
done:
    r->is_live = was_live;
    json_decref(ignored);
    return status;
}

/* The variable "loop" of turn i. */
static json_t *describe_turn(const loop *l, size_t i)
{
    size_t n = json_array_size(l->list);
    json_t *previous = i ? json_array_get(l->list, i - 1) : NULL;
    json_t *next = json_array_get(l->list, i + 1);
    json_t *made = json_pack("{sI sI sI sI sI sb sb}", "index", (json_int_t)i + 1,
                             "index0", (json_int_t)i, "revindex", (json_int_t)(n - i),
                             "revindex0", (json_int_t)(n - i - 1), "length",
                             (json_int_t)n, "first", i == 0, "last", i + 1 == n);
    bool failed = !made || (previous && json_object_set(made, "previtem", previous)) ||
                  (next && json_object_set(made, "nextitem", next));
    if (failed) {
        json_decref(made);
    }
    return failed ? NULL : made;
}

static const char *const loop_ends[] = {"else", "endfor", NULL};

static attrib_status run_turn(at_jinja_run_state *r, const loop *l, size_t i)
{
    attrib_status status = push_scope(r);
    if (status != ATTRIB_OK) {
        return status;
    }
    json_t *turn = describe_turn(l, i);
    status = turn ? set_variable(r, "loop", turn) : fail_memory(r);
    r->at = l->body;
    if (status == ATTRIB_OK) {
        status = name_element(r, l, json_array_get(l->list, i));
    }
    if (status == ATTRIB_OK) {
        status = run_until(r, loop_ends);
    }
    pop_scope(r);
    return status;
}

static attrib_status run_for(at_jinja_run_state *r)
{
    static const char *const ends[] = {"endfor", NULL};
    attrib_status status = ATTRIB_OK;
    loop l = {0};
    bool was_live = r->is_live;
    bool was_run = false;
    AT_TRY(read_loop(r, &l));
    for (size_t i = 0; was_live && i < json_array_size(l.list); i++) {
        was_run = true;
        AT_TRY(run_turn(r, &l, i));
        bool is_left = r->flow == AT_JINJA_FLOW_BREAK;
        r->flow = AT_JINJA_FLOW_ON;
        r->is_live = true;
        if (is_left) {
            break;
        }
    }
    if (!was_run) {
        r->is_live = false;
        AT_TRY(run_until(r, loop_ends));
    }
    if (at_jinja_takes(r, AT_JINJA_NAME, "else")) {
        AT_TRY(at_jinja_expect(r, AT_JINJA_CLOSE, ""));
        r->is_live = was_live && !was_run;
        AT_TRY(run_until(r, ends));
    }
    AT_TRY(at_jinja_expect(r, AT_JINJA_NAME, "endfor"));
    restore_live(r, was_live);
done:
    json_decref(l.list);
    return status;
}

static attrib_status leave_loop(at_jinja_run_state *r, at_jinja_flow flow)
{
    if (r->is_live && r->n_scopes < 3) {
        return at_jinja_fail(r, "a loop to leave");
    }
    if (r->is_live) {
        r->flow = flow;
        r->is_live = false;
    }
    return ATTRIB_OK;
}

/* 5. set */

/* The member of a namespace. It takes plain values only, so that none can hold itself. */
static attrib_status set_member(at_jinja_run_state *r,
                                const char *name,
                                const char *member,
                                json_t *value)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = r->err;
    json_t *found = NULL;
    for (size_t i = r->n_scopes; !found && i-- > 0;) {
        found = json_object_get(r->scopes[i], name);
    }
    AT_CHECK(json_is_object(found), ATTRIB_EFORMAT,
             "chat template: \"%s\" is no namespace", name);
    AT_CHECK(value && !json_is_array(value) && !json_is_object(value), ATTRIB_ENOTSUP,
             "chat template: a list in namespace \"%s\"", name);
    AT_CHECK(json_object_set(found, member, value) == 0, ATTRIB_ENOMEM,
             "out of memory for a chat template");
done:
    return status;
}

/* {% set x %}...{% endset %}: what the block prints. */
static attrib_status set_block(at_jinja_run_state *r, const char *name)
{
    static const char *const ends[] = {"endset", NULL};
    attrib_status status = ATTRIB_OK;
    attrib_error *err = r->err;
    at_buffer printed = {0};
    at_buffer *outer = r->out;
    r->out = &printed;
    AT_TRY(at_jinja_step(r));
    AT_TRY(run_until(r, ends));
    AT_TRY(at_jinja_step(r));
    AT_CHECK(printed.n_bytes <= AT_JINJA_MAX_TEXT, ATTRIB_ERANGE,
             "chat template: a text of %zu bytes", printed.n_bytes);
    if (r->is_live) {
        json_t *text = json_stringn(printed.bytes ? printed.bytes : "", printed.n_bytes);
        AT_TRY(text ? set_variable(r, name, text) : fail_memory(r));
    }
done:
    r->out = outer;
    at_buffer_free(&printed);
    return status;
}

static attrib_status run_set(at_jinja_run_state *r)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_JINJA_NAME_BYTES] = "";
    char member[AT_JINJA_NAME_BYTES] = "";
    json_t *value = NULL;
    AT_TRY(at_jinja_take_name(r, name));
    if (at_jinja_peek(r)->kind == AT_JINJA_CLOSE) {
        return set_block(r, name);
    }
    if (at_jinja_takes(r, AT_JINJA_OPERATOR, ".")) {
        AT_TRY(at_jinja_take_name(r, member));
    }
    AT_TRY(at_jinja_expect(r, AT_JINJA_OPERATOR, "="));
    AT_TRY(at_jinja_expression(r, &value));
    if (r->is_live && member[0]) {
        AT_TRY(set_member(r, name, member, value));
    } else if (r->is_live) {
        status = set_variable(r, name, value);
        value = NULL;
    }
done:
    json_decref(value);
    return status;
}

/* 6. The whole */

static attrib_status print(at_jinja_run_state *r)
{
    attrib_status status = ATTRIB_OK;
    json_t *value = NULL;
    AT_TRY(at_jinja_expression(r, &value));
    if (r->is_live) {
        AT_TRY(at_jinja_append(r->out, value, r->err));
    }
    AT_TRY(at_jinja_expect(r, AT_JINJA_CLOSE, ""));
done:
    json_decref(value);
    return status;
}

/* A macro is read over: calling it is what is refused. */
static attrib_status skip_macro(at_jinja_run_state *r)
{
    static const char *const ends[] = {"endmacro", NULL};
    attrib_status status = ATTRIB_OK;
    bool was_live = r->is_live;
    while (at_jinja_peek(r)->kind != AT_JINJA_CLOSE) {
        AT_TRY(at_jinja_step(r));
        if (at_jinja_peek(r)->kind == AT_JINJA_END) {
            return at_jinja_fail(r, "the end of a macro");
        }
    }
    AT_TRY(at_jinja_step(r));
    r->is_live = false;
    AT_TRY(run_until(r, ends));
    AT_TRY(at_jinja_step(r));
    r->is_live = was_live;
done:
    return status;
}

/* The statement of a tag, up to its end. */
static attrib_status run_statement(at_jinja_run_state *r)
{
    char name[AT_JINJA_NAME_BYTES];
    attrib_status status = at_jinja_take_name(r, name);
    if (status != ATTRIB_OK) {
        return status;
    }
    if (strcmp(name, "if") == 0) {
        return run_if(r);
    }
    if (strcmp(name, "for") == 0) {
        return run_for(r);
    }
    if (strcmp(name, "set") == 0) {
        return run_set(r);
    }
    if (strcmp(name, "macro") == 0) {
        return skip_macro(r);
    }
    if (strcmp(name, "break") == 0 || strcmp(name, "continue") == 0) {
        return leave_loop(r,
                          name[0] == 'b' ? AT_JINJA_FLOW_BREAK : AT_JINJA_FLOW_CONTINUE);
    }
    if (strcmp(name, "generation") == 0 || strcmp(name, "endgeneration") == 0) {
        return ATTRIB_OK; /* marks what the assistant says */
    }
    return at_fail(r->err, ATTRIB_ENOTSUP, "chat template: statement \"%.32s\"", name);
}

/* Run up to a tag that begins with one of `ends`, and step to that name; with NULL up to
 * the end of the template. */
static attrib_status run_until(at_jinja_run_state *r, const char *const *ends)
{
    attrib_status status = ATTRIB_OK;
    if (r->depth >= AT_JINJA_MAX_DEPTH) {
        return at_fail(r->err, ATTRIB_ERANGE, "chat template: blocks too deep");
    }
    r->depth++;
    for (;;) {
        const at_jinja_token *token = at_jinja_peek(r);
        if (token->kind == AT_JINJA_END) {
            status = ends ? at_jinja_fail(r, ends[0]) : ATTRIB_OK;
            break;
        }
        AT_TRY(at_jinja_step(r));
        if (token->kind == AT_JINJA_TEXT && r->is_live) {
            AT_TRY(at_buffer_append(r->out, r->template->bank.bytes + token->start,
                                    token->n_bytes, r->err));
        } else if (token->kind == AT_JINJA_PRINT) {
            AT_TRY(print(r));
        } else if (token->kind == AT_JINJA_BLOCK) {
            if (ends && sees_one(r, ends)) {
                break;
            }
            AT_TRY(run_statement(r));
            AT_TRY(at_jinja_expect(r, AT_JINJA_CLOSE, ""));
        }
        if (r->out->n_bytes > MAX_OUTPUT) {
            status = at_fail(r->err, ATTRIB_ERANGE, "chat template: too much text");
            break;
        }
    }
done:
    r->depth--;
    return status;
}

attrib_status at_jinja_run(const at_jinja *template,
                           json_t *variables,
                           at_buffer *out,
                           bool *has_raised,
                           attrib_error *err)
{
    at_jinja_run_state r = {
        .template = template, .is_live = true, .out = out, .err = err};
    r.scopes[0] = json_incref(variables);
    r.n_scopes = 1;
    attrib_status status = push_scope(&r);
    if (status == ATTRIB_OK) {
        status = run_until(&r, NULL);
    }
    while (r.n_scopes > 0) {
        pop_scope(&r);
    }
    *has_raised = r.has_raised;
    return status;
}
