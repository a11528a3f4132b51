/* SPDX-License-Identifier: MIT */
/* Unicode's normalization forms against the annex and utf8proc. */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/random.h"
#include "support/check.h"
#include "tokenizer/characters.h"
#include "tokenizer/unicode_form.h"

static const at_unicode_form nfc = {false, true};
static const at_unicode_form nfd = {false, false};
static const at_unicode_form nfkc = {true, true};
static const at_unicode_form nfkd = {true, false};

static void check_form(
    at_unicode_form form, const char *text, size_t n, const char *want, size_t n_want)
{
    attrib_error err = {0};
    at_form_scratch scratch = {0};
    at_buffer out = {0};
    check_ok(at_append_form(form, text, n, &scratch, &out, &err), &err);
    assert_int_equal(out.n_bytes, n_want);
    assert_memory_equal(out.bytes, want, n_want);
    free(scratch.items);
    at_buffer_free(&out);
}

static void check_forms(
    const char *text, const char *c, const char *d, const char *kc, const char *kd)
{
    check_form(nfc, text, strlen(text), c, strlen(c));
    check_form(nfd, text, strlen(text), d, strlen(d));
    check_form(nfkc, text, strlen(text), kc, strlen(kc));
    check_form(nfkd, text, strlen(text), kd, strlen(kd));
}

/* The examples of Unicode's annex 15, figures 3 to 6. */
static void test_unicode_form__examples_of_the_annex(void **state)
{
    (void)state;
#define FI "\xEF\xAC\x81"
    check_forms(FI, FI, FI, "fi", "fi");
#undef FI
    check_forms("2\xE2\x81\xB5", "2\xE2\x81\xB5", "2\xE2\x81\xB5", "25", "25");
    /* U+1E9B U+0323 */
    check_forms("\xE1\xBA\x9B\xCC\xA3", "\xE1\xBA\x9B\xCC\xA3",
                "\xC5\xBF\xCC\xA3\xCC\x87", "\xE1\xB9\xA9", "s\xCC\xA3\xCC\x87");
    /* U+212B (angstrom), U+1E69 (s with two dots) */
    check_forms("\xE2\x84\xAB", "\xC3\x85", "A\xCC\x8A", "\xC3\x85", "A\xCC\x8A");
    check_forms("s\xCC\x87\xCC\xA3", "\xE1\xB9\xA9", "s\xCC\xA3\xCC\x87", "\xE1\xB9\xA9",
                "s\xCC\xA3\xCC\x87");
    /* U+D55C (hangul) */
    check_forms("\xED\x95\x9C", "\xED\x95\x9C", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB",
                "\xED\x95\x9C", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB");
    check_form(nfkc, "a\0b", 3, "a\0b", 3);
}

/* As Hugging Face's library: U+1FBF7 (a digit of Unicode 13) and U+32FF (a square
 * of 12.1) stay, and U+08D3 (a mark of 11, of class 220) keeps its place behind U+0301
 * (230). */
static void test_unicode_form__newer_characters_stay(void **state)
{
    (void)state;
#define DIGIT "\xF0\x9F\xAF\xB7"
    check_forms(DIGIT, DIGIT, DIGIT, DIGIT, DIGIT);
#undef DIGIT
    check_forms("\xE3\x8B\xBF", "\xE3\x8B\xBF", "\xE3\x8B\xBF", "\xE3\x8B\xBF",
                "\xE3\x8B\xBF");
    check_form(nfd, "q\xCC\x81\xE0\xA3\x93", 6, "q\xCC\x81\xE0\xA3\x93", 6);
    check_form(nfd, "q\xCC\x81\xCC\x96", 5, "q\xCC\x96\xCC\x81", 5);
}

static uint32_t draw_character(uint64_t index)
{
    static const uint32_t firsts[] = {0x20,   0xA0,   0x300,  0x300,  0x300,
                                      0x1100, 0xAC00, 0x1E00, 0x3300, 0xFB00};
    size_t kind = (size_t)(at_uniform(3, 0, index) * 10);
    return firsts[kind] + (uint32_t)(at_uniform(3, 1, index) * 0x70);
}

/* Decomposing and ordering are ours: utf8proc's own whole function is the oracle, which
 * shares its tables with ours and none of the code. */
static void test_unicode_form__random_text_is_as_utf8proc_maps_it(void **state)
{
    (void)state;
    const at_unicode_form forms[] = {nfc, nfd, nfkc, nfkd};
    static const int options[] = {UTF8PROC_STABLE | UTF8PROC_COMPOSE,
                                  UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
                                  UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
                                  UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT};
    uint64_t index = 0;
    for (size_t i = 0; i < 2000; i++) {
        char text[400];
        size_t n = 0;
        size_t n_characters = 1 + i % 90;
        for (size_t j = 0; j < n_characters; j++) {
            n += at_put_character(draw_character(index++), text + n);
        }
        for (size_t form = 0; form < 4; form++) {
            utf8proc_uint8_t *want = NULL;
            utf8proc_ssize_t n_want =
                utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &want,
                             (utf8proc_option_t)options[form]);
            assert_true(n_want >= 0);
            check_form(forms[form], text, n, (const char *)want, (size_t)n_want);
            free(want);
        }
    }
}

/* 600,000 marks of falling classes: quadratic ordering would take hours. */
static void test_unicode_form__a_long_run_of_marks_is_not_quadratic(void **state)
{
    (void)state;

    enum { n = 600000 };

    char *text = malloc(2 * n + 1);
    char *want = malloc(2 * n + 1);
    assert_non_null(text);
    assert_non_null(want);
    text[0] = 'q';
    want[0] = 'q';
    for (size_t i = 0; i < n; i++) { /* U+0301 has class 230, U+0316 has 220 */
        memcpy(text + 1 + 2 * i, i % 2 ? "\xCC\x96" : "\xCC\x81", 2);
        memcpy(want + 1 + 2 * i, i < n / 2 ? "\xCC\x96" : "\xCC\x81", 2);
    }
    check_form(nfd, text, 2 * n + 1, want, 2 * n + 1);
    free(text);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unicode_form__examples_of_the_annex),
        cmocka_unit_test(test_unicode_form__newer_characters_stay),
        cmocka_unit_test(test_unicode_form__random_text_is_as_utf8proc_maps_it),
        cmocka_unit_test(test_unicode_form__a_long_run_of_marks_is_not_quadratic),
    };
    return run_cases(tests, NULL, NULL);
}
