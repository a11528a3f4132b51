/* SPDX-License-Identifier: MIT */
/* The end of a store: counts, arguments and manifest, which make it a folder of factors,
 * and its name. Then whole factors, written at once.
 *
 * Source of the arguments: factor_arguments.json as Kronfluence 1.0.1 writes it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "corpus/skipped_merge.h"
#include "curvature/factor_read.h"
#include "curvature/store_files.h"
#include "format/json.h"

static attrib_status write_counts(const at_store *self,
                                  at_factor_piece piece,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *factors = self->factors;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    const size_t shape[1] = {1};
    int64_t count = (int64_t)(piece == AT_PIECE_LAMBDA ? factors->info.n_sequences
                                                       : factors->info.n_tokens);
    AT_TRY(at_factor_path(self->partial, at_factor_files[piece].count, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(at_store_declare(writer, factors, err));
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

/* The arguments, without which Kronfluence does not read factors. */
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

/* The hash of the eigenvectors, by which another fit in this basis is recognized, and
 * those of all files, by which changes are noticed. */
static attrib_status hash_files(const at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_files *files = NULL;
    AT_TRY(at_files_open(self->partial, self->pieces, &files, err));
    AT_TRY(at_files_hash_basis(files, self->factors, self->factors->basis_hash, err));
    AT_TRY(at_files_seal(files, self->pieces, NULL, NULL, self->factors->seals, err));
done:
    at_files_close(files);
    return status;
}

attrib_status at_store_list_skipped(const at_store *store,
                                    attrib_factors *const *list,
                                    size_t n,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char **folders = NULL;
    AT_TRY(at_array(n, sizeof *folders, (void *)&folders, err));
    for (size_t i = 0; i < n; i++) {
        folders[i] = list[i]->files->path;
    }
    AT_TRY(at_skipped_merge(folders, n, store->partial, err));
done:
    free(folders);
    return status;
}

attrib_status at_store_commit(at_store *store, const char *command, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *progress = NULL;
    char text[128];
    AT_TRY(at_store_sync(store, ~0U, err));
    AT_TRY(at_store_remove_sums(store, err));
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        /* A basis stands for as many rows as the covariances that it is of. */
        bool is_counted =
            at_factor_files[piece].count &&
            (piece == AT_PIECE_LAMBDA
                 ? (store->pieces & AT_PIECES_LAMBDA)
                 : (store->pieces & (AT_PIECES_COVARIANCE | AT_PIECES_BASIS)));
        if (is_counted) {
            AT_TRY(write_counts(store, (at_factor_piece)piece, err));
        }
    }
    AT_TRY(write_arguments(store, err));
    AT_TRY(hash_files(store, err));
    AT_TRY(at_factors_write_manifest(store->factors, store->partial, command, err));
    AT_TRY(at_lock_check_free(store->folder, err));
    AT_TRY(at_join_path(store->folder, AT_STORE_PROGRESS, &progress, err));
    AT_CHECK(rename(store->partial, store->folder) == 0, ATTRIB_EIO, "%s: renaming: %s",
             store->folder, at_errno_text(errno, text, sizeof text));
    store->is_committed = true;
    unlink(progress); /* where that fails, nobody is misled: it is whole */
done:
    free(progress);
    return status;
}

/* The pieces that every map has. */
static unsigned pieces_of(const attrib_factors *factors)
{
    const at_factor *first = &factors->factors[0];
    if (factors->files) {
        return at_strategy_pieces(factors->info.strategy);
    }
    return (first->covariance_a ? AT_PIECES_COVARIANCE : 0) |
           (first->basis_a.vectors ? AT_PIECES_BASIS : 0) |
           (first->lambda ? AT_PIECES_LAMBDA : 0);
}

attrib_status attrib_factors_write(const attrib_factors *factors,
                                   const char *folder,
                                   const char *command,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors made = *factors; /* borrows all; the store sets its basis_hash */
    at_store *store = NULL;
    unsigned pieces = pieces_of(factors);
    AT_TRY(at_store_open(&made, folder, pieces, NULL, &store, err));
    AT_CHECK(store, ATTRIB_EIO, "%s: exists already, name a new folder", folder);
    AT_TRY(at_store_put_all(store, pieces, factors, err));
    AT_TRY(at_store_commit(store, command, err));
done:
    at_store_close(store);
    return status;
}
