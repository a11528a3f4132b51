/* SPDX-License-Identifier: MIT */
/* Pieces of slices: what they are called, and their seals. */
#include <stdlib.h>

#include "run/slice_piece.h"

attrib_status at_slice_path(const attrib_run *run,
                            size_t i_tile,
                            size_t i_slice,
                            bool is_joined,
                            char **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    size_t number = is_joined ? at_run_place(run, i_slice).i_file : i_slice;
    AT_TRY(at_buffer_print(&name, err, "%s-%04zu-%06zu.safetensors",
                           is_joined ? "scores" : "slice", i_tile, number));
    AT_TRY(at_join_path(run->info.folder, name.bytes, out, err));
done:
    at_buffer_free(&name);
    return status;
}

attrib_status at_piece_array_bytes(const at_piece *piece,
                                   at_array_kind kind,
                                   size_t *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t dims[2] = {0};
    AT_TRY(at_array_dims(kind, &piece->counts, dims, err));
    *out = dims[0] * dims[1] * attrib_dtype_bytes(at_array_layout_of(kind)->dtype);
done:
    return status;
}

attrib_status at_piece_seal(const at_piece *piece,
                            char out[AT_HASH_SIZE],
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        size_t n_bytes = 0;
        if (piece->arrays[k]) {
            AT_TRY(at_piece_array_bytes(piece, k, &n_bytes, err));
            at_hash_add(hash, piece->arrays[k], n_bytes);
        }
    }
    if (piece->first_token) {
        at_hash_add(hash, piece->first_token,
                    (piece->counts.n_documents + 1) * sizeof *piece->first_token);
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}
