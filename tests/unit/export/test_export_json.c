/* SPDX-License-Identifier: MIT */
/* Answers as JSON, read back by jansson and compared with what the run says. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/write.h"
#include "fake_run.h"
#include "format/json.h"
#include "support/check.h"
#include "support/scratch_file.h"

static json_t *read_answer(size_t i_query)
{
    attrib_error err = {0};
    json_t *value = NULL;
    check_ok(attrib_export_json(fake_run(), i_query, path, &err), &err);
    check_ok(at_json_read(path, 1 << 20, &value, &err), &err);
    return value;
}

/* A member by its path: object keys and, as digits, array indices. */
static const json_t *at(const json_t *value, const char *where)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", where);
    char *rest = NULL;
    for (char *part = strtok_r(copy, "/", &rest); part;
         part = strtok_r(NULL, "/", &rest)) {
        value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                     : json_object_get(value, part);
    }
    if (!value) {
        fail_msg("%s is not there", where);
    }
    return value;
}

static void check_text(const json_t *value, const char *where, const char *want)
{
    assert_string_equal(json_string_value(at(value, where)), want);
}

static void check_number(const json_t *value, const char *where, double want)
{
    assert_true(json_is_number(at(value, where)));
    assert_true(json_number_value(at(value, where)) == want);
}

static void test_export_json__an_answer_holds_what_the_run_says(void **state)
{
    (void)state;
    json_t *answer = read_answer(0);
    check_text(answer, "query/id", "q1");
    check_text(answer, "query/prompt", "Who wrote the tragedy \"Faust\"?\nAnswer:");
    check_text(answer, "query/completion", " Goethe");
    check_number(answer, "query/loss", 3.25);
    assert_true(json_is_true(at(answer, "query/is_generated")));
    assert_true(json_is_true(at(answer, "query/is_cut")));
    check_text(answer, "query/tags/kind", "person");
    assert_int_equal(json_array_size(at(answer, "results")), 2);
    check_number(answer, "results/0/rank", 1);
    check_number(answer, "results/0/score", 12.34375);
    check_text(answer, "results/0/document/id", "facts.jsonl:17");
    check_text(answer, "results/0/document/source", "facts.jsonl");
    assert_true(json_is_null(at(answer, "results/0/document/member")));
    check_number(answer, "results/0/document/line", 17);
    check_number(answer, "results/0/document/span/0", 1000);
    check_number(answer, "results/0/document/span/1", 1080);
    check_number(answer, "results/0/document/tags/year", 1808);
    assert_true(json_is_true(at(answer, "results/0/document/tags/is \"good\"")));
    check_text(answer, "results/0/document/text",
               "Johann Wolfgang von Goethe wrote \"Faust\", a tragedy.");
    assert_int_equal(json_array_size(at(answer, "results/0/tokens")), 13);
    check_text(answer, "results/0/tokens/4/text", " Goethe");
    check_number(answer, "results/0/tokens/12/score", -1.40625);
    check_number(answer, "results/0/modules/model.layers.1.mlp.down_proj", 3.84375);
    check_text(answer, "results/1/tokens/0/text", "M\xEF\xBF\xBD");
    assert_true(json_is_null(at(answer, "results/1/document/text")));
    check_number(answer, "opposed/0/rank", 5);
    assert_true(json_is_null(at(answer, "opposed/0/document/line")));
    check_text(answer, "run/strategy", "ekfac");
    check_number(answer, "run/n_documents", 5);
    check_text(answer, "run/normalize", "none");
    assert_non_null(
        strstr(json_string_value(at(answer, "run/meaning")), "not on their sizes"));
    json_decref(answer);
}

/* Tokens and modules of the made-up first result sum to its score, and so must what is
 * written: nothing is lost on the way through text. */
static void test_export_json__shares_still_sum_to_the_score(void **state)
{
    (void)state;
    json_t *answer = read_answer(0);
    double tokens = 0;
    double modules = 0;
    const json_t *list = at(answer, "results/0/tokens");
    for (size_t i = 0; i < json_array_size(list); i++) {
        tokens += json_number_value(json_object_get(json_array_get(list, i), "score"));
    }
    modules +=
        json_number_value(at(answer, "results/0/modules/model.layers.0.mlp.down_proj"));
    modules +=
        json_number_value(at(answer, "results/0/modules/model.layers.1.mlp.down_proj"));
    assert_true(tokens == 12.34375 && modules == 12.34375);
    json_decref(answer);
}

static void test_export_json__rows_without_text_have_nulls(void **state)
{
    (void)state;
    json_t *answer = read_answer(1);
    assert_true(json_is_null(at(answer, "query/prompt")));
    assert_true(json_is_null(at(answer, "query/completion")));
    check_number(answer, "results/0/score", 1e-7);
    assert_int_equal(json_array_size(at(answer, "opposed")), 0);
    json_decref(answer);
}

static void test_export_json__jsonl_is_one_answer_a_line(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer lines = {0};
    at_buffer one = {0};
    check_ok(attrib_export_run(fake_run(), in_format(ATTRIB_EXPORT_JSONL), path, &err),
             &err);
    check_ok(at_read_file(path, 1 << 20, &lines, &err), &err);
    size_t at_byte = 0;
    for (size_t i = 0; i < FAKE_QUERIES; i++) {
        check_ok(attrib_export_json(fake_run(), i, path, &err), &err);
        at_buffer_clear(&one);
        at_buffer_free(&one);
        check_ok(at_read_file(path, 1 << 20, &one, &err), &err);
        assert_ptr_equal(strchr(one.bytes, '\n'), one.bytes + one.n_bytes - 1);
        assert_true(at_byte + one.n_bytes <= lines.n_bytes);
        assert_memory_equal(lines.bytes + at_byte, one.bytes, one.n_bytes);
        at_byte += one.n_bytes;
    }
    assert_int_equal(at_byte, lines.n_bytes);
    at_buffer_free(&lines);
    at_buffer_free(&one);
}

static void test_export_json__queries_out_of_range_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    check_fails(attrib_export_json(fake_run(), 2, path, &err), ATTRIB_EINVAL, &err);
    assert_false(at_is_file(path));
}

static void test_export_json__numbers_read_back_as_they_were(void **state)
{
    (void)state;

    static const struct {
        double value;
        const char *want;
    } cases[] = {{0.1, "0.1"},
                 {-0.0, "-0"},
                 {1.0 / 3, "0.3333333333333333"},
                 {1e22, "1e+22"},
                 {5e-324, "4.94065645841247e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {(double)NAN, "null"},
                 {-(double)INFINITY, "null"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        at_buffer out = {0};
        check_ok(at_append_number(&out, cases[i].value, &err), &err);
        assert_string_equal(out.bytes, cases[i].want);
        at_buffer_free(&out);
    }
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_file_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_export_json__an_answer_holds_what_the_run_says),
        WITH_FOLDER(test_export_json__shares_still_sum_to_the_score),
        WITH_FOLDER(test_export_json__rows_without_text_have_nulls),
        WITH_FOLDER(test_export_json__jsonl_is_one_answer_a_line),
        WITH_FOLDER(test_export_json__queries_out_of_range_are_refused),
        cmocka_unit_test(test_export_json__numbers_read_back_as_they_were),
    };
    return run_cases(tests, NULL, NULL);
}
