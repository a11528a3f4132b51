/* SPDX-License-Identifier: MIT */
/* Sums of blocks added to the documents of a slice. */
#include <math.h>

#include "score/taps.h"

static attrib_status refuse(const at_slice *slice,
                            at_array_kind kind,
                            size_t document,
                            size_t column,
                            attrib_error *err)
{
    const at_array_layout *layout = at_array_layout_of(kind);
    if (layout->shape != ATTRIB_ARRAY_PLANES) {
        return at_fail(err, ATTRIB_ENUMERIC, "document %zu: its %s is not finite",
                       document, layout->label);
    }
    return at_fail(err, ATTRIB_ENUMERIC,
                   "document %zu: its %s against query %zu is not finite", document,
                   layout->label, slice->tile.first + column % slice->tile.n);
}

attrib_status at_add_sums(const attrib_block *block,
                          const double *from,
                          at_array_kind kind,
                          at_slice *slice,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_others = slice->counts.n_baselines; /* columns after those of gradients */
    size_t dims[2] = {0};
    AT_TRY(at_array_dims(kind, &slice->counts, dims, err));
    n_others *= kind == AT_SELF ? 1 : slice->tile.n;
    for (size_t s = 0; s < block->n_sequences; s++) {
        size_t document = block->sequences[s].document;
        double *to = (double *)slice->arrays[kind] + (document - slice->first) * dims[1];
        for (size_t k = 0; k < dims[1] - n_others; k++) {
            if (!isfinite(*from)) {
                return refuse(slice, kind, document, k, err);
            }
            to[k] += *from++;
        }
    }
done:
    return status;
}
