/* SPDX-License-Identifier: MIT */
/* UTF-8 as Unicode's table 3-7 has it: no overlong forms, no surrogates, at most
 * U+10FFFF. */
#include "format/utf8.h"

#include <assert.h>

/* What a first byte says: how many bytes follow, and where the second one may lie. */
typedef struct lead {
    size_t n_following;
    unsigned char low, high;
} lead;

static lead classify(unsigned char c)
{
    if (c >= 0xC2 && c <= 0xDF) {
        return (lead){1, 0x80, 0xBF};
    }
    if (c >= 0xE0 && c <= 0xEF) {
        return (lead){2, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
    }
    if (c >= 0xF0 && c <= 0xF4) {
        return (lead){3, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
    }
    return (lead){0, 0, 0};
}

size_t at_utf8_next(const char *text, size_t n, uint32_t *character, bool *is_valid)
{
    assert(n >= 1);
    const unsigned char *bytes = (const unsigned char *)text;
    bool ignored = false;
    bool *valid = is_valid ? is_valid : &ignored;
    *valid = bytes[0] < 0x80;
    *character = bytes[0] < 0x80 ? bytes[0] : AT_REPLACEMENT;
    lead first = classify(bytes[0]);
    if (first.n_following == 0) {
        return 1;
    }
    uint32_t value = bytes[0] & (0x3Fu >> first.n_following);
    for (size_t i = 1; i <= first.n_following; i++) {
        unsigned char low = i == 1 ? first.low : 0x80;
        unsigned char high = i == 1 ? first.high : 0xBF;
        if (i >= n || bytes[i] < low || bytes[i] > high) {
            return i;
        }
        value = value << 6 | (bytes[i] & 0x3Fu);
    }
    *valid = true;
    *character = value;
    return first.n_following + 1;
}

bool at_utf8_is_valid(const char *text, size_t n, size_t *offset)
{
    size_t i = 0;
    while (i < n) {
        uint32_t character = 0;
        bool is_valid = false;
        size_t step = at_utf8_next(text + i, n - i, &character, &is_valid);
        if (!is_valid) {
            if (offset) {
                *offset = i;
            }
            return false;
        }
        i += step;
    }
    return true;
}
