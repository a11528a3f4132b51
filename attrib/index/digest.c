/* SPDX-License-Identifier: MIT */
#include "index/digest.h"

attrib_status at_document_digests(const attrib_corpus *corpus,
                                  size_t first,
                                  size_t n,
                                  unsigned char *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[AT_HASH_SIZE];
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_slice_content(corpus, first + i, 1, text, err));
        at_digest_read(text, out + i * AT_DIGEST_BYTES);
    }
done:
    return status;
}
