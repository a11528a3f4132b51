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

attrib_status at_store_copy_basis(at_store *store,
                                  const at_folder *from,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = from->factors->info.n_modules;
    for (size_t i = 0; i < n; i++) {
        at_factor scratch = {0};
        AT_TRY(at_folder_load(from, i, AT_PIECES_BASIS, &scratch, err));
        status = at_store_put_basis(store, i, &scratch, err);
        at_factor_clear(&scratch);
        AT_TRY(status);
    }
    AT_TRY(at_store_mark(store, AT_FIT_BASIS, n, err));
done:
    return status;
}

static attrib_status put_pieces(
    at_store *store, size_t i, unsigned pieces, const at_factor *from, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (pieces & AT_PIECES_COVARIANCE) {
        AT_TRY(at_store_put_covariances(store, i, from, err));
    }
    if (pieces & AT_PIECES_BASIS) {
        AT_TRY(at_store_put_basis(store, i, from, err));
    }
    if (pieces & AT_PIECES_LAMBDA) {
        AT_TRY(at_store_put_lambda(store, i, from->lambda, err));
    }
done:
    return status;
}

/* What there is of every map. */
static unsigned pieces_of(const attrib_factors *factors)
{
    const at_factor *first = &factors->factors[0];
    if (factors->folder) {
        return at_strategy_pieces(factors->info.strategy);
    }
    return (first->covariance_a ? AT_PIECES_COVARIANCE : 0) |
           (first->basis_a.vectors ? AT_PIECES_BASIS : 0) |
           (first->lambda ? AT_PIECES_LAMBDA : 0);
}

attrib_status attrib_factors_write(const attrib_factors *factors,
                                   const char *folder,
                                   const char *command,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors made = *factors; /* borrows all; the store names its basis */
    at_store *store = NULL;
    unsigned pieces = pieces_of(factors);
    AT_TRY(at_store_open(&made, folder, pieces, &store, err));
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        at_factor factor = {0};
        AT_TRY(at_factor_load(factors, i, pieces, &factor, err));
        status = put_pieces(store, i, pieces, &factor, err);
        at_factor_unload(factors, &factor);
        AT_TRY(status);
    }
    AT_TRY(at_store_commit(store, command, err));
done:
    at_store_close(store);
    return status;
}
