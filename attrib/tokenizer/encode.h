/* SPDX-License-Identifier: MIT */
/* Encoding into a sink, for texts whose ids should not lie in memory. */
#ifndef AT_TOKENIZER_ENCODE_H
#define AT_TOKENIZER_ENCODE_H

#include "attrib/tokenizer.h"

/* Takes ids in their order, some at a time. */
typedef struct at_id_sink {
    attrib_status (*put)(void *context, const int32_t *ids, size_t n, attrib_error *err);
    void *context;
    size_t n_part; /* bytes that are encoded together, at least; 0: 1 MiB */
} at_id_sink;

/* Encode UTF-8 text, with the special tokens that stand before it where they are asked
 * for, and none that stand after it. Fails as attrib_tokenizer_encode() does, or as the
 * sink does. */
attrib_status at_tokenizer_encode_to(const attrib_tokenizer *tokenizer,
                                     attrib_text text,
                                     bool add_special,
                                     at_id_sink sink,
                                     attrib_error *err);

#endif
