/* SPDX-License-Identifier: MIT */
/* What is refused, and in which words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_tokenizer.h"
#include "tokenizer/tokenizer_internal.h"

static void check_refused(const char *json, attrib_status expected, const char *part)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_fails(at_tokenizer_parse("dir/t.json", json, strlen(json), &tokenizer, &err),
                expected, &err);
    assert_null(tokenizer);
    check_message(&err, "dir/t.json: ");
    check_message(&err, part);
}

#define MODEL                                                                            \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[]}"

static void check_stage(const char *stage, attrib_status expected, const char *part)
{
    char json[2048];
    int n = snprintf(json, sizeof json, "{" MODEL ",%s}", stage);
    assert_true(n > 0 && (size_t)n < sizeof json);
    check_refused(json, expected, part);
}

static void test_load__what_is_no_tokenizer_is_refused(void **state)
{
    (void)state;
    check_refused("", ATTRIB_EFORMAT, "JSON");
    check_refused("{", ATTRIB_EFORMAT, "JSON");
    check_refused("[]", ATTRIB_EFORMAT, "expected an object");
    check_refused("{}", ATTRIB_EFORMAT, "key \"model\": expected an object");
    check_refused("{\"model\":{}}", ATTRIB_EFORMAT, "a model without a \"type\"");
    check_refused("{\"model\":{\"type\":\"BPE\"}}", ATTRIB_EFORMAT, "key \"vocab\"");
    check_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", ATTRIB_EFORMAT,
                  "key \"merges\"");
}

static void test_load__other_models_are_named(void **state)
{
    (void)state;
    static const char *const kinds[] = {"WordPiece", "WordLevel"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char json[128];
        char part[64];
        snprintf(json, sizeof json, "{\"model\":{\"type\":\"%s\",\"vocab\":{}}}",
                 kinds[i]);
        snprintf(part, sizeof part, "model \"%s\" is not supported", kinds[i]);
        check_refused(json, ATTRIB_ENOTSUP, part);
    }
}

static void check_option(const char *option, const char *key)
{
    char json[512];
    char part[128];
    snprintf(json, sizeof json,
             "{\"model\":{\"type\":\"BPE\",%s,\"vocab\":{},\"merges\":[]}}", option);
    snprintf(part, sizeof part, "model: \"%s\" is not supported unless null", key);
    check_refused(json, ATTRIB_ENOTSUP, part);
}

static void test_load__options_of_other_bpe_are_named(void **state)
{
    (void)state;
    check_option("\"dropout\":0.1", "dropout");
    check_option("\"continuing_subword_prefix\":\"##\"", "continuing_subword_prefix");
    check_option("\"end_of_word_suffix\":\"</w>\"", "end_of_word_suffix");
    attrib_tokenizer_close(
        parse_tokenizer("{\"model\":{\"type\":\"BPE\",\"dropout\":null,\"continuing_"
                        "subword_prefix\":\"\","
                        "\"end_of_word_suffix\":null,\"vocab\":{},\"merges\":[]}}"));
}

static void check_kinds(const char *key, const char *word, const char *const *kinds)
{
    for (; *kinds; kinds++) {
        char stage[128];
        char part[128];
        snprintf(stage, sizeof stage, "\"%s\":{\"type\":\"%s\"}", key, *kinds);
        snprintf(part, sizeof part, "%s \"%s\" is not supported", word, *kinds);
        check_stage(stage, ATTRIB_ENOTSUP, part);
    }
    char stage[128];
    char part[128];
    snprintf(stage, sizeof stage, "\"%s\":{}", key);
    snprintf(part, sizeof part, "a %s without a \"type\"", word);
    check_stage(stage, ATTRIB_EFORMAT, part);
}

static void test_load__other_stages_are_named(void **state)
{
    (void)state;
    check_kinds("normalizer", "normalizer",
                (const char *const[]){"BertNormalizer", "StripAccents", "Nmt",
                                      "ByteLevel", NULL});
    check_kinds("pre_tokenizer", "pre-tokenizer",
                (const char *const[]){"BertPreTokenizer", "CharDelimiterSplit",
                                      "UnicodeScripts", "FixedLength", NULL});
    check_kinds("post_processor", "post-processor", (const char *const[]){"X", NULL});
    check_kinds("decoder", "decoder",
                (const char *const[]){"WordPiece", "BPEDecoder", "CTC", NULL});
}

static void test_load__broken_stages_are_refused(void **state)
{
    (void)state;
    check_stage("\"normalizer\":3", ATTRIB_EFORMAT, "expected objects");
    check_stage("\"normalizer\":{\"type\":\"Sequence\"}", ATTRIB_EFORMAT,
                "key \"normalizers\": expected an array");
    check_stage("\"normalizer\":{\"type\":\"Replace\",\"content\":\"\"}", ATTRIB_EFORMAT,
                "key \"pattern\": expected an object");
    check_stage("\"normalizer\":{\"type\":\"Replace\",\"content\":\"\",\"pattern\":"
                "{\"String\":\"\"}}",
                ATTRIB_ENOTSUP, "an empty pattern");
    check_stage("\"normalizer\":{\"type\":\"Strip\",\"strip_left\":1}", ATTRIB_EFORMAT,
                "key \"strip_left\"");
    check_stage("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},"
                "\"behavior\":\"Isolated\"}",
                ATTRIB_ENOTSUP, "the pattern \"(\" is not supported");
    check_stage("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"}}",
                ATTRIB_EFORMAT, "key \"behavior\"");
    check_stage("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},"
                "\"behavior\":\"Odd\"}",
                ATTRIB_ENOTSUP, "behavior \"Odd\"");
    check_stage("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"ab\"}",
                ATTRIB_EFORMAT, "is not one character");
    check_stage("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\","
                "\"prepend_scheme\":\"last\"}",
                ATTRIB_ENOTSUP, "prepend_scheme \"last\"");
    check_stage("\"decoder\":{\"type\":\"Strip\",\"content\":\"\"}", ATTRIB_EFORMAT,
                "is not one character");
}

static void test_load__a_sequence_without_end_is_refused(void **state)
{
    (void)state;
    char *stage = malloc(8192);
    assert_non_null(stage);
    strcpy(stage, "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
    for (size_t i = 0; i < 65; i++) {
        strcat(stage, i ? ",{\"type\":\"NFC\"}" : "{\"type\":\"NFC\"}");
    }
    strcat(stage, "]}");
    check_stage(stage, ATTRIB_ERANGE, "more than 64 steps");
    free(stage);
}

static void check_model(const char *members, attrib_status expected, const char *part)
{
    char json[1024];
    snprintf(json, sizeof json, "{\"model\":{\"type\":\"BPE\",%s}}", members);
    check_refused(json, expected, part);
}

static void test_load__broken_vocabularies_are_refused(void **state)
{
    (void)state;
    check_model("\"vocab\":[],\"merges\":[]", ATTRIB_EFORMAT, "key \"vocab\"");
    check_model("\"vocab\":{\"a\":\"0\"},\"merges\":[]", ATTRIB_EFORMAT,
                "token \"a\": expected an id");
    check_model("\"vocab\":{\"a\":-1},\"merges\":[]", ATTRIB_EFORMAT,
                "token \"a\": expected an id");
    check_model("\"vocab\":{\"a\":0.5},\"merges\":[]", ATTRIB_EFORMAT,
                "token \"a\": expected an id");
    check_model("\"vocab\":{\"a\":99999999999999999999},\"merges\":[]", ATTRIB_EFORMAT,
                "token \"a\": expected an id");
    check_model("\"vocab\":{\"a\":4000000000},\"merges\":[]", ATTRIB_ERANGE,
                "token \"a\" has id 4000000000");
    check_model("\"vocab\":{\"a\":7,\"b\":7},\"merges\":[]", ATTRIB_EFORMAT,
                "id 7 has two tokens, \"a\" and \"b\"");
    check_model("\"vocab\":{\"a\":1,\"a\":2},\"merges\":[]", ATTRIB_EFORMAT, "duplicate");
}

static void check_unigram(const char *members, attrib_status expected, const char *part)
{
    char json[2048];
    snprintf(json, sizeof json, "{\"model\":{\"type\":\"Unigram\",%s}}", members);
    check_refused(json, expected, part);
}

static void test_load__broken_unigrams_are_refused(void **state)
{
    (void)state;
    char members[1600];
    check_unigram("\"vocab\":{}", ATTRIB_EFORMAT, "key \"vocab\": expected an array");
    check_unigram("\"vocab\":[[\"a\"]]", ATTRIB_EFORMAT, "entry 0 of \"vocab\"");
    check_unigram("\"vocab\":[[\"a\",0],[\"b\",\"c\"]]", ATTRIB_EFORMAT, "entry 1");
    check_unigram("\"vocab\":[[\"a\",0],[\"a\",1]]", ATTRIB_EFORMAT, "\"a\" has two ids");
    check_unigram("\"vocab\":[[\"a\",0]],\"unk_id\":1", ATTRIB_EFORMAT,
                  "\"unk_id\" 1 is not in the vocabulary of 1 tokens");
    snprintf(members, sizeof members, "\"vocab\":[[\"%01025d\",0]]", 0);
    check_unigram(members, ATTRIB_ERANGE, "token 0 has 1025 bytes, at most 1024");
}

#define CHARSMAP(base64)                                                                 \
    "\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" base64 "\"}"

static void test_load__broken_charsmaps_are_refused(void **state)
{
    (void)state;
    check_stage(CHARSMAP("AAA"), ATTRIB_EFORMAT, "Precompiled: no base64");
    check_stage(CHARSMAP("AA=A"), ATTRIB_EFORMAT, "no base64 at character 0");
    check_stage(CHARSMAP("A==="), ATTRIB_EFORMAT, "no base64 at character 0");
    check_stage(CHARSMAP("AAA="), ATTRIB_EFORMAT, "a map of 2 bytes is broken");
    check_stage(CHARSMAP("AAAAAA=="), ATTRIB_EFORMAT, "a map of 4 bytes is broken");
    check_stage(CHARSMAP("CAAAAAAAAAA="), ATTRIB_EFORMAT, "a map of 8 bytes is broken");
    check_stage(CHARSMAP("BAAAAAAAAAD/AA=="), ATTRIB_EFORMAT, "not UTF-8");
    check_stage("\"normalizer\":{\"type\":\"Precompiled\"}", ATTRIB_EFORMAT,
                "precompiled_charsmap");
}

static void test_load__broken_merges_are_refused(void **state)
{
    (void)state;
#define AB "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":"
    check_model(AB "{}", ATTRIB_EFORMAT, "key \"merges\"");
    check_model(AB "[3]", ATTRIB_EFORMAT, "merge 0: expected a string or an array");
    check_model(AB "[\"ab\"]", ATTRIB_EFORMAT, "merge 0: \"ab\" is not two tokens");
    check_model(AB "[\"a  b\"]", ATTRIB_EFORMAT, "is not two tokens");
    check_model(AB "[[\"a\"]]", ATTRIB_EFORMAT, "merge 0: expected two strings");
    check_model(AB "[[\"a\",1]]", ATTRIB_EFORMAT, "merge 0: expected two strings");
    check_model(AB "[\"a b\",\"a x\"]", ATTRIB_EFORMAT,
                "merge 1: token \"x\" is not in the vocabulary");
    check_model(AB "[\"x a\"]", ATTRIB_EFORMAT, "token \"x\" is not");
    check_model(AB "[\"b a\"]", ATTRIB_EFORMAT, "token \"ba\" is not");
#undef AB
}

static void test_load__broken_added_tokens_are_refused(void **state)
{
    (void)state;
    check_stage("\"added_tokens\":{}", ATTRIB_EFORMAT, "key \"added_tokens\"");
    check_stage("\"added_tokens\":[3]", ATTRIB_EFORMAT, "expected an object");
    check_stage("\"added_tokens\":[{\"id\":3}]", ATTRIB_EFORMAT, "without \"content\"");
    check_stage("\"added_tokens\":[{\"id\":3,\"content\":\"\"}]", ATTRIB_EFORMAT,
                "without \"content\"");
    check_stage("\"added_tokens\":[{\"content\":\"x\"}]", ATTRIB_EFORMAT, "has no id");
    check_stage("\"added_tokens\":[{\"id\":-3,\"content\":\"x\"}]", ATTRIB_EFORMAT,
                "key \"id\"");
    check_stage("\"added_tokens\":[{\"id\":1,\"content\":\"x\"}]", ATTRIB_EFORMAT,
                "id 1 has two tokens");
    check_stage("\"added_tokens\":[{\"id\":3,\"content\":\"a\"}]", ATTRIB_EFORMAT,
                "added token \"a\" has id 3, and 0 in the vocabulary");
    check_stage("\"added_tokens\":[{\"id\":3,\"content\":\"x\"},{\"id\":4,\"content\":"
                "\"x\"}]",
                ATTRIB_EFORMAT, "added tokens 3 and 4 are both \"x\"");
    check_stage("\"added_tokens\":[{\"id\":3,\"content\":\"x\"},{\"id\":4,\"content\":"
                "\"x\",\"normalized\":false}]",
                ATTRIB_EFORMAT, "token \"x\" has two ids");
    check_stage("\"added_tokens\":[{\"id\":3000000000,\"content\":\"x\"}]", ATTRIB_ERANGE,
                "has id 3000000000");
    check_stage("\"normalizer\":{\"type\":\"Strip\"},\"added_tokens\":[{\"id\":3,"
                "\"content\":\"  \"}]",
                ATTRIB_ENOTSUP, "empty once normalized");
}

#define TEMPLATE(single, special)                                                        \
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":" single             \
    ",\"special_tokens\":" special "}"

static void test_load__broken_templates_are_refused(void **state)
{
    (void)state;
#define TEXT "{\"Sequence\":{\"id\":\"A\"}}"
#define BOS  "{\"SpecialToken\":{\"id\":\"<s>\"}}"
    check_stage(TEMPLATE("3", "{}"), ATTRIB_EFORMAT, "key \"single\"");
    check_stage(TEMPLATE("[]", "{}"), ATTRIB_ENOTSUP, "without the text");
    check_stage(TEMPLATE("[{}]", "{}"), ATTRIB_EFORMAT, "expected \"Sequence\"");
    check_stage(TEMPLATE("[" TEXT "," TEXT "]", "{}"), ATTRIB_ENOTSUP, "one \"A\"");
    check_stage(TEMPLATE("[" BOS "," TEXT "]", "{}"), ATTRIB_EFORMAT,
                "special token \"<s>\" has no \"ids\"");
    check_stage(TEMPLATE("[" BOS "," TEXT "]", "{\"<s>\":{\"ids\":[3]}}"), ATTRIB_EFORMAT,
                "id 3 is not in the vocabulary");
    check_stage(TEMPLATE("[" BOS "," TEXT "]", "{\"<s>\":{\"ids\":[-1]}}"),
                ATTRIB_EFORMAT, "id -1 is not in the vocabulary");
    check_stage(TEMPLATE("[" BOS "," TEXT "]", "{\"<s>\":{\"ids\":[\"a\"]}}"),
                ATTRIB_EFORMAT, "expected ids");
#undef TEXT
#undef BOS
    check_stage("\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"x\",3]}",
                ATTRIB_EFORMAT, "BertProcessing: key \"cls\": id 3 is not in the");
    check_stage("\"post_processor\":{\"type\":\"RobertaProcessing\",\"cls\":[\"a\",0]}",
                ATTRIB_EFORMAT, "RobertaProcessing: key \"sep\": expected [token, id]");
    check_stage("\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":"
                "\"BertProcessing\",\"cls\":[\"a\",0],\"sep\":[\"b\",1]},{\"type\":"
                "\"TemplateProcessing\"}]}",
                ATTRIB_ENOTSUP, "more than one post-processor that adds tokens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load__what_is_no_tokenizer_is_refused),
        cmocka_unit_test(test_load__other_models_are_named),
        cmocka_unit_test(test_load__options_of_other_bpe_are_named),
        cmocka_unit_test(test_load__other_stages_are_named),
        cmocka_unit_test(test_load__broken_stages_are_refused),
        cmocka_unit_test(test_load__a_sequence_without_end_is_refused),
        cmocka_unit_test(test_load__broken_vocabularies_are_refused),
        cmocka_unit_test(test_load__broken_unigrams_are_refused),
        cmocka_unit_test(test_load__broken_charsmaps_are_refused),
        cmocka_unit_test(test_load__broken_merges_are_refused),
        cmocka_unit_test(test_load__broken_added_tokens_are_refused),
        cmocka_unit_test(test_load__broken_templates_are_refused),
    };
    return run_cases(tests, NULL, NULL);
}
