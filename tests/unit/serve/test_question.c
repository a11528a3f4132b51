/* SPDX-License-Identifier: MIT */
/* The body of a request to a server, as the question that it asks. */
#include <string.h>

#include "serve/serve.h"
#include "support/check.h"

static void check_question(const char *body, const char *part)
{
    attrib_error err = {0};
    at_question question = {0};
    attrib_status status =
        at_question_read(body, strlen(body), 100, 10, 10, &question, &err);
    check_fails(status, status == ATTRIB_EFORMAT ? ATTRIB_EFORMAT : ATTRIB_EINVAL, &err);
    check_message(&err, part);
    at_question_free(&question);
}

static void test_question__is_refused(void **state)
{
    (void)state;
    check_question("", "question");
    check_question("[]", "no JSON object");
    check_question("{}", "no \"prompt\"");
    check_question("{\"prompt\":null}", "no \"prompt\"");
    check_question("{\"prompt\":1}", "expected a string");
    check_question("{\"prompt\":\"a\",\"prompt\":\"b\"}", "duplicate");
    check_question("{\"prompt\":\"a\",\"exakt\":1}", "key \"exakt\"");
    check_question("{\"prompt\":\"a\",\"exact\":0}", "\"exact\": 0 is not in [1, 100]");
    check_question("{\"prompt\":\"a\",\"exact\":101}", "101 is not in [1, 100]");
    check_question("{\"prompt\":\"a\",\"exact\":-1}", "\"exact\"");
    check_question("{\"prompt\":\"a\",\"exact\":5,\"top\":6}", "\"top\": 6");
    check_question("{\"prompt\":\"a\",\"stages\":1}", "\"stages\"");
    check_question("{\"prompt\":\"a\",\"time\":0}", "\"time\": 0 is not in (0,");
    check_question("{\"prompt\":\"a\",\"certify\":1.5}", "1.5 is not in (0, 1]");
    check_question("{\"prompt\":\"a\",\"where\":\"kind=x\"}", "expected a list");
    check_question("{\"prompt\":\"a\",\"where\":[1]}", "expected texts");
    check_question("{\"prompt\":\"a\\u0000b\"}", "question");
    check_question("{\"prompt\":\"\xff\"}", "question");
}

static void check_counts(const char *body, size_t n_exact, size_t top)
{
    attrib_error err = {0};
    at_question question = {0};
    check_ok(at_question_read(body, strlen(body), 100, 10, 5, &question, &err), &err);
    assert_int_equal(question.n_exact, n_exact);
    assert_int_equal(question.top, top);
    at_question_free(&question);
}

static void test_question__has_defaults(void **state)
{
    (void)state;
    check_counts("{\"prompt\":\"a\"}", 10, 5);
    check_counts("{\"prompt\":\"a\",\"exact\":3}", 3, 3);
    check_counts("{\"prompt\":\"a\",\"exact\":50}", 50, 5);
    check_counts("{\"prompt\":\"a\",\"top\":40}", 40, 40);
    check_counts("{\"prompt\":\"a\",\"top\":2}", 10, 2);
    check_counts("{\"prompt\":\"a\",\"time\":5}", 100, 5);
    check_counts("{\"prompt\":\"a\",\"certify\":0.9,\"exact\":7}", 7, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question__is_refused),
        cmocka_unit_test(test_question__has_defaults),
    };
    return run_cases(tests, NULL, NULL);
}
