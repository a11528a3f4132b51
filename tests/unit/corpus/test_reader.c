/* SPDX-License-Identifier: MIT */
/* Streams to passages: lines, arrays, text, and what is none. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/reader.h"

/* Bytes in memory, given out `step` at a time. */
typedef struct memory {
    const char *bytes;
    size_t n, at, step;
} memory;

static attrib_status read_memory(
    void *context, char *buffer, size_t capacity, size_t *n, attrib_error *err)
{
    memory *m = context;
    size_t left = m->n - m->at;
    size_t most = m->step < capacity ? m->step : capacity;
    (void)err;
    *n = left < most ? left : most;
    memcpy(buffer, m->bytes + m->at, *n);
    m->at += *n;
    return ATTRIB_OK;
}

/* What was put: "line@start:bytes|" for each passage. */
typedef struct seen {
    char text[4096];
    size_t n, n_passages, n_bytes;
    attrib_status answer;
} seen;

static attrib_status put(void *context, const at_passage *passage, attrib_error *err)
{
    seen *s = context;
    (void)err;
    s->n_passages++;
    s->n_bytes += passage->n_bytes;
    if (passage->n_bytes < 200 && s->n < sizeof s->text) {
        s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "%zu@%zu:%.*s|",
                                 passage->line, passage->start, (int)passage->n_bytes,
                                 passage->bytes);
    }
    return s->answer;
}

static attrib_status read_as(at_kind kind,
                             const char *bytes,
                             size_t n,
                             size_t step,
                             seen *out,
                             size_t *binary,
                             attrib_error *err)
{
    memory m = {bytes, n, 0, step};
    *out = (seen){.answer = out->answer};
    return at_read_documents((at_bytes){&m, read_memory}, kind, "f", NULL,
                             (at_sink){.context = out, .put = put}, binary, err);
}

/* The passages of bytes are these, however the bytes come. */
static void check_n(at_kind kind, const char *bytes, size_t n, const char *want)
{
    const size_t steps[] = {1, 2, 3, 7, 1 << 20};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        attrib_error err = {0};
        seen s = {0};
        size_t binary = 0;
        check_ok(read_as(kind, bytes, n, steps[i], &s, &binary, &err), &err);
        assert_int_equal(binary, 0);
        assert_string_equal(s.text, want);
    }
}

static void check(at_kind kind, const char *bytes, const char *want)
{
    check_n(kind, bytes, strlen(bytes), want);
}

static void check_refused(at_kind kind, const char *bytes, size_t n, const char *message)
{
    const size_t steps[] = {1, 5, 1 << 20};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        attrib_error err = {0};
        seen s = {0};
        size_t binary = 0;
        check_fails(read_as(kind, bytes, n, steps[i], &s, &binary, &err), ATTRIB_EFORMAT,
                    &err);
        assert_string_equal(err.message, message);
    }
}

static void test_reader__cuts_lines(void **state)
{
    (void)state;
    check(AT_KIND_LINES, "{\"a\":1}\n\n  \r\n{\"b\":2}\r\n{\"c\":3}",
          "1@0:{\"a\":1}|4@13:{\"b\":2}\r|5@22:{\"c\":3}|");
    check(AT_KIND_LINES, "", "");
    check(AT_KIND_LINES, "\n\n", "");
    check(AT_KIND_LINES, "\xef\xbb\xbf{}\n", "1@3:{}|");
}

static void test_reader__reads_tables(void **state)
{
    (void)state;
    check(AT_KIND_COMMAS, "a,b\n1,2\n", "2@4:{\"a\":\"1\",\"b\":\"2\"}|");
    check(AT_KIND_COMMAS,
          "\xef\xbb\xbf"
          "a,\"b,c\"\r\n\r\n,\"\"\r\n\"x\"\"\r\ny\"\r\n z ,\"q\"r\"",
          "3@14:{\"a\":null,\"b,c\":\"\"}|4@19:{\"a\":\"x\\\"\\r\\ny\"}|"
          "6@29:{\"a\":\" z \",\"b,c\":\"qr\\\"\"}|");
    check(AT_KIND_COMMAS, "a;b\n1,0;2\n", "2@4:{\"a\":\"1,0\",\"b\":\"2\"}|");
    check(AT_KIND_COMMAS, "a\tb\n1,0\t2", "2@4:{\"a\":\"1,0\",\"b\":\"2\"}|");
    check(AT_KIND_COMMAS, ",a\n0,1\n", "2@3:{\"a\":\"1\"}|");
    check(AT_KIND_TABS, "a,b\tc\n5\" x\t\"y\tz\"\n",
          "2@6:{\"a,b\":\"5\\\" x\",\"c\":\"y\\tz\"}|");
    check(AT_KIND_COMMAS, "", "");
    check(AT_KIND_COMMAS, "a,b", "");
    check_refused(AT_KIND_COMMAS, "a\n\"b\nc\n", 7,
                  "f:2: a cell in quotes that begins in this record has no end");
    check_refused(AT_KIND_COMMAS, "a\nb\xff\n", 5, "f:2: byte 3: not UTF-8");
    check_refused(AT_KIND_COMMAS, "a\xff\n", 3, "f:1: byte 1: not UTF-8");
}

static void test_reader__cuts_arrays(void **state)
{
    (void)state;
    check(AT_KIND_JSON, "[]", "");
    check(AT_KIND_JSON, " [ ] \n", "");
    check(AT_KIND_JSON, "[\n {\"a\":\"]}\\\"{\"},\n {\"b\":[{}]}\n]\n",
          "2@3:{\"a\":\"]}\\\"{\"}|3@19:{\"b\":[{}]}|");
    check(AT_KIND_JSON, "{\"a\":\n1}", "1@0:{\"a\":\n1}|");
    check(AT_KIND_JSON, "{\"a\":\n1}\n{\"b\":2}{}",
          "1@0:{\"a\":\n1}|3@9:{\"b\":2}|3@16:{}|");
    check(AT_KIND_JSON, "", "");
}

static void test_reader__refuses_broken_arrays(void **state)
{
    (void)state;

    static const struct {
        const char *bytes, *message;
    } cases[] = {
        {"[", "f:1: ends where a row, an object, was expected"},
        {"[1]", "f:1: byte 1: '1' where a row, an object, was expected"},
        {"[{}", "f:1: ends where ',' or ']' was expected"},
        {"[{},]", "f:1: byte 4: ',' where a row, an object, was expected"},
        {"[{} {}]", "f:1: byte 4: '{' where ',' or ']' was expected"},
        {"[{}]x", "f:1: byte 4: 'x' where the end of the file was expected"},
        {"[\n{\"a\":", "f:2: a row that begins here has no end"},
        {"{\"a", "f:1: a row that begins here has no end"},
        {"12", "f:1: byte 0: '1' where an array or a row was expected"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_refused(AT_KIND_JSON, cases[i].bytes, strlen(cases[i].bytes),
                      cases[i].message);
    }
}

static void test_reader__takes_text_whole(void **state)
{
    (void)state;
    check(AT_KIND_TEXT, "one\ntwo\n", "0@0:one\ntwo\n|");
    check(AT_KIND_TEXT, "\xef\xbb\xbfone", "0@3:one|");
    check(AT_KIND_TEXT, "", "0@0:|");
    check(AT_KIND_TEXT, "{\"a\":1}\n", "0@0:{\"a\":1}\n|");
}

static void test_reader__refuses_what_is_no_utf8(void **state)
{
    (void)state;
    check_refused(AT_KIND_TEXT, "ab\xe9 d", 5, "f: byte 2: not UTF-8");
    check_refused(AT_KIND_LINES, "{}\n{\"\xe9\":1}\n", 11, "f:2: byte 5: not UTF-8");
    check_refused(AT_KIND_JSON, "[{},\n{\"\xe9\":1}]", 13, "f:2: byte 7: not UTF-8");
    check_refused(AT_KIND_TEXT, "\xff\xfeh\0i\0", 6,
                  "f: byte 0: not UTF-8 (begins with the mark of UTF-16)");
    check_refused(AT_KIND_LINES, "\xfe\xff\0{\0}", 6,
                  "f: byte 0: not UTF-8 (begins with the mark of UTF-16)");
    check_refused(AT_KIND_TEXT, "ab\0c", 4, "f: byte 2: a NUL byte in text");
    check_refused(AT_KIND_TEXT, "abcdefgh\0c", 10, "f: byte 8: a NUL byte in text");
    /* Overlong, a surrogate, beyond the last character, cut off. */
    check_refused(AT_KIND_TEXT, "a\xc0\xaf", 3, "f: byte 1: not UTF-8");
    check_refused(AT_KIND_TEXT, "a\xed\xa0\x80", 4, "f: byte 1: not UTF-8");
    check_refused(AT_KIND_TEXT, "a\xf4\x90\x80\x80", 5, "f: byte 1: not UTF-8");
    check_refused(AT_KIND_TEXT, "a\xe2\x82", 3, "f: byte 1: not UTF-8");
}

/* Without a name that says, content is rows where it begins as rows, else text. */
static void test_reader__judges_content(void **state)
{
    (void)state;
    check(AT_KIND_PLAIN, "{\"a\":1}\n{\"b\":2}\n", "1@0:{\"a\":1}|2@8:{\"b\":2}|");
    check(AT_KIND_PLAIN, "[{\"a\":1}]", "1@1:{\"a\":1}|");
    check(AT_KIND_UNKNOWN, " [\n{}]", "2@3:{}|");
    check(AT_KIND_PLAIN, "[edit] a text", "0@0:[edit] a text|");
    check(AT_KIND_PLAIN, "{\\it a text}\n", "0@0:{\\it a text}\n|");
    check(AT_KIND_PLAIN, "", "0@0:|");
    check(AT_KIND_PLAIN, "\xef\xbb\xbfword", "0@3:word|");
}

static void test_reader__tells_binary_content(void **state)
{
    (void)state;

    static const struct {
        const char *bytes;
        size_t n, bad;
    } cases[] = {{"\x7f"
                  "ELF\0",
                  5, 4},
                 {"\x89PNG\r\n", 6, 0},
                 {"\xff\xfeh\0i\0", 6, 3},
                 {"text\xff", 5, 4},
                 {"\xe2", 1, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        seen s = {0};
        size_t binary = 0;
        check_ok(read_as(AT_KIND_PLAIN, cases[i].bytes, cases[i].n, 2, &s, &binary, &err),
                 &err);
        assert_int_equal(binary, cases[i].bad + 1);
        assert_int_equal(s.n_passages, 0);
    }
}

/* Binary bytes behind what was judged, and a character that the judging cut in two. */
static void test_reader__looks_behind_the_peek(void **state)
{
    (void)state;
    const size_t n = 1 << 18;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    attrib_error err = {0};
    seen s = {0};
    size_t binary = 0;
    memset(bytes, 'x', n);
    memcpy(bytes + (1 << 16) - 1, "\xc3\xa9", 2);
    check_ok(read_as(AT_KIND_PLAIN, bytes, n, n, &s, &binary, &err), &err);
    assert_int_equal(binary, 0);
    assert_int_equal(s.n_bytes, n);
    bytes[n - 1] = '\0';
    check_ok(read_as(AT_KIND_PLAIN, bytes, n, n, &s, &binary, &err), &err);
    assert_int_equal(binary, n);
    assert_int_equal(s.n_passages, 0);
    free(bytes);
}

/* A first line longer than the peek is told by how it begins. */
static void test_reader__judges_a_long_first_line(void **state)
{
    (void)state;
    const size_t n = 1 << 18;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    attrib_error err = {0};
    seen s = {0};
    size_t binary = 0;
    memset(bytes, 'x', n);
    memcpy(bytes, "{ \"text\": \"", 11);
    memcpy(bytes + n - 4, "\"}\n\n", 4);
    check_ok(read_as(AT_KIND_PLAIN, bytes, n, n, &s, &binary, &err), &err);
    assert_int_equal(s.n_passages, 1);
    assert_int_equal(s.n_bytes, n - 2);
    free(bytes);
}

/* A hundred megabytes on one line are read, and a line beyond the limit is refused. */
static void test_reader__bounds_lines(void **state)
{
    (void)state;
    const size_t n = AT_MAX_ROW + (1 << 20);
    char *bytes = malloc(n);
    assert_non_null(bytes);
    memset(bytes, ' ', n);
    attrib_error err = {0};
    seen s = {0};
    size_t binary = 0;
    bytes[0] = '{';
    bytes[100 << 20] = '}';
    bytes[(100 << 20) + 1] = '\n';
    check_ok(read_as(AT_KIND_LINES, bytes, (100 << 20) + 2, n, &s, &binary, &err), &err);
    assert_int_equal(s.n_bytes, (100 << 20) + 1);
    bytes[100 << 20] = ' ';
    bytes[(100 << 20) + 1] = ' ';
    check_fails(read_as(AT_KIND_LINES, bytes, n, n, &s, &binary, &err), ATTRIB_ERANGE,
                &err);
    assert_string_equal(err.message, "f:1: a line of more than 268435456 bytes");
    attrib_error again = {0};
    check_fails(read_as(AT_KIND_JSON, bytes, n, n, &s, &binary, &again), ATTRIB_ERANGE,
                &again);
    assert_string_equal(again.message, "f:1: a row of more than 268435456 bytes");
    free(bytes);
}

static void test_reader__stops_when_told(void **state)
{
    (void)state;
    attrib_error err = {0};
    seen s = {.answer = ATTRIB_END};
    size_t binary = 0;
    assert_int_equal(read_as(AT_KIND_LINES, "{}\n{}\n", 6, 99, &s, &binary, &err),
                     ATTRIB_END);
    assert_int_equal(s.n_passages, 1);
}

static void test_reader__knows_kinds_by_name(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        at_kind kind;
        bool is_compressed;
    } cases[] = {
        {"a.txt", AT_KIND_TEXT, false},       {"a/b.md", AT_KIND_TEXT, false},
        {"a.jsonl.zst", AT_KIND_LINES, true}, {"A.JSONL.GZ", AT_KIND_LINES, true},
        {"a.json", AT_KIND_JSON, false},      {"a.tar.gz", AT_KIND_ARCHIVE, true},
        {"a.tgz", AT_KIND_ARCHIVE, false},    {"README", AT_KIND_PLAIN, false},
        {"part-0.gz", AT_KIND_PLAIN, true},   {"a.dict.dz", AT_KIND_UNKNOWN, true},
        {"a.csv.xz", AT_KIND_COMMAS, true},   {"a.TSV", AT_KIND_TABS, false},
        {"x.d/file", AT_KIND_PLAIN, false},   {"-", AT_KIND_PLAIN, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool is_compressed = !cases[i].is_compressed;
        if (at_kind_of_name(cases[i].name, &is_compressed) != cases[i].kind ||
            is_compressed != cases[i].is_compressed) {
            fail_msg("%s", cases[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader__cuts_lines),
        cmocka_unit_test(test_reader__cuts_arrays),
        cmocka_unit_test(test_reader__refuses_broken_arrays),
        cmocka_unit_test(test_reader__takes_text_whole),
        cmocka_unit_test(test_reader__refuses_what_is_no_utf8),
        cmocka_unit_test(test_reader__judges_content),
        cmocka_unit_test(test_reader__tells_binary_content),
        cmocka_unit_test(test_reader__looks_behind_the_peek),
        cmocka_unit_test(test_reader__judges_a_long_first_line),
        cmocka_unit_test(test_reader__bounds_lines),
        cmocka_unit_test(test_reader__stops_when_told),
        cmocka_unit_test(test_reader__reads_tables),
        cmocka_unit_test(test_reader__knows_kinds_by_name),
    };
    return run_cases(tests, NULL, NULL);
}
