/* SPDX-License-Identifier: MIT */
/* The factors that scoring reads, whole, from a folder. */
#include <stdlib.h>

#include "curvature/folder.h"

static attrib_status read_side(const at_folder *folder,
                               size_t i,
                               at_side side,
                               at_basis *basis,
                               double **values,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_basis_new(basis, err));
    AT_TRY(at_folder_basis(folder, i, side, basis, err));
    AT_TRY(at_array(basis->dim, sizeof **values, values, err));
    AT_TRY(at_folder_values(folder, i, side, *values, err));
done:
    return status;
}

static attrib_status read_factors(const at_folder *folder,
                                  unsigned parts,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < folder->factors->info.n_modules; i++) {
        at_factor *factor = &folder->factors->factors[i];
        size_t n = 0;
        if (parts & AT_PARTS_BASIS) {
            AT_TRY(read_side(folder, i, AT_SIDE_A, &factor->basis_a, &factor->values_a,
                             err));
            AT_TRY(read_side(folder, i, AT_SIDE_S, &factor->basis_s, &factor->values_s,
                             err));
        }
        if (parts & AT_PARTS_LAMBDA) {
            AT_TRY(at_mul(factor->out_dim, factor->in_dim, &n, err));
            AT_TRY(at_array(n, sizeof *factor->lambda, &factor->lambda, err));
            AT_TRY(at_folder_lambda(folder, i, factor->lambda, err));
        }
    }
done:
    return status;
}

/* The hash of all bytes that scores depend on. */
static attrib_status hash_parts(const at_folder *folder,
                                unsigned parts,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer all = {0};
    for (int part = 0; part < AT_N_PARTS; part++) {
        char hash[AT_HASH_SIZE];
        if (parts & AT_PARTS_OF(part)) {
            AT_TRY(at_tensors_hash(folder->parts[part], hash, err));
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
    AT_TRY(at_factor_path(folder, at_factor_files[AT_PART_COVARIANCE_A].name, &covariance,
                          err));
    AT_TRY(at_factor_path(folder, at_factor_files[AT_PART_BASIS_A].name, &basis, err));
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
    unsigned parts = 0;
    AT_TRY(check_decomposed(folder, err));
    AT_TRY(at_folder_open(folder, model, AT_PARTS_BASIS | AT_PARTS_LAMBDA, &opened, err));
    parts = at_strategy_parts(opened->factors->info.strategy);
    AT_TRY(at_folder_need(opened, parts, err));
    AT_TRY(read_factors(opened, parts, err));
    AT_TRY(hash_parts(opened, parts, err));
    *out = opened->factors;
    opened->factors = NULL;
done:
    at_folder_close(opened);
    return status;
}
