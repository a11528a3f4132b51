/* SPDX-License-Identifier: MIT */
/* What the rows of queries say that is measured. */
#include "support/check.h"

#include <stdio.h>
#include <string.h>

#include "attrib/corpus.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};
static char path[256];

static int make_folder(void **state)
{
    (void)state;
    make_scratch_folder(path, sizeof path - sizeof "/q.jsonl");
    strcat(path, "/q.jsonl");
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    *strrchr(path, '/') = '\0';
    remove_folder(path);
    return 0;
}

static attrib_status read(const char *rows, attrib_queries **out, attrib_error *err)
{
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 8;
    write_file(path, rows, strlen(rows));
    return attrib_queries_open(path, &both, &options, out, err);
}

static attrib_queries *must_read(const char *rows)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_ok(read(rows, &queries, &err), &err);
    return queries;
}

static void check_refused(const char *rows, attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_fails(read(rows, &queries, &err), expected, &err);
    assert_null(queries);
    check_message(&err, message);
    check_message(&err, path);
}

/* Ids less three as letters, those with mask 1 in brackets; a bar between the sides. */
static void check_tokens(const attrib_query *query, const char *want)
{
    char got[512] = "";
    size_t n = 0;
    for (size_t t = 0; t < query->n_tokens; t++) {
        char letter = query->ids[t] == FAKE_BOS ? '^' : (char)(query->ids[t] - 3);
        n += (size_t)snprintf(got + n, sizeof got - n, "%s",
                              t > 0 && t == query->against_token ? "|" : "");
        n += (size_t)snprintf(got + n, sizeof got - n, query->mask[t] ? "[%c]" : "%c",
                              letter);
    }
    assert_string_equal(got, want);
}

/* Both sides have the prompt, each its own completion; none of the fields is a tag. */
static void test_measure__a_margin_has_two_sides(void **state)
{
    (void)state;
    attrib_queries *queries =
        must_read("{\"prompt\": \"ab\", \"completion\": \"c\", \"against\": \"de\"}\n"
                  "{\"prompt\": \"ab\", \"completion\": \"c\", \"against\": null}\n"
                  "{\"ids\": [1, 100, 101], \"mask\": [0, 0, 1], \"against\": "
                  "{\"ids\": [1, 102], \"mask\": [0, 1]}}\n");
    const attrib_query *query = attrib_queries_get(queries, 0);
    check_tokens(query, "^ab[c]|^ab[d][e]");
    assert_int_equal(query->measure, ATTRIB_MEASURE_MARGIN);
    assert_string_equal(query->completion, "c");
    assert_string_equal(query->against, "de");
    assert_int_equal(query->against_token, 4);
    assert_int_equal(attrib_query_side(query), 4);
    assert_int_equal(query->n_tags, 0);
    query = attrib_queries_get(queries, 1);
    check_tokens(query, "^ab[c]");
    assert_int_equal(query->measure, ATTRIB_MEASURE_LOGPROB);
    assert_null(query->against);
    assert_int_equal(query->n_tags, 0);
    assert_int_equal(attrib_query_side(query), 4);
    query = attrib_queries_get(queries, 2);
    check_tokens(query, "^a[b]|^[c]");
    assert_int_equal(query->measure, ATTRIB_MEASURE_MARGIN);
    assert_null(query->against);
    attrib_queries_close(queries);
}

/* The model may write the completion; the other side is there before and after. */
static void test_measure__a_completion_is_written_against_another(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_queries *queries =
        must_read("{\"prompt\": \"ab\", \"completion\": null, \"against\": \"d\"}\n");
    const int32_t ids[] = {'x' + 3, 'y' + 3};
    attrib_completion written;
    attrib_completion_default(&written);
    written.ids = ids;
    written.n_ids = 2;
    written.text = "xy";
    check_tokens(attrib_queries_get(queries, 0), "^ab|^ab[d]");
    assert_int_equal(attrib_queries_room(queries, 0), 8 - 3);
    check_ok(attrib_queries_set_completion(queries, 0, &written, &err), &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab[x][y]|^ab[d]");
    assert_int_equal(attrib_queries_get(queries, 0)->against_token, 5);
    assert_true(attrib_queries_get(queries, 0)->is_generated);
    attrib_queries_close(queries);
}

static void test_measure__a_row_names_its_measure(void **state)
{
    (void)state;
    attrib_queries *queries = must_read(
        "{\"prompt\": \"a\", \"completion\": \"b\", \"measure\": \"probability\"}\n"
        "{\"prompt\": \"a\", \"completion\": \"b\", \"measure\": \"log-probability\"}\n"
        "{\"prompt\": \"a\", \"completion\": \"b\", \"tags\": {\"measure\": \"m\", "
        "\"against\": 1}}\n");
    static const attrib_measure want[] = {ATTRIB_MEASURE_PROBABILITY,
                                          ATTRIB_MEASURE_LOGPROB, ATTRIB_MEASURE_LOGPROB};
    for (size_t i = 0; i < 3; i++) {
        const attrib_query *query = attrib_queries_get(queries, i);
        assert_int_equal(query->measure, want[i]);
        assert_int_equal(query->n_tags, i == 2 ? 2 : 0);
        check_tokens(query, "^a[b]");
    }
    attrib_queries_close(queries);
    assert_string_equal(attrib_measure_name(ATTRIB_MEASURE_LOGPROB), "log-probability");
    assert_string_equal(attrib_measure_name(ATTRIB_MEASURE_MARGIN), "margin");
    assert_string_equal(attrib_measure_name(ATTRIB_MEASURE_PROBABILITY), "probability");
}

/* A program's rows are those of a file. */
static void test_measure__rows_in_memory_are_those_of_a_file(void **state)
{
    (void)state;
    const attrib_query_row rows[] = {
        {.prompt = "ab", .completion = "c", .against = "de"},
        {.prompt = "ab", .completion = "c", .measure = "probability"}};
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, 2), &both,
                                      NULL, &queries, &err),
             &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab[c]|^ab[d][e]");
    assert_int_equal(attrib_queries_get(queries, 0)->measure, ATTRIB_MEASURE_MARGIN);
    assert_int_equal(attrib_queries_get(queries, 1)->measure, ATTRIB_MEASURE_PROBABILITY);
    attrib_queries_close(queries);
}

static void test_measure__contradictions_are_refused_by_name(void **state)
{
    (void)state;

    static const struct {
        const char *rows;
        attrib_status status;
        const char *message;
    } cases[] = {
        {"{\"prompt\": \"a\"}\n{\"prompt\": \"a\", \"measure\": \"margin\"}\n",
         ATTRIB_EFORMAT,
         ":2: field \"measure\": \"margin\", expected \"log-probability\""},
        {"{\"prompt\": \"a\", \"measure\": 1}\n", ATTRIB_EFORMAT,
         ":1: field \"measure\": no text, expected"},
        {"{\"prompt\": \"a\", \"against\": \"\"}\n", ATTRIB_EFORMAT,
         ":1: field \"against\": expected a text that is not empty"},
        {"{\"prompt\": \"a\", \"against\": [1]}\n", ATTRIB_EFORMAT,
         ":1: field \"against\": expected a text"},
        {"{\"prompt\": \"a\", \"completion\": \"b\", \"against\": \"c\", \"measure\": "
         "\"probability\"}\n",
         ATTRIB_ESHAPE, ":1: field \"against\" with measure \"probability\""},
        {"{\"ids\": [1, 100], \"mask\": [0, 1], \"against\": \"b\"}\n", ATTRIB_ESHAPE,
         ":1: field \"against\": expected {\"ids\": [...], \"mask\": [...]}"},
        {"{\"ids\": [1, 100], \"mask\": [0, 1], \"against\": {\"ids\": [1, 2]}}\n",
         ATTRIB_ESHAPE, ":1: field \"against\": ids without a mask"},
        {"{\"ids\": [1, 100], \"mask\": [0, 1], \"against\": {\"ids\": [1, 2], "
         "\"mask\": [0, 0]}}\n",
         ATTRIB_EINVAL, ":1: the completion has no token behind the first"},
        {"{\"prompt\": \"a\", \"completion\": \"b\", \"against\": {\"ids\": [1], "
         "\"mask\": [0]}}\n",
         ATTRIB_ESHAPE,
         ":1: field \"against\": expected a text, as the row has a prompt"},
        {"{\"prompt\": \"ab\", \"completion\": \"c\", \"against\": \"cdefghi\"}\n",
         ATTRIB_ERANGE, "field \"against\": "},
        {"{\"prompt\": \"ab\", \"against\": \"c\", \"x\": \"\\ud800\", \"against\": "
         "\"d\"}\n",
         ATTRIB_EFORMAT, ":1: field \"against\" stands twice"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_refused(cases[i].rows, cases[i].status, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measure__a_margin_has_two_sides),
        cmocka_unit_test(test_measure__a_completion_is_written_against_another),
        cmocka_unit_test(test_measure__a_row_names_its_measure),
        cmocka_unit_test(test_measure__rows_in_memory_are_those_of_a_file),
        cmocka_unit_test(test_measure__contradictions_are_refused_by_name),
    };
    return run_cases(tests, make_folder, drop_folder);
}
