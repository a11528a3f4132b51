/* SPDX-License-Identifier: MIT */
/* A bank: one block of memory that many arrays are dealt from. With a NULL base the same
 * calls only count the bytes. */
#include "base/memory.h"

#include <string.h>

#define ALIGNMENT 64

attrib_status attrib_bank_deal(attrib_bank *bank,
                               size_t n_rows,
                               size_t n_columns,
                               size_t element_bytes,
                               void *out_pointer,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t bytes = 0;
    void *piece = bank->base ? bank->base + bank->used : NULL;
    AT_TRY(at_mul(n_rows, n_columns, &bytes, err));
    AT_TRY(at_mul(bytes, element_bytes, &bytes, err));
    AT_TRY(at_add(bytes, ALIGNMENT - 1, &bytes, err));
    AT_TRY(at_add(bank->used, bytes / ALIGNMENT * ALIGNMENT, &bank->used, err));
    memcpy(out_pointer, &piece, sizeof piece);
done:
    return status;
}
