/* SPDX-License-Identifier: MIT */
/* The window over a stream. */
#include "corpus/window.h"

#include <string.h>

#include "base/file.h"

#define PIECE ((size_t)64 << 10)
#define SMALL ((size_t)1 << 20) /* bytes of a document that no limit is asked about */

const char *at_window_bytes(const at_window *w)
{
    return w->held.bytes + w->first;
}

size_t at_window_size(const at_window *w)
{
    return w->held.n_bytes - w->first;
}

static attrib_status fail_nul(const at_window *w, size_t where, attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: byte %zu: a NUL byte in text", w->name,
                   where);
}

/* Looked for as bytes come, so that no hole of a sparse file is ever held. */
static attrib_status check_nul(at_window *w,
                               const char *piece,
                               size_t n,
                               attrib_error *err)
{
    const char *nul = memchr(piece, '\0', n);
    if (!nul) {
        return ATTRIB_OK;
    }
    size_t where = w->start + at_window_size(w) + (size_t)(nul - piece);
    if (!w->may_be_binary) {
        return fail_nul(w, where, err);
    }
    w->nul = w->nul ? w->nul : where + 1;
    return ATTRIB_OK;
}

/* A document below SMALL bytes is let in: where the limit is lower than what the work
 * itself takes, the work says how much that is. */
static attrib_status check_limit(const at_window *w, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double bytes = w->cost * (double)at_window_size(w);
    AT_CHECK(!w->limit || at_window_size(w) < SMALL || at_memory_fits(w->limit, bytes),
             ATTRIB_ERANGE,
             "%s:%zu: a document of more than %zu bytes does not fit a limit of %.0f MiB "
             "of memory: reading it takes %.0f MiB or more",
             w->name, w->line, at_window_size(w), w->limit->bytes / 0x1p20,
             at_memory_peak(w->limit, bytes) / 0x1p20);
done:
    return status;
}

attrib_status at_window_fill(at_window *w, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    char piece[PIECE];
    if (w->is_at_end) {
        return ATTRIB_OK;
    }
    if (w->first > 0 && w->first >= at_window_size(w)) {
        size_t n_left = at_window_size(w);
        memmove(w->held.bytes, at_window_bytes(w), n_left);
        w->held.n_bytes = n_left;
        w->first = 0;
    }
    AT_TRY(check_limit(w, err));
    AT_TRY(w->source.read(w->source.context, piece, sizeof piece, &n, err));
    w->is_at_end = n == 0;
    AT_TRY(check_nul(w, piece, n, err));
    AT_TRY(at_buffer_append(&w->held, piece, n, err));
done:
    return status;
}

void at_window_drop(at_window *w, size_t n)
{
    w->first += n;
    w->start += n;
}

static bool has_utf16_mark(const at_window *w)
{
    const char *b = at_window_bytes(w);
    return at_window_size(w) >= 2 &&
           (memcmp(b, "\xff\xfe", 2) == 0 || memcmp(b, "\xfe\xff", 2) == 0);
}

attrib_status at_window_open(at_window *w, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(&w->held, "", 0, err));
    w->may_be_binary = true;
    while (at_window_size(w) < 16 && !w->is_at_end) {
        AT_TRY(at_window_fill(w, err));
    }
    AT_TRY(at_refuse_lfs_pointer(w->name, at_window_bytes(w), at_window_size(w), err));
    AT_CHECK(!at_is_compressed(at_window_bytes(w), at_window_size(w)), ATTRIB_ENOTSUP,
             "%s: compressed twice over: unpack it once", w->name);
    if (at_window_size(w) >= 3 && memcmp(at_window_bytes(w), "\xef\xbb\xbf", 3) == 0) {
        at_window_drop(w, 3);
    }
done:
    return status;
}

attrib_status at_window_refuse_binary(at_window *w, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    w->may_be_binary = false;
    /* The mark is what to name, before the NUL bytes that follow it. */
    AT_CHECK(!has_utf16_mark(w), ATTRIB_EFORMAT,
             "%s: byte 0: not UTF-8 (begins with the mark of UTF-16)", w->name);
    status = w->nul ? fail_nul(w, w->nul - 1, err) : ATTRIB_OK;
done:
    return status;
}

void at_window_close(at_window *w)
{
    at_buffer_free(&w->held);
}
