/* SPDX-License-Identifier: MIT */
/* Queries from files and prompts, with a tokenizer known by heart. */
#include "support/check.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "support/fake_tokenizer.h"
#include "make_archive.h"

static const attrib_tokenizer both = {true, true, false};

static attrib_queries *must_read(const char *name, const char *rows)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    write_file(in_folder(name), rows, strlen(rows));
    check_ok(attrib_queries_open(NULL, in_folder(name), &both, NULL, &queries, &err),
             &err);
    return queries;
}

/* Ids less three as letters, those with mask 1 in brackets. */
static void check_tokens(const attrib_query *query, const char *want)
{
    char got[512] = "";
    size_t n = 0;
    for (size_t t = 0; t < query->n_tokens; t++) {
        char letter = query->ids[t] == FAKE_BOS    ? '^'
                      : query->ids[t] == FAKE_EOS  ? '$'
                      : query->ids[t] == FAKE_PAIR ? '_'
                                                   : (char)(query->ids[t] - 3);
        n += (size_t)snprintf(got + n, sizeof got - n, query->mask[t] ? "[%c]" : "%c",
                              letter);
    }
    assert_string_equal(got, want);
}

static void check_refused(const char *rows, attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 8;
    options.n_vocabulary = 301;
    write_file(in_folder("bad.jsonl"), rows, strlen(rows));
    check_fails(attrib_queries_open(NULL, in_folder("bad.jsonl"), &both, &options,
                                    &queries, &err),
                expected, &err);
    assert_null(queries);
    check_message(&err, message);
    check_message(&err, in_folder("bad.jsonl"));
}

static void test_queries__reads_rows(void **state)
{
    (void)state;
    attrib_queries *queries = must_read(
        "q.jsonl",
        "{\"id\": \"q\", \"prompt\": \"ab:\", \"completion\": \" cd\", "
        "\"tags\": {\"kind\": \"k\", \"n\": 1, \"deep\": []}, \"other\": true}\n"
        "{\"prompt\": \"ab\"}\n"
        "{\"prompt\": \"ab\", \"completion\": null}\n"
        "{\"id\": 7, \"ids\": [1, 100, 101], \"mask\": [0, 0, 1], \"loss\": 1.5}\n");
    assert_int_equal(attrib_queries_count(queries), 4);
    const attrib_query *query = attrib_queries_get(queries, 0);
    assert_string_equal(query->id, "q");
    assert_string_equal(query->prompt, "ab:");
    assert_string_equal(query->completion, " cd");
    assert_false(query->is_generated);
    check_tokens(query, "^ab[_][c][d]");
    assert_int_equal(query->n_tags, 3);
    assert_string_equal(query->tags[0].key, "kind");
    assert_string_equal(query->tags[0].value, "\"k\"");
    assert_string_equal(query->tags[2].key, "other");
    for (size_t i = 1; i < 3; i++) {
        query = attrib_queries_get(queries, i);
        assert_string_equal(query->id, i == 1 ? "2" : "3");
        assert_null(query->completion);
        check_tokens(query, "^ab");
    }
    query = attrib_queries_get(queries, 3);
    assert_string_equal(query->id, "7");
    assert_null(query->prompt);
    assert_null(query->completion);
    check_tokens(query, "^a[b]");
    assert_string_equal(query->tags[0].key, "loss");
    attrib_queries_close(queries);
}

/* Queries have the names of a corpus's rows; what may be a completion under another name
 * is never answered by the model instead. */
static void test_queries__completions_have_many_names(void **state)
{
    (void)state;
    attrib_queries *queries = must_read(
        "q.jsonl",
        "{\"prompt\": \"ab:\", \"response\": \" cd\"}\n"
        "{\"question\": \"ab:\", \"answer\": \" cd\", \"note\": \"x\"}\n"
        "{\"instruction\": \"ab\", \"input\": \"i\", \"output\": \"cd\"}\n"
        "{\"question\": \"ab\", \"n\": 1, \"note\": \"\", \"tags\": {\"t\": \"x\"}}\n"
        "{\"prompt\": \"ab\", \"completion\": null, \"note\": \"x\"}\n");
    static const char *const want[] = {"^ab[_][c][d]", "^ab[_][c][d]", NULL, "^ab",
                                       "^ab"};
    for (size_t i = 0; i < 5; i++) {
        const attrib_query *query = attrib_queries_get(queries, i);
        if (want[i]) {
            check_tokens(query, want[i]);
        }
        assert_int_equal(query->completion != NULL, i < 3);
    }
    assert_string_equal(attrib_queries_get(queries, 2)->prompt, "ab\ni\n");
    assert_string_equal(attrib_queries_get(queries, 2)->completion, "cd");
    assert_int_equal(attrib_queries_get(queries, 0)->n_tags, 0);
    assert_int_equal(attrib_queries_get(queries, 4)->n_tags, 1);
    attrib_queries_close(queries);
    check_refused("{\"prompt\": \"a\", \"compleation\": \"b\"}\n", ATTRIB_ESHAPE,
                  ":1: is field \"compleation\" the completion?");
    check_refused("{\"prompt\": \"a\", \"answers\": [\"b\"]}\n", ATTRIB_ESHAPE,
                  "is field \"answers\" the completion?");
    check_refused("{\"prompt\": \"a\", \"output\": \"b\", \"answer\": \"c\"}\n",
                  ATTRIB_ESHAPE, "field \"output\" or \"answer\": which is");
    check_refused("{\"prompt\": \"a\", \"response\": \"\"}\n", ATTRIB_EINVAL,
                  "an empty completion");
}

static void test_queries__reads_compressed_and_arrays(void **state)
{
    (void)state;
    const made_member member = {"", "{\"prompt\": \"a\", \"completion\": \"b\"}\n", 0};
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    make_archive(in_folder("q.jsonl.zst"), "raw", "zstd", NULL, &member, 1);
    check_ok(
        attrib_queries_open(NULL, in_folder("q.jsonl.zst"), &both, NULL, &queries, &err),
        &err);
    check_tokens(attrib_queries_get(queries, 0), "^a[b]");
    attrib_queries_close(queries);
    queries = must_read("q.json", "[{\"prompt\": \"a\"},\n{\"prompt\": \"b\"}]");
    assert_int_equal(attrib_queries_count(queries), 2);
    attrib_queries_close(queries);
    queries = must_read("q.txt", "{\"prompt\": \"a\"}\n");
    assert_int_equal(attrib_queries_count(queries), 1);
    attrib_queries_close(queries);
}

static void test_queries__takes_a_prompt(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_ok(attrib_queries_from_prompt("ab", "c", &both, NULL, &queries, &err), &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab[c]");
    assert_string_equal(attrib_queries_get(queries, 0)->id, "1");
    attrib_queries_close(queries);
    check_ok(attrib_queries_from_prompt("ab", NULL, &both, NULL, &queries, &err), &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab");
    attrib_queries_close(queries);
    queries = NULL;
    check_fails(attrib_queries_from_prompt("", NULL, &both, NULL, &queries, &err),
                ATTRIB_EINVAL, &err);
    attrib_error again = {0};
    check_fails(attrib_queries_from_prompt("ab", "", &both, NULL, &queries, &again),
                ATTRIB_EINVAL, &again);
    assert_string_equal(again.message, "query: an empty completion");
    assert_null(queries);
}

/* Nothing stands behind a prompt or a completion, whatever the tokenizer puts there. */
static void test_queries__end_where_their_text_ends(void **state)
{
    (void)state;
    const attrib_tokenizer adds = {true, true, true};
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_ok(attrib_queries_from_prompt("ab", "cd", &adds, NULL, &queries, &err), &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab[c][d]");
    attrib_queries_close(queries);
    check_ok(attrib_queries_from_prompt("ab", NULL, &adds, NULL, &queries, &err), &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab");
    assert_int_equal(attrib_queries_room(queries, 0), 1024 - 3);
    attrib_queries_close(queries);
}

static void test_queries__takes_a_written_completion(void **state)
{
    (void)state;
    const int32_t written[] = {'x' + 3, 'y' + 3, FAKE_EOS};
    attrib_error err = {0};
    attrib_queries *queries =
        must_read("q.jsonl", "{\"prompt\": \"ab\", \"tag\": 1}\n"
                             "{\"ids\": [1, 100, 101], \"mask\": [0, 0, 0]}\n");
    for (size_t i = 0; i < 2; i++) {
        check_ok(attrib_queries_set_completion(
                     queries, i,
                     &(attrib_completion){.size = sizeof(attrib_completion),
                                          .ids = written,
                                          .n_ids = 3,
                                          .text = "xy",
                                          .is_cut = true},
                     &err),
                 &err);
        const attrib_query *query = attrib_queries_get(queries, i);
        check_tokens(query, "^ab[x][y][$]");
        assert_string_equal(query->completion, "xy");
        assert_true(query->is_generated && query->is_cut);
        /* Once more takes the place of the first. */
        check_ok(attrib_queries_set_completion(
                     queries, i,
                     &(attrib_completion){.size = sizeof(attrib_completion),
                                          .ids = written,
                                          .n_ids = 1,
                                          .text = "x"},
                     &err),
                 &err);
        check_tokens(attrib_queries_get(queries, i), "^ab[x]");
        assert_false(attrib_queries_get(queries, i)->is_cut);
    }
    assert_string_equal(attrib_queries_get(queries, 0)->tags[0].key, "tag");
    check_fails(attrib_queries_set_completion(
                    queries, 0,
                    &(attrib_completion){.size = sizeof(attrib_completion),
                                         .ids = written,
                                         .n_ids = 0,
                                         .text = ""},
                    &err),
                ATTRIB_EINVAL, &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab[x]");
    attrib_queries_close(queries);
}

static void test_queries__refuses_by_name(void **state)
{
    (void)state;
    check_refused("{\"prompt\": \"a\", \"completion\": \"\"}\n", ATTRIB_EINVAL,
                  ":1: an empty completion");
    check_refused("{\"prompt\": \"a\"}\n{\"prompt\": \"abcdefgh\"}\n", ATTRIB_ERANGE,
                  ":2: 9 tokens, the context holds 8");
    check_refused("{\"quest\": \"a\"}\n", ATTRIB_ESHAPE, "found \"quest\"");
    check_refused("{\"ids\": [1, 2]}\n", ATTRIB_ESHAPE, "ids without a mask");
    check_refused("{\"ids\": [], \"mask\": []}\n", ATTRIB_EINVAL, "an empty prompt");
    check_refused("{\"ids\": [1, 301], \"mask\": [0, 1]}\n", ATTRIB_ERANGE, "301");
    check_refused("{\"prompt\": 1}\n", ATTRIB_EFORMAT, "expected a string");
    check_refused("{\"prompt\": \"a\"", ATTRIB_EFORMAT, ":1: JSON");
    check_refused("\n", ATTRIB_EINVAL, "no queries");
    check_refused("", ATTRIB_EINVAL, "no queries");
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_fails(
        attrib_queries_open(NULL, in_folder("none.jsonl"), &both, NULL, &queries, &err),
        ATTRIB_EIO, &err);
    attrib_error text = {0};
    write_file(in_folder("q.txt"), "a text\n", 7);
    check_fails(
        attrib_queries_open(NULL, in_folder("q.txt"), &both, NULL, &queries, &text),
        ATTRIB_EFORMAT, &text);
    check_message(&text, "queries are rows such as {\"prompt\": \"...\"}, found text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries__reads_rows),
        cmocka_unit_test(test_queries__completions_have_many_names),
        cmocka_unit_test(test_queries__reads_compressed_and_arrays),
        cmocka_unit_test(test_queries__takes_a_prompt),
        cmocka_unit_test(test_queries__end_where_their_text_ends),
        cmocka_unit_test(test_queries__takes_a_written_completion),
        cmocka_unit_test(test_queries__refuses_by_name),
    };
    return run_cases(tests, scratch_set_up, scratch_tear_down);
}
