/* SPDX-License-Identifier: MIT */
/* Rows of Arrow files as documents: what the same rows as JSON lines give. */
#include "support/check.h"
#include "support/scratch.h"

#include <stdio.h>
#include <string.h>

#include "attrib/corpus.h"
#include "base/file.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};

static attrib_status open_path(const char *path,
                               const attrib_corpus_options *options,
                               attrib_corpus **out,
                               attrib_error *err)
{
    return attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, options, out, err);
}

static attrib_corpus *must_open(const char *path)
{
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    check_ok(open_path(path, NULL, &corpus, &err), &err);
    return corpus;
}

static void check_same(const attrib_corpus *got, const attrib_corpus *want, size_t i)
{
    attrib_document a;
    attrib_document b;
    attrib_sequence x;
    attrib_sequence y;
    attrib_corpus_document(got, i, &a);
    attrib_corpus_document(want, i, &b);
    assert_string_equal(a.text, b.text);
    assert_int_equal(a.line, b.line);
    assert_int_equal(a.span_end, 0);
    assert_int_equal(a.n_tags, b.n_tags);
    for (size_t k = 0; k < a.n_tags; k++) {
        assert_string_equal(a.tags[k].key, b.tags[k].key);
        assert_string_equal(a.tags[k].value, b.tags[k].value);
    }
    attrib_corpus_sequence(got, a.first_sequence, &x);
    attrib_corpus_sequence(want, b.first_sequence, &y);
    assert_int_equal(x.n_tokens, y.n_tokens);
    assert_memory_equal(x.ids, y.ids, x.n_tokens * sizeof *x.ids);
    assert_memory_equal(x.mask, y.mask, x.n_tokens);
}

/* Conversations of a file, packed with LZ4, have the texts, tags, ids and masks of those
 * of JSON lines. */
static void test_arrow_rows__are_those_of_json(void **state)
{
    (void)state;
    attrib_corpus *got = must_open(source_path("tests/golden/arrow/chat-lz4.arrow"));
    attrib_corpus *want = must_open(source_path("tests/golden/arrow/chat-lz4.jsonl"));
    size_t n = attrib_corpus_summarize(want)->n_documents;
    assert_int_equal(n, 40);
    assert_int_equal(attrib_corpus_summarize(got)->n_documents, n);
    for (size_t i = 0; i < n; i++) {
        check_same(got, want, i);
    }
    attrib_corpus_close(got);
    attrib_corpus_close(want);
}

/* The rows of a data set that `datasets` saved are documents, and the files about it are
 * left out. */
static void test_arrow_rows__stand_in_saved_data_sets(void **state)
{
    (void)state;
    attrib_corpus *corpus = must_open(source_path("tests/golden/arrow/dataset"));
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    attrib_document document;
    assert_int_equal(summary.n_documents, 2);
    assert_int_equal(summary.n_about_files, 2);
    attrib_corpus_document(corpus, 1, &document);
    assert_string_equal(document.text, "another");
    assert_int_equal(document.n_tags, 1);
    assert_string_equal(document.tags[0].value, "2");
    attrib_corpus_close(corpus);
}

/* A stream and a file are told by their content where the name does not. */
static void test_arrow_rows__are_told_by_their_content(void **state)
{
    (void)state;
    static const char *const files[] = {"legacy", "batches"};
    static const size_t n_rows[] = {0, 5}; /* what begins without a mark is not told */
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        at_map map = {0};
        attrib_corpus *corpus = NULL;
        attrib_error err = {0};
        snprintf(path, sizeof path, "tests/golden/arrow/%s.arrow", files[i]);
        check_ok(at_map_open(source_path(path), &map, &err), &err);
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        write_file(path, map.bytes, map.n_bytes);
        at_map_close(&map);
        if (n_rows[i] == 0) {
            check_fails(open_path(path, NULL, &corpus, &err), ATTRIB_ENOTSUP, &err);
            continue;
        }
        check_ok(open_path(path, NULL, &corpus, &err), &err);
        assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, n_rows[i]);
        attrib_corpus_close(corpus);
    }
}

/* A row whose text is not UTF-8 is named, or left out alone. */
static void test_arrow_rows__leave_out_bad_rows(void **state)
{
    (void)state;
    char path[512];
    at_map map = {0};
    at_buffer copy = {0};
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    check_ok(at_map_open(source_path("tests/golden/arrow/dataset/"
                                     "data-00000-of-00001.arrow"),
                         &map, &err),
             &err);
    check_ok(at_buffer_append(&copy, map.bytes, map.n_bytes, &err), &err);
    char *text = memmem(copy.bytes, copy.n_bytes, "one text", 8);
    assert_non_null(text);
    text[2] = '\xff';
    snprintf(path, sizeof path, "%s/bad.arrow", folder);
    write_file(path, copy.bytes, copy.n_bytes);
    check_fails(open_path(path, &options, &corpus, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "bad.arrow:1: column \"text\": byte 2 of the text: not UTF-8");
    err = (attrib_error){0};
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    check_ok(open_path(path, &options, &corpus, &err), &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 1);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_skipped_rows, 1);
    attrib_corpus_close(corpus);
    at_buffer_free(&copy);
    at_map_close(&map);
}

/* Whether a document has a tag of this key. */
static bool has_tag(const attrib_corpus *corpus, size_t i, const char *key)
{
    attrib_document document;
    bool is_found = false;
    attrib_corpus_document(corpus, i, &document);
    for (size_t k = 0; k < document.n_tags; k++) {
        is_found = is_found || strcmp(document.tags[k].key, key) == 0;
    }
    return is_found;
}

/* Columns of binary are no tags, also where their bytes are text, unless an option names
 * one; and with --tag-fields no other column is read. */
static void test_arrow_rows__leave_out_binary(void **state)
{
    (void)state;
    const char *path = source_path("tests/golden/arrow/scalars.arrow");
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.text_field = "date32";
    check_ok(open_path(path, &options, &corpus, &err), &err);
    assert_true(has_tag(corpus, 0, "int8"));
    assert_false(has_tag(corpus, 0, "binary"));
    assert_false(has_tag(corpus, 0, "fixed_binary"));
    attrib_corpus_close(corpus);
    options.tag_fields = "binary";
    check_ok(open_path(path, &options, &corpus, &err), &err);
    assert_true(has_tag(corpus, 0, "binary"));
    assert_false(has_tag(corpus, 0, "int8"));
    attrib_corpus_close(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrow_rows__are_those_of_json),
        cmocka_unit_test(test_arrow_rows__stand_in_saved_data_sets),
        cmocka_unit_test(test_arrow_rows__are_told_by_their_content),
        cmocka_unit_test(test_arrow_rows__leave_out_bad_rows),
        cmocka_unit_test(test_arrow_rows__leave_out_binary),
    };
    return run_cases(tests, scratch_set_up, scratch_tear_down);
}
