/* SPDX-License-Identifier: MIT */
/* The files of a folder of factors.
 *
 * 1. Names and shapes.   2. Opened files.   3. Sizes.
 *
 * Source: the files that Kronfluence 1.0.1 writes. */
#include "curvature/factor_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curvature/inverse.h"

/* 1. Names and shapes */

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

const unsigned at_stage_pieces[AT_N_FIT_STAGES] = {AT_PIECES_COVARIANCE, AT_PIECES_BASIS,
                                                   AT_PIECES_LAMBDA};

size_t at_piece_shape(const at_factor *factor, at_factor_piece piece, size_t shape[2])
{
    bool is_a = piece == AT_PIECE_COVARIANCE_A || piece == AT_PIECE_BASIS_A ||
                piece == AT_PIECE_VALUES_A;
    bool is_vector = piece == AT_PIECE_VALUES_A || piece == AT_PIECE_VALUES_S;
    shape[0] = is_a ? factor->in_dim : factor->out_dim;
    shape[1] = piece == AT_PIECE_LAMBDA ? factor->in_dim : shape[0];
    return is_vector ? 1 : 2;
}

unsigned at_strategy_pieces(attrib_strategy strategy)
{
    switch (strategy) {
    case ATTRIB_EKFAC:
        return AT_PIECES_BASIS | AT_PIECES_LAMBDA;
    case ATTRIB_KFAC:
        return AT_PIECES_BASIS;
    case ATTRIB_DIAGONAL:
    case ATTRIB_OPTIMIZER:
    case ATTRIB_OPTIMIZER_ROOT:
        return AT_PIECES_LAMBDA;
    case ATTRIB_IDENTITY:
    case ATTRIB_BM25:
    case ATTRIB_HIDDEN:
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

/* 2. Opened files */

/* Files of two fits in one folder would give scores of neither. */
static attrib_status check_same_fit(const at_files *self, attrib_error *err)
{
    const char *first = NULL;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        const at_tensors *tensors = self->pieces[piece];
        const char *fit = tensors ? at_tensors_metadata(tensors, "attrib_fit") : NULL;
        if (fit && first && strcmp(fit, first) != 0) {
            return at_fail(
                err, ATTRIB_ESHAPE,
                "%s: %s.safetensors is of another fit than the files before it",
                self->path, at_factor_files[piece].name);
        }
        first = fit ? fit : first;
    }
    return ATTRIB_OK;
}

static attrib_status open_pieces(at_files *self, unsigned pieces, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if (!(pieces & AT_PIECES_OF(piece))) {
            continue;
        }
        AT_TRY(at_factor_path(self->path, at_factor_files[piece].name, &path, err));
        if (at_is_file(path)) {
            AT_TRY(at_tensors_open(path, &self->pieces[piece], err));
        }
        free(path);
        path = NULL;
    }
done:
    free(path);
    return status;
}

attrib_status at_files_open(const char *path,
                            unsigned pieces,
                            at_files **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_files *self = NULL;
    AT_TRY(at_array(1, sizeof *self, &self, err));
    AT_TRY(at_copy_text(path, strlen(path), &self->path, err));
    AT_TRY(open_pieces(self, pieces, err));
    AT_TRY(check_same_fit(self, err));
    *out = self;
    self = NULL;
done:
    at_files_close(self);
    return status;
}

void at_files_close(at_files *files)
{
    if (!files) {
        return;
    }
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        at_tensors_close(files->pieces[piece]);
    }
    free(files->path);
    free(files);
}

void at_files_forget(const at_files *files)
{
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if (files->pieces[piece]) {
            at_tensors_forget(files->pieces[piece]);
        }
    }
}

attrib_status at_files_check(const at_files *files, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if (files->pieces[piece]) {
            AT_TRY(at_tensors_check(files->pieces[piece], err));
        }
    }
done:
    return status;
}

bool at_files_have(const at_files *files, unsigned pieces)
{
    return at_files_need(files, pieces, NULL) == ATTRIB_OK;
}

attrib_status at_files_need(const at_files *files, unsigned pieces, attrib_error *err)
{
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if ((pieces & AT_PIECES_OF(piece)) && !files->pieces[piece]) {
            return at_fail(err, ATTRIB_EIO, "%s: has no %s.safetensors", files->path,
                           at_factor_files[piece].name);
        }
    }
    return ATTRIB_OK;
}

attrib_status at_files_find(const at_files *files,
                            const at_factor *factor,
                            at_factor_piece piece,
                            const at_tensor **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t shape[2];
    size_t n_dims = at_piece_shape(factor, piece, shape);
    const at_tensor *tensor = NULL;
    AT_TRY(at_files_need(files, AT_PIECES_OF(piece), err));
    tensor = at_tensors_find(files->pieces[piece], factor->name);
    AT_CHECK(tensor, ATTRIB_ESHAPE, "%s: %s.safetensors has no %s", files->path,
             at_factor_files[piece].name, factor->name);
    AT_TRY(at_tensor_expect(tensor, n_dims, shape, err));
    *out = tensor;
done:
    return status;
}

attrib_status at_files_seal(const at_files *files,
                            unsigned pieces,
                            at_tensor_visitor visit,
                            void *context,
                            char seals[AT_N_PIECES][AT_HASH_SIZE],
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if ((pieces & AT_PIECES_OF(piece)) && files->pieces[piece]) {
            AT_TRY(
                at_tensors_read(files->pieces[piece], visit, context, seals[piece], err));
        }
    }
done:
    return status;
}

/* 3. Sizes */

/* Files keep holes in pages: 4096 bytes, the block size of ext4 and XFS as Debian makes
 * them. */
#define PAGE_BYTES 4096.0

/* Bytes on the disk of a square of n_blocks diagonal blocks. Between the block's entries
 * in one row and in the next lies a gap that was never written. Its whole pages are a
 * hole; as it may begin anywhere in a page, up to one page of it is not. */
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
