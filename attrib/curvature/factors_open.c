/* SPDX-License-Identifier: MIT */
/* Factors from a folder: ours, or Kronfluence's, which has no manifest.
 *
 * 1. What the folder says of itself.   2. Its maps.   3. Counts.   4. Opening.
 * 5. Opening to score. */
#include "curvature/factor_read.h"

#include <stdlib.h>
#include <string.h>

#include "curvature/inverse.h"
#include "format/json.h"

#define MAX_ARGUMENTS_BYTES ((size_t)1 << 20)

/* 1. What the folder says of itself */

static attrib_status parse_strategy(const char *path,
                                    const char *name,
                                    attrib_strategy *out,
                                    attrib_error *err)
{
    static const attrib_strategy fitted[] = {ATTRIB_EKFAC, ATTRIB_KFAC, ATTRIB_DIAGONAL,
                                             ATTRIB_OPTIMIZER};
    for (size_t i = 0; i < sizeof fitted / sizeof *fitted; i++) {
        if (strcmp(name, attrib_strategy_name(fitted[i])) == 0) {
            *out = fitted[i];
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ENOTSUP,
                   "%s: strategy \"%s\", expected ekfac, kfac, diagonal or optimizer",
                   path, name);
}

static attrib_status read_arguments(const char *folder,
                                    attrib_factors_info *info,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    json_t *arguments = NULL;
    const char *strategy = "";
    bool is_empirical = false;
    AT_CHECK(at_is_folder(folder), ATTRIB_EIO, "%s: %s", folder,
             at_is_there(folder) ? "not a folder" : "no such folder");
    AT_TRY(at_join_path(folder, AT_FACTORS_ARGUMENTS, &path, err));
    AT_CHECK(at_is_file(path), ATTRIB_EFORMAT, "%s: no %s, expected a folder of factors",
             folder, AT_FACTORS_ARGUMENTS);
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

/* The width that one of these three pieces gives a map; the first that is there counts.
 */
static attrib_status take_width(
    const at_files *files, const char *name, at_side side, size_t *out, attrib_error *err)
{
    const at_factor_piece pieces[] = {AT_PIECE_LAMBDA,
                                      at_side_piece(AT_PIECE_BASIS_A, side),
                                      at_side_piece(AT_PIECE_COVARIANCE_A, side)};
    for (size_t k = 0; k < 3; k++) {
        const at_tensors *tensors = files->pieces[pieces[k]];
        const at_tensor *tensor = tensors ? at_tensors_find(tensors, name) : NULL;
        bool is_lambda = pieces[k] == AT_PIECE_LAMBDA; /* [O, I], the others square */
        /* A file must hold what it claims, or memory would be taken for a mere number. */
        if (tensor && tensor->n_dims == 2 && tensor->n_elements > 0 &&
            (is_lambda || tensor->shape[0] == tensor->shape[1])) {
            *out = tensor->shape[is_lambda && side == AT_SIDE_A ? 1 : 0];
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ESHAPE, "%s: %s has no matrix with rows and columns",
                   files->path, name);
}

/* A map as its pieces have it. */
static attrib_status take_map(const at_files *files,
                              const at_tensor *tensor,
                              at_factor *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t in_dim = 0;
    size_t out_dim = 0;
    AT_TRY(take_width(files, tensor->name, AT_SIDE_A, &in_dim, err));
    AT_TRY(take_width(files, tensor->name, AT_SIDE_S, &out_dim, err));
    AT_TRY(at_factor_set(out, tensor->name, in_dim, out_dim, err));
    /* Maps are sorted by this: files hold their tensors in the order of maps. */
    out->module = (size_t)(uintptr_t)tensor->data;
done:
    return status;
}

/* The map as the model has it: its pieces must have the same shapes when they are read.
 */
static attrib_status take_module(const at_files *files,
                                 const attrib_model *model,
                                 const char *name,
                                 at_factor *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_module *module = NULL;
    size_t i = find_module(model, name);
    AT_CHECK(i < attrib_model_n_modules(model), ATTRIB_ESHAPE,
             "%s: %s is no linear map of the model", files->path, name);
    module = attrib_model_module(model, i);
    AT_TRY(at_factor_set(out, name, module->in_dim, module->out_dim, err));
    out->module = i;
done:
    return status;
}

static attrib_status list_maps(attrib_factors *factors,
                               const attrib_model *model,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_files *files = factors->files;
    const at_tensors *tensors = files->pieces[AT_PIECE_LAMBDA];
    tensors = tensors ? tensors : files->pieces[AT_PIECE_BASIS_A];
    tensors = tensors ? tensors : files->pieces[AT_PIECE_COVARIANCE_A];
    size_t n = tensors ? at_tensors_count(tensors) : 0;
    AT_CHECK(n > 0, ATTRIB_ESHAPE, "%s: no maps", files->path);
    AT_TRY(at_factors_reserve(factors, n, err));
    for (size_t i = 0; i < n; i++) {
        const at_tensor *tensor = at_tensors_get(tensors, i);
        at_factor *factor = &factors->factors[i];
        AT_TRY(model ? take_module(files, model, tensor->name, factor, err)
                     : take_map(files, tensor, factor, err));
    }
    qsort(factors->factors, n, sizeof *factors->factors, compare_factors);
    for (size_t i = 0; !model && i < n; i++) {
        factors->factors[i].module = i;
    }
    AT_TRY(at_factors_set_blocks(factors, factors->info.n_blocks, err));
done:
    return status;
}

/* Each of these pieces that is there has every map, in sizes that agree. */
static attrib_status check_maps(const attrib_factors *factors,
                                unsigned pieces,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_files *files = factors->files;
    const at_tensor *tensor = NULL;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        bool is_wanted = files->pieces[piece] && (pieces & AT_PIECES_OF(piece));
        for (size_t i = 0; is_wanted && i < factors->info.n_modules; i++) {
            AT_TRY(at_files_find(files, &factors->factors[i], (at_factor_piece)piece,
                                 &tensor, err));
        }
    }
done:
    return status;
}

/* 3. Counts */

/* The one count that all maps of a piece share; it divides sums, so it may not be 0. */
static attrib_status read_count(const attrib_factors *factors,
                                at_factor_piece piece,
                                size_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    const size_t shape[1] = {1};
    double count = 0;
    AT_TRY(
        at_factor_path(factors->files->path, at_factor_files[piece].count, &path, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        const char *name = factors->factors[i].name;
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

/* Take a count, which is the manifest's where there is one. */
static attrib_status take_count(const attrib_factors *factors,
                                at_factor_piece piece,
                                size_t *count,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_files *files = factors->files;
    size_t found = 0;
    AT_TRY(read_count(factors, piece, &found, err));
    AT_CHECK(!files->has_manifest || found == *count, ATTRIB_EFORMAT,
             "%s/%s.safetensors: a count of %zu, the manifest says %zu: changed since it "
             "was written",
             files->path, at_factor_files[piece].count, found, *count);
    *count = found;
done:
    return status;
}

static attrib_status read_counts(attrib_factors *factors, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_files *files = factors->files;
    attrib_factors_info *info = &factors->info;
    if (files->pieces[AT_PIECE_LAMBDA]) {
        AT_TRY(take_count(factors, AT_PIECE_LAMBDA, &info->n_sequences, err));
    }
    if (files->pieces[AT_PIECE_BASIS_A] || files->pieces[AT_PIECE_COVARIANCE_A]) {
        AT_TRY(take_count(factors, AT_PIECE_COVARIANCE_A, &info->n_tokens, err));
    }
done:
    return status;
}

/* 4. Opening */

attrib_status at_factors_open(const char *path,
                              const attrib_model *model,
                              unsigned pieces,
                              attrib_factors **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = NULL;
    const char *model_hash = model ? attrib_model_hash(model) : NULL;
    AT_TRY(at_factors_make("", &factors, err));
    AT_TRY(read_arguments(path, &factors->info, err));
    AT_TRY(at_files_open(path, pieces, &factors->files, err));
    AT_TRY(at_factors_read_manifest(path, model_hash, factors,
                                    &factors->files->has_manifest, err));
    AT_TRY(list_maps(factors, model, err));
    if (!model) { /* by whose shapes pieces are checked when they are read */
        AT_TRY(check_maps(factors, pieces, err));
    }
    AT_TRY(read_counts(factors, err));
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    return status;
}

/* Take the seals of these pieces, which must be those that the manifest has, where there
 * is one; `visit`, unless it is NULL, sees all tensors. */
static attrib_status take_seals(attrib_factors *factors,
                                unsigned pieces,
                                at_tensor_visitor visit,
                                void *context,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char seals[AT_N_PIECES][AT_HASH_SIZE] = {{0}};
    AT_TRY(at_files_seal(factors->files, pieces, visit, context, seals, err));
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        char *seal = factors->seals[piece];
        if (!seals[piece][0]) {
            continue;
        }
        AT_CHECK(
            !seal[0] || strcmp(seal, seals[piece]) == 0, ATTRIB_EFORMAT,
            "%s/%s.safetensors: changed since it was written: copy the folder again, "
            "or fit again",
            factors->files->path, at_factor_files[piece].name);
        memcpy(seal, seals[piece], AT_HASH_SIZE);
    }
done:
    return status;
}

attrib_status at_factors_check_seals(attrib_factors *factors,
                                     unsigned pieces,
                                     attrib_error *err)
{
    return take_seals(factors, pieces, NULL, NULL, err);
}

/* 5. Opening to score */

/* What is noted of all numbers while their files are hashed. */
typedef struct noted {
    attrib_factors *factors;
    const at_tensor *tensor; /* that was seen last */
    at_lambda_sums *sums;    /* of the map whose Lambda it is; NULL: it is none */
    attrib_status status;    /* of the first number that is not finite */
    attrib_error err;
} noted;

/* The sums of the map whose Lambda a tensor is, from 0 on; NULL for another tensor. */
static at_lambda_sums *open_sums(attrib_factors *factors, const at_tensor *tensor)
{
    const at_tensors *lambda = factors->files->pieces[AT_PIECE_LAMBDA];
    if (!lambda || at_tensors_find(lambda, tensor->name) != tensor) {
        return NULL;
    }
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        if (strcmp(factors->factors[i].name, tensor->name) == 0) {
            factors->factors[i].sums = (at_lambda_sums){0};
            return &factors->factors[i].sums;
        }
    }
    return NULL;
}

/* After a number that is not finite the files are read on: one that was changed is named
 * first. */
static attrib_status note(
    void *context, const at_tensor *tensor, size_t first, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    noted *self = context;
    bool is_optimizer = self->factors->info.strategy == ATTRIB_OPTIMIZER;
    double values[AT_VISITED];
    if (tensor != self->tensor) {
        self->tensor = tensor;
        self->sums = open_sums(self->factors, tensor);
    }
    if (self->status == ATTRIB_OK) {
        self->status = at_tensor_check_finite(tensor, first, n, &self->err);
    }
    for (size_t i = 0; self->sums && i < n; i += AT_VISITED) {
        size_t m = at_smaller(n - i, AT_VISITED);
        AT_TRY(at_tensor_to_f64(tensor, first + i, m, values, err));
        at_lambda_add(values, m, is_optimizer, self->sums);
    }
done:
    return status;
}

attrib_status at_factors_read(attrib_factors *factors, unsigned pieces, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    noted self = {.factors = factors};
    AT_TRY(take_seals(factors, pieces, note, &self, err));
    AT_CHECK(self.status == ATTRIB_OK, self.status, "%s", self.err.message);
    AT_TRY(check_maps(factors, pieces, err));
done:
    return status;
}

/* Read all bytes that scores depend on, and take their hash for the identity. */
static attrib_status read_pieces(attrib_factors *factors,
                                 unsigned pieces,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer all = {0};
    AT_TRY(at_factors_read(factors, pieces, err));
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if (pieces & AT_PIECES_OF(piece)) {
            AT_TRY(at_buffer_append(&all, factors->seals[piece], AT_HASH_SIZE, err));
        }
    }
    at_hash_bytes(all.bytes, all.n_bytes, factors->identity);
done:
    at_buffer_free(&all);
    return status;
}

attrib_status attrib_factors_open(const char *folder,
                                  const attrib_model *model,
                                  attrib_factors **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = NULL;
    unsigned covariance = AT_PIECES_OF(AT_PIECE_COVARIANCE_A);
    unsigned pieces = AT_PIECES_BASIS | AT_PIECES_LAMBDA | covariance;
    AT_TRY(at_factors_open(folder, model, pieces, &factors, err));
    AT_CHECK(at_files_have(factors->files, AT_PIECES_OF(AT_PIECE_BASIS_A)) ||
                 !at_files_have(factors->files, covariance),
             ATTRIB_EINVAL,
             "%s: covariances without eigenvectors, which attrib merge finds", folder);
    pieces = at_strategy_pieces(factors->info.strategy);
    AT_TRY(at_files_need(factors->files, pieces, err));
    AT_TRY(read_pieces(factors, pieces, err));
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    return status;
}
