/* SPDX-License-Identifier: MIT */
/* Characters: reading and writing them in text known to be UTF-8, and their classes. */
#ifndef AT_TOKENIZER_CHARACTERS_H
#define AT_TOKENIZER_CHARACTERS_H

#include "base/memory.h"

#define AT_UTF8_MAX 4 /* bytes of the longest character */

/* The character at `text`, which is valid UTF-8; *character is written. Returns its
 * bytes. */
static inline size_t at_get_character(const char *text, uint32_t *character)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x80) {
        *character = c[0];
        return 1;
    }
    if (c[0] < 0xE0) {
        *character = (c[0] & 0x1Fu) << 6 | (c[1] & 0x3Fu);
        return 2;
    }
    if (c[0] < 0xF0) {
        *character = (c[0] & 0xFu) << 12 | (c[1] & 0x3Fu) << 6 | (c[2] & 0x3Fu);
        return 3;
    }
    *character =
        (c[0] & 7u) << 18 | (c[1] & 0x3Fu) << 12 | (c[2] & 0x3Fu) << 6 | (c[3] & 0x3Fu);
    return 4;
}

/* The character that ends at text + n, n >= 1, in valid UTF-8. Returns its bytes. */
size_t at_get_last_character(const char *text, size_t n, uint32_t *character);

/* Write a character as UTF-8. Returns its bytes. */
size_t at_put_character(uint32_t character, char out[AT_UTF8_MAX]);

/* How many characters valid UTF-8 text [n] has. */
size_t at_count_characters(const char *text, size_t n);

/* Classes, as Rust's char and regex crates define them. */
bool at_is_space(uint32_t character);       /* White_Space */
bool at_is_numeric(uint32_t character);     /* general category N */
bool at_is_word(uint32_t character);        /* \w of UTS 18 */
bool at_is_punctuation(uint32_t character); /* category P, or ASCII punctuation */

/* The character that GPT-2's byte-level vocabularies write for a byte: the byte's own
 * where that is printable Latin-1, else one from U+0100 on. */
uint32_t at_byte_character(unsigned char byte);

/* Append bytes as such characters. */
attrib_status at_append_byte_characters(at_buffer *out,
                                        const char *bytes,
                                        size_t n,
                                        attrib_error *err);

/* Append the bytes of byte-level characters; a token with any other is kept as it is. */
attrib_status at_append_bytes_of_characters(at_buffer *out,
                                            const char *token,
                                            size_t n,
                                            attrib_error *err);

/* Append bytes as UTF-8, U+FFFD for each maximal part that is none. */
attrib_status at_append_valid(at_buffer *out,
                              const char *bytes,
                              size_t n,
                              attrib_error *err);

#endif
