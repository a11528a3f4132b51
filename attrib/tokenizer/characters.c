/* SPDX-License-Identifier: MIT */
/* Characters, their classes, and the byte-level alphabet. */
#include "tokenizer/characters.h"

#include <string.h>

#include <utf8proc.h>

#include "format/utf8.h"

size_t at_get_last_character(const char *text, size_t n, uint32_t *character)
{
    size_t i = n - 1;
    while (i > 0 && ((unsigned char)text[i] & 0xC0) == 0x80) {
        i--;
    }
    return at_get_character(text + i, character);
}

size_t at_put_character(uint32_t character, char out[AT_UTF8_MAX])
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t n = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    out[0] = (char)(leads[n] | character);
    return n;
}

size_t at_count_characters(const char *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return count;
}

bool at_is_space(uint32_t character)
{
    if (character < 0x80) {
        return character == ' ' || (character >= 9 && character <= 13);
    }
    return character == 0x85 || character == 0xA0 || character == 0x1680 ||
           (character >= 0x2000 && character <= 0x200A) || character == 0x2028 ||
           character == 0x2029 || character == 0x202F || character == 0x205F ||
           character == 0x3000;
}

bool at_is_numeric(uint32_t character)
{
    if (character < 0x80) {
        return character >= '0' && character <= '9';
    }
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)character);
    return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
           category == UTF8PROC_CATEGORY_NO;
}

/* Characters of Other_Alphabetic that are neither letters, marks nor numbers. */
static bool is_enclosed_letter(uint32_t character)
{
    return (character >= 0x24B6 && character <= 0x24E9) ||
           (character >= 0x1F130 && character <= 0x1F149) ||
           (character >= 0x1F150 && character <= 0x1F169) ||
           (character >= 0x1F170 && character <= 0x1F189);
}

bool at_is_word(uint32_t character)
{
    switch (utf8proc_category((utf8proc_int32_t)character)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return character == 0x200C || character == 0x200D ||
               is_enclosed_letter(character);
    }
}

bool at_is_punctuation(uint32_t character)
{
    if (character < 0x80) {
        return (character >= '!' && character <= '/') ||
               (character >= ':' && character <= '@') ||
               (character >= '[' && character <= '`') ||
               (character >= '{' && character <= '~');
    }
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)character);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

static bool stands_for_itself(uint32_t byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
           (byte >= 0xAE && byte <= 0xFF);
}

/* The others, in order, are U+0100 to U+0143: 0 to 32, 127 to 160, and 173. */
uint32_t at_byte_character(unsigned char byte)
{
    if (stands_for_itself(byte)) {
        return byte;
    }
    if (byte <= 32) {
        return 0x100u + byte;
    }
    return byte == 173 ? 0x143u : 0x121u + (byte - 127u);
}

/* The byte that a character of byte-level BPE stands for, or -1. */
static int byte_of(uint32_t character)
{
    if (character < 0x100) {
        return stands_for_itself(character) ? (int)character : -1;
    }
    if (character <= 0x120) {
        return (int)(character - 0x100);
    }
    if (character <= 0x142) {
        return (int)(character - 0x121 + 127);
    }
    return character == 0x143 ? 173 : -1;
}

attrib_status at_append_byte_characters(at_buffer *out,
                                        const char *bytes,
                                        size_t n,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n && status == ATTRIB_OK; i++) {
        char character[AT_UTF8_MAX];
        size_t length =
            at_put_character(at_byte_character((unsigned char)bytes[i]), character);
        status = at_buffer_append(out, character, length, err);
    }
    return status;
}

attrib_status at_append_bytes_of_characters(at_buffer *out,
                                            const char *token,
                                            size_t n,
                                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_before = out->n_bytes;
    for (size_t i = 0; i < n;) {
        uint32_t character = 0;
        i += at_get_character(token + i, &character);
        int byte = byte_of(character);
        if (byte < 0) {
            out->n_bytes = n_before;
            return at_buffer_append(out, token, n, err);
        }
        char c = (char)byte;
        AT_TRY(at_buffer_append(out, &c, 1, err));
    }
done:
    return status;
}

attrib_status at_append_valid(at_buffer *out,
                              const char *bytes,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t copied = 0;
    for (size_t i = 0; i < n;) {
        uint32_t character = 0;
        bool is_valid = false;
        size_t step = at_utf8_next(bytes + i, n - i, &character, &is_valid);
        if (!is_valid) {
            AT_TRY(at_buffer_append(out, bytes + copied, i - copied, err));
            AT_TRY(at_buffer_append(out, "\xEF\xBF\xBD", 3, err));
            copied = i + step;
        }
        i += step;
    }
    if (copied < n) {
        AT_TRY(at_buffer_append(out, bytes + copied, n - copied, err));
    }
done:
    return status;
}
