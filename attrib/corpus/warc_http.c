/* SPDX-License-Identifier: MIT */
/* Responses of HTTP/1.x (RFC 9112).
 *
 * 1. Fields   2. The head   3. The body */
#include "corpus/warc_http.h"

#include "corpus/archive.h"

/* 1. Fields */

static at_span trim(at_span span)
{
    while (span.n > 0 && strchr(" \t\r\n", span.bytes[0]) && span.bytes[0]) {
        span.bytes++;
        span.n--;
    }
    while (span.n > 0 && strchr(" \t\r\n", span.bytes[span.n - 1]) &&
           span.bytes[span.n - 1]) {
        span.n--;
    }
    return span;
}

/* Take a line off `rest`, without its end. False where it has none. */
static bool next_line(at_span *rest, at_span *line)
{
    const char *end = rest->n ? memchr(rest->bytes, '\n', rest->n) : NULL;
    if (!end) {
        return false;
    }
    line->bytes = rest->bytes;
    line->n = (size_t)(end - rest->bytes);
    rest->bytes = end + 1;
    rest->n -= line->n + 1;
    line->n -= line->n > 0 && line->bytes[line->n - 1] == '\r';
    return true;
}

bool at_next_field(at_span *rest, at_span *name, at_span *value, bool *is_cut)
{
    at_span line = {0};
    *is_cut = !next_line(rest, &line);
    if (*is_cut || line.n == 0) {
        return false;
    }
    const char *colon = memchr(line.bytes, ':', line.n);
    size_t n_name = colon ? (size_t)(colon - line.bytes) : line.n;
    *name = trim((at_span){line.bytes, n_name});
    value->bytes = line.bytes + n_name + (colon != NULL);
    while (rest->n > 0 && (rest->bytes[0] == ' ' || rest->bytes[0] == '\t') &&
           next_line(rest, &line)) {
        /* The value goes on: its end moves. */
    }
    value->n = (size_t)(line.bytes + line.n - value->bytes);
    *value = trim(*value);
    return true;
}

at_span at_media_type(at_span content_type)
{
    const char *end =
        content_type.n ? memchr(content_type.bytes, ';', content_type.n) : NULL;
    content_type.n = end ? (size_t)(end - content_type.bytes) : content_type.n;
    return trim(content_type);
}

/* 2. The head */

/* The three digits after the version: "HTTP/1.1 200 OK", or "HTTP/2 200". */
static attrib_status read_status(at_span line, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *space = memchr(line.bytes, ' ', line.n);
    AT_CHECK(space && line.n - (size_t)(space - line.bytes) >= 4, ATTRIB_EFORMAT,
             "a response of HTTP without a status");
    *out = 0;
    for (size_t i = 1; i < 4; i++) {
        AT_CHECK(space[i] >= '0' && space[i] <= '9', ATTRIB_EFORMAT,
                 "a response of HTTP without a status");
        *out = 10 * *out + (size_t)(space[i] - '0');
    }
done:
    return status;
}

attrib_status at_response_read(at_span block, at_response *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_span rest = block;
    at_span line = {0};
    at_span name = {0};
    at_span value = {0};
    bool is_cut = false;
    *out = (at_response){0};
    AT_CHECK(next_line(&rest, &line) && line.n >= 5 &&
                 memcmp(line.bytes, "HTTP/", 5) == 0,
             ATTRIB_EFORMAT, "a response that does not begin as HTTP does");
    AT_TRY(read_status(line, &out->status, err));
    while (at_next_field(&rest, &name, &value, &is_cut)) {
        if (at_span_is(name, "Content-Type")) {
            out->content_type = value;
        } else if (at_span_is(name, "Content-Encoding")) {
            out->content_encoding = value;
        } else if (at_span_is(name, "Transfer-Encoding")) {
            out->transfer_encoding = value;
        }
    }
    AT_CHECK(!is_cut, ATTRIB_EFORMAT, "a response of HTTP whose head has no end");
    out->body = rest;
done:
    return status;
}

/* 3. The body */

static attrib_status read_chunk_size(at_span *rest, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_span line = {0};
    size_t n_digits = 0;
    *out = 0;
    AT_CHECK(next_line(rest, &line), ATTRIB_EFORMAT, "a chunked body that is cut");
    line = at_media_type(line); /* what follows a semicolon extends the chunk */
    for (; n_digits < line.n && n_digits < 16; n_digits++) {
        char c = line.bytes[n_digits];
        const char digits[] = "0123456789abcdef";
        const char *digit = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        AT_CHECK(digit, ATTRIB_EFORMAT, "a chunked body without the size of a chunk");
        *out = *out << 4 | (size_t)(digit - digits);
    }
    AT_CHECK(n_digits > 0 && n_digits == line.n, ATTRIB_EFORMAT,
             "a chunked body without the size of a chunk");
done:
    return status;
}

static attrib_status decode_chunks(at_span body, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 1;
    for (;;) {
        at_span line = {0};
        AT_TRY(read_chunk_size(&body, &n, err));
        if (n == 0) {
            break; /* what follows are fields, which say nothing of the text */
        }
        AT_CHECK(n <= body.n, ATTRIB_EFORMAT, "a chunked body that is cut");
        AT_TRY(at_buffer_append(out, body.bytes, n, err));
        body.bytes += n;
        body.n -= n;
        AT_CHECK(next_line(&body, &line) && line.n == 0, ATTRIB_EFORMAT,
                 "a chunked body whose chunk is longer than it says");
    }
done:
    return status;
}

static attrib_status read_span(
    void *context, char *buffer, size_t capacity, size_t *n, attrib_error *err)
{
    at_span *rest = context;
    (void)err;
    *n = at_smaller(capacity, rest->n);
    memcpy(buffer, rest->bytes, *n);
    rest->bytes += *n;
    rest->n -= *n;
    return ATTRIB_OK;
}

/* Append bytes of a body; the buffer doubles where it is full. */
static attrib_status append_body(at_buffer *out,
                                 const char *bytes,
                                 size_t n,
                                 const at_memory_limit *limit,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (out->n_bytes + n >= out->capacity) {
        AT_TRY(at_memory_take(limit, 2 * (double)(out->n_bytes + n), "unpacking a body",
                              err));
    }
    AT_TRY(at_buffer_append(out, bytes, n, err));
done:
    return status;
}

static attrib_status unpack(at_span body,
                            size_t max_bytes,
                            const at_memory_limit *limit,
                            at_buffer *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_archive *archive = NULL;
    at_member ignored = {0};
    at_bytes bytes = {0};
    char piece[65536];
    size_t n = 1;
    AT_CHECK(at_is_compressed(body.bytes, body.n), ATTRIB_EFORMAT,
             "a body that is not gzip, as its head says");
    AT_TRY(at_archive_open_bytes((at_bytes){&body, read_span}, "body", &archive, err));
    status = at_archive_next(archive, &ignored, err);
    if (status == ATTRIB_END) {
        status = ATTRIB_OK; /* it holds no bytes */
        goto done;
    }
    AT_TRY(status);
    bytes = at_archive_bytes(archive);
    while (n > 0) {
        AT_TRY(bytes.read(bytes.context, piece, sizeof piece, &n, err));
        AT_TRY(append_body(out, piece, n, limit, err));
        AT_CHECK(out->n_bytes <= max_bytes, ATTRIB_ERANGE,
                 "a body of more than %zu bytes", max_bytes);
    }
done:
    at_archive_close(archive);
    return status;
}

attrib_status at_response_decode(const at_response *response,
                                 size_t max_bytes,
                                 const at_memory_limit *limit,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer whole = {0};
    at_span body = response->body;
    at_span sent = response->transfer_encoding;
    at_span packed = response->content_encoding;
    bool is_chunked = at_span_is(sent, "chunked");
    bool is_gzip = at_span_is(packed, "gzip") || at_span_is(packed, "x-gzip");
    AT_CHECK(is_chunked || sent.n == 0 || at_span_is(sent, "identity"), ATTRIB_ENOTSUP,
             "a body in the transfer encoding \"%.*s\", which is not read",
             (int)at_smaller(sent.n, 40), sent.bytes);
    AT_CHECK(is_gzip || packed.n == 0 || at_span_is(packed, "identity"), ATTRIB_ENOTSUP,
             "a body in the content encoding \"%.*s\", which is not read",
             (int)at_smaller(packed.n, 40), packed.bytes);
    if (is_chunked) {
        AT_TRY(at_memory_take(limit, (double)body.n, "a chunked body", err));
        AT_TRY(decode_chunks(body, &whole, err));
        body = (at_span){whole.bytes ? whole.bytes : "", whole.n_bytes};
    }
    if (is_gzip && body.n > 0) {
        AT_TRY(unpack(body, max_bytes, limit, out, err));
    } else {
        AT_TRY(append_body(out, body.bytes, body.n, limit, err));
    }
done:
    at_buffer_free(&whole);
    return status;
}
