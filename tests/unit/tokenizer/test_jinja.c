/* SPDX-License-Identifier: MIT */
/* The part of Jinja that chat templates use, by hand; whole templates are checked by what
 * they make of conversations (corpus/test_chat.c). */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/jinja.h"

/* Run a template on {"a": 7, "s": " x y ", "list": [1, 2, 3], "m": {"k": "v"}, "t":
 * true}, on a certain day. */
static attrib_status run(const char *source, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja template = {0};
    at_jinja_run r;
    const at_jinja_value *text = NULL;
    json_t *json = json_pack("{si ss s[iii] s{ss} sb}", "a", 7, "s", " x y ", "list", 1,
                             2, 3, "m", "k", "v", "t", 1);
    at_jinja_variable variables[5];
    const char *key = NULL;
    json_t *value = NULL;
    size_t n = 0;
    assert_non_null(json);
    at_jinja_open(&r, err);
    json_object_foreach(json, key, value)
    {
        variables[n++] = (at_jinja_variable){key, at_jinja_from_json(&r, value, 0)};
    }
    AT_TRY(at_jinja_read(source, strlen(source), &template, err));
    AT_TRY(at_jinja_print(&r, &template, variables, n, "2026-11-30", &text));
    AT_TRY(at_buffer_append(out, text->as.text.bytes, text->as.text.n, err));
done:
    at_jinja_close(&r);
    at_jinja_free(&template);
    json_decref(json);
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

/* Pieces of templates, with what Jinja2 makes of them (scripts/make-chat-fixtures). */
static void test_jinja__pieces_print_what_jinja_does(void **state)
{
    (void)state;
    attrib_error err = {0};
    json_t *golden = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    check_ok(at_json_read(source_path("tests/golden/jinja.json"), 1 << 20, &golden, &err),
             &err);
    size_t n_wrong = 0;
    const json_t *pieces = json_object_get(golden, "pieces");
    assert_in_range(json_array_size(pieces), 60, 1000);
    for (size_t i = 0; i < json_array_size(pieces); i++) {
        const char *source =
            json_string_value(json_array_get(json_array_get(pieces, i), 0));
        const char *want =
            json_string_value(json_array_get(json_array_get(pieces, i), 1));
        at_jinja template = {0};
        at_jinja_run r;
        at_jinja_variable variables[16];
        const at_jinja_value *text = NULL;
        size_t n = 0;
        attrib_error why = {0};
        at_jinja_open(&r, &why);
        json_object_foreach(json_object_get(golden, "variables"), key, value)
        {
            variables[n++] = (at_jinja_variable){key, at_jinja_from_json(&r, value, 0)};
        }
        attrib_status status = at_jinja_read(source, strlen(source), &template, &why);
        if (status == ATTRIB_OK) {
            status = at_jinja_print(&r, &template, variables, n, "2026-11-30", &text);
        }
        if (!want && status == ATTRIB_OK) {
            print_error("%s: not refused\n", source);
            n_wrong++;
        }
        if (want && (status != ATTRIB_OK || text->as.text.n != strlen(want) ||
                     memcmp(text->as.text.bytes, want, strlen(want)) != 0)) {
            print_error("%s: \"%.*s\", expected \"%s\" (%s)\n", source,
                        text ? (int)text->as.text.n : 0, text ? text->as.text.bytes : "",
                        want, why.message);
            n_wrong++;
        }
        at_jinja_close(&r);
        at_jinja_free(&template);
    }
    assert_int_equal(n_wrong, 0);
    json_decref(golden);
}

/* Jinja2 prints its own mark for "no value" here, the word "missing". */
static void test_jinja__variables_end_with_their_block(void **state)
{
    (void)state;
    check_output(
        "{% set ns = namespace(f=none) %}{% with x = 1 %}{% macro f() %}<{{ x }}>"
        "{% endmacro %}{% set ns.f = f %}{{ f() }}{% endwith %}{{ ns.f() }}",
        "<1><>");
}

static void test_jinja__what_is_not_known_is_named(void **state)
{
    (void)state;
    check_refused("{{ f(1) }}", ATTRIB_EINVAL, "a call of undefined \"f\"");
    check_refused("{{ s | wordwrap }}", ATTRIB_ENOTSUP, "filter \"wordwrap\" of a text");
    check_refused("{{ s.encode() }}", ATTRIB_EINVAL, "a call of undefined \"encode\"");
    check_refused("{{ list.append(1) }}", ATTRIB_ENOTSUP, "method \"append\" of a list");
    check_refused("{{ a is escaped }}", ATTRIB_ENOTSUP, "test \"escaped\"");
    check_refused("{% include 'x' %}", ATTRIB_ENOTSUP, "statement \"include\"");
    check_refused("{{ s + 1 }}", ATTRIB_EINVAL, "\"+\" between a text and an integer");
    check_refused("{{ s + none }}", ATTRIB_EINVAL, "(does a message lack its content");
    check_refused("{{ missing.x }}", ATTRIB_EINVAL,
                  "a member \"x\" of what is undefined");
    check_refused("{{ missing | items | first }}{{ none | items }}", ATTRIB_ENOTSUP,
                  "filter \"items\" of None");
    check_refused("{% for x in a %}{% endfor %}", ATTRIB_EINVAL,
                  "an integer has no elements");
    check_refused("{{ '%q' | format(1) }}", ATTRIB_ENOTSUP, "directive of a format");
    check_refused("{{ raise_exception('so there') }}", ATTRIB_EINVAL,
                  "it refuses this: so there");
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
    check_refused("{{ '\\xZ' }}", ATTRIB_EFORMAT, "an escape that is not supported");
    check_refused("{{ ) }}", ATTRIB_EFORMAT, "a closing bracket");
    check_refused("{{ a b }}", ATTRIB_EFORMAT, "expected the end of a tag at \"b\"");
    check_refused("{{ }}", ATTRIB_EFORMAT, "expected a value");
    check_refused("{% if a %}", ATTRIB_EFORMAT, "expected elif");
    check_refused("{% for x list %}{% endfor %}", ATTRIB_EFORMAT, "expected in");
    check_refused("{% endif %}", ATTRIB_ENOTSUP, "statement \"endif\"");
    check_refused("{% set x.y = 1 %}", ATTRIB_EINVAL, "\"x\" is no namespace");
    check_refused("{% break %}", ATTRIB_EFORMAT, "a loop to leave");
}

/* Limits that no template of a model comes near, each named when it is reached. */
static void test_jinja__no_template_runs_for_long(void **state)
{
    (void)state;
    at_buffer deep = {0};
    attrib_error err = {0};
    check_ok(at_buffer_append(&deep, "{{ ", 3, &err), &err);
    for (size_t i = 0; i < 2000; i++) {
        check_ok(at_buffer_append(&deep, "(", 1, &err), &err);
    }
    check_ok(at_buffer_append(&deep, "a", 1, &err), &err);
    for (size_t i = 0; i < 2000; i++) {
        check_ok(at_buffer_append(&deep, ")", 1, &err), &err);
    }
    check_ok(at_buffer_append(&deep, " }}", 3, &err), &err);
    check_refused(deep.bytes, ATTRIB_ERANGE, "it nests deeper than 400 levels");
    at_buffer_clear(&deep);
    for (size_t i = 0; i < 2000; i++) {
        check_ok(at_buffer_append(&deep, "{% if t %}", 10, &err), &err);
    }
    check_refused(deep.bytes, ATTRIB_ERANGE, "it nests deeper than 400 levels");
    at_buffer_free(&deep);
    check_refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", ATTRIB_ERANGE,
                  "it nests deeper than 400 levels");
    check_refused(
        "{% set l = range(4000) %}{% for i in l %}{% for k in l %}{% for n in l "
        "%}{{ '' }}{% endfor %}{% endfor %}{% endfor %}",
        ATTRIB_ERANGE, "it runs for more than 20000000 steps");
    check_refused("{% set ns = namespace(x='abcdefgh') %}{% for i in range(100) %}{% set "
                  "ns.x = ns.x + ns.x %}{% endfor %}",
                  ATTRIB_ERANGE, "it makes more than 256 MiB of values");
    check_refused("{% set ns = namespace(x=1) %}{% set ns.x = {'a': ns} %}{{ ns.x }}",
                  ATTRIB_ENOTSUP, "a namespace as text");
}

/* Sums of texts are printed term by term, which shows in nothing but memory: a text is
 * held once, in what is printed, for all that a template adds to it. */
static void test_jinja__long_texts_are_printed_without_copies(void **state)
{
    (void)state;
    const size_t n_bytes = (size_t)4 << 20;
    static const char source[] = "{% for i in range(4) %}{{ '<' + i | string + '>' + s + "
                                 "'</' + 'x>' }}{% endfor %}";
    attrib_error err = {0};
    at_jinja template = {0};
    at_jinja_run r;
    const at_jinja_value *text = NULL;
    char *letters = malloc(n_bytes);
    assert_non_null(letters);
    memset(letters, 'a', n_bytes);
    at_jinja_open(&r, &err);
    const at_jinja_variable s = {"s", at_jinja_borrow(&r, letters, n_bytes)};
    check_ok(at_jinja_read(source, strlen(source), &template, &err), &err);
    check_ok(at_jinja_print(&r, &template, &s, 1, "2026-11-30", &text), &err);
    assert_int_equal(text->as.text.n, 4 * (n_bytes + 7));
    assert_memory_equal(text->as.text.bytes + n_bytes, "aaa</x><1>aaa", 13);
    /* What is printed doubles in its place, from the size of the first text. */
    assert_in_range(r.bank.n_taken, 4 * n_bytes, 4 * n_bytes + (1 << 20));
    at_jinja_close(&r);
    at_jinja_free(&template);
    free(letters);
    check_output("{{ 1 + 2 + 3 }}{{ 'a' + 'b' + 'c' }}{{ [1] + [2] }}", "6abc[1, 2]");
    check_output("{{ '<' + ('&' | safe) + '>' }}", "&lt;&&gt;");
    check_refused("{{ 'a' + 'b' + 1 }}", ATTRIB_EINVAL, "between a text and an integer");
    check_refused("{{ 1 + 2 + 'a' }}", ATTRIB_EINVAL, "between an integer and a text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jinja__blanks_around_tags),
        cmocka_unit_test(test_jinja__pieces_print_what_jinja_does),
        cmocka_unit_test(test_jinja__variables_end_with_their_block),
        cmocka_unit_test(test_jinja__what_is_not_known_is_named),
        cmocka_unit_test(test_jinja__broken_templates_are_refused),
        cmocka_unit_test(test_jinja__no_template_runs_for_long),
        cmocka_unit_test(test_jinja__long_texts_are_printed_without_copies),
    };
    return run_cases(tests, NULL, NULL);
}
