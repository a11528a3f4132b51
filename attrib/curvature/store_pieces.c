/* SPDX-License-Identifier: MIT */
/* Pieces of single maps into a store and out of it.
 *
 * 1. Covariances.   2. Matrices that are decomposed.   3. Eigenbases.
 * 4. Writing maps. */
#include <stdlib.h>
#include <string.h>

#include "curvature/store_files.h"

/* 1. Covariances */

/* The packed triangles of A's or S's blocks, written as dense rows. */
static attrib_status put_covariance(
    at_store *self, size_t i, at_side side, const double *triangle, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor_piece piece = at_side_piece(AT_PIECE_COVARIANCE_A, side);
    size_t dim = at_side_dim(&self->factors->factors[i], side);
    size_t n_blocks = self->factors->info.n_blocks;
    const at_tensor *slot = NULL;
    double *row = NULL;
    AT_TRY(at_store_slot(self, i, piece, &slot, err));
    AT_TRY(at_array(dim, sizeof *row, &row, err));
    for (size_t b = 0; b < n_blocks; b++) {
        at_extent block = at_diagonal_block(dim, n_blocks, b);
        size_t m = block.size;
        for (size_t r = 0; r < m; r++) {
            memcpy(row, triangle + r * (r + 1) / 2, (r + 1) * sizeof *row);
            for (size_t c = r + 1; c < m; c++) {
                row[c] = triangle[c * (c + 1) / 2 + r];
            }
            AT_TRY(at_slots_write(self->slots[piece], slot,
                                  (block.first + r) * dim + block.first, m, row, err));
        }
        triangle += m * (m + 1) / 2;
    }
done:
    free(row);
    return status;
}

/* 2. Matrices that are decomposed */

static attrib_status load_matrix(void *context,
                                 const at_covariance_block *matrix,
                                 double *triangle,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_store *self = context;
    at_factor_piece piece = at_side_piece(AT_PIECE_COVARIANCE_A, matrix->side);
    const at_tensor *slot = NULL;
    AT_TRY(at_store_slot(self, matrix->i_factor, piece, &slot, err));
    for (size_t r = 0; r < matrix->extent.size; r++) {
        size_t at = (matrix->extent.first + r) * slot->shape[1] + matrix->extent.first;
        AT_TRY(at_slots_read(self->slots[piece], slot, at, r + 1, triangle, err));
        triangle += r + 1;
    }
done:
    return status;
}

/* Eigenvectors are rows in memory, and columns in the file. So many of these are copied
 * together as a line of the cache holds entries of a row. */
#define ROWS_AT_A_TIME ((size_t)16)

static attrib_status keep_matrix(void *context,
                                 const at_covariance_block *matrix,
                                 const float *vectors,
                                 const double *values,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_store *self = context;
    at_factor_piece basis = at_side_piece(AT_PIECE_BASIS_A, matrix->side);
    at_factor_piece spectrum = at_side_piece(AT_PIECE_VALUES_A, matrix->side);
    size_t m = matrix->extent.size;
    const at_tensor *slot = NULL;
    float *rows = NULL; /* [ROWS_AT_A_TIME, m] of the file */
    AT_TRY(at_array(m, ROWS_AT_A_TIME * sizeof *rows, &rows, err));
    AT_TRY(at_store_slot(self, matrix->i_factor, basis, &slot, err));
    for (size_t r = 0; r < m; r += ROWS_AT_A_TIME) {
        size_t n = at_smaller(m - r, ROWS_AT_A_TIME);
        for (size_t c = 0; c < m; c++) {
            for (size_t k = 0; k < n; k++) {
                rows[k * m + c] = vectors[c * m + r + k];
            }
        }
        for (size_t k = 0; k < n; k++) {
            size_t first = matrix->extent.first;
            AT_TRY(at_slots_write(self->slots[basis], slot,
                                  (first + r + k) * slot->shape[1] + first, m,
                                  rows + k * m, err));
        }
    }
    AT_TRY(at_store_slot(self, matrix->i_factor, spectrum, &slot, err));
    AT_TRY(at_slots_write(self->slots[spectrum], slot, matrix->extent.first, m, values,
                          err));
done:
    free(rows);
    return status;
}

at_covariance_io at_store_matrices(at_store *store)
{
    return (at_covariance_io){store, load_matrix, keep_matrix};
}

/* 3. Eigenbases */

/* A matrix of a file that is read. */
typedef struct slot_reader {
    const at_slots *slots;
    const at_tensor *slot;
} slot_reader;

static attrib_status read_slot(
    const void *context, size_t first, size_t n, float *out, attrib_error *err)
{
    const slot_reader *reader = context;
    return at_slots_read(reader->slots, reader->slot, first, n, out, err);
}

attrib_status at_store_get_basis(
    const at_store *store, size_t i, at_side side, at_basis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor_piece piece = at_side_piece(AT_PIECE_BASIS_A, side);
    slot_reader reader = {store->slots[piece], NULL};
    AT_TRY(at_store_slot(store, i, piece, &reader.slot, err));
    AT_TRY(at_read_basis(read_slot, &reader, out, err));
done:
    return status;
}

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
        at_extent extent = at_diagonal_block(basis->dim, basis->n_blocks, b);
        at_covariance_block matrix = {i_factor, side, b, extent, 0};
        AT_TRY(files->keep(files->context, &matrix, vectors, values + extent.first, err));
        vectors += extent.size * extent.size;
    }
done:
    return status;
}

/* 4. Writing maps */

attrib_status at_store_put(
    at_store *store, size_t i, unsigned pieces, const at_factor *from, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_covariance_io files = at_store_matrices(store);
    const at_tensor *slot = NULL;
    if (pieces & AT_PIECES_COVARIANCE) {
        AT_TRY(put_covariance(store, i, AT_SIDE_A, from->covariance_a, err));
        AT_TRY(put_covariance(store, i, AT_SIDE_S, from->covariance_s, err));
    }
    if (pieces & AT_PIECES_BASIS) {
        AT_TRY(put_side(&files, i, AT_SIDE_A, &from->basis_a, from->values_a, err));
        AT_TRY(put_side(&files, i, AT_SIDE_S, &from->basis_s, from->values_s, err));
    }
    if (pieces & AT_PIECES_LAMBDA) {
        AT_TRY(at_store_slot(store, i, AT_PIECE_LAMBDA, &slot, err));
        AT_TRY(at_slots_write(store->slots[AT_PIECE_LAMBDA], slot, 0, slot->n_elements,
                              from->lambda, err));
    }
done:
    return status;
}

attrib_status at_store_put_all(at_store *store,
                               unsigned pieces,
                               const attrib_factors *from,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < from->info.n_modules; i++) {
        at_factor factor = {0};
        AT_TRY(at_factor_load(from, i, pieces, &factor, err));
        status = at_store_put(store, i, pieces, &factor, err);
        at_factor_unload(from, &factor);
        AT_TRY(status);
    }
done:
    return status;
}
