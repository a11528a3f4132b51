/* SPDX-License-Identifier: MIT */
/* Parts of single maps out of an opened folder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curvature/folder.h"

/* The tensor of a map in a part, with its shape checked. */
attrib_status at_folder_tensor(const at_folder *folder,
                               const at_factor *factor,
                               at_factor_part part,
                               const at_tensor **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t shape[2];
    const at_tensor *tensor = NULL;
    at_factor_part_shape(factor, part, &shape[0], &shape[1]);
    AT_TRY(at_folder_need(folder, AT_PARTS_OF(part), err));
    tensor = at_tensors_find(folder->parts[part], factor->name);
    AT_CHECK(tensor, ATTRIB_ESHAPE, "%s: %s.safetensors has no %s", folder->path,
             at_factor_files[part].name, factor->name);
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

static attrib_status read_whole(
    const at_folder *self, size_t i, at_factor_part part, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    AT_TRY(at_folder_tensor(self, &self->factors->factors[i], part, &tensor, err));
    AT_TRY(read_row(tensor, 0, tensor->n_elements, out, err));
done:
    return status;
}

attrib_status at_folder_values(
    const at_folder *folder, size_t i, at_side side, double *out, attrib_error *err)
{
    return read_whole(folder, i, side == AT_SIDE_A ? AT_PART_VALUES_A : AT_PART_VALUES_S,
                      out, err);
}

attrib_status at_folder_lambda(const at_folder *folder,
                               size_t i,
                               double *out,
                               attrib_error *err)
{
    return read_whole(folder, i, AT_PART_LAMBDA, out, err);
}

/* Eigenvectors stand in columns on disk, in rows in memory. */
attrib_status at_folder_basis(
    const at_folder *folder, size_t i, at_side side, at_basis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    double *row = NULL;
    float *vectors = out->vectors;
    AT_TRY(at_folder_tensor(folder, &folder->factors->factors[i],
                            side == AT_SIDE_A ? AT_PART_BASIS_A : AT_PART_BASIS_S,
                            &tensor, err));
    AT_TRY(at_array(out->dim, sizeof *row, &row, err));
    for (size_t b = 0; b < out->n_blocks; b++) {
        size_t first = at_block_start(out->dim, out->n_blocks, b);
        size_t m = at_block_start(out->dim, out->n_blocks, b + 1) - first;
        for (size_t r = 0; r < m; r++) {
            AT_TRY(read_row(tensor, (first + r) * out->dim + first, m, row, err));
            for (size_t j = 0; j < m; j++) {
                vectors[j * m + r] = (float)row[j];
            }
        }
        vectors += m * m;
    }
done:
    free(row);
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
                            is_a ? AT_PART_COVARIANCE_A : AT_PART_COVARIANCE_S, &tensor,
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
    AT_TRY(at_folder_tensor(folder, factor, is_a ? AT_PART_BASIS_A : AT_PART_BASIS_S,
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
    if (!folder->parts[AT_PART_BASIS_A]) {
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
