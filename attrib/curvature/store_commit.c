/* SPDX-License-Identifier: MIT */
/* What makes a store a folder of factors: counts, arguments, manifest, and its name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
    if (!(self->pieces & AT_PIECES_BASIS)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_folder_open(self->partial, NULL, self->pieces, &opened, err));
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
    AT_TRY(name_basis(store, err));
    AT_TRY(at_factors_write_manifest(store->factors, store->partial, command, err));
    AT_TRY(attrib_factors_check_folder(store->folder, err));
    AT_TRY(at_join_path(store->folder, AT_STORE_PROGRESS, &progress, err));
    AT_CHECK(rename(store->partial, store->folder) == 0, ATTRIB_EIO, "%s: renaming: %s",
             store->folder, at_errno_text(errno, text, sizeof text));
    store->is_committed = true;
    unlink(progress); /* where that fails, nobody is misled: it is whole */
done:
    free(progress);
    return status;
}
