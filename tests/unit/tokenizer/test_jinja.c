/* SPDX-License-Identifier: MIT */
/* The part of Jinja that chat templates use, by hand; whole templates are checked by what
 * they make of conversations (corpus/test_chat.c). */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/jinja.h"

/* Run a template on {"a": 7, "s": " x y ", "list": [1, 2, 3], "m": {"k": "v"}, "t":
 * true}.
 */
static attrib_status run(const char *source, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja template = {0};
    bool has_raised = false;
    json_t *variables = json_pack("{si ss s[iii] s{ss} sb}", "a", 7, "s", " x y ", "list",
                                  1, 2, 3, "m", "k", "v", "t", 1);
    assert_non_null(variables);
    AT_TRY(at_buffer_append(out, "", 0, err));
    AT_TRY(at_jinja_read(source, strlen(source), &template, err));
    AT_TRY(at_jinja_run(&template, variables, out, &has_raised, err));
    assert_false(has_raised);
done:
    at_jinja_free(&template);
    json_decref(variables);
    return status;
}

static void check_output(const char *source, const char *want)
{
    attrib_error err = {0};
    at_buffer out = {0};
    check_ok(run(source, &out, &err), &err);
    assert_string_equal(out.bytes, want);
    at_buffer_free(&out);
}

static void check_refused(const char *source, attrib_status expected, const char *part)
{
    attrib_error err = {0};
    at_buffer out = {0};
    check_fails(run(source, &out, &err), expected, &err);
    check_message(&err, part);
    at_buffer_free(&out);
}

static void test_jinja__blanks_around_tags(void **state)
{
    (void)state;
    check_output("a\n  {% if t %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc");
    check_output("a \n {%- if t -%} \n b {%- endif %}", "ab");
    check_output(" {{ a }}\n{{- a }} \n", " 77 ");
    check_output("x{# no\n #}\ny{#- -#} z", "xyz");
    check_output("  {%+ if t %}b{% endif +%}\nc", "  b\nc");
}

static void test_jinja__operators_have_their_ranks(void **state)
{
    (void)state;
    check_output("{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ -7 % 3 }} {{ 7 - 2 - 1 }}",
                 "7 9 2 4");
    check_output("{{ 'a' ~ 2 * 3 }} {{ a > 6 and not a == 8 }}", "a6 True");
    check_output("{{ 1 in list }} {{ 9 not in list }} {{ 'k' in m }} {{ 'x' in s }}",
                 "True True True True");
    check_output("{{ not none }} {{ none }} {{ t is true }}", "True None True");
    check_output("{{ 'y' if a == 7 else 'n' }}{{ 'y' if a != 7 }}", "y");
    check_output("{{ ('b' if a < 7 else 'c') + 'd' }}", "cd");
    check_output("{{ missing.x if missing is defined else 'no' }}", "no");
    check_output("{{ t or missing.x }} {{ missing is defined and missing.x }}",
                 "True False");
    check_output("{{ 1 == true }} {{ '1' == 1 }} {{ missing == none }}",
                 "True False False");
}

static void test_jinja__values_and_what_is_done_with_them(void **state)
{
    (void)state;
    check_output("{{ s | trim }}|{{ s.strip() }}|{{ s.lstrip() }}|{{ s.strip(' x') }}",
                 "x y|x y|x y |y");
    check_output("{{ list | length }} {{ list[-1] }} {{ list[1:] | first }} "
                 "{{ list[::-1] | first }} {{ list[:-1] | last }} {{ list[9] }}",
                 "3 3 2 3 2 ");
    check_output("{{ m.k }} {{ m['k'] }} {{ m.get('z', 'w') }} {{ m.z }}", "v v w ");
    check_output("{{ 'a,b'.split(',')[1] }} {{ 'ab'.startswith('a') }} "
                 "{{ 'ab'.endswith('a') }}",
                 "b True False");
    check_output("{{ missing | default('d') }}{{ '' | default('e', true) }}", "de");
    check_output("{{ \"\\u00e9\\x41\\n\\t\\\"\" 'b' }}", "\xC3\xA9"
                                                         "A\n\t\"b");
    check_output(
        "{{ ([1] + [2, 'x']) | length }} {{ {'a': [2]}['a'][0] }} {{ (1, 2)[1] }}",
        "3 2 2");
    check_output(
        "{{ [{'r': 'u', 'i': 1}, {'r': 'a'}] | selectattr('r', 'equalto', 'u') | "
        "length }}",
        "1");
    check_output("{{ '\xC3\xA9' | length }}", "1");
}

static void test_jinja__statements(void **state)
{
    (void)state;
    check_output("{% for x in list %}{{ loop.index }}{{ x }}{{ ',' if not loop.last }}"
                 "{% endfor %}",
                 "11,22,33");
    check_output("{% for x in list if x != 2 %}{{ x }}{{ loop.length }}{% else %}n{% "
                 "endfor %}{% for x in [] %}{% else %}none{% endfor %}",
                 "1232none");
    check_output("{% for k, v in m.items() %}{{ k }}={{ v }}{% endfor %}", "k=v");
    check_output("{% for x in list %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% "
                 "endfor %}{% for x in list %}{% if x == 2 %}{% break %}{% endif %}{{ x "
                 "}}{% endfor %}",
                 "131");
    /* What is set in a loop is gone behind it, but for members of a namespace. */
    check_output(
        "{% set n = 0 %}{% set ns = namespace(n=0) %}{% for x in list %}{% set n "
        "= x %}{% set ns.n = ns.n + x %}{% endfor %}{{ n }} {{ ns.n }}",
        "0 6");
    check_output("{% set b %}<{{ a }}>{% endset %}{{ b }}", "<7>");
    check_output("{% if a == 1 %}1{% elif a == 7 %}{% if not t %}x{% else %}7{% endif "
                 "%}{% else %}no{% endif %}",
                 "7");
    check_output("{% macro f(x) %}{{ g(x) }}{% endmacro %}ok", "ok");
    check_output("{% generation %}a{% endgeneration %}", "a");
    check_output("{% if false %}{{ unknown() | unknown }}{{ x.y.z }}{% endif %}", "");
}

static void test_jinja__what_is_not_known_is_named(void **state)
{
    (void)state;
    check_refused("{{ f(1) }}", ATTRIB_ENOTSUP, "function \"f\"");
    check_refused("{{ s | upper }}", ATTRIB_ENOTSUP, "filter \"upper\"");
    check_refused("{{ s.title() }}", ATTRIB_ENOTSUP, "method \"title\"");
    check_refused("{{ a is odd }}", ATTRIB_ENOTSUP, "test \"odd\"");
    check_refused("{% include 'x' %}", ATTRIB_ENOTSUP, "statement \"include\"");
    check_refused("{{ list }}", ATTRIB_ENOTSUP, "a list, dictionary or fraction as text");
    check_refused("{{ s + 1 }}", ATTRIB_ENOTSUP, "operands of \"+\"");
    check_refused("{{ missing.x }}", ATTRIB_ENOTSUP, "a member of nothing");
    check_refused("{{ [list] == [list] }}", ATTRIB_ENOTSUP, "comparing lists");
    check_refused("{% for x in s %}{% endfor %}", ATTRIB_ENOTSUP, "a loop over no list");
    check_refused("{{ raise_exception('so there') }}", ATTRIB_EINVAL, "so there");
}

static void test_jinja__broken_templates_are_refused(void **state)
{
    (void)state;
    check_refused("{{ a", ATTRIB_EFORMAT, "a tag without its end");
    check_refused("{{ 'a }}", ATTRIB_EFORMAT, "a string without its end");
    check_refused("a\xFF", ATTRIB_EFORMAT, "no UTF-8");
    check_refused("{# a", ATTRIB_EFORMAT, "a comment without its end");
    check_refused("{{ a ? b }}", ATTRIB_EFORMAT, "an unknown character");
    check_refused("{{ 1a }}", ATTRIB_EFORMAT, "a broken number");
    check_refused("{{ '\\q' }}", ATTRIB_EFORMAT, "an unknown escape");
    check_refused("{{ ) }}", ATTRIB_EFORMAT, "a closing bracket");
    check_refused("{{ a b }}", ATTRIB_EFORMAT, "expected the end of a tag at \"b\"");
    check_refused("{{ }}", ATTRIB_EFORMAT, "expected a value");
    check_refused("{% if a %}", ATTRIB_EFORMAT, "expected elif");
    check_refused("{% for x list %}{% endfor %}", ATTRIB_EFORMAT, "expected in");
    check_refused("{% endif %}", ATTRIB_ENOTSUP, "statement \"endif\"");
    check_refused("{% set x.y = 1 %}", ATTRIB_EFORMAT, "\"x\" is no namespace");
    check_refused("{% break %}", ATTRIB_EFORMAT, "a loop to leave");
}

static void test_jinja__no_template_runs_for_long(void **state)
{
    (void)state;
    char deep[1200] = "{{ ";
    memset(deep + 3, '(', 100);
    deep[103] = 'a';
    memset(deep + 104, ')', 100);
    memcpy(deep + 204, " }}", 4);
    check_refused(deep, ATTRIB_ERANGE, "brackets too deep");
    deep[0] = '\0';
    for (size_t i = 0; i < 60; i++) {
        strcat(deep, "{% if t %}");
    }
    check_refused(deep, ATTRIB_ERANGE, "too deep");
    check_refused(
        "{% for a in list %}{% for b in list %}{% for c in list %}{% for d in "
        "list %}{% for e in list %}{% for f in list %}{% for g in list %}{% for h "
        "in list %}{% for i in list %}{{ a }}{% endfor %}{% endfor %}{% endfor "
        "%}{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor "
        "%}",
        ATTRIB_ERANGE, "it runs too long");
    check_refused(
        "{% set x = 'abcdefgh' %}{% for a in list %}{% for b in list %}{% for c "
        "in list %}{% set ns = namespace(x=x) %}{% for d in list %}{% for e in "
        "list %}{% for f in list %}{% set ns.x = ns.x + ns.x %}{% endfor %}{% "
        "endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        ATTRIB_ERANGE, "a text of");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jinja__blanks_around_tags),
        cmocka_unit_test(test_jinja__operators_have_their_ranks),
        cmocka_unit_test(test_jinja__values_and_what_is_done_with_them),
        cmocka_unit_test(test_jinja__statements),
        cmocka_unit_test(test_jinja__what_is_not_known_is_named),
        cmocka_unit_test(test_jinja__broken_templates_are_refused),
        cmocka_unit_test(test_jinja__no_template_runs_for_long),
    };
    return run_cases(tests, NULL, NULL);
}
