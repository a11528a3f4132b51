/* SPDX-License-Identifier: MIT */
/* Records of crawlers. The files of tests/golden/warc and what they hold are warcio's
 * (scripts/make-warc-fixtures). */
#include "support/check.h"
#include "support/scratch.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "base/file.h"
#include "corpus/reader.h"
#include "format/json.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};

static attrib_status open_path(const char *path,
                               const attrib_corpus_options *options,
                               attrib_corpus **out,
                               attrib_error *err)
{
    return attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, options, out, err);
}

/* 1. Files as warcio writes them */

static const char *tag_of(const attrib_document *document, const char *key)
{
    for (size_t i = 0; i < document->n_tags; i++) {
        if (strcmp(document->tags[i].key, key) == 0) {
            return document->tags[i].value;
        }
    }
    return NULL;
}

static void check_tag(const attrib_document *document,
                      const json_t *want,
                      const char *key)
{
    const char *value = json_string_value(json_object_get(want, key));
    char quoted[256];
    snprintf(quoted, sizeof quoted, "\"%s\"", value ? value : "");
    assert_int_equal(tag_of(document, key) != NULL, value != NULL);
    if (value) {
        assert_string_equal(tag_of(document, key), quoted);
    }
}

static void check_document(const attrib_corpus *corpus, size_t i, const json_t *want)
{
    attrib_document document;
    attrib_corpus_document(corpus, i, &document);
    assert_string_equal(document.text, json_string_value(json_object_get(want, "text")));
    assert_string_equal(document.id, json_string_value(json_object_get(want, "id")));
    assert_int_equal(document.line, json_integer_value(json_object_get(want, "line")));
    check_tag(&document, want, "WARC-Target-URI");
    check_tag(&document, want, "WARC-Date");
    check_tag(&document, want, "WARC-Identified-Content-Language");
}

/* Texts, ids, dates and languages, and counts of what holds none; the members of gzip,
 * one for each record, are read to the last. */
static void test_warc__holds_what_crawlers_stored(void **state)
{
    (void)state;
    json_t *expected = NULL;
    attrib_error err = {0};
    check_ok(at_json_read(source_path("tests/golden/warc/expected.json"), 1 << 20,
                          &expected, &err),
             &err);
    assert_int_equal(json_object_size(expected), 3);
    for (void *it = json_object_iter(expected); it;
         it = json_object_iter_next(expected, it)) {
        char path[1024];
        attrib_corpus *corpus = NULL;
        const json_t *want = json_object_iter_value(it);
        const json_t *documents = json_object_get(want, "documents");
        snprintf(path, sizeof path, "%s/%s", source_path("tests/golden/warc"),
                 json_object_iter_key(it));
        check_ok(open_path(path, NULL, &corpus, &err), &err);
        attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
        assert_int_equal(summary.n_documents, json_array_size(documents));
        assert_int_equal(summary.n_html_records,
                         json_integer_value(json_object_get(want, "n_html")));
        assert_int_equal(summary.n_other_records,
                         json_integer_value(json_object_get(want, "n_other")));
        for (size_t i = 0; i < summary.n_documents; i++) {
            check_document(corpus, i, json_array_get(documents, i));
        }
        attrib_corpus_close(corpus);
    }
    json_decref(expected);
}

/* A record's span is the whole record. */
static void test_warc__spans_are_records(void **state)
{
    (void)state;
    char path[1024];
    at_map map = {0};
    attrib_corpus *corpus = NULL;
    attrib_document document;
    attrib_error err = {0};
    snprintf(path, sizeof path, "%s", source_path("tests/golden/warc/small.warc.wet"));
    check_ok(open_path(path, NULL, &corpus, &err), &err);
    check_ok(at_map_open(path, &map, &err), &err);
    attrib_corpus_document(corpus, 0, &document);
    assert_memory_equal(map.bytes + document.span_start, "WARC/1.0\r\n", 10);
    assert_memory_equal(map.bytes + document.span_end - 13, "Zwei Zeilen.\n", 13);
    attrib_corpus_close(corpus);
    at_map_close(&map);
}

/* Content tells such a file where its name does not. */
static void test_warc__is_told_by_its_content(void **state)
{
    (void)state;
    char path[1024];
    at_map map = {0};
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    check_ok(at_map_open(source_path("tests/golden/warc/crawl.warc.gz"), &map, &err),
             &err);
    snprintf(path, sizeof path, "%s/crawl", folder);
    write_file(path, map.bytes, map.n_bytes);
    check_ok(open_path(path, NULL, &corpus, &err), &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 5);
    attrib_corpus_close(corpus);
    at_map_close(&map);
}

/* 2. Faults */

/* Texts that cannot be read end the work, or are left out one by one. */
static void test_warc__leaves_out_bad_texts(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "bad.warc:2: byte 2 of its text: not UTF-8",
        "bad.warc:3: byte 1 of its text: a NUL byte",
        "bad.warc:4: a body in the content encoding \\\"br\\\", which is not read",
        "bad.warc:5: a chunked body that is cut",
        "bad.warc:6: a body that is not gzip, as its head says",
    };

    char path[1024];
    char list[512];
    at_buffer text = {0};
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    snprintf(path, sizeof path, "%s", source_path("tests/golden/warc/bad.warc"));
    check_fails(open_path(path, &options, &corpus, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, messages[0]);
    err = (attrib_error){0};
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    check_ok(open_path(path, &options, &corpus, &err), &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 2);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_skipped_rows, 5);
    snprintf(list, sizeof list, "%s/skipped", folder);
    check_ok(attrib_corpus_write_skipped(corpus, list, &err), &err);
    check_ok(at_read_file(list, 1 << 20, &text, &err), &err);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        if (!strstr(text.bytes, strchr(messages[i], ' ') + 1)) {
            fail_msg("\"%s\" is not in\n%s", messages[i], text.bytes);
        }
    }
    at_buffer_free(&text);
    attrib_corpus_close(corpus);
}

/* Bytes in memory, a few at a time. */
typedef struct memory {
    const char *bytes;
    size_t n, step;
} memory;

static attrib_status read_memory(
    void *context, char *buffer, size_t capacity, size_t *n, attrib_error *err)
{
    memory *m = context;
    (void)err;
    *n = at_smaller(at_smaller(m->step, capacity), m->n);
    memcpy(buffer, m->bytes, *n);
    m->bytes += *n;
    m->n -= *n;
    return ATTRIB_OK;
}

static attrib_status put(void *context, const at_passage *passage, attrib_error *err)
{
    at_buffer *out = context;
    return at_buffer_print(out, err, "%zu@%zu+%zu:%.*s|", passage->line, passage->start,
                           passage->n_span, (int)passage->n_bytes, passage->bytes);
}

static attrib_status read_bytes(
    const char *bytes, size_t n, size_t step, at_buffer *out, attrib_error *err)
{
    memory m = {bytes, n, step};
    size_t binary = 0;
    at_buffer_clear(out);
    return at_read_documents((at_bytes){&m, read_memory}, AT_KIND_WARC, "f", NULL,
                             (at_sink){.context = out, .put = put}, &binary, err);
}

/* The same rows however the bytes come; a file that is cut anywhere but between records
 * is refused. */
static void test_warc__is_read_piece_by_piece(void **state)
{
    (void)state;
    at_map map = {0};
    at_buffer whole = {0};
    at_buffer got = {0};
    attrib_error err = {0};
    size_t n_between = 0;
    check_ok(at_map_open(source_path("tests/golden/warc/small.warc.wet"), &map, &err),
             &err);
    const char *bytes = (const char *)map.bytes;
    check_ok(read_bytes(bytes, map.n_bytes, map.n_bytes, &whole, &err), &err);
    for (size_t step = 1; step < 40; step++) {
        check_ok(read_bytes(bytes, map.n_bytes, step, &got, &err), &err);
        assert_string_equal(got.bytes, whole.bytes);
    }
    for (size_t n = 0; n < map.n_bytes; n++) {
        attrib_error why = {0};
        attrib_status status = read_bytes(bytes, n, 100, &got, &why);
        if (status == ATTRIB_OK) {
            n_between++;
        } else {
            assert_int_equal(status, ATTRIB_EFORMAT);
            check_message(&why, "truncated");
        }
    }
    /* Behind each of 5 records stand 4 bytes; before the first nothing does. */
    assert_int_equal(n_between, 1 + 4 * 5 + 4);
    at_buffer_free(&whole);
    at_buffer_free(&got);
    at_map_close(&map);
}

/* Crawlers keep the answers of HTTP/2 as if they were lines, with and without a minor
 * version. */
static void test_warc__reads_later_versions_of_http(void **state)
{
    (void)state;
    static const char *const versions[] = {"HTTP/1.0 200 OK", "HTTP/1.1 200",
                                           "HTTP/2 200 ", "HTTP/2.0 200"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        at_buffer record = {0};
        at_buffer got = {0};
        attrib_error err = {0};
        const char rest[] = "\r\nContent-Type: text/plain\r\n\r\nBern";
        check_ok(at_buffer_print(&record, &err,
                                 "WARC/1.0\r\nWARC-Type: response\r\nContent-Type: "
                                 "application/http\r\nContent-Length: %zu\r\n\r\n%s%s",
                                 strlen(versions[i]) + strlen(rest), versions[i], rest),
                 &err);
        check_ok(read_bytes(record.bytes, record.n_bytes, 9, &got, &err), &err);
        assert_non_null(strstr(got.bytes, "\"text\":\"Bern\""));
        at_buffer_free(&record);
        at_buffer_free(&got);
    }
}

static void test_warc__refuses_broken_records(void **state)
{
    (void)state;

    static const struct {
        const char *bytes, *message;
    } cases[] = {
        {"WARC/1.0\r\nWARC-Type: conversion\r\n\r\n", "f:1: byte 0: a record without a"},
        {"WARC/1.0\r\nContent-Length: -1\r\n\r\n", "which is no number of bytes"},
        {"WARC/1.0\r\nContent-Length: 1x\r\n\r\n", "which is no number of bytes"},
        {"WARC/1.0\r\nContent-Length: 18446744073709551615\r\n\r\n",
         "which is no number of bytes"},
        {"WARC/1.0\r\nContent-Length: 99999999999999999999999\r\n\r\n",
         "which is no number of bytes"},
        {"WARC/1.0\r\nContent-Length: 9223372036854775807\r\n\r\nabc",
         "f:1: truncated in a record"},
        {"WARC/1.0\r\nContent-Length: 3\r\n\r\nabcdef\r\n\r\n",
         "f:2: byte 34: a record that does not begin with WARC/1."},
        {"WARC/2.0\r\nContent-Length: 3\r\n\r\nabc", "does not begin with WARC/1."},
        {"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\n"
         "Content-Length: 999999999\r\n\r\nabc",
         "f:1: a record of more than 268435456 bytes"},
        {"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n"
         "Content-Length: 10\r\n\r\nHTTP/1.1\r\n",
         "without a status"},
        {"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n"
         "Content-Length: 8\r\n\r\nSMTP 200",
         "does not begin as HTTP does"},
        {"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n"
         "Content-Length: 17\r\n\r\nHTTP/1.1 200 OK\r\n",
         "whose head has no end"},
        {"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n"
         "Content-Length: 17\r\n\r\nHTTP/1.1 2x0 OK\r\n",
         "without a status"},
    };

    at_buffer got = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        assert_true(read_bytes(cases[i].bytes, strlen(cases[i].bytes), 9, &got, &err) !=
                    ATTRIB_OK);
        check_message(&err, cases[i].message);
    }
    at_buffer_free(&got);
}

/* A NUL byte in a head makes its text one that cannot be read. */
static void test_warc__refuses_nul_bytes_in_heads(void **state)
{
    (void)state;
    static const char bytes[] =
        "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\n"
        "WARC-Record-ID: a\0b\r\nContent-Length: 1\r\n\r\nx";
    at_buffer got = {0};
    attrib_error err = {0};
    check_fails(read_bytes(bytes, sizeof bytes - 1, 99, &got, &err), ATTRIB_EFORMAT,
                &err);
    check_message(&err, "f:1: a NUL byte in its head");
    at_buffer_free(&got);
}

/* A body that unpacks to nothing is an empty text. */
static void test_warc__reads_empty_bodies(void **state)
{
    (void)state;
    static const char head[] =
        "WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n"
        "Content-Length: 89\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        "Content-Encoding: gzip\r\n\r\n";
    static const char packed[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0";
    char bytes[512];
    at_buffer got = {0};
    attrib_error err = {0};
    memcpy(bytes, head, sizeof head - 1);
    memcpy(bytes + sizeof head - 1, packed, 20);
    check_ok(read_bytes(bytes, sizeof head - 1 + 20, 99, &got, &err), &err);
    assert_string_equal(got.bytes, "1@0+174:{\"text\":\"\"}|");
    at_buffer_free(&got);
}

/* A head that has no end is not read for ever. */
static void test_warc__refuses_long_heads(void **state)
{
    (void)state;
    size_t n = 200000;
    char *bytes = malloc(n);
    at_buffer got = {0};
    attrib_error err = {0};
    assert_non_null(bytes);
    memset(bytes, 'a', n);
    memcpy(bytes, "WARC/1.0\r\n", 10);
    check_fails(read_bytes(bytes, n, 5000, &got, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "a record's head of more than 65536 bytes");
    at_buffer_free(&got);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warc__holds_what_crawlers_stored),
        cmocka_unit_test(test_warc__spans_are_records),
        cmocka_unit_test(test_warc__is_told_by_its_content),
        cmocka_unit_test(test_warc__leaves_out_bad_texts),
        cmocka_unit_test(test_warc__is_read_piece_by_piece),
        cmocka_unit_test(test_warc__reads_later_versions_of_http),
        cmocka_unit_test(test_warc__refuses_broken_records),
        cmocka_unit_test(test_warc__refuses_nul_bytes_in_heads),
        cmocka_unit_test(test_warc__reads_empty_bodies),
        cmocka_unit_test(test_warc__refuses_long_heads),
    };
    return run_cases(tests, scratch_set_up, scratch_tear_down);
}
