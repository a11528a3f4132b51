/* SPDX-License-Identifier: MIT */
/* Documents that are the bytes of their spans, read again.
 *
 * 1. Handing on   2. Plain files   3. Streams */
#include "corpus/original_spans.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)64 << 10)

/* 1. Handing on */

bool at_place_holds(const at_place *place, const char *bytes, size_t n)
{
    char hash[AT_HASH_SIZE];
    at_hash_bytes(bytes, n, hash);
    return memcmp(hash, place->hash, sizeof hash) == 0;
}

attrib_status at_reading_put(at_source_reading *self,
                             at_place *place,
                             const char *bytes,
                             size_t n,
                             attrib_error *err)
{
    place->is_done = true;
    self->n_left--;
    self->refused = self->sink.put(self->sink.context, place, bytes, n, NULL, err);
    return self->refused;
}

/* 2. Plain files */

/* Note why a file cannot be read. */
static void note_errno(at_source_reading *self, const char *path)
{
    char text[128];
    const char *why = at_errno_text(errno, text, sizeof text);
    (void)at_fail(&self->unread, ATTRIB_EIO, "%s: %s", path, why);
}

/* Open a file; -1 where it cannot be, which is noted. */
static attrib_status open_plain(at_source_reading *self,
                                const char *path,
                                int *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    do {
        AT_TRY(at_poll_cancel(self->session, err)); /* a signal ended the wait */
        *out = open(path, O_RDONLY | O_CLOEXEC);
    } while (*out < 0 && errno == EINTR);
    if (*out < 0) {
        note_errno(self, path);
    }
done:
    return status;
}

/* Read the bytes of a place as far as the file has them. */
static attrib_status read_span(at_source_reading *self,
                               int descriptor,
                               const at_place *place,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char piece[PIECE];
    size_t from = place->span_start;
    at_buffer_clear(&self->bytes);
    while (from < place->span_end) {
        size_t most = at_smaller(place->span_end - from, PIECE);
        ssize_t n = pread(descriptor, piece, most, (off_t)from);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            note_errno(self, place->source);
        }
        if (n <= 0) {
            break; /* at the end of the file the hash tells */
        }
        AT_TRY(at_buffer_append(&self->bytes, piece, (size_t)n, err));
        from += (size_t)n;
    }
done:
    return status;
}

attrib_status at_reading_seek(at_source_reading *self,
                              const char *path,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int descriptor = -1;
    AT_TRY(open_plain(self, path, &descriptor, err));
    for (size_t i = 0; i < self->n && self->unread.status == ATTRIB_OK; i++) {
        at_place *place = &self->places[i];
        AT_TRY(at_poll_cancel(self->session, err));
        if (place->span_end - place->span_start > AT_MAX_TEXT) {
            continue;
        }
        AT_TRY(read_span(self, descriptor, place, err));
        if (self->bytes.n_bytes == place->span_end - place->span_start &&
            at_place_holds(place, self->bytes.bytes, self->bytes.n_bytes)) {
            AT_TRY(
                at_reading_put(self, place, self->bytes.bytes, self->bytes.n_bytes, err));
        }
    }
done:
    if (descriptor >= 0) {
        close(descriptor);
    }
    return status;
}

/* 3. Streams */

/* A stream that was read up to `at`. */
typedef struct stream {
    at_bytes bytes;
    char *piece;     /* [PIECE] */
    size_t first, n; /* what is left of the piece: [first, n) */
    size_t at;
} stream;

/* The next bytes, at most `most`; none at the end. Valid until the next call. */
static attrib_status next_bytes(
    stream *s, size_t most, const char **out, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (s->first == s->n) {
        s->first = 0;
        AT_TRY(s->bytes.read(s->bytes.context, s->piece, PIECE, &s->n, err));
    }
    *out = s->piece + s->first;
    *n = at_smaller(s->n - s->first, most);
    s->first += *n;
    s->at += *n;
done:
    return status;
}

/* Go on to a place; its bytes are kept, as the next place may be the same. */
static attrib_status pass_to(at_source_reading *self,
                             stream *s,
                             const at_place *place,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *bytes = NULL;
    size_t n = 1;
    while (s->at < place->span_start && n > 0) {
        AT_TRY(at_poll_cancel(self->session, err));
        AT_TRY(next_bytes(s, place->span_start - s->at, &bytes, &n, err));
    }
    at_buffer_clear(&self->bytes);
    self->at = s->at;
    while (s->at < place->span_end && n > 0) {
        AT_TRY(next_bytes(s, place->span_end - s->at, &bytes, &n, err));
        AT_TRY(at_buffer_append(&self->bytes, bytes, n, err));
    }
done:
    return status;
}

/* The bytes of a place that is within the last one; NULL where it is not. */
static const char *find_within(const at_source_reading *self, const at_place *place)
{
    bool is_within = place->span_start >= self->at &&
                     place->span_end <= self->at + self->bytes.n_bytes;
    return is_within ? self->bytes.bytes + (place->span_start - self->at) : NULL;
}

attrib_status at_reading_pass(at_source_reading *self,
                              at_bytes bytes,
                              at_place *places,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    stream s = {.bytes = bytes};
    AT_TRY(at_array(PIECE, 1, &s.piece, err));
    at_buffer_clear(&self->bytes);
    self->at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t n_span = places[i].span_end - places[i].span_start;
        if (places[i].is_done || n_span == 0 || n_span > AT_MAX_TEXT) {
            continue;
        }
        if (!find_within(self, &places[i])) {
            AT_TRY(pass_to(self, &s, &places[i], err));
        }
        const char *found = find_within(self, &places[i]);
        if (found && at_place_holds(&places[i], found, n_span)) {
            AT_TRY(at_reading_put(self, &places[i], found, n_span, err));
        }
    }
done:
    free(s.piece);
    return status;
}
