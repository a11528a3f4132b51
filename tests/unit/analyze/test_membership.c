/* SPDX-License-Identifier: MIT */
/* Which groups documents are in by their tags: lists, prefixes, numbers and their bins.
 */
#include <stdio.h>

#include "grouped.h"
#include "support/check.h"
#include "tables.h"

static void test_membership__lists_are_several_groups_and_prefixes_too(void **state)
{
    (void)state;
    const attrib_tag tags[4] = {{"kind", "[\"a/b\", \"a/c\", \"a/b\"]"},
                                {"kind", "\"a/b\""},
                                {"kind", "true"},
                                {"other", "1"}};
    attrib_run *run = planted_run(1, 40);
    tag_documents(run, tags, 4);
    for (int is_hierarchical = 0; is_hierarchical < 2; is_hierarchical++) {
        group_options.is_hierarchical = is_hierarchical;
        attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
        const attrib_table *table = attrib_analysis_table(analysis, 0);
        assert_int_equal(table->n_rows, 3 + is_hierarchical);
        size_t row = find_row(table, "documents", "a/b", NULL, NULL);
        assert_true(find_number(table, row, "n_documents") == 20);
        row = find_row(table, "documents", "a/c", NULL, NULL);
        assert_true(find_number(table, row, "n_documents") == 10);
        row = find_row(table, "documents", is_hierarchical ? "a" : "true", NULL, NULL);
        assert_true(find_number(table, row, "n_documents") == 10 + 10 * is_hierarchical);
        check_note(analysis, "10 of 40 have no tag kind");
        attrib_analysis_free(analysis);
    }
    planted_free(run);
}

static void test_membership__numbers_are_cut_into_bins(void **state)
{
    (void)state;
    attrib_run *run = planted_run(1, 100);
    group_options.document_tag = "n_tokens";
    group_options.bins = 4;
    group_options.max_groups = 10; /* bins are few, whatever the values */
    for (size_t d = 0; d < 100; d++) {
        planted_document(run, d)->n_tokens = d < 50 ? 7 : 100 + d;
    }
    attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    assert_int_equal(table->n_rows, 3); /* half of all have one value */
    size_t row = find_row(table, "documents", "7", NULL, NULL);
    assert_true(find_number(table, row, "n_documents") == 50);
    row = find_row(table, "documents", "150 to 174", NULL, NULL);
    assert_true(find_number(table, row, "n_documents") == 25);
    row = find_row(table, "documents", "175 to 199", NULL, NULL);
    assert_true(find_number(table, row, "n_documents") == 25);
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void test_membership__few_numbers_are_groups_of_their_own(void **state)
{
    (void)state;
    const attrib_tag tags[3] = {
        {"kind", "9007199254740993"}, {"kind", "9"}, {"kind", "-0.5"}};
    attrib_run *run = planted_run(1, 30);
    tag_documents(run, tags, 3);
    attrib_analysis *analysis = analyze_or_fail("groups", run, NULL, &group_options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    assert_string_equal(find_text(table, 0, "documents"), "-0.5"); /* by number */
    assert_string_equal(find_text(table, 2, "documents"), "9007199254740993");
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void test_membership__too_many_or_no_values_are_refused(void **state)
{
    (void)state;
    attrib_run *run = planted_run(2, 30);
    tag_documents(run, kinds, 3);
    group_options.max_groups = 2;
    check_refused(run, "groups", NULL, ATTRIB_ERANGE,
                  "documents: tag kind has more than 2 values (--max-groups)");
    group_options.document_tag = "nothing";
    check_refused(run, "groups", NULL, ATTRIB_ESHAPE,
                  "documents: none has a tag nothing");
    group_options.document_tag = "source";
    group_options.query_tag = "nothing";
    check_refused(run, "groups", NULL, ATTRIB_ESHAPE, "queries: none has a tag nothing");
    planted_free(run);
}

/* Numbers may be many, as they become bins, until one of the values is no number. */
static void test_membership__too_many_numbers_and_a_text_are_refused(void **state)
{
    (void)state;
    static char numbers[30][8];
    attrib_tag tags[30];
    attrib_run *run = planted_run(1, 30);
    for (size_t d = 0; d < 30; d++) {
        snprintf(numbers[d], sizeof numbers[d], d < 29 ? "%zu" : "\"%zu\"",
                 d < 29 ? d : 3);
        tags[d] = (attrib_tag){"kind", numbers[d]};
    }
    tag_documents(run, tags, 30);
    group_options.max_groups = 10;
    check_refused(run, "groups", NULL, ATTRIB_ERANGE, "more than 10 values");
    snprintf(numbers[29], sizeof numbers[29], "29");
    attrib_analysis_free(analyze_or_fail("groups", run, NULL, &group_options));
    planted_free(run);
}

static void test_membership__a_tag_that_is_no_json_is_refused(void **state)
{
    (void)state;
    const attrib_tag broken = {"kind", "\"co"};
    attrib_run *run = planted_run(1, 3);
    tag_documents(run, &broken, 1);
    check_refused(run, "groups", NULL, ATTRIB_EFORMAT, "documents: tag");
    planted_free(run);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(test_membership__##name, grouped_set_up)
    const struct CMUnitTest tests[] = {
        CASE(lists_are_several_groups_and_prefixes_too),
        CASE(numbers_are_cut_into_bins),
        CASE(few_numbers_are_groups_of_their_own),
        CASE(too_many_or_no_values_are_refused),
        CASE(too_many_numbers_and_a_text_are_refused),
        CASE(a_tag_that_is_no_json_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}
