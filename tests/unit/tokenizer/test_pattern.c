/* SPDX-License-Identifier: MIT */
/* Regular expressions: what is rewritten, what is refused, and where matching gives up.
 */
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "tokenizer/pattern.h"

static void check_refused(const char *regex, const char *part)
{
    attrib_error err = {0};
    at_pattern pattern = {0};
    check_fails(at_pattern_from_regex("t.json", regex, strlen(regex), &pattern, &err),
                ATTRIB_ENOTSUP, &err);
    check_message(&err, "t.json: ");
    check_message(&err, part);
}

static void test_pattern__what_means_something_else_is_refused(void **state)
{
    (void)state;
    check_refused("a\\h", "\\h at byte 1 of the pattern");
    check_refused("\\Ga", "\\G");
    check_refused("(a)\\1", "\\1");
    check_refused("\\K", "\\K");
    check_refused("a(?i)b", "a special group");
    check_refused("(?<n>a)", "a special group");
    check_refused("(*FAIL)", "a special group");
    check_refused("(?x: a)", "a special group");
    check_refused("[[:alpha:]]", "a class inside a class");
    check_refused("[a&&b]", "an intersection");
    check_refused("[]a]", "] as the first");
    check_refused("[^]a]", "] as the first");
    check_refused("[a", "a class without its end");
    check_refused("[\\W]", "\\W");
    check_refused("a{2}?", "what follows a count");
    check_refused("a{2,3}+", "what follows a count");
    check_refused("a{,3}", "{,n}");
    check_refused("\\xE9", "an escaped number");
    check_refused("\\x{}", "an escaped number");
    check_refused("\\u12", "an escaped number");
    check_refused("\\pL", "a property without braces");
    check_refused("\\p{L", "a property without its end");
    check_refused("\\p{Nope}", "unknown property");
    check_refused("a\\", "a backslash");
    check_refused("(a", "missing closing parenthesis");
    check_refused("*", "quantifier does not follow");
}

/* The matches of a regex in a text, as "start-end start-end ...". */
static void check_matches(const char *regex, const char *text, const char *want)
{
    attrib_error err = {0};
    at_pattern pattern = {0};
    at_matcher matcher = {0};
    at_buffer got = {0};
    size_t start = 0;
    size_t end = 0;
    attrib_status status = ATTRIB_OK;
    check_ok(at_pattern_from_regex("t", regex, strlen(regex), &pattern, &err), &err);
    at_search search = {&pattern, &matcher, text, strlen(text), 0, SIZE_MAX};
    check_ok(at_buffer_append(&got, "", 0, &err), &err);
    while ((status = at_search_next(&search, &start, &end, &err)) == ATTRIB_OK) {
        check_ok(
            at_buffer_print(&got, &err, "%s%zu-%zu", got.n_bytes ? " " : "", start, end),
            &err);
    }
    check_fails(status, ATTRIB_END, &err);
    assert_string_equal(got.bytes, want);
    at_buffer_free(&got);
    at_matcher_free(&matcher);
    at_pattern_free(&pattern);
}

static void test_pattern__escapes_are_onigurumas(void **state)
{
    (void)state;
    /* U+180E is no white space, U+0085 is. */
    check_matches("\\s", "\xE1\xA0\x8E \xC2\x85", "3-4 4-6");
    check_matches("\\S+", "a\xE1\xA0\x8E b", "0-4 5-6");
    /* A combining mark and U+203F are of words. */
    check_matches("\\w+", "e\xCC\x81\xE2\x80\xBFx y", "0-7 8-9");
    /* The half of Latin-1 is of words outside a class, the third of U+2153 is not. */
    check_matches("\\w", "\xC2\xBD\xE2\x85\x93", "0-2");
    check_matches("[\\w]", "\xC2\xBD\xE2\x85\x93x", "5-6");
    check_matches("[^\\w]", "a_ b", "2-3");
    check_matches("\\W", "a_\xC3\xA9-", "4-5");
    check_matches("\\bx", "x ax \xCC\x81x", "0-1");
    check_matches("\\Bx", "x ax", "3-4");
    check_matches("\\d", "1\xD9\xA2\xC2\xBD", "0-1 1-3");
    check_matches("\\x41|\\x{e9}|\\u4e2d|\\v", "A\xC3\xA9\xE4\xB8\xAD\x0B",
                  "0-1 1-3 3-6 6-7");
    check_matches("^a$", "a\na\nb", "0-1 2-3");
    check_matches("a.", "a\nab", "2-4");
    check_matches("(?i:THE)|(?i:k)", "the \xE2\x84\xAA", "0-3 4-7");
    check_matches("\\\xC3\xA9+", "\xC3\xA9\xC3\xA9", "0-4");
    check_matches("{a}|a{|b{2}", "{a}a{bb", "0-3 3-5 5-7");
    /* A script is its own characters: not U+3002, U+30FC and U+0342, which several use.
     */
    check_matches("\\p{Han}+", "\xE4\xB8\xAD\xE3\x80\x82\xE4\xB8\xAD", "0-3 6-9");
    check_matches("\\P{Han}+", "\xE4\xB8\xAD\xE3\x80\x82", "3-6");
    check_matches("\\p{^Han}+", "\xE4\xB8\xAD\xE3\x80\x82", "3-6");
    check_matches("[\\p{Hiragana}]+", "\xE3\x81\x8B\xE3\x83\xBC", "0-3");
    check_matches("\\p{Greek}+", "\xCE\xB1\xCD\x82", "0-2");
}

static void test_pattern__empty_matches_count_once(void **state)
{
    (void)state;
    check_matches("x*", "axxb", "0-0 1-3 4-4");
    check_matches("", "\xC3\xA9", "0-0 2-2");
    check_matches("(?=b)", "ab", "1-1");
}

static void test_pattern__backtracking_for_ever_gives_up(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_pattern pattern = {0};
    at_matcher matcher = {0};
    size_t start = 0;
    size_t end = 0;
    static const char regex[] = "(?:a+)+[bd]";
    static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac";
    check_ok(at_pattern_from_regex("t", regex, sizeof regex - 1, &pattern, &err), &err);
    at_search search = {&pattern, &matcher, text, sizeof text - 1, 0, SIZE_MAX};
    check_fails(at_search_next(&search, &start, &end, &err), ATTRIB_ERANGE, &err);
    check_message(&err, "gave up at byte 0 of a text of 48 bytes");
    at_matcher_free(&matcher);
    at_pattern_free(&pattern);
}

/* A run of 5 MB of one class takes no stack, one of groups takes the large one. */
static void test_pattern__long_runs_match(void **state)
{
    (void)state;

    enum { n = 5000000 };

    attrib_error err = {0};
    at_pattern pattern = {0};
    at_matcher matcher = {0};
    size_t start = 0;
    size_t end = 0;
    static const char regex[] = "\\s+(?!\\S)|\\s+";
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, ' ', n);
    text[n - 1] = 'x';
    check_ok(at_pattern_from_regex("t", regex, sizeof regex - 1, &pattern, &err), &err);
    at_search search = {&pattern, &matcher, text, n, 0, SIZE_MAX};
    check_ok(at_search_next(&search, &start, &end, &err), &err);
    assert_int_equal(start, 0);
    assert_int_equal(end, n - 2);
    check_ok(at_search_next(&search, &start, &end, &err), &err);
    assert_int_equal(end, n - 1);
    check_fails(at_search_next(&search, &start, &end, &err), ATTRIB_END, &err);
    free(text);
    at_matcher_free(&matcher);
    at_pattern_free(&pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern__what_means_something_else_is_refused),
        cmocka_unit_test(test_pattern__escapes_are_onigurumas),
        cmocka_unit_test(test_pattern__empty_matches_count_once),
        cmocka_unit_test(test_pattern__backtracking_for_ever_gives_up),
        cmocka_unit_test(test_pattern__long_runs_match),
    };
    return run_cases(tests, NULL, NULL);
}
