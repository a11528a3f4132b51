/* SPDX-License-Identifier: MIT */
/* Rows of every kind to ids, masks and tags, with a tokenizer known by heart. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows_fixture.h"

static const attrib_tokenizer both = {true, true, false};

static void test_rows__text_is_predicted_whole(void **state)
{
    (void)state;
    const attrib_tokenizer neither = {false, false, false};
    const attrib_tokenizer eos_only = {false, true, false};
    at_rules rules = make_rules(&both);
    check_row(&rules, "{\"text\": \"abc\"}", "^[a][b][c][$]");
    /* Text that ends with it has its EOS already. */
    check_row(&rules, "{\"text\": \"abc\\u0004\"}", "^[a][b][c][$]");
    rules.append_eos = false;
    check_row(&rules, "{\"text\": \"abc\"}", "^[a][b][c]");
    rules = make_rules(&neither);
    check_row(&rules, "{\"text\": \"abc\"}", "a[b][c]");
    check_row(&rules, "{\"text\": \"a\"}", "a");
    rules = make_rules(&eos_only);
    check_row(&rules, "{\"text\": \"a\"}", "a[$]");
    check_row(&rules, "{\"text\": \"\"}", "");
    check_row(&rules, "{\"text\": null}", "");
    rules.text_field = "body";
    check_row(&rules, "{\"text\": \"no\", \"body\": \"ab\"}", "a[b][$]");
}

static void test_rows__turns_that_say_so_do_not_count(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
#define TURNS(of_first)                                                                  \
    "{\"messages\": [{\"role\": \"assistant\", \"content\": \"ab\", " of_first "},"      \
    "{\"role\": \"user\", \"content\": \"u\"},"                                          \
    "{\"role\": \"assistant\", \"content\": \"c\"}]}"
    check_row(&rules, TURNS("\"train\": false"), "^ab/u/[c][/][$]");
    check_row(&rules, TURNS("\"weight\": 0"), "^ab/u/[c][/][$]");
    check_row(&rules, TURNS("\"train\": true"), "^[a][b][/]u/[c][/][$]");
    check_row(&rules, TURNS("\"train\": null, \"weight\": null"),
              "^[a][b][/]u/[c][/][$]");
    check_refused(&rules, TURNS("\"train\": \"false\""), ATTRIB_EFORMAT,
                  "field \"train\": expected true or false");
    check_refused(&rules, TURNS("\"train\": 0"), ATTRIB_EFORMAT,
                  "field \"train\": expected true or false");
    check_refused(&rules, TURNS("\"weight\": \"0\""), ATTRIB_EFORMAT,
                  "field \"weight\": expected a number");
    check_refused(&rules, TURNS("\"weight\": false"), ATTRIB_EFORMAT,
                  "field \"weight\": expected a number");
#undef TURNS
}

/* A tokenizer that ends every text of its own accord ends documents, and nothing else:
 * not the prompt that a completion follows. */
static void test_rows__ends_of_the_tokenizer_are_those_of_documents(void **state)
{
    (void)state;
    const attrib_tokenizer adds = {true, true, true};
    const attrib_tokenizer adds_unnamed = {true, false, true};
    at_rules rules = make_rules(&adds);
    check_row(&rules, "{\"text\": \"abc\"}", "^[a][b][c][$]");
    check_row(&rules, "{\"prompt\": \"ab\", \"completion\": \"cd\"}", "^ab[c][d][$]");
    check_row(&rules, "{\"instruction\": \"do\", \"output\": \"ok\"}", "^do/[o][k][$]");
    rules.append_eos = false;
    check_row(&rules, "{\"text\": \"abc\"}", "^[a][b][c]");
    check_row(&rules, "{\"prompt\": \"ab\", \"completion\": \"cd\"}", "^ab[c][d]");
    rules = make_rules(&adds_unnamed);
    check_row(&rules, "{\"text\": \"abc\"}", "^[a][b][c][$]");
}

/* Loss begins where the ids leave those of the prompt alone, be it inside of a token. */
static void test_rows__responses_have_the_loss(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    check_row(&rules, "{\"prompt\": \"ab\", \"completion\": \"cd\"}", "^ab[c][d][$]");
    check_row(&rules, "{\"prompt\": \"a:\", \"completion\": \" d\"}", "^a[_][d][$]");
    check_row(&rules, "{\"prompt\": \"\", \"completion\": \"cd\"}", "^[c][d][$]");
    check_row(&rules, "{\"prompt\": \"ab\", \"completion\": \"\"}", "^ab[$]");
    check_row(&rules, "{\"instruction\": \"do\", \"input\": \"it\", \"output\": \"ok\"}",
              "^do/it/[o][k][$]");
    check_row(&rules, "{\"instruction\": \"do\", \"input\": \"\", \"output\": \"ok\"}",
              "^do/[o][k][$]");
    check_row(&rules, "{\"instruction\": \"do\", \"output\": \"ok\"}", "^do/[o][k][$]");
}

/* The names that prompts and completions usually have, and no others. */
static void test_rows__pairs_have_many_names(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    static const char *const names[][2] = {
        {"prompt", "response"}, {"question", "answer"}, {"query", "response"},
        {"input", "output"},    {"inputs", "targets"},  {"problem", "solution"},
        {"prompt", "chosen"},   {"question", "target"}, {"prompt", "completion"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char row[128];
        snprintf(row, sizeof row, "{\"%s\": \"ab\", \"n\": \"x\", \"%s\": \"cd\"}",
                 names[i][0], names[i][1]);
        check_row(&rules, row, "^ab[c][d][$]");
    }
    /* The first pair of the table; what it leaves is a tag. */
    check_row(&rules, "{\"answer\": \"x\", \"prompt\": \"ab\", \"completion\": \"cd\"}",
              "^ab[c][d][$]");
    check_row(&rules,
              "{\"instruction\": \"do\", \"context\": \"it\", \"response\": \"ok\","
              "\"category\": \"qa\"}",
              "^do/it/[o][k][$]");
}

/* A prompt with its completion goes before a text of the same row, which is told; a text
 * that is asked for by name goes before both, and a prompt alone is nothing. */
static void test_rows__a_text_stands_behind_a_pair(void **state)
{
    (void)state;
    static const char row[] = "{\"instruction\": \"do\", \"input\": \"\", \"output\": "
                              "\"ok\", \"text\": \"do ok\"}";
    at_rules rules = make_rules(&both);
    attrib_error err = {0};
    at_drafts drafts = {0};
    check_row(&rules, row, "^do/[o][k][$]");
    check_ok(build(&rules, row, &drafts, &err), &err);
    assert_true(drafts.hides_text);
    assert_int_equal(drafts.items[0].n_tags, 0);
    at_drafts_free(&drafts);
    check_row(&rules, "{\"prompt\": \"p\", \"text\": \"ab\"}", "^[a][b][$]");
    rules.is_text_given = true;
    check_row(&rules, row, "^[d][o][ ][o][k][$]");
    check_ok(build(&rules, row, &drafts, &err), &err);
    assert_false(drafts.hides_text);
    at_drafts_free(&drafts);
}

/* Prompts and completions of messages are conversations; so is what has a system or a
 * history. */
static void test_rows__pairs_may_be_conversations(void **state)
{
    (void)state;
#define USER(text) "{\"role\": \"user\", \"content\": \"" text "\"}"
#define SAYS(text) "{\"role\": \"assistant\", \"content\": \"" text "\"}"
    at_rules rules = make_rules(&both);
    check_row(&rules, "{\"prompt\": [" USER("u") "], \"completion\": [" SAYS("ab") "]}",
              "^u/[a][b][/][$]");
    check_row(&rules, "{\"prompt\": [" USER("u") "], \"completion\": \"ab\"}",
              "^u/[a][b][/][$]");
    check_row(&rules,
              "{\"prompt\": \"u\", \"chosen\": [" USER("u") "," SAYS(
                  "ab") "],"
                        "\"rejected\": [" USER("u") "," SAYS("x") "]}",
              "^u/[a][b][/][$]");
    check_row(&rules, "{\"chosen\": [" USER("u") "," SAYS("ab") "]}", "^u/[a][b][/][$]");
    /* Nothing is lost of a prompt with an answer that is a whole conversation. */
    check_row(&rules,
              "{\"prompt\": [" USER("v") "], \"chosen\": [" USER("u") "," SAYS(
                  "a") "," USER("v") "," SAYS("b") "]}",
              "^u/[a][/]v/[b][/][$]");
    check_refused(&rules,
                  "{\"prompt\": [" USER("u") "," SAYS("a") "," USER(
                      "v") "], \"chosen\": [" USER("v") "," SAYS("b") "]}",
                  ATTRIB_EFORMAT,
                  "field \"chosen\" is a whole conversation, in which turn 1 of field "
                  "\"prompt\" is missing");
    check_refused(&rules,
                  "{\"prompt\": [" USER("u") "," USER("u") "], \"chosen\": [" USER(
                      "u") "," SAYS("b") "]}",
                  ATTRIB_EFORMAT, "turn 2 of field \"prompt\" is missing");
    /* What a tool says first is no whole conversation. */
    check_row(&rules,
              "{\"prompt\": [" USER("u") "], \"completion\": [{\"role\": \"tool\", "
                                         "\"content\": \"t\"}," SAYS("a") "]}",
              "^u/t/[a][/][$]");
    check_row(&rules, "{\"conversation\": [" USER("u") "," SAYS("ab") "]}",
              "^u/[a][b][/][$]");
    check_row(&rules, "{\"conversations\": [" USER("u") "," SAYS("ab") "]}",
              "^u/[a][b][/][$]");
    check_row(&rules,
              "{\"system\": \"s\", \"conversations\": [{\"from\": \"human\", \"value\": "
              "\"u\"}, {\"from\": \"gpt\", \"value\": \"ab\"}]}",
              "^s/u/[a][b][/][$]");
    check_row(&rules,
              "{\"system\": \"s\", \"messages\": [{\"role\": \"system\", \"content\": "
              "\"t\"}, " SAYS("ab") "]}",
              "^t/[a][b][/][$]");
    check_row(&rules,
              "{\"system\": \"s\", \"history\": [[\"u\", \"v\"]], \"instruction\": "
              "\"do\", \"input\": \"it\", \"output\": \"ok\"}",
              "^s/u/[v][/]do/it/[o][k][/][$]");
#undef USER
#undef SAYS
}

/* Texts in parts are one text, wherever they stand; other parts are refused by type. */
static void test_rows__parts_are_one_text(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
#define PART(text) "{\"type\": \"text\", \"text\": \"" text "\"}"
#define IMAGE      "{\"type\": \"image_url\", \"image_url\": {\"url\": \"x\"}}"
#define SOUND      "{\"type\": \"input_audio\", \"input_audio\": {}}"
    check_row(&rules,
              "{\"messages\": [{\"role\": \"user\", \"content\": [" PART("a") ", " PART(
                  "b") "]}, {\"role\": \"assistant\", \"content\": [" PART("c") "]}]}",
              "^ab/[c][/][$]");
    check_row(&rules,
              "{\"conversations\": [{\"from\": \"human\", \"value\": [" PART(
                  "a") "]}, {\"from\": \"gpt\", \"value\": [\"c\", \"d\"]}]}",
              "^a/[c][d][/][$]");
    check_row(
        &rules,
        "{\"prompt\": [" PART("a") "], \"completion\": [" PART("c") ", " PART("d") "]}",
        "^a[c][d][$]");
    check_row(&rules, "{\"prompt\": [" PART("a") "], \"completion\": \"c\"}", "^a[c][$]");
    check_refused(&rules, "{\"prompt\": [" IMAGE "], \"completion\": \"c\"}",
                  ATTRIB_ENOTSUP, "part 1 of the content: type \"image_url\"");
    check_refused(
        &rules,
        "{\"messages\": [{\"role\": \"user\", \"content\": [" PART("a") ", " SOUND "]}]}",
        ATTRIB_ENOTSUP, "part 2 of the content: type \"input_audio\"");
    rules.prompt_field = "/m/0/content";
    rules.completion_field = "m.1.content";
    check_row(&rules,
              "{\"m\": [{\"content\": [" PART("a") ", " PART(
                  "b") "]}, {\"content\": [" PART("c") "]}]}",
              "^ab[c][$]");
    rules = make_rules(&both); /* an empty system has no turn */
    check_row(&rules,
              "{\"messages\": [{\"role\": \"system\", \"content\": \"\"},"
              "{\"role\": \"user\", \"content\": \"\"},"
              "{\"role\": \"assistant\", \"content\": \"c\"}]}",
              "^/[c][/][$]");
#undef PART
#undef IMAGE
#undef SOUND
}

static void test_rows__turns_have_loss_by_role(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    check_row(&rules,
              "{\"messages\": [{\"role\": \"system\", \"content\": \"s\"},"
              "{\"role\": \"user\", \"content\": \"u\"},"
              "{\"role\": \"assistant\", \"content\": \"ab\"},"
              "{\"role\": \"user\", \"content\": \"v\"},"
              "{\"role\": \"assistant\", \"content\": \"c\"}]}",
              "^s/u/[a][b][/]v/[c][/][$]");
    check_row(&rules,
              "{\"conversations\": [{\"from\": \"gpt\", \"value\": \"ab\"},"
              "{\"from\": \"human\", \"value\": \"v\"}]}",
              "^[a][b][/]v/$");
    check_row(&rules,
              "{\"messages\": [{\"role\": \"user\", \"content\": \"a:\"},"
              "{\"role\": \"assistant\", \"content\": null}]}",
              "^a:/[/][$]");
    check_row(&rules, "{\"messages\": []}", "");
}

static void test_rows__nested_instances_are_documents(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    attrib_error err = {0};
    at_drafts drafts = {0};
    char got[256];
    check_ok(build(&rules,
                   "{\"id\": \"t\", \"name\": \"n\", \"instruction\": \"do\","
                   "\"instances\": [{\"input\": \"\", \"output\": \"x\"},"
                   "{\"input\": \"i\", \"output\": \"y\"}], \"is_c\": false}",
                   &drafts, &err),
             &err);
    assert_int_equal(drafts.n, 2);
    show(&drafts.items[0], got, sizeof got);
    assert_string_equal(got, "^do/[x][$]");
    show(&drafts.items[1], got, sizeof got);
    assert_string_equal(got, "^do/i/[y][$]");
    assert_string_equal(drafts.items[0].id, "t#1");
    assert_string_equal(drafts.items[1].id, "t#2");
    assert_int_equal(drafts.items[1].n_tags, 2);
    at_drafts_free(&drafts);
}

/* What a conversation has in addition to its texts would be part of what a model sees. */
static void test_rows__what_is_not_read_of_a_conversation_is_refused(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
#define SAID(more)                                                                       \
    "\"messages\": [{\"role\": \"user\", \"content\": \"u\", \"weight\": 0},"            \
    "{\"role\": \"assistant\", \"content\": \"a\"" more "}]"
    static const char extras[] = "{" SAID(", \"tool_calls\": null, \"thinking\": \"\", "
                                          "\"weight\": 1.0") ","
                                                             "\"tools\": [], "
                                                             "\"functions\": null, "
                                                             "\"system\": \"\"}";
    check_row(&rules, extras, "^u/[a][/][$]");
    check_row(&rules,
              "{\"instruction\": \"do\", \"output\": \"ok\", \"history\": [],"
              " \"system\": \"\"}",
              "^do/[o][k][$]");
    check_refused(&rules, "{" SAID(", \"tool_calls\": [{}]") "}", ATTRIB_ENOTSUP,
                  "f:1: field \"tool_calls\" has no place");
    check_refused(&rules, "{" SAID(", \"reasoning_content\": \"x\"") "}", ATTRIB_ENOTSUP,
                  "field \"reasoning_content\" has no place");
    check_refused(&rules, "{" SAID(", \"weight\": 0.5") "}", ATTRIB_ENOTSUP,
                  "field \"weight\": 0.5, expected 1, or 0");
    check_refused(&rules, "{" SAID("") ", \"tools\": [{}]}", ATTRIB_ENOTSUP,
                  "f:1: field \"tools\" has no place without a chat template");
    check_refused(&rules, "{\"question\": \"a\", \"answer\": \"b\", \"context\": \"c\"}",
                  ATTRIB_ENOTSUP, "field \"context\" of a row with \"question\"");
    check_refused(&rules,
                  "{\"instruction\": \"a\", \"output\": \"b\", \"history\": [[]]}",
                  ATTRIB_EFORMAT, "field \"history\": expected pairs of texts");
#undef SAID
}

static void test_rows__refuses_by_name(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    check_refused(&rules, "{\"quest\": \"q\", \"answer\": \"a\"}", ATTRIB_ESHAPE,
                  "no field \"text\", nor those of another kind of row; found "
                  "\"quest\", \"answer\"");
    check_refused(&rules, "{\"prompt\": \"q\", \"anwser\": \"a\"}", ATTRIB_ESHAPE,
                  "found \"prompt\", \"anwser\"");
    check_refused(&rules, "{\"problem\": \"q\", \"solution\": \"a\", \"answer\": \"b\"}",
                  ATTRIB_ESHAPE, "field \"answer\" or \"solution\": which is");
    check_refused(&rules, "{}", ATTRIB_ESHAPE, "found no field");
    check_refused(&rules, "[]", ATTRIB_EFORMAT, "no object");
    check_refused(&rules, "{\"text\": 1}", ATTRIB_EFORMAT, "\"text\": expected a string");
    check_refused(&rules, "{\"text\": \"a\", \"text\": \"b\"}", ATTRIB_EFORMAT,
                  "duplicate");
    check_refused(&rules, "{\"text\": \"a\"} x", ATTRIB_EFORMAT, "JSON");
    check_refused(&rules, "{\"text\": \"a\", \"id\": 1.5}", ATTRIB_EFORMAT, "\"id\"");
    check_refused(&rules, "{\"messages\": [{\"role\": \"bird\", \"content\": \"a\"}]}",
                  ATTRIB_ENOTSUP, "role \"bird\"");
    check_refused(&rules, "{\"messages\": [{\"content\": \"a\"}]}", ATTRIB_EFORMAT,
                  "without a role");
    check_refused(&rules, "{\"messages\": [\"a\"]}", ATTRIB_EFORMAT, "without a role");
    check_refused(&rules, "{\"messages\": \"a\"}", ATTRIB_EFORMAT, "expected an array");
    check_refused(&rules, "{\"messages\": [{\"role\": \"user\", \"content\": [1]}]}",
                  ATTRIB_ENOTSUP, "part 1 of the content: type \"\", expected text");
    check_refused(&rules, "{\"instruction\": \"a\", \"instances\": [1]}", ATTRIB_EFORMAT,
                  "instance");
    rules.n_vocabulary = 50;
    check_refused(&rules, "{\"text\": \"a\"}", ATTRIB_ERANGE, "the tokenizer's id 100");
    rules.n_vocabulary = 100; /* ids to 99 */
    check_refused(&rules, "{\"text\": \"a\"}", ATTRIB_ERANGE, "the tokenizer's id 100");
    rules.n_vocabulary = 101;
    check_row(&rules, "{\"text\": \"a\"}", "^[a][$]");
    rules = make_rules(NULL);
    check_refused(&rules, "{\"text\": \"a\"}", ATTRIB_EINVAL, "no tokenizer");
}

/* Deep and wide rows end in a status. */
static void test_rows__bounds_hostile_rows(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    const size_t n = 20 << 20;
    char *row = malloc(n);
    assert_non_null(row);
    attrib_error err = {0};
    at_drafts drafts = {0};
    memset(row, '[', n);
    memcpy(row, "{\"a\":", 5);
    check_fails(at_draft_from_row(&rules, "f:1", row, 1 << 20, &drafts, &err),
                ATTRIB_EFORMAT, &err);
    attrib_error again = {0};
    memset(row, ',', n);
    check_fails(at_draft_from_row(&rules, "f:1", row, n, &drafts, &again), ATTRIB_ERANGE,
                &again);
    free(row);
    at_drafts_free(&drafts);
}

/* Many turns of a long chat are refused before they cost the square of its length. */
static void test_rows__bounds_turns(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    at_buffer row = {0};
    attrib_error err = {0};
    at_drafts drafts = {0};
    check_ok(at_buffer_print(&row, &err, "{\"messages\": ["), &err);
    for (size_t i = 0; i < 50000; i++) {
        check_ok(at_buffer_print(&row, &err, "%s{\"role\": \"%s\", \"content\": \"x\"}",
                                 i ? "," : "", i % 2 ? "assistant" : "user"),
                 &err);
    }
    check_ok(at_buffer_print(&row, &err, "]}"), &err);
    check_fails(build(&rules, row.bytes, &drafts, &err), ATTRIB_ERANGE, &err);
    check_message(&err, "turns");
    at_drafts_free(&drafts);
    at_buffer_free(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows__text_is_predicted_whole),
        cmocka_unit_test(test_rows__turns_that_say_so_do_not_count),
        cmocka_unit_test(test_rows__ends_of_the_tokenizer_are_those_of_documents),
        cmocka_unit_test(test_rows__responses_have_the_loss),
        cmocka_unit_test(test_rows__pairs_have_many_names),
        cmocka_unit_test(test_rows__a_text_stands_behind_a_pair),
        cmocka_unit_test(test_rows__pairs_may_be_conversations),
        cmocka_unit_test(test_rows__parts_are_one_text),
        cmocka_unit_test(test_rows__turns_have_loss_by_role),
        cmocka_unit_test(test_rows__nested_instances_are_documents),
        cmocka_unit_test(test_rows__what_is_not_read_of_a_conversation_is_refused),
        cmocka_unit_test(test_rows__refuses_by_name),
        cmocka_unit_test(test_rows__bounds_hostile_rows),
        cmocka_unit_test(test_rows__bounds_turns),
    };
    return run_cases(tests, NULL, NULL);
}
