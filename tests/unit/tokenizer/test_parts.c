/* SPDX-License-Identifier: MIT */
/* A text encoded in parts, and handed on batch by batch, has the ids of the whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_tokenizer.h"
#include "tokenizer/encode.h"
#include "tokenizer/ids.h"

#define N_PIECES 600

static attrib_status put_ids(void *context,
                             const int32_t *ids,
                             size_t n,
                             attrib_error *err)
{
    return at_ids_add(context, ids, n, err);
}

/* Pieces of text that borders lie between: spaces, lines, marks, unknown characters. */
static size_t write_text(uint32_t seed, char *out)
{
    static const char *const pieces[] = {
        " ",         "  ", "\n",   "\n\n", "a",   "the ",         " quick",
        "ing",       ".",  "\t",   "12",   "345", "\xE2\x96\x81", "é",
        "e\xCC\x81", "中", "🙂", "\r\n", "'s",  "<s>"};
    size_t n = 0;
    for (size_t i = 0; i < N_PIECES; i++) {
        seed = seed * 1664525u + 1013904223u;
        const char *piece = pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)];
        memcpy(out + n, piece, strlen(piece));
        n += strlen(piece);
    }
    return n;
}

/* Fails unless parts of `n_part` bytes give the ids of the whole. */
static void check_parts(const attrib_tokenizer *tokenizer,
                        const char *text,
                        size_t n_text,
                        size_t n_part)
{
    attrib_error err = {0};
    at_ids parts = {0};
    int32_t *whole = NULL;
    size_t n = 0;
    size_t n_ends = 0;
    (void)attrib_tokenizer_ends(tokenizer, &n_ends);
    check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){text, n_text}, true, &whole,
                                     &n, &err),
             &err);
    check_ok(at_tokenizer_encode_to(tokenizer, (attrib_text){text, n_text}, true,
                                    (at_id_sink){put_ids, &parts, n_part}, &err),
             &err);
    assert_int_equal(parts.n_ids, n - n_ends);
    assert_memory_equal(parts.ids, whole, parts.n_ids * sizeof *whole);
    free(parts.ids);
    free(whole);
}

static void check_tokenizer(const attrib_tokenizer *tokenizer)
{
    static char text[N_PIECES * 8];
    for (uint32_t seed = 1; seed <= 6; seed++) {
        size_t n = write_text(seed, text);
        for (size_t n_part = 1; n_part < 600; n_part += 1 + n_part / 2) {
            check_parts(tokenizer, text, n, n_part);
        }
    }
}

static void test_parts__of_every_kind_give_the_ids_of_the_whole(void **state)
{
    (void)state;
    static const char *const names[] = {
        "byte_fallback",  "byte_level", "byte_level_prefixed", "metaspace",
        "split_sequence", "unigram",    "unigram_fallback"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "tests/golden/tokenizer/%s.json", names[i]);
        json_t *golden = load_json(source_path(path));
        attrib_tokenizer *tokenizer =
            parse_tokenizer_value(json_object_get(golden, "tokenizer"));
        print_message("%s\n", names[i]);
        check_tokenizer(tokenizer);
        attrib_tokenizer_close(tokenizer);
        json_decref(golden);
    }
}

static void test_parts__of_real_tokenizers_give_the_ids_of_the_whole(void **state)
{
    (void)state;
    need_assets();
    static const char *const names[] = {
        "models/stories260K/hf", "models/stories260K/stories260K.gguf",
        "tokenizers/phi-3-mini.tokenizer.json", "tokenizers/neox-20B.tokenizer.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        attrib_error err = {0};
        attrib_tokenizer *tokenizer = NULL;
        check_ok(attrib_tokenizer_open(asset_path(names[i]), &tokenizer, &err), &err);
        check_tokenizer(tokenizer);
        attrib_tokenizer_close(tokenizer);
    }
}

/* A character that leaves nothing behind parts no neighbors. */
static void test_parts__are_not_cut_at_dropped_characters(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer =
        parse_tokenizer("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, "
                        "\"ab\": 2}, \"merges\": [\"a b\"]}}");
    CHECK_IDS(tokenizer, "a\nb", 2);
    check_parts(tokenizer, "a\nb", 3, 1);
    attrib_tokenizer_close(tokenizer);
}

/* A character that is replaced by many does not fit where one is looked at. */
static void test_parts__are_not_cut_where_one_character_becomes_many(void **state)
{
    (void)state;
    char json[1024];
    char many[257];
    memset(many, 'x', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    snprintf(json, sizeof json,
             "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"x\": 2, "
             "\"ax\": 3}, \"merges\": [\"a x\"]}, \"normalizer\": {\"type\": "
             "\"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"%s\"}}",
             many);
    attrib_tokenizer *tokenizer = parse_tokenizer(json);
    const char *text = "a b a b";
    check_parts(tokenizer, text, strlen(text), 1);
    check_parts(tokenizer, text, strlen(text), 3);
    attrib_tokenizer_close(tokenizer);
}

/* More words than one batch holds, and a text that normalization changes near its end. */
static void test_parts__long_texts_pass_in_batches(void **state)
{
    (void)state;
    json_t *golden = load_json(source_path("tests/golden/tokenizer/split_sequence.json"));
    attrib_tokenizer *tokenizer =
        parse_tokenizer_value(json_object_get(golden, "tokenizer"));
    const size_t n = 400000;
    char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        text[i] = "ab, 12\n"[i % 7];
    }
    memcpy(text + n - 100, "e\xCC\x81", 3);
    attrib_error err = {0};
    int32_t *whole = NULL;
    int32_t *half = NULL;
    size_t n_whole = 0;
    size_t n_half = 0;
    check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){text, n}, false, &whole,
                                     &n_whole, &err),
             &err);
    /* 200,004 bytes are 28,572 times the seven, and every seventh ends a line. */
    check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){text, 199997}, false, &half,
                                     &n_half, &err),
             &err);
    assert_true(n_whole > 2 * n_half - 100 && n_half > 50000);
    assert_memory_equal(whole, half, (n_half - 8) * sizeof *whole);
    free(whole);
    free(half);
    free(text);
    attrib_tokenizer_close(tokenizer);
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts__of_every_kind_give_the_ids_of_the_whole),
        cmocka_unit_test(test_parts__of_real_tokenizers_give_the_ids_of_the_whole),
        cmocka_unit_test(test_parts__are_not_cut_at_dropped_characters),
        cmocka_unit_test(test_parts__are_not_cut_where_one_character_becomes_many),
        cmocka_unit_test(test_parts__long_texts_pass_in_batches),
    };
    return run_cases(tests, NULL, NULL);
}
