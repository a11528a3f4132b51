/* SPDX-License-Identifier: MIT */
#include "rows_fixture.h"

#include <stdio.h>
#include <string.h>

#include "support/check.h"

at_rules make_rules(const attrib_tokenizer *tokenizer)
{
    return (at_rules){.tokenizer = tokenizer,
                      .text_field = "text",
                      .id_field = "id",
                      .append_eos = true};
}

void show(const at_draft *draft, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t t = 0; t < draft->n_tokens && n < size; t++) {
        int32_t id = draft->ids[t];
        char letter = id == FAKE_BOS    ? '^'
                      : id == FAKE_EOS  ? '$'
                      : id == FAKE_PAIR ? '_'
                                        : (char)(id - 3);
        letter = letter == '\n' ? '/' : letter;
        n += (size_t)snprintf(out + n, size - n, draft->mask[t] ? "[%c]" : "%c", letter);
    }
}

attrib_status build(const at_rules *rules,
                    const char *row,
                    at_drafts *out,
                    attrib_error *err)
{
    return at_draft_from_row(rules, "f:1", row, strlen(row), out, err);
}

void check_row(const at_rules *rules, const char *row, const char *want)
{
    attrib_error err = {0};
    at_drafts drafts = {0};
    char got[1024];
    size_t n_predicted = 0;
    check_ok(build(rules, row, &drafts, &err), &err);
    assert_int_equal(drafts.n, 1);
    show(&drafts.items[0], got, sizeof got);
    assert_string_equal(got, want);
    for (const char *c = want; *c; c++) {
        n_predicted += *c == '[';
    }
    assert_int_equal(drafts.items[0].n_predicted, n_predicted);
    at_drafts_free(&drafts);
}

void check_refused(const at_rules *rules,
                   const char *row,
                   attrib_status expected,
                   const char *message)
{
    attrib_error err = {0};
    at_drafts drafts = {0};
    check_fails(build(rules, row, &drafts, &err), expected, &err);
    check_message(&err, message);
    check_message(&err, "f:1: ");
    at_drafts_free(&drafts);
}
