/* SPDX-License-Identifier: MIT */
/* Documents that are the bytes of their spans, read again (originals.h). */
#ifndef AT_CORPUS_ORIGINAL_SPANS_H
#define AT_CORPUS_ORIGINAL_SPANS_H

#include "corpus/originals.h"
#include "corpus/reader.h"

/* The places of one source, on the way to the sink. */
typedef struct at_source_reading {
    attrib_session *session;
    at_rules rules;
    at_place *places; /* [n] sorted */
    size_t n, n_left; /* n_left: not handed on yet */
    at_original_sink sink;
    attrib_status refused; /* what the sink said last */
    attrib_error unread;   /* why seeking ended before all places were read; status
                              ATTRIB_OK: it did not */
    bool takes_tables;     /* the pass makes rows of tables; else it reads spans */
    at_buffer bytes;       /* of the span read last */
    size_t at;             /* where it begins in its file or member */
} at_source_reading;

/* Whether the bytes are those that the place had. */
bool at_place_holds(const at_place *place, const char *bytes, size_t n);

/* Hand on a place with its bytes. What the sink refuses ends the reading; it is not the
 * source's failure. */
attrib_status at_reading_put(at_source_reading *self,
                             at_place *place,
                             const char *bytes,
                             size_t n,
                             attrib_error *err);

/* Hand on the places of a plain file whose spans have their bytes, up to the first that
 * cannot be read: self->unread says why. */
attrib_status at_reading_seek(at_source_reading *self,
                              const char *path,
                              attrib_error *err);

/* Pass through a file or member once, and hand on those of its places, sorted, whose
 * spans have their bytes. */
attrib_status at_reading_pass(at_source_reading *self,
                              at_bytes bytes,
                              at_place *places,
                              size_t n,
                              attrib_error *err);

#endif
