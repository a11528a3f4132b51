/* SPDX-License-Identifier: MIT */
/* A list of token ids that grows. */
#ifndef AT_TOKENIZER_IDS_H
#define AT_TOKENIZER_IDS_H

#include "base/memory.h"

/* Zeroed = empty. */
typedef struct at_ids {
    int32_t *ids; /* [n_ids], freed by free() */
    size_t n_ids, capacity;
} at_ids;

attrib_status at_ids_add(at_ids *out, const int32_t *ids, size_t n, attrib_error *err);

#endif
