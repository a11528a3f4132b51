/* SPDX-License-Identifier: MIT */
/* Pieces of single maps out of an opened folder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curvature/folder.h"

/* Rows of eigenvectors that are turned into columns together. */
#define ROWS_AT_A_TIME ((size_t)16)

/* The tensor of a map in a piece, with its shape checked. */
attrib_status at_folder_tensor(const at_folder *folder,
                               const at_factor *factor,
                               at_factor_piece piece,
                               const at_tensor **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t shape[2];
    const at_tensor *tensor = NULL;
    at_factor_piece_shape(factor, piece, &shape[0], &shape[1]);
    AT_TRY(at_folder_need(folder, AT_PIECES_OF(piece), err));
    tensor = at_tensors_find(folder->pieces[piece], factor->name);
    AT_CHECK(tensor, ATTRIB_ESHAPE, "%s: %s.safetensors has no %s", folder->path,
             at_factor_files[piece].name, factor->name);
    AT_TRY(at_tensor_expect(tensor, shape[1] ? 2 : 1, shape, err));
    *out = tensor;
done:
    return status;
}

/* n finite elements from `first` on. */
static attrib_status read_row(
    const at_tensor *tensor, size_t first, size_t n, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_tensor_to_f64(tensor, first, n, out, err));
    for (size_t i = 0; i < n; i++) {
        AT_CHECK(isfinite(out[i]), ATTRIB_ENUMERIC, "%s: %s: entry %zu is not finite",
                 tensor->path, tensor->name, first + i);
    }
done:
    return status;
}

static attrib_status read_whole(const at_folder *self,
                                size_t i,
                                at_factor_piece piece,
                                double *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    AT_TRY(at_folder_tensor(self, &self->factors->factors[i], piece, &tensor, err));
    AT_TRY(read_row(tensor, 0, tensor->n_elements, out, err));
done:
    return status;
}

attrib_status at_folder_lambda(const at_folder *folder,
                               size_t i,
                               double *out,
                               attrib_error *err)
{
    return read_whole(folder, i, AT_PIECE_LAMBDA, out, err);
}

/* Eigenvectors stand in columns on disk, in rows in memory: some rows at a time, so that
 * columns are written in pieces. */
attrib_status at_folder_basis(
    const at_folder *folder, size_t i, at_side side, at_basis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    double *rows = NULL; /* [ROWS_AT_A_TIME, dim] */
    float *vectors = out->vectors;
    AT_TRY(at_folder_tensor(folder, &folder->factors->factors[i],
                            side == AT_SIDE_A ? AT_PIECE_BASIS_A : AT_PIECE_BASIS_S,
                            &tensor, err));
    AT_TRY(at_array(out->dim, ROWS_AT_A_TIME * sizeof *rows, &rows, err));
    for (size_t b = 0; b < out->n_blocks; b++) {
        size_t first = at_block_start(out->dim, out->n_blocks, b);
        size_t m = at_block_start(out->dim, out->n_blocks, b + 1) - first;
        for (size_t r = 0; r < m; r += ROWS_AT_A_TIME) {
            size_t n = m - r < ROWS_AT_A_TIME ? m - r : ROWS_AT_A_TIME;
            for (size_t k = 0; k < n; k++) {
                AT_TRY(read_row(tensor, (first + r + k) * out->dim + first, m,
                                rows + k * m, err));
            }
            for (size_t j = 0; j < m; j++) {
                for (size_t k = 0; k < n; k++) {
                    vectors[j * m + r + k] = (float)rows[k * m + j];
                }
            }
        }
        vectors += m * m;
    }
done:
    free(rows);
    return status;
}

static attrib_status load_side(const at_folder *folder,
                               size_t i,
                               at_side side,
                               unsigned pieces,
                               at_basis *basis,
                               double **values,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_a = side == AT_SIDE_A;
    at_factor_piece of_values = is_a ? AT_PIECE_VALUES_A : AT_PIECE_VALUES_S;
    if (pieces & AT_PIECES_OF(is_a ? AT_PIECE_BASIS_A : AT_PIECE_BASIS_S)) {
        AT_TRY(at_basis_new(basis, err));
        AT_TRY(at_folder_basis(folder, i, side, basis, err));
    }
    if (pieces & AT_PIECES_OF(of_values)) {
        AT_TRY(at_array(basis->dim, sizeof **values, values, err));
        AT_TRY(read_whole(folder, i, of_values, *values, err));
    }
done:
    return status;
}

attrib_status at_folder_load(
    const at_folder *folder, size_t i, unsigned pieces, at_factor *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor factor = folder->factors->factors[i]; /* sizes; it has no array */
    size_t n = 0;
    AT_TRY(
        load_side(folder, i, AT_SIDE_A, pieces, &factor.basis_a, &factor.values_a, err));
    AT_TRY(
        load_side(folder, i, AT_SIDE_S, pieces, &factor.basis_s, &factor.values_s, err));
    if (pieces & AT_PIECES_LAMBDA) {
        AT_TRY(at_mul(factor.out_dim, factor.in_dim, &n, err));
        AT_TRY(at_array(n, sizeof *factor.lambda, &factor.lambda, err));
        AT_TRY(at_folder_lambda(folder, i, factor.lambda, err));
    }
    *out = factor;
    factor = (at_factor){0};
done:
    at_factor_clear(&factor);
    at_folder_forget(folder);
    return status;
}

attrib_status at_folder_check_finite(const at_folder *folder,
                                     unsigned pieces,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double values[1024];
    size_t n_maps = folder->factors->info.n_modules;
    for (size_t k = 0; k < n_maps * AT_N_PIECES; k++) {
        at_factor_piece piece = (at_factor_piece)(k % AT_N_PIECES);
        const at_tensor *tensor = NULL;
        if (!(pieces & AT_PIECES_OF(piece))) {
            continue;
        }
        AT_TRY(at_folder_tensor(folder, &folder->factors->factors[k / AT_N_PIECES], piece,
                                &tensor, err));
        for (size_t i = 0; i < tensor->n_elements; i += 1024) {
            size_t left = tensor->n_elements - i;
            AT_TRY(read_row(tensor, i, left < 1024 ? left : 1024, values, err));
        }
        at_folder_forget(folder);
    }
done:
    return status;
}

attrib_status at_folder_add_covariance(
    const at_folder *folder, size_t i, at_side side, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &folder->factors->factors[i];
    bool is_a = side == AT_SIDE_A;
    size_t dim = is_a ? factor->in_dim : factor->out_dim;
    size_t n_blocks = folder->factors->info.n_blocks;
    const at_tensor *tensor = NULL;
    double *row = NULL;
    AT_TRY(at_folder_tensor(folder, factor,
                            is_a ? AT_PIECE_COVARIANCE_A : AT_PIECE_COVARIANCE_S, &tensor,
                            err));
    AT_TRY(at_array(dim, sizeof *row, &row, err));
    for (size_t b = 0; b < n_blocks; b++) {
        size_t first = at_block_start(dim, n_blocks, b);
        size_t end = at_block_start(dim, n_blocks, b + 1);
        for (size_t r = first; r < end; r++) {
            size_t n = r - first + 1;
            AT_TRY(read_row(tensor, r * dim + first, n, row, err));
            for (size_t j = 0; j < n; j++) {
                out[j] += row[j];
            }
            out += n;
        }
    }
done:
    free(row);
    return status;
}

/* The bytes of a map's eigenvectors, row by row within their blocks. */
static attrib_status hash_side(const at_folder *folder,
                               const at_factor *factor,
                               at_side side,
                               at_hash *hash,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_a = side == AT_SIDE_A;
    const at_tensor *tensor = NULL;
    size_t dim = is_a ? factor->in_dim : factor->out_dim;
    size_t n_blocks = folder->factors->info.n_blocks;
    size_t element = 0;
    AT_TRY(at_folder_tensor(folder, factor, is_a ? AT_PIECE_BASIS_A : AT_PIECE_BASIS_S,
                            &tensor, err));
    element = attrib_dtype_bytes(tensor->dtype);
    for (size_t b = 0; b < n_blocks; b++) {
        size_t first = at_block_start(dim, n_blocks, b);
        size_t end = at_block_start(dim, n_blocks, b + 1);
        for (size_t r = first; r < end; r++) {
            at_hash_add(hash, tensor->data + (r * dim + first) * element,
                        (end - first) * element);
        }
    }
done:
    return status;
}

attrib_status at_folder_hash_basis(const at_folder *folder,
                                   char out[AT_HASH_SIZE],
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    out[0] = '\0';
    if (!folder->pieces[AT_PIECE_BASIS_A]) {
        return ATTRIB_OK;
    }
    AT_TRY(at_hash_new(&hash, err));
    for (size_t i = 0; i < folder->factors->info.n_modules; i++) {
        const at_factor *factor = &folder->factors->factors[i];
        at_hash_add(hash, factor->name, strlen(factor->name) + 1);
        AT_TRY(hash_side(folder, factor, AT_SIDE_A, hash, err));
        AT_TRY(hash_side(folder, factor, AT_SIDE_S, hash, err));
        at_folder_forget(folder);
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}
