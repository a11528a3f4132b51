/* SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat_fixture.h"

json_t *chat_golden;

const json_t *find_template(const char *name)
{
    size_t i = 0;
    const json_t *list = json_object_get(chat_golden, "templates");
    for (; i < json_array_size(list); i++) {
        const json_t *name_of = json_object_get(json_array_get(list, i), "name");
        if (strcmp(json_string_value(name_of), name) == 0) {
            break;
        }
    }
    assert_true(i < json_array_size(list));
    return json_array_get(list, i);
}

int chat_set_up(void **state)
{
    (void)state;
    attrib_error err = {0};
    check_ok(
        at_json_read(source_path("tests/golden/chat.json"), 1 << 20, &chat_golden, &err),
        &err);
    return 0;
}

int chat_tear_down(void **state)
{
    (void)state;
    json_decref(chat_golden);
    return 0;
}

const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

attrib_tokenizer *make_tokenizer(const json_t *row)
{
    attrib_error err = {0};
    attrib_tokenizer *t = NULL;
    char *json = json_dumps(json_object_get(chat_golden, "tokenizer"), 0);
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

at_rules make_rules(const attrib_tokenizer *tokenizer, const char *name)
{
    attrib_error err = {0};
    at_rules rules = {.tokenizer = tokenizer,
                      .text_field = "text",
                      .id_field = "id",
                      .append_eos = true};
    check_ok(at_rules_choose_chat(&rules, name, "2024-07-26", &err), &err);
    return rules;
}

attrib_status build(const at_rules *rules,
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

bool is_said(const json_t *spans, size_t t)
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

void check_ids(const json_t *want, const int32_t *ids, size_t n, const char *what)
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

void check_text(const at_rules *rules, const char *row, const char *want)
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

void check_row_refused(const at_rules *rules,
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

void check_with(const attrib_tokenizer *tokenizer,
                const char *name,
                const char *row,
                const char *want)
{
    at_rules rules = make_rules(tokenizer, name);
    check_text(&rules, row, want);
    at_rules_free(&rules);
}

attrib_tokenizer *make_own(const char *template)
{
    json_t *row =
        json_pack("{ss ss ss}", "bos", "<s>", "eos", "</s>", "template", template);
    attrib_tokenizer *tokenizer = make_tokenizer(row);
    json_decref(row);
    return tokenizer;
}
