/* SPDX-License-Identifier: MIT */
/* One block of memory that many arrays are dealt from: first counted, then dealt. */
#ifndef AT_MODEL_BANK_H
#define AT_MODEL_BANK_H

#include "base/memory.h"

typedef struct at_bank {
    char *base;  /* NULL while counting: pointers dealt are then NULL */
    size_t used; /* bytes */
} at_bank;

/* Deal [n_rows, n_columns] elements, aligned to 64 bytes, to *out_pointer (a T **). */
attrib_status at_bank_deal(at_bank *bank,
                           size_t n_rows,
                           size_t n_columns,
                           size_t element_bytes,
                           void *out_pointer,
                           attrib_error *err);

#endif
