/* SPDX-License-Identifier: MIT */
/* Documents known by their tokens, whatever corpus they stand in. */
#ifndef AT_INDEX_DIGEST_H
#define AT_INDEX_DIGEST_H

#include "run/run.h"

/* Digests of all that a document's gradient depends on: its sequences of tokens, and
 * which count. out [n, AT_DIGEST_BYTES] of documents first .. first + n. */
attrib_status at_document_digests(const attrib_corpus *corpus,
                                  size_t first,
                                  size_t n,
                                  unsigned char *out,
                                  attrib_error *err);

#endif
