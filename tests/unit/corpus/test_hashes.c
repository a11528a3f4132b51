/* SPDX-License-Identifier: MIT */
/* The hash of a document is that of the bytes that it was read from: those of its span,
 * or, where a row of a table stands for none, of the row as JSON. */
#include "support/check.h"

#include <stdio.h>
#include <string.h>

#include "attrib/corpus.h"
#include "base/file.h"
#include "documents.h"
#include "make_archive.h"

static void check_hash(const attrib_document *document, const char *bytes, size_t n)
{
    char want[AT_HASH_SIZE];
    at_hash_bytes(bytes, n, want);
    assert_string_equal(document->hash, want);
}

/* Every document's hash is that of its span in `text`, the whole file or member. */
static void check_spans(const char *path, const char *unit, const char *text, size_t n)
{
    attrib_corpus_options how;
    attrib_corpus_options_default(&how);
    how.unit = unit;
    attrib_corpus *corpus = must_open(path, &how);
    size_t last = 0;
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, n);
    for (size_t i = 0; i < n; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        assert_true(document.span_end > document.span_start);
        assert_true(document.span_start >= last);
        last = document.span_end;
        check_hash(&document, text + document.span_start,
                   document.span_end - document.span_start);
    }
    attrib_corpus_close(corpus);
}

static void test_hashes__are_of_the_span(void **state)
{
    (void)state;
    const char *text = "\xEF\xBB\xBFone two\r\n\nthree four\nfive six seven\n";
    const char *flat = "one two three four five six seven";
    const char *rows = "{\"text\": \"one\", \"k\": 1}\n\n  {\"prompt\": \"a\", "
                       "\"completion\": \"b\"}\r\n{\"text\": \"two\"}";
    const char *array = "[{\"text\": \"one\"},\n {\"text\": \"two\"}]";
    write_text(at("a.txt"), text);
    check_spans(at("a.txt"), NULL, text, 1);
    check_spans(at("a.txt"), "line", text, 3);
    check_spans(at("a.txt"), "paragraph", text, 2);
    check_spans(at("a.txt"), "regex:o", text, 3);
    write_text(at("b.txt"), flat);
    check_spans(at("b.txt"), "tokens:7", flat, 5);
    write_text(at("a.jsonl"), rows);
    check_spans(at("a.jsonl"), NULL, rows, 3);
    write_text(at("a.json"), array);
    check_spans(at("a.json"), NULL, array, 2);
    const made_member member = {"in/a.txt", text, 0};
    make_archive(at("a.tar.gz"), "ustar", "gzip", NULL, &member, 1);
    check_spans(at("a.tar.gz"), "line", text, 3);
}

/* Two documents of one row have its hash; a comma more in a row changes it. */
static void test_hashes__of_one_row_are_the_same(void **state)
{
    (void)state;
    const char *row = "{\"instruction\": \"say\", \"instances\": [{\"input\": \"a\", "
                      "\"output\": \"b\"}, {\"input\": \"c\", \"output\": \"d\"}]}";
    write_text(at("rows.jsonl"), row);
    attrib_corpus *corpus = must_open(at("rows.jsonl"), NULL);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 2);
    for (size_t i = 0; i < 2; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        check_hash(&document, row, strlen(row));
    }
    attrib_corpus_close(corpus);
}

static void test_hashes__of_rows_of_tables_are_of_their_json(void **state)
{
    (void)state;
    const char *const rows[] = {"{\"text\":\"one, two\",\"k\":\"1\"}",
                                "{\"text\":\"three\",\"k\":\"2\"}"};
    write_text(at("rows.csv"), "text,k\n\"one, two\",1\nthree,2\n");
    attrib_corpus *corpus = must_open(at("rows.csv"), NULL);
    for (size_t i = 0; i < 2; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        check_hash(&document, rows[i], strlen(rows[i]));
    }
    attrib_corpus_close(corpus);
}

static void test_hashes__count_predicted_tokens(void **state)
{
    (void)state;
    write_text(at("rows.jsonl"), "{\"text\": \"four\"}\n"
                                 "{\"prompt\": \"one\", \"completion\": \"ab\"}\n"
                                 "{\"ids\": [1, 5, 6, 7], \"mask\": [0, 0, 1, 1]}\n");
    attrib_corpus *corpus = must_open(at("rows.jsonl"), NULL);
    const size_t want[] = {5, 3, 2}; /* the texts with the EOS that ends them */
    for (size_t i = 0; i < 3; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        assert_int_equal(document.n_predicted, want[i]);
    }
    attrib_corpus_close(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes__are_of_the_span),
        cmocka_unit_test(test_hashes__of_one_row_are_the_same),
        cmocka_unit_test(test_hashes__of_rows_of_tables_are_of_their_json),
        cmocka_unit_test(test_hashes__count_predicted_tokens),
    };
    return run_cases(tests, make_folder, drop_folder);
}
