/* SPDX-License-Identifier: MIT */
/* Factors being made in FOLDER.partial.
 *
 * 1. How far it is.
 * 2. Its files.
 * 3. Parts of a map.
 * 4. The end. */
#include "curvature/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "curvature/folder.h"
#include "format/json.h"
#include "format/pack.h"
#include "format/slots.h"

#define PROGRESS "progress.msgpack"
#define FORMAT   "attrib unfinished factors"

struct at_store {
    attrib_factors *factors;
    char *folder, *partial;
    unsigned parts;
    int lock; /* the partial folder, locked; -1 for none */
    size_t n_done[AT_N_FIT_STAGES];
    at_slots *slots[AT_N_PARTS]; /* NULL for parts that are not made */
    bool is_ours;                /* begun here, or by an earlier run of the same fit */
    bool is_committed;
};

/* 1. How far it is */

static attrib_status write_progress(const at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors_info *info = &self->factors->info;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    char *path = NULL;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, 7, err));
    AT_TRY(at_pack_text_member(&packer, "format", FORMAT, err));
    AT_TRY(at_pack_text_member(&packer, "fit", self->factors->identity, err));
    AT_TRY(
        at_pack_size_member(&packer, "covariance", self->n_done[AT_FIT_COVARIANCE], err));
    AT_TRY(at_pack_size_member(&packer, "basis", self->n_done[AT_FIT_BASIS], err));
    AT_TRY(at_pack_size_member(&packer, "lambda", self->n_done[AT_FIT_LAMBDA], err));
    AT_TRY(at_pack_size_member(&packer, "tokens", info->n_tokens, err));
    AT_TRY(at_pack_size_member(&packer, "sequences", info->n_sequences, err));
    AT_TRY(at_join_path(self->partial, PROGRESS, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

static attrib_status take_progress(at_store *self,
                                   const at_record *record,
                                   attrib_error *err)
{
    static const char *const keys[AT_N_FIT_STAGES] = {"covariance", "basis", "lambda"};
    attrib_status status = ATTRIB_OK;
    attrib_factors_info *info = &self->factors->info;
    const char *fit = "";
    size_t n = 0;
    AT_TRY(at_record_text(record->name, &record->map, "fit", &fit, &n, err));
    AT_CHECK(n == AT_HASH_SIZE - 1 && memcmp(fit, self->factors->identity, n) == 0,
             ATTRIB_EIO,
             "%s: an unfinished fit of other inputs or options: remove it, or name "
             "another folder",
             self->partial);
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        AT_TRY(at_record_size(record->name, &record->map, keys[stage],
                              &self->n_done[stage], err));
        AT_CHECK(self->n_done[stage] <= info->n_modules, ATTRIB_EFORMAT,
                 "%s: %zu of %zu maps are done", record->name, self->n_done[stage],
                 info->n_modules);
    }
    AT_TRY(at_record_size(record->name, &record->map, "tokens", &info->n_tokens, err));
    AT_TRY(
        at_record_size(record->name, &record->map, "sequences", &info->n_sequences, err));
done:
    return status;
}

static bool is_empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    size_t n_entries = 0;
    if (!folder) {
        return false;
    }
    while (n_entries < 3 && readdir(folder)) {
        n_entries++;
    }
    closedir(folder);
    return n_entries == 2; /* "." and ".." */
}

static attrib_status read_progress(at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    AT_TRY(at_join_path(self->partial, PROGRESS, &path, err));
    if (!at_is_file(path)) {
        AT_CHECK(is_empty_folder(self->partial), ATTRIB_EIO,
                 "%s: exists already, and is no unfinished fit", self->partial);
        AT_TRY(write_progress(self, err));
        goto done;
    }
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(take_progress(self, &record, err));
done:
    at_record_free(&record);
    free(path);
    return status;
}

size_t at_store_n_done(const at_store *store, at_fit_stage stage)
{
    return store->n_done[stage];
}

/* 2. Its files */

/* The metadata by which a reader knows that files of a folder belong together. */
static attrib_status declare_origin(at_tensor_writer *writer,
                                    const attrib_factors *factors,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_tensor_writer_metadata(writer, "strategy",
                                     attrib_strategy_name(factors->info.strategy), err));
    AT_TRY(at_tensor_writer_metadata(writer, "attrib_fit", factors->identity, err));
done:
    return status;
}

static attrib_status make_part(const at_store *self,
                               at_factor_part part,
                               const char *path,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(declare_origin(writer, self->factors, err));
    for (size_t i = 0; i < self->factors->info.n_modules; i++) {
        const at_factor *factor = &self->factors->factors[i];
        size_t shape[2];
        at_factor_part_shape(factor, part, &shape[0], &shape[1]);
        AT_TRY(at_tensor_writer_declare(writer, factor->name, at_factor_files[part].dtype,
                                        shape[1] ? 2 : 1, shape, err));
    }
    AT_TRY(at_slots_make(writer, err));
done:
    at_tensor_writer_free(writer);
    return status;
}

/* A map's slot in a part: what was opened must be what would be made. */
static attrib_status find_slot(const at_store *self,
                               size_t i,
                               at_factor_part part,
                               const at_tensor **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &self->factors->factors[i];
    const at_tensor *slot = at_slots_find(self->slots[part], factor->name);
    size_t shape[2];
    at_factor_part_shape(factor, part, &shape[0], &shape[1]);
    AT_CHECK(slot && slot->dtype == at_factor_files[part].dtype, ATTRIB_EFORMAT,
             "%s: %s.safetensors has no room for %s", self->partial,
             at_factor_files[part].name, factor->name);
    AT_TRY(at_tensor_expect(slot, shape[1] ? 2 : 1, shape, err));
    *out = slot;
done:
    return status;
}

static attrib_status open_part(at_store *self, at_factor_part part, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    const at_tensor *slot = NULL;
    AT_TRY(at_factor_path(self->partial, at_factor_files[part].name, &path, err));
    if (!at_is_file(path)) {
        AT_TRY(make_part(self, part, path, err));
    }
    AT_TRY(at_slots_open(path, &self->slots[part], err));
    for (size_t i = 0; i < self->factors->info.n_modules; i++) {
        AT_TRY(find_slot(self, i, part, &slot, err));
    }
done:
    free(path);
    return status;
}

/* One process fills a folder at a time; the lock ends with the process. */
static attrib_status lock_folder(at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[128];
    self->lock = open(self->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AT_CHECK(self->lock >= 0, ATTRIB_EIO, "%s: %s", self->partial,
             at_errno_text(errno, text, sizeof text));
    AT_CHECK(flock(self->lock, LOCK_EX | LOCK_NB) == 0, ATTRIB_EIO,
             "%s: another process is filling it", self->partial);
done:
    return status;
}

attrib_status at_store_open(attrib_factors *factors,
                            const char *folder,
                            unsigned parts,
                            at_store **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_store *self = NULL;
    at_buffer partial = {0};
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(attrib_factors_check_folder(folder, err));
    AT_TRY(at_array(1, sizeof *self, &self, err));
    self->factors = factors;
    self->parts = parts;
    self->lock = -1;
    AT_TRY(at_copy_text(folder, n, &self->folder, err));
    AT_TRY(at_buffer_print(&partial, err, "%s.partial", self->folder));
    self->partial = partial.bytes;
    partial.bytes = NULL;
    AT_TRY(at_make_folder(self->partial, err));
    AT_TRY(lock_folder(self, err));
    AT_TRY(read_progress(self, err));
    self->is_ours = true;
    for (int part = 0; part < AT_N_PARTS; part++) {
        if (parts & AT_PARTS_OF(part)) {
            AT_TRY(open_part(self, (at_factor_part)part, err));
        }
    }
    *out = self;
    self = NULL;
done:
    at_buffer_free(&partial);
    at_store_close(self);
    return status;
}

static attrib_status sync_parts(const at_store *self, unsigned parts, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (int part = 0; part < AT_N_PARTS; part++) {
        if ((parts & AT_PARTS_OF(part)) && self->slots[part]) {
            AT_TRY(at_slots_sync(self->slots[part], err));
        }
    }
done:
    return status;
}

attrib_status at_store_mark(at_store *store,
                            at_fit_stage stage,
                            size_t n_done,
                            attrib_error *err)
{
    static const unsigned parts[AT_N_FIT_STAGES] = {AT_PARTS_COVARIANCE, AT_PARTS_BASIS,
                                                    AT_PARTS_LAMBDA};
    attrib_status status = ATTRIB_OK;
    AT_TRY(sync_parts(store, parts[stage], err));
    store->n_done[stage] = n_done;
    AT_TRY(write_progress(store, err));
done:
    return status;
}

static int remove_entry(const char *path,
                        const struct stat *info,
                        int kind,
                        struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static bool has_progress(const at_store *self)
{
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        if (self->n_done[stage] > 0) {
            return true;
        }
    }
    return false;
}

void at_store_close(at_store *store)
{
    if (!store) {
        return;
    }
    for (int part = 0; part < AT_N_PARTS; part++) {
        at_slots_close(store->slots[part]);
    }
    if (store->is_ours && !store->is_committed && !has_progress(store)) {
        nftw(store->partial, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    if (store->lock >= 0) {
        close(store->lock);
    }
    free(store->folder);
    free(store->partial);
    free(store);
}

/* 3. Parts of a map */

/* A in dense rows from the packed triangles of its blocks. */
static attrib_status put_covariance(
    at_store *self, size_t i, at_side side, const double *triangle, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &self->factors->factors[i];
    at_factor_part part = side == AT_SIDE_A ? AT_PART_COVARIANCE_A : AT_PART_COVARIANCE_S;
    size_t dim = side == AT_SIDE_A ? factor->in_dim : factor->out_dim;
    size_t n_blocks = self->factors->info.n_blocks;
    const at_tensor *slot = NULL;
    double *row = NULL;
    AT_TRY(find_slot(self, i, part, &slot, err));
    AT_TRY(at_array(dim, sizeof *row, &row, err));
    for (size_t b = 0; b < n_blocks; b++) {
        size_t first = at_block_start(dim, n_blocks, b);
        size_t m = at_block_start(dim, n_blocks, b + 1) - first;
        for (size_t r = 0; r < m; r++) {
            memcpy(row, triangle + r * (r + 1) / 2, (r + 1) * sizeof *row);
            for (size_t c = r + 1; c < m; c++) {
                row[c] = triangle[c * (c + 1) / 2 + r];
            }
            AT_TRY(at_slots_write(self->slots[part], slot, (first + r) * dim + first, m,
                                  row, err));
        }
        triangle += m * (m + 1) / 2;
    }
done:
    free(row);
    return status;
}

attrib_status at_store_put_covariances(at_store *store,
                                       size_t i,
                                       const at_factor *from,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(put_covariance(store, i, AT_SIDE_A, from->covariance_a, err));
    AT_TRY(put_covariance(store, i, AT_SIDE_S, from->covariance_s, err));
done:
    return status;
}

attrib_status at_store_put_lambda(at_store *store,
                                  size_t i,
                                  const double *lambda,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *slot = NULL;
    AT_TRY(find_slot(store, i, AT_PART_LAMBDA, &slot, err));
    AT_TRY(at_slots_write(store->slots[AT_PART_LAMBDA], slot, 0, slot->n_elements, lambda,
                          err));
done:
    return status;
}

static attrib_status load_matrix(void *context,
                                 const at_covariance_block *matrix,
                                 double *triangle,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_store *self = context;
    bool is_a = matrix->side == AT_SIDE_A;
    at_factor_part part = is_a ? AT_PART_COVARIANCE_A : AT_PART_COVARIANCE_S;
    const at_tensor *slot = NULL;
    AT_TRY(find_slot(self, matrix->i_factor, part, &slot, err));
    for (size_t r = 0; r < matrix->size; r++) {
        size_t at = (matrix->first + r) * slot->shape[1] + matrix->first;
        AT_TRY(at_slots_read(self->slots[part], slot, at, r + 1, triangle, err));
        triangle += r + 1;
    }
done:
    return status;
}

/* Eigenvectors stand in rows here, in columns in the file. */
static attrib_status keep_matrix(void *context,
                                 const at_covariance_block *matrix,
                                 const float *vectors,
                                 const double *values,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_store *self = context;
    bool is_a = matrix->side == AT_SIDE_A;
    at_factor_part basis = is_a ? AT_PART_BASIS_A : AT_PART_BASIS_S;
    at_factor_part spectrum = is_a ? AT_PART_VALUES_A : AT_PART_VALUES_S;
    size_t m = matrix->size;
    const at_tensor *slot = NULL;
    float *row = NULL;
    AT_TRY(at_array(m, sizeof *row, &row, err));
    AT_TRY(find_slot(self, matrix->i_factor, basis, &slot, err));
    for (size_t r = 0; r < m; r++) {
        for (size_t c = 0; c < m; c++) {
            row[c] = vectors[c * m + r];
        }
        AT_TRY(at_slots_write(self->slots[basis], slot,
                              (matrix->first + r) * slot->shape[1] + matrix->first, m,
                              row, err));
    }
    AT_TRY(find_slot(self, matrix->i_factor, spectrum, &slot, err));
    AT_TRY(at_slots_write(self->slots[spectrum], slot, matrix->first, m, values, err));
done:
    free(row);
    return status;
}

at_covariance_io at_store_matrices(at_store *store)
{
    return (at_covariance_io){store, load_matrix, keep_matrix};
}

attrib_status at_store_get_basis(
    const at_store *store, size_t i, at_side side, at_basis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor_part part = side == AT_SIDE_A ? AT_PART_BASIS_A : AT_PART_BASIS_S;
    const at_tensor *slot = NULL;
    float *row = NULL;
    float *vectors = out->vectors;
    AT_TRY(find_slot(store, i, part, &slot, err));
    AT_TRY(at_array(out->dim, sizeof *row, &row, err));
    for (size_t b = 0; b < out->n_blocks; b++) {
        size_t first = at_block_start(out->dim, out->n_blocks, b);
        size_t m = at_block_start(out->dim, out->n_blocks, b + 1) - first;
        for (size_t r = 0; r < m; r++) {
            AT_TRY(at_slots_read(store->slots[part], slot, (first + r) * out->dim + first,
                                 m, row, err));
            for (size_t j = 0; j < m; j++) {
                vectors[j * m + r] = row[j];
            }
        }
        vectors += m * m;
    }
done:
    free(row);
    return status;
}

/* 4. The end */

static attrib_status write_counts(const at_store *self,
                                  at_factor_part part,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *factors = self->factors;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    const size_t shape[1] = {1};
    int64_t count = (int64_t)(part == AT_PART_LAMBDA ? factors->info.n_sequences
                                                     : factors->info.n_tokens);
    AT_TRY(at_factor_path(self->partial, at_factor_files[part].count, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(declare_origin(writer, factors, err));
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        AT_TRY(at_tensor_writer_declare(writer, factors->factors[i].name, ATTRIB_I64, 1,
                                        shape, err));
    }
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        AT_TRY(at_tensor_writer_write(writer, &count, sizeof count, err));
    }
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    free(path);
    return status;
}

/* The arguments that Kronfluence reads beside its factors. */
static attrib_status write_arguments(const at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors_info *info = &self->factors->info;
    at_buffer text = {0};
    at_output output = {0};
    char *path = NULL;
    json_t *arguments = json_pack(
        "{s:s, s:b, s:n, s:f, s:b, s:n, s:i, s:i, s:s, s:s, s:s, s:n, s:i, s:i, s:b, "
        "s:b, s:s, s:s}",
        "strategy", attrib_strategy_name(info->strategy), "use_empirical_fisher",
        (int)(info->fisher == ATTRIB_FISHER_EMPIRICAL), "amp_dtype", "amp_scale", 65536.0,
        "has_shared_parameters", 0, "covariance_max_examples",
        "covariance_data_partitions", 1, "covariance_module_partitions", 1,
        "activation_covariance_dtype", "torch.float64", "gradient_covariance_dtype",
        "torch.float64", "eigendecomposition_dtype", "torch.float64",
        "lambda_max_examples", "lambda_data_partitions", 1, "lambda_module_partitions", 1,
        "use_iterative_lambda_aggregation", 0, "offload_activations_to_cpu", 0,
        "per_sample_gradient_dtype", "torch.float32", "lambda_dtype", "torch.float64");
    AT_CHECK(arguments, ATTRIB_ENOMEM, "out of memory for %s", AT_FACTORS_ARGUMENTS);
    AT_TRY(at_json_append(&text, arguments, err));
    AT_TRY(at_buffer_append(&text, "\n", 1, err));
    AT_TRY(at_join_path(self->partial, AT_FACTORS_ARGUMENTS, &path, err));
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, text.bytes, text.n_bytes, err));
    AT_TRY(at_output_commit(&output, err));
done:
    if (output.stream) {
        at_output_discard(&output);
    }
    json_decref(arguments);
    at_buffer_free(&text);
    free(path);
    return status;
}

/* The eigenvectors' name, from the files: what another fit in this basis must find. */
static attrib_status name_basis(const at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_folder *opened = NULL;
    if (!(self->parts & AT_PARTS_BASIS)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_folder_open(self->partial, NULL, self->parts, &opened, err));
    AT_TRY(at_factors_set_blocks(opened->factors, self->factors->info.n_blocks, err));
    AT_TRY(at_folder_hash_basis(opened, self->factors->basis_hash, err));
done:
    at_folder_close(opened);
    return status;
}

attrib_status at_store_commit(at_store *store, const char *command, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *progress = NULL;
    char text[128];
    AT_TRY(sync_parts(store, ~0U, err));
    for (int part = 0; part < AT_N_PARTS; part++) {
        /* A basis stands for as many rows as the covariances that it is of. */
        bool is_counted = at_factor_files[part].count &&
                          (part == AT_PART_LAMBDA
                               ? (store->parts & AT_PARTS_LAMBDA)
                               : (store->parts & (AT_PARTS_COVARIANCE | AT_PARTS_BASIS)));
        if (is_counted) {
            AT_TRY(write_counts(store, (at_factor_part)part, err));
        }
    }
    AT_TRY(write_arguments(store, err));
    AT_TRY(name_basis(store, err));
    AT_TRY(at_factors_write_manifest(store->factors, store->partial, command, err));
    AT_TRY(attrib_factors_check_folder(store->folder, err));
    AT_TRY(at_join_path(store->folder, PROGRESS, &progress, err));
    AT_CHECK(rename(store->partial, store->folder) == 0, ATTRIB_EIO, "%s: renaming: %s",
             store->folder, at_errno_text(errno, text, sizeof text));
    store->is_committed = true;
    unlink(progress); /* where that fails, nobody is misled: it is whole */
done:
    free(progress);
    return status;
}

attrib_status attrib_factors_check_folder(const char *folder, attrib_error *err)
{
    /* rename() takes the place of an empty folder. */
    if ((at_is_folder(folder) && !is_empty_folder(folder)) || at_is_file(folder)) {
        return at_fail(err, ATTRIB_EIO, "%s: exists already, name a new folder", folder);
    }
    return ATTRIB_OK;
}
