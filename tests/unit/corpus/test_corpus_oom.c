/* SPDX-License-Identifier: MIT */
/* Every allocation of the corpus room fails in turn: the right status, nothing leaked
 * (under ASan), outputs untouched.
 * Allocations of jansson and libarchive are their own and are spared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "support/fake_tokenizer.h"
#include "make_archive.h"
#include "support/check.h"
#include "support/oom.h"

static const attrib_tokenizer both = {true, true, false};
static char folder[256];
static char path[300];

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    oom_n_left = SIZE_MAX;
    remove_folder(folder);
    return 0;
}

/* Run `work` with the k-th allocation failing, for every k until it succeeds. */
static void fail_each(attrib_status (*work)(attrib_error *err))
{
    for (size_t k = 0;; k++) {
        attrib_error err = {0};
        assert_true(k < 100000);
        oom_n_left = k;
        attrib_status status = work(&err);
        oom_n_left = SIZE_MAX;
        if (status == ATTRIB_OK) {
            assert_true(k > 10);
            return;
        }
        check_fails(status, ATTRIB_ENOMEM, &err);
        check_message(&err, "out of memory");
    }
}

static attrib_status open_corpus(attrib_error *err)
{
    const char *paths = path;
    attrib_corpus *corpus = NULL;
    attrib_status status =
        attrib_corpus_open(NULL, &(attrib_paths){&paths, 1}, &both, NULL, &corpus, err);
    assert_int_equal(status == ATTRIB_OK, corpus != NULL);
    attrib_corpus_close(corpus);
    return status;
}

static const char rows[] =
    "{\"id\": \"a\", \"text\": \"one\", \"kind\": \"x\"}\n"
    "{\"messages\": [{\"role\": \"user\", \"content\": \"u\"},"
    "{\"role\": \"assistant\", \"content\": \"a\"}]}\n"
    "{\"ids\": [1, 2, 3], \"mask\": [0, 0, 1], \"labels\": [-1, -1, 2]}\n"
    "{\"instruction\": \"i\", \"instances\": [{\"output\": \"x\"}, {\"output\": "
    "\"y\"}]}\n";

static void test_corpus_oom__archives(void **state)
{
    (void)state;
    const made_member members[] = {
        {"rows.jsonl", rows, 0}, {"skipped.png", "x", 0}, {"text.txt", "text", 0}};
    snprintf(path, sizeof path, "%s/rows.tar.gz", folder);
    make_archive(path, "pax", "gzip", NULL, members, 3);
    fail_each(open_corpus);
}

/* Files of tokens, records of a crawler, and rows of Arrow. */
static void test_corpus_oom__other_files(void **state)
{
    (void)state;
    static const char *const names[] = {"tokens/megatron-int32.bin", "tokens/rows.npy",
                                        "warc/small.warc.wet",
                                        "arrow/dataset/data-00000-of-00001.arrow"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[200];
        snprintf(name, sizeof name, "tests/golden/%s", names[i]);
        snprintf(path, sizeof path, "%s", source_path(name));
        fail_each(open_corpus);
    }
}

static void test_corpus_oom__folders(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/rows", folder);
    write_file(path, rows, sizeof rows - 1);
    snprintf(path, sizeof path, "%s/.hidden", folder);
    write_file(path, "x", 1);
    snprintf(path, sizeof path, "%s/z.txt", folder);
    write_file(path, "text", 4);
    snprintf(path, sizeof path, "%s/", folder);
    fail_each(open_corpus);
}

/* A sample by a tag, of which copies are left out, kept as a store that is opened. */
static attrib_status keep_store(attrib_error *err)
{
    static char store[320];
    const char *const where[] = {"line>=0"};
    const char *paths = path;
    const char *kept = store;
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.where = where;
    options.n_where = 1;
    options.sample = 4;
    options.sample_by = "kind";
    options.deduplicate = true;
    snprintf(store, sizeof store, "%s/a.store", folder);
    attrib_ingest_job job;
    attrib_ingest_job_default(&job);
    job.paths = &(attrib_paths){&paths, 1};
    job.tokenizer = &both;
    job.options = &options;
    attrib_status status = attrib_corpus_ingest(NULL, &job, store, NULL, err);
    options.sample = 2;
    options.sample_by = NULL;
    options.context = 8;
    if (status == ATTRIB_OK) {
        status = attrib_corpus_open(NULL, &(attrib_paths){&kept, 1}, &both, &options,
                                    &corpus, err);
    }
    assert_int_equal(status == ATTRIB_OK, corpus != NULL);
    attrib_corpus_close(corpus);
    return status;
}

static void test_corpus_oom__selections_and_stores(void **state)
{
    (void)state;
    static const char copies[] = "{\"text\": \"one\", \"kind\": \"x\"}\n"
                                 "{\"text\": \"two\", \"kind\": \"y\"}\n"
                                 "{\"text\": \"one\", \"kind\": \"x\", \"k\": 1}\n"
                                 "{\"text\": \"three\", \"kind\": \"x\"}\n"
                                 "{\"text\": \"four\"}\n";
    snprintf(path, sizeof path, "%s/copies.jsonl", folder);
    write_file(path, copies, sizeof copies - 1);
    fail_each(keep_store);
}

static attrib_status open_queries(attrib_error *err)
{
    const int32_t written[] = {1, 2};
    attrib_queries *queries = NULL;
    attrib_status status = attrib_queries_open(NULL, path, &both, NULL, &queries, err);
    assert_int_equal(status == ATTRIB_OK, queries != NULL);
    if (status == ATTRIB_OK) {
        status = attrib_queries_set_completion(
            queries, 1,
            &(attrib_completion){.size = sizeof(attrib_completion),
                                 .ids = written,
                                 .n_ids = 2,
                                 .text = "xy"},
            err);
    }
    attrib_queries_close(queries);
    return status;
}

static void test_corpus_oom__queries(void **state)
{
    (void)state;
    static const char text[] = "{\"id\": \"a\", \"prompt\": \"p\", \"completion\": "
                               "\"c\", \"tags\": {\"k\": 1}}\n"
                               "{\"prompt\": \"p\", \"kind\": 1}\n"
                               "{\"ids\": [1, 2, 3], \"mask\": [0, 0, 1]}\n";
    snprintf(path, sizeof path, "%s/q.jsonl", folder);
    write_file(path, text, sizeof text - 1);
    fail_each(open_queries);
}

static attrib_status take_rows(attrib_error *err)
{
    static const int32_t ids[] = {1, 2, 3};
    static const uint8_t mask[] = {0, 0, 1};
    static const attrib_tag tag = {"k", "[1, 2]"};
    const attrib_row given[] = {
        {.id = "a", .text = "one \"", .n_text_bytes = 5, .tags = &tag, .n_tags = 1},
        {.ids = ids, .mask = mask, .labels = ids, .n_tokens = 3},
        {.text = "\xFF", .n_text_bytes = 1},
    };
    attrib_corpus_options options;
    attrib_corpus *corpus = NULL;
    attrib_corpus_options_default(&options);
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    attrib_status status = attrib_corpus_from_rows(
        NULL, &(attrib_rows)ATTRIB_LIST(given, 3), &both, &options, &corpus, err);
    assert_int_equal(status == ATTRIB_OK, corpus != NULL);
    if (corpus) { /* what memory refuses is no bad row */
        assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 2);
    }
    attrib_corpus_close(corpus);
    return status;
}

static attrib_status take_queries(attrib_error *err)
{
    static const int32_t ids[] = {1, 2, 3};
    static const uint8_t mask[] = {0, 0, 1};
    static const attrib_tag tag = {"k", "1"};
    const attrib_query_row given[] = {
        {.prompt = "p", .completion = "c", .tags = &tag, .n_tags = 1},
        {.id = "b", .ids = ids, .mask = mask, .n_tokens = 3},
    };
    attrib_queries *queries = NULL;
    attrib_status status = attrib_queries_from_rows(
        &(attrib_query_rows)ATTRIB_LIST(given, 2), &both, NULL, &queries, err);
    assert_int_equal(status == ATTRIB_OK, queries != NULL);
    attrib_queries_close(queries);
    return status;
}

static void test_corpus_oom__given(void **state)
{
    (void)state;
    fail_each(take_rows);
    fail_each(take_queries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_corpus_oom__archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_corpus_oom__other_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_corpus_oom__folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_corpus_oom__queries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_corpus_oom__selections_and_stores, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_corpus_oom__given, set_up, tear_down),
    };
    return run_cases(tests, NULL, NULL);
}
