/* SPDX-License-Identifier: MIT */
/* A document as it stands in its file, and who takes it. */
#ifndef AT_CORPUS_SINK_H
#define AT_CORPUS_SINK_H

#include "base/memory_limit.h"

#define AT_MAX_TEXT ((size_t)1 << 30)   /* bytes of a file that is one document */
#define AT_MAX_ROW  ((size_t)256 << 20) /* bytes of a row of JSON */

/* A document as it stands in its file. */
typedef struct at_passage {
    const char
        *bytes; /* [n_bytes] UTF-8 without NUL, or ids; borrowed until put() returns */
    size_t n_bytes;
    size_t start;     /* of the first byte in the (uncompressed) file or member */
    size_t line;      /* from 1 for a row or a part of a text; 0 for a whole text */
    const char *unit; /* what part of a text it is, static; NULL for all else */
    size_t part;      /* which of the text's, from 1 */
    size_t n_span;    /* bytes that it takes in the file; 0: n_bytes */
    bool is_given;    /* it takes no bytes of a file: it came from memory or columns */
    bool is_ids;      /* bytes are token ids, int32_t */
} at_passage;

/* Who takes documents; ATTRIB_END from put() ends the reading. */
typedef struct at_sink {
    void *context;
    attrib_status (*put)(void *context, const at_passage *passage, attrib_error *err);
    /* Who takes rows that are no text, of which only the place counts; NULL: they end the
     * reading with `why`. */
    attrib_status (*put_bad)(void *context,
                             const at_passage *passage,
                             const attrib_error *why,
                             attrib_error *err);
    /* Whether a field of rows may be read, by the names of the members that lead to it,
     * "meta.source"; is_binary: its bytes may be no text. NULL: all are. Files of columns
     * ask, as what is not read costs nothing there. */
    bool (*reads)(void *context, const char *path, bool is_binary);
    const char *scratch_folder;   /* NULL: $TMPDIR or /tmp */
    const at_memory_limit *limit; /* on what reading takes; NULL: none */
    /* Counts a record that holds no document, HTML or anything else; may be NULL. */
    void (*leave_out)(void *context, bool is_html);
} at_sink;

/* Hand on the place of a row that is no text or no row, or end the reading with `why`. */
attrib_status at_put_bad(at_sink sink,
                         const at_passage *passage,
                         const attrib_error *why,
                         attrib_error *err);

#endif
