/* SPDX-License-Identifier: MIT */
/* What is refused, and in which words; configuration files beside a tokenizer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support_tokenizer.h"
#include "tokenizer/tokenizer_internal.h"

/* 1. Refusals */

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

/* 2. Files and configuration */

static char folder[256];

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static void put_file(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_file(path, text, strlen(text));
}

static const char three_tokens[] = "{" MODEL "}";

/* Open the folder; its BOS and EOS are those expected. */
static void check_configured(int32_t bos, int32_t eos)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_ok(attrib_tokenizer_open(folder, &tokenizer, &err), &err);
    assert_int_equal(attrib_tokenizer_bos(tokenizer), bos);
    assert_int_equal(attrib_tokenizer_eos(tokenizer), eos);
    attrib_tokenizer_close(tokenizer);
}

static void check_not_configured(const char *part)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_fails(attrib_tokenizer_open(folder, &tokenizer, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, part);
}

static void test_load__a_missing_file_is_named(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_fails(attrib_tokenizer_open("/nonexistent/x", &tokenizer, &err), ATTRIB_EIO,
                &err);
    check_message(&err, "/nonexistent/x");
    err = (attrib_error){0};
    assert_int_equal(attrib_tokenizer_open(folder, &tokenizer, &err), ATTRIB_END);
}

/* A link to nothing, as in a copy of a cache's folder, is not taken for no file. */
static void test_load__a_link_to_nothing_is_named(void **state)
{
    (void)state;
    static const char *const names[] = {"config.json", "tokenizer_config.json",
                                        "chat_template.jinja"};
    put_file("tokenizer.json", three_tokens);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        attrib_error err = {0};
        attrib_tokenizer *tokenizer = NULL;
        char path[300];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(symlink("/nonexistent/x", path), 0);
        check_fails(attrib_tokenizer_open(folder, &tokenizer, &err), ATTRIB_EIO, &err);
        check_message(&err, names[i]);
        assert_int_equal(remove(path), 0);
    }
    check_configured(-1, -1);
}

static void test_load__ends_come_from_the_first_file_that_says(void **state)
{
    (void)state;
    put_file("tokenizer.json", three_tokens);
    check_configured(-1, -1);
    put_file("generation_config.json", "{\"bos_token_id\":2,\"eos_token_id\":[2,1]}");
    check_configured(2, 2);
    put_file("config.json", "{\"bos_token_id\":null,\"eos_token_id\":[1,2]}");
    check_configured(2, 1);
    put_file("tokenizer_config.json",
             "{\"bos_token\":{\"content\":\"b\"},\"eos_token\":\"a\"}");
    check_configured(1, 0);
    put_file("tokenizer_config.json", "{\"bos_token\":null}");
    put_file("config.json", "{\"bos_token_id\":-1,\"eos_token_id\":0}");
    check_configured(2, 0);
}

static void test_load__ends_outside_the_vocabulary_are_refused(void **state)
{
    (void)state;
    put_file("tokenizer.json", three_tokens);
    put_file("config.json", "{\"eos_token_id\":50256}");
    check_not_configured("config.json: key \"eos_token_id\": id 50256 is not in the "
                         "vocabulary of 3 tokens");
    put_file("config.json", "{\"eos_token_id\":\"a\"}");
    check_not_configured("expected an id");
    put_file("config.json", "{}");
    put_file("tokenizer_config.json", "{\"eos_token\":\"</s>\"}");
    check_not_configured("token \"</s>\" is not in the vocabulary");
    put_file("tokenizer_config.json", "{\"eos_token\":7}");
    check_not_configured("expected a token");
    put_file("tokenizer_config.json", "[]");
    check_not_configured("tokenizer_config.json: expected an object");
}

static void test_load__configured_ends_are_added_where_no_template_is(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    put_file("tokenizer.json", three_tokens);
    put_file("tokenizer_config.json",
             "{\"bos_token\":\"a\",\"eos_token\":\"b\",\"add_bos_token\":true,"
             "\"add_eos_token\":true}");
    check_ok(attrib_tokenizer_open(folder, &tokenizer, &err), &err);
    check_ok(attrib_tokenizer_encode(tokenizer, "", 0, true, &ids, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 0);
    assert_int_equal(ids[1], 1);
    free(ids);
    check_ok(attrib_tokenizer_encode(tokenizer, "", 0, false, &ids, &n, &err), &err);
    assert_int_equal(n, 0);
    free(ids);
    attrib_tokenizer_close(tokenizer);
}

static void test_load__stops_are_those_of_all_files_and_the_usual_ends(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    size_t n = 0;
    put_file("tokenizer.json",
             "{" MODEL
             ",\"added_tokens\":[{\"id\":3,\"content\":\"<|im_end|>\",\"special\":"
             "true},{\"id\":4,\"content\":\"<|im_start|>\"}]}");
    put_file("tokenizer_config.json", "{\"eos_token\":\"a\"}");
    put_file("generation_config.json", "{\"eos_token_id\":[0,2]}");
    put_file("config.json", "{\"eos_token_id\":1}");
    check_ok(attrib_tokenizer_open(folder, &tokenizer, &err), &err);
    const int32_t *stops = attrib_tokenizer_stops(tokenizer, &n);
    const int32_t want[] = {0, 2, 1, 3};
    assert_int_equal(n, 4);
    assert_memory_equal(stops, want, sizeof want);
    attrib_tokenizer_close(tokenizer);
    put_file("generation_config.json", "{\"eos_token_id\":[0,\"a\"]}");
    check_not_configured("generation_config.json: key \"eos_token_id\": expected ids");
}

static void check_chat_template(const char *want)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_ok(attrib_tokenizer_open(folder, &tokenizer, &err), &err);
    const char *got = attrib_tokenizer_chat_template(tokenizer);
    assert_true((got == NULL) == (want == NULL));
    if (want) {
        assert_string_equal(got, want);
    }
    attrib_tokenizer_close(tokenizer);
}

#define CHATML "{% for m in messages %}{{ m.content }}{% endfor %}"

static void test_load__chat_templates_come_from_either_file(void **state)
{
    (void)state;
    put_file("tokenizer.json", three_tokens);
    check_chat_template(NULL);
    put_file("tokenizer_config.json", "{\"chat_template\":null}");
    check_chat_template(NULL);
    put_file("tokenizer_config.json", "{\"chat_template\":\"" CHATML "\"}");
    check_chat_template(CHATML);
    put_file("tokenizer_config.json",
             "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"x\"},{\"name\":"
             "\"default\",\"template\":\"" CHATML "\"}]}");
    check_chat_template(CHATML);
    put_file("chat_template.json", "{\"chat_template\":\"{{ messages }}\"}");
    check_chat_template("{{ messages }}");
    put_file("tokenizer_config.json", "{\"chat_template\":\"{{ messages }}\"}");
    put_file("chat_template.json", "{\"chat_template\":\"" CHATML "\"}");
    check_chat_template(CHATML);
    put_file("chat_template.jinja", "{{ messages }}");
    check_chat_template("{{ messages }}");
    put_file("chat_template.jinja", "\xFF");
    check_not_configured("chat_template.jinja: byte 0 is not UTF-8");
    char path[300];
    snprintf(path, sizeof path, "%s/chat_template.jinja", folder);
    assert_int_equal(remove(path), 0);
    snprintf(path, sizeof path, "%s/chat_template.json", folder);
    assert_int_equal(remove(path), 0);
    put_file("tokenizer_config.json", "{\"chat_template\":[]}");
    check_not_configured("key \"chat_template\": expected a text, or a list with");
}

/* RoBERTa's and BERT's post-processors put a token at either end. */
static void test_load__a_pair_of_tokens_frames_texts(void **state)
{
    (void)state;
    static const char *const types[] = {"RobertaProcessing", "BertProcessing"};
    for (size_t i = 0; i < 2; i++) {
        attrib_error err = {0};
        attrib_tokenizer *tokenizer = NULL;
        char text[600];
        int32_t *ids = NULL;
        size_t n = 0;
        snprintf(text, sizeof text,
                 "{" MODEL ",\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{"
                 "\"type\":\"ByteLevel\"},{\"type\":\"%s\",\"cls\":[\"b\",1],\"sep\":["
                 "\"ab\",2]}]}}",
                 types[i]);
        put_file("tokenizer.json", text);
        check_ok(attrib_tokenizer_open(folder, &tokenizer, &err), &err);
        check_ok(attrib_tokenizer_encode(tokenizer, "a", 1, true, &ids, &n, &err), &err);
        assert_int_equal(n, 3);
        assert_memory_equal(ids, ((int32_t[]){1, 0, 2}), sizeof(int32_t[3]));
        free(ids);
        assert_int_equal(attrib_tokenizer_bos(tokenizer), 1);
        const int32_t *ends = attrib_tokenizer_ends(tokenizer, &n);
        assert_int_equal(n, 1);
        assert_int_equal(ends[0], 2);
        attrib_tokenizer_close(tokenizer);
    }
}

static void test_load__a_template_says_bos(void **state)
{
    (void)state;
    put_file("tokenizer.json",
             "{" MODEL "," TEMPLATE("[{\"SpecialToken\":{\"id\":\"x\"}},{\"Sequence\":{"
                                    "\"id\":\"A\"}}]",
                                    "{\"x\":{\"ids\":[2,1]}}") "}");
    put_file("config.json", "{\"bos_token_id\":0,\"eos_token_id\":0}");
    check_configured(2, 0);
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
        cmocka_unit_test_setup_teardown(test_load__a_link_to_nothing_is_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_load__a_missing_file_is_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_load__ends_come_from_the_first_file_that_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_load__ends_outside_the_vocabulary_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_load__configured_ends_are_added_where_no_template_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_load__stops_are_those_of_all_files_and_the_usual_ends, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_load__chat_templates_come_from_either_file,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_load__a_pair_of_tokens_frames_texts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_load__a_template_says_bos, set_up,
                                        tear_down),
    };
    return run_cases(tests, NULL, NULL);
}
