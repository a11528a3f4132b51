/* SPDX-License-Identifier: MIT */
/* Arrow IPC: streams, and files (Feather version 2), batch by batch.
 *
 * A file is a stream between a mark and a footer; it is read as its stream, from the
 * front, so that pipes and members of archives serve as well. Memory holds one batch, of
 * at most AT_ARROW_MAX_BODY bytes, and the dictionaries. */
#ifndef AT_FORMAT_ARROW_H
#define AT_FORMAT_ARROW_H

#include "format/columns.h"

/* Where bytes come from. */
typedef struct at_arrow_source {
    void *context;
    /* Show the next n bytes, or all that are left: *n_there <= n. They are valid until
     * show() or drop() is called. */
    attrib_status (*show)(void *context,
                          size_t n,
                          const uint8_t **bytes,
                          size_t *n_there,
                          attrib_error *err);
    /* Let go of n bytes that were shown. */
    void (*drop)(void *context, size_t n);
} at_arrow_source;

typedef struct at_arrow at_arrow;

/* Whether bytes begin as a file, or as a stream, whose first message is a schema. */
bool at_arrow_is(const char *bytes, size_t n);
/* Whether the first four bytes may be those of a stream: more are needed to tell. */
bool at_arrow_begins(const char bytes[4]);

/* Read the schema; `name`, which is borrowed, is what messages call the stream. Columns
 * that the filter (NULL: reads all) does not read are never decoded. EFORMAT for what is
 * damaged or cut; ENOTSUP for columns whose types are not read, by name, and for Feather
 * version 1; ERANGE for what is larger than is held; ESHAPE where no column is read. */
attrib_status at_arrow_open(at_arrow_source source,
                            const char *name,
                            const at_column_filter *filter,
                            at_arrow **out,
                            attrib_error *err);
void at_arrow_close(at_arrow *arrow);

/* The next batch as a STRUCT column of its rows, valid until the next call; ATTRIB_END
 * after the last. Fails as at_arrow_open(). */
attrib_status at_arrow_next(at_arrow *arrow, const at_column **out, attrib_error *err);

#endif
