/* SPDX-License-Identifier: MIT */
/* Jinja: expressions, one function a level of precedence.
 *
 *   1. Names and calls   2. Primaries   3. What follows one   4. Operators   5. The whole
 */
#include "tokenizer/jinja_run.h"

#include <string.h>

#define MAX_MADE ((size_t)4 << 20) /* bytes of all texts that one run makes */

/* Count what a value costs; frees it where that is too much. */
static attrib_status account(at_jinja_run_state *r, json_t **value)
{
    r->n_made += json_string_length(*value);
    if (r->n_made > MAX_MADE) {
        json_decref(*value);
        *value = NULL;
        return at_fail(r->err, ATTRIB_ERANGE, "chat template: too much text");
    }
    return ATTRIB_OK;
}

static attrib_status give(at_jinja_run_state *r, json_t *made, json_t **out)
{
    *out = made;
    return made ? account(r, out)
                : at_fail(r->err, ATTRIB_ENOMEM, "out of memory for a chat template");
}

/* 1. Names and calls */

/* Arguments behind their bracket: a list, and an object of those with names. Undefined
 * ones are null. */
static attrib_status read_arguments(at_jinja_run_state *r, json_t **list, json_t **named)
{
    attrib_status status = ATTRIB_OK;
    json_t *value = NULL;
    AT_TRY(give(r, json_array(), list));
    AT_TRY(give(r, json_object(), named));
    while (!at_jinja_takes(r, AT_JINJA_OPERATOR, ")")) {
        char name[AT_JINJA_NAME_BYTES] = "";
        const at_jinja_token *next = at_jinja_peek(r);
        if (next->kind == AT_JINJA_NAME && next[1].kind == AT_JINJA_OPERATOR &&
            next[1].n_bytes == 1 && r->template->bank.bytes[next[1].start] == '=') {
            AT_TRY(at_jinja_take_name(r, name));
            AT_TRY(at_jinja_step(r));
        }
        AT_TRY(at_jinja_expression(r, &value));
        value = value ? value : json_null();
        int failed = name[0] ? json_object_set_new(*named, name, value)
                             : json_array_append_new(*list, value);
        value = NULL;
        if (failed) {
            status = give(r, NULL, &value);
            goto done;
        }
        if (!at_jinja_sees(r, AT_JINJA_OPERATOR, ")")) {
            AT_TRY(at_jinja_expect(r, AT_JINJA_OPERATOR, ","));
        }
    }
done:
    json_decref(value);
    return status;
}

static attrib_status raise(at_jinja_run_state *r, json_t *list)
{
    const char *message = json_string_value(json_array_get(list, 0));
    r->has_raised = true;
    return at_fail(r->err, ATTRIB_EINVAL, "chat template: %.200s",
                   message ? message : "refused");
}

static attrib_status call(at_jinja_run_state *r, const char *name, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = NULL;
    json_t *named = NULL;
    AT_TRY(read_arguments(r, &list, &named));
    if (!r->is_live) {
        goto done;
    }
    if (strcmp(name, "raise_exception") == 0) {
        status = raise(r, list);
    } else if (strcmp(name, "namespace") == 0 && json_array_size(list) == 0) {
        *out = json_incref(named);
    } else {
        status =
            at_fail(r->err, ATTRIB_ENOTSUP, "chat template: function \"%.32s\"", name);
    }
done:
    json_decref(list);
    json_decref(named);
    return status;
}

static json_t *find_variable(const at_jinja_run_state *r, const char *name)
{
    json_t *found = NULL;
    for (size_t i = r->n_scopes; !found && i-- > 0;) {
        found = json_object_get(r->scopes[i], name);
    }
    return found;
}

static attrib_status read_name(at_jinja_run_state *r, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_JINJA_NAME_BYTES];
    AT_TRY(at_jinja_take_name(r, name));
    if (strcmp(name, "true") == 0 || strcmp(name, "True") == 0) {
        *out = json_true();
    } else if (strcmp(name, "false") == 0 || strcmp(name, "False") == 0) {
        *out = json_false();
    } else if (strcmp(name, "none") == 0 || strcmp(name, "None") == 0) {
        *out = json_null();
    } else if (at_jinja_takes(r, AT_JINJA_OPERATOR, "(")) {
        AT_TRY(call(r, name, out));
    } else {
        *out = json_incref(find_variable(r, name));
    }
done:
    return status;
}

/* 2. Primaries */

/* Strings side by side are one. */
static attrib_status read_string(at_jinja_run_state *r, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    while (at_jinja_peek(r)->kind == AT_JINJA_STRING) {
        const at_jinja_token *token = at_jinja_peek(r);
        AT_TRY(at_buffer_append(&text, r->template->bank.bytes + token->start,
                                token->n_bytes, r->err));
        AT_TRY(at_jinja_step(r));
    }
    AT_TRY(give(r, json_stringn(text.bytes, text.n_bytes), out));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status read_integer(at_jinja_run_state *r, json_t **out)
{
    const at_jinja_token *token = at_jinja_peek(r);
    json_int_t value = 0;
    for (size_t i = 0; i < token->n_bytes; i++) {
        char c = r->template->bank.bytes[token->start + i];
        value = c == '_' ? value : 10 * value + (c - '0');
    }
    attrib_status status = at_jinja_step(r);
    return status == ATTRIB_OK ? give(r, json_integer(value), out) : status;
}

/* A list's elements up to its closing bracket; undefined ones are null. */
static attrib_status read_elements(at_jinja_run_state *r, const char *close, json_t *list)
{
    attrib_status status = ATTRIB_OK;
    while (!at_jinja_takes(r, AT_JINJA_OPERATOR, close)) {
        json_t *value = NULL;
        AT_TRY(at_jinja_expression(r, &value));
        if (json_array_append_new(list, value ? value : json_null()) != 0) {
            return give(r, NULL, &value);
        }
        if (!at_jinja_sees(r, AT_JINJA_OPERATOR, close)) {
            AT_TRY(at_jinja_expect(r, AT_JINJA_OPERATOR, ","));
        }
    }
done:
    return status;
}

static attrib_status read_list(at_jinja_run_state *r, json_t **out)
{
    attrib_status status = give(r, json_array(), out);
    if (status == ATTRIB_OK) {
        status = read_elements(r, "]", *out);
    }
    return status;
}

/* (a), or (a, b) as a list. */
static attrib_status read_group(at_jinja_run_state *r, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_jinja_expression(r, out));
    if (at_jinja_takes(r, AT_JINJA_OPERATOR, ",")) {
        json_t *first = *out;
        *out = json_pack("[o]", first ? first : json_null());
        AT_TRY(give(r, *out, out));
        return read_elements(r, ")", *out);
    }
    AT_TRY(at_jinja_expect(r, AT_JINJA_OPERATOR, ")"));
done:
    return status;
}

static attrib_status read_dictionary(at_jinja_run_state *r, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    json_t *key = NULL;
    json_t *value = NULL;
    AT_TRY(give(r, json_object(), out));
    while (!at_jinja_takes(r, AT_JINJA_OPERATOR, "}")) {
        AT_TRY(at_jinja_expression(r, &key));
        AT_TRY(at_jinja_expect(r, AT_JINJA_OPERATOR, ":"));
        AT_TRY(at_jinja_expression(r, &value));
        if (r->is_live) {
            if (!json_is_string(key)) {
                status = at_jinja_fail(r, "a text as key");
                goto done;
            }
            if (json_object_set(*out, json_string_value(key),
                                value ? value : json_null()) != 0) {
                status =
                    at_fail(r->err, ATTRIB_ENOMEM, "out of memory for a chat template");
                goto done;
            }
        }
        json_decref(key);
        json_decref(value);
        key = NULL;
        value = NULL;
        if (!at_jinja_sees(r, AT_JINJA_OPERATOR, "}")) {
            AT_TRY(at_jinja_expect(r, AT_JINJA_OPERATOR, ","));
        }
    }
done:
    json_decref(key);
    json_decref(value);
    return status;
}

static attrib_status read_primary(at_jinja_run_state *r, json_t **out)
{
    switch (at_jinja_peek(r)->kind) {
    case AT_JINJA_NAME:
        return read_name(r, out);
    case AT_JINJA_STRING:
        return read_string(r, out);
    case AT_JINJA_INTEGER:
        return read_integer(r, out);
    default:
        break;
    }
    if (at_jinja_takes(r, AT_JINJA_OPERATOR, "(")) {
        return read_group(r, out);
    }
    if (at_jinja_takes(r, AT_JINJA_OPERATOR, "[")) {
        return read_list(r, out);
    }
    if (at_jinja_takes(r, AT_JINJA_OPERATOR, "{")) {
        return read_dictionary(r, out);
    }
    return at_jinja_fail(r, "a value");
}

/* 3. What follows a primary: members, calls, filters, tests. Each takes *value and puts
 * another in its place. */

static void replace(json_t **value, json_t *by)
{
    json_decref(*value);
    *value = by;
}

/* Arguments of a method or filter, which takes none by name. */
static attrib_status read_list_of_arguments(at_jinja_run_state *r, json_t **list)
{
    json_t *named = NULL;
    attrib_status status = read_arguments(r, list, &named);
    if (status == ATTRIB_OK && json_object_size(named) > 0 && r->is_live) {
        status = at_fail(r->err, ATTRIB_ENOTSUP, "chat template: a named argument");
    }
    json_decref(named);
    return status;
}

static attrib_status follow_dot(at_jinja_run_state *r, json_t **value)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_JINJA_NAME_BYTES];
    json_t *list = NULL;
    json_t *key = NULL;
    json_t *made = NULL;
    AT_TRY(at_jinja_take_name(r, name));
    if (at_jinja_takes(r, AT_JINJA_OPERATOR, "(")) {
        AT_TRY(read_list_of_arguments(r, &list));
        if (r->is_live) {
            AT_TRY(at_jinja_method(name, *value, list, &made, r->err));
        }
    } else if (r->is_live) {
        AT_TRY(give(r, json_string(name), &key));
        AT_TRY(at_jinja_get(*value, key, &made, r->err));
    }
    replace(value, made);
    AT_TRY(account(r, value));
done:
    json_decref(list);
    json_decref(key);
    return status;
}

/* [key], or [from:to:step]. */
static attrib_status follow_bracket(at_jinja_run_state *r, json_t **value)
{
    attrib_status status = ATTRIB_OK;
    json_t *bounds[3] = {NULL, NULL, NULL};
    json_t *made = NULL;
    size_t n_colons = 0;
    while (!at_jinja_sees(r, AT_JINJA_OPERATOR, "]")) {
        if (at_jinja_takes(r, AT_JINJA_OPERATOR, ":")) {
            n_colons++;
        } else if (bounds[n_colons]) {
            status = at_jinja_fail(r, "]");
            goto done;
        } else {
            AT_TRY(at_jinja_expression(r, &bounds[n_colons]));
            if (r->is_live && !bounds[n_colons]) {
                bounds[n_colons] = json_null();
            }
        }
        if (n_colons > 2) {
            status = at_jinja_fail(r, "]");
            goto done;
        }
    }
    AT_TRY(at_jinja_step(r));
    if (r->is_live) {
        AT_TRY(n_colons ? at_jinja_slice(*value, bounds, &made, r->err)
                        : at_jinja_get(*value, bounds[0], &made, r->err));
    }
    replace(value, made);
done:
    for (size_t i = 0; i < 3; i++) {
        json_decref(bounds[i]);
    }
    return status;
}

static attrib_status follow_filter(at_jinja_run_state *r, json_t **value)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_JINJA_NAME_BYTES];
    json_t *list = NULL;
    json_t *made = NULL;
    AT_TRY(at_jinja_take_name(r, name));
    if (at_jinja_takes(r, AT_JINJA_OPERATOR, "(")) {
        AT_TRY(read_list_of_arguments(r, &list));
    }
    if (r->is_live) {
        AT_TRY(at_jinja_filter(name, *value, list, &made, r->err));
    }
    replace(value, made);
    AT_TRY(account(r, value));
done:
    json_decref(list);
    return status;
}

static attrib_status follow_is(at_jinja_run_state *r, json_t **value)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_JINJA_NAME_BYTES];
    bool is_not = at_jinja_takes(r, AT_JINJA_NAME, "not");
    bool holds = false;
    AT_TRY(at_jinja_take_name(r, name));
    if (at_jinja_sees(r, AT_JINJA_OPERATOR, "(")) {
        status = at_fail(r->err, ATTRIB_ENOTSUP, "chat template: test \"%.32s\"", name);
        goto done;
    }
    if (r->is_live) {
        AT_TRY(at_jinja_test(name, *value, &holds, r->err));
    }
    replace(value, json_boolean(holds != is_not));
done:
    return status;
}

static attrib_status read_operand(at_jinja_run_state *r, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    bool is_negative = at_jinja_takes(r, AT_JINJA_OPERATOR, "-");
    AT_TRY(read_primary(r, out));
    while (status == ATTRIB_OK) {
        if (at_jinja_takes(r, AT_JINJA_OPERATOR, ".")) {
            status = follow_dot(r, out);
        } else if (at_jinja_takes(r, AT_JINJA_OPERATOR, "[")) {
            status = follow_bracket(r, out);
        } else {
            break;
        }
    }
    AT_TRY(status);
    if (is_negative && r->is_live) {
        if (!json_is_integer(*out)) {
            return at_jinja_fail(r, "a number behind -");
        }
        json_int_t number = json_integer_value(*out);
        replace(out, json_integer(-number));
    }
    while (status == ATTRIB_OK) {
        if (at_jinja_takes(r, AT_JINJA_OPERATOR, "|")) {
            status = follow_filter(r, out);
        } else if (at_jinja_takes(r, AT_JINJA_NAME, "is")) {
            status = follow_is(r, out);
        } else {
            break;
        }
    }
done:
    return status;
}

/* 4. Operators */

/* The sign of a level that comes next, or NULL. */
static const char *take_operator(at_jinja_run_state *r, const char *const *operators)
{
    for (; *operators; operators++) {
        if (at_jinja_takes(r, AT_JINJA_OPERATOR, *operators)) {
            return *operators;
        }
    }
    return NULL;
}

/* *left sign right, in place of *left. */
static attrib_status combine(at_jinja_run_state *r,
                             const char *sign,
                             json_t **left,
                             json_t *right)
{
    attrib_status status = ATTRIB_OK;
    json_t *made = NULL;
    if (r->is_live) {
        AT_TRY(at_jinja_binary(sign, *left, right, &made, r->err));
    }
    replace(left, made);
    AT_TRY(account(r, left));
done:
    return status;
}

#define N_LEVELS 3

/* Operators that group to the left: + and -, then ~, then * and its kin. */
static attrib_status read_level(at_jinja_run_state *r, size_t level, json_t **out)
{
    static const char *const levels[N_LEVELS][5] = {
        {"+", "-", NULL}, {"~", NULL}, {"*", "/", "//", "%", NULL}};
    attrib_status status = ATTRIB_OK;
    json_t *right = NULL;
    const char *sign = NULL;
    if (level == N_LEVELS) {
        return read_operand(r, out);
    }
    AT_TRY(read_level(r, level + 1, out));
    while ((sign = take_operator(r, levels[level]))) {
        AT_TRY(read_level(r, level + 1, &right));
        AT_TRY(combine(r, sign, out, right));
        json_decref(right);
        right = NULL;
    }
done:
    json_decref(right);
    return status;
}

static attrib_status read_comparison(at_jinja_run_state *r, json_t **out)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">", NULL};
    attrib_status status = ATTRIB_OK;
    json_t *right = NULL;
    const char *sign = NULL;
    AT_TRY(read_level(r, 0, out));
    sign = take_operator(r, operators);
    if (!sign && at_jinja_takes(r, AT_JINJA_NAME, "in")) {
        sign = "in";
    }
    if (!sign && at_jinja_takes(r, AT_JINJA_NAME, "not")) {
        AT_TRY(at_jinja_expect(r, AT_JINJA_NAME, "in"));
        sign = "not in";
    }
    if (sign) {
        AT_TRY(read_level(r, 0, &right));
        AT_TRY(combine(r, sign, out, right));
    }
done:
    json_decref(right);
    return status;
}

static attrib_status read_not(at_jinja_run_state *r, json_t **out)
{
    bool is_not = false;
    bool is_negated = false;
    while (at_jinja_takes(r, AT_JINJA_NAME, "not")) {
        is_not = !is_not;
        is_negated = true;
    }
    attrib_status status = read_comparison(r, out);
    if (status == ATTRIB_OK && is_negated) {
        replace(out, json_boolean(at_jinja_is_true(*out) != is_not));
    }
    return status;
}

/* a and b, a or b: the first that decides, what follows it unread. */
static attrib_status read_logic(at_jinja_run_state *r, bool is_or, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    bool was_live = r->is_live;
    AT_TRY(is_or ? read_logic(r, false, out) : read_not(r, out));
    while (at_jinja_takes(r, AT_JINJA_NAME, is_or ? "or" : "and")) {
        json_t *right = NULL;
        bool is_decided = at_jinja_is_true(*out) == is_or;
        r->is_live = was_live && !is_decided;
        status = is_or ? read_logic(r, false, &right) : read_not(r, &right);
        if (r->is_live) {
            replace(out, right);
        } else {
            json_decref(right);
        }
        r->is_live = was_live;
        AT_TRY(status);
    }
done:
    return status;
}

attrib_status at_jinja_or(at_jinja_run_state *r, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    *out = NULL;
    if (r->depth >= AT_JINJA_MAX_DEPTH) {
        return at_fail(r->err, ATTRIB_ERANGE, "chat template: brackets too deep");
    }
    r->depth++;
    status = read_logic(r, true, out);
    r->depth--;
    if (status != ATTRIB_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

/* 5. The whole */

/* The token "if" of the conditional expression that comes next, or 0. */
static size_t find_condition(const at_jinja_run_state *r)
{
    const at_jinja_token *tokens = r->template->tokens;
    size_t depth = 0;
    for (size_t i = r->at;
         tokens[i].kind >= AT_JINJA_NAME && tokens[i].kind < AT_JINJA_END; i++) {
        const char *text = r->template->bank.bytes + tokens[i].start;
        bool is_operator = tokens[i].kind == AT_JINJA_OPERATOR;
        if (is_operator && strchr("([{", *text)) {
            depth++;
        } else if (depth == 0 && is_operator && strchr(")]},:=", *text) &&
                   tokens[i].n_bytes == 1) {
            return 0;
        } else if (is_operator && strchr(")]}", *text)) {
            depth--;
        } else if (depth == 0 && tokens[i].kind == AT_JINJA_NAME &&
                   tokens[i].n_bytes == 2 && memcmp(text, "if", 2) == 0) {
            return i;
        }
    }
    return 0;
}

/* a if b else c: b first, and then a or c; the other one is read without running it. */
attrib_status at_jinja_expression(at_jinja_run_state *r, json_t **out)
{
    attrib_status status = ATTRIB_OK;
    json_t *condition = NULL;
    json_t *other = NULL;
    bool was_live = r->is_live;
    bool holds = false;
    size_t start = r->at;
    size_t behind = 0;
    size_t mark = find_condition(r);
    *out = NULL;
    if (!mark) {
        return at_jinja_or(r, out);
    }
    r->at = mark + 1;
    AT_TRY(at_jinja_or(r, &condition));
    holds = at_jinja_is_true(condition);
    behind = r->at;
    r->at = start;
    r->is_live = was_live && holds;
    AT_TRY(at_jinja_or(r, out));
    if (r->at != mark) {
        status = at_jinja_fail(r, "if");
        goto done;
    }
    r->at = behind;
    r->is_live = was_live && !holds;
    if (at_jinja_takes(r, AT_JINJA_NAME, "else")) {
        AT_TRY(at_jinja_expression(r, &other));
    }
    if (r->is_live) {
        replace(out, other);
        other = NULL;
    }
done:
    r->is_live = was_live;
    json_decref(condition);
    json_decref(other);
    if (status != ATTRIB_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}
