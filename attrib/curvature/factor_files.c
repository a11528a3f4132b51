/* SPDX-License-Identifier: MIT */
/* Names and shapes of factor files. Source: Kronfluence 1.0.1's files. */
#include "curvature/factor_files.h"

const at_factor_file at_factor_files[AT_N_PARTS] = {
    [AT_PART_COVARIANCE_A] = {"activation_covariance",
                              "num_activation_covariance_processed", ATTRIB_F64},
    [AT_PART_COVARIANCE_S] = {"gradient_covariance", "num_gradient_covariance_processed",
                              ATTRIB_F64},
    [AT_PART_BASIS_A] = {"activation_eigenvectors", NULL, ATTRIB_F32},
    [AT_PART_BASIS_S] = {"gradient_eigenvectors", NULL, ATTRIB_F32},
    [AT_PART_VALUES_A] = {"activation_eigenvalues", NULL, ATTRIB_F64},
    [AT_PART_VALUES_S] = {"gradient_eigenvalues", NULL, ATTRIB_F64},
    [AT_PART_LAMBDA] = {"lambda_matrix", "num_lambda_processed", ATTRIB_F64},
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

unsigned at_strategy_parts(attrib_strategy strategy)
{
    switch (strategy) {
    case ATTRIB_EKFAC:
        return AT_PARTS_BASIS | AT_PARTS_LAMBDA;
    case ATTRIB_KFAC:
        return AT_PARTS_BASIS;
    case ATTRIB_DIAGONAL:
        return AT_PARTS_LAMBDA;
    case ATTRIB_IDENTITY:
        break;
    }
    return 0;
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
