/* SPDX-License-Identifier: MIT */
/* Factors from a folder: ours, or Kronfluence's, which has no manifest.
 *
 * 1. What the folder says of itself.
 * 2. Tensors.
 * 3. The folder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curvature/factor_files.h"
#include "format/json.h"
#include "format/record.h"
#include "format/safetensors.h"

#define MAX_ARGUMENTS_BYTES ((size_t)1 << 20)

/* A folder being read. */
typedef struct reading {
    const char *folder;
    const attrib_model *model;
    attrib_strategy strategy;
    attrib_fisher fisher;
    at_tensors *parts[AT_N_PARTS]; /* NULL for those that scoring does not read */
    size_t *tracked;               /* [n_tracked] */
    size_t n_tracked;
} reading;

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

static attrib_status read_arguments(reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    json_t *arguments = NULL;
    const char *strategy = "";
    bool is_empirical = false;
    AT_CHECK(at_is_folder(self->folder), ATTRIB_EIO, "%s: not a folder", self->folder);
    AT_TRY(at_join_path(self->folder, AT_FACTORS_ARGUMENTS, &path, err));
    AT_CHECK(at_is_file(path), ATTRIB_EFORMAT, "%s: no %s, expected a folder of factors",
             self->folder, AT_FACTORS_ARGUMENTS);
    AT_TRY(at_json_read(path, MAX_ARGUMENTS_BYTES, &arguments, err));
    AT_TRY(at_json_text(path, arguments, "strategy", &strategy, NULL, err));
    AT_TRY(
        at_json_bool(path, arguments, "use_empirical_fisher", &is_empirical, NULL, err));
    AT_TRY(parse_strategy(path, strategy, &self->strategy, err));
    self->fisher = is_empirical ? ATTRIB_FISHER_EMPIRICAL : ATTRIB_FISHER_SAMPLED;
done:
    json_decref(arguments);
    free(path);
    return status;
}

/* Copy a hash of the manifest. */
static attrib_status read_hash(const at_record *record,
                               const char *key,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(at_record_text(record->name, &record->map, key, &text, &n, err));
    AT_CHECK(n == AT_HASH_SIZE - 1, ATTRIB_EFORMAT,
             "%s: key \"%s\" has %zu characters, expected %d", record->name, key, n,
             AT_HASH_SIZE - 1);
    memcpy(out, text, n);
    out[n] = '\0';
done:
    return status;
}

static attrib_status take_manifest(const reading *self,
                                   const at_record *record,
                                   attrib_factors *factors,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *format = "";
    const char *modules = "";
    size_t n = 0;
    size_t n_modules = 0;
    size_t version = 0;
    size_t seed = 0;
    AT_TRY(at_record_text(record->name, &record->map, "format", &format, &n, err));
    AT_CHECK(n == strlen("attrib factors") && memcmp(format, "attrib factors", n) == 0,
             ATTRIB_EFORMAT, "%s: not a manifest of factors", record->name);
    AT_TRY(at_record_size(record->name, &record->map, "version", &version, err));
    AT_CHECK(version == AT_FACTORS_VERSION, ATTRIB_EVERSION,
             "%s: version %zu, expected %d", record->name, version, AT_FACTORS_VERSION);
    AT_TRY(read_hash(record, "model_hash", factors->model_hash, err));
    AT_TRY(read_hash(record, "corpus_hash", factors->corpus_hash, err));
    AT_TRY(at_record_size(record->name, &record->map, "seed", &seed, err));
    AT_TRY(
        at_record_text(record->name, &record->map, "modules", &modules, &n_modules, err));
    free(factors->modules);
    factors->modules = NULL;
    factors->info.modules = "";
    AT_TRY(at_copy_text(modules, n_modules, &factors->modules, err));
    factors->info.modules = factors->modules;
    factors->info.seed = seed;
    AT_CHECK(strcmp(factors->model_hash, attrib_model_hash(self->model)) == 0,
             ATTRIB_ESHAPE, "%s: factors of another model (%.8s..., this one is %.8s...)",
             self->folder, factors->model_hash, attrib_model_hash(self->model));
done:
    return status;
}

static attrib_status read_manifest(const reading *self,
                                   attrib_factors *factors,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    AT_TRY(at_join_path(self->folder, AT_FACTORS_MANIFEST, &path, err));
    if (!at_is_file(path)) { /* Kronfluence's */
        goto done;
    }
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(take_manifest(self, &record, factors, err));
done:
    at_record_free(&record);
    free(path);
    return status;
}

/* 2. Tensors */

static attrib_status open_parts(reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    for (int part = 0; part < AT_N_PARTS; part++) {
        if (!at_strategy_reads(self->strategy, (at_factor_part)part)) {
            continue;
        }
        AT_TRY(at_factor_path(self->folder, at_factor_files[part].name, &path, err));
        AT_TRY(at_tensors_open(path, &self->parts[part], err));
        free(path);
        path = NULL;
    }
done:
    free(path);
    return status;
}

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

static int compare_sizes(const void *left, const void *right)
{
    const size_t *a = left;
    const size_t *b = right;
    return (*a > *b) - (*a < *b);
}

/* The maps that the files hold, all of which must be the model's. */
static attrib_status list_tracked(reading *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensors *tensors =
        self->parts[self->strategy == ATTRIB_KFAC ? AT_PART_BASIS_A : AT_PART_LAMBDA];
    self->n_tracked = at_tensors_count(tensors);
    AT_CHECK(self->n_tracked > 0, ATTRIB_ESHAPE, "%s: no maps", self->folder);
    AT_TRY(at_array(self->n_tracked, sizeof *self->tracked, &self->tracked, err));
    for (size_t i = 0; i < self->n_tracked; i++) {
        const char *name = at_tensors_get(tensors, i)->name;
        self->tracked[i] = find_module(self->model, name);
        AT_CHECK(self->tracked[i] < attrib_model_n_modules(self->model), ATTRIB_ESHAPE,
                 "%s: %s is no linear map of the model", self->folder, name);
    }
    qsort(self->tracked, self->n_tracked, sizeof *self->tracked, compare_sizes);
done:
    return status;
}

/* The tensor of a map in a part, with its shape checked. */
static attrib_status find_tensor(const reading *self,
                                 const at_factor *factor,
                                 at_factor_part part,
                                 const at_tensor **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t shape[2];
    const char *name = attrib_model_module(self->model, factor->module)->name;
    const at_tensor *tensor = at_tensors_find(self->parts[part], name);
    at_factor_part_shape(factor, part, &shape[0], &shape[1]);
    AT_CHECK(tensor, ATTRIB_ESHAPE, "%s: %s.safetensors has no %s", self->folder,
             at_factor_files[part].name, name);
    AT_TRY(at_tensor_expect(tensor, shape[1] ? 2 : 1, shape, err));
    *out = tensor;
done:
    return status;
}

static attrib_status check_finite(const at_tensor *tensor,
                                  const double *values,
                                  size_t n,
                                  attrib_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return at_fail(err, ATTRIB_ENUMERIC, "%s: %s: entry %zu is not finite",
                           tensor->path, tensor->name, i);
        }
    }
    return ATTRIB_OK;
}

static attrib_status read_f64(const reading *self,
                              const at_factor *factor,
                              at_factor_part part,
                              double **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    if (!self->parts[part]) {
        return ATTRIB_OK;
    }
    AT_TRY(find_tensor(self, factor, part, &tensor, err));
    AT_TRY(at_array(tensor->n_elements, sizeof **out, out, err));
    AT_TRY(at_tensor_to_f64(tensor, 0, tensor->n_elements, *out, err));
    AT_TRY(check_finite(tensor, *out, tensor->n_elements, err));
done:
    return status;
}

/* Eigenvectors stand in columns on disk, in rows in memory. */
static attrib_status read_basis(const reading *self,
                                const at_factor *factor,
                                at_factor_part part,
                                float **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    double *row = NULL;
    size_t n = 0;
    if (!self->parts[part]) {
        return ATTRIB_OK;
    }
    AT_TRY(find_tensor(self, factor, part, &tensor, err));
    n = tensor->shape[0];
    AT_TRY(at_array(tensor->n_elements, sizeof **out, out, err));
    AT_TRY(at_array(n, sizeof *row, &row, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_tensor_to_f64(tensor, i * n, n, row, err));
        AT_TRY(check_finite(tensor, row, n, err));
        for (size_t j = 0; j < n; j++) {
            (*out)[j * n + i] = (float)row[j];
        }
    }
done:
    free(row);
    return status;
}

/* The one count that all maps of a part share; it divides sums, so it may not be 0. */
static attrib_status read_count(const reading *self,
                                const attrib_factors *factors,
                                at_factor_part part,
                                size_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    const size_t shape[1] = {1};
    double count = 0;
    AT_TRY(at_factor_path(self->folder, at_factor_files[part].count, &path, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        const char *name =
            attrib_model_module(self->model, factors->factors[i].module)->name;
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

/* 3. The folder */

static attrib_status read_factors(const reading *self,
                                  attrib_factors *factors,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        at_factor *factor = &factors->factors[i];
        AT_TRY(read_basis(self, factor, AT_PART_BASIS_A, &factor->basis_a.vectors, err));
        AT_TRY(read_basis(self, factor, AT_PART_BASIS_S, &factor->basis_s.vectors, err));
        AT_TRY(read_f64(self, factor, AT_PART_VALUES_A, &factor->values_a, err));
        AT_TRY(read_f64(self, factor, AT_PART_VALUES_S, &factor->values_s, err));
        AT_TRY(read_f64(self, factor, AT_PART_LAMBDA, &factor->lambda, err));
    }
    if (self->parts[AT_PART_LAMBDA]) {
        AT_TRY(
            read_count(self, factors, AT_PART_LAMBDA, &factors->info.n_sequences, err));
    }
    if (self->parts[AT_PART_BASIS_A]) {
        AT_TRY(read_count(self, factors, AT_PART_COVARIANCE_A, &factors->info.n_tokens,
                          err));
    }
done:
    return status;
}

/* The hash of all bytes that scores depend on. */
static attrib_status hash_parts(const reading *self,
                                attrib_factors *factors,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer all = {0};
    for (int part = 0; part < AT_N_PARTS; part++) {
        char hash[AT_HASH_SIZE];
        if (self->parts[part]) {
            AT_TRY(at_tensors_hash(self->parts[part], hash, err));
            AT_TRY(at_buffer_append(&all, hash, sizeof hash, err));
        }
    }
    at_hash_bytes(all.bytes, all.n_bytes, factors->identity);
done:
    at_buffer_free(&all);
    return status;
}

/* Files of two fits in one folder would give scores of neither. */
static attrib_status check_same_fit(const reading *self, attrib_error *err)
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
                self->folder, at_factor_files[part].name);
        }
        first = fit ? fit : first;
    }
    return ATTRIB_OK;
}

attrib_status attrib_factors_open(const char *folder,
                                  const attrib_model *model,
                                  attrib_factors **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    reading self = {.folder = folder, .model = model};
    attrib_factors *factors = NULL;
    AT_TRY(read_arguments(&self, err));
    AT_TRY(open_parts(&self, err));
    AT_TRY(check_same_fit(&self, err));
    AT_TRY(list_tracked(&self, err));
    AT_TRY(at_factors_new(model, self.tracked, self.n_tracked, "", &factors, err));
    factors->info.strategy = self.strategy;
    factors->info.fisher = self.fisher;
    AT_TRY(read_manifest(&self, factors, err));
    AT_TRY(read_factors(&self, factors, err));
    AT_TRY(hash_parts(&self, factors, err));
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    for (int part = 0; part < AT_N_PARTS; part++) {
        at_tensors_close(self.parts[part]);
    }
    free(self.tracked);
    return status;
}
