/* SPDX-License-Identifier: MIT */
/* Tokens and sequences of a corpus, and its failures, with a tokenizer known by heart. */
#include "support/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib/corpus.h"
#include "base/memory.h"
#include "documents.h"
#include "make_archive.h"

/* 1. Tokens and sequences */

/* For every length and context: offsets as promised, tokens as they were, each but the
 * first predicted once, masks and labels where they belong. */
static void test_corpus__predicts_every_token_once(void **state)
{
    (void)state;
    const char *path = at("tokens.jsonl");
    for (size_t length = 2; length < 40; length++) {
        at_buffer row = {0};
        assert_int_equal(at_buffer_print(&row, NULL, "{\"ids\": [0"), ATTRIB_OK);
        for (size_t t = 1; t < length; t++) {
            assert_int_equal(at_buffer_print(&row, NULL, ",%zu", 7 * t), ATTRIB_OK);
        }
        assert_int_equal(at_buffer_print(&row, NULL, "], \"labels\": [-1"), ATTRIB_OK);
        for (size_t t = 1; t < length; t++) {
            assert_int_equal(at_buffer_print(&row, NULL, ",%zu", 5 * t), ATTRIB_OK);
        }
        assert_int_equal(at_buffer_print(&row, NULL, "]}\n{\"ids\": [3, 4]}\n"),
                         ATTRIB_OK);
        write_text(path, row.bytes);
        at_buffer_free(&row);
        for (size_t context = 2; context < 42; context++) {
            attrib_corpus_options options;
            attrib_corpus_options_default(&options);
            options.context = context;
            attrib_corpus *corpus = must_open(path, &options);
            attrib_document document;
            size_t n_predicted[40] = {0};
            attrib_corpus_document(corpus, 0, &document);
            assert_int_equal(document.first_sequence, 0);
            assert_int_equal(document.n_tokens, length);
            for (size_t k = 0; k < document.n_sequences; k++) {
                attrib_sequence sequence;
                attrib_corpus_sequence(corpus, k, &sequence);
                assert_int_equal(sequence.document, 0);
                assert_int_equal(sequence.offset, k * (context - 1));
                assert_in_range(sequence.n_tokens, 2, context);
                assert_int_equal(sequence.mask[0], 0);
                for (size_t t = 0; t < sequence.n_tokens; t++) {
                    size_t where = sequence.offset + t;
                    assert_int_equal(sequence.ids[t], 7 * where);
                    n_predicted[where] += sequence.mask[t];
                    if (sequence.mask[t]) {
                        assert_int_equal(sequence.labels[t], 5 * where);
                    }
                }
            }
            for (size_t t = 0; t < length; t++) {
                assert_int_equal(n_predicted[t], t > 0);
            }
            attrib_sequence last;
            attrib_corpus_sequence(corpus, document.n_sequences, &last);
            assert_int_equal(last.document, 1);
            assert_int_equal(last.ids[1], 4);
            assert_null(last.labels);
            attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
            assert_int_equal(summary.n_split_documents, length > context);
            assert_int_equal(summary.n_predicted, length);
            assert_int_equal(summary.n_tokens, length + 2);
            attrib_corpus_close(corpus);
        }
    }
}

/* A response that was cut keeps its loss in each part, the prompt none. */
static void test_corpus__cuts_masks_with_their_tokens(void **state)
{
    (void)state;
    const char *path = at("long.jsonl");
    write_text(path, "{\"prompt\": \"abcd\", \"completion\": \"efgh\"}\n");
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 4;
    attrib_corpus *corpus = must_open(path, &options);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_sequences, 3);
    /* ^abcd[e][f][g][h][$] as ^abc, cd[e][f], f[g][h][$] */
    static const uint8_t want[3][4] = {{0, 0, 0, 0}, {0, 0, 1, 1}, {0, 1, 1, 1}};
    for (size_t k = 0; k < 3; k++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, k, &sequence);
        assert_int_equal(sequence.n_tokens, 4);
        assert_memory_equal(sequence.mask, want[k], 4);
    }
    attrib_corpus_close(corpus);
}

static void test_corpus__stops_at_max_documents(void **state)
{
    (void)state;
    const char *path = at("three.jsonl");
    write_text(path, "{\"id\":1,\"text\":\"\"}\n{\"id\":2,\"text\":\"a\"}\n"
                     "{\"id\":3,\"text\":\"b\"}\n{\"id\":4,\"text\":\"c\"}\nbroken\n");
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    for (size_t n = 1; n <= 3; n++) {
        options.max_documents = n;
        attrib_corpus *corpus = must_open(path, &options);
        assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, n);
        attrib_corpus_close(corpus);
    }
    check_refused(path, ATTRIB_EFORMAT, "three.jsonl:5: ");
}

/* Many rows, over many batches and any number of threads, are one corpus. */
static void test_corpus__is_the_same_for_any_threads(void **state)
{
    (void)state;
    const char *path = at("many.jsonl");
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    for (int i = 0; i < 5000; i++) {
        fprintf(stream,
                "{\"id\": \"d%d\", \"text\": \"text number %d: %d\", \"n\": %d}\n", i, i,
                i * i, i);
    }
    fclose(stream);
    char hash[40] = "";
    for (size_t n_threads = 1; n_threads <= 4; n_threads++) {
        attrib_session_options options;
        attrib_session_options_default(&options);
        options.n_threads = n_threads;
        attrib_session *session = NULL;
        attrib_corpus *corpus = NULL;
        attrib_error err = {0};
        check_ok(attrib_session_new(&options, &session, &err), &err);
        check_ok(attrib_corpus_open(session, &(attrib_paths){&path, 1}, &both, NULL,
                                    &corpus, &err),
                 &err);
        assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 5000);
        attrib_document document;
        attrib_corpus_document(corpus, 4321, &document);
        assert_string_equal(document.id, "d4321");
        assert_string_equal(document.tags[0].value, "4321");
        if (*hash) {
            assert_string_equal(attrib_corpus_hash(corpus), hash);
        }
        snprintf(hash, sizeof hash, "%s", attrib_corpus_hash(corpus));
        attrib_corpus_close(corpus);
        attrib_session_free(session);
    }
    assert_int_equal(strlen(hash), 32);
}

/* The hash tells ids, tokens, masks and labels apart, and nothing else. */
static void test_corpus__hashes_what_counts(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"id\":1,\"ids\":[1,2,3]}",
        "{\"id\":1,\"ids\":[1,2,3],\"mask\":[0,1,1],\"tag\":4}",
        "{\"id\":2,\"ids\":[1,2,3]}",
        "{\"id\":1,\"ids\":[1,2,4]}",
        "{\"id\":1,\"ids\":[1,2,3],\"mask\":[0,0,1]}",
        "{\"id\":1,\"ids\":[1,2,3],\"labels\":[-1,2,3]}",
        "{\"id\":1,\"ids\":[1,2]}\n{\"id\":1,\"ids\":[1,3]}"};
    char hashes[7][40];
    for (size_t i = 0; i < 7; i++) {
        write_text(at("hash.jsonl"), rows[i]);
        attrib_corpus *corpus = must_open(at("hash.jsonl"), NULL);
        snprintf(hashes[i], sizeof hashes[i], "%s", attrib_corpus_hash(corpus));
        attrib_corpus_close(corpus);
        for (size_t j = 0; j < i; j++) {
            bool is_same = strcmp(hashes[i], hashes[j]) == 0;
            assert_int_equal(is_same, i == 1 && j == 0);
        }
    }
}

/* 2. Failures */

static void test_corpus__says_what_went_wrong(void **state)
{
    (void)state;
    const made_member broken = {"in/rows.jsonl", "{\"text\":\"a\"}\n{\"b\":\n", 0};
    const made_member secret = {"secret.txt", "what nobody reads", 0};
    check_refused(at("missing.jsonl"), ATTRIB_EIO, "No such file or directory");
    write_text(at("bad.jsonl"), "{\"text\": \"a\"}\n{\"text\": \"\\ud800\"}\n");
    check_refused(at("bad.jsonl"), ATTRIB_EFORMAT, "bad.jsonl:2: ");
    write_text(at("other.jsonl"), "{\"question\": 1}\n");
    check_refused(at("other.jsonl"), ATTRIB_ESHAPE, "found \"question\"");
    write_text(at("table.csv"), "a,b\n");
    check_refused(at("table.csv"), ATTRIB_EINVAL, "no documents");
    {
        char packed[512];
        const made_member text = {"", "a text", 0};
        make_archive(at("once.gz"), "raw", "gzip", NULL, &text, 1);
        FILE *stream = fopen(at("once.gz"), "rb");
        assert_non_null(stream);
        const made_member once = {"", packed, fread(packed, 1, sizeof packed, stream)};
        fclose(stream);
        make_archive(at("twice.gz"), "raw", "gzip", NULL, &once, 1);
        check_refused(at("twice.gz"), ATTRIB_ENOTSUP, "compressed twice over");
    }
    write_text(at("table.xls"), "a,b\n");
    check_refused(at("table.xls"), ATTRIB_ENOTSUP, "no kind of file");
    write_file(at("noise.xyz"), "\0\1\2", 3);
    check_refused(at("noise.xyz"), ATTRIB_ENOTSUP,
                  "byte 0: not UTF-8 text, nor an archive");
    write_text(at("fake.tar.gz"), "no archive");
    check_refused(at("fake.tar.gz"), ATTRIB_EFORMAT, "Unrecognized archive format");
    make_archive(at("broken.tar"), "pax", "none", NULL, &broken, 1);
    check_refused(at("broken.tar"), ATTRIB_EFORMAT, "broken.tar:in/rows.jsonl:2: JSON");
    make_archive(at("secret.zip"), "zip", "none", "zip:encryption=traditional", &secret,
                 1);
    check_refused(at("secret.zip"), ATTRIB_ENOTSUP, "secret.zip:secret.txt: encrypted");
    write_file(at("wide.txt"), "\xff\xfeh\0i\0", 6);
    check_refused(at("wide.txt"), ATTRIB_EFORMAT, "UTF-16");
    if (geteuid() != 0) {
        write_text(at("locked.txt"), "x");
        assert_int_equal(chmod(at("locked.txt"), 0), 0);
        check_refused(at("locked.txt"), ATTRIB_EIO, "Permission denied");
    }
}

static void test_corpus__refuses_emptiness(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("nothing"), 0777), 0);
    check_refused(at("nothing"), ATTRIB_EINVAL, "no documents");
    write_text(at("empty.txt"), "");
    check_refused(at("empty.txt"), ATTRIB_EINVAL, "1 without text");
    write_text(at("empty.jsonl"), "\n");
    check_refused(at("empty.jsonl"), ATTRIB_EINVAL, "no documents");
    write_text(at("empty.tar"), "");
    check_refused(at("empty.tar"), ATTRIB_EFORMAT, "empty.tar");
}

static void test_corpus__refuses_options(void **state)
{
    (void)state;
    attrib_corpus_options options;
    attrib_corpus *corpus = NULL;
    const char *path = at("x.txt");
    write_text(path, "x");
    attrib_corpus_options_default(&options);
    assert_int_equal(options.context, 1024);
    for (size_t i = 0; i < 3; i++) {
        attrib_error err = {0};
        attrib_corpus_options_default(&options);
        options.context = i == 0 ? 1 : 16;
        options.text_field = i == 1 ? "" : "text";
        options.id_field = i == 2 ? NULL : "id";
        check_fails(open_one(path, &options, &corpus, &err), ATTRIB_EINVAL, &err);
    }
    attrib_error err = {0};
    options.id_field = "id";
    options.date = "2026-02-30"; /* told although no template asks for the day */
    check_fails(open_one(path, &options, &corpus, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "date \"2026-02-30\": there is no such day");
    err = (attrib_error){0};
    options.date = NULL;
    options.scratch_folder = "/nonexistent";
    check_fails(open_one(path, &options, &corpus, &err), ATTRIB_EIO, &err);
    check_message(&err, "/nonexistent/attrib-corpus-");
}

/* A scratch file that may not grow, as on a full disk, is named. */
static void test_corpus__names_a_full_disk(void **state)
{
    (void)state;
    const char *path = at("large.txt");
    const size_t n = 4 << 20;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'x', n);
    write_file(path, text, n);
    free(text);
    struct rlimit kept;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
    struct rlimit low = {1 << 20, kept.rlim_max};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    attrib_status status = open_one(path, NULL, &corpus, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
    signal(SIGXFSZ, handler);
    check_fails(status, ATTRIB_EIO, &err);
    check_message(&err, "scratch file ");
    check_message(&err, "writing: File too large");
}

static void test_corpus__stops_when_canceled(void **state)
{
    (void)state;
    attrib_session *session = NULL;
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    const char *path = at("x.txt");
    write_text(path, "x");
    check_ok(attrib_session_new(NULL, &session, &err), &err);
    attrib_session_cancel(session);
    check_fails(attrib_corpus_open(session, &(attrib_paths){&path, 1}, &both, NULL,
                                   &corpus, &err),
                ATTRIB_ECANCELED, &err);
    attrib_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus__predicts_every_token_once),
        cmocka_unit_test(test_corpus__cuts_masks_with_their_tokens),
        cmocka_unit_test(test_corpus__stops_at_max_documents),
        cmocka_unit_test(test_corpus__is_the_same_for_any_threads),
        cmocka_unit_test(test_corpus__hashes_what_counts),
        cmocka_unit_test(test_corpus__says_what_went_wrong),
        cmocka_unit_test(test_corpus__refuses_emptiness),
        cmocka_unit_test(test_corpus__refuses_options),
        cmocka_unit_test(test_corpus__names_a_full_disk),
        cmocka_unit_test(test_corpus__stops_when_canceled),
    };
    return run_cases(tests, make_folder, drop_folder);
}
