/* SPDX-License-Identifier: MIT */
/* Real tokenizers against ids that llama.cpp and transformers.js published. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_tokenizer.h"

static attrib_tokenizer *open_asset(const char *name)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_ok(attrib_tokenizer_open(asset_path(name), &tokenizer, &err), &err);
    return tokenizer;
}

static void test_vectors__gpt2_gives_llamacpp_ids(void **state)
{
    (void)state;
    need_assets();
    check_llamacpp("tokenizers/gpt2.tokenizer.json",
                   "tokenizers/ggml-vocab-gpt-2.gguf.out");
}

static void test_vectors__phi3_gives_llamacpp_ids(void **state)
{
    (void)state;
    need_assets();
    check_llamacpp("tokenizers/phi-3-mini.tokenizer.json",
                   "tokenizers/phi-3-mini.llamacpp.out");
}

static void test_vectors__neox_gives_llamacpp_ids(void **state)
{
    (void)state;
    need_assets();
    check_llamacpp("tokenizers/neox-20B.tokenizer.json",
                   "tokenizers/neox-20B.llamacpp.out");
}

/* "decoded" there is cleaned up (spaces before punctuation dropped), which is not the
 * tokenizer's work: a text that GPT-2 decodes is the text itself. */
static void test_vectors__gpt2_gives_transformersjs_ids(void **state)
{
    (void)state;
    need_assets();
    attrib_tokenizer *tokenizer = open_asset("tokenizers/gpt2.tokenizer.json");
    json_t *cases = load_json(asset_path("tokenizers/vectors/gpt2_transformersjs.json"));
    assert_int_equal(json_array_size(cases), 26);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        check_ids(tokenizer, json_object_get(one, "text"), false,
                  json_object_get(one, "ids"));
        check_decoded(tokenizer, json_object_get(one, "ids"), false,
                      json_object_get(one, "text"));
    }
    json_decref(cases);
    attrib_tokenizer_close(tokenizer);
}

static void test_vectors__phi3_gives_llama_ids_behind_bos(void **state)
{
    (void)state;
    need_assets();
    attrib_tokenizer *tokenizer = open_asset("tokenizers/phi-3-mini.tokenizer.json");
    json_t *cases = load_json(asset_path("tokenizers/vectors/llama_transformersjs.json"));
    assert_int_equal(json_array_size(cases), 37);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        json_t *ids = json_object_get(one, "ids");
        check_decoded(tokenizer, ids, false, json_object_get(one, "decoded"));
        json_t *rest = json_copy(ids);
        assert_int_equal(json_integer_value(json_array_get(rest, 0)), 1);
        json_array_remove(rest, 0);
        check_ids(tokenizer, json_object_get(one, "text"), false, rest);
        json_decref(rest);
    }
    json_decref(cases);
    attrib_tokenizer_close(tokenizer);
}

static void test_vectors__stories260k_gives_llamacpp_ids(void **state)
{
    (void)state;
    need_assets();
    attrib_tokenizer *tokenizer = open_asset("models/stories260K/hf");
    json_t *cases = load_json(asset_path("tokenizers/vectors/tok512_llamacpp.json"));
    assert_int_equal(json_array_size(cases), 46);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        check_ids(tokenizer, json_object_get(one, "text"), false,
                  json_object_get(one, "ids"));
        check_decoded(tokenizer, json_object_get(one, "ids"), false,
                      json_object_get(one, "text"));
    }
    json_decref(cases);
    assert_int_equal(attrib_tokenizer_n_tokens(tokenizer), 512);
    assert_int_equal(attrib_tokenizer_bos(tokenizer), 1);
    assert_int_equal(attrib_tokenizer_eos(tokenizer), 2);
    assert_string_equal(attrib_tokenizer_kind(tokenizer), "BPE (byte fallback)");
    attrib_tokenizer_close(tokenizer);
}

/* The ids whose log-probabilities are known begin with BOS and are the greedy text. */
static void test_vectors__stories260k_text_has_the_ids_of_its_logprobs(void **state)
{
    (void)state;
    need_assets();
    attrib_tokenizer *tokenizer = open_asset("models/stories260K/hf");
    char *greedy = read_asset("models/stories260K/expected_greedy.txt");
    json_t *expected =
        load_json(asset_path("models/stories260K/expected_logprobs_fp64.json"));
    const json_t *ids = json_object_get(expected, "ids");
    attrib_error err = {0};
    int32_t *got = NULL;
    size_t n = 0;
    check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){greedy, strlen(greedy)},
                                     true, &got, &n, &err),
             &err);
    assert_true(json_array_size(ids) > 30 && json_array_size(ids) <= n);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        assert_int_equal(got[i], json_integer_value(json_array_get(ids, i)));
    }
    free(got);
    json_decref(expected);
    free(greedy);
    attrib_tokenizer_close(tokenizer);
}

/* The whole of Shakespeare is the concatenation of its tokens' bytes. */
static void test_vectors__pieces_of_a_long_text_are_the_text(void **state)
{
    (void)state;
    need_assets();
    char *text = read_asset("corpora/tinyshakespeare.txt");
    attrib_tokenizer *gpt2 = open_asset("tokenizers/gpt2.tokenizer.json");
    check_pieces(gpt2, text, strlen(text), "");
    assert_string_equal(attrib_tokenizer_kind(gpt2), "BPE (byte-level)");
    attrib_tokenizer_close(gpt2);
    attrib_tokenizer *phi3 = open_asset("tokenizers/phi-3-mini.tokenizer.json");
    check_pieces(phi3, text, strlen(text), " ");
    attrib_tokenizer_close(phi3);
    attrib_tokenizer *neox = open_asset("tokenizers/neox-20B.tokenizer.json");
    check_pieces(neox, text, strlen(text), "");
    attrib_tokenizer_close(neox);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors__gpt2_gives_llamacpp_ids),
        cmocka_unit_test(test_vectors__phi3_gives_llamacpp_ids),
        cmocka_unit_test(test_vectors__neox_gives_llamacpp_ids),
        cmocka_unit_test(test_vectors__gpt2_gives_transformersjs_ids),
        cmocka_unit_test(test_vectors__phi3_gives_llama_ids_behind_bos),
        cmocka_unit_test(test_vectors__stories260k_gives_llamacpp_ids),
        cmocka_unit_test(test_vectors__stories260k_text_has_the_ids_of_its_logprobs),
        cmocka_unit_test(test_vectors__pieces_of_a_long_text_are_the_text),
    };
    return run_cases(tests, NULL, NULL);
}
