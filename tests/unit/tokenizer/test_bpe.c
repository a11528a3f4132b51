/* SPDX-License-Identifier: MIT */
/* Merging against a model of it that shares no code, on words that each way of merging
 * takes: short ones scanned, long ones cut or heaped, cached ones remembered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_tokenizer.h"
#include "base/memory.h"
#include "base/random.h"

enum { N_LETTERS = 4, MAX_TOKENS = 64, MAX_TEXT = 4000 };

/* A vocabulary of random merges over the letters a to d. */
typedef struct toy {
    char tokens[MAX_TOKENS][32];
    size_t n_tokens;
    size_t left[MAX_TOKENS], right[MAX_TOKENS], made[MAX_TOKENS]; /* by rank */
    size_t n_merges;
} toy;

static size_t draw(uint64_t stream, uint64_t index, size_t n)
{
    return (size_t)(at_uniform(7, stream, index) * (double)n);
}

static size_t find(const toy *t, const char *token)
{
    size_t i = 0;
    while (i < t->n_tokens && strcmp(t->tokens[i], token) != 0) {
        i++;
    }
    return i;
}

static bool has_merge(const toy *t, size_t left, size_t right)
{
    for (size_t i = 0; i < t->n_merges; i++) {
        if (t->left[i] == left && t->right[i] == right) {
            return true;
        }
    }
    return false;
}

static void make_toy(toy *t, uint64_t stream)
{
    memset(t, 0, sizeof *t);
    for (; t->n_tokens < N_LETTERS; t->n_tokens++) {
        t->tokens[t->n_tokens][0] = (char)('a' + t->n_tokens);
    }
    for (uint64_t i = 0; t->n_tokens < 40; i++) {
        size_t left = draw(stream, 2 * i, t->n_tokens);
        size_t right = draw(stream, 2 * i + 1, t->n_tokens);
        char made[64];
        snprintf(made, sizeof made, "%s%s", t->tokens[left], t->tokens[right]);
        if (strlen(made) > 12 || has_merge(t, left, right)) {
            continue;
        }
        size_t id = find(t, made); /* often made in two ways */
        if (id == t->n_tokens) {
            strcpy(t->tokens[t->n_tokens++], made);
        }
        t->left[t->n_merges] = left;
        t->right[t->n_merges] = right;
        t->made[t->n_merges++] = id;
    }
}

static attrib_tokenizer *tokenizer_of(const toy *t, const char *options)
{
    at_buffer json = {0};
    assert_int_equal(at_buffer_print(&json, NULL,
                                     "{\"model\":{\"type\":\"BPE\",%s"
                                     "\"vocab\":{",
                                     options),
                     ATTRIB_OK);
    for (size_t i = 0; i < t->n_tokens; i++) {
        assert_int_equal(
            at_buffer_print(&json, NULL, "%s\"%s\":%zu", i ? "," : "", t->tokens[i], i),
            ATTRIB_OK);
    }
    assert_int_equal(at_buffer_print(&json, NULL, "},\"merges\":["), ATTRIB_OK);
    for (size_t i = 0; i < t->n_merges; i++) {
        assert_int_equal(at_buffer_print(&json, NULL, "%s\"%s %s\"", i ? "," : "",
                                         t->tokens[t->left[i]], t->tokens[t->right[i]]),
                         ATTRIB_OK);
    }
    assert_int_equal(at_buffer_print(&json, NULL, "]}}"), ATTRIB_OK);
    attrib_tokenizer *tokenizer = parse_tokenizer(json.bytes);
    at_buffer_free(&json);
    return tokenizer;
}

/* The definition: for each rank in turn, all its pairs from left to right... over again
 * from the lowest rank whenever one was merged. */
static size_t merge_by_definition(const toy *t, int32_t *ids, size_t n)
{
    for (size_t rank = 0; rank < t->n_merges;) {
        size_t i = 0;
        while (i + 1 < n && ((size_t)ids[i] != t->left[rank] ||
                             (size_t)ids[i + 1] != t->right[rank])) {
            i++;
        }
        if (i + 1 >= n) {
            rank++;
            continue;
        }
        ids[i] = (int32_t)t->made[rank];
        memmove(ids + i + 1, ids + i + 2, (n - i - 2) * sizeof *ids);
        n--;
        rank = 0;
    }
    return n;
}

static void check_toy(const toy *t, const attrib_tokenizer *tokenizer, uint64_t stream)
{
    static char text[MAX_TEXT + 1];
    static int32_t want[MAX_TEXT];
    static const size_t lengths[] = {1,  2,  3,  7,   20,  39,      40,
                                     41, 64, 65, 100, 700, MAX_TEXT};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i];
        for (size_t j = 0; j < n; j++) {
            want[j] = (int32_t)draw(stream, 1000000 * i + j, N_LETTERS);
            text[j] = (char)('a' + want[j]);
        }
        text[n] = '\0';
        size_t n_want = merge_by_definition(t, want, n);
        check_text_ids(tokenizer, text, want, n_want);
    }
}

static void test_bpe__merges_are_those_of_the_definition(void **state)
{
    (void)state;
    for (uint64_t stream = 0; stream < 12; stream++) {
        toy t;
        make_toy(&t, stream);
        attrib_tokenizer *tokenizer = tokenizer_of(&t, "");
        check_toy(&t, tokenizer, 100 + stream);
        attrib_tokenizer_close(tokenizer);
        /* An unknown token that merges take part in: nothing may be cut. */
        tokenizer = tokenizer_of(&t, "\"unk_token\":\"a\",");
        check_toy(&t, tokenizer, 200 + stream);
        attrib_tokenizer_close(tokenizer);
    }
}

/* Without an unknown token, what has no token is as if it were not there. */
static void test_bpe__dropped_characters_do_not_part_their_neighbors(void **state)
{
    (void)state;
    attrib_tokenizer *t = parse_tokenizer(
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},"
        "\"merges\":[\"a b\"]}}");
    CHECK_IDS(t, "axb", 2);
    CHECK_IDS(t,
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
              "axxxb",
              2);
    attrib_tokenizer_close(t);
}

static void test_bpe__unknown_characters_are_fused_or_not(void **state)
{
    (void)state;
    static const char json[] =
        "{\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"fuse_unk\":%s,"
        "\"byte_fallback\":true,\"vocab\":{\"?\":0,\"a\":1,\"<0x78>\":2},\"merges\":[]}}";
    char text[256];
    snprintf(text, sizeof text, json, "true");
    attrib_tokenizer *t = parse_tokenizer(text);
    CHECK_IDS(t, "ayya", 1, 0, 1);
    CHECK_IDS(t, "axa", 1, 2, 1);
    CHECK_IDS(t, "yxy", 2, 0); /* as Hugging Face's code orders it */
    attrib_tokenizer_close(t);
    snprintf(text, sizeof text, json, "false");
    t = parse_tokenizer(text);
    CHECK_IDS(t, "ayya", 1, 0, 0, 1);
    attrib_tokenizer_close(t);
}

static void test_bpe__a_whole_word_comes_before_merges_if_asked(void **state)
{
    (void)state;
    static const char json[] =
        "{\"model\":{\"type\":\"BPE\",\"ignore_merges\":%s,\"vocab\":{\"a\":0,\"b\":1,"
        "\"c\":2,\"ab\":3,\"abc\":4},\"merges\":[\"a b\"]},\"pre_tokenizer\":{\"type\":"
        "\"WhitespaceSplit\"},\"added_tokens\":[{\"id\":5,\"content\":\"ac\","
        "\"single_word\":true}]}";
    char text[512];
    snprintf(text, sizeof text, json, "true");
    attrib_tokenizer *t = parse_tokenizer(text);
    CHECK_IDS(t, "abc abcc abc", 4, 3, 2, 2, 4);
    CHECK_IDS(t, "acb", 0, 2, 1);
    attrib_tokenizer_close(t);
    snprintf(text, sizeof text, json, "false");
    t = parse_tokenizer(text);
    CHECK_IDS(t, "abc", 3, 2);
    attrib_tokenizer_close(t);
}

/* One word of 2 MB: quadratic merging would take hours. */
static void test_bpe__a_long_word_is_not_quadratic(void **state)
{
    (void)state;

    enum { n = 2000000 };

    attrib_tokenizer *t = parse_tokenizer(
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"aa\":1,\"aaaa\":2},"
        "\"merges\":[\"a a\",\"aa aa\"]},\"pre_tokenizer\":{\"type\":\"ByteLevel\","
        "\"add_prefix_space\":false}}");
    attrib_error err = {0};
    char *text = malloc(n);
    int32_t *ids = NULL;
    size_t n_ids = 0;
    assert_non_null(text);
    memset(text, 'a', n);
    check_ok(
        attrib_tokenizer_encode(t, (attrib_text){text, n}, false, &ids, &n_ids, &err),
        &err);
    assert_int_equal(n_ids, n / 4);
    for (size_t i = 0; i < n_ids; i++) {
        assert_int_equal(ids[i], 2);
    }
    free(ids);
    free(text);
    attrib_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bpe__merges_are_those_of_the_definition),
        cmocka_unit_test(test_bpe__dropped_characters_do_not_part_their_neighbors),
        cmocka_unit_test(test_bpe__unknown_characters_are_fused_or_not),
        cmocka_unit_test(test_bpe__a_whole_word_comes_before_merges_if_asked),
        cmocka_unit_test(test_bpe__a_long_word_is_not_quadratic),
    };
    return run_cases(tests, NULL, NULL);
}
