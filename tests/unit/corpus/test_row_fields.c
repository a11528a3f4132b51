/* SPDX-License-Identifier: MIT */
/* Fields of rows that are no text: tags and names, strange values, and tokens. */
#include "support/check.h"

#include <stdio.h>
#include <string.h>

#include "rows_fixture.h"

static const attrib_tokenizer both = {true, true, false};

/* The tags as "key=value " one behind the other. */
static void check_tags(const at_rules *rules, const char *row, const char *want)
{
    attrib_error err = {0};
    at_drafts drafts = {0};
    char got[1024] = "";
    size_t n = 0;
    check_ok(build(rules, row, &drafts, &err), &err);
    const char *tag = drafts.items[0].tags.bytes;
    for (size_t i = 0; i < drafts.items[0].n_tags; i++) {
        const char *value = tag + strlen(tag) + 1;
        n += (size_t)snprintf(got + n, sizeof got - n, "%s=%s ", tag, value);
        tag = value + strlen(value) + 1;
    }
    assert_string_equal(got, want);
    at_drafts_free(&drafts);
}

static void test_row_fields__other_scalars_are_tags(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    check_tags(&rules,
               "{\"z\": \"a\\\"b\", \"id\": 12, \"text\": \"x\", \"n\": 3, \"b\": true,"
               "\"list\": [1, \"a\"], \"object\": {}, \"none\": null, \"r\": 0.5,"
               "\"empty\": [], \"rows\": [{}]}",
               "z=\"a\\\"b\" n=3 b=true list=[1,\"a\"] r=0.5 ");
    check_tags(&rules,
               "{\"text\": \"x\", \"meta\": {\"source\": \"s\", \"deep\": {\"n\": 1}},"
               "\"tags\": {\"kind\": \"k\"}}",
               "meta.source=\"s\" meta.deep.n=1 kind=\"k\" ");
    rules.tag_fields = "n,meta.source,/meta/list/1,missing";
    check_tags(&rules,
               "{\"text\": \"x\", \"n\": 1, \"m\": 2, \"meta\": {\"source\": \"s\", "
               "\"list\": [1, 2]}}",
               "n=1 meta.source=\"s\" /meta/list/1=2 ");
    rules.tag_fields = "";
    check_tags(&rules, "{\"text\": \"x\", \"n\": 1}", "");
    /* A long list is data. */
    char row[512] = "{\"text\": \"x\", \"embedding\": [0";
    rules.tag_fields = NULL;
    for (size_t i = 0; i < 64; i++) {
        strcat(row, ",1");
    }
    check_tags(&rules, strcat(row, "]}"), "");
}

/* Fields that are named by key or path, in place of the usual ones. */
static void test_row_fields__fields_are_named(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    rules.text_field = "data.text";
    check_row(&rules, "{\"data\": {\"text\": \"ab\"}}", "^[a][b][$]");
    check_tags(&rules, "{\"data\": {\"text\": \"ab\", \"n\": 1}}", "data.n=1 ");
    check_row(&rules, "{\"data.text\": \"a\", \"data\": {\"text\": \"b\"}}", "^[a][$]");
    rules = make_rules(&both);
    rules.prompt_field = "/turns/0/q";
    rules.completion_field = "said";
    check_row(&rules,
              "{\"turns\": [{\"q\": \"ab\"}], \"said\": \"cd\", \"context\": \"x\"}",
              "^ab[c][d][$]");
    check_tags(&rules,
               "{\"turns\": [{\"q\": \"ab\"}], \"said\": \"cd\", \"context\": \"x\"}",
               "context=\"x\" ");
    rules.prompt_field = NULL;
    check_row(&rules, "{\"question\": \"ab\", \"said\": \"cd\", \"answer\": \"x\"}",
              "^ab[c][d][$]");
    check_row(&rules, "{\"question\": \"ab\", \"answer\": \"x\"}", "^ab[x][$]");
    rules.messages_field = "a~/b";
    check_row(&rules, "{\"a~/b\": [{\"role\": \"assistant\", \"content\": \"a\"}]}",
              "^[a][/][$]");
    rules.messages_field = "/x/a~0~1b";
    check_row(&rules,
              "{\"x\": {\"a~/b\": [{\"role\": \"assistant\", \"content\": \"a\"}]}}",
              "^[a][/][$]");
}

/* What Python writes and JSON does not hold harms no field that is not read. */
static void test_row_fields__strange_values_harm_no_other_field(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    check_tags(&rules,
               "{\"text\": \"a\", \"n\": NaN, \"i\": [Infinity, -Infinity, 1], "
               "\"big\": 123456789012345678901, \"low\": -9223372036854775809, "
               "\"huge\": 1e999, \"in\": \"NaN \\\" 1e999\", \"fits\": "
               "9223372036854775807}",
               "n=\"NaN\" i=[\"Infinity\",\"-Infinity\",1] big=123456789012345678901 "
               "low=-9223372036854775809 huge=\"1e999\" in=\"NaN \\\" 1e999\" "
               "fits=9223372036854775807 ");
    check_row(&rules,
              "{\"text\": \"a\", \"x\": \"\\ud800\", \"y\": [\"\\ude00\\ud83d\"]}",
              "^[a][$]");
    check_row(&rules, "{\"text\": \"a\", \"x\": \"b\\u0000c\"}", "^[a][$]");
    check_tags(&rules,
               "{\"x\": 1, \"text\": \"a\", \"x\": 2, \"x\": 3, \"o\": {\"k\": 1, "
               "\"k\": 2}}",
               "x=1 o.k=1 ");
    attrib_error err = {0};
    at_drafts drafts = {0};
    check_ok(build(&rules, "{\"id\": 18446744073709551616, \"text\": \"\\ud83d\\ude00\"}",
                   &drafts, &err),
             &err);
    assert_string_equal(drafts.items[0].id, "18446744073709551616");
    assert_string_equal(drafts.items[0].text.bytes, "\xf0\x9f\x98\x80");
    at_drafts_free(&drafts);
}

static void test_row_fields__strange_values_are_refused_where_they_are_read(void **state)
{
    (void)state;
    at_rules rules = make_rules(&both);
    check_refused(&rules, "{\"text\": NaN}", ATTRIB_EFORMAT,
                  "field \"text\": the number NaN is not read");
    check_refused(&rules, "{\"text\": \"a\\ud800\"}", ATTRIB_EFORMAT,
                  "field \"text\": \\u0000 or half of a surrogate pair");
    check_refused(&rules, "{\"text\": \"a\\ude00\\ud800\"}", ATTRIB_EFORMAT, "half of");
    check_refused(&rules, "{\"text\": \"a\\u0000\"}", ATTRIB_EFORMAT, "\\u0000 or half");
    check_refused(&rules, "{\"text\": \"a\", \"text\": \"b\"}", ATTRIB_EFORMAT,
                  "field \"text\" stands twice");
    check_refused(&rules,
                  "{\"messages\": [{\"role\": \"user\", \"content\": \"a\", \"content\": "
                  "\"b\"}]}",
                  ATTRIB_EFORMAT, "field \"messages\": a key stands twice in it");
    check_refused(&rules,
                  "{\"messages\": [{\"role\": \"user\", \"content\": \"\\ud800\"}]}",
                  ATTRIB_EFORMAT, "field \"messages\": \\u0000 or half");
    check_refused(&rules, "{\"text\": \"a\", \"id\": NaN}", ATTRIB_EFORMAT,
                  "field \"id\": expected a string or an integer");
    check_refused(&rules, "{\"text\": \"a\", \"\\u0000\": 1}", ATTRIB_EFORMAT,
                  "JSON: \\u0000 in a key");
    check_refused(&rules, "{\"text\": \"a\", \"n\": NaNs}", ATTRIB_EFORMAT, "JSON");
    check_refused(&rules, "{\"text\": \"a\", \"n\": \"\\ud8\"}", ATTRIB_EFORMAT, "JSON");
}

/* Tokens as trainers keep them: padding at the ends, -100 where nothing counts. */
static void test_row_fields__trained_tokens_are_read(void **state)
{
    (void)state;
    at_rules rules = make_rules(NULL);
    attrib_error err = {0};
    at_drafts drafts = {0};
    check_ok(build(&rules,
                   "{\"input_ids\": [0, 1, 5, 9, 7, 0], \"attention_mask\": "
                   "[0, 1, 1, 1, 1, 0], \"labels\": [-100, 1, -100, 9, 7, -100]}",
                   &drafts, &err),
             &err);
    const at_draft *draft = &drafts.items[0];
    assert_int_equal(draft->n_tokens, 4);
    assert_memory_equal(draft->ids, ((int32_t[]){1, 5, 9, 7}), 16);
    assert_memory_equal(draft->mask, ((uint8_t[]){0, 0, 1, 1}), 4);
    assert_int_equal(draft->n_predicted, 2);
    assert_null(draft->labels);
    at_drafts_free(&drafts);
    check_ok(build(&rules, "{\"input_ids\": [1, 5]}", &drafts, &err), &err);
    assert_memory_equal(drafts.items[0].mask, ((uint8_t[]){0, 1}), 2);
    at_drafts_free(&drafts);
    check_refused(&rules, "{\"input_ids\": [1, 5], \"labels\": [1, 6]}", ATTRIB_ENOTSUP,
                  "labels[1]: 6, expected -100 or the id 5");
    check_refused(&rules, "{\"input_ids\": [1, 5], \"labels\": [1]}", ATTRIB_ESHAPE,
                  "labels: expected an array of 2");
    check_refused(&rules, "{\"input_ids\": [1, 5, 6], \"attention_mask\": [1, 0, 1]}",
                  ATTRIB_ENOTSUP, "attention_mask[1]");
    check_refused(&rules, "{\"input_ids\": [1], \"attention_mask\": 1}", ATTRIB_ESHAPE,
                  "attention_mask: expected an array of 1");
}

static void test_row_fields__tokens_are_taken_as_they_are(void **state)
{
    (void)state;
    at_rules rules = make_rules(NULL);
    rules.n_vocabulary = 10;
    attrib_error err = {0};
    at_drafts drafts = {0};
    check_ok(build(&rules, "{\"ids\": [1, 5, 9]}", &drafts, &err), &err);
    const at_draft *draft = &drafts.items[0];
    assert_int_equal(draft->n_tokens, 3);
    assert_memory_equal(draft->ids, ((int32_t[]){1, 5, 9}), 12);
    assert_memory_equal(draft->mask, ((uint8_t[]){0, 1, 1}), 3);
    assert_false(draft->has_text);
    assert_null(draft->labels);
    at_drafts_free(&drafts);
    check_ok(
        build(&rules,
              "{\"ids\": [1, 5, 9], \"mask\": [0, 0, true], \"sampled\": [-1, -1, 4]}",
              &drafts, &err),
        &err);
    draft = &drafts.items[0];
    assert_memory_equal(draft->mask, ((uint8_t[]){0, 0, 1}), 3);
    assert_memory_equal(draft->labels, ((int32_t[]){-1, -1, 4}), 12);
    assert_int_equal(draft->n_predicted, 1);
    at_drafts_free(&drafts);
}

static void test_row_fields__refuses_broken_tokens(void **state)
{
    (void)state;
    at_rules rules = make_rules(NULL);
    rules.n_vocabulary = 10;
    check_refused(&rules, "{\"ids\": [1, 10]}", ATTRIB_ERANGE, "ids[1]: 10");
    check_refused(&rules, "{\"ids\": [1, -1]}", ATTRIB_ERANGE, "ids[1]: -1");
    check_refused(&rules, "{\"ids\": [1, \"a\"]}", ATTRIB_EFORMAT, "ids[1]");
    check_refused(&rules, "{\"ids\": [1, 2.0]}", ATTRIB_EFORMAT, "ids[1]");
    check_refused(&rules, "{\"ids\": \"a\"}", ATTRIB_EFORMAT, "ids: expected an array");
    check_refused(&rules, "{\"ids\": [1, 2], \"mask\": [0]}", ATTRIB_ESHAPE, "mask");
    check_refused(&rules, "{\"ids\": [1, 2], \"mask\": 1}", ATTRIB_ESHAPE, "mask");
    check_refused(&rules, "{\"ids\": [1, 2], \"mask\": [0, 2]}", ATTRIB_EFORMAT,
                  "mask[1]: 2");
    check_refused(&rules, "{\"ids\": [1, 2], \"mask\": [1, 1]}", ATTRIB_EFORMAT,
                  "mask[0] is 1");
    check_refused(&rules, "{\"ids\": [1, 2], \"labels\": [-1]}", ATTRIB_ESHAPE, "labels");
    check_refused(&rules, "{\"ids\": [1, 2], \"labels\": [-1, -1]}", ATTRIB_ERANGE,
                  "labels[1] is negative where mask is 1");
    check_refused(&rules, "{\"ids\": [1, 2], \"labels\": [-1, 10]}", ATTRIB_ERANGE,
                  "labels[1]: 10");
    rules.n_vocabulary = 0;
    check_refused(&rules, "{\"ids\": [1, 2147483648]}", ATTRIB_ERANGE, "2147483648");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_fields__other_scalars_are_tags),
        cmocka_unit_test(test_row_fields__fields_are_named),
        cmocka_unit_test(test_row_fields__trained_tokens_are_read),
        cmocka_unit_test(test_row_fields__strange_values_harm_no_other_field),
        cmocka_unit_test(test_row_fields__strange_values_are_refused_where_they_are_read),
        cmocka_unit_test(test_row_fields__tokens_are_taken_as_they_are),
        cmocka_unit_test(test_row_fields__refuses_broken_tokens),
    };
    return run_cases(tests, NULL, NULL);
}
