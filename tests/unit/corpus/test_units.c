/* SPDX-License-Identifier: MIT */
/* Files, folders, archives and parts of texts as documents, with a tokenizer known by
 * heart.
 */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "base/memory.h"
#include "documents.h"

static void check_units(const char *unit, const char *want)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options how;
    const char *path = at("units.txt");
    attrib_corpus_options_default(&how);
    how.unit = unit;
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, &how, &corpus, &err),
        &err);
    char *got = describe(corpus);
    assert_string_equal(got, want);
    free(got);
    attrib_corpus_close(corpus);
}

/* A text is cut into parts that know where they stand; rows are not. */
static void test_units__cuts_texts(void **state)
{
    (void)state;
    static const char text[] = "\n  one\ntwo \r\n \t\n\nthree<s>four<s>\n\nfive";
    write_text(at("units.txt"), text);
#define PART "units.txt#"
    check_units("line", PART "line1   one|" PART "line2 two|" PART
                             "line3 three<s>four<s>|" PART "line4 five|");
    check_units("paragraph", PART "paragraph1   one\ntwo|" PART
                                  "paragraph2 three<s>four<s>|" PART "paragraph3 five|");
    check_units("regex:<s>", PART "part1   one\ntwo \r\n \t\n\nthree|" PART
                                  "part2 four|" PART "part3 five|");
    check_units("regex:(?=t[wh])", PART "part1   one|" PART "part2 two|" PART
                                        "part3 three<s>four<s>\n\nfive|");
#undef PART
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options how;
    attrib_document document;
    const char *path = at("units.txt");
    attrib_corpus_options_default(&how);
    how.unit = "line";
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, &how, &corpus, &err),
        &err);
    attrib_corpus_document(corpus, 2, &document);
    assert_int_equal(document.line, 6);
    assert_memory_equal(text + document.span_start, "three<s>", 8);
    assert_int_equal(document.span_end - document.span_start, 15);
    attrib_corpus_close(corpus);
    how.unit = "tokens:1";
    attrib_error few = {0};
    check_fails(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, &how, &corpus, &few),
        ATTRIB_EINVAL, &few);
    how.unit = "lines";
    check_fails(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, &how, &corpus, &err),
        ATTRIB_EINVAL, &err);
    check_message(&err, "unit \"lines\" is not document, line, paragraph, tokens:N");
    how.unit = "regex:(";
    attrib_error again = {0};
    check_fails(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, &how, &corpus, &again),
        ATTRIB_ENOTSUP, &again);
}

/* Documents of so many tokens: every token stands in one, and so does every byte. */
static void test_units__cuts_tokens(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options how;
    const char *path = at("units.txt");
    attrib_corpus_options_default(&how);
    how.unit = "tokens:4";
    write_text(path, "abc: defgh");
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, &how, &corpus, &err),
        &err);
    char *got = describe(corpus);
    /* ^abc _def gh$ */
    assert_string_equal(got, "units.txt#tokens1 abc|units.txt#tokens2 : def|"
                             "units.txt#tokens3 gh|");
    free(got);
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_tokens, 11);
    assert_int_equal(summary.n_predicted, 8);
    size_t end = 0;
    for (size_t i = 0; i < 3; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        assert_int_equal(document.span_start, end);
        end = document.span_end;
    }
    assert_int_equal(end, 10);
    attrib_corpus_close(corpus);
}

/* Records of tables are rows: fields, tags and bad ones. */
static void test_units__reads_tables(void **state)
{
    (void)state;
    write_text(at("t.csv"), "id,question,answer,n\r\n7,\"a, \"\"b\"\"\",\"c\nd\",1\r\n"
                            "8,e,f\r\n");
    check_documents(at("t.csv"), "7 a, \"b\"c\nd|8 ef|");
    attrib_corpus *corpus = must_open(at("t.csv"), NULL);
    attrib_document document;
    attrib_corpus_document(corpus, 0, &document);
    assert_int_equal(document.line, 2);
    assert_int_equal(document.span_start, 22);
    assert_int_equal(document.span_end, 42);
    assert_int_equal(document.n_tags, 1);
    assert_string_equal(document.tags[0].value, "\"1\"");
    attrib_corpus_document(corpus, 1, &document);
    assert_int_equal(document.line, 4);
    assert_int_equal(document.n_tags, 0);
    attrib_corpus_close(corpus);
    write_text(at("t.tsv"), "text\tid\na \"b\" c\t1\n");
    check_documents(at("t.tsv"), "1 a \"b\" c|");
    write_text(at("ragged.csv"), "text,id\na,1,2\nb,2\n\xff,3\n");
    check_refused(at("ragged.csv"), ATTRIB_ESHAPE,
                  "ragged.csv:2: 3 cells, the header has 2");
    attrib_error err = {0};
    attrib_corpus_options how;
    const char *path = at("ragged.csv");
    attrib_corpus_options_default(&how);
    how.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, &how, &corpus, &err),
        &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_skipped_rows, 2);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 1);
    attrib_corpus_close(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units__cuts_texts),
        cmocka_unit_test(test_units__cuts_tokens),
        cmocka_unit_test(test_units__reads_tables),
    };
    return run_cases(tests, make_folder, drop_folder);
}
