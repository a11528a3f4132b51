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

static attrib_status decompose(at_unicode_form form,
                               const char *text,
                               size_t n,
                               int32_t **characters,
                               size_t *capacity,
                               size_t *n_characters,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int options = UTF8PROC_DECOMPOSE | (form.is_compatible ? UTF8PROC_COMPAT : 0);
    size_t count = 0;
    for (size_t i = 0; i < n;) {
        uint32_t character = 0;
        int bound_class = 0;
        i += at_get_character(text + i, &character);
        AT_TRY(
            at_grow(characters, capacity, count + MAX_EXPANSION, sizeof(int32_t), err));
        utf8proc_ssize_t length = utf8proc_decompose_char(
            (utf8proc_int32_t)character, *characters + count, MAX_EXPANSION,
            (utf8proc_option_t)options, &bound_class);
        AT_CHECK(length >= 0 && length <= MAX_EXPANSION, ATTRIB_EFORMAT,
                 "U+%04X cannot be normalized: %s", character, utf8proc_errmsg(length));
        count += (size_t)length;
    }
    *n_characters = count;
done:
    return status;
}

static uint32_t combining_class(int32_t character)
{
    return character < 0x300
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
                             int32_t **characters,
                             size_t *capacity,
                             at_buffer *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_characters = 0;
    if (n == 0 || is_plain(form, text, n)) {
        return at_buffer_append(out, text, n, err);
    }
    AT_TRY(decompose(form, text, n, characters, capacity, &n_characters, err));
    AT_TRY(order_marks(*characters, n_characters, err));
    if (form.is_composed) {
        utf8proc_ssize_t length = utf8proc_normalize_utf32(
            *characters, (utf8proc_ssize_t)n_characters,
            (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
        AT_CHECK(length >= 0, ATTRIB_EFORMAT, "text cannot be normalized: %s",
                 utf8proc_errmsg(length));
        n_characters = (size_t)length;
    }
    for (size_t i = 0; i < n_characters; i++) {
        char bytes[AT_UTF8_MAX];
        size_t length = at_put_character((uint32_t)(*characters)[i], bytes);
        AT_TRY(at_buffer_append(out, bytes, length, err));
    }
done:
    return status;
}
