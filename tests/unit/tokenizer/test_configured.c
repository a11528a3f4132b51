/* SPDX-License-Identifier: MIT */
/* Files next to a tokenizer: which tokens begin and end documents and turns, and which
 * chat template there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support_tokenizer.h"
#include "tokenizer/tokenizer_internal.h"
#include "support/scratch.h"

#define MODEL                                                                            \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[]}"

#define TEMPLATE(single, special)                                                        \
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":" single             \
    ",\"special_tokens\":" special "}"

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

static void test_configured__a_missing_file_is_named(void **state)
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
static void test_configured__a_link_to_nothing_is_named(void **state)
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

static void test_configured__ends_come_from_the_first_file_that_says(void **state)
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

static void test_configured__ends_outside_the_vocabulary_are_refused(void **state)
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

static void test_configured__configured_ends_are_added_where_no_template_is(void **state)
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
    check_ok(
        attrib_tokenizer_encode(tokenizer, (attrib_text){"", 0}, true, &ids, &n, &err),
        &err);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 0);
    assert_int_equal(ids[1], 1);
    free(ids);
    check_ok(
        attrib_tokenizer_encode(tokenizer, (attrib_text){"", 0}, false, &ids, &n, &err),
        &err);
    assert_int_equal(n, 0);
    free(ids);
    attrib_tokenizer_close(tokenizer);
}

static void test_configured__stops_are_those_of_all_files_and_the_usual_ends(void **state)
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

static void test_configured__chat_templates_come_from_either_file(void **state)
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
static void test_configured__a_pair_of_tokens_frames_texts(void **state)
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
        check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){"a", 1}, true, &ids, &n,
                                         &err),
                 &err);
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

static void test_configured__a_template_says_bos(void **state)
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
        cmocka_unit_test_setup_teardown(test_configured__a_link_to_nothing_is_named,
                                        scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_configured__a_missing_file_is_named,
                                        scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(
            test_configured__ends_come_from_the_first_file_that_says, scratch_set_up,
            scratch_tear_down),
        cmocka_unit_test_setup_teardown(
            test_configured__ends_outside_the_vocabulary_are_refused, scratch_set_up,
            scratch_tear_down),
        cmocka_unit_test_setup_teardown(
            test_configured__configured_ends_are_added_where_no_template_is,
            scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(
            test_configured__stops_are_those_of_all_files_and_the_usual_ends,
            scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(
            test_configured__chat_templates_come_from_either_file, scratch_set_up,
            scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_configured__a_pair_of_tokens_frames_texts,
                                        scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_configured__a_template_says_bos,
                                        scratch_set_up, scratch_tear_down),
    };
    return run_cases(tests, NULL, NULL);
}
