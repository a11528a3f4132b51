/* SPDX-License-Identifier: MIT */
/* Regular expressions: from Oniguruma's syntax (Ruby's, Unicode), which tokenizer.json
 * means, to PCRE2's. What both read alike is copied, what only the spelling differs in is
 * rewritten, and anything else is refused: a pattern that means something else would give
 * other tokens without a word.
 *
 * Source: Oniguruma 6.9, doc/RE; pcre2pattern(3) of PCRE2 10.42. */
#include "tokenizer/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both sides' \s and \w differ in a few characters; these are Oniguruma's, measured over
 * all of Unicode. Outside a class its \w has the fractions and exponents of Latin-1 too.
 */
#define SPACE      "\\p{White_Space}"
#define NOT_SPACE  "\\P{White_Space}"
#define WORD_ITEMS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
#define LATIN_1    "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define WORD       "[" LATIN_1 WORD_ITEMS "]"
#define NOT_WORD   "[^" LATIN_1 WORD_ITEMS "]"

typedef struct reader {
    const char *name, *text;
    size_t n_bytes, at;
    at_buffer *out;
    attrib_error *err;
} reader;

static attrib_status refuse(const reader *r, const char *what)
{
    return at_fail(r->err, ATTRIB_ENOTSUP,
                   "%s: %s at byte %zu of the pattern \"%.100s\" is not supported",
                   r->name, what, r->at, r->text);
}

static bool sees(const reader *r, const char *prefix)
{
    size_t n = strlen(prefix);
    return n <= r->n_bytes - r->at && memcmp(r->text + r->at, prefix, n) == 0;
}

static attrib_status put(reader *r, const char *text, size_t n_read)
{
    r->at += n_read;
    return at_buffer_append(r->out, text, strlen(text), r->err);
}

static attrib_status copy(reader *r, size_t n)
{
    attrib_status status = at_buffer_append(r->out, r->text + r->at, n, r->err);
    r->at += n;
    return status;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* \xHH, \x{H...} and \uHHHH become \x{H...}. Oniguruma reads \x80 and above as bytes. */
static attrib_status translate_number(reader *r)
{
    bool is_unicode = r->text[r->at + 1] == 'u';
    bool is_braced = !is_unicode && r->at + 2 < r->n_bytes && r->text[r->at + 2] == '{';
    size_t first = r->at + 2 + is_braced;
    size_t most = is_unicode ? 4 : is_braced ? 8 : 2;
    size_t n = 0;
    while (n < most && first + n < r->n_bytes && is_hex(r->text[first + n])) {
        n++;
    }
    bool is_whole = is_braced
                        ? n > 0 && first + n < r->n_bytes && r->text[first + n] == '}'
                        : n == most;
    bool is_byte = !is_unicode && !is_braced && is_whole && r->text[first] > '7';
    if (!is_whole || is_byte) {
        return refuse(r, "an escaped number");
    }
    attrib_status status =
        at_buffer_print(r->out, r->err, "\\x{%.*s}", (int)n, r->text + first);
    r->at = first + n + is_braced;
    return status;
}

/* Whether a property [n] is the name of a script, which PCRE2 alone knows. */
static bool is_script(const char *name, size_t n)
{
    char pattern[80];
    int error = 0;
    PCRE2_SIZE where = 0;
    int length =
        snprintf(pattern, sizeof pattern, "\\p{sc:%.*s}", (int)at_smaller(n, 70), name);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, (PCRE2_SIZE)length, PCRE2_UTF,
                                     &error, &where, NULL);
    pcre2_code_free(code);
    return code != NULL;
}

/* \p{...} and \P{...} are copied: PCRE2 refuses the names that it does not know. The name
 * of a script means its own characters, to PCRE2 also those that several scripts use. */
static attrib_status translate_property(reader *r)
{
    size_t end = r->at + 2;
    if (end >= r->n_bytes || r->text[end] != '{') {
        return refuse(r, "a property without braces");
    }
    while (end < r->n_bytes && r->text[end] != '}') {
        char c = r->text[end];
        if (c == '\0' || (!is_letter(c) && !is_digit(c) && !strchr("{^_- ", c))) {
            return refuse(r, "a property");
        }
        end++;
    }
    if (end == r->n_bytes) {
        return refuse(r, "a property without its end");
    }
    const char *name = r->text + r->at + 3;
    bool is_negated = *name == '^';
    name += is_negated;
    if (!is_script(name, (size_t)(r->text + end - name))) {
        return copy(r, end + 1 - r->at);
    }
    attrib_status status =
        at_buffer_print(r->out, r->err, "\\%c{%ssc:%.*s}", r->text[r->at + 1],
                        is_negated ? "^" : "", (int)(r->text + end - name), name);
    r->at = end + 1;
    return status;
}

/* What stands for an escape; `inside` and `outside` of a class. */
typedef struct escape {
    char letter;
    const char *outside, *inside; /* NULL: refused */
} escape;

static const escape escapes[] = {
    {'s', SPACE, SPACE},
    {'S', NOT_SPACE, NOT_SPACE},
    {'d', "\\p{Nd}", "\\p{Nd}"},
    {'D', "\\P{Nd}", "\\P{Nd}"},
    {'w', WORD, WORD_ITEMS},
    {'W', NOT_WORD, NULL},
    {'b', "(?:(?<=" WORD ")(?!" WORD ")|(?<!" WORD ")(?=" WORD "))", NULL},
    {'B', "(?:(?<=" WORD ")(?=" WORD ")|(?<!" WORD ")(?!" WORD "))", NULL},
    {'A', "\\A", NULL},
    {'z', "\\z", NULL},
    {'Z', "\\Z", NULL},
    {'n', "\\n", "\\n"},
    {'r', "\\r", "\\r"},
    {'t', "\\t", "\\t"},
    {'f', "\\f", "\\f"},
    {'v', "\\x0B", "\\x0B"},
    {'a', "\\x07", "\\x07"},
    {'e', "\\x1B", "\\x1B"},
};

static attrib_status translate_escape(reader *r, bool is_inside)
{
    if (r->at + 1 >= r->n_bytes) {
        return refuse(r, "a backslash");
    }
    char c = r->text[r->at + 1];
    if (c == 'x' || c == 'u') {
        return translate_number(r);
    }
    if (c == 'p' || c == 'P') {
        return translate_property(r);
    }
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        const char *text = is_inside ? escapes[i].inside : escapes[i].outside;
        if (escapes[i].letter == c && text) {
            return put(r, text, 2);
        }
    }
    if (is_letter(c) || is_digit(c) || (unsigned char)c < 0x20) {
        char what[] = "\\?";
        what[1] = c;
        return refuse(r, what);
    }
    if ((unsigned char)c >= 0x80) { /* an escaped character is itself */
        r->at++;
        return ATTRIB_OK;
    }
    return copy(r, 2);
}

/* [...]: no nested classes, no intersections. */
static attrib_status translate_class(reader *r)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(copy(r, sees(r, "[^") ? 2 : 1));
    if (sees(r, "]")) {
        return refuse(r, "] as the first of a class");
    }
    while (r->at < r->n_bytes && r->text[r->at] != ']') {
        if (r->text[r->at] == '[') {
            return refuse(r, "a class inside a class");
        }
        if (sees(r, "&&")) {
            return refuse(r, "an intersection of classes");
        }
        if (r->text[r->at] == '\\') {
            AT_TRY(translate_escape(r, true));
        } else {
            AT_TRY(copy(r, 1));
        }
    }
    if (r->at == r->n_bytes) {
        return refuse(r, "a class without its end");
    }
    AT_TRY(copy(r, 1));
done:
    return status;
}

/* (: groups and assertions that both know alike. */
static attrib_status translate_group(reader *r)
{
    static const char *const openings[] = {
        "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:"};
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        if (sees(r, openings[i])) {
            return copy(r, strlen(openings[i]));
        }
    }
    if (sees(r, "(?i)") && r->at == 0) { /* later on it ends elsewhere */
        return copy(r, 4);
    }
    if (sees(r, "(?") || sees(r, "(*")) {
        return refuse(r, "a special group");
    }
    return copy(r, 1);
}

/* {n}, {n,} and {n,m}; other braces are characters in both. */
static attrib_status translate_brace(reader *r)
{
    size_t end = r->at + 1;
    bool has_comma = false;
    bool has_digits = false;
    while (end < r->n_bytes && (is_digit(r->text[end]) || r->text[end] == ',')) {
        has_comma = has_comma || r->text[end] == ',';
        has_digits = has_digits || is_digit(r->text[end]);
        end++;
    }
    if (end == r->n_bytes || r->text[end] != '}' || !has_digits) {
        return copy(r, 1);
    }
    if (r->text[r->at + 1] == ',') {
        return refuse(r, "{,n}");
    }
    int next = end + 1 < r->n_bytes ? r->text[end + 1] : 0;
    if (next == '+' || (next == '?' && !has_comma)) {
        return refuse(r, "what follows a count");
    }
    return copy(r, end + 1 - r->at);
}

attrib_status at_pattern_translate(
    const char *name, const char *regex, size_t n, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    reader r = {name, regex, n, 0, out, err};
    AT_TRY(at_buffer_append(out, "", 0, err));
    while (r.at < n) {
        switch (regex[r.at]) {
        case '\\':
            AT_TRY(translate_escape(&r, false));
            break;
        case '[':
            AT_TRY(translate_class(&r));
            break;
        case '(':
            AT_TRY(translate_group(&r));
            break;
        case '{':
            AT_TRY(translate_brace(&r));
            break;
        default:
            AT_TRY(copy(&r, 1));
        }
    }
done:
    return status;
}
