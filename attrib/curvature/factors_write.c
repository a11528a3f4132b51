/* SPDX-License-Identifier: MIT */
/* Whole factors, in memory or in another folder, to a folder. */
#include "curvature/store.h"

#include <stdlib.h>

static attrib_status put_side(const at_covariance_io *files,
                              size_t i_factor,
                              at_side side,
                              const at_basis *basis,
                              const double *values,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const float *vectors = basis->vectors;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        size_t first = at_block_start(basis->dim, basis->n_blocks, b);
        size_t m = at_block_start(basis->dim, basis->n_blocks, b + 1) - first;
        at_covariance_block matrix = {i_factor, side, b, first, m, 0};
        AT_TRY(files->keep(files->context, &matrix, vectors, values + first, err));
        vectors += m * m;
    }
done:
    return status;
}

attrib_status at_store_put_basis(at_store *store,
                                 size_t i,
                                 const at_factor *from,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_covariance_io files = at_store_matrices(store);
    AT_TRY(put_side(&files, i, AT_SIDE_A, &from->basis_a, from->values_a, err));
    AT_TRY(put_side(&files, i, AT_SIDE_S, &from->basis_s, from->values_s, err));
done:
    return status;
}

/* One map's eigenvectors and values in `scratch`, whose arrays this makes. */
static attrib_status load_basis(const at_folder *from,
                                size_t i,
                                at_factor *scratch,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *scratch = from->factors->factors[i]; /* sizes; it has no array */
    AT_TRY(at_basis_new(&scratch->basis_a, err));
    AT_TRY(at_basis_new(&scratch->basis_s, err));
    AT_TRY(at_array(scratch->in_dim, sizeof(double), &scratch->values_a, err));
    AT_TRY(at_array(scratch->out_dim, sizeof(double), &scratch->values_s, err));
    AT_TRY(at_folder_basis(from, i, AT_SIDE_A, &scratch->basis_a, err));
    AT_TRY(at_folder_basis(from, i, AT_SIDE_S, &scratch->basis_s, err));
    AT_TRY(at_folder_values(from, i, AT_SIDE_A, scratch->values_a, err));
    AT_TRY(at_folder_values(from, i, AT_SIDE_S, scratch->values_s, err));
done:
    return status;
}

attrib_status at_store_copy_basis(at_store *store,
                                  const at_folder *from,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = from->factors->info.n_modules;
    for (size_t i = 0; i < n; i++) {
        at_factor scratch = {0};
        status = load_basis(from, i, &scratch, err);
        if (status == ATTRIB_OK) {
            status = at_store_put_basis(store, i, &scratch, err);
        }
        free(scratch.basis_a.vectors);
        free(scratch.basis_s.vectors);
        free(scratch.values_a);
        free(scratch.values_s);
        at_folder_forget(from);
        AT_TRY(status);
    }
    AT_TRY(at_store_mark(store, AT_FIT_BASIS, n, err));
done:
    return status;
}

attrib_status attrib_factors_write(const attrib_factors *factors,
                                   const char *folder,
                                   const char *command,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors made = *factors; /* borrows all; the store names its basis */
    at_store *store = NULL;
    unsigned parts = (factors->factors[0].covariance_a ? AT_PARTS_COVARIANCE : 0) |
                     (factors->factors[0].basis_a.vectors ? AT_PARTS_BASIS : 0) |
                     (factors->factors[0].lambda ? AT_PARTS_LAMBDA : 0);
    AT_TRY(at_store_open(&made, folder, parts, &store, err));
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        const at_factor *factor = &factors->factors[i];
        if (parts & AT_PARTS_COVARIANCE) {
            AT_TRY(at_store_put_covariances(store, i, factor, err));
        }
        if (parts & AT_PARTS_BASIS) {
            AT_TRY(at_store_put_basis(store, i, factor, err));
        }
        if (parts & AT_PARTS_LAMBDA) {
            AT_TRY(at_store_put_lambda(store, i, factor->lambda, err));
        }
    }
    AT_TRY(at_store_commit(store, command, err));
done:
    at_store_close(store);
    return status;
}
