/* SPDX-License-Identifier: MIT */
/* Names and shapes of factor files. Source: Kronfluence 1.0.1's files. */
#include "curvature/factor_files.h"

#include <math.h>

#include "curvature/inverse.h"

const at_factor_file at_factor_files[AT_N_PIECES] = {
    [AT_PIECE_COVARIANCE_A] = {"activation_covariance",
                               "num_activation_covariance_processed", ATTRIB_F64},
    [AT_PIECE_COVARIANCE_S] = {"gradient_covariance", "num_gradient_covariance_processed",
                               ATTRIB_F64},
    [AT_PIECE_BASIS_A] = {"activation_eigenvectors", NULL, ATTRIB_F32},
    [AT_PIECE_BASIS_S] = {"gradient_eigenvectors", NULL, ATTRIB_F32},
    [AT_PIECE_VALUES_A] = {"activation_eigenvalues", NULL, ATTRIB_F64},
    [AT_PIECE_VALUES_S] = {"gradient_eigenvalues", NULL, ATTRIB_F64},
    [AT_PIECE_LAMBDA] = {"lambda_matrix", "num_lambda_processed", ATTRIB_F64},
};

void at_factor_piece_shape(const at_factor *factor,
                           at_factor_piece piece,
                           size_t *n_rows,
                           size_t *n_columns)
{
    bool is_a = piece == AT_PIECE_COVARIANCE_A || piece == AT_PIECE_BASIS_A ||
                piece == AT_PIECE_VALUES_A;
    bool is_vector = piece == AT_PIECE_VALUES_A || piece == AT_PIECE_VALUES_S;
    *n_rows = is_a ? factor->in_dim : factor->out_dim;
    *n_columns = is_vector ? 0 : *n_rows;
    if (piece == AT_PIECE_LAMBDA) {
        *n_columns = factor->in_dim;
    }
}

unsigned at_strategy_pieces(attrib_strategy strategy)
{
    switch (strategy) {
    case ATTRIB_EKFAC:
        return AT_PIECES_BASIS | AT_PIECES_LAMBDA;
    case ATTRIB_KFAC:
        return AT_PIECES_BASIS;
    case ATTRIB_DIAGONAL:
        return AT_PIECES_LAMBDA;
    case ATTRIB_IDENTITY:
        break;
    }
    return 0;
}

attrib_status at_factor_path(const char *folder,
                             const char *name,
                             char **out,
                             attrib_error *err)
{
    at_buffer file = {0};
    attrib_status status = at_buffer_print(&file, err, "%s.safetensors", name);
    if (status == ATTRIB_OK) {
        status = at_join_path(folder, file.bytes, out, err);
    }
    at_buffer_free(&file);
    return status;
}

/* A file's pages that hold nothing but zeros are holes. */
#define PAGE_BYTES 4096.0

/* Bytes on disk of a square of n_blocks diagonal blocks. What lies outside the blocks is
 * a hole in the file where it covers a whole page; the gap between the block's part of
 * one row and that of the next may begin anywhere in a page. */
static double square_on_disk(double dim, size_t n_blocks, double element_bytes)
{
    double gap = (dim - dim / (double)n_blocks) * element_bytes;
    return dim * (dim * element_bytes - fmax(0, gap - PAGE_BYTES));
}

at_factor_size at_factor_bytes(const at_factor *factor, bool has_bases)
{
    double in = (double)factor->in_dim;
    double out = (double)factor->out_dim;
    size_t k = factor->basis_a.n_blocks;
    at_factor_size bytes = {.lambda = sizeof(double) * in * out};
    if (has_bases) { /* sums and eigenvalues are f64, eigenvectors f32 */
        bytes.bases = sizeof(float) * (at_rotate_products(&factor->basis_a) +
                                       at_rotate_products(&factor->basis_s)) +
                      sizeof(double) * (in + out);
        bytes.covariances_on_disk = square_on_disk(in, k, sizeof(double)) +
                                    square_on_disk(out, k, sizeof(double));
        bytes.bases_on_disk = square_on_disk(in, k, sizeof(float)) +
                              square_on_disk(out, k, sizeof(float)) +
                              sizeof(double) * (in + out);
    }
    return bytes;
}
