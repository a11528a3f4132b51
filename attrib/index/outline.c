/* SPDX-License-Identifier: MIT */
/* The shape of an index of factors, before any scale is known. */
#include <string.h>

#include "curvature/factor_read.h"
#include "index/tap.h"

static attrib_status outline_map(const at_factor *factor,
                                 at_index_map *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_copy_text(factor->name, strlen(factor->name), &out->name, err));
    out->out_dim = factor->out_dim;
    out->in_dim = factor->in_dim;
    AT_TRY(at_array(out->out_dim, sizeof(float), &out->scale_out, err));
    AT_TRY(at_array(out->in_dim, sizeof(float), &out->scale_in, err));
done:
    return status;
}

attrib_status at_index_outline(const attrib_factors *factors,
                               const attrib_index_options *options,
                               at_index_shape *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = factors->info.n_modules;
    size_t head = at_record_head(n);
    AT_TRY(at_array(n, sizeof *out->maps, &out->maps, err));
    out->n_maps = n;
    for (size_t m = 0; m < n; m++) {
        AT_TRY(outline_map(&factors->factors[m], &out->maps[m], err));
    }
    out->is_whole = options->is_whole;
    out->record_bytes = options->bytes_per_document ? options->bytes_per_document
                                                    : at_default_record_bytes(out);
    AT_CHECK(out->record_bytes > head && out->record_bytes <= AT_MOST_RECORD_BYTES,
             ATTRIB_EINVAL,
             "%zu bytes a document, expected from %zu (for the norms of %zu maps) to "
             "2^30",
             out->record_bytes, head + 1, n);
done:
    return status;
}
