/* SPDX-License-Identifier: MIT */
/* The body of a response of HTTP as a server sent it. */
#ifndef AT_CORPUS_WARC_HTTP_H
#define AT_CORPUS_WARC_HTTP_H

#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/memory_limit.h"

/* Borrowed bytes. */
typedef struct at_span {
    const char *bytes;
    size_t n;
} at_span;

static inline bool at_span_is(at_span span, const char *word)
{
    return span.n == strlen(word) && strncasecmp(span.bytes, word, span.n) == 0;
}

/* Take the first line "Name: value" off `rest`, with the lines that go on with it, each
 * of which begins with a space. False at the empty line, which is taken off too, and
 * where there is no whole line any more, of which *is_cut tells. */
bool at_next_field(at_span *rest, at_span *name, at_span *value, bool *is_cut);

/* The media type of a Content-Type: "text/plain" of "text/plain; charset=utf-8". */
at_span at_media_type(at_span content_type);

/* A response: what its head says, and its body as it was sent. */
typedef struct at_response {
    size_t status;
    at_span content_type, content_encoding, transfer_encoding, body;
} at_response;

/* EFORMAT for what is no response. Messages have no name before them. */
attrib_status at_response_read(at_span block, at_response *out, attrib_error *err);

/* Decode the body, chunked, gzip or as it is, of at most max_bytes; ENOTSUP for other
 * encodings, by name; ERANGE where it is longer, or not within the limit on memory (NULL:
 * none). */
attrib_status at_response_decode(const at_response *response,
                                 size_t max_bytes,
                                 const at_memory_limit *limit,
                                 at_buffer *out,
                                 attrib_error *err);

#endif
