/* SPDX-License-Identifier: MIT */
/* The public functions at their edges, on tokenizers small enough to follow by hand: "a"
 * 1, "b" 2, "c" 3, "ab" 4, "abc" 5, " " 6, "_" (U+2581) 7, "_a" 8, e-acute 9, "e" 10, "1"
 * 11, "2" 12, "." 13, all else "?" 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support_tokenizer.h"

static void check_not_utf8(const attrib_tokenizer *t, const char *text, const char *byte)
{
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n = 7;
    check_fails(attrib_tokenizer_encode(t, (attrib_text){text, strlen(text)}, true, &ids,
                                        &n, &err),
                ATTRIB_EFORMAT, &err);
    check_message(&err, byte);
    assert_null(ids);
    assert_int_equal(n, 7);
}

static void test_encode__text_that_is_not_utf8_is_refused_by_its_byte(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members("");
    check_not_utf8(t, "\xFF", "byte 0 of the text");
    check_not_utf8(t, "ab\xC3", "byte 2 of the text");
    check_not_utf8(t, "abc\xED\xA0\x80", "byte 3 of the text");
    check_not_utf8(t, "\xC3\xA9\xC0\x80", "byte 2 of the text");
    attrib_tokenizer_close(t);
}

static void test_encode__merges_take_the_lowest_rank_then_the_leftmost(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members("");
    CHECK_IDS(t, "abc", 5);
    CHECK_IDS(t, "aab", 1, 4);
    CHECK_IDS(t, "cabcab", 3, 5, 4);
    CHECK_IDS(t,
              "a\xE2\x96\x81"
              "ab",
              1, 7, 4);
    CHECK_IDS(t, "xay", 0, 1, 0);
    attrib_tokenizer_close(t);
}

static void test_encode__bytes_may_hold_nul(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members("");
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    check_ok(attrib_tokenizer_encode(t, (attrib_text){"a\0b", 3}, false, &ids, &n, &err),
             &err);
    assert_int_equal(n, 3);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], 0);
    assert_int_equal(ids[2], 2);
    attrib_free(ids);
    attrib_free(NULL);
    attrib_tokenizer_close(t);
}

#define ADDED(members) ",\"added_tokens\":[{\"id\":20,\"content\":\"xy\"" members "}]"

static void test_encode__added_tokens_take_what_they_say(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members(ADDED(",\"normalized\":false"));
    CHECK_IDS(t, "axyb", 1, 20, 2);
    CHECK_IDS(t, " xy ", 6, 20, 6);
    attrib_tokenizer_close(t);
    t = parse_with_members(ADDED(",\"normalized\":false,\"single_word\":true"));
    CHECK_IDS(t, "axy xy,xyb", 1, 0, 0, 6, 20, 0, 0, 0, 2);
    CHECK_IDS(t, "xy", 20);
    attrib_tokenizer_close(t);
    t = parse_with_members(ADDED(",\"normalized\":false,\"lstrip\":true"));
    CHECK_IDS(t, "a  xy b", 1, 20, 6, 2);
    attrib_tokenizer_close(t);
    t = parse_with_members(ADDED(",\"normalized\":false,\"rstrip\":true"));
    CHECK_IDS(t, "a xy  b", 1, 6, 20, 2);
    attrib_tokenizer_close(t);
}

/* White space that is a token and takes the white space after it is passed over once,
 * not for each of its characters. */
static void test_encode__tokens_of_white_space_take_linear_time(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members(
        ",\"added_tokens\":[{\"id\":20,\"content\":\"\\t\",\"normalized\":false,"
        "\"rstrip\":true}]");
    const size_t n_text = 1000000;
    char *text = malloc(n_text);
    assert_non_null(text);
    memset(text, '\t', n_text);
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    clock_t start = clock();
    CHECK_IDS(t, "a\t\t\tb", 1, 20, 20, 20, 2);
    check_ok(
        attrib_tokenizer_encode(t, (attrib_text){text, n_text}, false, &ids, &n, &err),
        &err);
    assert_int_equal(n, n_text);
    assert_true((double)(clock() - start) < 10.0 * CLOCKS_PER_SEC);
    attrib_free(ids);
    free(text);
    attrib_tokenizer_close(t);
}

static void test_encode__normalized_tokens_are_found_in_normalized_text(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members(
        ",\"normalizer\":{\"type\":\"Lowercase\"}" ADDED(",\"normalized\":true"));
    CHECK_IDS(t, "XyA", 20, 1);
    attrib_tokenizer_close(t);
    t = parse_with_members(
        ",\"normalizer\":{\"type\":\"Lowercase\"}" ADDED(",\"normalized\":false"));
    CHECK_IDS(t, "XyAxy", 0, 0, 1, 20);
    attrib_tokenizer_close(t);
}

/* A form that changes nothing hands on the text that the step before it wrote. */
static void test_encode__steps_of_a_normalizer_go_one_after_the_other(void **state)
{
    (void)state;
    static const char *const forms[] = {"NFC", "NFD", "NFKC", "NFKD"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char json[512];
        snprintf(
            json, sizeof json,
            ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
            "{\"type\":\"Replace\",\"pattern\":{\"String\":\"x\"},\"content\":\"a\"},"
            "{\"type\":\"%s\"},"
            "{\"type\":\"Replace\",\"pattern\":{\"String\":\"y\"},\"content\":\"b\"}"
            ",{\"type\":\"%s\"},{\"type\":\"Lowercase\"}]}",
            forms[i], forms[i]);
        attrib_tokenizer *t = parse_with_members(json);
        CHECK_IDS(t, "x y C", 1, 6, 2, 6, 3);
        attrib_tokenizer_close(t);
    }
}

static void test_encode__the_longest_added_token_wins(void **state)
{
    (void)state;
    attrib_tokenizer *t =
        parse_with_members(",\"added_tokens\":[{\"id\":20,\"content\":\"x\"},{\"id\":21,"
                           "\"content\":\"xyz\"},{\"id\":22,\"content\":\"yz\"},{\"id\":"
                           "23,\"content\":\"xyzzy!\"}]");
    CHECK_IDS(t, "xyzxyxyzzyyz", 21, 20, 0, 21, 0, 0, 22);
    attrib_tokenizer_close(t);
}

/* Prepend is said of every stretch between raw added tokens, "first" of one only. */
static void test_encode__marks_go_before_stretches_as_said(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members(
        ",\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"}" ADDED(
            ",\"normalized\":false"));
    CHECK_IDS(t, "axya", 8, 20, 8);
    attrib_tokenizer_close(t);
    t = parse_with_members(
        ",\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\","
        "\"prepend_scheme\":\"first\"}" ADDED(",\"normalized\":false"));
    CHECK_IDS(t, "axya a", 8, 20, 1, 8);
    attrib_tokenizer_close(t);
    t = parse_with_members(
        ",\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\","
        "\"add_prefix_space\":false}");
    CHECK_IDS(t, "a a", 1, 8);
    attrib_tokenizer_close(t);
}

static void test_encode__special_tokens_are_left_out_when_asked(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members(ADDED(",\"special\":true"));
    attrib_error err = {0};
    char *text = NULL;
    size_t n = 0;
    const int32_t ids[] = {1, 20, 2};
    check_ok(attrib_tokenizer_decode(t, (attrib_ids){ids, 3}, true, &text, &n, &err),
             &err);
    assert_string_equal(text, "a b"); /* without a decoder tokens are words */
    attrib_free(text);
    check_ok(attrib_tokenizer_decode(t, (attrib_ids){ids, 3}, false, &text, &n, &err),
             &err);
    assert_string_equal(text, "a xy b");
    assert_int_equal(n, 6);
    free(text);
    assert_true(attrib_tokenizer_is_special(t, 20));
    assert_false(attrib_tokenizer_is_special(t, 1));
    assert_false(attrib_tokenizer_is_special(t, 15)); /* an id without a token */
    assert_false(attrib_tokenizer_is_special(t, -1));
    assert_false(attrib_tokenizer_is_special(t, INT32_MAX));
    attrib_tokenizer_close(t);
}

static void check_not_an_id(const attrib_tokenizer *t, int32_t id, const char *part)
{
    attrib_error err = {0};
    char *text = NULL;
    size_t n = 0;
    const int32_t ids[] = {1, id};
    check_fails(attrib_tokenizer_decode(t, (attrib_ids){ids, 2}, false, &text, &n, &err),
                ATTRIB_ERANGE, &err);
    check_message(&err, part);
    assert_null(text);
    assert_string_equal(attrib_tokenizer_piece(t, id, &n), "");
    assert_int_equal(n, 0);
}

static void test_encode__ids_without_a_token_are_named(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members(ADDED(""));
    assert_int_equal(attrib_tokenizer_n_tokens(t), 21);
    check_not_an_id(t, -1, "id -1 at 1 is not in the vocabulary of 21 tokens");
    check_not_an_id(t, 21, "id 21 at 1");
    check_not_an_id(t, 15, "id 15 at 1");
    check_not_an_id(t, INT32_MIN, "id -2147483648 at 1");
    attrib_tokenizer_close(t);
}

static void test_encode__nothing_decodes_to_nothing(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members(",\"decoder\":{\"type\":\"ByteLevel\"}");
    attrib_error err = {0};
    char *text = NULL;
    size_t n = 7;
    check_ok(attrib_tokenizer_decode(t, (attrib_ids){NULL, 0}, false, &text, &n, &err),
             &err);
    assert_string_equal(text, "");
    assert_int_equal(n, 0);
    free(text);
    attrib_tokenizer_close(t);
    attrib_tokenizer_close(NULL);
}

static void check_piece(const attrib_tokenizer *t, int32_t id, const char *want)
{
    size_t n = 0;
    const char *piece = attrib_tokenizer_piece(t, id, &n);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(piece, want, n);
}

static void test_encode__pieces_are_bytes_of_the_text(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_with_members(
        ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
        "\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},{\"type\":"
        "\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \","
        "\"start\":1,\"stop\":0}]},\"added_tokens\":[{\"id\":20,\"content\":"
        "\"\xE2\x96\x81x\"}]");
    check_piece(t, 8, " a");
    check_piece(t, 9, "\xC3\xA9");
    check_piece(t, 20, "\xE2\x96\x81x"); /* an added token is what it says */
    attrib_tokenizer_close(t);
    t = parse_tokenizer("{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{"
                        "\"<0x0A>\":0,\"<0xC3>\":1,\"<0x0G>\":2},\"merges\":[]},"
                        "\"decoder\":{\"type\":\"ByteFallback\"}}");
    check_piece(t, 0, "\n");
    check_piece(t, 1, "\xC3");
    check_piece(t, 2, "<0x0G>");
    attrib_tokenizer_close(t);
    /* U+0120 is the byte-level space, U+00C3 the byte C3; a plain space is no byte. */
    t = parse_tokenizer("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"\xC4\xA0"
                        "a\":0,"
                        "\"\xC3\x83\":1,\"\xC4\xA0 a\":2},\"merges\":[]},"
                        "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}");
    check_piece(t, 0, " a");
    check_piece(t, 1, "\xC3");
    check_piece(t, 2, "\xC4\xA0 a");
    attrib_tokenizer_close(t);
}

static void test_encode__an_unknown_token_that_is_missing_is_named(void **state)
{
    (void)state;
    attrib_tokenizer *t =
        parse_tokenizer("{\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"vocab\":"
                        "{\"a\":0},\"merges\":[]}}");
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    CHECK_IDS(t, "aa", 0, 0);
    check_fails(attrib_tokenizer_encode(t, (attrib_text){"ab", 2}, false, &ids, &n, &err),
                ATTRIB_EFORMAT, &err);
    check_message(&err, "unknown token \"<unk>\"");
    attrib_tokenizer_close(t);
}

/* A text cannot be blown up by the steps of a hostile file. */
static void test_encode__growth_is_bounded(void **state)
{
    (void)state;
    char json[8192] = ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[";
    for (size_t i = 0; i < 40; i++) {
        strcat(json, i ? "," : "");
        strcat(json, "{\"type\":\"ByteLevel\",\"use_regex\":false}");
    }
    strcat(json, "]}");
    attrib_tokenizer *t = NULL;
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    t = parse_with_members(json);
    check_fails(
        attrib_tokenizer_encode(t, (attrib_text){"\xC3\xA9", 2}, false, &ids, &n, &err),
        ATTRIB_ERANGE, &err);
    check_message(&err, "pre-tokenizer makes more than");
    attrib_tokenizer_close(t);
    strcpy(json, ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
    for (size_t i = 0; i < 40; i++) {
        strcat(json, i ? "," : "");
        strcat(json, "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":"
                     "\"aa\"}");
    }
    strcat(json, "]}");
    t = parse_with_members(json);
    err = (attrib_error){0};
    check_fails(attrib_tokenizer_encode(t, (attrib_text){"a", 1}, false, &ids, &n, &err),
                ATTRIB_ERANGE, &err);
    check_message(&err, "normalizer makes more than");
    attrib_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode__text_that_is_not_utf8_is_refused_by_its_byte),
        cmocka_unit_test(test_encode__merges_take_the_lowest_rank_then_the_leftmost),
        cmocka_unit_test(test_encode__bytes_may_hold_nul),
        cmocka_unit_test(test_encode__added_tokens_take_what_they_say),
        cmocka_unit_test(test_encode__tokens_of_white_space_take_linear_time),
        cmocka_unit_test(test_encode__normalized_tokens_are_found_in_normalized_text),
        cmocka_unit_test(test_encode__steps_of_a_normalizer_go_one_after_the_other),
        cmocka_unit_test(test_encode__the_longest_added_token_wins),
        cmocka_unit_test(test_encode__marks_go_before_stretches_as_said),
        cmocka_unit_test(test_encode__special_tokens_are_left_out_when_asked),
        cmocka_unit_test(test_encode__ids_without_a_token_are_named),
        cmocka_unit_test(test_encode__nothing_decodes_to_nothing),
        cmocka_unit_test(test_encode__pieces_are_bytes_of_the_text),
        cmocka_unit_test(test_encode__an_unknown_token_that_is_missing_is_named),
        cmocka_unit_test(test_encode__growth_is_bounded),
    };
    return run_cases(tests, NULL, NULL);
}
