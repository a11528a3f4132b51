/* SPDX-License-Identifier: MIT */
/* Conversations by the models' own chat templates, token by token against what
 * transformers makes of them (scripts/make-chat-fixtures). */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chat_fixture.h"

static void check_conversation(const at_rules *rules,
                               const json_t *row,
                               const char *name,
                               size_t i,
                               const json_t *messages)
{
    attrib_error err = {0};
    at_drafts drafts = {0};
    char what[64];
    const json_t *ids = json_array_get(json_object_get(row, "ids"), i);
    const json_t *said = json_array_get(json_object_get(row, "said"), i);
    snprintf(what, sizeof what, "%s, conversation %zu", name, i);
    attrib_status status = build(rules, messages, &drafts, &err);
    if (json_is_null(ids)) {
        assert_int_equal(status, ATTRIB_EINVAL);
        check_message(&err, "f:1: chat template: it refuses this: ");
    } else {
        check_ok(status, &err);
        assert_int_equal(drafts.n, 1);
        const at_draft *draft = &drafts.items[0];
        check_ids(ids, draft->ids, draft->n_tokens, what);
        for (size_t t = 1; json_is_array(said) && t < draft->n_tokens; t++) {
            if (draft->mask[t] != is_said(said, t)) {
                fail_msg("%s: mask %zu is %d", what, t, draft->mask[t]);
            }
        }
    }
    at_drafts_free(&drafts);
}

static void test_chat__ids_and_masks_are_those_of_transformers(void **state)
{
    (void)state;
    const json_t *conversations = json_object_get(chat_golden, "conversations");
    const json_t *rows = json_object_get(chat_golden, "templates");
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *row = json_array_get(rows, k);
        const char *name = json_string_value(json_object_get(row, "name"));
        attrib_tokenizer *tokenizer = make_tokenizer(row);
        at_rules rules = make_rules(tokenizer, NULL);
        for (size_t i = 0; i < json_array_size(conversations); i++) {
            check_conversation(&rules, row, name ? name : "another", i,
                               json_array_get(conversations, i));
        }
        at_rules_free(&rules);
        attrib_tokenizer_close(tokenizer);
    }
    assert_int_equal(json_array_size(rows), 19);
}

/* A query of the conversation: its prompt is what the template asks with, and the ids of
 * the whole are a beginning of the document's. */
static void check_query(const json_t *row, size_t i, const json_t *messages)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    char what[64];
    char folder[256];
    char path[300];
    const json_t *ids = json_array_get(json_object_get(row, "ids"), i);
    const json_t *asked = json_array_get(json_object_get(row, "asked"), i);
    const json_t *last = json_array_get(messages, json_array_size(messages) - 1);
    bool is_answered = strcmp(text_of(last, "role"), "assistant") == 0;
    json_t *query = json_pack("{sO}", "messages", messages);
    char *text = json_dumps(query, JSON_COMPACT);
    attrib_tokenizer *tokenizer = make_tokenizer(row);
    snprintf(what, sizeof what, "%s, query %zu", text_of(row, "name"), i);
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/q.jsonl", folder);
    write_file(path, text, strlen(text));
    check_ok(attrib_queries_open(NULL, path, tokenizer, NULL, &queries, &err), &err);
    const attrib_query *q = attrib_queries_get(queries, 0);
    if (is_answered) {
        size_t n_said = 0;
        for (size_t t = 0; t < q->n_tokens; t++) {
            assert_int_equal(q->ids[t], json_integer_value(json_array_get(ids, t)));
            n_said += q->mask[t];
        }
        assert_string_equal(q->completion, text_of(last, "content"));
        assert_in_range(n_said, 1, q->n_tokens - 1);
        assert_true(q->mask[q->n_tokens - 1]);
    } else {
        check_ids(asked, q->ids, q->n_tokens, what);
        assert_null(q->completion);
    }
    attrib_queries_close(queries);
    attrib_tokenizer_close(tokenizer);
    remove_folder(folder);
    free(text);
    json_decref(query);
}

static void test_chat__queries_are_beginnings_of_documents(void **state)
{
    (void)state;
    static const size_t chosen[] = {0, 2, 7, 8};
    const json_t *rows = json_object_get(chat_golden, "templates");
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *row = json_array_get(rows, k);
        for (size_t c = 0; c < 4 && json_is_string(json_object_get(row, "name")); c++) {
            check_query(
                row, chosen[c],
                json_array_get(json_object_get(chat_golden, "conversations"), chosen[c]));
        }
    }
}

static void test_chat__named_templates_write_instructions_and_prompts(void **state)
{
    (void)state;
    static const char bare[] = "{\"instruction\":\"Add.\",\"output\":\"3\"}";
    static const char with_input[] =
        "{\"instruction\":\"Add.\",\"input\":\"1 2\",\"output\":\"3\"}";
    static const char prompt[] = "{\"prompt\":\"Hi\",\"completion\":\" you\"}";
    attrib_tokenizer *tokenizer = make_tokenizer(NULL);
    at_rules rules = make_rules(tokenizer, "alpaca");
    check_text(&rules, bare,
               "Below is an instruction that describes a task. Write a response that "
               "appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### "
               "Response:\n[3</s>]\n\n");
    check_text(&rules, with_input,
               "Below is an instruction that describes a task, paired with an input that "
               "provides further context. Write a response that appropriately completes "
               "the request.\n\n### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### "
               "Response:\n[3</s>]\n\n");
    at_rules_free(&rules);
    rules = make_rules(tokenizer, "zephyr");
    check_text(&rules, with_input, "<|user|>\nAdd.\n1 2</s>\n<|assistant|>\n[3</s>]\n");
    check_text(&rules, prompt, "<|user|>\nHi</s>\n<|assistant|>\n[ you</s>]\n");
    at_rules_free(&rules);
    rules = make_rules(tokenizer, "plain");
    check_text(&rules, with_input, "Add.\n1 2\n[3</s>]");
    check_text(&rules, prompt, "Hi[ you</s>]");
    at_rules_free(&rules);
    rules = make_rules(tokenizer, NULL); /* the model has none: as with "plain" */
    check_text(&rules, with_input, "Add.\n1 2\n[3</s>]");
    check_text(&rules, prompt, "Hi[ you</s>]");
    check_text(&rules,
               "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":"
               "\"assistant\",\"content\":\"you\"}]}",
               "Hi\n[you\n</s>]");
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
}

/* Rows whose turns stand in several fields are one conversation, under the model's own
 * template too. */
static void test_chat__turns_of_several_fields_are_one_conversation(void **state)
{
    (void)state;
#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define SAYS(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
    static const char want[] = "<|user|>\nHi</s>\n<|assistant|>\n[you</s>]\n";
    static const char with_system[] = "<|system|>\nBe.</s>\n<|user|>\nHi</s>\n"
                                      "<|assistant|>\n[you</s>]\n";
    attrib_tokenizer *tokenizer = make_tokenizer(NULL);
    at_rules rules = make_rules(tokenizer, "zephyr");
    check_text(&rules, "{\"prompt\":[" USER("Hi") "],\"completion\":[" SAYS("you") "]}",
               want);
    check_text(&rules, "{\"prompt\":[" USER("Hi") "],\"response\":\"you\"}", want);
    check_text(&rules,
               "{\"prompt\":\"Hi\",\"chosen\":[" USER("Hi") "," SAYS(
                   "you") "],"
                          "\"rejected\":[" USER("Hi") "," SAYS("no") "]}",
               want);
    check_text(&rules, "{\"question\":\"Hi\",\"answer\":\"you\"}", want);
    check_text(
        &rules,
        "{\"system\":\"Be.\",\"conversations\":[{\"from\":\"human\",\"value\":\"Hi\"},"
        "{\"from\":\"gpt\",\"value\":\"you\"}]}",
        with_system);
    check_text(&rules, "{\"system\":\"Be.\",\"prompt\":\"Hi\",\"completion\":\"you\"}",
               with_system);
    check_text(
        &rules,
        "{\"system\":\"Be.\",\"history\":[[\"Hi\",\"you\"]],\"instruction\":\"Add.\","
        "\"input\":\"1 2\",\"output\":\"3\"}",
        "<|system|>\nBe.</s>\n<|user|>\nHi</s>\n<|assistant|>\n[you</s>]\n"
        "<|user|>\nAdd.\n1 2</s>\n<|assistant|>\n[3</s>]\n");
#undef USER
#undef SAYS
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
}

/* Queries of such rows: what is asked is shown as the row has it. */
static void test_chat__queries_of_several_fields_are_one_conversation(void **state)
{
    (void)state;
    static const char rows[] =
        "{\"system\":\"Be.\",\"prompt\":\"Hi\",\"completion\":\"you\"}\n"
        "{\"instruction\":\"Add.\",\"input\":\"1 2\",\"output\":\"3\"}\n"
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"Hi\"}]}\n";
    static const char *const want[][3] = {
        {"Hi", "you", "<|system|>\nBe.</s>\n<|user|>\nHi</s>\n<|assistant|>\nyou"},
        {"Add.\n1 2", "3", "<|user|>\nAdd.\n1 2</s>\n<|assistant|>\n3"},
        {"<|user|>\nHi</s>\n<|assistant|>\n", NULL, "<|user|>\nHi</s>\n<|assistant|>\n"},
    };
    char path[] = "/tmp/attrib-chat-queries-XXXXXX";
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    attrib_tokenizer *tokenizer = make_tokenizer(NULL);
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.chat_template = "zephyr";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_file(path, rows, sizeof rows - 1);
    check_ok(attrib_queries_open(NULL, path, tokenizer, &options, &queries, &err), &err);
    unlink(path);
    for (size_t i = 0; i < 3; i++) {
        const attrib_query *q = attrib_queries_get(queries, i);
        char *text = NULL;
        size_t n = 0;
        assert_string_equal(q->prompt, want[i][0]);
        assert_int_equal(q->completion != NULL, want[i][1] != NULL);
        if (q->completion) {
            assert_string_equal(q->completion, want[i][1]);
        }
        check_ok(attrib_tokenizer_decode(tokenizer, (attrib_ids){q->ids, q->n_tokens},
                                         false, &text, &n, &err),
                 &err);
        assert_string_equal(text, want[i][2]);
        free(text);
    }
    attrib_queries_close(queries);
    attrib_tokenizer_close(tokenizer);
}

/* Prompts and completions stand as they are under the model's own template, and are turns
 * where it is asked for. */
static void test_chat__prompts_are_wrapped_where_a_template_is_asked_for(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    static const char row[] = "{\"prompt\":\"Hi\",\"completion\":\" you\"}";
    const json_t *chatml = json_array_get(json_object_get(chat_golden, "templates"), 0);
    attrib_tokenizer *tokenizer = make_tokenizer(chatml);
    at_rules rules = make_rules(tokenizer, NULL);
    check_text(&rules, row, "Hi[ you</s>]");
    at_rules_free(&rules);
    rules = make_rules(tokenizer, "model");
    check_text(&rules, row,
               "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[ "
               "you<|im_end|>]\n");
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.chat_template = "model";
    check_ok(attrib_queries_from_prompt("Hi", NULL, tokenizer, &options, &queries, &err),
             &err);
    const attrib_query *q = attrib_queries_get(queries, 0);
    assert_string_equal(q->prompt, "Hi");
    char *text = NULL;
    size_t n = 0;
    check_ok(attrib_tokenizer_decode(tokenizer, (attrib_ids){q->ids, q->n_tokens}, false,
                                     &text, &n, &err),
             &err);
    assert_string_equal(text, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    free(text);
    attrib_queries_close(queries);
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
}

static void test_chat__what_has_no_place_is_named(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = make_tokenizer(NULL);
    at_rules rules = make_rules(tokenizer, "qwen3");
    check_row_refused(&rules, "[{\"content\":\"x\"}]", ATTRIB_EFORMAT, "without a role");
    check_row_refused(&rules, "[{\"role\":\"user\"}]", ATTRIB_EFORMAT,
                      "field \"content\": expected a string");
    check_row_refused(&rules, "[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]",
                      ATTRIB_ENOTSUP,
                      "f:1: part 1 of the content: type \"image\", expected text");
    check_row_refused(&rules,
                      "[{\"role\":\"assistant\",\"content\":\"\",\"weight\":0.5}]",
                      ATTRIB_ENOTSUP, "field \"weight\": 0.5");
    check_row_refused(&rules,
                      "[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{}]}]",
                      ATTRIB_ENOTSUP,
                      "message 1: the chat template leaves out what the assistant says");
    at_rules_free(&rules);
    check_fails(at_rules_choose_chat(&rules, "chatxml", NULL, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "\"chatxml\" is neither a file nor one of chatml, ");
    err = (attrib_error){0};
    check_fails(at_rules_choose_chat(&rules, "model", NULL, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "no chat template of its own");
    err = (attrib_error){0};
    check_fails(at_rules_choose_chat(&rules, "chatml", "26 Jul", &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "date \"26 Jul\": expected YYYY-MM-DD");
    err = (attrib_error){0};
    rules.tokenizer = NULL;
    check_fails(at_rules_choose_chat(&rules, "chatml", NULL, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "there is no tokenizer");
    attrib_tokenizer_close(tokenizer);
}

/* A name whose tokens the vocabulary does not have would write them letter by letter. */
static void test_chat__names_want_their_tokens(void **state)
{
    (void)state;
    static const char bare[] =
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}";
    attrib_error err = {0};
    attrib_tokenizer *t = NULL;
    check_ok(at_tokenizer_parse("bare", bare, strlen(bare), &t, &err), &err);
    at_rules rules = {.tokenizer = t};
    check_fails(at_rules_choose_chat(&rules, "chatml", NULL, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "chat template \"chatml\" writes the token <|im_start|>, which");
    err = (attrib_error){0};
    check_fails(at_rules_choose_chat(&rules, "zephyr", NULL, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "chat template \"zephyr\" ends turns with the end-of-sequence");
    attrib_tokenizer_close(t);
}

/* A template that cannot be run is told of where a conversation needs it. */
static void test_chat__broken_templates_are_told_where_they_are_needed(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = make_own("{% include 'x' %}");
    at_rules rules = make_rules(tokenizer, NULL);
    check_text(&rules, "{\"text\":\"Hi\"}", "Hi[</s>]");
    check_row_refused(&rules, "[{\"role\":\"user\",\"content\":\"x\"}]", ATTRIB_ENOTSUP,
                      "f:1: the model's chat template: statement \"include\"");
    at_rules_free(&rules);
    check_with(tokenizer, "chatml",
               "{\"messages\":[{\"role\":\"assistant\",\"content\":\"Hi\"}]}",
               "<|im_start|>assistant\n[Hi<|im_end|>]\n");
    attrib_tokenizer_close(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat__ids_and_masks_are_those_of_transformers),
        cmocka_unit_test(test_chat__queries_are_beginnings_of_documents),
        cmocka_unit_test(test_chat__named_templates_write_instructions_and_prompts),
        cmocka_unit_test(test_chat__turns_of_several_fields_are_one_conversation),
        cmocka_unit_test(test_chat__queries_of_several_fields_are_one_conversation),
        cmocka_unit_test(test_chat__prompts_are_wrapped_where_a_template_is_asked_for),
        cmocka_unit_test(test_chat__what_has_no_place_is_named),
        cmocka_unit_test(test_chat__names_want_their_tokens),
        cmocka_unit_test(test_chat__broken_templates_are_told_where_they_are_needed),
    };
    return run_cases(tests, chat_set_up, chat_tear_down);
}
