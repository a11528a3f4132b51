/* SPDX-License-Identifier: MIT */
/* The unigram model by hand, and against every way to cut short words. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "support_tokenizer.h"
#include "tokenizer/charsmap.h"

#define VOCABULARY                                                                       \
    "[[\"?\",0],[\"a\",-1],[\"b\",-1],[\"ab\",-2],[\"abc\",-9],[\"bb\",-1.5],[\"<0xC3>"  \
    "\",-9],"                                                                            \
    "[\"<0xA9>\",-9],[\"\xC3\xA8\xC3\xA8\",-3]]"

static attrib_tokenizer *parse_unigram(const char *members)
{
    char json[1024];
    snprintf(json, sizeof json,
             "{\"model\":{\"type\":\"Unigram\",\"vocab\":" VOCABULARY "%s}}", members);
    return parse_tokenizer(json);
}

static void test_unigram__the_best_sum_wins_and_the_longer_token_of_equals(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = parse_unigram(",\"unk_id\":0");
    CHECK_IDS(tokenizer, "a", 1);
    /* "ab" scores -2, as "a" and "b" do: the way that was found first stays. */
    CHECK_IDS(tokenizer, "ab", 3);
    CHECK_IDS(tokenizer, "abb", 1, 5); /* -2.5 against -3 */
    CHECK_IDS(tokenizer, "abc", 4);    /* -9 against -2 - 19 */
    assert_string_equal(attrib_tokenizer_kind(tokenizer), "unigram");
    attrib_tokenizer_close(tokenizer);
}

static void test_unigram__runs_of_unknown_characters_are_one(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = parse_unigram(",\"unk_id\":0");
    CHECK_IDS(tokenizer, "axyzb", 1, 0, 2);
    CHECK_IDS(tokenizer, "x?a", 0, 1); /* the unknown token's own text joins the run */
    CHECK_IDS(tokenizer, "\xC3\xA9", 0);
    CHECK_IDS(tokenizer, "\xC3\xA8\xC3\xA8\xC3\xA8", 0, 8); /* of equals the first */
    attrib_tokenizer_close(tokenizer);
}

static void test_unigram__bytes_stand_for_runs_that_have_them_all(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = parse_unigram(",\"unk_id\":0,\"byte_fallback\":true");
    CHECK_IDS(tokenizer, "a\xC3\xA9\xC3\xA9", 1, 6, 7, 6, 7);
    CHECK_IDS(tokenizer, "\xC3\xA9x", 0); /* x has no byte: the run is unknown */
    assert_string_equal(attrib_tokenizer_kind(tokenizer), "unigram (byte fallback)");
    attrib_tokenizer_close(tokenizer);
}

static void test_unigram__without_an_unknown_token_characters_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    attrib_tokenizer *tokenizer = parse_unigram("");
    CHECK_IDS(tokenizer, "abc", 4);
    check_fails(
        attrib_tokenizer_encode(tokenizer, (attrib_text){"ax", 2}, false, &ids, &n, &err),
        ATTRIB_EFORMAT, &err);
    check_message(&err, "U+0078 has no token");
    attrib_tokenizer_close(tokenizer);
}

/* The largest sum of scores over all ways to cut a text of "a" and "b", by recursion. */
static double best_sum(const char *text, size_t n)
{
    static const struct {
        const char *token;
        double score;
    } tokens[] = {{"a", -1}, {"b", -1}, {"ab", -2}, {"bb", -1.5}};

    double best = n ? -DBL_MAX : 0;
    for (size_t i = 0; n && i < sizeof tokens / sizeof *tokens; i++) {
        size_t length = strlen(tokens[i].token);
        if (length <= n && memcmp(text, tokens[i].token, length) == 0) {
            double sum = tokens[i].score + best_sum(text + length, n - length);
            best = sum > best ? sum : best;
        }
    }
    return best;
}

static void test_unigram__no_way_is_better_in_any_short_word(void **state)
{
    (void)state;
    static const double scores[] = {0, -1, -1, -2, -9, -1.5};
    attrib_tokenizer *tokenizer = parse_unigram(",\"unk_id\":0");
    for (unsigned bits = 0; bits < 1 << 10; bits++) {
        char text[10];
        attrib_error err = {0};
        int32_t *ids = NULL;
        size_t n = 0;
        double sum = 0;
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = bits >> i & 1 ? 'a' : 'b';
        }
        check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){text, sizeof text},
                                         false, &ids, &n, &err),
                 &err);
        for (size_t i = 0; i < n; i++) {
            assert_in_range(ids[i], 1, 5);
            sum += scores[ids[i]];
        }
        assert_true(sum == best_sum(text, sizeof text)); /* halves add exactly */
        free(ids);
    }
    attrib_tokenizer_close(tokenizer);
}

/* Map a text by a map whose trie leads from the root by 'a' to a value. */
static attrib_status map_text(const char *text,
                              size_t limit,
                              uint32_t value,
                              const char *texts,
                              size_t n_texts,
                              at_buffer *out,
                              attrib_error *err)
{
    unsigned char bytes[4 + 4 * 256 + 16] = {0};
    uint32_t units[256] = {0};
    at_charsmap map = {0};
    size_t n_trie = sizeof units;
    units[0] = 0; /* offset 0: the child by c is unit c */
    units['a'] = 'a' | 1u << 8 | ('a' ^ 5u) << 10; /* a leaf, whose value is unit 5 */
    units[5] = value | 1u << 31;
    bytes[0] = (unsigned char)n_trie;
    bytes[1] = (unsigned char)(n_trie >> 8);
    for (size_t i = 0; i < 256; i++) {
        for (size_t k = 0; k < 4; k++) {
            bytes[4 + 4 * i + k] = (unsigned char)(units[i] >> 8 * k);
        }
    }
    assert_true(n_texts <= 16);
    memcpy(bytes + 4 + n_trie, texts, n_texts);
    attrib_status status = at_charsmap_parse("m", bytes, 4 + n_trie + n_texts, &map, err);
    if (status == ATTRIB_OK) {
        status = at_charsmap_append(&map, text, strlen(text), limit, out, err);
    }
    at_charsmap_free(&map);
    return status;
}

static attrib_status map_a(
    uint32_t value, const char *texts, size_t n_texts, at_buffer *out, attrib_error *err)
{
    return map_text("xab", 100, value, texts, n_texts, out, err);
}

static void test_unigram__a_charsmap_stays_inside_itself(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer out = {0};
    check_ok(map_a(1, "\0yz\0", 4, &out, &err), &err);
    assert_string_equal(out.bytes, "xyzb");
    at_buffer_clear(&out);
    check_ok(map_a(1, "\0yz", 3, &out, &err), &err); /* the last text needs no end */
    assert_string_equal(out.bytes, "xyzb");
    check_fails(map_a(4, "\0yz\0", 4, &out, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "points outside its map");
    err = (attrib_error){0};
    check_fails(map_a(1, "\xC3\xA9", 2, &out, &err), ATTRIB_EFORMAT, &err);
    err = (attrib_error){0};
    check_fails(map_a(0x7FFFFFFF, "y", 1, &out, &err), ATTRIB_EFORMAT, &err);
    at_buffer_free(&out);
}

/* The limit holds inside of a character with many marks too. */
static void test_unigram__a_charsmap_keeps_to_its_limit(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer out = {0};
    const char *text = "a\xCC\x81\xCC\x81\xCC\x81";
    check_ok(map_text(text, 8, 1, "\0yz", 3, &out, &err), &err);
    assert_int_equal(out.n_bytes, 8);
    at_buffer_clear(&out);
    check_fails(map_text(text, 5, 1, "\0yz", 3, &out, &err), ATTRIB_ERANGE, &err);
    check_message(&err, "normalizer makes more than 5 bytes");
    assert_true(out.n_bytes <= 5);
    at_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unigram__the_best_sum_wins_and_the_longer_token_of_equals),
        cmocka_unit_test(test_unigram__runs_of_unknown_characters_are_one),
        cmocka_unit_test(test_unigram__bytes_stand_for_runs_that_have_them_all),
        cmocka_unit_test(test_unigram__without_an_unknown_token_characters_are_refused),
        cmocka_unit_test(test_unigram__no_way_is_better_in_any_short_word),
        cmocka_unit_test(test_unigram__a_charsmap_stays_inside_itself),
        cmocka_unit_test(test_unigram__a_charsmap_keeps_to_its_limit),
    };
    return run_cases(tests, NULL, NULL);
}
