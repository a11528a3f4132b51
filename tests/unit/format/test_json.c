/* SPDX-License-Identifier: MIT */
/* Strict JSON: what is refused, what is read, and what is written. */
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "support/check.h"

static json_t *parse(const char *text)
{
    attrib_error err = {0};
    json_t *value = NULL;
    check_ok(at_json_parse("t", text, strlen(text), &value, &err), &err);
    assert_non_null(value);
    return value;
}

static void check_refused(const char *text, size_t n, const char *part)
{
    attrib_error err = {0};
    json_t *value = NULL;
    check_fails(at_json_parse("dir/t.json", text, n, &value, &err), ATTRIB_EFORMAT, &err);
    assert_null(value);
    check_message(&err, "dir/t.json: JSON, ");
    check_message(&err, part);
}

#define REFUSE(text, part) check_refused(text, sizeof(text) - 1, part)

static void test_json__what_is_not_strict_json_is_refused(void **state)
{
    (void)state;
    REFUSE("", "column");
    REFUSE("{", "column");
    REFUSE("{\"a\": 1,}", "column 9");
    REFUSE("{\"a\": 1} x", "end of file expected");
    REFUSE("{\"a\": 1, \"a\": 2}", "duplicate object key");
    REFUSE("\n\n{a: 1}", "line 3");
    REFUSE("[NaN]", "column");
    REFUSE("[1e999]", "real number overflow");
    REFUSE("\"\xC3\"", "column");
    REFUSE("\"\\ud800\"", "column");
    REFUSE("\"\\u0000\"", "column");
    REFUSE("\"a\0b\"", "column");
    REFUSE("[1\0]", "column 3: NUL");
}

static void test_json__nesting_without_end_is_refused(void **state)
{
    (void)state;

    enum { n = 1000000 };

    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '[', n);
    check_refused(text, n, "maximum parsing depth");
    free(text);
}

static void test_json__a_file_is_read_whole(void **state)
{
    (void)state;
    char folder[256];
    char path[300];
    attrib_error err = {0};
    json_t *value = NULL;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/a.json", folder);
    write_file(path, "{\"k\": [1, 2]}", 13);
    check_ok(at_json_read(path, 13, &value, &err), &err);
    assert_int_equal(json_array_size(json_object_get(value, "k")), 2);
    json_decref(value);
    value = NULL;
    check_fails(at_json_read(path, 12, &value, &err), ATTRIB_ERANGE, &err);
    err = (attrib_error){0};
    snprintf(path, sizeof path, "%s/b.json", folder);
    check_fails(at_json_read(path, 12, &value, &err), ATTRIB_EIO, &err);
    check_message(&err, path);
    assert_null(value);
    remove_folder(folder);
}

/* Python writes 10^30 for a tokenizer without a limit; JSON allows it. */
static void test_json__integers_beyond_int64_are_reals(void **state)
{
    (void)state;
    json_t *value = parse("{\"a\\\\\": 1000000000000000019884624838656, "
                          "\"s\\\"9999999999999999999999\": [-9223372036854775809, "
                          "9223372036854775807,-9223372036854775808, 1e3], \"t\": "
                          "\"99999999999999999999999\"}");
    attrib_error err = {0};
    double number = 0;
    check_ok(at_json_number("t", value, "a\\", &number, NULL, &err), &err);
    assert_true(number == 1e30);
    const json_t *list = json_object_get(value, "s\"9999999999999999999999");
    assert_true(json_is_real(json_array_get(list, 0)));
    assert_true(json_real_value(json_array_get(list, 0)) == -9223372036854775808.0);
    assert_true(json_integer_value(json_array_get(list, 1)) == INT64_MAX);
    assert_true(json_integer_value(json_array_get(list, 2)) == INT64_MIN);
    const char *text = NULL;
    check_ok(at_json_text("t", value, "t", &text, NULL, &err), &err);
    assert_string_equal(text, "99999999999999999999999");
    json_decref(value);
}

static void test_json__members_have_their_kind(void **state)
{
    (void)state;
    json_t *value = parse("{\"t\": \"x\", \"n\": 7, \"r\": 2.5, \"b\": true, \"m\": -1}");
    attrib_error err = {0};
    const char *text = NULL;
    size_t size = 0;
    double number = 0;
    bool flag = false;
    bool is_there = false;
    check_ok(at_json_text("t", value, "t", &text, &is_there, &err), &err);
    assert_string_equal(text, "x");
    assert_true(is_there);
    check_ok(at_json_size("t", value, "n", &size, NULL, &err), &err);
    assert_int_equal(size, 7);
    check_ok(at_json_number("t", value, "n", &number, NULL, &err), &err);
    assert_true(number == 7.0);
    check_ok(at_json_number("t", value, "r", &number, NULL, &err), &err);
    assert_true(number == 2.5);
    check_ok(at_json_bool("t", value, "b", &flag, NULL, &err), &err);
    assert_true(flag);

    check_fails(at_json_text("cfg", value, "n", &text, NULL, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "cfg: key \"n\": expected a string, found an integer");
    err = (attrib_error){0};
    check_fails(at_json_size("cfg", value, "r", &size, NULL, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "whole number");
    err = (attrib_error){0};
    check_fails(at_json_size("cfg", value, "m", &size, NULL, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "found -1");
    err = (attrib_error){0};
    check_fails(at_json_number("cfg", value, "t", &number, NULL, &err), ATTRIB_EFORMAT,
                &err);
    err = (attrib_error){0};
    check_fails(at_json_bool("cfg", value, "n", &flag, NULL, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "expected true or false");
    json_decref(value);
}

static void test_json__missing_members_keep_the_default(void **state)
{
    (void)state;
    json_t *value = parse("{\"a\": null}");
    attrib_error err = {0};
    const char *text = "default";
    size_t size = 5;
    double number = 6;
    bool flag = true;
    for (const char *key = "a"; *key <= 'b'; key = *key == 'a' ? "b" : "c") {
        bool is_there = true;
        check_ok(at_json_text("t", value, key, &text, &is_there, &err), &err);
        assert_false(is_there);
        check_ok(at_json_size("t", value, key, &size, NULL, &err), &err);
        check_ok(at_json_number("t", value, key, &number, NULL, &err), &err);
        check_ok(at_json_bool("t", value, key, &flag, NULL, &err), &err);
    }
    assert_string_equal(text, "default");
    assert_true(size == 5 && number == 6.0 && flag);
    json_decref(value);
}

static void test_json__members_of_what_is_no_object_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    const char *text = NULL;
    json_t *value = parse("[1]");
    check_fails(at_json_text("t", value, "k", &text, NULL, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "found an array");
    json_decref(value);
}

static void test_json__values_are_written_compactly(void **state)
{
    (void)state;
    static const char text[] =
        "{\"b\":[1,-2,true,null],\"a\":\"\xC3\xA9\",\"x\":\"\\n\"}";
    attrib_error err = {0};
    at_buffer out = {0};
    json_t *value = parse(text);
    check_ok(at_json_append(&out, value, &err), &err);
    assert_string_equal(out.bytes, text);
    json_decref(value);
    at_buffer_clear(&out);
    value = json_real(0.1);
    check_ok(at_json_append(&out, value, &err), &err);
    assert_string_equal(out.bytes, "0.10000000000000001");
    json_decref(value);
    at_buffer_free(&out);
}

static void check_text(const char *text, size_t n, const char *want)
{
    attrib_error err = {0};
    at_buffer out = {0};
    check_ok(at_json_append_text(&out, text, n, &err), &err);
    assert_string_equal(out.bytes, want);
    at_buffer_free(&out);
}

static void test_json__text_is_escaped_and_bad_bytes_replaced(void **state)
{
    (void)state;
    check_text(NULL, 0, "\"\"");
    check_text("a\"b\\c\n\t\r\b\f\x01\x1F\x7F", 13,
               "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f\x7F\"");
    check_text("\0x", 2, "\"\\u0000x\"");
    check_text("\xC3\xA9 \xC3 \xF0\x9F\x98\x80 \xED\xA0\x80", 13,
               "\"\xC3\xA9 \xEF\xBF\xBD \xF0\x9F\x98\x80 "
               "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__what_is_not_strict_json_is_refused),
        cmocka_unit_test(test_json__nesting_without_end_is_refused),
        cmocka_unit_test(test_json__a_file_is_read_whole),
        cmocka_unit_test(test_json__integers_beyond_int64_are_reals),
        cmocka_unit_test(test_json__members_have_their_kind),
        cmocka_unit_test(test_json__missing_members_keep_the_default),
        cmocka_unit_test(test_json__members_of_what_is_no_object_are_refused),
        cmocka_unit_test(test_json__values_are_written_compactly),
        cmocka_unit_test(test_json__text_is_escaped_and_bad_bytes_replaced),
    };
    return run_cases(tests, NULL, NULL);
}
