/* SPDX-License-Identifier: MIT */
/* Documents with the same tokens are counted, and one of each stays where that is asked
 * for. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "base/memory.h"
#include "documents.h"

static const char rows[] =
    "{\"id\": \"a\", \"text\": \"one\"}\n"
    "{\"id\": \"b\", \"text\": \"two\", \"k\": 1}\n"
    "{\"id\": \"c\", \"text\": \"one\", \"k\": 2}\n"
    "{\"id\": \"d\", \"prompt\": \"on\", \"completion\": \"e\"}\n" /* another mask */
    "{\"id\": \"e\", \"text\": \"one\"}\n"
    "{\"id\": \"f\", \"text\": \"two\"}\n"
    "{\"id\": \"g\", \"text\": \"three\"}\n";

static attrib_corpus_options once(void)
{
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.deduplicate = true;
    return options;
}

static void test_copies__are_counted(void **state)
{
    (void)state;
    write_text(at("rows.jsonl"), rows);
    attrib_corpus *corpus = must_open(at("rows.jsonl"), NULL);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 7);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_duplicates, 3);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_copies, 0);
    attrib_corpus_close(corpus);
}

static void check_tags(const attrib_corpus *corpus, size_t i, const char *want)
{
    at_buffer got = {0};
    attrib_document document;
    attrib_corpus_document(corpus, i, &document);
    assert_int_equal(at_buffer_print(&got, NULL, "%s:", document.id), ATTRIB_OK);
    for (size_t k = 0; k < document.n_tags; k++) {
        assert_int_equal(at_buffer_print(&got, NULL, " %s=%s", document.tags[k].key,
                                         document.tags[k].value),
                         ATTRIB_OK);
    }
    assert_string_equal(got.bytes, want);
    at_buffer_free(&got);
}

static void test_copies__leave_the_first(void **state)
{
    (void)state;
    const attrib_corpus_options options = once();
    write_text(at("rows.jsonl"), rows);
    write_text(at("firsts.jsonl"), "{\"id\": \"a\", \"text\": \"one\"}\n"
                                   "{\"id\": \"b\", \"text\": \"two\", \"k\": 1}\n"
                                   "{\"id\": \"d\", \"prompt\": \"on\", "
                                   "\"completion\": \"e\"}\n"
                                   "{\"id\": \"g\", \"text\": \"three\"}\n");
    attrib_corpus *corpus = must_open(at("rows.jsonl"), &options);
    attrib_corpus *firsts = must_open(at("firsts.jsonl"), NULL);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 4);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_copies, 3);
    check_tags(corpus, 0, "a: n_copies=2 copies=[\"c\",\"e\"]");
    check_tags(corpus, 1, "b: k=1 n_copies=1 copies=[\"f\"]");
    check_tags(corpus, 2, "d:");
    check_tags(corpus, 3, "g:");
    assert_string_equal(attrib_corpus_hash(corpus), attrib_corpus_hash(firsts));
    assert_string_equal(attrib_corpus_selection(corpus), "one of each copy");
    attrib_corpus_close(firsts);
    attrib_corpus_close(corpus);
}

/* The whole is kept where nothing is copied. */
static void test_copies__none_change_nothing(void **state)
{
    (void)state;
    const attrib_corpus_options options = once();
    write_text(at("rows.jsonl"), "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
    attrib_corpus *corpus = must_open(at("rows.jsonl"), &options);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 2);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_duplicates, 0);
    attrib_corpus_close(corpus);
}

/* Many copies of a few, so that all bytes of a hash are gone through. */
static void test_copies__of_many_documents(void **state)
{
    (void)state;
    at_buffer text = {0};
    attrib_corpus_options options = once();
    options.unit = "line";
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(at_buffer_print(&text, NULL, "line %zu\n", i * i % 1000),
                         ATTRIB_OK);
    }
    write_text(at("lines.txt"), text.bytes);
    at_buffer_free(&text);
    attrib_corpus *corpus = must_open(at("lines.txt"), &options);
    const attrib_corpus_summary *summary = attrib_corpus_summarize(corpus);
    assert_int_equal(summary->n_documents, 159); /* squares modulo 1000 */
    assert_int_equal(summary->n_copies, 3000 - 159);
    for (size_t i = 0; i < summary->n_documents; i++) { /* the first of each stays */
        attrib_document document;
        char want[24];
        attrib_corpus_document(corpus, i, &document);
        snprintf(want, sizeof want, "line %zu",
                 (document.line - 1) * (document.line - 1) % 1000);
        assert_string_equal(document.text, want);
        assert_true(document.line <= 501);
    }
    attrib_corpus_close(corpus);
}

/* Only so many are named as a list of tags has. */
static void test_copies__are_named_up_to_64(void **state)
{
    (void)state;
    at_buffer text = {0};
    attrib_corpus_options options = once();
    options.unit = "line";
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(at_buffer_print(&text, NULL, "same\n"), ATTRIB_OK);
    }
    write_text(at("lines.txt"), text.bytes);
    at_buffer_free(&text);
    attrib_corpus *corpus = must_open(at("lines.txt"), &options);
    attrib_document document;
    size_t n_commas = 0;
    attrib_corpus_document(corpus, 0, &document);
    assert_string_equal(document.tags[0].key, "n_copies");
    assert_string_equal(document.tags[0].value, "99");
    for (const char *c = document.tags[1].value; *c; c++) {
        n_commas += *c == ',';
    }
    assert_int_equal(n_commas, 63);
    attrib_corpus_close(corpus);
}

static void test_copies__refuse_tags_of_their_names(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    const attrib_corpus_options options = once();
    write_text(at("rows.jsonl"), "{\"id\": \"x\", \"text\": \"one\", \"copies\": 4}\n"
                                 "{\"text\": \"one\"}\n");
    check_fails(open_one(at("rows.jsonl"), &options, &corpus, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "document x has a tag \"copies\"");
    assert_null(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies__are_counted),
        cmocka_unit_test(test_copies__leave_the_first),
        cmocka_unit_test(test_copies__none_change_nothing),
        cmocka_unit_test(test_copies__of_many_documents),
        cmocka_unit_test(test_copies__are_named_up_to_64),
        cmocka_unit_test(test_copies__refuse_tags_of_their_names),
    };
    return run_cases(tests, make_folder, drop_folder);
}
