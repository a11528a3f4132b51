/* SPDX-License-Identifier: MIT */
/* Conversations by the models' own chat templates, token by token against what
 * transformers makes of them (scripts/make-chat-fixtures). */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "corpus/chats.h"
#include "tokenizer/tokenizer_internal.h"

static json_t *golden;

static const json_t *find_template(const char *name)
{
    size_t i = 0;
    const json_t *list = json_object_get(golden, "templates");
    for (; i < json_array_size(list); i++) {
        const json_t *name_of = json_object_get(json_array_get(list, i), "name");
        if (strcmp(json_string_value(name_of), name) == 0) {
            break;
        }
    }
    assert_true(i < json_array_size(list));
    return json_array_get(list, i);
}

static int set_up(void **state)
{
    (void)state;
    attrib_error err = {0};
    check_ok(at_json_read(source_path("tests/golden/chat.json"), 1 << 20, &golden, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(golden);
    return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

/* The fixture's tokenizer with the ends and the template of one of its rows; NULL: none.
 */
static attrib_tokenizer *make_tokenizer(const json_t *row)
{
    attrib_error err = {0};
    attrib_tokenizer *t = NULL;
    char *json = json_dumps(json_object_get(golden, "tokenizer"), 0);
    assert_non_null(json);
    check_ok(at_tokenizer_parse("chat", json, strlen(json), &t, &err), &err);
    free(json);
    const char *bos = row ? text_of(row, "bos") : "<s>";
    const char *eos = row ? text_of(row, "eos") : "</s>";
    t->bos = at_vocabulary_find(&t->vocabulary, bos, strlen(bos));
    t->eos = at_vocabulary_find(&t->vocabulary, eos, strlen(eos));
    assert_true(t->bos >= 0 && t->eos >= 0);
    check_ok(at_tokenizer_add_stops(t, &err), &err);
    if (row) {
        const char *template = text_of(row, "template");
        check_ok(at_tokenizer_take_chat_template(t, template, strlen(template), &err),
                 &err);
    }
    return t;
}

static at_rules make_rules(const attrib_tokenizer *tokenizer, const char *name)
{
    attrib_error err = {0};
    at_rules rules = {.tokenizer = tokenizer,
                      .text_field = "text",
                      .id_field = "id",
                      .append_eos = true};
    check_ok(at_rules_choose_chat(&rules, name, "2024-07-26", &err), &err);
    return rules;
}

static attrib_status build(const at_rules *rules,
                           const json_t *messages,
                           at_drafts *out,
                           attrib_error *err)
{
    json_t *row = json_pack("{sO}", "messages", messages);
    char *text = json_dumps(row, 0);
    attrib_status status = at_draft_from_row(rules, "f:1", text, strlen(text), out, err);
    free(text);
    json_decref(row);
    return status;
}

static bool is_said(const json_t *spans, size_t t)
{
    for (size_t i = 0; i < json_array_size(spans); i++) {
        const json_t *span = json_array_get(spans, i);
        if (t >= (size_t)json_integer_value(json_array_get(span, 0)) &&
            t < (size_t)json_integer_value(json_array_get(span, 1))) {
            return true;
        }
    }
    return false;
}

static void check_ids(const json_t *want, const int32_t *ids, size_t n, const char *what)
{
    if (json_array_size(want) != n) {
        fail_msg("%s: %zu ids, expected %zu", what, n, json_array_size(want));
    }
    for (size_t t = 0; t < n; t++) {
        if (json_integer_value(json_array_get(want, t)) != ids[t]) {
            fail_msg("%s: id %zu is %d", what, t, (int)ids[t]);
        }
    }
}

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
    const json_t *conversations = json_object_get(golden, "conversations");
    const json_t *rows = json_object_get(golden, "templates");
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
    check_ok(attrib_queries_open(path, tokenizer, NULL, &queries, &err), &err);
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
    const json_t *rows = json_object_get(golden, "templates");
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *row = json_array_get(rows, k);
        for (size_t c = 0; c < 4 && json_is_string(json_object_get(row, "name")); c++) {
            check_query(
                row, chosen[c],
                json_array_get(json_object_get(golden, "conversations"), chosen[c]));
        }
    }
}

/* The text of a row, with what counts in brackets. */
static void check_text(const at_rules *rules, const char *row, const char *want)
{
    attrib_error err = {0};
    at_drafts drafts = {0};
    at_buffer got = {0};
    check_ok(at_draft_from_row(rules, "f:1", row, strlen(row), &drafts, &err), &err);
    const at_draft *draft = &drafts.items[0];
    for (size_t t = 0; t < draft->n_tokens; t++) {
        size_t n = 0;
        const char *piece = attrib_tokenizer_piece(rules->tokenizer, draft->ids[t], &n);
        bool begins = draft->mask[t] && (t == 0 || !draft->mask[t - 1]);
        bool ends = !draft->mask[t] && t > 0 && draft->mask[t - 1];
        check_ok(at_buffer_print(&got, &err, "%s%s", ends ? "]" : "", begins ? "[" : ""),
                 &err);
        check_ok(at_buffer_append(&got, piece, n, &err), &err);
    }
    if (draft->n_tokens && draft->mask[draft->n_tokens - 1]) {
        check_ok(at_buffer_append(&got, "]", 1, &err), &err);
    }
    assert_string_equal(got.bytes, want);
    at_buffer_free(&got);
    at_drafts_free(&drafts);
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
    check_ok(attrib_queries_open(path, tokenizer, &options, &queries, &err), &err);
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
        check_ok(attrib_tokenizer_decode(tokenizer, q->ids, q->n_tokens, false, &text, &n,
                                         &err),
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
    const json_t *chatml = json_array_get(json_object_get(golden, "templates"), 0);
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
    check_ok(
        attrib_tokenizer_decode(tokenizer, q->ids, q->n_tokens, false, &text, &n, &err),
        &err);
    assert_string_equal(text, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    free(text);
    attrib_queries_close(queries);
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
}

static void check_row_refused(const at_rules *rules,
                              const char *messages,
                              attrib_status expected,
                              const char *part)
{
    attrib_error err = {0};
    at_drafts drafts = {0};
    char row[512];
    snprintf(row, sizeof row, "{\"messages\":%s}", messages);
    check_fails(at_draft_from_row(rules, "f:1", row, strlen(row), &drafts, &err),
                expected, &err);
    check_message(&err, part);
    at_drafts_free(&drafts);
}

/* Opens the named template for a row, and gives it back. */
static void check_with(const attrib_tokenizer *tokenizer,
                       const char *name,
                       const char *row,
                       const char *want)
{
    at_rules rules = make_rules(tokenizer, name);
    check_text(&rules, row, want);
    at_rules_free(&rules);
}

/* A tokenizer whose own template is this. */
static attrib_tokenizer *make_own(const char *template)
{
    json_t *row =
        json_pack("{ss ss ss}", "bos", "<s>", "eos", "</s>", "template", template);
    attrib_tokenizer *tokenizer = make_tokenizer(row);
    json_decref(row);
    return tokenizer;
}

/* Gemma 3's template goes through parts and trims each, as transformers 5.24 prints it;
 * ChatML takes content for a text, and gets one. What is no text is refused by either. */
static void test_chat__parts_go_to_templates_that_take_them(void **state)
{
    (void)state;
#define PART(text)          "{\"type\":\"text\",\"text\":\"" text "\"}"
#define TURN(role, content) "{\"role\":\"" role "\",\"content\":[" content "]}"
    static const char row[] = "{\"messages\":[" TURN("system", PART(" S ")) "," TURN(
        "user", PART(" one ") "," PART(
                    " two")) "," TURN("assistant", PART("yes ") "," PART("no")) "]}";
    static const char image[] = "[" TURN("user", PART("a") ",{\"type\":\"image\"}") "]";

    static const struct {
        const char *name, *text;
    } cases[] = {
        {"gemma3", "<s><start_of_turn>user\n S \n\nonetwo<end_of_turn>\n"
                   "<start_of_turn>model\n[yesno<end_of_turn>]\n"},
        {"chatml", "<|im_start|>system\n S <|im_end|>\n"
                   "<|im_start|>user\n one  two<|im_end|>\n"
                   "<|im_start|>assistant\n[yes no<|im_end|>]\n"},
    };

    for (size_t i = 0; i < 2; i++) {
        const json_t *template = find_template(cases[i].name);
        attrib_tokenizer *tokenizer = make_tokenizer(template);
        at_rules rules = make_rules(tokenizer, NULL);
        check_text(&rules, row, cases[i].text);
        check_row_refused(&rules, image, ATTRIB_ENOTSUP,
                          "f:1: part 2 of the content: type \"image\", expected text");
        at_rules_free(&rules);
        attrib_tokenizer_close(tokenizer);
    }
#undef PART
#undef TURN
}

/* Thoughts among the parts are the template's matter where it takes parts. */
static void test_chat__thoughts_may_be_parts(void **state)
{
    (void)state;
#define TURNS                                                                            \
    "[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","                      \
    "\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"ok\"}]}]"
    attrib_tokenizer *tokenizer = make_own(
        "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
        "{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% else %}"
        "({{ p.thinking }}){% endif %}{% endfor %}{% endif %}{% endfor %}");
    at_rules rules = make_rules(tokenizer, NULL);
    check_text(&rules, "{\"messages\":" TURNS "}", "([hm)ok]");
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
    tokenizer = make_own("{% for m in messages %}{{ m.content }}{% endfor %}");
    rules = make_rules(tokenizer, NULL);
    check_row_refused(&rules, TURNS, ATTRIB_ENOTSUP, "type \"thinking\"");
#undef TURNS
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

#define TURNS(first, second)                                                             \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Why\"},{\"role\":\"assistant\","    \
    "\"content\":" first "},{\"role\":\"user\",\"content\":\"And\"},{\"role\":"          \
    "\"assistant\"," second "}]}"

/* Thoughts that are printed count with what opens them, those that are not do not, nor
 * does an empty one that the template adds. */
static void test_chat__thoughts_count_where_they_are_printed(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = make_tokenizer(NULL);
    check_with(
        tokenizer, "qwen3",
        TURNS("\"<think>\\nno\\n</think>\\n\\nyes\"", "\"content\":\"so\""),
        "<|im_start|>user\nWhy<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>]\n"
        "<|im_start|>user\nAnd<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>"
        "\n\n[so<|im_end|>]\n");
    check_with(tokenizer, "qwen3",
               TURNS("\"yes\"", "\"content\":\"<think>\\nhm\\n</think>\\n\\nso\""),
               "<|im_start|>user\nWhy<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>]\n"
               "<|im_start|>user\nAnd<|im_end|>\n<|im_start|>assistant\n[<think>\nhm\n"
               "</think>\n\nso<|im_end|>]\n");
    check_with(tokenizer, "qwen3",
               TURNS("\"yes\"", "\"content\":\"so\",\"reasoning\":\"hm\""),
               "<|im_start|>user\nWhy<|im_end|>\n<|im_start|>assistant\n[yes<|im_end|>]\n"
               "<|im_start|>user\nAnd<|im_end|>\n<|im_start|>assistant\n[<think>\nhm\n"
               "</think>\n\nso<|im_end|>]\n");
    check_with(
        tokenizer, "chatml",
        TURNS("\"<think>a</think>b\"", "\"content\":\"c\",\"train\":false"),
        "<|im_start|>user\nWhy<|im_end|>\n<|im_start|>assistant\n[<think>a</think>b"
        "<|im_end|>]\n<|im_start|>user\nAnd<|im_end|>\n<|im_start|>assistant\n"
        "c<|im_end|>\n");
    attrib_tokenizer_close(tokenizer);
}

/* Inside of generation tags, and nowhere else; turns that do not count are left out. */
static void test_chat__generation_tags_say_what_counts(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = make_own(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' %}{% generation %}<{{ m.content }}<|im_end|>"
        "\n{% endgeneration %}{% else %}{{ m.content }}<|im_end|>\n{% endif %}"
        "{% endfor %}");
    check_with(
        tokenizer, NULL, TURNS("\"yes\"", "\"content\":\"c\""),
        "<|im_start|>user\nWhy<|im_end|>\n<|im_start|>assistant\n[<yes<|im_end|>\n]"
        "<|im_start|>user\nAnd<|im_end|>\n<|im_start|>assistant\n[<c<|im_end|>\n]");
    check_with(
        tokenizer, NULL, TURNS("\"yes\",\"weight\":0", "\"content\":\"c\""),
        "<|im_start|>user\nWhy<|im_end|>\n<|im_start|>assistant\n<yes<|im_end|>\n"
        "<|im_start|>user\nAnd<|im_end|>\n<|im_start|>assistant\n[<c<|im_end|>\n]");
    attrib_tokenizer_close(tokenizer);
}

/* Tools and calls go to the template as they are; a call counts with what opens it. */
static void test_chat__tools_and_calls_are_the_templates_matter(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = make_own(
        "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
        "{% for c in m.tool_calls or [] %}<tool_call>\n{{ c.function | tojson }}\n"
        "</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
    static const char row[] =
        "{\"tools\":[{\"name\":\"f\"}],\"messages\":[{\"role\":\"assistant\",\"content\":"
        "null,\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}]},{"
        "\"role\":\"tool\",\"content\":\"2\"}]}";
    check_with(
        tokenizer, NULL, row,
        "<|im_start|>system\n[{\"name\": \"f\"}]<|im_end|>\n<|im_start|>assistant\n"
        "[<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>"
        "<|im_end|>]\n<|im_start|>tool\n2<|im_end|>\n");
    attrib_tokenizer_close(tokenizer);
    /* An empty thought that the template adds before a call is not the assistant's. */
    tokenizer = make_own(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.tool_calls "
        "%}<think>\n\n"
        "</think>\n\n{% for c in m.tool_calls %}<tool_call>{{ c.name }}</tool_call>"
        "{% endfor %}{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
    check_with(
        tokenizer, NULL,
        "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"name\":\"f\"}]}]}",
        "<|im_start|>assistant\n<think>\n\n</think>\n\n[<tool_call>f</tool_call>"
        "<|im_end|>]\n");
    attrib_tokenizer_close(tokenizer);
}

/* Parts of content that are text are one text; what is printed twice is refused. */
static void test_chat__a_turn_is_printed_once(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer =
        make_own("{% for m in messages %}{{ m.content }}|{% endfor %}"
                 "{{ messages[0].content if messages | length > 1 }}");
    check_with(tokenizer, NULL,
               "{\"messages\":[{\"from\":\"gpt\",\"value\":[{\"type\":\"text\",\"text\":"
               "\"Hi\"},{\"type\":\"text\",\"text\":\" you\"}]}]}",
               "Hi[ you]|");
    at_rules rules = make_rules(tokenizer, NULL);
    check_row_refused(&rules,
                      "[{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\","
                      "\"content\":\"b\"}]",
                      ATTRIB_ENOTSUP, "message 1: the chat template prints it in more");
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
}

static void test_chat__today_is_the_day_that_is_given(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = make_own("{{ strftime_now('%d %b %Y') }}");
    at_rules rules = {.tokenizer = tokenizer, .text_field = "text", .id_field = "id"};
    attrib_error err = {0};
    check_ok(at_rules_choose_chat(&rules, NULL, "2026-02-03", &err), &err);
    check_text(&rules, "{\"messages\":[{\"role\":\"user\",\"content\":\"b\"}]}",
               "03 Feb 2026");
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
}

/* By transformers' spans: a model answers in turns where the last token of what the
 * assistant says in the first turn is one that its files name. */
static bool ends_in(const json_t *row, int32_t id)
{
    const json_t *ids = json_array_get(json_object_get(row, "ids"), 2);
    const json_t *said = json_array_get(json_object_get(row, "said"), 2);
    const json_t *last = json_array_get(json_array_get(said, 0), 1);
    size_t end = (size_t)json_integer_value(last);
    return end && json_integer_value(json_array_get(ids, end - 1)) == id;
}

static void test_chat__a_plain_prompt_is_a_turn_where_the_model_answers_in_turns(
    void **state)
{
    (void)state;
    const json_t *rows = json_object_get(golden, "templates");
    size_t n_answering = 0;
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *row = json_array_get(rows, k);
        attrib_tokenizer *tokenizer = make_tokenizer(row);
        at_rules rules = make_rules(tokenizer, NULL);
        if (rules.asks_in_turns != ends_in(row, tokenizer->eos)) {
            fail_msg("%s: asks_in_turns is %d", text_of(row, "name"),
                     rules.asks_in_turns);
        }
        n_answering += rules.asks_in_turns;
        at_rules_free(&rules);
        rules = make_rules(tokenizer, "model");
        assert_false(rules.asks_in_turns); /* all prompts are turns then */
        at_rules_free(&rules);
        attrib_tokenizer_close(tokenizer);
    }
    assert_in_range(n_answering, 3, json_array_size(rows) - 3);
    attrib_tokenizer *tokenizer =
        make_own("{% for m in messages %}{{ m.content }}{% if not loop.last %}</s>"
                 "{% endif %}{% endfor %}"); /* the last turn stays open */
    at_rules rules = make_rules(tokenizer, NULL);
    assert_true(rules.asks_in_turns);
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
}

#define CHATML                                                                           \
    "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}" END             \
    "\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
#define END "<|im_end|>"

static const attrib_query *ask(attrib_tokenizer *tokenizer,
                               const char *completion,
                               const char *template,
                               attrib_queries **queries)
{
    attrib_error err = {0};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.chat_template = template;
    check_ok(
        attrib_queries_from_prompt("Hi", completion, tokenizer, &options, queries, &err),
        &err);
    return attrib_queries_get(*queries, 0);
}

static void check_asked(attrib_tokenizer *tokenizer,
                        const char *completion,
                        const char *template,
                        const char *text,
                        bool is_turn)
{
    attrib_queries *queries = NULL;
    attrib_error err = {0};
    int32_t *want = NULL;
    size_t n_want = 0;
    bool is_rendered = strchr(text, '\n') != NULL;
    const attrib_query *query = ask(tokenizer, completion, template, &queries);
    check_ok(attrib_tokenizer_encode(tokenizer, text, strlen(text), !is_rendered, &want,
                                     &n_want, &err),
             &err);
    assert_int_equal(query->n_tokens, n_want);
    assert_memory_equal(query->ids, want, n_want * sizeof *want);
    assert_string_equal(query->prompt, "Hi");
    assert_int_equal(query->is_turn, is_turn);
    attrib_free(want);
    attrib_queries_close(queries);
}

static void test_chat__prompts_without_a_completion_are_asked_in_turns(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = make_own(CHATML);
    const char *asked = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    /* A base model ends in another token than its sibling's template. */
    check_asked(tokenizer, NULL, NULL, "Hi", false);
    tokenizer->eos = at_vocabulary_find(&tokenizer->vocabulary, END, strlen(END));
    tokenizer->stops.n_ids = 0;
    attrib_error err = {0};
    check_ok(at_tokenizer_add_stops(tokenizer, &err), &err);
    check_asked(tokenizer, NULL, NULL, asked, true);
    check_asked(tokenizer, NULL, "plain", "Hi", false);
    check_asked(tokenizer, NULL, "model", asked, false);
    check_asked(tokenizer, " you", NULL, "Hi you", false);
    attrib_tokenizer_close(tokenizer);
    tokenizer = make_own("{% include 1 %}");
    attrib_queries *queries = NULL;
    check_fails(attrib_queries_from_prompt("Hi", NULL, tokenizer, NULL, &queries, &err),
                ATTRIB_ENOTSUP, &err);
    check_message(&err, "query: the model's chat template: ");
    check_message(&err, "(--chat-template plain asks as it stands)");
    check_asked(tokenizer, " you", NULL, "Hi you", false);
    attrib_tokenizer_close(tokenizer);
}

/* The text of ids first .. end of a query; freed by the caller. */
static char *side_text(const attrib_tokenizer *tokenizer,
                       const attrib_query *query,
                       size_t first,
                       size_t end)
{
    char *text = NULL;
    size_t n = 0;
    attrib_error err = {0};
    check_ok(attrib_tokenizer_decode(tokenizer, query->ids + first, end - first, false,
                                     &text, &n, &err),
             &err);
    return text;
}

/* The other completion of a margin is said in the same turn as the first, whether the
 * rows are turns, are made turns, or are asked as turns because the model shall answer.
 */
static void test_chat__both_sides_of_a_margin_are_turns(void **state)
{
    (void)state;
    static const char turn[] = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    static const char rows[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":"
        "\"assistant\",\"content\":\"you\"}],\"against\":\"me\"}\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"against\":\"me\"}\n"
        "{\"prompt\":\"Hi\",\"against\":\"me\"}\n"
        "{\"prompt\":\"Hi\",\"completion\":\"you\",\"against\":\"me\"}\n";
    static const bool is_turn[] = {true, true, true, false};
    static const bool is_said[] = {true, false, false, true};
    char path[] = "/tmp/attrib-chat-margins-XXXXXX";
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    attrib_tokenizer *tokenizer = make_own(CHATML);
    tokenizer->eos = at_vocabulary_find(&tokenizer->vocabulary, END, strlen(END));
    tokenizer->stops.n_ids = 0;
    check_ok(at_tokenizer_add_stops(tokenizer, &err), &err);
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_file(path, rows, sizeof rows - 1);
    check_ok(attrib_queries_open(path, tokenizer, NULL, &queries, &err), &err);
    unlink(path);
    for (size_t i = 0; i < 4; i++) {
        const attrib_query *q = attrib_queries_get(queries, i);
        char want[2][128];
        char *sides[] = {side_text(tokenizer, q, 0, q->against_token),
                         side_text(tokenizer, q, q->against_token, q->n_tokens)};
        snprintf(want[0], sizeof want[0], "%s%s", is_turn[i] ? turn : "Hi",
                 is_said[i] ? "you" : "");
        snprintf(want[1], sizeof want[1], "%s%s", is_turn[i] ? turn : "Hi", "me");
        for (size_t k = 0; k < 2; k++) {
            assert_string_equal(sides[k], want[k]);
            free(sides[k]);
        }
        assert_int_equal(q->mask[q->n_tokens - 1], 1);
        assert_int_equal(q->mask[q->against_token], 0);
        assert_int_equal(q->mask[q->against_token - 1], is_said[i]);
    }
    attrib_queries_close(queries);
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
        cmocka_unit_test(test_chat__parts_go_to_templates_that_take_them),
        cmocka_unit_test(test_chat__thoughts_may_be_parts),
        cmocka_unit_test(test_chat__what_has_no_place_is_named),
        cmocka_unit_test(test_chat__names_want_their_tokens),
        cmocka_unit_test(test_chat__broken_templates_are_told_where_they_are_needed),
        cmocka_unit_test(test_chat__thoughts_count_where_they_are_printed),
        cmocka_unit_test(test_chat__generation_tags_say_what_counts),
        cmocka_unit_test(test_chat__tools_and_calls_are_the_templates_matter),
        cmocka_unit_test(test_chat__a_turn_is_printed_once),
        cmocka_unit_test(test_chat__today_is_the_day_that_is_given),
        cmocka_unit_test(
            test_chat__a_plain_prompt_is_a_turn_where_the_model_answers_in_turns),
        cmocka_unit_test(test_chat__prompts_without_a_completion_are_asked_in_turns),
        cmocka_unit_test(test_chat__both_sides_of_a_margin_are_turns),
    };
    return run_cases(tests, set_up, tear_down);
}
