/* SPDX-License-Identifier: MIT */
/* A window that slides over a stream: what is read of it and not yet let go. */
#ifndef AT_CORPUS_WINDOW_H
#define AT_CORPUS_WINDOW_H

#include "base/memory.h"
#include "base/memory_limit.h"
#include "corpus/archive.h"

typedef struct at_window {
    at_bytes source;
    const char *name;   /* what messages call the stream */
    at_buffer held;     /* bytes from `start` on, and some before */
    size_t first;       /* of held.bytes that is still wanted */
    size_t start;       /* in the stream, of held.bytes[first] */
    size_t line;        /* of that byte, from 1; the reader counts */
    bool is_at_end;     /* the source has no more */
    bool may_be_binary; /* a NUL is no failure yet */
    size_t nul;         /* 1 + the offset of the first one seen while it was none */
    const at_memory_limit *limit; /* NULL: none */
    double cost; /* bytes of memory that each byte held takes until it is stored */
} at_window;

/* What the window holds: never NULL once it was filled. */
const char *at_window_bytes(const at_window *w);
size_t at_window_size(const at_window *w);

/* One more piece after what the window holds; nothing where the source is at its end. No
 * text holds a NUL byte: EFORMAT, unless it may be binary. ERANGE where the limit on
 * memory does not hold what is there already. */
attrib_status at_window_fill(at_window *w, attrib_error *err);

/* Let go of the first n bytes, n <= at_window_size(). */
void at_window_drop(at_window *w, size_t n);

/* Begin to read what may be binary; the mark of UTF-8 is no part of a text. ENOTSUP for a
 * Git LFS pointer, and for what is compressed still. */
attrib_status at_window_open(at_window *w, attrib_error *err);
/* From here on a NUL is a failure. Called before bytes are let go; text in UTF-16 is
 * refused by name. */
attrib_status at_window_refuse_binary(at_window *w, attrib_error *err);
void at_window_close(at_window *w);

#endif
