/* SPDX-License-Identifier: MIT */
/* Conditions on documents. */
#include "support/check.h"

#include <string.h>

#include "attrib/corpus.h"

static const attrib_tag tags[] = {{"kind", "\"person\""},
                                  {"year", "1869"},
                                  {"share", "0.5"},
                                  {"cell", "\"12\""},
                                  {"is_new", "true"},
                                  {"said", "\"a \\\"b\\\" = c\""},
                                  {"lists", "[\"x\",7,2.5,false]"},
                                  {"id", "\"of a tag\""},
                                  {"meta.source", "\"web\""},
                                  {"broken", "\"never ends"}};
static const attrib_document document = {.id = "d1",
                                         .source = "a/b.jsonl",
                                         .line = 3,
                                         .n_tokens = 40,
                                         .n_predicted = 39,
                                         .tags = tags,
                                         .n_tags = sizeof tags / sizeof *tags};

static bool holds(const char *condition)
{
    attrib_error err = {0};
    attrib_where *where = NULL;
    check_ok(attrib_where_new(&condition, 1, &where, &err), &err);
    bool does = attrib_where_holds(where, &document);
    attrib_where_free(where);
    return does;
}

static void test_where__holds(void **state)
{
    (void)state;
    static const char *const all[] = {"kind=person",
                                      "kind!=event",
                                      "year=1869",
                                      "year>=1869",
                                      "year<=1869.5",
                                      "year<=1869",
                                      "lists<=2.5",
                                      "year>1868",
                                      "year<2e3",
                                      "year=1869.0",
                                      "share=0.5",
                                      "share=.50",
                                      "share<1",
                                      "cell=12",
                                      "cell>11",
                                      "is_new=true",
                                      "is_new!=false",
                                      "said=a \"b\" = c",
                                      "lists=x",
                                      "lists=7",
                                      "lists=7.0",
                                      "lists>6",
                                      "lists<2.6",
                                      "lists=false",
                                      "id=d1",
                                      "tags.id=of a tag",
                                      "id!=of a tag",
                                      "source=a/b.jsonl",
                                      "line=3",
                                      "line<4",
                                      "n_tokens>=40",
                                      "n_predicted=39",
                                      "meta.source=web",
                                      "missing!=x",
                                      "member!=x",
                                      "broken!=x",
                                      "tags.meta.source=web"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!holds(all[i])) {
            fail_msg("%s does not hold", all[i]);
        }
    }
}

static void test_where__holds_not(void **state)
{
    (void)state;
    static const char *const none[] = {
        "kind=event",   "kind!=person",      "kind=",      "kind=Person", "kind>1",
        "year<1869",    "year>1869",         "year!=1869", "cell=12.0",   "is_new=1",
        "lists!=x",     "lists=y",           "lists<2.5",  "lists>7",     "id=of a tag",
        "missing=x",    "missing=",          "missing<1",  "member=x",    "line=0x3",
        "n_tokens!=40", "broken=never ends", "source=a",   "tags.line=3"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (holds(none[i])) {
            fail_msg("%s holds", none[i]);
        }
    }
}

static void test_where__all_must_hold(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_where *where = NULL;
    const char *const conditions[] = {"kind=person", "year>1800", "lists=y"};
    for (size_t n = 0; n <= 3; n++) {
        check_ok(attrib_where_new(conditions, n, &where, &err), &err);
        assert_int_equal(attrib_where_holds(where, &document), n < 3);
        attrib_where_free(where);
    }
    assert_true(attrib_where_holds(NULL, &document));
}

static void test_where__refuses(void **state)
{
    (void)state;

    const struct {
        const char *condition, *message;
    } cases[] = {
        {"kind", "condition \"kind\": expected KEY=VALUE"},
        {"", "condition \"\": expected KEY=VALUE"},
        {"=x", "condition \"=x\": expected KEY=VALUE"},
        {"kind!x", "expected KEY=VALUE"},
        {"year<", "condition \"year<\": < compares with a number"},
        {"year>=x", ">= compares with a number"},
        {"year>1 ", "> compares with a number"},
        {"year>inf", "> compares with a number"},
        {"year>0x10", "> compares with a number"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        attrib_where *where = NULL;
        check_fails(attrib_where_new(&cases[i].condition, 1, &where, &err), ATTRIB_EINVAL,
                    &err);
        check_message(&err, cases[i].message);
        assert_null(where);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where__holds),
        cmocka_unit_test(test_where__holds_not),
        cmocka_unit_test(test_where__all_must_hold),
        cmocka_unit_test(test_where__refuses),
    };
    return run_cases(tests, NULL, NULL);
}
