/* SPDX-License-Identifier: MIT */
/* Factors to a folder: filled under a temporary name and renamed, so that it is there
 * whole or not at all. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "curvature/factor_files.h"
#include "format/json.h"
#include "format/pack.h"
#include "format/safetensors.h"

/* 1. Tensors */

/* Entry [i, j] of a symmetric matrix kept as a packed lower triangle. */
static double symmetric_at(const double *triangle, size_t i, size_t j)
{
    size_t row = i > j ? i : j;
    size_t column = i > j ? j : i;
    return triangle[row * (row + 1) / 2 + column];
}

/* Row `i_row` of a part, as the file has it: eigenvectors stand in columns there. */
static void fill_row(
    const at_factor *factor, at_factor_part part, size_t i_row, size_t n, float *out)
{
    for (size_t j = 0; j < n; j++) {
        switch (part) {
        case AT_PART_COVARIANCE_A:
            out[j] = (float)symmetric_at(factor->covariance_a, i_row, j);
            break;
        case AT_PART_COVARIANCE_S:
            out[j] = (float)symmetric_at(factor->covariance_s, i_row, j);
            break;
        case AT_PART_BASIS_A:
            out[j] = factor->basis_a.vectors[j * factor->in_dim + i_row];
            break;
        case AT_PART_BASIS_S:
            out[j] = factor->basis_s.vectors[j * factor->out_dim + i_row];
            break;
        case AT_PART_VALUES_A:
            out[j] = (float)factor->values_a[j];
            break;
        case AT_PART_VALUES_S:
            out[j] = (float)factor->values_s[j];
            break;
        case AT_PART_LAMBDA:
            out[j] = (float)factor->lambda[i_row * factor->in_dim + j];
            break;
        case AT_N_PARTS:
            break;
        }
    }
}

static attrib_status write_tensor(at_tensor_writer *writer,
                                  const at_factor *factor,
                                  at_factor_part part,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float *row = NULL;
    size_t n_rows = 0;
    size_t n_columns = 0;
    at_factor_part_shape(factor, part, &n_rows, &n_columns);
    if (n_columns == 0) { /* a vector is one row */
        n_columns = n_rows;
        n_rows = 1;
    }
    AT_TRY(at_array(n_columns, sizeof *row, &row, err));
    for (size_t i = 0; i < n_rows; i++) {
        fill_row(factor, part, i, n_columns, row);
        AT_TRY(at_tensor_writer_write(writer, row, n_columns * sizeof *row, err));
    }
done:
    free(row);
    return status;
}

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

static attrib_status write_part(const attrib_factors *factors,
                                const attrib_model *model,
                                const char *folder,
                                at_factor_part part,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    AT_TRY(at_factor_path(folder, at_factor_files[part].name, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(declare_origin(writer, factors, err));
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        const at_factor *factor = &factors->factors[i];
        size_t shape[2];
        at_factor_part_shape(factor, part, &shape[0], &shape[1]);
        AT_TRY(at_tensor_writer_declare(writer,
                                        attrib_model_module(model, factor->module)->name,
                                        ATTRIB_F32, shape[1] ? 2 : 1, shape, err));
    }
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        AT_TRY(write_tensor(writer, &factors->factors[i], part, err));
    }
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    free(path);
    return status;
}

static attrib_status write_counts(const attrib_factors *factors,
                                  const attrib_model *model,
                                  const char *folder,
                                  at_factor_part part,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    const size_t shape[1] = {1};
    int64_t count = (int64_t)(part == AT_PART_LAMBDA ? factors->info.n_sequences
                                                     : factors->info.n_tokens);
    AT_TRY(at_factor_path(folder, at_factor_files[part].count, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(declare_origin(writer, factors, err));
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        const char *name = attrib_model_module(model, factors->factors[i].module)->name;
        AT_TRY(at_tensor_writer_declare(writer, name, ATTRIB_I64, 1, shape, err));
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

/* 2. Arguments and manifest */

/* The arguments that Kronfluence reads beside its factors. */
static attrib_status write_arguments(const attrib_factors *factors,
                                     const char *folder,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    at_output output = {0};
    char *path = NULL;
    json_t *arguments = json_pack(
        "{s:s, s:b, s:n, s:f, s:b, s:n, s:i, s:i, s:s, s:s, s:s, s:n, s:i, s:i, s:b, "
        "s:b, s:s, s:s}",
        "strategy", attrib_strategy_name(factors->info.strategy), "use_empirical_fisher",
        (int)(factors->info.fisher == ATTRIB_FISHER_EMPIRICAL), "amp_dtype", "amp_scale",
        65536.0, "has_shared_parameters", 0, "covariance_max_examples",
        "covariance_data_partitions", 1, "covariance_module_partitions", 1,
        "activation_covariance_dtype", "torch.float32", "gradient_covariance_dtype",
        "torch.float32", "eigendecomposition_dtype", "torch.float64",
        "lambda_max_examples", "lambda_data_partitions", 1, "lambda_module_partitions", 1,
        "use_iterative_lambda_aggregation", 0, "offload_activations_to_cpu", 0,
        "per_sample_gradient_dtype", "torch.float32", "lambda_dtype", "torch.float32");
    AT_CHECK(arguments, ATTRIB_ENOMEM, "out of memory for %s", AT_FACTORS_ARGUMENTS);
    AT_TRY(at_json_append(&text, arguments, err));
    AT_TRY(at_buffer_append(&text, "\n", 1, err));
    AT_TRY(at_join_path(folder, AT_FACTORS_ARGUMENTS, &path, err));
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

static attrib_status write_manifest(const attrib_factors *factors,
                                    const char *folder,
                                    const char *command,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors_info *info = &factors->info;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    char *path = NULL;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, 13, err));
    AT_TRY(at_pack_text_member(&packer, "format", "attrib factors", err));
    AT_TRY(at_pack_size_member(&packer, "version", AT_FACTORS_VERSION, err));
    AT_TRY(at_pack_text_member(&packer, "attrib", attrib_version(), err));
    AT_TRY(at_pack_text_member(&packer, "fit", factors->identity, err));
    AT_TRY(at_pack_text_member(&packer, "strategy", attrib_strategy_name(info->strategy),
                               err));
    AT_TRY(at_pack_text_member(
        &packer, "fisher",
        info->fisher == ATTRIB_FISHER_SAMPLED ? "sampled" : "empirical", err));
    AT_TRY(at_pack_text_member(&packer, "modules", info->modules, err));
    AT_TRY(at_pack_size_member(&packer, "tokens", info->n_tokens, err));
    AT_TRY(at_pack_size_member(&packer, "sequences", info->n_sequences, err));
    AT_TRY(at_pack_size_member(&packer, "seed", (size_t)info->seed, err));
    AT_TRY(at_pack_text_member(&packer, "model_hash", info->model_hash, err));
    AT_TRY(at_pack_text_member(&packer, "corpus_hash", info->corpus_hash, err));
    AT_TRY(at_pack_text_member(&packer, "command", command ? command : "", err));
    AT_TRY(at_join_path(folder, AT_FACTORS_MANIFEST, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

/* 3. The folder */

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

attrib_status attrib_factors_check_folder(const char *folder, attrib_error *err)
{
    /* rename() takes the place of an empty folder. */
    if ((at_is_folder(folder) && !is_empty_folder(folder)) || at_is_file(folder)) {
        return at_fail(err, ATTRIB_EIO, "%s: exists already, name a new folder", folder);
    }
    return ATTRIB_OK;
}

static attrib_status write_files(const attrib_factors *factors,
                                 const attrib_model *model,
                                 const char *folder,
                                 const char *command,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_make_folder(folder, err));
    for (int part = 0; part < AT_N_PARTS; part++) {
        if (!at_strategy_writes(factors->info.strategy, (at_factor_part)part)) {
            continue;
        }
        AT_TRY(write_part(factors, model, folder, (at_factor_part)part, err));
        if (at_factor_files[part].count) {
            AT_TRY(write_counts(factors, model, folder, (at_factor_part)part, err));
        }
    }
    AT_TRY(write_arguments(factors, folder, err));
    AT_TRY(write_manifest(factors, folder, command, err));
done:
    return status;
}

attrib_status attrib_factors_write(const attrib_factors *factors,
                                   const attrib_model *model,
                                   const char *folder,
                                   const char *command,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer temporary = {0};
    char text[128];
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(attrib_factors_check_folder(folder, err));
    AT_TRY(
        at_buffer_print(&temporary, err, "%.*s.tmp-%ld", (int)n, folder, (long)getpid()));
    AT_TRY(write_files(factors, model, temporary.bytes, command, err));
    AT_CHECK(rename(temporary.bytes, folder) == 0, ATTRIB_EIO, "%s: renaming: %s", folder,
             at_errno_text(errno, text, sizeof text));
done:
    if (status != ATTRIB_OK && temporary.bytes) {
        nftw(temporary.bytes, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    at_buffer_free(&temporary);
    return status;
}
