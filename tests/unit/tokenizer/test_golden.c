/* SPDX-License-Identifier: MIT */
/* Small tokenizers of every kind against what Hugging Face's library says of them
 * (scripts/make-tokenizer-fixtures). */
#include <stdio.h>
#include <string.h>

#include "support_tokenizer.h"

static json_t *load_golden(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "tests/golden/tokenizer/%s.json", name);
    return load_json(source_path(path));
}

static void check_golden(const char *name)
{
    json_t *texts = load_golden("texts");
    json_t *golden = load_golden(name);
    attrib_tokenizer *tokenizer =
        parse_tokenizer_value(json_object_get(golden, "tokenizer"));
    const json_t *list = json_object_get(texts, "texts");
    size_t n = json_array_size(list);
    assert_true(n > 200);
    assert_int_equal(json_array_size(json_object_get(golden, "ids")), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_array_get(list, i);
        const json_t *ids = json_array_get(json_object_get(golden, "ids"), i);
        const json_t *special = json_array_get(json_object_get(golden, "special"), i);
        check_ids(tokenizer, text, false, ids);
        check_ids(tokenizer, text, true, json_is_null(special) ? ids : special);
        check_decoded(tokenizer, ids, false,
                      json_array_get(json_object_get(golden, "decoded"), i));
    }
    attrib_tokenizer_close(tokenizer);
    json_decref(golden);
    json_decref(texts);
}

static void test_golden__byte_level_with_added_tokens(void **state)
{
    (void)state;
    check_golden("byte_level");
}

static void test_golden__byte_level_with_a_space_before(void **state)
{
    (void)state;
    check_golden("byte_level_prefixed");
}

static void test_golden__byte_fallback(void **state)
{
    (void)state;
    check_golden("byte_fallback");
}

static void test_golden__metaspace_at_the_beginning(void **state)
{
    (void)state;
    check_golden("metaspace");
}

static void test_golden__split_then_bytes_ignoring_merges(void **state)
{
    (void)state;
    check_golden("split_sequence");
}

static void test_golden__words_without_spaces(void **state)
{
    (void)state;
    check_golden("words");
}

static void test_golden__unigram_with_compiled_normalization(void **state)
{
    (void)state;
    check_golden("unigram");
}

static void test_golden__unigram_with_byte_fallback(void **state)
{
    (void)state;
    check_golden("unigram_fallback");
}

/* The tokenizer with some members replaced, and some options of its model. */
static attrib_tokenizer *with_stages(const json_t *base, json_t *stages)
{
    json_t *made = json_deep_copy(base);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(stages, key, value)
    {
        if (strcmp(key, "model") == 0) {
            json_object_update(json_object_get(made, "model"), value);
        } else {
            json_object_set(made, key, value);
        }
    }
    attrib_tokenizer *tokenizer = parse_tokenizer_value(made);
    json_decref(made);
    return tokenizer;
}

static void test_golden__every_stage_alone(void **state)
{
    (void)state;
    json_t *golden = load_golden("stages");
    const json_t *texts = json_object_get(golden, "texts");
    const json_t *cases = json_object_get(golden, "cases");
    assert_true(json_array_size(cases) > 90);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        attrib_tokenizer *tokenizer = with_stages(json_object_get(golden, "tokenizer"),
                                                  json_object_get(one, "stages"));
        for (size_t j = 0; j < json_array_size(texts); j++) {
            const json_t *ids = json_array_get(json_object_get(one, "ids"), j);
            check_ids(tokenizer, json_array_get(texts, j), false, ids);
            check_decoded(tokenizer, ids, false,
                          json_array_get(json_object_get(one, "decoded"), j));
        }
        attrib_tokenizer_close(tokenizer);
    }
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden__byte_level_with_added_tokens),
        cmocka_unit_test(test_golden__byte_level_with_a_space_before),
        cmocka_unit_test(test_golden__byte_fallback),
        cmocka_unit_test(test_golden__metaspace_at_the_beginning),
        cmocka_unit_test(test_golden__split_then_bytes_ignoring_merges),
        cmocka_unit_test(test_golden__words_without_spaces),
        cmocka_unit_test(test_golden__unigram_with_compiled_normalization),
        cmocka_unit_test(test_golden__unigram_with_byte_fallback),
        cmocka_unit_test(test_golden__every_stage_alone),
    };
    return run_cases(tests, NULL, NULL);
}
