/* SPDX-License-Identifier: MIT */
/* A corpus from a token store is the corpus of its sources; other tokenizers, other
 * options and damaged files are refused. */
#include "support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utime.h>

#include "attrib/corpus.h"
#include "base/file.h"
#include "corpus/originals.h"
#include "documents.h"

/* Rows of all kinds: a long text, masks, labels, pairs, lists of tags, no text. */
static const char rows[] =
    "{\"id\": \"a\", \"text\": \"a text that is longer than a context of eight\"}\n"
    "{\"id\": \"b\", \"ids\": [1, 5, 6, 7], \"mask\": [0, 0, 1, 1], \"labels\": [-1, -1, "
    "9, 8], \"t\": [1, 2]}\n"
    "{\"id\": \"c\", \"prompt\": \"who\", \"chosen\": \" yes and no, or so\", "
    "\"rejected\": \" no\"}\n"
    "{\"id\": \"d\", \"prompt\": \"one and two\", \"completion\": \" three\", \"k\": 1}\n"
    "{\"text\": \"\"}\n"
    "{\"instruction\": \"say\", \"instances\": [{\"input\": \"\", \"output\": \"x\"}, "
    "{\"input\": \"\", \"output\": \"y\"}]}\n"
    "{\"text\": \"a text that is longer than a context of eight\"}\n";

static attrib_corpus_options small(void)
{
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 8;
    options.preference = ATTRIB_PREFERENCE_MARGIN;
    return options;
}

static attrib_status ingest(const char *path,
                            const attrib_corpus_options *options,
                            const char *store,
                            attrib_error *err)
{
    attrib_ingest_job job;
    attrib_ingest_job_default(&job);
    job.paths = &(attrib_paths){&path, 1};
    job.tokenizer = &both;
    job.options = options;
    return attrib_corpus_ingest(NULL, &job, store, NULL, err);
}

static void must_ingest(const char *path,
                        const attrib_corpus_options *options,
                        const char *store)
{
    attrib_error err = {0};
    check_ok(ingest(path, options, store, &err), &err);
}

static void check_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a) {
        assert_string_equal(a, b);
    }
}

static void check_same_document(const attrib_corpus *a, const attrib_corpus *b, size_t i)
{
    attrib_document x;
    attrib_document y;
    attrib_corpus_document(a, i, &x);
    attrib_corpus_document(b, i, &y);
    check_text(x.id, y.id);
    check_text(x.source, y.source);
    check_text(x.member, y.member);
    check_text(x.text, y.text);
    assert_string_equal(x.hash, y.hash);
    assert_int_equal(x.n_text_bytes, y.n_text_bytes);
    assert_int_equal(x.line, y.line);
    assert_int_equal(x.span_start, y.span_start);
    assert_int_equal(x.span_end, y.span_end);
    assert_int_equal(x.rejected_token, y.rejected_token);
    assert_int_equal(x.rejected_byte, y.rejected_byte);
    assert_int_equal(x.n_tags, y.n_tags);
    for (size_t k = 0; k < x.n_tags; k++) {
        assert_string_equal(x.tags[k].key, y.tags[k].key);
        assert_string_equal(x.tags[k].value, y.tags[k].value);
    }
}

static void check_same_sequence(const attrib_corpus *a, const attrib_corpus *b, size_t i)
{
    attrib_sequence x;
    attrib_sequence y;
    attrib_corpus_sequence(a, i, &x);
    attrib_corpus_sequence(b, i, &y);
    assert_int_equal(x.document, y.document);
    assert_int_equal(x.offset, y.offset);
    assert_int_equal(x.n_tokens, y.n_tokens);
    assert_int_equal(x.is_subtracted, y.is_subtracted);
    assert_memory_equal(x.ids, y.ids, x.n_tokens * sizeof *x.ids);
    assert_memory_equal(x.mask, y.mask, x.n_tokens);
    assert_int_equal(x.labels == NULL, y.labels == NULL);
    if (x.labels) {
        assert_memory_equal(x.labels, y.labels, x.n_tokens * sizeof *x.labels);
    }
}

static void check_same(const char *path,
                       const char *store,
                       const attrib_corpus_options *options)
{
    attrib_corpus *a = must_open(path, options);
    attrib_corpus *b = must_open(store, options);
    const attrib_corpus_summary *summary = attrib_corpus_summarize(a);
    assert_memory_equal(summary, attrib_corpus_summarize(b), sizeof *summary);
    assert_string_equal(attrib_corpus_hash(a), attrib_corpus_hash(b));
    assert_string_equal(attrib_corpus_date(a), attrib_corpus_date(b));
    assert_string_equal(attrib_corpus_selection(a), attrib_corpus_selection(b));
    for (size_t i = 0; i < summary->n_documents; i++) {
        check_same_document(a, b, i);
    }
    for (size_t i = 0; i < summary->n_sequences; i++) {
        check_same_sequence(a, b, i);
    }
    for (size_t i = 0; i < AT_N_FIELDS; i++) {
        check_text(at_corpus_fields(a)->names[i], at_corpus_fields(b)->names[i]);
    }
    attrib_corpus_forget(b);
    check_same_document(a, b, 0);
    attrib_corpus_close(a);
    attrib_corpus_close(b);
}

static void test_store__is_the_corpus_of_its_sources(void **state)
{
    (void)state;
    attrib_corpus_options options = small();
    options.tag_fields = "k,t";
    write_text(at("rows.jsonl"), rows);
    must_ingest(at("rows.jsonl"), &options, at("rows.store"));
    check_same(at("rows.jsonl"), at("rows.store"), &options);
}

/* What is selected of a store, or cut anew, is what would be of its sources. */
static void test_store__is_narrowed_as_its_sources_are(void **state)
{
    (void)state;
    const char *const where[] = {"k!=1"};
    attrib_corpus_options options = small();
    write_text(at("rows.jsonl"), rows);
    must_ingest(at("rows.jsonl"), &options, at("rows.store"));
    options.context = 5;
    check_same(at("rows.jsonl"), at("rows.store"), &options);
    for (options.sample = 1; options.sample <= 8; options.sample++) {
        check_same(at("rows.jsonl"), at("rows.store"), &options);
    }
    options.sample = 0;
    options.deduplicate = true;
    check_same(at("rows.jsonl"), at("rows.store"), &options);
    options.where = where;
    options.n_where = 1;
    options.max_tokens = 30;
    check_same(at("rows.jsonl"), at("rows.store"), &options);
    options = small();
    options.context = 5;
    options.max_documents = 3;
    attrib_corpus *corpus = must_open(at("rows.store"), &options);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 3);
    attrib_corpus_close(corpus);
}

/* A store of a selection says so, and what is selected of it is added. */
static void test_store__of_a_selection_says_it(void **state)
{
    (void)state;
    const char *const where[] = {"k=1"};
    attrib_corpus_options options = small();
    write_text(at("rows.jsonl"), rows);
    options.max_tokens = 40;
    must_ingest(at("rows.jsonl"), &options, at("rows.store"));
    options.max_tokens = 0;
    options.where = where;
    options.n_where = 1;
    attrib_corpus *corpus = must_open(at("rows.store"), &options);
    assert_string_equal(attrib_corpus_selection(corpus), "at most 40 tokens; where k=1");
    attrib_corpus_close(corpus);
}

static void check_wrong(const char *path,
                        const attrib_corpus_options *options,
                        attrib_status expected,
                        const char *message)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_fails(open_one(path, options, &corpus, &err), expected, &err);
    check_message(&err, message);
    assert_null(corpus);
}

static void test_store__is_bound_to_how_it_was_made(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    const attrib_tokenizer other = {true, false, false};
    attrib_corpus_options options = small();
    write_text(at("rows.jsonl"), rows);
    options.tag_fields = "k";
    must_ingest(at("rows.jsonl"), &options, at("rows.store"));
    const char *store = at("rows.store");
    check_fails(attrib_corpus_open(NULL, &(attrib_paths){&store, 1}, &other, &options,
                                   &corpus, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "a store that another tokenizer made");
    options.tag_fields = "t";
    check_wrong(at("rows.store"), &options, ATTRIB_EINVAL,
                "made with tag-fields k, not t");
    options = small();
    options.text_field = "story";
    check_wrong(at("rows.store"), &options, ATTRIB_EINVAL,
                "made with the default text-field, not story");
    options = small();
    options.append_eos = false;
    check_wrong(at("rows.store"), &options, ATTRIB_EINVAL,
                "made with the default append-eos, not false");
    options = small(); /* what is not given is the store's */
    options.preference = ATTRIB_PREFERENCE_CHOSEN;
    corpus = must_open(at("rows.store"), &options);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_pairs, 1);
    attrib_corpus_close(corpus);
    options.n_vocabulary = 20;
    check_wrong(at("rows.store"), &options, ATTRIB_EFORMAT, "outside the vocabulary");
    err = (attrib_error){0};
    check_fails(ingest(at("rows.store"), NULL, at("again.store"), &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "a token store already");
    const char *two[] = {at("rows.jsonl"), at("rows.store")};
    err = (attrib_error){0};
    check_fails(
        attrib_corpus_open(NULL, &(attrib_paths){two, 2}, &both, NULL, &corpus, &err),
        ATTRIB_EINVAL, &err);
    check_message(&err, "a token store, which is a whole corpus");
}

static bool is_current(const char *store)
{
    attrib_error err = {0};
    bool is = false;
    check_ok(attrib_store_is_current(store, &is, &err), &err);
    return is;
}

static void test_store__notices_changed_sources(void **state)
{
    (void)state;
    mkdir(at("data"), 0777);
    write_text(at("data/a.txt"), "one");
    write_text(at("data/b.txt"), "two");
    must_ingest(at("data"), NULL, at("data.store"));
    assert_true(is_current(at("data.store")));
    const struct utimbuf old = {1000, 1000};
    assert_int_equal(utime(at("data/a.txt"), &old), 0);
    assert_true(is_current(at("data.store"))); /* the same bytes at another time */
    write_text(at("data/a.txt"), "six");
    assert_false(is_current(at("data.store")));
    write_text(at("data/a.txt"), "one");
    assert_true(is_current(at("data.store")));
    write_text(at("data/c.txt"), "three");
    assert_false(is_current(at("data.store")));
    remove(at("data/c.txt"));
    assert_true(is_current(at("data.store")));
    struct stat before;
    assert_int_equal(stat(at("data/b.txt"), &before), 0);
    write_text(at("data/b.txt"), "two more"); /* other bytes, of the same time */
    const struct timespec times[2] = {before.st_mtim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, at("data/b.txt"), times, 0), 0);
    assert_false(is_current(at("data.store")));
    remove(at("data/b.txt"));
    assert_false(is_current(at("data.store")));
    attrib_corpus *corpus = must_open(at("data.store"), NULL); /* has all it needs */
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 2);
    attrib_corpus_close(corpus);
}

/* Every byte but those between the arrays is sealed: a file in which one is another is
 * refused, and so is one that is cut. */
static void test_store__refuses_damage(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer bytes = {0};
    attrib_corpus_options options = small();
    size_t n_refused = 0;
    write_text(at("rows.jsonl"), rows);
    must_ingest(at("rows.jsonl"), &options, at("rows.store"));
    check_ok(at_read_file(at("rows.store"), 1 << 20, &bytes, &err), &err);
    for (size_t i = 8; i < bytes.n_bytes; i += 97) {
        attrib_corpus *corpus = NULL;
        err = (attrib_error){0};
        bytes.bytes[i] ^= 1;
        write_file(at("bad.store"), bytes.bytes, bytes.n_bytes);
        bytes.bytes[i] ^= 1;
        if (open_one(at("bad.store"), &options, &corpus, &err) == ATTRIB_OK) {
            check_same(at("rows.store"), at("bad.store"), &options);
            attrib_corpus_close(corpus);
        } else {
            assert_int_equal(err.status, ATTRIB_EFORMAT);
            n_refused++;
        }
    }
    assert_true(n_refused > 20);
    for (size_t n = 8; n < bytes.n_bytes; n += 501) {
        write_file(at("cut.store"), bytes.bytes, n);
        check_wrong(at("cut.store"), &options, ATTRIB_EFORMAT, "token store");
    }
    at_buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store__is_the_corpus_of_its_sources),
        cmocka_unit_test(test_store__is_narrowed_as_its_sources_are),
        cmocka_unit_test(test_store__of_a_selection_says_it),
        cmocka_unit_test(test_store__is_bound_to_how_it_was_made),
        cmocka_unit_test(test_store__notices_changed_sources),
        cmocka_unit_test(test_store__refuses_damage),
    };
    return run_cases(tests, make_folder, drop_folder);
}
