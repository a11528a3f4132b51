/* SPDX-License-Identifier: MIT */
/* Which record of an index is of which document of a corpus: documents are known by their
 * tokens, and those that have the same ones share a record. */
#ifndef AT_INDEX_MATCH_H
#define AT_INDEX_MATCH_H

#include "index/index.h"

typedef struct at_index_match {
    const attrib_index *index;
    size_t n;          /* documents */
    size_t *records;   /* [n] in their pieces, ascending within each */
    size_t *documents; /* [n] whose they are */
    size_t *first;     /* [n_parts + 1] where each piece begins in both */
} at_index_match;

/* Bytes that a match takes for each document while it is made. */
#define AT_MATCH_DOCUMENT_BYTES (AT_DIGEST_BYTES + 4 * sizeof(size_t))

/* Match all documents. EINVAL where some are not in the index. */
attrib_status at_index_match_new(const attrib_index *index,
                                 const attrib_corpus *corpus,
                                 at_index_match *out,
                                 attrib_error *err);

/* The same for the documents with takes[document] alone. `match` is to outlive it. */
attrib_status at_index_match_narrow(const at_index_match *match,
                                    const uint8_t *takes,
                                    at_index_match *out,
                                    attrib_error *err);
void at_index_match_free(at_index_match *match);

#endif
