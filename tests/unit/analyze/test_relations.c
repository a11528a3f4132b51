/* SPDX-License-Identifier: MIT */
/* Influence that tags explain by construction is found, and what cannot be explained is
 * refused. */
#include <math.h>
#include <string.h>

#include "planted_run.h"
#include "support/check.h"
#include "tables.h"

static attrib_analyze_options options;

static int set_up(void **state)
{
    (void)state;
    attrib_analyze_options_default(&options);
    options.tags = "kind,n_tokens";
    return 0;
}

static const attrib_tag kinds[3] = {
    {"kind", "\"code\""}, {"kind", "\"chat\""}, {"kind", "\"wiki\""}};

/* 120 documents, of wiki most. */
static attrib_run *run_with_kinds(void)
{
    attrib_run *run = planted_run(2, 120);
    planted_fill(run, 9);
    for (size_t d = 0; d < 120; d++) {
        planted_document(run, d)->tags = &kinds[d % 4 < 2 ? d % 4 : 2];
        planted_document(run, d)->n_tags = 1;
        planted_document(run, d)->n_tokens = 1000000 + 37 * d % 120;
    }
    return run;
}

static void check_near(const attrib_table *table, size_t row, double want)
{
    assert_true(find_number(table, row, "low") < want);
    assert_true(find_number(table, row, "high") > want);
    double reach = find_number(table, row, "high") - find_number(table, row, "low");
    assert_true(reach < 1.5 && reach > 0);
    double middle = find_number(table, row, "low") + reach / 2;
    assert_true(fabs(find_number(table, row, "coefficient") - middle) < 1e-9);
}

static void test_relations__planted_ones_are_found(void **state)
{
    (void)state;
    attrib_run *run = run_with_kinds();
    for (size_t d = 0; d < 120; d++) {
        *planted_score(run, 0, d) +=
            5 + 3.0 * (d % 4 == 0) +
            0.5 * (37.0 * (double)d - floor(37.0 * (double)d / 120) * 120);
    }
    attrib_analysis *analysis = analyze_or_fail("relations", run, NULL, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    size_t code = find_row(table, "queries", "q0", "value", "code");
    size_t chat = find_row(table, "queries", "q0", "value", "chat");
    size_t tokens = find_row(table, "queries", "q0", "tag", "n_tokens");
    size_t constant = find_row(table, "queries", "q0", "tag", "(constant)");
    assert_int_equal(table->n_rows, 2 * 4);
    check_near(table, code, 3);
    check_near(table, chat, 0);
    check_near(table, tokens, 0.5);
    check_near(table, constant, 5 + 0.5 * 59.5); /* at the mean of n_tokens */
    assert_true(find_number(table, code, "documents") == 30);
    assert_true(find_number(table, tokens, "documents") == 120);
    assert_true(find_number(table, code, "rate") < 1e-6);
    assert_true(isnan(find_number(table, constant, "rate")));
    assert_true(fabs(find_number(table, tokens, "deviation") -
                     sqrt((120.0 * 120 - 1) / 12)) < 1e-6);
    assert_true(fabs(find_number(table, code, "t") -
                     find_number(table, code, "coefficient") /
                         find_number(table, code, "error")) < 1e-12);
    const attrib_table *fits = attrib_analysis_table(analysis, 1);
    assert_true(find_number(fits, 0, "r_squared") > 0.99);
    assert_true(find_number(fits, 1, "r_squared") < 0.2);
    assert_true(find_number(fits, 0, "degrees") == 116);
    check_note(analysis, "kind = wiki, n_tokens = 1.00006e+06");
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* The most frequent value is the one that others are compared with, wherever it stands
 * among them, and a coefficient of a number is for 1 more of it. */
static void test_relations__the_most_frequent_value_is_the_reference(void **state)
{
    (void)state;
    static const size_t places[4] = {0, 1, 0, 2}; /* code, between chat and wiki */
    attrib_run *run = run_with_kinds();
    for (size_t d = 0; d < 120; d++) {
        planted_document(run, d)->tags = &kinds[places[d % 4]];
        *planted_score(run, 0, d) += 7.0 * (d % 4 == 3) - 7.0 * (d % 4 == 1);
    }
    attrib_analysis *analysis = analyze_or_fail("relations", run, NULL, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    check_near(table, find_row(table, "queries", "q0", "value", "wiki"), 7);
    check_near(table, find_row(table, "queries", "q0", "value", "chat"), -7);
    check_note(analysis, "kind = code");
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* What the tags do not say is no finding, at the rate that is stated. */
static void test_relations__tags_that_say_nothing_are_no_discoveries(void **state)
{
    (void)state;
    size_t n_found = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        attrib_run *run = run_with_kinds();
        planted_fill(run, seed);
        attrib_analysis *analysis = analyze_or_fail("relations", run, NULL, &options);
        const attrib_table *table = attrib_analysis_table(analysis, 0);
        bool is_found = false;
        for (size_t row = 0; row < table->n_rows; row++) {
            is_found |= find_number(table, row, "rate") < 0.1;
        }
        n_found += is_found;
        attrib_analysis_free(analysis);
        planted_free(run);
    }
    assert_in_range(n_found, 1, 12); /* 6 are expected; 13 have a chance of 0.5 % */
}

static void test_relations__documents_without_a_tag_are_left_out(void **state)
{
    (void)state;
    attrib_run *run = run_with_kinds();
    planted_document(run, 3)->n_tags = 0;
    planted_document(run, 7)->n_tags = 0;
    attrib_analysis *analysis = analyze_or_fail("relations", run, NULL, &options);
    check_note(analysis, "118 of 120 documents have all tags");
    assert_true(find_number(attrib_analysis_table(analysis, 1), 0, "degrees") == 114);
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* A document may have several values, and then all of them have a column. */
static void test_relations__lists_have_no_reference(void **state)
{
    (void)state;
    const attrib_tag both = {"kind", "[\"code\", \"chat\"]"};
    attrib_run *run = run_with_kinds();
    planted_document(run, 0)->tags = &both;
    options.tags = "kind";
    attrib_analysis *analysis = analyze_or_fail("relations", run, NULL, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    assert_int_equal(table->n_rows, 2 * 4);
    assert_true(find_number(table, find_row(table, "value", "chat", NULL, NULL),
                            "documents") == 31);
    check_note(analysis, "reference: none of the values");
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void check_refused(const char *tags, attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_run *run = run_with_kinds();
    attrib_analysis *analysis = NULL;
    attrib_analyze_job job;
    attrib_analyze_job_default(&job);
    options.tags = tags;
    job.kind = "relations";
    job.run = run;
    job.options = &options;
    for (size_t d = 0; strstr(tags, "n_tokens") && d < 120; d++) {
        planted_document(run, d)->n_tokens = 7;
    }
    check_fails(attrib_analyze(NULL, &job, &analysis, &err), expected, &err);
    check_message(&err, message);
    assert_null(analysis);
    planted_free(run);
}

static void test_relations__that_cannot_be_are_refused(void **state)
{
    (void)state;
    check_refused("kind,kind", ATTRIB_EINVAL, "tags: \"kind\" twice");
    check_refused("", ATTRIB_EINVAL, "tags: none is named");
    check_refused("nothing", ATTRIB_ESHAPE, "documents: none has a tag nothing");
    check_refused("n_tokens", ATTRIB_ESHAPE,
                  "tag n_tokens is the same number everywhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_relations__planted_ones_are_found, set_up),
        cmocka_unit_test_setup(test_relations__the_most_frequent_value_is_the_reference,
                               set_up),
        cmocka_unit_test_setup(test_relations__tags_that_say_nothing_are_no_discoveries,
                               set_up),
        cmocka_unit_test_setup(test_relations__documents_without_a_tag_are_left_out,
                               set_up),
        cmocka_unit_test_setup(test_relations__lists_have_no_reference, set_up),
        cmocka_unit_test_setup(test_relations__that_cannot_be_are_refused, set_up),
    };
    return run_cases(tests, NULL, NULL);
}
