/* SPDX-License-Identifier: MIT */
/* UTF-8 against a direct encoder and the ill-formed examples of Unicode's section 3.9. */
#include <string.h>

#include "format/utf8.h"
#include "support/check.h"

/* The encoding of a character by its definition. */
static size_t encode(uint32_t c, char *out)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1;) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (char)(marks[n] | c);
    return n;
}

static void test_utf8__every_character_is_read_back(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char text[4];
        size_t n = encode(c, text);
        uint32_t got = 0;
        bool is_valid = false;
        bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;
        size_t step = at_utf8_next(text, n, &got, &is_valid);
        assert_int_equal(is_valid, !is_surrogate);
        assert_int_equal(at_utf8_is_valid(text, n, NULL), !is_surrogate);
        if (!is_surrogate) {
            assert_int_equal(step, n);
            assert_int_equal(got, c);
        }
    }
}

/* Steps of ill-formed text, as Python's and the standard's "maximal part" has them. */
static void check_steps(const char *text, size_t n, const size_t *steps, size_t n_steps)
{
    size_t at = 0;
    for (size_t i = 0; i < n_steps; i++) {
        uint32_t character = 0;
        assert_true(at < n);
        assert_int_equal(at_utf8_next(text + at, n - at, &character, NULL), steps[i]);
        at += steps[i];
    }
    assert_int_equal(at, n);
}

static void test_utf8__bad_bytes_go_by_maximal_parts(void **state)
{
    (void)state;
    /* Table 3-8: C0 AF E0 80 BF F0 81 82 41 are one each. */
    const size_t ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    check_steps("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9, ones, 9);
    /* Table 3-11: E1 80 | E2 | F0 91 92 | F1 BF | 41 */
    const size_t truncated[5] = {2, 1, 3, 2, 1};
    check_steps("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, truncated, 5);
    /* Table 3-10, surrogates: ED A0 80. And what lies above U+10FFFF: F4 91. */
    check_steps("\xED\xA0\x80\xF4\x91\xFF", 6, ones, 6);
}

static void test_utf8__the_first_bad_byte_is_named(void **state)
{
    (void)state;
    size_t offset = 99;
    assert_true(at_utf8_is_valid("", 0, &offset));
    assert_false(at_utf8_is_valid("ab\xC3\xA9\xC3", 5, &offset));
    assert_int_equal(offset, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__every_character_is_read_back),
        cmocka_unit_test(test_utf8__bad_bytes_go_by_maximal_parts),
        cmocka_unit_test(test_utf8__the_first_bad_byte_is_named),
    };
    return run_cases(tests, NULL, NULL);
}
