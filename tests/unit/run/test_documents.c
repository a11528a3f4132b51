/* SPDX-License-Identifier: MIT */
/* What a run keeps of every document: the same as its corpus has, but for the text, and
 * refused where its record is not one. */
#include "support/check.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "run/run.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};
/* 1. Kept and read */

/* More than two slices, with more keys than are looked back for; every third document is
 * of one file, and every fifth came as ids. */
#define N_DOCUMENTS 1100
#define N_KEYS      70

static void write_row(FILE *stream, size_t i)
{
    fprintf(stream, "{\"id\": \"d%zu\", \"tags\": {", i);
    for (size_t k = 0; k < (i == 600 ? N_KEYS : i % 4); k++) {
        fprintf(stream, "%s\"k%zu\": \"v%zu\"", k ? ", " : "", k, i);
    }
    fprintf(stream, i % 5 ? "}, \"text\": \"text %zu\"}\n" : "}, \"ids\": [1, %zu]}\n",
            i + 3);
}

static attrib_corpus *make_corpus(void)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    const char *path = folder;
    for (size_t f = 0; f < 3; f++) {
        char name[300];
        snprintf(name, sizeof name, "%s/%zu.jsonl", folder, f);
        FILE *stream = fopen(name, "w");
        assert_non_null(stream);
        for (size_t i = f; i < N_DOCUMENTS; i += 3) {
            write_row(stream, i);
        }
        assert_int_equal(fclose(stream), 0);
    }
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, NULL, &corpus, &err),
        &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, N_DOCUMENTS);
    return corpus;
}

/* A finished run of one query, whose scores are all 0. */
static void write_run(const attrib_corpus *corpus)
{
    attrib_error err = {0};
    const int32_t ids[] = {1, 2};
    const uint8_t mask[] = {0, 1};
    attrib_answer answer = {.query = {.id = "1", .ids = ids, .mask = mask, .n_tokens = 2},
                            .loss = 1};
    attrib_run run = {.info = {.n_queries = 1,
                               .n_documents = N_DOCUMENTS,
                               .n_answers = 1,
                               .model_hash = "",
                               .corpus_hash = "",
                               .factors_hash = "",
                               .command = "",
                               .folder = folder},
                      .answers = &answer,
                      .n_tile = 1};
    attrib_score_options_default(&run.options);
    at_hash_bytes("run", 3, run.identity);
    for (size_t i = 0; i < at_n_slices(N_DOCUMENTS); i++) {
        at_slice slice = {0};
        check_ok(at_slice_new(&run, corpus, 0, i, &slice, &err), &err);
        check_ok(at_slice_write(&run, &slice, &err), &err);
        at_slice_free(&slice);
    }
    check_ok(at_answers_write(&run, &err), &err);
    check_ok(at_run_manifest_write(&run, &err), &err);
}

static void check_same_text(const char *got, const char *want)
{
    assert_int_equal(got != NULL, want != NULL);
    if (want) {
        assert_string_equal(got, want);
    }
}

static void check_same(const attrib_document *got, const attrib_document *want)
{
    assert_int_equal(got->index, want->index);
    check_same_text(got->id, want->id);
    check_same_text(got->source, want->source);
    check_same_text(got->member, want->member);
    assert_int_equal(got->line, want->line);
    assert_int_equal(got->span_start, want->span_start);
    assert_int_equal(got->span_end, want->span_end);
    assert_int_equal(got->n_tokens, want->n_tokens);
    assert_int_equal(got->n_predicted, want->n_predicted);
    assert_int_equal(got->rejected_token, want->rejected_token);
    assert_int_equal(got->rejected_byte, want->rejected_byte);
    assert_int_equal(got->n_text_bytes, want->n_text_bytes);
    assert_string_equal(got->hash, want->hash);
    assert_null(got->text);
    assert_int_equal(got->n_tags, want->n_tags);
    for (size_t t = 0; t < want->n_tags; t++) {
        check_same_text(got->tags[t].key, want->tags[t].key);
        check_same_text(got->tags[t].value, want->tags[t].value);
    }
}

static void test_documents__are_those_of_the_corpus(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *corpus = make_corpus();
    attrib_run *run = NULL;
    attrib_document got;
    write_run(corpus);
    check_ok(attrib_run_open(folder, &run, &err), &err);
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        attrib_document want;
        size_t k = (i * 509) % N_DOCUMENTS; /* slices in turn */
        attrib_corpus_document(corpus, k, &want);
        check_ok(attrib_run_document(run, k, &got, &err), &err);
        check_same(&got, &want);
    }
    check_fails(attrib_run_document(run, N_DOCUMENTS, &got, &err), ATTRIB_ERANGE, &err);
    check_message(&err, "document 1100 of 1100");
    attrib_run_close(run);
    attrib_corpus_close(corpus);
}

static void test_documents__a_source_stands_once_a_slice(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *corpus = make_corpus();
    at_buffer bytes = {0};
    at_record record = {0};
    check_ok(at_documents_write(corpus, 0, 180, &bytes, &err), &err);
    check_ok(at_record_parse("slice", &bytes, &record, &err), &err);
    const msgpack_object *names = at_record_find(&record.map, "names");
    assert_int_equal(names->via.array.size, 1 + 3); /* one file, and three keys */
    at_record_free(&record);
    attrib_corpus_close(corpus);
}

/* 2. Refused */

/* A record with this map is refused for a slice of one document. */
static void check_refused(const char *bytes, size_t n, const char *message)
{
    attrib_error err = {0};
    at_record record = {0};
    at_documents documents = {0};
    at_buffer sealed = {0};
    msgpack_sbuffer map;
    msgpack_sbuffer_init(&map);
    msgpack_sbuffer_write(&map, bytes, n);
    check_ok(at_record_seal(&map, &sealed, &err), &err);
    check_ok(at_record_parse("slice", &sealed, &record, &err), &err);
    check_fails(at_documents_read(&record, 0, 1, &documents, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "slice: ");
    check_message(&err, message);
    assert_null(documents.items);
    msgpack_sbuffer_destroy(&map);
    at_record_free(&record);
}

/* A record of one document, whose members are msgpack in the order of documents.c; its
 * names are "s" and "k". */
typedef struct members {
    const char *text[13];
    size_t n[13];
} members;

#define MEMBER(bytes) bytes, sizeof(bytes) - 1

static members sound(void)
{
    static const char hash[] = "\xC4\x10"
                               "0123456789abcdef";
    members m = {0};
    const char *const small[] = {"\xA1\x61", "\x00", "\xC0", "\x01", "\x02", "\x03",
                                 "\x04",     "\x03", "\x01", "\x01", "\x05"};
    for (size_t i = 0; i < 11; i++) {
        m.text[i] = small[i];
        m.n[i] = i ? 1 : 2;
    }
    m.text[11] = hash;
    m.n[11] = 18;
    m.text[12] = "\x92\x01\xA1"
                 "v";
    m.n[12] = 4;
    return m;
}

static size_t build(const members *m, char *out)
{
    static const char head[] = "\x82\xA5names\x92\xA1s\xA1k\xA9"
                               "documents\x91\x9D";
    size_t n = sizeof head - 1;
    memcpy(out, head, n);
    for (size_t i = 0; i < 13; i++) {
        memcpy(out + n, m->text[i], m->n[i]);
        n += m->n[i];
    }
    return n;
}

static void test_documents__a_record_of_others_is_refused(void **state)
{
    (void)state;

    const struct {
        size_t member;
        const char *bytes;
        size_t n;
        const char *message;
    } cases[] = {
        {0, MEMBER("\x01"), "expected a text"},
        {0,
         MEMBER("\xA2"
                "a\0"),
         "expected a text without NUL"},
        {1, MEMBER("\x02"), "name 2 of 2"},
        {1, MEMBER("\xC0"), "expected a size"},
        {2, MEMBER("\xCD\xFF\xFF"), "name 65535 of 2"},
        {3, MEMBER("\xFF"), "expected a size"},
        {4, MEMBER("\x04"), "document 0: bytes 4 to 3"},
        {7, MEMBER("\x05"), "5 of 4 tokens predicted"},
        {8, MEMBER("\x05"), "a rejected side at token 5"},
        {9, MEMBER("\x06"), "byte 6 of 5"},
        {10, MEMBER("\xCB\x3F\xF0\0\0\0\0\0\0"), "expected a size"},
        {11, MEMBER("\xC4\x01x"), "expected a hash of 16 bytes"},
        {11, MEMBER("\xA1x"), "expected a hash of 16 bytes"},
        {12, MEMBER("\x91\x01"), "expected tags in pairs"},
        {12, MEMBER("\x92\x02\xA1x"), "name 2 of 2"},
        {12, MEMBER("\x92\x01\x01"), "expected a text"},
        {12, MEMBER("\xC0"), "expected tags in pairs"},
    };

    char bytes[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        members m = sound();
        m.text[cases[i].member] = cases[i].bytes;
        m.n[cases[i].member] = cases[i].n;
        check_refused(bytes, build(&m, bytes), cases[i].message);
    }
    check_refused(MEMBER("\x81\xA5names\x90"), "key \"documents\", expected an array");
    check_refused(MEMBER("\x81\xA9"
                         "documents\x91\xC0"),
                  "key \"names\", expected an array");
    check_refused(MEMBER("\x82\xA5names\x90\xA9"
                         "documents\x90"),
                  "0 documents, expected 1");
    check_refused(MEMBER("\x82\xA5names\x90\xA9"
                         "documents\x92\xC0\xC0"),
                  "2 documents, expected 1");
    check_refused(MEMBER("\x82\xA5names\x90\xA9"
                         "documents\x91\xC0"),
                  "expected an array of 13");
    check_refused(MEMBER("\x82\xA5names\x90\xA9"
                         "documents\x91\x90"),
                  "expected an array of 13");
}

static void test_documents__a_sound_record_is_read(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_record record = {0};
    at_documents documents = {0};
    at_buffer sealed = {0};
    msgpack_sbuffer map;
    char bytes[200];
    members m = sound();
    msgpack_sbuffer_init(&map);
    msgpack_sbuffer_write(&map, bytes, build(&m, bytes));
    check_ok(at_record_seal(&map, &sealed, &err), &err);
    check_ok(at_record_parse("slice", &sealed, &record, &err), &err);
    check_ok(at_documents_read(&record, 7, 1, &documents, &err), &err);
    assert_int_equal(documents.items[0].index, 7);
    assert_string_equal(documents.items[0].id, "a");
    assert_string_equal(documents.items[0].source, "s");
    assert_string_equal(documents.items[0].hash, "30313233343536373839616263646566");
    assert_string_equal(documents.items[0].tags[0].key, "k");
    at_documents_free(&documents);
    at_record_free(&record);
    msgpack_sbuffer_destroy(&map);
}

#define with_folder(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_folder(test_documents__are_those_of_the_corpus),
        with_folder(test_documents__a_source_stands_once_a_slice),
        cmocka_unit_test(test_documents__a_record_of_others_is_refused),
        cmocka_unit_test(test_documents__a_sound_record_is_read),
    };
    return run_cases(tests, NULL, NULL);
}
