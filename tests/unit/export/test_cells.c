/* SPDX-License-Identifier: MIT */
/* Lines of terminal text as they are seen: widths, signs and marks, by pages written by
 * hand. Columns are those of East Asian Width (UAX 11). */
#include <string.h>

#include "export/snippet.h"
#include "support/check.h"

static void check_wrapped(const char *text, const at_frame *frame, const char *want)
{
    attrib_error err = {0};
    at_buffer out = {0};
    check_ok(at_print_wrapped(&out, text, strlen(text), frame, &err), &err);
    assert_string_equal(out.bytes, want);
    at_buffer_free(&out);
}

static void test_cells__lines_are_as_wide_as_they_are_seen(void **state)
{
    (void)state;
    const at_frame frame = {.width = 10, .max_lines = 4};
    check_wrapped("日本語の文字は広い", &frame, "日本語の文\n字は広い\n");
    check_wrapped("👍👍👍👍 👍👍", &frame, "👍👍👍👍\n👍👍\n");
    /* Marks that join the letter before them take no column, and stay with it. */
    check_wrapped("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"
                  "x",
                  &frame,
                  "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"
                  "\nx\n");
    check_wrapped("abcdefghi日", &frame, "abcdefghi\n日\n");
    const at_frame short_frame = {.width = 8, .max_lines = 1};
    check_wrapped("日本語の文字", &short_frame, "日本語…\n");
    attrib_error err = {0};
    at_buffer out = {0};
    check_ok(at_print_tail(&out, "ab/日本語", &short_frame, &err), &err);
    assert_string_equal(out.bytes, "…/日本語");
    at_buffer_free(&out);
}

static void test_cells__spaces_at_the_ends_are_seen_where_they_matter(void **state)
{
    (void)state;
    const at_frame frame = {.width = 40, .max_lines = 4, .shows_spaces = true};
    const at_frame ascii = {
        .width = 40, .max_lines = 4, .shows_spaces = true, .is_ascii = true};
    check_wrapped("  Paris  is \n", &frame, "␣␣Paris is␣↵\n");
    check_wrapped("  Paris  is \n", &ascii, "__Paris is_\\n\n");
    check_wrapped(" ", &frame, "␣\n");
    check_wrapped("", &frame, "\n");
    const at_frame silent = {.width = 40, .max_lines = 4};
    check_wrapped(" Paris is \n", &silent, "Paris is\n");
}

static void test_cells__ascii_has_signs_of_its_own(void **state)
{
    (void)state;
    const at_frame frame = {.width = 10, .max_lines = 1, .is_ascii = true};
    check_wrapped("a\tb\x01\x7f\xff"
                  "é",
                  &frame, "a\\tb^A^??é\n");
    check_wrapped("aaaa bbbb cccc", &frame, "aaaa...\n");
}

/* A document of tokens whose score is 1 where the first letter of `strong` is x. */
static void check_marks(const char *const *pieces,
                        const char *strong,
                        bool is_ascii,
                        const char *want)
{
    attrib_error err = {0};
    at_buffer out = {0};
    attrib_token_score tokens[16];
    const at_frame frame = {.width = 60, .max_lines = 2, .is_ascii = is_ascii};
    size_t n = 0;
    for (; pieces[n]; n++) {
        tokens[n] = (attrib_token_score){
            .text = pieces[n], .n_bytes = strlen(pieces[n]), .score = strong[n] == 'x'};
    }
    const attrib_result result = {.score = 1, .tokens = tokens, .n_tokens = n};
    check_ok(at_print_snippet(&out, &result, (at_side){0, n}, &frame, &err), &err);
    assert_string_equal(out.bytes, want);
    at_buffer_free(&out);
}

static void test_cells__marks_are_around_whole_words(void **state)
{
    (void)state;
    check_marks((const char *const[]){"in", " L", "ond", "on", ",", " not", NULL},
                "--x---", false, "in ⟦London⟧, not\n");
    check_marks((const char *const[]){"in", " L", "ond", "on", ",", " not", NULL},
                "--x---", true, "in [[London]], not\n");
    check_marks((const char *const[]){"in", " L", "ondon", " and", " R", "ome", NULL},
                "-x-x-x", false, "in ⟦London and Rome⟧\n");
    check_marks((const char *const[]){"a", "[", "i", "dx", "]", " =", " b", NULL},
                "---x---", false, "a[⟦idx⟧] = b\n");
    check_marks((const char *const[]){"f", "(", "snake", "_", "case", ")", NULL},
                "--x---", false, "f(⟦snake_case⟧)\n");
    check_marks((const char *const[]){"x", "(", "y", NULL}, "-x-", false, "x⟦(⟧y\n");
    /* Nothing separates words here: a token stays a token. */
    check_marks((const char *const[]){"東京", "は", "大きい", NULL}, "x--", false,
                "⟦東京⟧は大きい\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells__lines_are_as_wide_as_they_are_seen),
        cmocka_unit_test(test_cells__spaces_at_the_ends_are_seen_where_they_matter),
        cmocka_unit_test(test_cells__ascii_has_signs_of_its_own),
        cmocka_unit_test(test_cells__marks_are_around_whole_words),
    };
    return run_cases(tests, NULL, NULL);
}
