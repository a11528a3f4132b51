/* SPDX-License-Identifier: MIT */
/* The numbers of single maps, out of opened files.
 *
 * 1. Entries.   2. Eigenvectors.   3. Maps.   4. Sums. */
#include "curvature/factor_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of eigenvectors that are turned into columns together: 16 floats are a line of the
 * cache, which is then written whole. */
#define ROWS_AT_A_TIME ((size_t)16)

/* Entries that are read into a buffer on the stack: 8 KiB of f64. */
#define ENTRIES_AT_A_TIME ((size_t)1024)

/* 1. Entries */

/* n finite entries from entry `first` on. */
static attrib_status read_f64(
    const at_tensor *tensor, size_t first, size_t n, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_tensor_check_finite(tensor, first, n, err));
    AT_TRY(at_tensor_to_f64(tensor, first, n, out, err));
done:
    return status;
}

static attrib_status read_f32(
    const void *context, size_t first, size_t n, float *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = context;
    AT_TRY(at_tensor_check_finite(tensor, first, n, err));
    AT_TRY(at_tensor_to_f32(tensor, first, n, out, err));
done:
    return status;
}

/* sum += n entries from entry `first` on. */
static attrib_status add_entries(
    const at_tensor *tensor, size_t first, size_t n, double *sum, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double values[ENTRIES_AT_A_TIME];
    for (size_t i = 0; i < n; i += ENTRIES_AT_A_TIME) {
        size_t m = at_smaller(n - i, ENTRIES_AT_A_TIME);
        AT_TRY(read_f64(tensor, first + i, m, values, err));
        for (size_t k = 0; k < m; k++) {
            sum[i + k] += values[k];
        }
    }
done:
    return status;
}

/* 2. Eigenvectors */

attrib_status at_read_basis(at_read_entries read,
                            const void *context,
                            at_basis *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float *rows = NULL; /* [ROWS_AT_A_TIME, dim] */
    float *vectors = out->vectors;
    AT_TRY(at_array(out->dim, ROWS_AT_A_TIME * sizeof *rows, &rows, err));
    for (size_t b = 0; b < out->n_blocks; b++) {
        at_extent block = at_diagonal_block(out->dim, out->n_blocks, b);
        size_t m = block.size;
        for (size_t r = 0; r < m; r += ROWS_AT_A_TIME) {
            size_t n = at_smaller(m - r, ROWS_AT_A_TIME);
            for (size_t k = 0; k < n; k++) {
                AT_TRY(read(context, (block.first + r + k) * out->dim + block.first, m,
                            rows + k * m, err));
            }
            for (size_t j = 0; j < m; j++) {
                for (size_t k = 0; k < n; k++) {
                    vectors[j * m + r + k] = rows[k * m + j];
                }
            }
        }
        vectors += m * m;
    }
done:
    free(rows);
    return status;
}

/* Add the bytes of a map's eigenvectors to a hash, row by row within their blocks. */
static attrib_status hash_side(const at_files *files,
                               at_factor *factor,
                               at_side side,
                               at_hash *hash,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_basis *basis = at_side_basis(factor, side);
    const at_tensor *tensor = NULL;
    size_t element = 0;
    AT_TRY(at_files_find(files, factor, at_side_piece(AT_PIECE_BASIS_A, side), &tensor,
                         err));
    element = attrib_dtype_bytes(tensor->dtype);
    for (size_t b = 0; b < basis->n_blocks; b++) {
        at_extent block = at_diagonal_block(basis->dim, basis->n_blocks, b);
        for (size_t r = block.first; r < block.first + block.size; r++) {
            at_hash_add(hash, tensor->data + (r * basis->dim + block.first) * element,
                        block.size * element);
        }
    }
done:
    return status;
}

attrib_status at_files_hash_basis(const at_files *files,
                                  const attrib_factors *maps,
                                  char out[AT_HASH_SIZE],
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    out[0] = '\0';
    if (!files->pieces[AT_PIECE_BASIS_A]) {
        return ATTRIB_OK;
    }
    AT_TRY(at_hash_new(&hash, err));
    for (size_t i = 0; i < maps->info.n_modules; i++) {
        at_factor *factor = &maps->factors[i];
        at_hash_add(hash, factor->name, strlen(factor->name) + 1);
        AT_TRY(hash_side(files, factor, AT_SIDE_A, hash, err));
        AT_TRY(hash_side(files, factor, AT_SIDE_S, hash, err));
        at_files_forget(files);
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}

/* 3. Maps */

/* All of a piece into an array, which is made where there is none. */
static attrib_status load_piece(const at_files *files,
                                const at_factor *factor,
                                at_factor_piece piece,
                                double **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    AT_TRY(at_files_find(files, factor, piece, &tensor, err));
    if (!*out) {
        AT_TRY(at_array(tensor->n_elements, sizeof **out, out, err));
    }
    AT_TRY(read_f64(tensor, 0, tensor->n_elements, *out, err));
done:
    return status;
}

static double **values_of(at_factor *factor, at_side side)
{
    return side == AT_SIDE_A ? &factor->values_a : &factor->values_s;
}

static attrib_status load_side(const at_files *files,
                               at_side side,
                               unsigned pieces,
                               at_factor *factor,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor_piece vectors = at_side_piece(AT_PIECE_BASIS_A, side);
    at_factor_piece values = at_side_piece(AT_PIECE_VALUES_A, side);
    at_basis *basis = at_side_basis(factor, side);
    const at_tensor *tensor = NULL;
    if (pieces & AT_PIECES_OF(vectors)) {
        AT_TRY(at_files_find(files, factor, vectors, &tensor, err));
        if (!basis->vectors) {
            AT_TRY(at_basis_new(basis, err));
        }
        AT_TRY(at_read_basis(read_f32, tensor, basis, err));
    }
    if (pieces & AT_PIECES_OF(values)) {
        AT_TRY(load_piece(files, factor, values, values_of(factor, side), err));
    }
done:
    return status;
}

/* Read the arrays of a map, into those that it has. */
static attrib_status load_map(const at_files *files,
                              unsigned pieces,
                              at_factor *factor,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(load_side(files, AT_SIDE_A, pieces, factor, err));
    AT_TRY(load_side(files, AT_SIDE_S, pieces, factor, err));
    if (pieces & AT_PIECES_LAMBDA) {
        AT_TRY(load_piece(files, factor, AT_PIECE_LAMBDA, &factor->lambda, err));
    }
done:
    at_files_forget(files);
    return status;
}

attrib_status at_factor_load(const attrib_factors *factors,
                             size_t i,
                             unsigned pieces,
                             at_factor *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor factor = factors->factors[i]; /* has no arrays where there are files */
    if (!factors->files) {
        *out = factor;
        return ATTRIB_OK;
    }
    AT_TRY(load_map(factors->files, pieces, &factor, err));
    *out = factor;
    factor = (at_factor){0};
done:
    at_factor_clear(&factor);
    return status;
}

/* Deal the arrays of a map. */
static attrib_status deal_map(unsigned pieces,
                              at_factor *factor,
                              attrib_bank *bank,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_side sides[] = {AT_SIDE_A, AT_SIDE_S};
    for (size_t k = 0; k < 2; k++) {
        at_basis *basis = at_side_basis(factor, sides[k]);
        size_t n = 0;
        if (pieces & AT_PIECES_OF(at_side_piece(AT_PIECE_BASIS_A, sides[k]))) {
            AT_TRY(at_basis_size(basis->dim, basis->n_blocks, &n, err));
            AT_TRY(attrib_bank_deal(bank, n, 1, sizeof(float), &basis->vectors, err));
        }
        if (pieces & AT_PIECES_OF(at_side_piece(AT_PIECE_VALUES_A, sides[k]))) {
            AT_TRY(attrib_bank_deal(bank, basis->dim, 1, sizeof(double),
                                    values_of(factor, sides[k]), err));
        }
    }
    if (pieces & AT_PIECES_LAMBDA) {
        AT_TRY(attrib_bank_deal(bank, factor->out_dim, factor->in_dim, sizeof(double),
                                &factor->lambda, err));
    }
done:
    return status;
}

static attrib_status reserve(at_factor_room *room, size_t n_bytes, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (n_bytes > room->n_bytes) {
        free(room->bytes);
        *room = (at_factor_room){0};
        AT_TRY(at_array(n_bytes, 1, &room->bytes, err));
        room->n_bytes = n_bytes;
    }
done:
    return status;
}

attrib_status at_factor_load_into(const attrib_factors *factors,
                                  size_t i,
                                  unsigned pieces,
                                  at_factor_room *room,
                                  at_factor *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor factor = factors->factors[i];
    attrib_bank bank = {0};
    if (!factors->files) {
        *out = factor;
        return ATTRIB_OK;
    }
    AT_TRY(deal_map(pieces, &factor, &bank, err));
    AT_TRY(reserve(room, bank.used, err));
    bank = (attrib_bank){room->bytes, 0};
    AT_TRY(deal_map(pieces, &factor, &bank, err));
    AT_TRY(load_map(factors->files, pieces, &factor, err));
    *out = factor;
done:
    return status;
}

void at_factor_unload(const attrib_factors *factors, at_factor *loaded)
{
    if (factors && factors->files) {
        at_factor_clear(loaded);
    }
    *loaded = (at_factor){0};
}

double at_factor_load_bytes(const attrib_factors *factors, size_t i)
{
    at_factor_size bytes = at_factor_bytes(&factors->factors[i], true);
    return factors->files || factors->is_outline ? bytes.lambda + bytes.bases : 0;
}

/* 4. Sums */

attrib_status at_files_add_covariance(const at_files *files,
                                      const at_factor *factor,
                                      at_side side,
                                      double *sum,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t dim = at_side_dim(factor, side);
    size_t n_blocks = factor->basis_a.n_blocks;
    const at_tensor *tensor = NULL;
    AT_TRY(at_files_find(files, factor, at_side_piece(AT_PIECE_COVARIANCE_A, side),
                         &tensor, err));
    for (size_t b = 0; b < n_blocks; b++) {
        at_extent block = at_diagonal_block(dim, n_blocks, b);
        for (size_t r = 0; r < block.size; r++) {
            AT_TRY(add_entries(tensor, (block.first + r) * dim + block.first, r + 1, sum,
                               err));
            sum += r + 1;
        }
    }
done:
    return status;
}

attrib_status at_files_add_lambda(const at_files *files,
                                  const at_factor *factor,
                                  double *sum,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    AT_TRY(at_files_find(files, factor, AT_PIECE_LAMBDA, &tensor, err));
    AT_TRY(add_entries(tensor, 0, tensor->n_elements, sum, err));
done:
    return status;
}
