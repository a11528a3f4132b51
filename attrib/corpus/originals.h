/* SPDX-License-Identifier: MIT */
/* The bytes of documents, read again from where they stand and known by their hashes:
 * those of texts and rows of JSON as they are, other tables' rows as rows of JSON. */
#ifndef AT_CORPUS_ORIGINALS_H
#define AT_CORPUS_ORIGINALS_H

#include "attrib/corpus.h"
#include "base/file.h"
#include "base/session.h"
#include "corpus/draft.h"

/* The rules of such fields, for texts without ids; they borrow the names. */
at_rules at_rules_of_fields(const at_fields *fields);

/* Where a document stands. */
typedef struct at_place {
    const char *source, *member; /* member may be NULL */
    size_t line, span_start, span_end;
    char hash[AT_HASH_SIZE];
    size_t i;     /* whatever the caller knows it by */
    bool is_done; /* it was handed on */
} at_place;

/* Takes the bytes of a place; `why` says why there are none (bytes NULL), or is NULL. */
typedef struct at_original_sink {
    attrib_status (*put)(void *context,
                         const at_place *place,
                         const char *bytes,
                         size_t n_bytes,
                         const attrib_error *why,
                         attrib_error *err);
    void *context;
} at_original_sink;

/* Hand on every place once, sorted by source; an archive and a compressed file is passed
 * through once for all its places. Reorders `places`. EFORMAT in `why` where bytes have
 * another hash than they had, EIO where there is no such file or it cannot be read,
 * ENOTSUP for documents that were read from a stream, from memory, or from a file of
 * tokens. */
attrib_status at_originals_read(attrib_session *session,
                                const at_fields *fields,
                                at_place *places,
                                size_t n,
                                at_original_sink sink,
                                attrib_error *err);

/* The text of such bytes as documents have it without a chat template: of a row what its
 * fields say, of a text itself. `id` chooses among the documents of a row. */
attrib_status at_original_text(const at_fields *fields,
                               const at_place *place,
                               const char *id,
                               const char *bytes,
                               size_t n_bytes,
                               at_buffer *out,
                               attrib_error *err);

#endif
