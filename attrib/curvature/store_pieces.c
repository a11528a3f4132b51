/* SPDX-License-Identifier: MIT */
/* Pieces of single maps into a store and out of it. */
#include <stdlib.h>
#include <string.h>

#include "curvature/store_files.h"

/* A in dense rows from the packed triangles of its blocks. */
static attrib_status put_covariance(
    at_store *self, size_t i, at_side side, const double *triangle, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &self->factors->factors[i];
    at_factor_piece piece =
        side == AT_SIDE_A ? AT_PIECE_COVARIANCE_A : AT_PIECE_COVARIANCE_S;
    size_t dim = side == AT_SIDE_A ? factor->in_dim : factor->out_dim;
    size_t n_blocks = self->factors->info.n_blocks;
    const at_tensor *slot = NULL;
    double *row = NULL;
    AT_TRY(at_store_slot(self, i, piece, &slot, err));
    AT_TRY(at_array(dim, sizeof *row, &row, err));
    for (size_t b = 0; b < n_blocks; b++) {
        size_t first = at_block_start(dim, n_blocks, b);
        size_t m = at_block_start(dim, n_blocks, b + 1) - first;
        for (size_t r = 0; r < m; r++) {
            memcpy(row, triangle + r * (r + 1) / 2, (r + 1) * sizeof *row);
            for (size_t c = r + 1; c < m; c++) {
                row[c] = triangle[c * (c + 1) / 2 + r];
            }
            AT_TRY(at_slots_write(self->slots[piece], slot, (first + r) * dim + first, m,
                                  row, err));
        }
        triangle += m * (m + 1) / 2;
    }
done:
    free(row);
    return status;
}

attrib_status at_store_put_covariances(at_store *store,
                                       size_t i,
                                       const at_factor *from,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(put_covariance(store, i, AT_SIDE_A, from->covariance_a, err));
    AT_TRY(put_covariance(store, i, AT_SIDE_S, from->covariance_s, err));
done:
    return status;
}

attrib_status at_store_put_lambda(at_store *store,
                                  size_t i,
                                  const double *lambda,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *slot = NULL;
    AT_TRY(at_store_slot(store, i, AT_PIECE_LAMBDA, &slot, err));
    AT_TRY(at_slots_write(store->slots[AT_PIECE_LAMBDA], slot, 0, slot->n_elements,
                          lambda, err));
done:
    return status;
}

static attrib_status load_matrix(void *context,
                                 const at_covariance_block *matrix,
                                 double *triangle,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_store *self = context;
    bool is_a = matrix->side == AT_SIDE_A;
    at_factor_piece piece = is_a ? AT_PIECE_COVARIANCE_A : AT_PIECE_COVARIANCE_S;
    const at_tensor *slot = NULL;
    AT_TRY(at_store_slot(self, matrix->i_factor, piece, &slot, err));
    for (size_t r = 0; r < matrix->size; r++) {
        size_t at = (matrix->first + r) * slot->shape[1] + matrix->first;
        AT_TRY(at_slots_read(self->slots[piece], slot, at, r + 1, triangle, err));
        triangle += r + 1;
    }
done:
    return status;
}

/* Eigenvectors stand in rows here, in columns in the file. */
static attrib_status keep_matrix(void *context,
                                 const at_covariance_block *matrix,
                                 const float *vectors,
                                 const double *values,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_store *self = context;
    bool is_a = matrix->side == AT_SIDE_A;
    at_factor_piece basis = is_a ? AT_PIECE_BASIS_A : AT_PIECE_BASIS_S;
    at_factor_piece spectrum = is_a ? AT_PIECE_VALUES_A : AT_PIECE_VALUES_S;
    size_t m = matrix->size;
    const at_tensor *slot = NULL;
    float *row = NULL;
    AT_TRY(at_array(m, sizeof *row, &row, err));
    AT_TRY(at_store_slot(self, matrix->i_factor, basis, &slot, err));
    for (size_t r = 0; r < m; r++) {
        for (size_t c = 0; c < m; c++) {
            row[c] = vectors[c * m + r];
        }
        AT_TRY(at_slots_write(self->slots[basis], slot,
                              (matrix->first + r) * slot->shape[1] + matrix->first, m,
                              row, err));
    }
    AT_TRY(at_store_slot(self, matrix->i_factor, spectrum, &slot, err));
    AT_TRY(at_slots_write(self->slots[spectrum], slot, matrix->first, m, values, err));
done:
    free(row);
    return status;
}

at_covariance_io at_store_matrices(at_store *store)
{
    return (at_covariance_io){store, load_matrix, keep_matrix};
}

attrib_status at_store_get_basis(
    const at_store *store, size_t i, at_side side, at_basis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor_piece piece = side == AT_SIDE_A ? AT_PIECE_BASIS_A : AT_PIECE_BASIS_S;
    const at_tensor *slot = NULL;
    float *row = NULL;
    float *vectors = out->vectors;
    AT_TRY(at_store_slot(store, i, piece, &slot, err));
    AT_TRY(at_array(out->dim, sizeof *row, &row, err));
    for (size_t b = 0; b < out->n_blocks; b++) {
        size_t first = at_block_start(out->dim, out->n_blocks, b);
        size_t m = at_block_start(out->dim, out->n_blocks, b + 1) - first;
        for (size_t r = 0; r < m; r++) {
            AT_TRY(at_slots_read(store->slots[piece], slot,
                                 (first + r) * out->dim + first, m, row, err));
            for (size_t j = 0; j < m; j++) {
                vectors[j * m + r] = row[j];
            }
        }
        vectors += m * m;
    }
done:
    free(row);
    return status;
}
