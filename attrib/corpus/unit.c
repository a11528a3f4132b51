/* SPDX-License-Identifier: MIT */
#include "corpus/unit.h"

#include <stdlib.h>
#include <string.h>

#define REGEX      "regex:"
#define TOKENS     "tokens:"
#define MAX_TOKENS 1000000000

attrib_status at_unit_read(const char *text, at_unit *out, attrib_error *err)
{
    static const char *const names[] = {"document", "line", "paragraph"};
    const size_t n_prefix = sizeof REGEX - 1;
    char *end = NULL;
    *out = (at_unit){0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!text || strcmp(text, names[i]) == 0) {
            out->kind = text ? (at_unit_kind)i : AT_UNIT_DOCUMENT;
            return ATTRIB_OK;
        }
    }
    if (strncmp(text, TOKENS, sizeof TOKENS - 1) == 0) {
        const char *number = text + sizeof TOKENS - 1;
        unsigned long long n = strtoull(number, &end, 10);
        if (*number >= '0' && *number <= '9' && !*end && n >= 2 && n <= MAX_TOKENS) {
            *out = (at_unit){.kind = AT_UNIT_TOKENS, .n_tokens = (size_t)n};
            return ATTRIB_OK;
        }
    }
    if (strncmp(text, REGEX, n_prefix) != 0 || !text[n_prefix]) {
        return at_fail(
            err, ATTRIB_EINVAL,
            "unit \"%.80s\" is not document, line, paragraph, tokens:N (N from "
            "2) or regex:EXPRESSION",
            text);
    }
    out->kind = AT_UNIT_PATTERN;
    return at_pattern_from_regex("unit", text + n_prefix, strlen(text) - n_prefix,
                                 &out->separator, err);
}

void at_unit_free(at_unit *unit)
{
    at_pattern_free(&unit->separator);
    *unit = (at_unit){0};
}

/* A text on its way to its parts. */
typedef struct split {
    const char *text;
    size_t n_bytes;
    size_t start; /* of the text in its file */
    size_t read;  /* bytes whose lines are counted */
    size_t line;  /* of the byte after them */
    size_t n_parts;
    const char *unit;
    at_sink sink;
} split;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Hand on the part [first, end) without blank lines at its front and white space at its
 * end, where something is left. */
static attrib_status put_part(split *s, size_t first, size_t end, attrib_error *err)
{
    size_t i = first;
    for (; i < end && is_space(s->text[i]); i++) {
        first = s->text[i] == '\n' ? i + 1 : first;
    }
    if (i == end) {
        return ATTRIB_OK;
    }
    while (is_space(s->text[end - 1])) {
        end--;
    }
    for (; s->read < first; s->read++) {
        s->line += s->text[s->read] == '\n';
    }
    const at_passage passage = {
        .bytes = s->text + first,
        .n_bytes = end - first,
        .start = s->start + first,
        .line = s->line,
        .unit = s->unit,
        .part = ++s->n_parts,
    };
    return s->sink.put(s->sink.context, &passage, err);
}

static size_t end_of_line(const split *s, size_t first)
{
    const char *end = memchr(s->text + first, '\n', s->n_bytes - first);
    return end ? (size_t)(end - s->text) : s->n_bytes;
}

static bool is_blank(const split *s, size_t first, size_t end)
{
    while (first < end && is_space(s->text[first])) {
        first++;
    }
    return first == end;
}

static attrib_status split_lines(split *s, bool are_paragraphs, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = 0;
    for (size_t from = 0; from < s->n_bytes;) {
        size_t end = end_of_line(s, from);
        if (!are_paragraphs || is_blank(s, from, end)) {
            AT_TRY(put_part(s, first, end, err));
            first = end;
        }
        from = end + 1;
    }
    AT_TRY(put_part(s, first, s->n_bytes, err));
done:
    return status;
}

static attrib_status split_pattern(split *s,
                                   const at_pattern *separator,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_matcher matcher = {0};
    size_t first = 0;
    size_t start = 0;
    size_t end = 0;
    at_search search = {.pattern = separator,
                        .matcher = &matcher,
                        .text = s->text,
                        .n_bytes = s->n_bytes,
                        .last_end = SIZE_MAX};
    while ((status = at_search_next(&search, &start, &end, err)) == ATTRIB_OK) {
        AT_TRY(put_part(s, first, start, err));
        first = end;
    }
    AT_CHECK(status == ATTRIB_END, status, "%s", err ? err->message : "");
    AT_TRY(put_part(s, first, s->n_bytes, err));
done:
    at_matcher_free(&matcher);
    return status;
}

attrib_status at_unit_split(const at_unit *unit,
                            const char *text,
                            size_t n_bytes,
                            size_t start,
                            at_sink sink,
                            attrib_error *err)
{
    static const char *const names[] = {"document", "line", "paragraph", "part"};
    split s = {.text = text,
               .n_bytes = n_bytes,
               .start = start,
               .line = 1,
               .unit = names[unit->kind],
               .sink = sink};
    return unit->kind == AT_UNIT_PATTERN
               ? split_pattern(&s, &unit->separator, err)
               : split_lines(&s, unit->kind == AT_UNIT_PARAGRAPH, err);
}
