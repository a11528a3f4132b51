/* SPDX-License-Identifier: MIT */
/* Names and shapes of factor files. Source: Kronfluence 1.0.1's files. */
#include "curvature/factor_files.h"

const at_factor_file at_factor_files[AT_N_PARTS] = {
    [AT_PART_COVARIANCE_A] = {"activation_covariance",
                              "num_activation_covariance_processed"},
    [AT_PART_COVARIANCE_S] = {"gradient_covariance", "num_gradient_covariance_processed"},
    [AT_PART_BASIS_A] = {"activation_eigenvectors", NULL},
    [AT_PART_BASIS_S] = {"gradient_eigenvectors", NULL},
    [AT_PART_VALUES_A] = {"activation_eigenvalues", NULL},
    [AT_PART_VALUES_S] = {"gradient_eigenvalues", NULL},
    [AT_PART_LAMBDA] = {"lambda_matrix", "num_lambda_processed"},
};

void at_factor_part_shape(const at_factor *factor,
                          at_factor_part part,
                          size_t *n_rows,
                          size_t *n_columns)
{
    bool is_a = part == AT_PART_COVARIANCE_A || part == AT_PART_BASIS_A ||
                part == AT_PART_VALUES_A;
    bool is_vector = part == AT_PART_VALUES_A || part == AT_PART_VALUES_S;
    *n_rows = is_a ? factor->in_dim : factor->out_dim;
    *n_columns = is_vector ? 0 : *n_rows;
    if (part == AT_PART_LAMBDA) {
        *n_columns = factor->in_dim;
    }
}

bool at_strategy_writes(attrib_strategy strategy, at_factor_part part)
{
    switch (strategy) {
    case ATTRIB_EKFAC:
        return true;
    case ATTRIB_KFAC:
        return part != AT_PART_LAMBDA;
    case ATTRIB_DIAGONAL:
        return part == AT_PART_LAMBDA;
    case ATTRIB_IDENTITY:
        break;
    }
    return false;
}

bool at_strategy_reads(attrib_strategy strategy, at_factor_part part)
{
    return at_strategy_writes(strategy, part) && part != AT_PART_COVARIANCE_A &&
           part != AT_PART_COVARIANCE_S;
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
