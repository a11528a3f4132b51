/* SPDX-License-Identifier: MIT */
/* Records of WARC (ISO 28500, https://iipc.github.io/warc-specifications), versions 1.0
 * and 1.1, which Common Crawl's WET files are too.
 *
 * 1. The head of a record   2. What a record holds   3. Rows   4. The file */
#include "corpus/warc.h"

#include <stdio.h>

#include "corpus/warc_http.h"
#include "format/json.h"
#include "format/utf8.h"

#define MAX_HEAD  ((size_t)64 << 10)
#define VERSION   "WARC/1."

#define MAX_SHOWN ((size_t)40) /* bytes of a field that a message shows */

/* 1. The head of a record */

/* What a head says. Its spans are those of the window, valid until this is filled. */
typedef struct record {
    at_span type, id, uri, date, language, content_type, length;
    bool has_length, is_segment;  /* has_length: it is a number of bytes */
    size_t n_head, n_bytes;       /* of the head with its empty line, and of the block */
    const at_memory_limit *limit; /* on what its body is unpacked to; NULL: none */
} record;

/* The bytes of the head at the window's front, its empty line among them. */
static attrib_status find_head(at_window *w, size_t number, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0;;) {
        const char *bytes = at_window_bytes(w);
        size_t size = at_window_size(w);
        for (; i + 2 < size; i++) {
            bool is_end =
                bytes[i] == '\n' &&
                (bytes[i + 1] == '\n' || (bytes[i + 1] == '\r' && bytes[i + 2] == '\n'));
            if (is_end) {
                *n = i + (bytes[i + 1] == '\n' ? 2 : 3);
                return ATTRIB_OK;
            }
        }
        AT_CHECK(size <= MAX_HEAD, ATTRIB_EFORMAT,
                 "%s:%zu: byte %zu: a record's head of more than %zu bytes", w->name,
                 number, w->start, MAX_HEAD);
        AT_CHECK(!w->is_at_end, ATTRIB_EFORMAT,
                 "%s:%zu: byte %zu: truncated in a record's head", w->name, number,
                 w->start);
        AT_TRY(at_window_fill(w, err));
    }
done:
    return status;
}

static bool read_length(at_span text, size_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9' || *out > SIZE_MAX / 10 - 1) {
            return false;
        }
        *out = *out * 10 + (size_t)(text.bytes[i] - '0');
    }
    return text.n > 0;
}

static void take_field(record *r, at_span name, at_span value)
{
    const struct {
        const char *name;
        at_span *out;
    } fields[] = {
        {"WARC-Type", &r->type},
        {"WARC-Record-ID", &r->id},
        {"WARC-Target-URI", &r->uri},
        {"WARC-Date", &r->date},
        {"WARC-Identified-Content-Language", &r->language},
        {"Content-Type", &r->content_type},
    };

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (at_span_is(name, fields[i].name)) {
            *fields[i].out = value;
        }
    }
    if (at_span_is(name, "Content-Length")) {
        r->length = value;
        r->has_length = read_length(value, &r->n_bytes);
    } else if (at_span_is(name, "WARC-Segment-Number")) {
        r->is_segment = true;
    }
}

/* Read the head at the window's front again, as its bytes may have moved. */
static void read_head(const at_window *w, size_t n_head, record *out)
{
    at_span rest = {at_window_bytes(w), n_head};
    at_span name = {0};
    at_span value = {0};
    bool is_cut = false;
    *out = (record){.n_head = n_head};
    while (at_next_field(&rest, &name, &value, &is_cut)) {
        take_field(out, name, value);
    }
}

/* 2. What a record holds */

typedef enum content {
    HOLDS_TEXT,
    HOLDS_HTML,
    HOLDS_OTHER,
} content;

static content judge_type(at_span content_type)
{
    at_span type = at_media_type(content_type);
    if (at_span_is(type, "text/html") || at_span_is(type, "application/xhtml+xml")) {
        return HOLDS_HTML;
    }
    return at_span_is(type, "text/plain") ? HOLDS_TEXT : HOLDS_OTHER;
}

/* What the type of a record allows it to hold, before its block is read. */
static content judge_record(const record *r)
{
    if (r->is_segment) {
        return HOLDS_OTHER;
    }
    if (at_span_is(r->type, "conversion") || at_span_is(r->type, "resource")) {
        return judge_type(r->content_type);
    }
    bool is_response = at_span_is(r->type, "response") &&
                       at_span_is(at_media_type(r->content_type), "application/http");
    return is_response ? HOLDS_TEXT : HOLDS_OTHER;
}

/* The text of a record, or what it holds in its place. */
static attrib_status read_block(
    const record *r, at_span block, content *holds, at_buffer *text, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_response response;
    if (!at_span_is(r->type, "response")) {
        return at_buffer_append(text, block.bytes, block.n, err);
    }
    AT_TRY(at_response_read(block, &response, err));
    *holds = response.status == 200 ? judge_type(response.content_type) : HOLDS_OTHER;
    if (*holds == HOLDS_TEXT) {
        AT_TRY(at_response_decode(&response, AT_MAX_ROW, r->limit, text, err));
    }
done:
    return status;
}

/* 3. Rows */

static attrib_status append_member(at_buffer *row,
                                   const char *key,
                                   at_span value,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (value.n) {
        AT_TRY(at_buffer_print(row, err, "%s\"%s\":", row->n_bytes > 1 ? "," : "", key));
        AT_TRY(at_json_append_text(row, value.bytes, value.n, err));
    }
done:
    return status;
}

static attrib_status check_text(const at_buffer *text, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_valid = 0;
    const char *nul = memchr(text->bytes, '\0', text->n_bytes);
    AT_CHECK(!nul, ATTRIB_EFORMAT, "byte %zu of its text: a NUL byte",
             (size_t)(nul - text->bytes));
    AT_CHECK(at_utf8_is_valid(text->bytes, text->n_bytes, &n_valid), ATTRIB_EFORMAT,
             "byte %zu of its text: not UTF-8", n_valid);
done:
    return status;
}

static attrib_status make_row(
    const record *r, at_span block, content *holds, at_buffer *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_CHECK(!memchr(block.bytes - r->n_head, '\0', r->n_head), ATTRIB_EFORMAT,
             "a NUL byte in its head");
    AT_TRY(at_buffer_append(&text, "", 0, err));
    AT_TRY(read_block(r, block, holds, &text, err));
    if (*holds != HOLDS_TEXT) {
        goto done;
    }
    AT_TRY(check_text(&text, err));
    AT_TRY(at_memory_take(r->limit, 2 * (double)text.n_bytes, "a record as a row", err));
    AT_TRY(at_buffer_append(row, "{", 1, err));
    AT_TRY(append_member(row, "id", r->id, err));
    AT_TRY(append_member(row, "WARC-Target-URI", r->uri, err));
    AT_TRY(append_member(row, "WARC-Date", r->date, err));
    AT_TRY(append_member(row, "WARC-Identified-Content-Language", r->language, err));
    AT_TRY(at_buffer_print(row, err, "%s\"text\":", row->n_bytes > 1 ? "," : ""));
    AT_TRY(at_json_append_text(row, text.bytes, text.n_bytes, err));
    AT_TRY(at_buffer_append(row, "}", 1, err));
done:
    at_buffer_free(&text);
    return status;
}

static void leave_out(at_sink sink, content holds)
{
    if (sink.leave_out) {
        sink.leave_out(sink.context, holds == HOLDS_HTML);
    }
}

/* Put the record that the window holds whole. */
static attrib_status put_record(
    const at_window *w, const record *r, size_t number, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer row = {0};
    attrib_error why = {0};
    content holds = HOLDS_TEXT;
    const at_span block = {at_window_bytes(w) + r->n_head, r->n_bytes};
    at_passage passage = {
        .start = w->start, .n_span = r->n_head + r->n_bytes, .line = number};
    status = make_row(r, block, &holds, &row, &why);
    if (status != ATTRIB_OK) {
        (void)at_context(&why, status, "%s:%zu", w->name, number);
        status = status == ATTRIB_ENOMEM ? at_fail(err, status, "%s", why.message)
                                         : at_put_bad(sink, &passage, &why, err);
    } else if (holds != HOLDS_TEXT) {
        leave_out(sink, holds);
    } else {
        passage.bytes = row.bytes;
        passage.n_bytes = row.n_bytes;
        status = sink.put(sink.context, &passage, err);
    }
    at_buffer_free(&row);
    return status;
}

/* 4. The file */

/* Let go of n bytes, whether the window holds them yet or not. */
static attrib_status skip(at_window *w, size_t n, size_t number, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (;;) {
        size_t step = at_smaller(n, at_window_size(w));
        at_window_drop(w, step);
        n -= step;
        if (n == 0) {
            break;
        }
        AT_CHECK(!w->is_at_end, ATTRIB_EFORMAT, "%s:%zu: truncated in a record", w->name,
                 number);
        AT_TRY(at_window_fill(w, err));
    }
done:
    return status;
}

/* Let go of line ends between records; *is_end where nothing follows. */
static attrib_status skip_line_ends(at_window *w, bool *is_end, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (;;) {
        while (at_window_size(w) > 0 &&
               (*at_window_bytes(w) == '\r' || *at_window_bytes(w) == '\n')) {
            at_window_drop(w, 1);
        }
        *is_end = at_window_size(w) == 0 && w->is_at_end;
        if (*is_end || at_window_size(w) > 0) {
            break;
        }
        AT_TRY(at_window_fill(w, err));
    }
done:
    return status;
}

static attrib_status open_record(
    const at_window *w, size_t number, size_t n_head, record *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t ignored = 0;
    AT_CHECK(at_warc_is(at_window_bytes(w), n_head), ATTRIB_EFORMAT,
             "%s:%zu: byte %zu: a record that does not begin with " VERSION, w->name,
             number, w->start);
    read_head(w, n_head, out);
    AT_CHECK(out->length.bytes, ATTRIB_EFORMAT,
             "%s:%zu: byte %zu: a record without a Content-Length", w->name, number,
             w->start);
    AT_CHECK(out->has_length && at_add(n_head, out->n_bytes, &ignored, NULL) == ATTRIB_OK,
             ATTRIB_EFORMAT,
             "%s:%zu: byte %zu: Content-Length \"%.*s\", which is no number of bytes",
             w->name, number, w->start, (int)at_smaller(out->length.n, MAX_SHOWN),
             out->length.bytes);
done:
    return status;
}

static attrib_status refuse_long(
    const at_window *w, const record *r, size_t number, at_sink sink, attrib_error *err)
{
    attrib_error why = {0};
    const at_passage passage = {
        .start = w->start, .n_span = r->n_head + r->n_bytes, .line = number};
    (void)at_fail(&why, ATTRIB_ERANGE, "%s:%zu: a record of more than %zu bytes", w->name,
                  number, AT_MAX_ROW);
    return at_put_bad(sink, &passage, &why, err);
}

/* Read the record at the window's front. */
static attrib_status read_record(at_window *w,
                                 size_t number,
                                 at_sink sink,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    record r = {0};
    content holds = HOLDS_TEXT;
    size_t n_whole = 0;
    AT_TRY(find_head(w, number, &n_whole, err));
    AT_TRY(open_record(w, number, n_whole, &r, err));
    n_whole += r.n_bytes;
    holds = judge_record(&r);
    if (holds != HOLDS_TEXT) {
        leave_out(sink, holds);
    } else if (r.n_bytes > AT_MAX_ROW) {
        AT_TRY(refuse_long(w, &r, number, sink, err));
    } else {
        while (at_window_size(w) < n_whole && !w->is_at_end) {
            AT_TRY(at_window_fill(w, err));
        }
        AT_CHECK(at_window_size(w) >= n_whole, ATTRIB_EFORMAT,
                 "%s:%zu: truncated in a record", w->name, number);
        read_head(w, r.n_head, &r);
        r.limit = sink.limit;
        AT_TRY(put_record(w, &r, number, sink, err));
    }
    AT_TRY(skip(w, n_whole, number, err));
done:
    return status;
}

bool at_warc_is(const char *bytes, size_t n)
{
    return n >= sizeof VERSION - 1 && memcmp(bytes, VERSION, sizeof VERSION - 1) == 0;
}

attrib_status at_read_warc(at_window *w, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_end = false;
    for (size_t number = 1;; number++) {
        AT_TRY(skip_line_ends(w, &is_end, err));
        if (is_end) {
            break;
        }
        AT_TRY(read_record(w, number, sink, err));
    }
done:
    return status;
}
