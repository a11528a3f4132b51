/* SPDX-License-Identifier: MIT */
/* Cutting a stream of JSON into rows, by lines or by counting brackets.
 *
 * 1. Rows on lines   2. Rows of an array */
#include "corpus/reader_rows.h"

#include <stdio.h>
#include <string.h>

#include "format/utf8.h"

attrib_status at_put_front(
    const at_window *w, size_t n, size_t line, at_sink sink, attrib_error *err)
{
    const char *bytes = at_window_bytes(w);
    size_t n_valid = n;
    const at_passage passage = {
        .bytes = bytes, .n_bytes = n, .start = w->start, .line = line};
    if (!at_utf8_is_valid(bytes, n, &n_valid)) {
        char where[32] = "";
        attrib_error why = {0};
        if (line) {
            snprintf(where, sizeof where, ":%zu", line);
        }
        (void)at_fail(&why, ATTRIB_EFORMAT, "%s%s: byte %zu: not UTF-8", w->name, where,
                      w->start + n_valid);
        return line ? at_put_bad(sink, &passage, &why, err)
                    : at_fail(err, why.status, "%s", why.message);
    }
    return sink.put(sink.context, &passage, err);
}

/* 1. Rows on lines */

static bool is_blank(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!at_is_blank_byte(bytes[i])) {
            return false;
        }
    }
    return true;
}

/* The bytes of the line at the window's front, its newline not among them. */
static attrib_status find_line(at_window *w, size_t *n_bytes, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t searched = 0;
    for (;;) {
        size_t n = at_window_size(w);
        const char *end = n > searched
                              ? memchr(at_window_bytes(w) + searched, '\n', n - searched)
                              : NULL;
        if (end || w->is_at_end) {
            *n_bytes = end ? (size_t)(end - at_window_bytes(w)) : n;
            break;
        }
        searched = n;
        AT_CHECK(n <= AT_MAX_ROW, ATTRIB_ERANGE, "%s:%zu: a line of more than %zu bytes",
                 w->name, w->line, AT_MAX_ROW);
        AT_TRY(at_window_fill(w, err));
    }
done:
    return status;
}

attrib_status at_read_lines(at_window *w, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    while (at_window_size(w) > 0 || !w->is_at_end) {
        size_t n = 0;
        AT_TRY(find_line(w, &n, err));
        if (!is_blank(at_window_bytes(w), n)) {
            AT_TRY(at_put_front(w, n, w->line, sink, err));
        }
        at_window_drop(w, n < at_window_size(w) ? n + 1 : n);
        w->line++;
    }
done:
    return status;
}

/* 2. Rows of an array, or rows one after the other */

/* Let go of white space; *c is the of the byte after it, '\0' at the end of the stream.
 */
static attrib_status skip_space(at_window *w, char *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *c = '\0';
    for (;;) {
        size_t n = at_window_size(w);
        size_t i = 0;
        while (i < n && at_is_blank_byte(at_window_bytes(w)[i])) {
            w->line += at_window_bytes(w)[i] == '\n';
            i++;
        }
        if (i < n) {
            *c = at_window_bytes(w)[i];
            at_window_drop(w, i);
            break;
        }
        at_window_drop(w, i);
        if (w->is_at_end) {
            break;
        }
        AT_TRY(at_window_fill(w, err));
    }
done:
    return status;
}

/* Where the scan of one row stands. */
typedef struct scan {
    size_t n_bytes; /* looked at */
    size_t n_lines; /* newlines among them */
    size_t depth;   /* of open brackets */
    bool in_string, is_escaped;
} scan;

/* Look at one byte; whether the row ends with it. */
static bool scan_byte(scan *s, char c)
{
    s->n_bytes++;
    s->n_lines += c == '\n';
    if (s->in_string) {
        if (s->is_escaped) {
            s->is_escaped = false;
        } else if (c == '\\') {
            s->is_escaped = true;
        } else if (c == '"') {
            s->in_string = false;
        }
        return false;
    }
    if (c == '"') {
        s->in_string = true;
    } else if (c == '{' || c == '[') {
        s->depth++;
    } else if (c == '}' || c == ']') {
        s->depth--;
    }
    return s->depth == 0;
}

/* Hand on the object at the window's front, from its brace to the one that closes it. */
static attrib_status read_object(at_window *w, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    scan s = {0};
    bool is_whole = false;
    while (!is_whole) {
        size_t n = at_window_size(w);
        const char *bytes = at_window_bytes(w);
        while (s.n_bytes < n && !is_whole) {
            is_whole = scan_byte(&s, bytes[s.n_bytes]);
        }
        if (is_whole) {
            break;
        }
        AT_CHECK(!w->is_at_end, ATTRIB_EFORMAT,
                 "%s:%zu: a row that begins here has no end", w->name, w->line);
        AT_CHECK(n <= AT_MAX_ROW, ATTRIB_ERANGE, "%s:%zu: a row of more than %zu bytes",
                 w->name, w->line, AT_MAX_ROW);
        AT_TRY(at_window_fill(w, err));
    }
    AT_TRY(at_put_front(w, s.n_bytes, w->line, sink, err));
    at_window_drop(w, s.n_bytes);
    w->line += s.n_lines;
done:
    return status;
}

static attrib_status fail_byte(const at_window *w,
                               char c,
                               const char *want,
                               attrib_error *err)
{
    if (c == '\0') {
        return at_fail(err, ATTRIB_EFORMAT, "%s:%zu: ends where %s was expected", w->name,
                       w->line, want);
    }
    return at_fail(err, ATTRIB_EFORMAT, "%s:%zu: byte %zu: '%c' where %s was expected",
                   w->name, w->line, w->start, (unsigned char)c < 0x80 ? c : '?', want);
}

/* "[" [row {"," row}] "]", with nothing after it. */
static attrib_status read_array(at_window *w, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char c = '\0';
    at_window_drop(w, 1);
    AT_TRY(skip_space(w, &c, err));
    while (c != ']') {
        if (c != '{') {
            status = fail_byte(w, c, "a row, an object,", err);
            goto done;
        }
        AT_TRY(read_object(w, sink, err));
        AT_TRY(skip_space(w, &c, err));
        if (c != ',' && c != ']') {
            status = fail_byte(w, c, "',' or ']'", err);
            goto done;
        }
        if (c == ',') {
            at_window_drop(w, 1);
            AT_TRY(skip_space(w, &c, err));
            if (c == ']') {
                c = ','; /* which follows the last row, and in the place of one */
            }
        }
    }
    at_window_drop(w, 1);
    AT_TRY(skip_space(w, &c, err));
    if (c != '\0') {
        status = fail_byte(w, c, "the end of the file", err);
    }
done:
    return status;
}

attrib_status at_read_json(at_window *w, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char c = '\0';
    AT_TRY(skip_space(w, &c, err));
    if (c == '[') {
        return read_array(w, sink, err);
    }
    while (c == '{') {
        AT_TRY(read_object(w, sink, err));
        AT_TRY(skip_space(w, &c, err));
    }
    if (c != '\0') {
        status = fail_byte(w, c, "an array or a row", err);
    }
done:
    return status;
}
