/* SPDX-License-Identifier: MIT */
/* Jinja: tests, which follow "is". */
#include <string.h>

#include "tokenizer/jinja_value.h"

static bool is_in(at_jinja_run *r,
                  const at_jinja_value *value,
                  const at_jinja_value *held)
{
    if (at_jinja_is_text(held) && at_jinja_is_text(value)) {
        return at_jinja_find_text(held, value, 0) != SIZE_MAX;
    }
    const at_jinja_value *list = at_jinja_elements(r, held);
    for (size_t i = 0; list && i < list->as.list.n; i++) {
        if (at_jinja_is_equal(r, list->as.list.items[i], value)) {
            return true;
        }
    }
    return false;
}

/* What compares with an argument; false where it is another test. */
static bool test_against(at_jinja_run *r,
                         const char *test,
                         const at_jinja_value *value,
                         const at_jinja_value *other,
                         bool *out)
{
    static const struct {
        const char *name;
        char sign;
    } signs[] = {{"equalto", '='},     {"eq", '='},    {"==", '='}, {"ne", '!'},
                 {"!=", '!'},          {"gt", '>'},    {">", '>'},  {"greaterthan", '>'},
                 {"ge", 'g'},          {">=", 'g'},    {"lt", '<'}, {"<", '<'},
                 {"lessthan", '<'},    {"le", 'l'},    {"<=", 'l'}, {"in", 'i'},
                 {"divisibleby", '%'}, {"sameas", '='}};

    char sign = '\0';
    int order = 0;
    int64_t a = 0;
    int64_t b = 0;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strcmp(signs[i].name, test) == 0) {
            sign = signs[i].sign;
        }
    }
    if (!sign || !other) {
        return false;
    }
    if (sign == '=' || sign == '!') {
        *out = at_jinja_is_equal(r, value, other) == (sign == '=');
    } else if (sign == '%') {
        *out = at_jinja_as_int(value, &a) && at_jinja_as_int(other, &b) && b != 0 &&
               (b == -1 || a % b == 0);
    } else if (sign == 'i') {
        *out = is_in(r, value, other);
    } else if (at_jinja_compare(r, value, other, &order)) {
        *out = sign == '>'   ? order > 0
               : sign == 'g' ? order >= 0
               : sign == '<' ? order < 0
                             : order <= 0;
    }
    return true;
}

/* Whether a text's letters are all of a case. */
static bool has_case(at_jinja_run *r, const at_jinja_value *value, bool is_upper)
{
    at_jinja_arguments none = {0};
    const at_jinja_value *holds =
        at_jinja_is_text(value)
            ? at_jinja_method(r, value, is_upper ? "isupper" : "islower", &none)
            : NULL;
    return holds && holds->as.boolean;
}

bool at_jinja_test(at_jinja_run *r,
                   const char *name,
                   const at_jinja_value *value,
                   const at_jinja_arguments *arguments,
                   bool *out)
{
    at_jinja_type type = value->type;
    int64_t integer = 0;
    bool is_whole = at_jinja_as_int(value, &integer);
    bool is_held = at_jinja_is_text(value) || at_jinja_is_list(value) ||
                   at_jinja_is_dict(value) || type == AT_JINJA_UNDEFINED;

    const struct {
        const char *name;
        bool holds;
    } tests[] = {
        {"defined", type != AT_JINJA_UNDEFINED},
        {"undefined", type == AT_JINJA_UNDEFINED},
        {"none", type == AT_JINJA_NONE},
        {"string", at_jinja_is_text(value)},
        {"mapping", at_jinja_is_dict(value)},
        {"iterable", is_held},
        {"sequence", is_held},
        {"number", is_whole || type == AT_JINJA_REAL},
        {"integer", type == AT_JINJA_INT},
        {"float", type == AT_JINJA_REAL},
        {"boolean", type == AT_JINJA_BOOL},
        {"true", type == AT_JINJA_BOOL && value->as.boolean},
        {"false", type == AT_JINJA_BOOL && !value->as.boolean},
        {"callable",
         type == AT_JINJA_METHOD || type == AT_JINJA_FUNCTION || type == AT_JINJA_MACRO},
        {"odd", is_whole && integer % 2 != 0},
        {"even", is_whole && integer % 2 == 0},
    };

    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(tests[i].name, name) == 0) {
            *out = tests[i].holds;
            return true;
        }
    }
    if (strcmp(name, "upper") == 0 || strcmp(name, "lower") == 0) {
        *out = has_case(r, value, name[0] == 'u');
        return r->status == ATTRIB_OK;
    }
    if (test_against(r, name, value, at_jinja_argument(arguments, 0, NULL), out)) {
        return r->status == ATTRIB_OK;
    }
    return at_jinja_fail(r, ATTRIB_ENOTSUP, "test \"%.32s\"", name);
}
