/* SPDX-License-Identifier: MIT */
/* Values of tags, and text that becomes UTF-8. */
#include "export/value.h"

#include <string.h>

#include "support/check.h"

static attrib_status print_value(void *context,
                                 size_t i,
                                 const at_tag_value *tag,
                                 attrib_error *err)
{
    const at_value *value = &tag->value;
    switch (value->kind) {
    case AT_NONE:
        return at_buffer_print(context, err, "%zu %s;", i, tag->type);
    case AT_INTEGER:
        return at_buffer_print(context, err, "%zu %s %lld;", i, tag->type,
                               (long long)value->integer);
    case AT_REAL:
        return at_buffer_print(context, err, "%zu %s %g;", i, tag->type, value->real);
    default:
        return at_buffer_print(context, err, "%zu %s %.*s;", i, tag->type,
                               (int)value->n_bytes, value->text);
    }
}

static void test_value__tags_of_every_type(void **state)
{
    (void)state;
    const char *const tags[][2] = {
        {"\"person\"", "0 text person;"},
        {"\"\"", "0 text ;"},
        {"-12", "0 integer -12;"},
        {"9007199254740993", "0 integer 9007199254740993;"},
        {"-1.5", "0 real -1.5;"},
        {"true", "0 true 1;"},
        {"false", "0 false 0;"},
        {"null", "0 null;"},
        {"[]", ""},
        {"[1, \"two\", null, [3], {\"a\": 0.5}]",
         "0 integer 1;1 text two;2 null;3 array [3];4 object {\"a\":0.5};"},
        {"{\"a\": [1]}", "0 object {\"a\":[1]};"},
        {"no JSON", "0 text no JSON;"}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        attrib_error err = {0};
        at_buffer got = {0};
        check_ok(at_each_tag_value(tags[i][0], print_value, &got, &err), &err);
        assert_string_equal(got.bytes ? got.bytes : "", tags[i][1]);
        at_buffer_free(&got);
    }
}

static void test_value__text_becomes_utf_8(void **state)
{
    (void)state;
    const char *const texts[][2] = {{"plain", "plain"},
                                    {"M\xC3\xBCller", "M\xC3\xBCller"},
                                    {"\xFF", "\xEF\xBF\xBD"},
                                    {"a\xC3", "a\xEF\xBF\xBD"},
                                    {"\xE2\x82z\xFFy", "\xEF\xBF\xBDz\xEF\xBF\xBDy"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        attrib_error err = {0};
        at_buffer got = {0};
        check_ok(at_append_utf8(&got, texts[i][0], strlen(texts[i][0]), &err), &err);
        assert_string_equal(got.bytes, texts[i][1]);
        at_buffer_free(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value__tags_of_every_type),
        cmocka_unit_test(test_value__text_becomes_utf_8),
    };
    return run_cases(tests, NULL, NULL);
}
