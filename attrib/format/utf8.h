/* SPDX-License-Identifier: MIT */
/* UTF-8, one character at a time, whatever the bytes are. */
#ifndef AT_FORMAT_UTF8_H
#define AT_FORMAT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AT_REPLACEMENT 0xFFFDu

/* The character that begins `text` [n], n >= 1, and how many bytes it takes. Bytes that
 * are no character give AT_REPLACEMENT for their maximal part, as Unicode's section 3.9
 * recommends, with *is_valid (may be NULL) false. */
size_t at_utf8_next(const char *text, size_t n, uint32_t *character, bool *is_valid);

/* Whether all of text [n] is UTF-8; if not, *offset (may be NULL) is the first bad byte.
 */
bool at_utf8_is_valid(const char *text, size_t n, size_t *offset);

#endif
