/* SPDX-License-Identifier: MIT */
/* Jinja: from text to tokens.
 *
 *   1. Tokens of tags   2. Text and blanks   3. The whole */
#include "tokenizer/jinja.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"
#include "tokenizer/characters.h"

#define MAX_TEMPLATE ((size_t)256 << 10)

typedef struct lexer {
    const char *text;
    size_t n_bytes, at;
    bool starts_line; /* what was read last ends a line, or nothing was */
    at_jinja *out;
    attrib_error *err;
} lexer;

static attrib_status fail_at(const lexer *l, const char *what)
{
    return at_fail(l->err, ATTRIB_EFORMAT, "chat template: %s at byte %zu", what, l->at);
}

static attrib_status add_token(lexer *l, at_jinja_kind kind, const char *text, size_t n)
{
    attrib_status status = ATTRIB_OK;
    at_jinja *t = l->out;
    size_t start = t->bank.n_bytes;
    AT_TRY(at_grow(&t->tokens, &t->capacity, t->n_tokens + 1, sizeof *t->tokens, l->err));
    AT_TRY(at_buffer_append(&t->bank, text, n, l->err));
    t->tokens[t->n_tokens++] = (at_jinja_token){kind, start, n};
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

/* Append the character of an escape, and step behind it. */
static attrib_status unescape(lexer *l, at_buffer *out)
{
    static const char letters[] = "nrt\\'\"";
    static const char meant[] = "\n\r\t\\'\"";
    char bytes[AT_UTF8_MAX];
    uint32_t character = 0;
    char c = '\0';
    if (l->at + 1 < l->n_bytes) {
        c = l->text[l->at + 1];
    }
    const char *letter = c ? strchr(letters, c) : NULL;
    size_t n_hex = c ? read_hex(l, l->at, &character) : 0;
    if (letter) {
        bytes[0] = meant[letter - letters];
        l->at += 2;
        return at_buffer_append(out, bytes, 1, l->err);
    }
    if (n_hex) {
        l->at += n_hex;
        return at_buffer_append(out, bytes, at_put_character(character, bytes), l->err);
    }
    return fail_at(l, "an unknown escape");
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
    status = add_token(l, AT_JINJA_STRING, text.bytes, text.n_bytes);
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status read_word(lexer *l)
{
    size_t start = l->at;
    bool is_number = l->text[start] >= '0' && l->text[start] <= '9';
    while (l->at < l->n_bytes && is_of_name(l->text[l->at])) {
        if (is_number && hex_of(l->text[l->at]) > 9) {
            return fail_at(l, "a broken number");
        }
        l->at++;
    }
    if (is_number && l->at - start > 9) {
        return fail_at(l, "a number that is too large");
    }
    return add_token(l, is_number ? AT_JINJA_INTEGER : AT_JINJA_NAME, l->text + start,
                     l->at - start);
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
    attrib_status status = add_token(l, AT_JINJA_OPERATOR, l->text + l->at, n);
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
        } else if (is_of_name(c)) {
            AT_TRY(read_word(l));
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
    return n ? add_token(l, AT_JINJA_TEXT, text, n) : ATTRIB_OK;
}

/* Step behind the end of a tag, and the blanks that it takes. */
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
    AT_TRY(add_token(l, kind == '{' ? AT_JINJA_PRINT : AT_JINJA_BLOCK, "", 0));
    AT_TRY(read_tag(l, end));
    AT_TRY(add_token(l, AT_JINJA_CLOSE, "", 0));
    skip_end(l, end);
done:
    return status;
}

attrib_status at_jinja_read(const char *text, size_t n, at_jinja *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja template = {0};
    lexer l = {text, n, 0, true, &template, err};
    AT_CHECK(n <= MAX_TEMPLATE, ATTRIB_ERANGE,
             "a chat template of %zu bytes, at most %zu are read", n, MAX_TEMPLATE);
    AT_CHECK(n == 0 || (!memchr(text, '\0', n) && at_utf8_is_valid(text, n, NULL)),
             ATTRIB_EFORMAT, "chat template: no UTF-8, or a NUL in it");
    l.n_bytes -= n && text[n - 1] == '\n'; /* as Jinja does without being told */
    while (l.at < l.n_bytes) {
        AT_TRY(add_text(&l, find_tag(&l)));
        if (l.at < l.n_bytes) {
            AT_TRY(read_tag_at(&l));
        }
    }
    AT_TRY(add_token(&l, AT_JINJA_END, "", 0));
    *out = template;
    template = (at_jinja){0};
done:
    at_jinja_free(&template);
    return status;
}

void at_jinja_free(at_jinja *template)
{
    free(template->tokens);
    at_buffer_free(&template->bank);
    *template = (at_jinja){0};
}
