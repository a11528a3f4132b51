/* SPDX-License-Identifier: MIT */
/* Factors from a folder: ours, or Kronfluence's, which has no manifest.
 *
 * 1. What the folder says of itself.
 * 2. Its maps.
 * 3. Counts.
 * 4. The folder. */
#include "curvature/folder.h"

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

static attrib_status open_pieces(at_folder *self, unsigned pieces, attrib_error *err)
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

bool at_folder_has(const at_folder *folder, unsigned pieces)
{
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if ((pieces & AT_PIECES_OF(piece)) && !folder->pieces[piece]) {
            return false;
        }
    }
    return true;
}

attrib_status at_folder_need(const at_folder *folder, unsigned pieces, attrib_error *err)
{
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if ((pieces & AT_PIECES_OF(piece)) && !folder->pieces[piece]) {
            return at_fail(err, ATTRIB_EIO, "%s: has no %s.safetensors", folder->path,
                           at_factor_files[piece].name);
        }
    }
    return ATTRIB_OK;
}

void at_folder_forget(const at_folder *folder)
{
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if (folder->pieces[piece]) {
            at_tensors_forget(folder->pieces[piece]);
        }
    }
}

/* Files of two fits in one folder would give scores of neither. */
static attrib_status check_same_fit(const at_folder *self, attrib_error *err)
{
    const char *first = NULL;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        const char *fit = self->pieces[piece]
                              ? at_tensors_metadata(self->pieces[piece], "attrib_fit")
                              : NULL;
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

/* The width that one of these pieces gives a map; the first that is there counts. */
static attrib_status take_width(const at_folder *self,
                                const char *name,
                                const at_factor_piece *pieces,
                                const size_t *dimensions,
                                size_t *out,
                                attrib_error *err)
{
    for (size_t k = 0; k < 3; k++) {
        const at_tensors *tensors = self->pieces[pieces[k]];
        const at_tensor *tensor = tensors ? at_tensors_find(tensors, name) : NULL;
        /* A file must hold what it claims, or memory would be taken for a mere number. */
        bool is_sound =
            tensor && tensor->n_dims == 2 && tensor->n_elements > 0 &&
            (pieces[k] == AT_PIECE_LAMBDA || tensor->shape[0] == tensor->shape[1]);
        if (is_sound) {
            *out = tensor->shape[dimensions[k]];
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ESHAPE, "%s: %s has no matrix with rows and columns",
                   self->path, name);
}

/* The size of a map: the model's, which its pieces must have when they are read, or what
 * its pieces have. */
static attrib_status take_map(at_folder *self,
                              const at_tensor *tensor,
                              at_factor *out,
                              attrib_error *err)
{
    static const at_factor_piece of_a[] = {AT_PIECE_LAMBDA, AT_PIECE_BASIS_A,
                                           AT_PIECE_COVARIANCE_A};
    static const at_factor_piece of_s[] = {AT_PIECE_LAMBDA, AT_PIECE_BASIS_S,
                                           AT_PIECE_COVARIANCE_S};
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
    static const at_factor_piece sources[] = {AT_PIECE_LAMBDA, AT_PIECE_BASIS_A,
                                              AT_PIECE_COVARIANCE_A};
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = self->factors;
    const at_tensors *tensors = NULL;
    size_t n = 0;
    for (size_t k = 0; k < 3 && !tensors; k++) {
        tensors = self->pieces[sources[k]];
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

/* Every piece that is there has every map, in sizes that agree. */
static attrib_status check_maps(const at_folder *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        for (size_t i = 0; self->pieces[piece] && i < self->factors->info.n_modules;
             i++) {
            AT_TRY(at_folder_tensor(self, &self->factors->factors[i],
                                    (at_factor_piece)piece, &tensor, err));
        }
    }
done:
    return status;
}

/* 3. Counts */

/* The one count that all maps of a piece share; it divides sums, so it may not be 0. */
static attrib_status read_count(const at_folder *self,
                                at_factor_piece piece,
                                size_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    const size_t shape[1] = {1};
    double count = 0;
    AT_TRY(at_factor_path(self->path, at_factor_files[piece].count, &path, err));
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
    if (self->pieces[AT_PIECE_LAMBDA]) {
        AT_TRY(read_count(self, AT_PIECE_LAMBDA, &info->n_sequences, err));
    }
    if (self->pieces[AT_PIECE_BASIS_A] || self->pieces[AT_PIECE_COVARIANCE_A]) {
        AT_TRY(read_count(self, AT_PIECE_COVARIANCE_A, &info->n_tokens, err));
    }
done:
    return status;
}

/* 4. The folder */

attrib_status at_folder_open(const char *path,
                             const attrib_model *model,
                             unsigned pieces,
                             at_folder **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_folder *self = NULL;
    AT_TRY(at_array(1, sizeof *self, &self, err));
    AT_TRY(at_copy_text(path, strlen(path), &self->path, err));
    AT_TRY(at_factors_new(NULL, NULL, 0, "", &self->factors, err)); /* no maps yet */
    AT_TRY(read_arguments(self, err));
    AT_TRY(open_pieces(self, pieces, err));
    AT_TRY(check_same_fit(self, err));
    AT_TRY(at_factors_read_manifest(path, model ? attrib_model_hash(model) : NULL,
                                    self->factors, &self->has_manifest, err));
    AT_TRY(list_maps(self, model, err));
    if (!model) { /* whose sizes its pieces are held against as they are read */
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
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        at_tensors_close(folder->pieces[piece]);
    }
    attrib_factors_close(folder->factors);
    free(folder->path);
    free(folder);
}
