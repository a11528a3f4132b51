/* SPDX-License-Identifier: MIT */
/* Jinja: from text to tokens.
 *
 *   1. Tokens of tags   2. Text and blanks   3. The whole */
#include "tokenizer/jinja_tree.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"
#include "tokenizer/characters.h"

#define MAX_TEMPLATE ((size_t)1 << 20)

typedef struct lexer {
    const char *text;
    size_t n_bytes, at;
    bool starts_line; /* what was read last ends a line, or nothing was */
    at_jinja_tokens *out;
    attrib_error *err;
} lexer;

static attrib_status fail_at(const lexer *l, const char *what)
{
    return at_fail(l->err, ATTRIB_EFORMAT, "chat template: %s at byte %zu", what, l->at);
}

static attrib_status add_token(lexer *l, at_jinja_kind kind, const char *text, size_t n)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_tokens *t = l->out;
    size_t start = t->bytes.n_bytes;
    AT_TRY(at_grow(&t->items, &t->capacity, t->n + 1, sizeof *t->items, l->err));
    AT_TRY(at_buffer_append(&t->bytes, text, n, l->err));
    t->items[t->n++] = (at_jinja_token){kind, start, n};
done:
    return status;
}

static bool sees(const lexer *l, const char *prefix)
{
    size_t n = strlen(prefix);
    return n <= l->n_bytes - l->at && memcmp(l->text + l->at, prefix, n) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_of_name(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

/* 1. Tokens of tags */

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* \xHH and \uHHHH at a backslash; 0 where it is neither. */
static size_t read_hex(const lexer *l, size_t at, uint32_t *character)
{
    size_t n_digits = l->text[at + 1] == 'x' ? 2 : l->text[at + 1] == 'u' ? 4 : 0;
    *character = 0;
    for (size_t i = 0; i < n_digits; i++) {
        int digit = at + 2 + i < l->n_bytes ? hex_of(l->text[at + 2 + i]) : -1;
        if (digit < 0) {
            return 0;
        }
        *character = *character << 4 | (uint32_t)digit;
    }
    bool is_surrogate = *character >= 0xD800 && *character < 0xE000;
    return n_digits && *character && !is_surrogate ? 2 + n_digits : 0;
}

/* \\1 to \\377. */
static size_t read_octal(const lexer *l, uint32_t *character)
{
    size_t n = 0;
    *character = 0;
    while (n < 3 && l->at + 1 + n < l->n_bytes && l->text[l->at + 1 + n] >= '0' &&
           l->text[l->at + 1 + n] <= '7') {
        *character = *character * 8 + (uint32_t)(l->text[l->at + 1 + n] - '0');
        n++;
    }
    return n && *character ? n + 1 : 0;
}

/* Append the character of an escape, and step over it; a backslash before anything else
 * stands for itself. */
static attrib_status unescape(lexer *l, at_buffer *out)
{
    static const char letters[] = "nrtabfv\\'\"";
    static const char meant[] = "\n\r\t\a\b\f\v\\'\"";
    char bytes[AT_UTF8_MAX];
    uint32_t character = 0;
    char c = '\0';
    if (l->at + 1 < l->n_bytes) {
        c = l->text[l->at + 1];
    }
    const char *letter = c ? strchr(letters, c) : NULL;
    size_t n_coded = c ? read_hex(l, l->at, &character) : 0;
    if (!n_coded) {
        n_coded = read_octal(l, &character);
    }
    if (letter) {
        bytes[0] = meant[letter - letters];
        l->at += 2;
        return at_buffer_append(out, bytes, 1, l->err);
    }
    if (n_coded) {
        l->at += n_coded;
        return at_buffer_append(out, bytes, at_put_character(character, bytes), l->err);
    }
    if (c == '\0' || (c >= '0' && c <= '7') || c == 'x' || c == 'u' || c == 'U' ||
        c == 'N') {
        return fail_at(l, "an escape that is not supported");
    }
    l->at += c == '\n' ? 2 : 1;
    return c == '\n' ? ATTRIB_OK : at_buffer_append(out, "\\", 1, l->err);
}

static attrib_status read_string(lexer *l)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    char quote = l->text[l->at++];
    AT_TRY(at_buffer_append(&text, "", 0, l->err));
    while (l->at < l->n_bytes && l->text[l->at] != quote) {
        if (l->text[l->at] == '\\') {
            AT_TRY(unescape(l, &text));
        } else {
            AT_TRY(at_buffer_append(&text, l->text + l->at++, 1, l->err));
        }
    }
    if (l->at == l->n_bytes) {
        status = fail_at(l, "a string without its end");
        goto done;
    }
    l->at++;
    status = add_token(l, AT_TOKEN_STRING, text.bytes, text.n_bytes);
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status read_name(lexer *l)
{
    size_t start = l->at;
    while (l->at < l->n_bytes && is_of_name(l->text[l->at])) {
        l->at++;
    }
    return add_token(l, AT_TOKEN_NAME, l->text + start, l->at - start);
}

static bool sees_digit(const lexer *l, size_t at)
{
    return at < l->n_bytes && l->text[at] >= '0' && l->text[at] <= '9';
}

/* 12, 1_000, 0.5, 1e3 */
static attrib_status read_number(lexer *l)
{
    size_t start = l->at;
    while (sees_digit(l, l->at) || (l->at < l->n_bytes && l->text[l->at] == '_')) {
        l->at++;
    }
    if (l->at < l->n_bytes && l->text[l->at] == '.' && sees_digit(l, l->at + 1)) {
        l->at++;
        while (sees_digit(l, l->at)) {
            l->at++;
        }
    }
    if (l->at < l->n_bytes && (l->text[l->at] == 'e' || l->text[l->at] == 'E')) {
        l->at++;
        l->at += l->at < l->n_bytes && (l->text[l->at] == '-' || l->text[l->at] == '+');
        while (sees_digit(l, l->at)) {
            l->at++;
        }
    }
    if (l->at < l->n_bytes && is_of_name(l->text[l->at])) {
        return fail_at(l, "a broken number");
    }
    return add_token(l, AT_TOKEN_NUMBER, l->text + start, l->at - start);
}

static attrib_status read_operator(lexer *l, size_t *depth)
{
    static const char *const pairs[] = {"==", "!=", "<=", ">=", "//", "**"};
    size_t n = 1;
    char c = l->text[l->at];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        n = sees(l, pairs[i]) ? 2 : n;
    }
    if (c == '\0' || !strchr("+-*/%~|.,:()[]{}<>=!", c)) {
        return fail_at(l, "an unknown character");
    }
    *depth += strchr("([{", c) != NULL;
    if (strchr(")]}", c)) {
        if (*depth == 0) {
            return fail_at(l, "a closing bracket");
        }
        --*depth;
    }
    attrib_status status = add_token(l, AT_TOKEN_OPERATOR, l->text + l->at, n);
    l->at += n;
    return status;
}

/* The tokens up to the end of a tag, which is left to the caller. */
static attrib_status read_tag(lexer *l, const char *end)
{
    attrib_status status = ATTRIB_OK;
    size_t depth = 0;
    while (l->at < l->n_bytes) {
        char c = l->text[l->at];
        bool has_sign = c == '-' || c == '+';
        l->at += has_sign;
        bool ends = depth == 0 && sees(l, end);
        l->at -= has_sign;
        if (ends) {
            return ATTRIB_OK;
        }
        if (is_blank(c)) {
            l->at++;
        } else if (c == '"' || c == '\'') {
            AT_TRY(read_string(l));
        } else if (sees_digit(l, l->at)) {
            AT_TRY(read_number(l));
        } else if (is_of_name(c)) {
            AT_TRY(read_name(l));
        } else {
            AT_TRY(read_operator(l, &depth));
        }
    }
    status = fail_at(l, "a tag without its end");
done:
    return status;
}

/* 2. Text and blanks */

/* Where the next tag begins, or the end of the template. */
static size_t find_tag(const lexer *l)
{
    for (size_t i = l->at; i + 1 < l->n_bytes; i++) {
        char next = l->text[i + 1];
        if (l->text[i] == '{' && (next == '{' || next == '%' || next == '#')) {
            return i;
        }
    }
    return l->n_bytes;
}

/* The text before a tag, without the blanks that the tag takes. */
static attrib_status add_text(lexer *l, size_t tag)
{
    const char *text = l->text + l->at;
    size_t n = tag - l->at;
    char sign = '\0';
    bool is_print = tag < l->n_bytes && l->text[tag + 1] == '{';
    if (tag + 2 < l->n_bytes) {
        sign = l->text[tag + 2];
    }
    if (tag < l->n_bytes && sign == '-') {
        while (n > 0 && is_blank(text[n - 1])) {
            n--;
        }
    } else if (tag < l->n_bytes && !is_print && sign != '+') {
        size_t start = n;
        while (start > 0 && text[start - 1] != '\n' && is_blank(text[start - 1])) {
            start--;
        }
        n = start > 0 ? (text[start - 1] == '\n' ? start : n) : (l->starts_line ? 0 : n);
    }
    l->at = tag;
    return n ? add_token(l, AT_TOKEN_TEXT, text, n) : ATTRIB_OK;
}

/* Step over the end of a tag, and the blanks that it takes. */
static void skip_end(lexer *l, const char *end)
{
    bool takes_blanks = l->text[l->at] == '-';
    bool keeps_line = l->text[l->at] == '+' || end[0] == '}';
    l->at += (l->text[l->at] == '-' || l->text[l->at] == '+') + (size_t)2;
    l->starts_line = false;
    if (takes_blanks) {
        while (l->at < l->n_bytes && is_blank(l->text[l->at])) {
            l->starts_line = l->text[l->at++] == '\n';
        }
    } else if (!keeps_line && l->at < l->n_bytes && l->text[l->at] == '\n') {
        l->at++;
        l->starts_line = true;
    }
}

/* 3. The whole */

static attrib_status skip_comment(lexer *l)
{
    while (l->at < l->n_bytes && !sees(l, "#}") && !sees(l, "-#}") && !sees(l, "+#}")) {
        l->at++;
    }
    if (l->at >= l->n_bytes) {
        return fail_at(l, "a comment without its end");
    }
    skip_end(l, "#}");
    return ATTRIB_OK;
}

static attrib_status read_tag_at(lexer *l)
{
    attrib_status status = ATTRIB_OK;
    char kind = l->text[l->at + 1];
    const char *end = kind == '{' ? "}}" : "%}";
    l->at += 2;
    l->at += l->at < l->n_bytes && (l->text[l->at] == '-' || l->text[l->at] == '+');
    if (kind == '#') {
        return skip_comment(l);
    }
    AT_TRY(add_token(l, kind == '{' ? AT_TOKEN_PRINT : AT_TOKEN_BLOCK, "", 0));
    AT_TRY(read_tag(l, end));
    AT_TRY(add_token(l, AT_TOKEN_CLOSE, "", 0));
    skip_end(l, end);
done:
    return status;
}

/* Whether {% raw %} or {% endraw %} begins at a place. */
static bool sees_raw(const lexer *l, size_t at, const char *word)
{
    size_t i = at + 2;
    size_t n = strlen(word);
    if (l->n_bytes - at < 4 || memcmp(l->text + at, "{%", 2) != 0) {
        return false;
    }
    i += l->text[i] == '-' || l->text[i] == '+';
    while (i < l->n_bytes && is_blank(l->text[i])) {
        i++;
    }
    return i + n < l->n_bytes && memcmp(l->text + i, word, n) == 0 &&
           !is_of_name(l->text[i + n]);
}

/* Step over the tag of a word and the blanks that its end takes. */
static attrib_status skip_raw_tag(lexer *l)
{
    const char *end = memmem(l->text + l->at, l->n_bytes - l->at, "%}", 2);
    if (!end) {
        return fail_at(l, "a tag without its end");
    }
    l->at = (size_t)(end - l->text);
    l->at -= end[-1] == '-' || end[-1] == '+';
    skip_end(l, "%}");
    return ATTRIB_OK;
}

/* {% raw %} ... {% endraw %}: text, whatever stands in it. */
static attrib_status read_raw(lexer *l)
{
    attrib_status status = ATTRIB_OK;
    size_t tag = 0;
    AT_TRY(skip_raw_tag(l));
    tag = l->at;
    while (tag < l->n_bytes && !sees_raw(l, tag, "endraw")) {
        tag++;
    }
    if (tag == l->n_bytes) {
        return fail_at(l, "raw text without its end");
    }
    AT_TRY(add_text(l, tag));
    AT_TRY(skip_raw_tag(l));
done:
    return status;
}

/* Newlines as Jinja has them: all are \n. */
static attrib_status copy_source(const char *text,
                                 size_t n,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = at_buffer_append(out, "", 0, err);
    for (size_t i = 0; status == ATTRIB_OK && i < n;) {
        const char *found = memchr(text + i, '\r', n - i);
        size_t n_part = found ? (size_t)(found - (text + i)) : n - i;
        status = at_buffer_append(out, text + i, n_part, err);
        i += n_part;
        if (found && status == ATTRIB_OK) {
            status = at_buffer_append(out, "\n", 1, err);
            i += 1 + (size_t)(i + 1 < n && text[i + 1] == '\n');
        }
    }
    return status;
}

static attrib_status cut(lexer *l)
{
    attrib_status status = ATTRIB_OK;
    while (l->at < l->n_bytes) {
        AT_TRY(add_text(l, find_tag(l)));
        if (l->at < l->n_bytes) {
            AT_TRY(sees_raw(l, l->at, "raw") ? read_raw(l) : read_tag_at(l));
        }
    }
    AT_TRY(add_token(l, AT_TOKEN_END, "", 0));
done:
    return status;
}

attrib_status at_jinja_cut(const char *text,
                           size_t n,
                           at_jinja_tokens *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja_tokens tokens = {0};
    at_buffer source = {0};
    lexer l = {NULL, 0, 0, true, &tokens, err};
    AT_CHECK(n <= MAX_TEMPLATE, ATTRIB_ERANGE,
             "a chat template of %zu bytes, at most %zu are read", n, MAX_TEMPLATE);
    AT_CHECK(n == 0 || (!memchr(text, '\0', n) && at_utf8_is_valid(text, n, NULL)),
             ATTRIB_EFORMAT, "chat template: no UTF-8, or a NUL in it");
    AT_TRY(copy_source(text, n, &source, err));
    l.text = source.bytes;
    l.n_bytes = source.n_bytes;
    l.n_bytes -= l.n_bytes && l.text[l.n_bytes - 1] == '\n'; /* as Jinja does untold */
    AT_TRY(cut(&l));
    *out = tokens;
    tokens = (at_jinja_tokens){0};
done:
    at_jinja_tokens_free(&tokens);
    at_buffer_free(&source);
    return status;
}

void at_jinja_tokens_free(at_jinja_tokens *tokens)
{
    free(tokens->items);
    at_buffer_free(&tokens->bytes);
    *tokens = (at_jinja_tokens){0};
}
