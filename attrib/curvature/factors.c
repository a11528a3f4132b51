/* SPDX-License-Identifier: MIT */
/* The factors object: made empty, described, freed. */
#include "curvature/factors.h"

#include <stdlib.h>
#include <string.h>

attrib_status at_triangle_size(size_t n, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t product = 0;
    AT_TRY(at_mul(n, n + 1, &product, err));
    *out = product / 2;
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
        factors->factors[i] = (at_factor){
            .module = tracked[i], .in_dim = module->in_dim, .out_dim = module->out_dim};
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
        free(factor->basis_a);
        free(factor->basis_s);
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
