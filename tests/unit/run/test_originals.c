/* SPDX-License-Identifier: MIT */
/* Documents read again from plain, compressed and archived sources: the bytes that were
 * scored, or why they cannot be had. */
#include "support/check.h"
#include "support/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/corpus/make_archive.h"
#include "run/run.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};

static const char *at(const char *name)
{
    static char paths[8][512];
    static size_t i;
    i = (i + 1) % 8;
    snprintf(paths[i], sizeof paths[i], "%s/%s", folder, name);
    return paths[i];
}

static void write_text(const char *name, const char *text)
{
    write_file(at(name), text, strlen(text));
}

/* A run in memory, as far as its documents go, of one path. */
typedef struct fixture {
    attrib_corpus *corpus;
    attrib_run run;
} fixture;

static fixture open_path(const char *path, attrib_corpus_options *how)
{
    attrib_error err = {0};
    fixture f = {0};
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, how, &f.corpus, &err),
        &err);
    f.run.corpus = f.corpus;
    f.run.info.n_documents = attrib_corpus_summarize(f.corpus)->n_documents;
    check_ok(at_fields_copy(at_corpus_fields(f.corpus), &f.run.fields, &err), &err);
    return f;
}

static void close_fixture(fixture *f)
{
    at_fields_free(&f->run.fields);
    attrib_corpus_close(f->corpus);
}

/* What came, "document bytes|", sorted as it came; or the reason. */
static attrib_status note(void *context,
                          size_t i,
                          const char *bytes,
                          size_t n_bytes,
                          const attrib_error *why,
                          attrib_error *err)
{
    const char *said = why ? strstr(why->message, folder) : NULL;
    return why ? at_buffer_print(context, err, "%zu !%s|", i,
                                 said ? said + strlen(folder) + 1 : why->message)
               : at_buffer_print(context, err, "%zu %.*s|", i, (int)n_bytes, bytes);
}

/* All documents read again, last first asked for. */
static void check_all(fixture *f, const char *want)
{
    attrib_error err = {0};
    at_buffer got = {0};
    size_t n = f->run.info.n_documents;
    size_t documents[16];
    assert_true(n <= 16);
    for (size_t i = 0; i < n; i++) {
        documents[i] = n - 1 - i;
    }
    check_ok(attrib_run_originals(NULL, &f->run, documents, n,
                                  (attrib_original_sink){note, &got}, &err),
             &err);
    assert_string_equal(got.bytes, want);
    at_buffer_free(&got);
}

#define ROWS                                                                             \
    "{\"text\": \"one\", \"k\": 1}\n\n  {\"prompt\": \"a\", \"completion\": \"b\"}\n"    \
    "{\"ids\": [1, 5, 6]}"
#define ROWS_AGAIN                                                                       \
    "0 {\"text\": \"one\", \"k\": 1}|1   {\"prompt\": \"a\", \"completion\": \"b\"}|"    \
    "2 {\"ids\": [1, 5, 6]}|"
#define TABLE "text,k\n\"one, two\",1\nthree,2\n"
#define TABLE_AGAIN                                                                      \
    "0 {\"text\":\"one, two\",\"k\":\"1\"}|1 {\"text\":\"three\",\"k\":\"2\"}|"

static void check_path(const char *path, const char *want)
{
    fixture f = open_path(path, NULL);
    check_all(&f, want);
    close_fixture(&f);
}

static void test_originals__of_plain_files(void **state)
{
    (void)state;
    write_text("a.jsonl", ROWS);
    check_path(at("a.jsonl"), ROWS_AGAIN);
    write_text("a.csv", TABLE);
    check_path(at("a.csv"), TABLE_AGAIN);
    write_text("rows", ROWS); /* what it is, its content says */
    check_path(at("rows"), ROWS_AGAIN);
    write_text("a.json", "[{\"text\": \"one\"},\n {\"text\": \"two\"}]");
    check_path(at("a.json"), "0 {\"text\": \"one\"}|1 {\"text\": \"two\"}|");
}

/* Parts of unknown places stand for their whole text, as where a token has no piece. */
static void test_originals__of_parts(void **state)
{
    (void)state;

    const struct {
        const char *unit, *text, *want;
    } cases[] = {
        {"line", "one.two\nthree", "0 one.two|1 three|"},
        {"paragraph", "one.two\nthree", "0 one.two\nthree|"},
        {"regex:[.]", "one.two\nthree", "0 one|1 two\nthree|"},
        {"tokens:5", "one.two three", "0 one.|1 two t|2 hree|"},
        {"tokens:5", "one.t\nthree", "1 one.t\nthree|2 one.t\nthree|0 one.|"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_corpus_options how;
        const made_member member = {"a.txt", cases[i].text, 0};
        attrib_corpus_options_default(&how);
        how.unit = cases[i].unit;
        write_text("a.txt", cases[i].text);
        make_archive(at("a.txt.gz"), "raw", "gzip", NULL, &member, 1);
        make_archive(at("a.zip"), "zip", "none", NULL, &member, 1);
        for (size_t k = 0; k < 3; k++) {
            const char *const names[] = {"a.txt", "a.txt.gz", "a.zip"};
            fixture f = open_path(at(names[k]), &how);
            check_all(&f, cases[i].want);
            close_fixture(&f);
        }
    }
}

static void test_originals__of_compressed_files_and_archives(void **state)
{
    (void)state;
    const made_member members[] = {
        {"in/b.jsonl", ROWS, 0}, {"in/a.csv", TABLE, 0}, {"c.txt", "four", 0}};
    make_archive(at("a.jsonl.gz"), "raw", "gzip", NULL, &members[0], 1);
    check_path(at("a.jsonl.gz"), ROWS_AGAIN);
    make_archive(at("a.csv.xz"), "raw", "xz", NULL, &members[1], 1);
    check_path(at("a.csv.xz"), TABLE_AGAIN);
    make_archive(at("a.tar.zst"), "ustar", "zstd", NULL, members, 3);
    check_path(at("a.tar.zst"), ROWS_AGAIN "5 four|3 {\"text\":\"one, two\",\"k\":\"1\"}|"
                                           "4 {\"text\":\"three\",\"k\":\"2\"}|");
}

/* Which columns of a table make its rows depends on the fields that were named. */
static void test_originals__are_read_by_the_same_fields(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus_options how;
    at_buffer got = {0};
    const size_t first = 0;
    attrib_corpus_options_default(&how);
    how.tag_fields = "u8";
    fixture f = open_path(source_path("tests/golden/parquet/scalars.parquet"), &how);
    check_ok(attrib_run_originals(NULL, &f.run, &first, 1,
                                  (attrib_original_sink){note, &got}, &err),
             &err);
    assert_string_equal(got.bytes,
                        "0 {\"u8\":255,\"text\":\"\xC3\xA9\\\"\\\\\\n\\u0001\"}|");
    at_buffer_free(&got);
    close_fixture(&f);
}

static void test_originals__that_changed_are_refused(void **state)
{
    (void)state;
    write_text("a.jsonl", ROWS);
    fixture f = open_path(at("a.jsonl"), NULL);
    write_text("a.jsonl", "{\"text\": \"One\", \"k\": 1}\n\n  {\"prompt\": \"a\", "
                          "\"completion\": \"b\"}\n");
    check_all(&f, "1   {\"prompt\": \"a\", \"completion\": \"b\"}|"
                  "0 !a.jsonl:1: changed since it was scored|"
                  "2 !a.jsonl:4: changed since it was scored|");
    assert_int_equal(unlink(at("a.jsonl")), 0);
    check_all(&f, "0 !a.jsonl: no such file|1 !a.jsonl: no such file|"
                  "2 !a.jsonl: no such file|");
    close_fixture(&f);

    const made_member members[] = {{"b.jsonl", ROWS, 0}, {"c.txt", "four", 0}};
    const made_member others[] = {{"b.jsonl", "{\"text\": \"o\"}\n", 0}};
    make_archive(at("a.tar.gz"), "ustar", "gzip", NULL, members, 2);
    fixture archived = open_path(at("a.tar.gz"), NULL);
    make_archive(at("a.tar.gz"), "ustar", "gzip", NULL, others, 1);
    check_all(&archived, "0 !a.tar.gz:b.jsonl:1: changed since it was scored|"
                         "1 !a.tar.gz:b.jsonl:3: changed since it was scored|"
                         "2 !a.tar.gz:b.jsonl:4: changed since it was scored|"
                         "3 !a.tar.gz:c.txt: changed since it was scored|");
    cut_file(at("a.tar.gz"), 40);
    attrib_error err = {0};
    at_buffer got = {0};
    const size_t last = 3;
    check_ok(attrib_run_originals(NULL, &archived.run, &last, 1,
                                  (attrib_original_sink){note, &got}, &err),
             &err);
    assert_non_null(strstr(got.bytes, "3 !a.tar.gz"));
    at_buffer_free(&got);
    close_fixture(&archived);
}

static void test_originals__of_memory_are_not_at_hand(void **state)
{
    (void)state;
    attrib_error err = {0};
    const attrib_row row = {.id = "a", .text = "one", .n_text_bytes = 3};
    const attrib_rows rows = ATTRIB_LIST(&row, 1);
    fixture f = {0};
    check_ok(attrib_corpus_from_rows(NULL, &rows, &both, NULL, &f.corpus, &err), &err);
    f.run.corpus = f.corpus;
    f.run.info.n_documents = 1;
    check_all(&f, "0 !rows: read from memory, which cannot be read again|");
    close_fixture(&f);
}

/* Reads of spans that fail: n_failing of them after n_passing that do not. */
static size_t n_passing, n_failing;
static int failure;

ssize_t __real_pread(int descriptor, void *bytes, size_t n, off_t at);
ssize_t __wrap_pread(int descriptor, void *bytes, size_t n, off_t at);

ssize_t __wrap_pread(int descriptor, void *bytes, size_t n, off_t at)
{
    if (n_failing == 0 || n_passing > 0) {
        n_passing -= n_passing > 0;
        return __real_pread(descriptor, bytes, n, at);
    }
    n_failing--;
    errno = failure;
    return -1;
}

/* A read that fails is tried again, or what is left is found by the pass that costs more,
 * as it stands: they come in the same order. */
static void test_originals__of_reads_that_fail(void **state)
{
    (void)state;
    const int failures[] = {EINTR, EIO};
    write_text("a.jsonl", ROWS);
    fixture f = open_path(at("a.jsonl"), NULL);
    for (size_t i = 0; i < 6; i++) {
        failure = failures[i % 2];
        n_passing = i / 2;
        n_failing = 1;
        check_all(&f, ROWS_AGAIN);
        assert_int_equal(n_failing, 0);
    }
    close_fixture(&f);
}

/* What cannot be read did not change. */
static void test_originals__that_cannot_be_read_say_so(void **state)
{
    (void)state;
    const char *why = strerror(EIO);
    char want[128];
    write_text("a.jsonl", ROWS);
    fixture f = open_path(at("a.jsonl"), NULL);
    write_text("a.jsonl", "{\"text\": \"two\", \"k\": 1}\n");
    snprintf(want, sizeof want, "0 !a.jsonl: %s|1 !a.jsonl: %s|2 !a.jsonl: %s|", why, why,
             why);
    failure = EIO;
    n_passing = 0;
    n_failing = 1;
    check_all(&f, want);
    failure = EINTR; /* and is read after all */
    n_failing = 1;
    check_all(&f, "0 !a.jsonl:1: changed since it was scored|1 !a.jsonl:3: changed since "
                  "it was scored|2 !a.jsonl:4: changed since it was scored|");
    close_fixture(&f);
}

/* What the caller refuses ends the reading, wherever the bytes came from. */
static attrib_status refuse(void *context,
                            size_t i,
                            const char *bytes,
                            size_t n_bytes,
                            const attrib_error *why,
                            attrib_error *err)
{
    size_t *n = context;
    (void)bytes;
    (void)n_bytes;
    (void)why;
    ++*n;
    return at_fail(err, ATTRIB_EINVAL, "no more than document %zu", i);
}

static void test_originals__end_where_they_are_refused(void **state)
{
    (void)state;
    const char *const names[] = {"a.jsonl", "a.jsonl.gz", "a.csv", "gone.jsonl"};
    const made_member member = {"a", ROWS, 0};
    write_text("a.jsonl", ROWS);
    write_text("gone.jsonl", ROWS);
    write_text("a.csv", TABLE);
    make_archive(at("a.jsonl.gz"), "raw", "gzip", NULL, &member, 1);
    for (size_t i = 0; i < 4; i++) {
        attrib_error err = {0};
        size_t n = 0;
        const size_t both_of[] = {0, 1};
        fixture f = open_path(at(names[i]), NULL);
        if (i == 3) {
            assert_int_equal(unlink(at("gone.jsonl")), 0);
        }
        check_fails(attrib_run_originals(NULL, &f.run, both_of, 2,
                                         (attrib_original_sink){refuse, &n}, &err),
                    ATTRIB_EINVAL, &err);
        check_message(&err, "no more than document 0");
        assert_int_equal(n, 1);
        close_fixture(&f);
    }
}

static void check_text(fixture *f, size_t i, const char *want)
{
    attrib_error err = {0};
    char *text = NULL;
    size_t n = 0;
    check_ok(attrib_run_text(&f->run, i, &text, &n, &err), &err);
    assert_string_equal(text, want);
    assert_int_equal(n, strlen(want));
    free(text);
}

/* The text of a row is what its corpus had, where no template wrote it. */
static void test_originals__say_their_text(void **state)
{
    (void)state;
    write_text("a.jsonl",
               "{\"text\": \"t\\u00e4\", \"k\": 1}\n{\"prompt\": \"a\", \"completion\": "
               "\"b\"}\n{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, "
               "{\"role\": \"assistant\", \"content\": \"ho\"}]}\n{\"instruction\": "
               "\"say\", \"instances\": [{\"input\": \"a\", \"output\": \"b\"}, "
               "{\"input\": \"c\", \"output\": \"d\"}]}\n{\"ids\": [1, 5, 6]}\n");
    fixture f = open_path(at("a.jsonl"), NULL);
    assert_int_equal(f.run.info.n_documents, 6);
    for (size_t i = 0; i < 5; i++) {
        attrib_document document;
        attrib_corpus_document(f.corpus, i, &document);
        check_text(&f, i, document.text);
    }
    attrib_error err = {0};
    char *text = NULL;
    size_t n = 0;
    check_fails(attrib_run_text(&f.run, 5, &text, &n, &err), ATTRIB_ENOTSUP, &err);
    check_message(&err, "a.jsonl:5: tokens, which have no text");
    check_fails(attrib_run_text(&f.run, 6, &text, &n, &err), ATTRIB_ERANGE, NULL);
    close_fixture(&f);
}

#define with_folder(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_folder(test_originals__of_plain_files),
        with_folder(test_originals__of_parts),
        with_folder(test_originals__of_compressed_files_and_archives),
        with_folder(test_originals__are_read_by_the_same_fields),
        with_folder(test_originals__that_changed_are_refused),
        with_folder(test_originals__of_memory_are_not_at_hand),
        with_folder(test_originals__of_reads_that_fail),
        with_folder(test_originals__that_cannot_be_read_say_so),
        with_folder(test_originals__end_where_they_are_refused),
        with_folder(test_originals__say_their_text),
    };
    return run_cases(tests, NULL, NULL);
}
