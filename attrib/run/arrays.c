/* SPDX-License-Identifier: MIT */
/* The arrays of numbers that slices hold: which there are, and their names and sizes.
 * Slices, plans and the limit of memory go by this list. */
#include "run/run.h"

#include <math.h>

static const at_array_layout kinds[AT_N_ARRAYS] = {
    [AT_SCORES] = {"scores", "score", ATTRIB_ARRAY_PLANES, ATTRIB_F64},
    [AT_BOUNDS] = {"bounds", "bound", ATTRIB_ARRAY_PLANES, ATTRIB_F64},
    [AT_SELF] = {"self", "self-influence", ATTRIB_ARRAY_SETTINGS, ATTRIB_F64},
    [AT_TOKENS] = {"tokens", "token share", ATTRIB_ARRAY_TOKENS, ATTRIB_F32},
    [AT_CHECKPOINTS] = {"checkpoint_scores", "checkpoint score", ATTRIB_ARRAY_CHECKPOINTS,
                        ATTRIB_F64},
};

const at_array_layout *at_array_layout_of(at_array_kind kind)
{
    return &kinds[kind];
}

bool at_array_is_held(at_array_kind kind,
                      const attrib_score_options *options,
                      bool is_cut)
{
    switch (kind) {
    case AT_SCORES:
        return true;
    case AT_BOUNDS:
        return is_cut;
    case AT_SELF:
        return options->with_self;
    case AT_TOKENS:
        return options->with_tokens;
    case AT_CHECKPOINTS:
    case AT_N_ARRAYS:
        break;
    }
    return false;
}

bool at_array_has_queries(at_array_kind kind)
{
    return kinds[kind].shape != ATTRIB_ARRAY_SETTINGS;
}

bool at_run_holds(const attrib_run *run, at_array_kind kind)
{
    bool is_held = kind == AT_CHECKPOINTS
                       ? run->info.n_checkpoints > 0
                       : at_array_is_held(kind, &run->options, run->info.query_rank > 0);
    return is_held && (run->info.n_queries > 0 || !at_array_has_queries(kind));
}

attrib_status at_array_dims(at_array_kind kind,
                            const at_counts *counts,
                            size_t dims[2],
                            attrib_error *err)
{
    dims[0] = counts->n_documents;
    switch (kinds[kind].shape) {
    case ATTRIB_ARRAY_PLANES:
        return at_mul(counts->n_sums, counts->n_cases, &dims[1], err);
    case ATTRIB_ARRAY_SETTINGS:
        dims[1] = counts->n_settings;
        break;
    case ATTRIB_ARRAY_TOKENS:
        dims[0] = counts->n_tokens;
        dims[1] = counts->n_cases;
        break;
    case ATTRIB_ARRAY_CHECKPOINTS:
        return at_mul(counts->n_checkpoints, counts->n_cases, &dims[1], err);
    }
    return ATTRIB_OK;
}

double at_arrays_bytes(const attrib_score_options *options,
                       bool is_cut,
                       const at_counts *counts)
{
    double bytes = 0;
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        size_t dims[2] = {0};
        if (at_array_is_held(k, options, is_cut)) {
            /* A slice whose columns cannot be counted fits nowhere. */
            attrib_status status = at_array_dims(k, counts, dims, NULL);
            bytes += status == ATTRIB_OK ? (double)dims[0] * (double)dims[1] *
                                               (double)attrib_dtype_bytes(kinds[k].dtype)
                                         : HUGE_VAL;
        }
    }
    return bytes;
}
