/* SPDX-License-Identifier: MIT */
/* Messages of errors: which of them wins, how it is cut and cleaned. */
#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first failure stays; later ones still return their own status. */
static void test_error__first_failure_wins(void **state)
{
    (void)state;
    attrib_error err = {0};
    assert_int_equal(at_fail(&err, ATTRIB_EIO, "%s: missing", "a"), ATTRIB_EIO);
    assert_int_equal(at_fail(&err, ATTRIB_ENOMEM, "second"), ATTRIB_ENOMEM);
    assert_int_equal(err.status, ATTRIB_EIO);
    assert_string_equal(err.message, "a: missing");
}

static void test_error__context_stands_in_front(void **state)
{
    (void)state;
    attrib_error err = {0};
    assert_int_equal(at_context(&err, ATTRIB_OK, "unused"), ATTRIB_OK);
    assert_string_equal(err.message, "");
    at_fail(&err, ATTRIB_EFORMAT, "row 3");
    assert_int_equal(at_context(&err, ATTRIB_EFORMAT, "%s", "a.jsonl"), ATTRIB_EFORMAT);
    at_context(&err, ATTRIB_EFORMAT, "a.tar");
    assert_string_equal(err.message, "a.tar: a.jsonl: row 3");
}

/* Callers that do not ask for the message may pass NULL. */
static void test_error__may_be_null(void **state)
{
    (void)state;
    assert_int_equal(at_fail(NULL, ATTRIB_ESHAPE, "%d", 1), ATTRIB_ESHAPE);
    assert_int_equal(at_context(NULL, ATTRIB_ESHAPE, "%d", 1), ATTRIB_ESHAPE);
}

/* Names from outside cannot break the line, move the cursor or leave UTF-8. */
static void test_error__messages_are_one_clean_line(void **state)
{
    (void)state;

    const struct {
        const char *given, *kept;
    } cases[] = {
        {"a\nb\tc\rd", "a?b?c?d"},
        {"\033[31mred\177", "?[31mred?"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"c1 \xc2\x9b"
         "2J",
         "c1 ??2J"},
        {"latin-1 \xfc", "latin-1 ?"},
        {"cut \xe2\x82", "cut ??"},
        {"overlong \xc0\xaf", "overlong ??"},
        {"alone \x80\xbf", "alone ??"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        at_fail(&err, ATTRIB_EIO, "%s", cases[i].given);
        assert_string_equal(err.message, cases[i].kept);
    }
}

/* Long names are cut, never written past the message, and stay clean where they are cut.
 */
static void test_error__long_messages_are_cut(void **state)
{
    (void)state;
    char name[2000];
    for (size_t i = 0; i + 2 < sizeof name; i += 2) {
        memcpy(name + i, "\xc3\xbc", 3); /* two bytes: the cut falls into one of them */
    }
    attrib_error err = {0};
    at_fail(&err, ATTRIB_EIO, "%s", name);
    assert_int_equal(strlen(err.message), ATTRIB_ERROR_SIZE - 1);
    assert_int_equal(err.message[ATTRIB_ERROR_SIZE - 2], '?');
    at_context(&err, ATTRIB_EIO, "%s", name);
    assert_int_equal(strlen(err.message), ATTRIB_ERROR_SIZE - 1);
    at_context(&err, ATTRIB_EIO, "in front");
    assert_memory_equal(err.message, "in front: ", 10);
    assert_int_equal(strlen(err.message), ATTRIB_ERROR_SIZE - 1);
}

/* Every status has a name of its own, and a number that is none has one too. */
static void test_error__statuses_have_names(void **state)
{
    (void)state;
    for (int i = ATTRIB_OK; i <= ATTRIB_ENOTSUP; i++) {
        const char *name = attrib_status_name((attrib_status)i);
        assert_string_not_equal(name, "unknown status");
        for (int j = ATTRIB_OK; j < i; j++) {
            assert_string_not_equal(name, attrib_status_name((attrib_status)j));
        }
    }
    assert_string_equal(attrib_status_name((attrib_status)1000), "unknown status");
}

static void test_error__errno_has_its_text(void **state)
{
    (void)state;
    char text[64];
    assert_string_equal(at_errno_text(ENOENT, text, sizeof text),
                        "No such file or directory");
    assert_true(strlen(at_errno_text(123456, text, sizeof text)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__first_failure_wins),
        cmocka_unit_test(test_error__context_stands_in_front),
        cmocka_unit_test(test_error__may_be_null),
        cmocka_unit_test(test_error__messages_are_one_clean_line),
        cmocka_unit_test(test_error__long_messages_are_cut),
        cmocka_unit_test(test_error__statuses_have_names),
        cmocka_unit_test(test_error__errno_has_its_text),
    };
    return run_cases(tests, NULL, NULL);
}
