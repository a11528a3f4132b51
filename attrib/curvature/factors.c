/* SPDX-License-Identifier: MIT */
/* The factors object: made empty, described, freed. */
#include "curvature/factors.h"

#include <stdlib.h>
#include <string.h>

size_t at_block_start(size_t dim, size_t n_blocks, size_t i_block)
{
    /* floor(i dim / n), without the product that may overflow */
    return dim / n_blocks * i_block + dim % n_blocks * i_block / n_blocks;
}

attrib_status at_basis_size(size_t dim, size_t n_blocks, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t total = 0;
    for (size_t b = 0; b < n_blocks; b++) {
        size_t m =
            at_block_start(dim, n_blocks, b + 1) - at_block_start(dim, n_blocks, b);
        AT_TRY(at_mul(m, m, &m, err));
        AT_TRY(at_add(total, m, &total, err));
    }
    *out = total;
done:
    return status;
}

attrib_status at_triangle_size(size_t dim,
                               size_t n_blocks,
                               size_t *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t squares = 0;
    AT_TRY(at_basis_size(dim, n_blocks, &squares, err));
    AT_TRY(at_add(squares, dim, &squares, err));
    *out = squares / 2; /* sum of m (m + 1) / 2 */
done:
    return status;
}

attrib_status at_factors_new(const attrib_model *model,
                             const size_t *tracked,
                             size_t n_tracked,
                             const char *modules,
                             attrib_factors **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = NULL;
    AT_TRY(at_array(1, sizeof *factors, &factors, err));
    AT_TRY(at_copy_text(modules, strlen(modules), &factors->modules, err));
    AT_TRY(at_array(n_tracked, sizeof *factors->factors, &factors->factors, err));
    for (size_t i = 0; i < n_tracked; i++) {
        const attrib_module *module = attrib_model_module(model, tracked[i]);
        factors->factors[i] = (at_factor){.module = tracked[i],
                                          .in_dim = module->in_dim,
                                          .out_dim = module->out_dim,
                                          .basis_a = {module->in_dim, 1, NULL},
                                          .basis_s = {module->out_dim, 1, NULL}};
    }
    factors->info.n_modules = n_tracked;
    factors->info.modules = factors->modules;
    factors->info.model_hash = factors->model_hash;
    factors->info.corpus_hash = factors->corpus_hash;
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    return status;
}

void attrib_factors_close(attrib_factors *factors)
{
    if (!factors) {
        return;
    }
    for (size_t i = 0; factors->factors && i < factors->info.n_modules; i++) {
        at_factor *factor = &factors->factors[i];
        free(factor->covariance_a);
        free(factor->covariance_s);
        free(factor->basis_a.vectors);
        free(factor->basis_s.vectors);
        free(factor->values_a);
        free(factor->values_s);
        free(factor->lambda);
    }
    free(factors->factors);
    free(factors->modules);
    free(factors);
}

const attrib_factors_info *attrib_factors_describe(const attrib_factors *factors)
{
    return &factors->info;
}

size_t attrib_factors_module(const attrib_factors *factors, size_t i)
{
    return factors->factors[i].module;
}
