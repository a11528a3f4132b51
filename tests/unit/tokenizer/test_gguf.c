/* SPDX-License-Identifier: MIT */
/* Tokenizers of GGUF files: real ones against llama.cpp's ids, made ones by hand. Hugging
 * Face's and SentencePiece's ids of ten thousand texts: scripts/compare-tokenizers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_tokenizer.h"
#include "tokenizer/tokenizer_internal.h"

/* 1. A file's metadata, built value by value */

typedef struct file {
    at_buffer bytes;
    uint64_t n_values;
} file;

static void put(file *f, const void *bytes, size_t n)
{
    attrib_error err = {0};
    check_ok(at_buffer_append(&f->bytes, bytes, n, &err), &err);
}

static void put_u32(file *f, uint32_t value)
{
    put(f, &value, sizeof value);
}

static void put_text(file *f, const char *text)
{
    uint64_t n = strlen(text);
    put(f, &n, sizeof n);
    put(f, text, n);
}

static void put_key(file *f, const char *key, at_gguf_type type)
{
    put_text(f, key);
    put_u32(f, type);
    f->n_values++;
}

static void add_text(file *f, const char *key, const char *text)
{
    put_key(f, key, AT_GGUF_TEXT);
    put_text(f, text);
}

static void add_u32(file *f, const char *key, uint32_t value)
{
    put_key(f, key, AT_GGUF_U32);
    put_u32(f, value);
}

static void add_bool(file *f, const char *key, bool value)
{
    put_key(f, key, AT_GGUF_BOOL);
    put(f, &value, 1);
}

static void put_array(file *f, const char *key, at_gguf_type type, uint64_t n)
{
    put_key(f, key, AT_GGUF_ARRAY);
    put_u32(f, type);
    put(f, &n, sizeof n);
}

static void add_texts(file *f, const char *key, const char *const *texts, size_t n)
{
    put_array(f, key, AT_GGUF_TEXT, n);
    for (size_t i = 0; i < n; i++) {
        put_text(f, texts[i]);
    }
}

static attrib_status open_file(const file *f, attrib_tokenizer **out, attrib_error *err)
{
    file whole = {0};
    at_gguf *gguf = NULL;
    const uint64_t none = 0;
    put(&whole, "GGUF", 4);
    put_u32(&whole, 3);
    put(&whole, &none, sizeof none);
    put(&whole, &f->n_values, sizeof f->n_values);
    put(&whole, f->bytes.bytes, f->bytes.n_bytes);
    attrib_status status = at_gguf_open_bytes(
        "x.gguf", whole.bytes.bytes, whole.bytes.n_bytes, AT_GGUF_HEADER, &gguf, err);
    if (status == ATTRIB_OK) {
        status = at_tokenizer_from_gguf(gguf, out, err);
    }
    at_gguf_close(gguf);
    at_buffer_free(&whole.bytes);
    return status;
}

static attrib_tokenizer *open_good(file *f)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_ok(open_file(f, &tokenizer, &err), &err);
    at_buffer_free(&f->bytes);
    return tokenizer;
}

static void check_refused(file *f, attrib_status expected, const char *part)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_fails(open_file(f, &tokenizer, &err), expected, &err);
    check_message(&err, part);
    at_buffer_free(&f->bytes);
}

/* "<s>", "</s>" and "<unk>" are 1, 2 and 0; "a", "b", the mark, "ab", "aab" and "<0x41>"
 * follow. */
#define MARK     "\xE2\x96\x81"
#define N_TOKENS 10
static const char *const tokens[N_TOKENS] = {"<unk>", "<s>", "</s>", "a",      "b",
                                             MARK,    "ab",  "aab",  "<0x41>", "[user]"};
static const int32_t types[N_TOKENS] = {2, 3, 3, 1, 1, 1, 1, 1, 6, 4};

static file llama_file(float score_ab, float score_aab)
{
    file f = {0};
    float scores[N_TOKENS] = {0, 0, 0, -3, -4, -5, 0, 0, 0, 0};
    scores[6] = score_ab;
    scores[7] = score_aab;
    add_text(&f, "tokenizer.ggml.model", "llama");
    add_texts(&f, "tokenizer.ggml.tokens", tokens, N_TOKENS);
    put_array(&f, "tokenizer.ggml.scores", AT_GGUF_F32, N_TOKENS);
    put(&f, scores, sizeof scores);
    put_array(&f, "tokenizer.ggml.token_type", AT_GGUF_I32, N_TOKENS);
    put(&f, types, sizeof types);
    return f;
}

/* 2. llama */

static void test_gguf__scores_say_what_is_joined_first(void **state)
{
    (void)state;
    file f = llama_file(-1, -2);
    add_u32(&f, "tokenizer.ggml.bos_token_id", 1);
    add_u32(&f, "tokenizer.ggml.eos_token_id", 2);
    attrib_tokenizer *tokenizer = open_good(&f);
    CHECK_IDS(tokenizer, "aab", 5, 7); /* ab, then a and ab */
    CHECK_IDS(tokenizer, "abab a", 5, 6, 6, 5, 3);
    CHECK_IDS(tokenizer, "A", 5, 8);              /* by its byte */
    CHECK_IDS(tokenizer, "a?\xC3\xA9z", 5, 3, 0); /* unknown ones are one */
    CHECK_IDS(tokenizer, "a<s>b[user] a", 5, 3, 1, 5, 4, 9, 5, 5, 3);
    assert_int_equal(attrib_tokenizer_bos(tokenizer), 1);
    assert_int_equal(attrib_tokenizer_eos(tokenizer), 2);
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    check_ok(
        attrib_tokenizer_encode(tokenizer, (attrib_text){"a", 1}, true, &ids, &n, &err),
        &err);
    assert_int_equal(n, 3); /* the usual: BOS before, nothing behind */
    assert_int_equal(ids[0], 1);
    free(ids);
    attrib_tokenizer_close(tokenizer);
    f = llama_file(-2, -1); /* "aab" needs "ab" all the same */
    add_bool(&f, "tokenizer.ggml.add_space_prefix", false);
    tokenizer = open_good(&f);
    CHECK_IDS(tokenizer, "aab b", 7, 5, 4);
    attrib_tokenizer_close(tokenizer);
}

static void test_gguf__ends_are_as_the_file_says(void **state)
{
    (void)state;
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    file f = llama_file(-1, -2);
    add_u32(&f, "tokenizer.ggml.bos_token_id", 1);
    add_u32(&f, "tokenizer.ggml.eos_token_id", 2);
    add_u32(&f, "tokenizer.ggml.eot_token_id", 9);
    add_u32(&f, "tokenizer.ggml.eom_token_id", UINT32_MAX);
    add_bool(&f, "tokenizer.ggml.add_bos_token", false);
    add_bool(&f, "tokenizer.ggml.add_eos_token", true);
    add_text(&f, "tokenizer.chat_template", "{{ messages[0].content }}");
    attrib_tokenizer *tokenizer = open_good(&f);
    check_ok(
        attrib_tokenizer_encode(tokenizer, (attrib_text){"", 0}, true, &ids, &n, &err),
        &err);
    assert_int_equal(n, 1);
    assert_int_equal(ids[0], 2);
    free(ids);
    const int32_t *stops = attrib_tokenizer_stops(tokenizer, &n);
    assert_int_equal(n, 2);
    assert_int_equal(stops[0], 9);
    assert_int_equal(stops[1], 2);
    assert_string_equal(attrib_tokenizer_chat_template(tokenizer),
                        "{{ messages[0].content }}");
    assert_string_equal(attrib_tokenizer_kind(tokenizer), "BPE (byte fallback)");
    assert_true(attrib_tokenizer_is_special(tokenizer, 1));
    assert_false(attrib_tokenizer_is_special(tokenizer, 9));
    attrib_tokenizer_close(tokenizer);
}

static void test_gguf__broken_llamas_are_refused(void **state)
{
    (void)state;
    file f = {0};
    add_text(&f, "tokenizer.ggml.model", "llama");
    add_texts(&f, "tokenizer.ggml.tokens", tokens, N_TOKENS);
    check_refused(&f, ATTRIB_EFORMAT, "no scores");
    f = llama_file(NAN, -2);
    check_refused(&f, ATTRIB_EFORMAT, "the score of token 6 is no number");
    f = llama_file(-1, -2);
    add_u32(&f, "tokenizer.ggml.eos_token_id", 10);
    check_refused(
        &f, ATTRIB_EFORMAT,
        "\"tokenizer.ggml.eos_token_id\": id 10 is not in the vocabulary of 10");
    f = (file){0};
    add_text(&f, "tokenizer.ggml.model", "llama");
    check_refused(&f, ATTRIB_EFORMAT, "no tokens");
    f = (file){0};
    add_text(&f, "tokenizer.ggml.model", "llama");
    add_texts(&f, "tokenizer.ggml.tokens", tokens, N_TOKENS);
    put_array(&f, "tokenizer.ggml.scores", AT_GGUF_F32, 1);
    put_u32(&f, 0);
    check_refused(&f, ATTRIB_ESHAPE, "1 scores of 10 tokens");
}

/* To halve a token in all ways takes time that grows with its square. */
static void test_gguf__long_tokens_are_refused(void **state)
{
    (void)state;
    char longest[1026];
    memset(longest, 'a', sizeof longest);
    longest[1025] = '\0';
    const char *const texts[] = {"<unk>", "a", longest};
    const float scores[] = {0, -1, -2};
    file f = {0};
    add_text(&f, "tokenizer.ggml.model", "llama");
    add_texts(&f, "tokenizer.ggml.tokens", texts, 3);
    put_array(&f, "tokenizer.ggml.scores", AT_GGUF_F32, 3);
    put(&f, scores, sizeof scores);
    check_refused(&f, ATTRIB_ERANGE, "token 2 has 1025 bytes, expected at most 1024");
}

/* 3. gpt2 */

static file gpt2_file(const char *pre, const char *merge)
{
    static const char *const texts[] = {"a", "b", "ab", "<|im_end|>"};
    static const int32_t kinds[] = {1, 1, 1, 3};
    file f = {0};
    add_text(&f, "tokenizer.ggml.model", "gpt2");
    if (pre) {
        add_text(&f, "tokenizer.ggml.pre", pre);
    }
    add_texts(&f, "tokenizer.ggml.tokens", texts, 4);
    put_array(&f, "tokenizer.ggml.token_type", AT_GGUF_I32, 4);
    put(&f, kinds, sizeof kinds);
    add_texts(&f, "tokenizer.ggml.merges", &merge, 1);
    return f;
}

static void test_gguf__merges_are_ranked_as_they_stand(void **state)
{
    (void)state;
    size_t n = 0;
    file f = gpt2_file("gpt-2", "a b");
    attrib_tokenizer *tokenizer = open_good(&f);
    CHECK_IDS(tokenizer, "abba<|im_end|>b", 2, 1, 0, 3, 1);
    assert_string_equal(attrib_tokenizer_kind(tokenizer), "BPE (byte-level)");
    const int32_t *stops = attrib_tokenizer_stops(tokenizer, &n);
    assert_int_equal(n, 1);
    assert_int_equal(stops[0], 3);
    attrib_tokenizer_close(tokenizer);
}

static void test_gguf__a_missing_pre_tokenizer_is_noted(void **state)
{
    (void)state;
    file f = gpt2_file(NULL, "a b");
    attrib_tokenizer *tokenizer = open_good(&f);
    assert_non_null(strstr(attrib_tokenizer_note(tokenizer), "\"tokenizer.ggml.pre\""));
    attrib_tokenizer_close(tokenizer);
    f = gpt2_file("default", "a b");
    tokenizer = open_good(&f);
    assert_null(attrib_tokenizer_note(tokenizer));
    attrib_tokenizer_close(tokenizer);
}

static void test_gguf__unknown_kinds_are_named(void **state)
{
    (void)state;
    file f = gpt2_file("unheard-of", "a b");
    check_refused(
        &f, ATTRIB_ENOTSUP,
        "x.gguf: pre-tokenizer \"unheard-of\" is not supported: give the model's "
        "tokenizer.json by --tokenizer");
    f = (file){0};
    add_text(&f, "tokenizer.ggml.model", "t5");
    check_refused(&f, ATTRIB_ENOTSUP, "tokenizer \"t5\" is not supported");
    f = (file){0};
    add_text(&f, "general.name", "x");
    attrib_error err = {0};
    attrib_tokenizer *none = NULL;
    assert_int_equal(open_file(&f, &none, &err), ATTRIB_END);
    at_buffer_free(&f.bytes);
    f = gpt2_file("gpt-2", "ab");
    check_refused(&f, ATTRIB_EFORMAT, "merge 0: \"ab\" is not two tokens and one space");
    f = gpt2_file("gpt-2", "a c");
    check_refused(&f, ATTRIB_EFORMAT, "merge 0: token \"c\" is not in the vocabulary");
}

/* 4. What llama.cpp says (scripts/make-gguf-tokenizer-fixture) */

static void add_json_texts(file *f, const char *key, const json_t *texts)
{
    size_t n = json_array_size(texts);
    put_array(f, key, AT_GGUF_TEXT, n);
    for (size_t i = 0; i < n; i++) {
        put_text(f, json_string_value(json_array_get(texts, i)));
    }
}

/* Fails unless the file gives the ids of a case, which has `n` texts. */
static void check_case(file *f, const json_t *one, size_t n)
{
    attrib_tokenizer *tokenizer = open_good(f);
    const json_t *texts = json_object_get(one, "texts");
    assert_int_equal(json_array_size(texts), n);
    for (size_t i = 0; i < n; i++) {
        check_ids(tokenizer, json_array_get(texts, i), false,
                  json_array_get(json_object_get(one, "ids"), i));
    }
    attrib_tokenizer_close(tokenizer);
}

static void test_gguf__every_pre_tokenizer_splits_as_llamacpp(void **state)
{
    (void)state;
    json_t *golden = load_json(source_path("tests/golden/tokenizer/gguf.json"));
    const json_t *bpe = json_object_get(golden, "bpe");
    const json_t *cases = json_object_get(bpe, "cases");
    assert_int_equal(json_array_size(cases), 20);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        const char *pre = json_string_value(json_object_get(one, "pre"));
        file f = {0};
        add_text(&f, "tokenizer.ggml.model", "gpt2");
        if (pre) {
            add_text(&f, "tokenizer.ggml.pre", pre);
        }
        add_json_texts(&f, "tokenizer.ggml.tokens", json_object_get(bpe, "tokens"));
        add_json_texts(&f, "tokenizer.ggml.merges", json_object_get(bpe, "merges"));
        print_message("pre-tokenizer %s\n", pre ? pre : "(none)");
        check_case(&f, one, 24);
    }
    json_decref(golden);
}

/* A "llama" file of <unk>, <s>, </s>, 256 bytes and a case's tokens with their scores. */
static file scored_file(const json_t *one)
{
    file f = {0};
    const json_t *texts = json_object_get(one, "tokens");
    const json_t *scores = json_object_get(one, "scores");
    size_t n = json_array_size(texts);
    add_text(&f, "tokenizer.ggml.model", "llama");
    put_array(&f, "tokenizer.ggml.tokens", AT_GGUF_TEXT, 259 + n);
    put_text(&f, "<unk>");
    put_text(&f, "<s>");
    put_text(&f, "</s>");
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", byte);
        put_text(&f, text);
    }
    for (size_t i = 0; i < n; i++) {
        put_text(&f, json_string_value(json_array_get(texts, i)));
    }
    put_array(&f, "tokenizer.ggml.token_type", AT_GGUF_I32, 259 + n);
    for (size_t i = 0; i < 259 + n; i++) {
        put_u32(&f, i < 3 ? 3 : i < 259 ? 6 : 1);
    }
    put_array(&f, "tokenizer.ggml.scores", AT_GGUF_F32, 259 + n);
    for (size_t i = 0; i < 259 + n; i++) {
        float score =
            i < 259 ? 0 : (float)json_real_value(json_array_get(scores, i - 259));
        put(&f, &score, sizeof score);
    }
    return f;
}

/* Long texts are merged by a heap, short ones by scanning: both are among them. */
static void test_gguf__equal_scores_are_joined_from_left_to_right(void **state)
{
    (void)state;
    json_t *golden = load_json(source_path("tests/golden/tokenizer/gguf.json"));
    const json_t *cases = json_object_get(json_object_get(golden, "spm"), "cases");
    assert_int_equal(json_array_size(cases), 3);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        file f = scored_file(json_array_get(cases, i));
        check_case(&f, json_array_get(cases, i), 25);
    }
    json_decref(golden);
}

/* 5. Real files */

static void test_gguf__gpt2_gives_llamacpp_ids(void **state)
{
    (void)state;
    need_assets();
    check_llamacpp("tokenizers/ggml-vocab-gpt-2.gguf",
                   "tokenizers/ggml-vocab-gpt-2.gguf.out");
}

static void test_gguf__stories_give_llamacpp_ids(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_ok(attrib_tokenizer_open(asset_path("models/stories260K/stories260K.gguf"),
                                   &tokenizer, &err),
             &err);
    json_t *cases = load_json(asset_path("tokenizers/vectors/tok512_llamacpp.json"));
    assert_int_equal(json_array_size(cases), 46);
    for (size_t i = 0; i < 46; i++) {
        const json_t *one = json_array_get(cases, i);
        check_ids(tokenizer, json_object_get(one, "text"), false,
                  json_object_get(one, "ids"));
    }
    attrib_tokenizer_close(tokenizer);
    json_decref(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gguf__scores_say_what_is_joined_first),
        cmocka_unit_test(test_gguf__ends_are_as_the_file_says),
        cmocka_unit_test(test_gguf__broken_llamas_are_refused),
        cmocka_unit_test(test_gguf__long_tokens_are_refused),
        cmocka_unit_test(test_gguf__merges_are_ranked_as_they_stand),
        cmocka_unit_test(test_gguf__a_missing_pre_tokenizer_is_noted),
        cmocka_unit_test(test_gguf__unknown_kinds_are_named),
        cmocka_unit_test(test_gguf__every_pre_tokenizer_splits_as_llamacpp),
        cmocka_unit_test(test_gguf__equal_scores_are_joined_from_left_to_right),
        cmocka_unit_test(test_gguf__gpt2_gives_llamacpp_ids),
        cmocka_unit_test(test_gguf__stories_give_llamacpp_ids),
    };
    return run_cases(tests, NULL, NULL);
}
