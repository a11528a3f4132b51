/* SPDX-License-Identifier: MIT */
/* Unicode normalization by utf8proc's tables, in time n log n.
 *
 * utf8proc's own ordering of combining marks is quadratic in the length of a run of them,
 * so decomposing and ordering are done here, and only composing is left to it. */
#include "tokenizer/unicode_form.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "tokenizer/characters.h"

#define MAX_EXPANSION 32 /* characters that one decomposes into; Unicode has 18 */

/* Whether text is the same in the form, as its lowest characters always are: ASCII in
 * all, below U+0300 in NFC. */
static bool is_plain(at_unicode_form form, const char *text, size_t n)
{
    unsigned char limit = form.is_composed && !form.is_compatible ? 0xCC : 0x80;
    unsigned char highest = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        highest = c > highest ? c : highest;
    }
    return highest < limit;
}

/* Characters that came after Unicode 10 and have a decomposition or a combining class:
 * Hugging Face's library, whose ids models are trained on, has the tables of that version
 * (measured over all of Unicode 15), and leaves them where and as they are. */
static bool is_newer(uint32_t character)
{
    static const uint32_t ranges[][2] = {
        {0x07FD, 0x07FD},   {0x0898, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},
        {0x0C3C, 0x0C3C},   {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x0ECE, 0x0ECE},
        {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},   {0x32FF, 0x32FF},
        {0xA7F2, 0xA7F4},   {0xA82C, 0xA82C},   {0xAB69, 0xAB69},   {0x10781, 0x10785},
        {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC},
        {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
        {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11938, 0x11938},
        {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
        {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45},
        {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E030, 0x1E06D},
        {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF},
        {0x1E4EC, 0x1E4EF}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
    };
    size_t low = 0;
    size_t high = sizeof ranges / sizeof *ranges;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle][1] < character) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < sizeof ranges / sizeof *ranges && ranges[low][0] <= character;
}

static attrib_status decompose(at_unicode_form form,
                               const char *text,
                               size_t n,
                               at_form_scratch *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int options = UTF8PROC_DECOMPOSE | (form.is_compatible ? UTF8PROC_COMPAT : 0);
    out->n = 0;
    for (size_t i = 0; i < n;) {
        uint32_t character = 0;
        int bound_class = 0;
        i += at_get_character(text + i, &character);
        AT_TRY(at_grow(&out->items, &out->capacity, out->n + MAX_EXPANSION,
                       sizeof *out->items, err));
        if (is_newer(character)) {
            out->items[out->n++] = (int32_t)character;
            continue;
        }
        utf8proc_ssize_t length = utf8proc_decompose_char(
            (utf8proc_int32_t)character, out->items + out->n, MAX_EXPANSION,
            (utf8proc_option_t)options, &bound_class);
        AT_CHECK(length >= 0 && length <= MAX_EXPANSION, ATTRIB_EFORMAT,
                 "U+%04X cannot be normalized: %s", character, utf8proc_errmsg(length));
        out->n += (size_t)length;
    }
done:
    return status;
}

static uint32_t combining_class(int32_t character)
{
    return character < 0x300 || is_newer((uint32_t)character)
               ? 0
               : (uint32_t)utf8proc_get_property(character)->combining_class;
}

static int compare_keys(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Stably sort a run of combining marks by class; a key is class, position, character. */
static attrib_status order_run(int32_t *run, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t few[32];
    uint64_t *keys = few;
    uint64_t *many = NULL;
    if (n > sizeof few / sizeof *few) {
        AT_CHECK(n < (uint64_t)1 << 35, ATTRIB_ERANGE, "%zu combining marks in a row", n);
        AT_TRY(at_array(n, sizeof *many, &many, err));
        keys = many;
    }
    for (size_t i = 0; i < n; i++) {
        keys[i] = (uint64_t)combining_class(run[i]) << 56 | (uint64_t)i << 21 |
                  (uint32_t)run[i];
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 0; i < n; i++) {
        run[i] = (int32_t)(keys[i] & 0x1FFFFF);
    }
done:
    free(many);
    return status;
}

static attrib_status order_marks(int32_t *characters, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && combining_class(characters[end]) != 0) {
            end++;
        }
        if (end > i + 1) {
            AT_TRY(order_run(characters + i, end - i, err));
        }
        i = end + 1;
    }
done:
    return status;
}

attrib_status at_append_form(at_unicode_form form,
                             const char *text,
                             size_t n,
                             at_form_scratch *scratch,
                             at_buffer *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (n == 0 || is_plain(form, text, n)) {
        return at_buffer_append(out, text, n, err);
    }
    AT_TRY(decompose(form, text, n, scratch, err));
    AT_TRY(order_marks(scratch->items, scratch->n, err));
    if (form.is_composed) {
        utf8proc_ssize_t length = utf8proc_normalize_utf32(
            scratch->items, (utf8proc_ssize_t)scratch->n,
            (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
        AT_CHECK(length >= 0, ATTRIB_EFORMAT, "text cannot be normalized: %s",
                 utf8proc_errmsg(length));
        scratch->n = (size_t)length;
    }
    for (size_t i = 0; i < scratch->n; i++) {
        char bytes[AT_UTF8_MAX];
        size_t length = at_put_character((uint32_t)scratch->items[i], bytes);
        AT_TRY(at_buffer_append(out, bytes, length, err));
    }
done:
    return status;
}
