/* SPDX-License-Identifier: MIT */
/* What templates make of the parts of a conversation, which of its tokens count, and
 * prompts that are asked as turns. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chat_fixture.h"

/* Gemma 3's template goes through parts and trims each, as transformers 5.24 prints it;
 * ChatML takes content for a text, and gets one. What is no text is refused by either. */
static void test_chat_turns__parts_go_to_templates_that_take_them(void **state)
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
static void test_chat_turns__thoughts_may_be_parts(void **state)
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

#define TURNS(first, second)                                                             \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Why\"},{\"role\":\"assistant\","    \
    "\"content\":" first "},{\"role\":\"user\",\"content\":\"And\"},{\"role\":"          \
    "\"assistant\"," second "}]}"

/* Thoughts that are printed count with what opens them, those that are not do not, nor
 * does an empty one that the template adds. */
static void test_chat_turns__thoughts_count_where_they_are_printed(void **state)
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
static void test_chat_turns__generation_tags_say_what_counts(void **state)
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
static void test_chat_turns__tools_and_calls_are_the_templates_matter(void **state)
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

/* What the user said last does not open the assistant's turn, also where the template
 * puts nothing between them. */
static void test_chat_turns__words_of_others_open_no_turn(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer =
        make_own("{% for m in messages %}{{ m.content }}{% endfor %}");
    check_with(tokenizer, NULL,
               "{\"messages\":[{\"role\":\"user\",\"content\":\"Why <b>\"},"
               "{\"role\":\"assistant\",\"content\":\"<b>yes\"}]}",
               "Why <b>[<b>yes]");
    attrib_tokenizer_close(tokenizer);
}

/* Each of many turns is found without looking through all of the others. */
static void test_chat_turns__many_turns_take_linear_time(void **state)
{
    (void)state;
    const size_t n = 80000;
    attrib_error err = {0};
    at_drafts drafts = {0};
    json_t *messages = json_array();
    attrib_tokenizer *tokenizer =
        make_own("{% for m in messages %}{{ m.role }}: {{ m.content }}|{% endfor %}");
    at_rules rules = make_rules(tokenizer, NULL);
    clock_t start = clock();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(
            messages,
            json_pack("{ss ss}", "role", i % 2 ? "assistant" : "user", "content", "y"));
    }
    check_ok(build(&rules, messages, &drafts, &err), &err);
    assert_int_equal(drafts.n, 1);
    assert_true((double)(clock() - start) < 8.0 * CLOCKS_PER_SEC);
    at_drafts_free(&drafts);
    json_decref(messages);
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
}

/* Parts of content that are text are one text; what is printed twice is refused. */
static void test_chat_turns__a_turn_is_printed_once(void **state)
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

static void test_chat_turns__today_is_the_day_that_is_given(void **state)
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

static void test_chat_turns__a_plain_prompt_is_a_turn_where_the_model_answers_in_turns(
    void **state)
{
    (void)state;
    const json_t *rows = json_object_get(chat_golden, "templates");
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
    check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){text, strlen(text)},
                                     !is_rendered, &want, &n_want, &err),
             &err);
    assert_int_equal(query->n_tokens, n_want);
    assert_memory_equal(query->ids, want, n_want * sizeof *want);
    assert_string_equal(query->prompt, "Hi");
    assert_int_equal(query->is_turn, is_turn);
    attrib_free(want);
    attrib_queries_close(queries);
}

static void test_chat_turns__prompts_without_a_completion_are_asked_in_turns(void **state)
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
    check_ok(attrib_tokenizer_decode(tokenizer,
                                     (attrib_ids){query->ids + first, end - first}, false,
                                     &text, &n, &err),
             &err);
    return text;
}

/* The other completion of a margin is said in the same turn as the first, whether the
 * rows are turns, are made turns, or are asked as turns because the model shall answer.
 */
static void test_chat_turns__both_sides_of_a_margin_are_turns(void **state)
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
    check_ok(attrib_queries_open(NULL, path, tokenizer, NULL, &queries, &err), &err);
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
        cmocka_unit_test(test_chat_turns__parts_go_to_templates_that_take_them),
        cmocka_unit_test(test_chat_turns__thoughts_may_be_parts),
        cmocka_unit_test(test_chat_turns__thoughts_count_where_they_are_printed),
        cmocka_unit_test(test_chat_turns__generation_tags_say_what_counts),
        cmocka_unit_test(test_chat_turns__tools_and_calls_are_the_templates_matter),
        cmocka_unit_test(test_chat_turns__words_of_others_open_no_turn),
        cmocka_unit_test(test_chat_turns__many_turns_take_linear_time),
        cmocka_unit_test(test_chat_turns__a_turn_is_printed_once),
        cmocka_unit_test(test_chat_turns__today_is_the_day_that_is_given),
        cmocka_unit_test(
            test_chat_turns__a_plain_prompt_is_a_turn_where_the_model_answers_in_turns),
        cmocka_unit_test(
            test_chat_turns__prompts_without_a_completion_are_asked_in_turns),
        cmocka_unit_test(test_chat_turns__both_sides_of_a_margin_are_turns),
    };
    return run_cases(tests, chat_set_up, chat_tear_down);
}
