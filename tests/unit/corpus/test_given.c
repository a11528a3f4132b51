/* SPDX-License-Identifier: MIT */
/* Corpora and queries of rows in memory: the same as those of the same rows in a file. */
#include "support/check.h"
#include "support/scratch.h"

#include <stdio.h>
#include <string.h>

#include "attrib/corpus.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};

static const char *write_rows(const char *rows)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/rows.jsonl", folder);
    write_file(path, rows, strlen(rows));
    return path;
}

static void check_same_tags(const attrib_tag *got,
                            const attrib_tag *want,
                            size_t n_got,
                            size_t n_want)
{
    assert_int_equal(n_got, n_want);
    for (size_t i = 0; i < n_want; i++) {
        assert_string_equal(got[i].key, want[i].key);
        assert_string_equal(got[i].value, want[i].value);
    }
}

/* 1. Corpora */

static const int32_t ids[] = {5, 6, 7, 8};
static const uint8_t mask[] = {0, 0, 1, 1};
static const int32_t labels[] = {-1, -7, 9, 10};
static const attrib_tag tags[] = {
    {"kind", "\"x\""}, {"n", "12"}, {"list", "[1,\"a\"]"}, {"meta", "{\"source\":true}"}};

static const attrib_row documents[] = {
    {.id = "a", .text = "one", .n_text_bytes = 3, .tags = tags, .n_tags = 4},
    {.id = "b", .text = "t\xC3\xA4\n\"q\" \\ \x01 ", .n_text_bytes = 12},
    {.id = "c", .ids = ids, .mask = mask, .labels = labels, .n_tokens = 4},
    {.id = "d", .ids = ids, .n_tokens = 4, .tags = tags, .n_tags = 1},
    {.text = "", .n_text_bytes = 0},
    {.id = "e", .text = "no NUL after it", .n_text_bytes = 6},
};

static const char document_rows[] =
    "{\"id\": \"a\", \"text\": \"one\", \"tags\": {\"kind\": \"x\", \"n\": 12, \"list\": "
    "[1, \"a\"], \"meta\": {\"source\": true}}}\n"
    "{\"id\": \"b\", \"text\": \"t\xC3\xA4\\n\\\"q\\\" \\\\ \\u0001 \"}\n"
    "{\"id\": \"c\", \"ids\": [5, 6, 7, 8], \"mask\": [0, 0, 1, 1], \"labels\": [-100, "
    "-100, 9, 10]}\n"
    "{\"id\": \"d\", \"ids\": [5, 6, 7, 8], \"tags\": {\"kind\": \"x\"}}\n"
    "{\"text\": \"\"}\n"
    "{\"id\": \"e\", \"text\": \"no NUL\"}\n";

static void check_same_sequence(const attrib_corpus *got,
                                const attrib_corpus *want,
                                size_t i)
{
    attrib_sequence a;
    attrib_sequence b;
    attrib_corpus_sequence(got, i, &a);
    attrib_corpus_sequence(want, i, &b);
    assert_int_equal(a.n_tokens, b.n_tokens);
    assert_memory_equal(a.ids, b.ids, a.n_tokens * sizeof *a.ids);
    assert_memory_equal(a.mask, b.mask, a.n_tokens);
    assert_int_equal(a.labels != NULL, b.labels != NULL);
    if (a.labels) {
        assert_memory_equal(a.labels, b.labels, a.n_tokens * sizeof *a.labels);
    }
}

static void test_given__rows_are_those_of_a_file(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *got = NULL;
    attrib_corpus *want = NULL;
    const char *path = write_rows(document_rows);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, NULL, &want, &err),
        &err);
    check_ok(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(documents, 6), &both,
                                     NULL, &got, &err),
             &err);
    assert_string_equal(attrib_corpus_hash(got), attrib_corpus_hash(want));
    attrib_corpus_summary summary = *attrib_corpus_summarize(got);
    assert_int_equal(summary.n_documents, 5);
    assert_int_equal(summary.n_empty_documents, 1);
    assert_int_equal(summary.n_files, 0);
    for (size_t i = 0; i < 5; i++) {
        attrib_document a;
        attrib_document b;
        attrib_corpus_document(got, i, &a);
        attrib_corpus_document(want, i, &b);
        assert_string_equal(a.id, b.id);
        assert_string_equal(a.source, "rows");
        assert_null(a.member);
        assert_int_equal(a.line, b.line);
        assert_int_equal(a.span_start, 0);
        assert_int_equal(a.span_end, 0);
        assert_int_equal(a.text != NULL, b.text != NULL);
        assert_int_equal(a.n_text_bytes, b.n_text_bytes);
        if (a.text) {
            assert_memory_equal(a.text, b.text, a.n_text_bytes);
        }
        check_same_tags(a.tags, b.tags, a.n_tags, b.n_tags);
        check_same_sequence(got, want, i);
    }
    attrib_corpus_close(got);
    attrib_corpus_close(want);
}

static void test_given__rows_without_an_id_have_their_place(void **state)
{
    (void)state;
    const attrib_row rows[] = {{.text = "one", .n_text_bytes = 3},
                               {.id = "", .ids = ids, .n_tokens = 4}};
    static const char *const names[] = {"rows:1", "rows:2"};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_ok(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(rows, 2), &both,
                                     NULL, &corpus, &err),
             &err);
    for (size_t i = 0; i < 2; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        assert_string_equal(document.id, names[i]);
    }
    attrib_corpus_close(corpus);
}

/* Names of fields are a file's; more rows than a batch holds keep their order. */
static void test_given__options_of_fields_have_no_part(void **state)
{
    (void)state;
    static attrib_row many[3000];
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_document document;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.text_field = "body";
    options.id_field = "name";
    options.tag_fields = "";
    options.context = 4;
    options.max_documents = 2900;
    for (size_t i = 0; i < 3000; i++) {
        many[i] = documents[0];
    }
    check_ok(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(many, 3000), &both,
                                     &options, &corpus, &err),
             &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 2900);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_split_documents, 2900);
    attrib_corpus_document(corpus, 2899, &document);
    assert_string_equal(document.id, "a");
    assert_int_equal(document.line, 2900);
    assert_int_equal(document.n_tags, 4);
    attrib_corpus_close(corpus);
}

static void refuse_row(const attrib_row *row, attrib_status expected, const char *message)
{
    const attrib_row rows[] = {documents[0], *row};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.n_vocabulary = 301;
    check_fails(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(rows, 2), &both,
                                        &options, &corpus, &err),
                expected, &err);
    assert_null(corpus);
    check_message(&err, "rows:2: ");
    check_message(&err, message);
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    err = (attrib_error){0};
    check_ok(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(rows, 2), &both,
                                     &options, &corpus, &err),
             &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 1);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_skipped_rows, 1);
    attrib_corpus_close(corpus);
}

static void test_given__refuses_bad_rows(void **state)
{
    (void)state;
    static const int32_t below[] = {5, -1};
    static const int32_t above[] = {5, 301};
    static const uint8_t first[] = {1, 1};
    static const uint8_t two[] = {0, 2};
    static const int32_t absent[] = {-1, -1};
    static const attrib_tag cut[] = {{"k", "[1"}};
    static const attrib_tag more[] = {{"k", "1, \"other\": 2"}};
    static const attrib_tag none[] = {{"k", NULL}};
    static const attrib_tag key[] = {{"k\xFF", "1"}};

    const struct {
        attrib_row row;
        attrib_status status;
        const char *message;
    } cases[] = {
        {{0}, ATTRIB_ESHAPE, "neither a text nor ids"},
        {{.text = "a", .n_text_bytes = 1, .ids = ids, .n_tokens = 4},
         ATTRIB_ESHAPE,
         "both a text and ids"},
        {{.text = "a", .n_text_bytes = 1, .mask = mask, .n_tokens = 4},
         ATTRIB_ESHAPE,
         "a mask or labels without ids"},
        {{.text = "ab\xC3", .n_text_bytes = 3},
         ATTRIB_EFORMAT,
         "text: byte 2: not UTF-8"},
        {{.text = "a\0b", .n_text_bytes = 3}, ATTRIB_EFORMAT, "text: a NUL in the text"},
        {{.id = "\xFF", .ids = ids, .n_tokens = 4},
         ATTRIB_EFORMAT,
         "id: byte 0: not UTF-8"},
        {{.ids = below, .n_tokens = 2}, ATTRIB_ERANGE, "ids[1]: -1, expected 0 to 300"},
        {{.ids = above, .n_tokens = 2}, ATTRIB_ERANGE, "ids[1]: 301, expected 0 to 300"},
        {{.ids = ids, .mask = first, .n_tokens = 2}, ATTRIB_EFORMAT, "mask[0] is 1"},
        {{.ids = ids, .mask = two, .n_tokens = 2},
         ATTRIB_EFORMAT,
         "mask[1]: 2, expected 0 or 1"},
        {{.ids = ids, .labels = absent, .n_tokens = 2},
         ATTRIB_ERANGE,
         "labels[1] is negative where mask is 1"},
        {{.ids = ids, .n_tokens = 4, .tags = cut, .n_tags = 1}, ATTRIB_EFORMAT, "tag"},
        {{.ids = ids, .n_tokens = 4, .tags = more, .n_tags = 1}, ATTRIB_EFORMAT, "tag"},
        {{.ids = ids, .n_tokens = 4, .tags = none, .n_tags = 1},
         ATTRIB_ESHAPE,
         "tag 0: no key or no value"},
        {{.ids = ids, .n_tokens = 4, .tags = key, .n_tags = 1},
         ATTRIB_EFORMAT,
         "a tag's key: byte 1: not UTF-8"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse_row(&cases[i].row, cases[i].status, cases[i].message);
    }
}

static void test_given__refuses_what_is_no_corpus(void **state)
{
    (void)state;
    const attrib_row empty = {.ids = ids};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_fails(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(&empty, 0), &both,
                                        NULL, &corpus, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "a corpus of no rows");
    err = (attrib_error){0};
    check_fails(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(&empty, 1), &both,
                                        NULL, &corpus, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "rows: no documents (1 without text");
    err = (attrib_error){0};
    check_fails(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(documents, 1),
                                        NULL, NULL, &corpus, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "rows:1: text, but there is no tokenizer");
    assert_null(corpus);
}

/* 2. Queries */

static void test_given__queries_are_those_of_a_file(void **state)
{
    (void)state;
    const attrib_query_row rows[] = {
        {.id = "a", .prompt = "p", .completion = "c\"", .tags = tags, .n_tags = 4},
        {.id = "b", .prompt = "p: ", .tags = tags, .n_tags = 1},
        {.ids = ids, .mask = mask, .n_tokens = 4},
    };
    attrib_error err = {0};
    attrib_queries *got = NULL;
    attrib_queries *want = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    check_ok(attrib_queries_open(
                 NULL,
                 write_rows(
                     "{\"id\": \"a\", \"prompt\": \"p\", \"completion\": \"c\\\"\", "
                     "\"tags\": {\"kind\": \"x\", \"n\": 12, \"list\": [1, \"a\"], "
                     "\"meta\": {\"source\": true}}}\n"
                     "{\"id\": \"b\", \"prompt\": \"p: \", \"tags\": {\"kind\": \"x\"}}\n"
                     "{\"ids\": [5, 6, 7, 8], \"mask\": [0, 0, 1, 1]}\n"),
                 &both, NULL, &want, &err),
             &err);
    options.prompt_field = "asked";
    options.tag_fields = "";
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, 3), &both,
                                      &options, &got, &err),
             &err);
    assert_int_equal(attrib_queries_count(got), 3);
    for (size_t i = 0; i < 3; i++) {
        const attrib_query *a = attrib_queries_get(got, i);
        const attrib_query *b = attrib_queries_get(want, i);
        assert_string_equal(a->id, b->id);
        assert_string_equal(a->prompt ? a->prompt : "-", b->prompt ? b->prompt : "-");
        assert_string_equal(a->completion ? a->completion : "-",
                            b->completion ? b->completion : "-");
        assert_int_equal(a->n_tokens, b->n_tokens);
        assert_memory_equal(a->ids, b->ids, a->n_tokens * sizeof *a->ids);
        assert_memory_equal(a->mask, b->mask, a->n_tokens);
        check_same_tags(a->tags, b->tags, a->n_tags, b->n_tags);
    }
    attrib_queries_close(got);
    attrib_queries_close(want);
}

static void test_given__refuses_bad_queries(void **state)
{
    (void)state;
    static const int32_t above[] = {5, 301};

    const struct {
        attrib_query_row row;
        attrib_status status;
        const char *message;
    } cases[] = {
        {{.id = "x"}, ATTRIB_ESHAPE, "neither a prompt nor ids"},
        {{.prompt = "p", .ids = ids, .mask = mask, .n_tokens = 4},
         ATTRIB_ESHAPE,
         "both a prompt or completion and ids"},
        {{.prompt = "p", .mask = mask, .n_tokens = 4},
         ATTRIB_ESHAPE,
         "a mask without ids"},
        {{.ids = ids, .n_tokens = 4}, ATTRIB_ESHAPE, "ids without a mask"},
        {{.ids = above, .mask = mask, .n_tokens = 2}, ATTRIB_ERANGE, "ids[1]: 301"},
        {{.prompt = "p\xFF"}, ATTRIB_EFORMAT, "prompt: byte 1: not UTF-8"},
        {{.prompt = "p", .completion = "\xFF"}, ATTRIB_EFORMAT, "completion: byte 0"},
        {{.prompt = "p", .completion = ""}, ATTRIB_EINVAL, "an empty completion"},
        {{.ids = ids, .mask = mask}, ATTRIB_EINVAL, "an empty prompt"},
        {{.prompt = "longer than that"}, ATTRIB_ERANGE, "the context holds 8"},
    };

    attrib_error err = {0};
    attrib_queries *queries = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 8;
    options.n_vocabulary = 301;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const attrib_query_row rows[] = {{.prompt = "p"}, cases[i].row};
        err = (attrib_error){0};
        check_fails(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, 2),
                                             &both, &options, &queries, &err),
                    cases[i].status, &err);
        assert_null(queries);
        check_message(&err, "queries:2: ");
        check_message(&err, cases[i].message);
    }
    err = (attrib_error){0};
    check_fails(attrib_queries_from_rows(&(attrib_query_rows){NULL, 0, 0}, &both, NULL,
                                         &queries, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "no queries");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_given__rows_are_those_of_a_file,
                                        scratch_set_up, scratch_tear_down),
        cmocka_unit_test(test_given__rows_without_an_id_have_their_place),
        cmocka_unit_test(test_given__options_of_fields_have_no_part),
        cmocka_unit_test(test_given__refuses_bad_rows),
        cmocka_unit_test(test_given__refuses_what_is_no_corpus),
        cmocka_unit_test_setup_teardown(test_given__queries_are_those_of_a_file,
                                        scratch_set_up, scratch_tear_down),
        cmocka_unit_test(test_given__refuses_bad_queries),
    };
    return run_cases(tests, NULL, NULL);
}
