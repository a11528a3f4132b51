/* SPDX-License-Identifier: MIT */
/* Factors from a folder: ours, or Kronfluence's, which has no manifest.
 *
 * 1. What the folder says of itself.
 * 2. Its maps.
 * 3. Counts.
 * 4. Parts of a map.
 * 5. The folder. */
#include "curvature/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

#define MAX_ARGUMENTS_BYTES ((size_t)1 << 20)

/* 1. What the folder says of itself */

static attrib_status parse_strategy(const char *path,
                                    const char *name,
                                    attrib_strategy *out,
                                    attrib_error *err)
{
    for (int strategy = ATTRIB_EKFAC; strategy <= ATTRIB_DIAGONAL; strategy++) {
        if (strcmp(name, attrib_strategy_name((attrib_strategy)strategy)) == 0) {
            *out = (attrib_strategy)strategy;
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ENOTSUP,
                   "%s: strategy \"%s\", expected ekfac, kfac or diagonal", path, name);
}

static attrib_status read_arguments(const at_folder *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors_info *info = &self->factors->info;
    char *path = NULL;
    json_t *arguments = NULL;
    const char *strategy = "";
    bool is_empirical = false;
    AT_CHECK(at_is_folder(self->path), ATTRIB_EIO, "%s: not a folder", self->path);
    AT_TRY(at_join_path(self->path, AT_FACTORS_ARGUMENTS, &path, err));
    AT_CHECK(at_is_file(path), ATTRIB_EFORMAT, "%s: no %s, expected a folder of factors",
             self->path, AT_FACTORS_ARGUMENTS);
    AT_TRY(at_json_read(path, MAX_ARGUMENTS_BYTES, &arguments, err));
    AT_TRY(at_json_text(path, arguments, "strategy", &strategy, NULL, err));
    AT_TRY(
        at_json_bool(path, arguments, "use_empirical_fisher", &is_empirical, NULL, err));
    AT_TRY(parse_strategy(path, strategy, &info->strategy, err));
    info->fisher = is_empirical ? ATTRIB_FISHER_EMPIRICAL : ATTRIB_FISHER_SAMPLED;
done:
    json_decref(arguments);
    free(path);
    return status;
}

static attrib_status open_parts(at_folder *self, unsigned parts, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    for (int part = 0; part < AT_N_PARTS; part++) {
        if (!(parts & AT_PARTS_OF(part))) {
            continue;
        }
        AT_TRY(at_factor_path(self->path, at_factor_files[part].name, &path, err));
        if (at_is_file(path)) {
            AT_TRY(at_tensors_open(path, &self->parts[part], err));
        }
        free(path);
        path = NULL;
    }
done:
    free(path);
    return status;
}

bool at_folder_has(const at_folder *folder, unsigned parts)
{
    for (int part = 0; part < AT_N_PARTS; part++) {
        if ((parts & AT_PARTS_OF(part)) && !folder->parts[part]) {
            return false;
        }
    }
    return true;
}

attrib_status at_folder_need(const at_folder *folder, unsigned parts, attrib_error *err)
{
    for (int part = 0; part < AT_N_PARTS; part++) {
        if ((parts & AT_PARTS_OF(part)) && !folder->parts[part]) {
            return at_fail(err, ATTRIB_EIO, "%s: has no %s.safetensors", folder->path,
                           at_factor_files[part].name);
        }
    }
    return ATTRIB_OK;
}

void at_folder_forget(const at_folder *folder)
{
    for (int part = 0; part < AT_N_PARTS; part++) {
        if (folder->parts[part]) {
            at_tensors_forget(folder->parts[part]);
        }
    }
}

/* Files of two fits in one folder would give scores of neither. */
static attrib_status check_same_fit(const at_folder *self, attrib_error *err)
{
    const char *first = NULL;
    for (int part = 0; part < AT_N_PARTS; part++) {
        const char *fit = self->parts[part]
                              ? at_tensors_metadata(self->parts[part], "attrib_fit")
                              : NULL;
        if (fit && first && strcmp(fit, first) != 0) {
            return at_fail(
                err, ATTRIB_ESHAPE,
                "%s: %s.safetensors is of another fit than the files before it",
                self->path, at_factor_files[part].name);
        }
        first = fit ? fit : first;
    }
    return ATTRIB_OK;
}

/* 2. Its maps */

static size_t find_module(const attrib_model *model, const char *name)
{
    size_t n = attrib_model_n_modules(model);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(attrib_model_module(model, i)->name, name) == 0) {
            return i;
        }
    }
    return n;
}

static int compare_factors(const void *left, const void *right)
{
    const at_factor *a = left;
    const at_factor *b = right;
    return (a->module > b->module) - (a->module < b->module);
}

/* The width that one of these parts gives a map; the first that is there counts. */
static attrib_status take_width(const at_folder *self,
                                const char *name,
                                const at_factor_part *parts,
                                const size_t *dimensions,
                                size_t *out,
                                attrib_error *err)
{
    for (size_t k = 0; k < 3; k++) {
        const at_tensors *tensors = self->parts[parts[k]];
        const at_tensor *tensor = tensors ? at_tensors_find(tensors, name) : NULL;
        /* A file must hold what it claims, or memory would be taken for a mere number. */
        bool is_sound =
            tensor && tensor->n_dims == 2 && tensor->n_elements > 0 &&
            (parts[k] == AT_PART_LAMBDA || tensor->shape[0] == tensor->shape[1]);
        if (is_sound) {
            *out = tensor->shape[dimensions[k]];
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ESHAPE, "%s: %s has no matrix with rows and columns",
                   self->path, name);
}

/* The size of a map: the model's, which its parts must have when they are read, or what
 * its parts have. */
static attrib_status take_map(at_folder *self,
                              const at_tensor *tensor,
                              at_factor *out,
                              attrib_error *err)
{
    static const at_factor_part of_a[] = {AT_PART_LAMBDA, AT_PART_BASIS_A,
                                          AT_PART_COVARIANCE_A};
    static const at_factor_part of_s[] = {AT_PART_LAMBDA, AT_PART_BASIS_S,
                                          AT_PART_COVARIANCE_S};
    static const size_t columns_first[] = {1, 0, 0};
    static const size_t rows_first[] = {0, 0, 0};
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_copy_text(tensor->name, strlen(tensor->name), &out->name, err));
    AT_TRY(take_width(self, out->name, of_a, columns_first, &out->in_dim, err));
    AT_TRY(take_width(self, out->name, of_s, rows_first, &out->out_dim, err));
    /* Files hold their tensors in the order of their maps. */
    out->module = (size_t)(uintptr_t)tensor->data;
done:
    return status;
}

static attrib_status fit_to_model(at_folder *self,
                                  const attrib_model *model,
                                  at_factor *factor,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_module *module = NULL;
    factor->module = find_module(model, factor->name);
    AT_CHECK(factor->module < attrib_model_n_modules(model), ATTRIB_ESHAPE,
             "%s: %s is no linear map of the model", self->path, factor->name);
    module = attrib_model_module(model, factor->module);
    factor->in_dim = module->in_dim;
    factor->out_dim = module->out_dim;
done:
    return status;
}

static attrib_status list_maps(at_folder *self,
                               const attrib_model *model,
                               attrib_error *err)
{
    static const at_factor_part sources[] = {AT_PART_LAMBDA, AT_PART_BASIS_A,
                                             AT_PART_COVARIANCE_A};
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = self->factors;
    const at_tensors *tensors = NULL;
    size_t n = 0;
    for (size_t k = 0; k < 3 && !tensors; k++) {
        tensors = self->parts[sources[k]];
    }
    n = tensors ? at_tensors_count(tensors) : 0;
    AT_CHECK(n > 0, ATTRIB_ESHAPE, "%s: no maps", self->path);
    free(factors->factors);
    factors->factors = NULL;
    AT_TRY(at_array(n, sizeof *factors->factors, &factors->factors, err));
    factors->info.n_modules = n;
    for (size_t i = 0; i < n; i++) {
        at_factor *factor = &factors->factors[i];
        AT_TRY(take_map(self, at_tensors_get(tensors, i), factor, err));
        if (model) {
            AT_TRY(fit_to_model(self, model, factor, err));
        }
        factor->basis_a.dim = factor->in_dim;
        factor->basis_s.dim = factor->out_dim;
    }
    qsort(factors->factors, n, sizeof *factors->factors, compare_factors);
    for (size_t i = 0; !model && i < n; i++) {
        factors->factors[i].module = i;
    }
    AT_TRY(at_factors_set_blocks(factors, factors->info.n_blocks, err));
done:
    return status;
}

/* 3. Counts */

/* The one count that all maps of a part share; it divides sums, so it may not be 0. */
static attrib_status read_count(const at_folder *self,
                                at_factor_part part,
                                size_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    const size_t shape[1] = {1};
    double count = 0;
    AT_TRY(at_factor_path(self->path, at_factor_files[part].count, &path, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    for (size_t i = 0; i < self->factors->info.n_modules; i++) {
        const char *name = self->factors->factors[i].name;
        const at_tensor *tensor = at_tensors_find(tensors, name);
        double value = 0;
        AT_CHECK(tensor, ATTRIB_ESHAPE, "%s: no count for %s", path, name);
        AT_TRY(at_tensor_expect(tensor, 1, shape, err));
        AT_TRY(at_tensor_to_f64(tensor, 0, 1, &value, err));
        AT_CHECK(value >= 1 && value < 0x1p53 && (i == 0 || value == count),
                 ATTRIB_ESHAPE,
                 "%s: %s: count %g, expected one positive count for all maps", path, name,
                 value);
        count = value;
    }
    *out = (size_t)count;
done:
    at_tensors_close(tensors);
    free(path);
    return status;
}

static attrib_status read_counts(const at_folder *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors_info *info = &self->factors->info;
    if (self->parts[AT_PART_LAMBDA]) {
        AT_TRY(read_count(self, AT_PART_LAMBDA, &info->n_sequences, err));
    }
    if (self->parts[AT_PART_BASIS_A] || self->parts[AT_PART_COVARIANCE_A]) {
        AT_TRY(read_count(self, AT_PART_COVARIANCE_A, &info->n_tokens, err));
    }
done:
    return status;
}

/* 4. Parts of a map */

/* The tensor of a map in a part, with its shape checked. */
static attrib_status find_tensor(const at_folder *self,
                                 const at_factor *factor,
                                 at_factor_part part,
                                 const at_tensor **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t shape[2];
    const at_tensor *tensor = NULL;
    at_factor_part_shape(factor, part, &shape[0], &shape[1]);
    AT_TRY(at_folder_need(self, AT_PARTS_OF(part), err));
    tensor = at_tensors_find(self->parts[part], factor->name);
    AT_CHECK(tensor, ATTRIB_ESHAPE, "%s: %s.safetensors has no %s", self->path,
             at_factor_files[part].name, factor->name);
    AT_TRY(at_tensor_expect(tensor, shape[1] ? 2 : 1, shape, err));
    *out = tensor;
done:
    return status;
}

/* Every part that is there has every map, in sizes that agree. */
static attrib_status check_maps(const at_folder *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    for (int part = 0; part < AT_N_PARTS; part++) {
        for (size_t i = 0; self->parts[part] && i < self->factors->info.n_modules; i++) {
            AT_TRY(find_tensor(self, &self->factors->factors[i], (at_factor_part)part,
                               &tensor, err));
        }
    }
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
    AT_TRY(find_tensor(self, &self->factors->factors[i], part, &tensor, err));
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
    AT_TRY(find_tensor(folder, &folder->factors->factors[i],
                       side == AT_SIDE_A ? AT_PART_BASIS_A : AT_PART_BASIS_S, &tensor,
                       err));
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
    AT_TRY(find_tensor(folder, factor, is_a ? AT_PART_COVARIANCE_A : AT_PART_COVARIANCE_S,
                       &tensor, err));
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
    AT_TRY(find_tensor(folder, factor, is_a ? AT_PART_BASIS_A : AT_PART_BASIS_S, &tensor,
                       err));
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

/* 5. The folder */

attrib_status at_folder_open(const char *path,
                             const attrib_model *model,
                             unsigned parts,
                             at_folder **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_folder *self = NULL;
    AT_TRY(at_array(1, sizeof *self, &self, err));
    AT_TRY(at_copy_text(path, strlen(path), &self->path, err));
    AT_TRY(at_factors_new(NULL, NULL, 0, "", &self->factors, err)); /* no maps yet */
    AT_TRY(read_arguments(self, err));
    AT_TRY(open_parts(self, parts, err));
    AT_TRY(check_same_fit(self, err));
    AT_TRY(at_factors_read_manifest(path, model ? attrib_model_hash(model) : NULL,
                                    self->factors, &self->has_manifest, err));
    AT_TRY(list_maps(self, model, err));
    if (!model) { /* whose sizes its parts are held against as they are read */
        AT_TRY(check_maps(self, err));
    }
    AT_TRY(read_counts(self, err));
    *out = self;
    self = NULL;
done:
    at_folder_close(self);
    return status;
}

void at_folder_close(at_folder *folder)
{
    if (!folder) {
        return;
    }
    for (int part = 0; part < AT_N_PARTS; part++) {
        at_tensors_close(folder->parts[part]);
    }
    attrib_factors_close(folder->factors);
    free(folder->path);
    free(folder);
}
