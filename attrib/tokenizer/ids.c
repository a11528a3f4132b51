/* SPDX-License-Identifier: MIT */
/* Lists of ids. */
#include "tokenizer/ids.h"

#include <string.h>

attrib_status at_ids_add(at_ids *out, const int32_t *ids, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t needed = 0;
    AT_TRY(at_add(out->n_ids, n, &needed, err));
    AT_TRY(at_grow(&out->ids, &out->capacity, needed, sizeof *ids, err));
    if (n) {
        memcpy(out->ids + out->n_ids, ids, n * sizeof *ids);
    }
    out->n_ids = needed;
done:
    return status;
}
