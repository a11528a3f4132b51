/* SPDX-License-Identifier: MIT */
/* Texts in cells of CSV (RFC 4180). */
#include "export/csv_text.h"

#include <string.h>

#include "format/utf8.h"

/* Whether a text is a number as programs write it: -389.4, +1e-07. */
static bool is_number(const char *text, size_t n)
{
    const char *end = text + n;
    size_t n_digits = 0;
    text += text < end && (*text == '+' || *text == '-');
    for (; text < end && (*text == '.' || (*text >= '0' && *text <= '9')); text++) {
        n_digits += *text != '.';
    }
    if (n_digits && text < end && (*text == 'e' || *text == 'E')) {
        text++;
        text += text < end && (*text == '+' || *text == '-');
        n_digits = 0;
        for (; text < end && *text >= '0' && *text <= '9'; text++) {
            n_digits++;
        }
    }
    return n_digits && text == end;
}

/* Whether a spreadsheet takes the cell for a formula: its first character, after spaces
 * and control characters, is one of = + - @ or of their full-width forms. */
static bool is_formula(const char *text, size_t n)
{
    while (n && ((unsigned char)*text <= ' ' || *text == 0x7F)) {
        text++;
        n--;
    }
    if (!n || is_number(text, n)) {
        return false;
    }
    uint32_t first = 0;
    at_utf8_next(text, n, &first, NULL);
    switch (first) {
    case '=':
    case '+':
    case '-':
    case '@':
    case 0xFF1D:
    case 0xFF0B:
    case 0xFF0D:
    case 0xFF20:
        return true;
    default:
        return false;
    }
}

/* Append a character that is no letter to be copied as it is: control characters have
 * their pictures (U+2400 and on), and what is no UTF-8, or a control character that has
 * none, U+FFFD. */
static attrib_status append_control(at_buffer *out, uint32_t character, attrib_error *err)
{
    const unsigned char low = (unsigned char)(character == 0x7F ? 0x21 : character);
    const char picture[3] = {(char)0xE2, (char)0x90, (char)(0x80 + low)};
    bool has_picture = character < 0x20 || character == 0x7F;
    return at_buffer_append(out, has_picture ? picture : "\xEF\xBF\xBD", 3, err);
}

/* How many characters of ASCII that can be seen begin a text. */
static size_t count_plain(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && text[i] >= ' ' && text[i] < 0x7F) {
        i++;
    }
    return i;
}

/* Append text without control characters but tabs and the ends of lines. */
static attrib_status append_harmless(at_buffer *out,
                                     const char *text,
                                     size_t n,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(out, "'", is_formula(text, n), err));
    while (n) {
        size_t n_plain = count_plain(text, n);
        AT_TRY(at_buffer_append(out, text, n_plain, err));
        text += n_plain;
        n -= n_plain;
        if (!n) {
            break;
        }
        uint32_t character = 0;
        bool is_valid = true;
        size_t n_bytes = at_utf8_next(text, n, &character, &is_valid);
        bool is_end = *text == '\n' || (*text == '\r' && n > 1 && text[1] == '\n');
        bool is_control = character < 0x20 || (character >= 0x7F && character < 0xA0);
        bool is_kept = is_valid && (!is_control || *text == '\t' || is_end);
        AT_TRY(is_kept ? at_buffer_append(out, text, n_bytes, err)
                       : append_control(out, character, err));
        text += n_bytes;
        n -= n_bytes;
    }
done:
    return status;
}

/* Append text, quoted where it must be. */
static attrib_status append_quoted(at_buffer *out,
                                   const char *text,
                                   size_t n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *end = text + n;
    bool is_plain = true;
    for (const char *c = text; is_plain && c < end; c++) {
        is_plain = *c != '"' && *c != ',' && *c != '\r' && *c != '\n';
    }
    if (is_plain) {
        return at_buffer_append(out, text, n, err);
    }
    AT_TRY(at_buffer_append(out, "\"", 1, err));
    while (text < end) {
        const char *quote = memchr(text, '"', (size_t)(end - text));
        size_t n_piece = (size_t)((quote ? quote + 1 : end) - text);
        AT_TRY(at_buffer_append(out, text, n_piece, err));
        AT_TRY(at_buffer_append(out, "\"", quote != NULL, err));
        text += n_piece;
    }
    AT_TRY(at_buffer_append(out, "\"", 1, err));
done:
    return status;
}

attrib_status at_append_csv_text(
    at_buffer *out, const char *text, size_t n, at_buffer *scratch, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!scratch || !n) {
        return append_quoted(out, text, n, err);
    }
    at_buffer_clear(scratch);
    AT_TRY(append_harmless(scratch, text, n, err));
    AT_TRY(append_quoted(out, scratch->bytes, scratch->n_bytes, err));
done:
    return status;
}
