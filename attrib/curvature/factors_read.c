/* SPDX-License-Identifier: MIT */
/* The factors that scoring reads, map by map, from a folder. */
#include <stdlib.h>

#include "curvature/folder.h"
#include "curvature/inverse.h"

/* The hash of all bytes that scores depend on. */
static attrib_status hash_pieces(const at_folder *folder,
                                 unsigned pieces,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer all = {0};
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        char hash[AT_HASH_SIZE];
        if (pieces & AT_PIECES_OF(piece)) {
            AT_TRY(at_tensors_hash(folder->pieces[piece], hash, err));
            AT_TRY(at_buffer_append(&all, hash, sizeof hash, err));
        }
    }
    at_hash_bytes(all.bytes, all.n_bytes, folder->factors->identity);
done:
    at_buffer_free(&all);
    return status;
}

/* Covariances alone are a step on the way, which nothing can be scored with. */
static attrib_status check_decomposed(const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *covariance = NULL;
    char *basis = NULL;
    AT_TRY(at_factor_path(folder, at_factor_files[AT_PIECE_COVARIANCE_A].name,
                          &covariance, err));
    AT_TRY(at_factor_path(folder, at_factor_files[AT_PIECE_BASIS_A].name, &basis, err));
    AT_CHECK(!at_is_file(covariance) || at_is_file(basis), ATTRIB_EINVAL,
             "%s: covariances without eigenvectors, which attrib merge finds", folder);
done:
    free(covariance);
    free(basis);
    return status;
}

attrib_status attrib_factors_open(const char *folder,
                                  const attrib_model *model,
                                  attrib_factors **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_folder *opened = NULL;
    unsigned pieces = 0;
    AT_TRY(check_decomposed(folder, err));
    AT_TRY(
        at_folder_open(folder, model, AT_PIECES_BASIS | AT_PIECES_LAMBDA, &opened, err));
    pieces = at_strategy_pieces(opened->factors->info.strategy);
    AT_TRY(at_folder_need(opened, pieces, err));
    AT_TRY(at_folder_check_finite(opened, pieces, err));
    AT_TRY(hash_pieces(opened, pieces, err));
    *out = opened->factors;
    opened->factors->folder = opened;
    opened = NULL;
done:
    at_folder_close(opened);
    return status;
}

attrib_status at_factor_load(const attrib_factors *factors,
                             size_t i,
                             unsigned pieces,
                             at_factor *out,
                             attrib_error *err)
{
    if (factors->folder) {
        return at_folder_load(factors->folder, i, pieces, out, err);
    }
    *out = factors->factors[i];
    return ATTRIB_OK;
}

void at_factor_unload(const attrib_factors *factors, at_factor *loaded)
{
    if (factors && factors->folder) {
        at_factor_clear(loaded);
    }
    *loaded = (at_factor){0};
}

double at_factor_load_bytes(const attrib_factors *factors, size_t i)
{
    const at_factor *factor = &factors->factors[i];
    double entries = (double)factor->out_dim * (double)factor->in_dim;
    if (!factors->folder) {
        return 0;
    }
    return sizeof(double) * entries +
           sizeof(float) * (at_rotate_products(&factor->basis_a) +
                            at_rotate_products(&factor->basis_s));
}
