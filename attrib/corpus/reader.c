/* SPDX-License-Identifier: MIT */
/* Splitting a stream into documents.
 *
 * One window slides over the stream: it holds the passage that is being read and no more,
 * so memory follows the longest row, not the file. JSON is only cut into rows here, by
 * counting brackets outside of strings (reader_rows.c); whether a row is JSON is found
 * when it is parsed.
 *
 * 1. Text   2. What the content is */
#include "corpus/reader.h"

#include <stdio.h>
#include <string.h>

#include "corpus/arrow_rows.h"
#include "corpus/columns.h"
#include "corpus/reader_rows.h"
#include "corpus/table.h"
#include "corpus/unit.h"
#include "corpus/warc.h"
#include "corpus/window.h"
#include "format/arrow.h"
#include "format/json.h"
#include "format/npy.h"
#include "format/parquet.h"
#include "format/utf8.h"

#define PEEK ((size_t)64 << 10) /* bytes by which content is judged */

/* Bytes of memory that reading takes at most for a byte of the file. A text, or a batch
 * of Arrow, is held once, with some of its tokens or rows; a row is held three times: as
 * it stands, as the parser gathers it, and as the parser returns it. Measured: 1.05, 3.0.
 */
#define COST_OF_TEXT 1.1
#define COST_OF_ROW  3.0

/* 1. Text */

/* 1 + the offset of the first byte that is no text; 0 where all is. */
static size_t first_bad_byte(const at_window *w)
{
    size_t bad = 0;
    if (w->nul) {
        return w->nul;
    }
    return at_utf8_is_valid(at_window_bytes(w), at_window_size(w), &bad)
               ? 0
               : w->start + bad + 1;
}

static attrib_status check_text(const at_window *w, attrib_error *err)
{
    size_t n_valid = 0;
    return at_utf8_is_valid(at_window_bytes(w), at_window_size(w), &n_valid)
               ? ATTRIB_OK
               : at_fail(err, ATTRIB_EFORMAT, "%s: byte %zu: not UTF-8", w->name,
                         w->start + n_valid);
}

static attrib_status read_text(
    at_window *w, const at_unit *unit, at_sink sink, size_t *binary, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    while (!w->is_at_end && !(w->may_be_binary && w->nul)) {
        AT_CHECK(at_window_size(w) <= AT_MAX_TEXT, ATTRIB_ERANGE,
                 "%s: a text of more than %zu bytes", w->name, AT_MAX_TEXT);
        AT_TRY(at_window_fill(w, err));
    }
    if (w->may_be_binary) {
        *binary = first_bad_byte(w);
    }
    if (*binary) {
        goto done;
    }
    if (unit && unit->kind != AT_UNIT_DOCUMENT && unit->kind != AT_UNIT_TOKENS) {
        AT_TRY(check_text(w, err));
        AT_TRY(at_unit_split(unit, at_window_bytes(w), at_window_size(w), w->start, sink,
                             err));
    } else {
        AT_TRY(at_put_front(w, at_window_size(w), 0, sink, err));
    }
done:
    return status;
}

/* 2. What the content is */

static bool is_json_object(const char *text, size_t n)
{
    json_error_t ignored;
    json_t *value = json_loadb(text, n, JSON_REJECT_DUPLICATES, &ignored);
    bool is_object = json_is_object(value);
    json_decref(value);
    return is_object;
}

static size_t space_before(const char *bytes, size_t n)
{
    size_t i = 0;
    while (i < n && at_is_blank_byte(bytes[i])) {
        i++;
    }
    return i;
}

/* Rows where the first line is an object, or is too long to tell but begins as one; an
 * array where it begins with an object; else text. */
static at_kind judge(const char *bytes, size_t n)
{
    size_t i = space_before(bytes, n);
    size_t behind = i < n ? i + 1 + space_before(bytes + i + 1, n - i - 1) : n;
    if (i == n) {
        return AT_KIND_TEXT;
    }
    if (bytes[i] == '[' && behind < n && bytes[behind] == '{') {
        return AT_KIND_JSON;
    }
    if (bytes[i] == '{') {
        const char *end = memchr(bytes + i, '\n', n - i);
        if (!end && n >= PEEK) {
            return behind < n && bytes[behind] == '"' ? AT_KIND_LINES : AT_KIND_TEXT;
        }
        size_t length = end ? (size_t)(end - bytes) - i : n - i;
        return is_json_object(bytes + i, length) ? AT_KIND_LINES : AT_KIND_TEXT;
    }
    return AT_KIND_TEXT;
}

/* Whether files of a kind hold more than text. */
static bool is_binary(at_kind kind)
{
    return kind == AT_KIND_WARC || kind == AT_KIND_ARROW || kind == AT_KIND_PARQUET;
}

/* Whether files of a kind are one text. */
static bool is_text(at_kind kind)
{
    return kind == AT_KIND_TEXT || kind == AT_KIND_PLAIN || kind == AT_KIND_UNKNOWN;
}

/* Judge content by its first bytes. A character that the peek cuts is not held against
 * it. */
static attrib_status judge_content(at_window *w,
                                   at_kind *kind,
                                   size_t *binary,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    size_t n_valid = 0;
    AT_CHECK(!at_npy_is((const uint8_t *)at_window_bytes(w), at_window_size(w)),
             ATTRIB_ENOTSUP,
             "%s: an array of NumPy: tokens are read where they lie, from a file whose "
             "name ends with .npy",
             w->name);
    while (at_window_size(w) < PEEK && !w->is_at_end && !w->nul) {
        AT_TRY(at_window_fill(w, err));
    }
    n = at_window_size(w);
    n_valid = n;
    (void)at_utf8_is_valid(at_window_bytes(w), n, &n_valid);
    *kind = judge(at_window_bytes(w), n_valid);
    if (w->nul || n - n_valid >= 4 || (w->is_at_end && n_valid < n)) {
        *binary = w->nul ? w->nul : w->start + n_valid + 1;
    }
done:
    return status;
}

/* What the first bytes say, whatever a file is called; UNKNOWN where they say nothing.
 * The first message of a stream of Arrow is needed whole. */
static attrib_status recognise(at_window *w, at_kind *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool may_be_arrow = at_window_size(w) >= 4 && at_arrow_begins(at_window_bytes(w));
    while (may_be_arrow && at_window_size(w) < PEEK && !w->is_at_end) {
        AT_TRY(at_window_fill(w, err));
    }
    {
        const char *bytes = at_window_bytes(w);
        size_t n = at_window_size(w);
        *out = at_is_parquet(bytes, n) ? AT_KIND_PARQUET
               : at_arrow_is(bytes, n) ? AT_KIND_ARROW
               : at_warc_is(bytes, n)  ? AT_KIND_WARC
                                       : AT_KIND_UNKNOWN;
    }
done:
    return status;
}

/* The kind of a file whose name says Parquet, Arrow or WARC and whose first bytes do not:
 * rows of JSON are read, a text is told of, and all else the reader of its kind refuses.
 */
static attrib_status judge_misnamed(at_window *w, at_kind *kind, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t binary = 0;
    at_kind found = AT_KIND_UNKNOWN;
    AT_TRY(judge_content(w, &found, &binary, err));
    if (binary || at_window_size(w) == 0) {
        goto done;
    }
    if (*kind == AT_KIND_WARC &&
        memcmp(at_window_bytes(w), "WARC/", at_smaller(at_window_size(w), 5)) == 0) {
        goto done;
    }
    AT_CHECK(found != AT_KIND_TEXT, ATTRIB_EFORMAT,
             "%s: text, where its name says %s: rename it, or read it through a pipe as "
             "--corpus -",
             w->name,
             *kind == AT_KIND_PARQUET ? "Parquet"
             : *kind == AT_KIND_ARROW ? "Arrow"
                                      : "WARC");
    *kind = found;
done:
    return status;
}

/* Find the kind of what a window begins with: what its bytes say goes before its name. */
static attrib_status find_kind(at_window *w,
                               at_kind *kind,
                               size_t *binary,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_kind found = AT_KIND_UNKNOWN;
    AT_TRY(recognise(w, &found, err));
    if (found != AT_KIND_UNKNOWN) {
        *kind = found;
    } else if (is_binary(*kind)) {
        AT_TRY(judge_misnamed(w, kind, err));
    } else if (*kind == AT_KIND_PLAIN || *kind == AT_KIND_UNKNOWN) {
        AT_TRY(judge_content(w, kind, binary, err));
        goto done; /* what such a file holds later may still be binary */
    } else {
        AT_TRY(at_window_refuse_binary(w, err));
    }
done:
    w->may_be_binary = is_binary(*kind) || (w->may_be_binary && is_text(*kind));
    return status;
}

static attrib_status read_kind(at_window *w,
                               at_kind kind,
                               const at_unit *unit,
                               at_sink sink,
                               size_t *binary,
                               attrib_error *err)
{
    switch (kind) {
    case AT_KIND_LINES:
        return at_read_lines(w, sink, err);
    case AT_KIND_JSON:
        return at_read_json(w, sink, err);
    case AT_KIND_COMMAS:
        return at_read_table(w, ',', sink, err);
    case AT_KIND_TABS:
        return at_read_table(w, '\t', sink, err);
    case AT_KIND_PARQUET:
        return at_read_parquet_stream(w, sink, err);
    case AT_KIND_WARC:
        return at_read_warc(w, sink, err);
    case AT_KIND_ARROW:
        return at_read_arrow(w, sink, err);
    default:
        return read_text(w, unit, sink, binary, err);
    }
}

attrib_status at_read_documents(at_bytes source,
                                at_kind kind,
                                const char *name,
                                const at_unit *unit,
                                at_sink sink,
                                size_t *binary,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_window w = {
        .source = source, .name = name, .line = 1, .limit = sink.limit, .cost = 1};
    *binary = 0;
    AT_TRY(at_window_open(&w, err));
    AT_TRY(find_kind(&w, &kind, binary, err));
    w.cost = kind == AT_KIND_ARROW || is_text(kind) ? COST_OF_TEXT : COST_OF_ROW;
    if (!*binary) {
        AT_TRY(read_kind(&w, kind, unit, sink, binary, err));
    }
done:
    at_window_close(&w);
    return status;
}
