/* SPDX-License-Identifier: MIT */
/* Documents that are selected: by conditions, by length and by a sample, which neither
 * their order nor their files change. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "base/memory.h"
#include "corpus/tally.h"
#include "documents.h"
#include "make_archive.h"

#define N_ROWS 400

/* Row i: every fourth is of kind b. */
static void print_row(char out[160], size_t i)
{
    snprintf(out, 160, "{\"id\": \"d%03zu\", \"text\": \"text %zu\", \"kind\": \"%s\"}\n",
             i, i, i % 4 ? "a" : "b");
}

/* Rows [first, end), or from the last to the first; owned. */
static char *print_rows(size_t first, size_t end, bool is_reversed)
{
    at_buffer out = {0};
    for (size_t i = first; i < end; i++) {
        char row[160];
        print_row(row, is_reversed ? end - 1 - (i - first) : i);
        assert_int_equal(at_buffer_append(&out, row, strlen(row), NULL), ATTRIB_OK);
    }
    return out.bytes;
}

static void write_rows(const char *path, size_t first, size_t end, bool is_reversed)
{
    char *text = print_rows(first, end, is_reversed);
    write_text(path, text);
    free(text);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "d001 d005 ..." of all documents, sorted; freed by the caller. */
static char *sorted_ids(const attrib_corpus *corpus)
{
    const char *ids[N_ROWS];
    at_buffer out = {0};
    size_t n = attrib_corpus_summarize(corpus)->n_documents;
    for (size_t i = 0; i < n; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        ids[i] = document.id;
    }
    qsort(ids, n, sizeof *ids, compare_ids);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(at_buffer_print(&out, NULL, "%s ", ids[i]), ATTRIB_OK);
    }
    return out.bytes;
}

static attrib_corpus_options sample_of(size_t n, uint64_t seed)
{
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.sample = n;
    options.sample_seed = seed;
    return options;
}

static void check_ids(const char *path,
                      const attrib_corpus_options *options,
                      const char *want)
{
    attrib_corpus *corpus = must_open(path, options);
    char *got = sorted_ids(corpus);
    assert_string_equal(got, want);
    free(got);
    attrib_corpus_close(corpus);
}

static void test_select__samples_by_what_documents_are(void **state)
{
    (void)state;
    const attrib_corpus_options options = sample_of(30, 7);
    const attrib_corpus_options other = sample_of(30, 8);
    write_rows(at("rows.jsonl"), 0, N_ROWS, false);
    write_rows(at("back.jsonl"), 0, N_ROWS, true);
    char *first = print_rows(0, 150, true);
    char *second = print_rows(150, N_ROWS, false);
    const made_member members[] = {{"z/second.jsonl", second, 0},
                                   {"first.jsonl", first, 0}};
    make_archive(at("packed.tar.gz"), "pax", "gzip", NULL, members, 2);
    attrib_corpus *corpus = must_open(at("rows.jsonl"), &options);
    char *want = sorted_ids(corpus);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 30);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_unsampled_documents, N_ROWS - 30);
    assert_string_equal(attrib_corpus_selection(corpus), "sample of 30, seed 7");
    check_ids(at("back.jsonl"), &options, want);
    check_ids(at("packed.tar.gz"), &options, want);
    attrib_corpus *another = must_open(at("rows.jsonl"), &other);
    char *others = sorted_ids(another);
    assert_string_not_equal(others, want);
    free(others);
    free(want);
    free(first);
    free(second);
    attrib_corpus_close(another);
    attrib_corpus_close(corpus);
}

/* Batches of documents come by, most of which cannot be drawn any more. */
static void test_select__passes_over_what_cannot_be_drawn(void **state)
{
    (void)state;
    at_buffer forth = {0};
    at_buffer back = {0};
    char *texts[2];
    attrib_corpus_options options = sample_of(25, 2);
    options.unit = "line";
    for (size_t i = 0; i < 6000; i++) {
        assert_int_equal(at_buffer_print(&forth, NULL, "line %zu\n", i), ATTRIB_OK);
        assert_int_equal(at_buffer_print(&back, NULL, "line %zu\n", 5999 - i), ATTRIB_OK);
    }
    write_text(at("forth.txt"), forth.bytes);
    write_text(at("back.txt"), back.bytes);
    for (size_t k = 0; k < 2; k++) {
        const char *lines[25];
        at_buffer out = {0};
        attrib_corpus *corpus = must_open(at(k ? "back.txt" : "forth.txt"), &options);
        assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 25);
        assert_int_equal(attrib_corpus_summarize(corpus)->n_unsampled_documents, 5975);
        for (size_t i = 0; i < 25; i++) {
            attrib_document document;
            attrib_corpus_document(corpus, i, &document);
            lines[i] = document.text;
        }
        qsort(lines, 25, sizeof *lines, compare_ids);
        for (size_t i = 0; i < 25; i++) {
            assert_int_equal(at_buffer_print(&out, NULL, "%s|", lines[i]), ATTRIB_OK);
        }
        texts[k] = out.bytes;
        attrib_corpus_close(corpus);
    }
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
    at_buffer_free(&forth);
    at_buffer_free(&back);
}

/* A sample of a sample's documents and more is what it would be of all: the smallest keys
 * of a part are among those of the whole. */
static void test_select__smaller_samples_are_parts_of_larger_ones(void **state)
{
    (void)state;
    write_rows(at("rows.jsonl"), 0, N_ROWS, false);
    const attrib_corpus_options few = sample_of(10, 0);
    const attrib_corpus_options many = sample_of(100, 0);
    attrib_corpus *small = must_open(at("rows.jsonl"), &few);
    attrib_corpus *large = must_open(at("rows.jsonl"), &many);
    char *ids = sorted_ids(large);
    for (size_t i = 0; i < 10; i++) {
        attrib_document document;
        attrib_corpus_document(small, i, &document);
        assert_non_null(strstr(ids, document.id));
    }
    free(ids);
    attrib_corpus_close(small);
    attrib_corpus_close(large);
}

/* Rows of all kinds: long texts, masks, labels, pairs. */
static const char *const kinds[] = {
    "{\"id\": \"a\", \"text\": \"a text that is longer than a context of eight\"}\n",
    "{\"id\": \"b\", \"ids\": [1, 5, 6, 7], \"mask\": [0, 0, 1, 1], \"labels\": [-1, -1, "
    "9, 8], \"t\": [1, 2]}\n",
    "{\"id\": \"c\", \"prompt\": \"who\", \"chosen\": \" yes and no\", \"rejected\": \" "
    "no\"}\n",
    "{\"id\": \"d\", \"prompt\": \"one and two and\", \"completion\": \" three\"}\n",
    "{\"id\": \"e\", \"text\": \"\"}\n",
    "{\"id\": \"f\", \"chosen\": \"x\", \"rejected\": \"yy\", \"k\": \"v\"}\n"};

/* A sample is what a file of its rows would be, to the hash. */
static void test_select__a_sample_is_the_corpus_of_its_rows(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 5; n++) {
        at_buffer all = {0};
        at_buffer chosen = {0};
        attrib_corpus_options options = sample_of(n, 3);
        options.context = 8;
        options.preference = ATTRIB_PREFERENCE_MARGIN;
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(at_buffer_append(&all, kinds[i], strlen(kinds[i]), NULL), 0);
        }
        write_text(at("all.jsonl"), all.bytes);
        attrib_corpus *sample = must_open(at("all.jsonl"), &options);
        const attrib_corpus_summary *got = attrib_corpus_summarize(sample);
        assert_int_equal(got->n_documents, n);
        assert_int_equal(got->n_empty_documents, 1);
        for (size_t i = 0; i < n; i++) {
            attrib_document document;
            attrib_corpus_document(sample, i, &document);
            const char *row = kinds[document.id[0] - 'a'];
            assert_int_equal(document.line, document.id[0] - 'a' + 1);
            assert_int_equal(at_buffer_append(&chosen, row, strlen(row), NULL), 0);
        }
        options.sample = 0;
        options.sample_seed = 0;
        if (!got->n_pairs) {
            options.preference = ATTRIB_PREFERENCE_CHOSEN;
        }
        write_text(at("chosen.jsonl"), chosen.bytes);
        attrib_corpus *alone = must_open(at("chosen.jsonl"), &options);
        const attrib_corpus_summary *want = attrib_corpus_summarize(alone);
        assert_string_equal(attrib_corpus_hash(sample), attrib_corpus_hash(alone));
        assert_int_equal(got->n_tokens, want->n_tokens);
        assert_int_equal(got->n_predicted, want->n_predicted);
        assert_int_equal(got->n_sequences, want->n_sequences);
        assert_int_equal(got->n_split_documents, want->n_split_documents);
        assert_int_equal(got->n_pairs, want->n_pairs);
        attrib_corpus_close(alone);
        attrib_corpus_close(sample);
        at_buffer_free(&all);
        at_buffer_free(&chosen);
    }
}

/* Half of 2,000 rows are copies of one: a sample has about half of it too, and neither
 * all of it nor none. */
static void test_select__copies_are_drawn_one_by_one(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        at_buffer text = {0};
        size_t n = 0;
        for (size_t i = 0; i < 2000; i++) {
            assert_int_equal(i % 2 ? at_buffer_print(&text, NULL, "same\n")
                                   : at_buffer_print(&text, NULL, "other %zu\n", i),
                             ATTRIB_OK);
        }
        attrib_corpus_options options = sample_of(200, seed);
        options.unit = "line";
        write_text(at("lines.txt"), text.bytes);
        at_buffer_free(&text);
        attrib_corpus *corpus = must_open(at("lines.txt"), &options);
        for (size_t i = 0; i < 200; i++) {
            attrib_document document;
            attrib_corpus_document(corpus, i, &document);
            n += strcmp(document.text, "same") == 0;
        }
        assert_in_range(n, 70, 130); /* 100 +- 4 sqrt(200 / 4) */
        assert_int_equal(attrib_corpus_summarize(corpus)->n_duplicates, n - 1);
        attrib_corpus_close(corpus);
    }
}

static size_t count_kind(const attrib_corpus *corpus, const char *value)
{
    size_t n = 0;
    for (size_t i = 0; i < attrib_corpus_summarize(corpus)->n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        n += strcmp(document.tags[0].value, value) == 0;
    }
    return n;
}

static void test_select__values_of_a_tag_have_their_shares(void **state)
{
    (void)state;

    const struct {
        size_t n, n_of_b; /* a quarter of the rows is of kind b */
    } cases[] = {{40, 10}, {1, 0},     {2, 1},     {3, 1},
                 {6, 2},   {399, 100}, {400, 100}, {999, 100}};

    write_rows(at("rows.jsonl"), 0, N_ROWS, false);
    write_rows(at("back.jsonl"), 0, N_ROWS, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_corpus_options options = sample_of(cases[i].n, 5);
        options.sample_by = "kind";
        attrib_corpus *corpus = must_open(at("rows.jsonl"), &options);
        char *want = sorted_ids(corpus);
        size_t n = attrib_corpus_summarize(corpus)->n_documents;
        assert_int_equal(n, cases[i].n < N_ROWS ? cases[i].n : N_ROWS);
        if (cases[i].n != 2 && cases[i].n != 6) { /* halves may be rounded either way */
            assert_int_equal(count_kind(corpus, "\"b\""), cases[i].n_of_b);
        }
        check_ids(at("back.jsonl"), &options, want);
        free(want);
        attrib_corpus_close(corpus);
    }
}

static void test_select__leaves_out_and_counts(void **state)
{
    (void)state;
    const char *const where[] = {"kind=b", "id!=d004"};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    write_rows(at("rows.jsonl"), 0, N_ROWS, false);
    options.where = where;
    options.n_where = 2;
    options.max_tokens = 8; /* "text 16" with BOS and EOS has 9 tokens */
    attrib_corpus *corpus = must_open(at("rows.jsonl"), &options);
    check_ids(at("rows.jsonl"), &options, "d000 d008 ");
    const attrib_corpus_summary *summary = attrib_corpus_summarize(corpus);
    assert_int_equal(summary->n_unmet_documents, 301);
    assert_int_equal(summary->n_long_documents, 97);
    assert_string_equal(attrib_corpus_selection(corpus),
                        "where kind=b and id!=d004; at most 8 tokens");
    attrib_corpus_close(corpus);
    options.max_tokens = 0;
    options.sample = 7;
    corpus = must_open(at("rows.jsonl"), &options);
    summary = attrib_corpus_summarize(corpus);
    assert_int_equal(summary->n_documents, 7);
    assert_int_equal(count_kind(corpus, "\"b\""), 7);
    attrib_corpus_close(corpus);
}

static void check_wrong(const attrib_corpus_options *options, const char *message)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_fails(open_one(at("rows.jsonl"), options, &corpus, &err), ATTRIB_EINVAL, &err);
    check_message(&err, message);
    assert_null(corpus);
}

static void test_select__refuses_what_selects_nothing(void **state)
{
    (void)state;
    const char *const none[] = {"kind=c"};
    const char *const bad[] = {"kind"};
    write_rows(at("rows.jsonl"), 0, 20, false);
    attrib_corpus_options options = sample_of(0, 1);
    check_wrong(&options, "a seed of a sample, but no sample is drawn");
    options = sample_of(0, 0);
    options.sample_by = "kind";
    check_wrong(&options, "sample by \"kind\", but no sample is drawn");
    options = sample_of(3, 0);
    options.sample_by = "colour";
    check_wrong(&options, "sample by \"colour\": no document has this tag");
    options = sample_of(3, 0);
    options.max_documents = 5;
    check_wrong(&options, "they exclude each other");
    options = sample_of(0, 0);
    options.where = none;
    options.n_where = 1;
    check_wrong(&options, "none of the documents is selected by where kind=c (20 do not "
                          "meet a condition, 0 are longer)");
    options.where = bad;
    check_wrong(&options, "condition \"kind\"");
}

/* Parts that are cut by tokens are drawn each for itself. */
static void test_select__samples_parts_of_texts(void **state)
{
    (void)state;
    at_buffer text = {0};
    for (size_t i = 0; i < 500; i++) {
        assert_int_equal(at_buffer_print(&text, NULL, "w%03zu ", i), ATTRIB_OK);
    }
    write_text(at("flat.txt"), text.bytes);
    at_buffer_free(&text);
    attrib_corpus_options options = sample_of(20, 0);
    options.unit = "tokens:10";
    attrib_corpus *corpus = must_open(at("flat.txt"), &options);
    const attrib_corpus_summary *summary = attrib_corpus_summarize(corpus);
    assert_int_equal(summary->n_documents, 20);
    assert_true(summary->n_unsampled_documents > 200);
    attrib_corpus_close(corpus);
}

static void test_tally__finds_what_it_was_given(void **state)
{
    (void)state;
    at_tally tally = {0};
    uint32_t *n = NULL;
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 5000; i++) { /* many share their lowest bits */
            assert_int_equal(at_tally_at(&tally, i << 9, &n, NULL), ATTRIB_OK);
            assert_int_equal(*n, round);
            ++*n;
        }
    }
    assert_int_equal(tally.n, 5000);
    at_tally_free(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select__samples_by_what_documents_are),
        cmocka_unit_test(test_select__passes_over_what_cannot_be_drawn),
        cmocka_unit_test(test_select__smaller_samples_are_parts_of_larger_ones),
        cmocka_unit_test(test_select__a_sample_is_the_corpus_of_its_rows),
        cmocka_unit_test(test_select__copies_are_drawn_one_by_one),
        cmocka_unit_test(test_select__values_of_a_tag_have_their_shares),
        cmocka_unit_test(test_select__leaves_out_and_counts),
        cmocka_unit_test(test_select__refuses_what_selects_nothing),
        cmocka_unit_test(test_select__samples_parts_of_texts),
        cmocka_unit_test(test_tally__finds_what_it_was_given),
    };
    return run_cases(tests, make_folder, drop_folder);
}
