/* SPDX-License-Identifier: MIT */
/* The factors object.
 *
 * 1. Names.   2. Blocks of a matrix.   3. The object.   4. The documents that were
 * summed. */
#include "curvature/factors.h"

#include <stdlib.h>
#include <string.h>

#include "curvature/factor_files.h"

/* 1. Names */

const char *const at_fit_stage_names[AT_N_FIT_STAGES] = {"covariance", "eigenbasis",
                                                         "lambda"};

const char *attrib_strategy_name(attrib_strategy strategy)
{
    static const char *const names[] = {AT_FITTED_STRATEGIES(AT_COMMA)
                                            AT_OTHER_STRATEGIES(AT_COMMA)};
    return (size_t)strategy < sizeof names / sizeof *names ? names[strategy] : "unknown";
}

/* 2. Blocks of a matrix */

attrib_status at_basis_size(size_t dim, size_t n_blocks, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t total = 0;
    for (size_t b = 0; b < n_blocks; b++) {
        size_t m = at_diagonal_block(dim, n_blocks, b).size;
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

size_t at_side_dim(const at_factor *factor, at_side side)
{
    return side == AT_SIDE_A ? factor->in_dim : factor->out_dim;
}

at_basis *at_side_basis(at_factor *factor, at_side side)
{
    return side == AT_SIDE_A ? &factor->basis_a : &factor->basis_s;
}

attrib_status at_basis_new(at_basis *basis, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(at_basis_size(basis->dim, basis->n_blocks, &n, err));
    AT_TRY(at_array(n, sizeof *basis->vectors, &basis->vectors, err));
done:
    return status;
}

/* 3. The object */

attrib_status at_factors_make(const char *modules,
                              attrib_factors **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = NULL;
    AT_TRY(at_array(1, sizeof *factors, &factors, err));
    AT_TRY(at_copy_text(modules, strlen(modules), &factors->modules, err));
    factors->info.n_blocks = 1;
    factors->info.modules = factors->modules;
    factors->info.model_hash = factors->model_hash;
    factors->info.hash = factors->identity;
    factors->info.corpus_hash = factors->corpus_hash;
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    return status;
}

attrib_status at_factors_reserve(attrib_factors *factors, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(n, sizeof *factors->factors, &factors->factors, err));
    factors->info.n_modules = n;
done:
    return status;
}

attrib_status at_factor_set(
    at_factor *factor, const char *name, size_t in_dim, size_t out_dim, attrib_error *err)
{
    factor->in_dim = in_dim;
    factor->out_dim = out_dim;
    factor->basis_a = (at_basis){in_dim, 1, NULL};
    factor->basis_s = (at_basis){out_dim, 1, NULL};
    return at_copy_text(name, strlen(name), &factor->name, err);
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
    AT_TRY(at_factors_make(modules, &factors, err));
    AT_TRY(at_factors_reserve(factors, n_tracked, err));
    for (size_t i = 0; i < n_tracked; i++) {
        const attrib_module *module = attrib_model_module(model, tracked[i]);
        AT_TRY(at_factor_set(&factors->factors[i], module->name, module->in_dim,
                             module->out_dim, err));
        factors->factors[i].module = tracked[i];
    }
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    return status;
}

void at_factor_clear(at_factor *factor)
{
    free(factor->covariance_a);
    free(factor->covariance_s);
    free(factor->basis_a.vectors);
    free(factor->basis_s.vectors);
    free(factor->values_a);
    free(factor->values_s);
    free(factor->lambda);
    factor->covariance_a = NULL;
    factor->covariance_s = NULL;
    factor->basis_a.vectors = NULL;
    factor->basis_s.vectors = NULL;
    factor->values_a = NULL;
    factor->values_s = NULL;
    factor->lambda = NULL;
}

void attrib_factors_close(attrib_factors *factors)
{
    if (!factors) {
        return;
    }
    for (size_t i = 0; factors->factors && i < factors->info.n_modules; i++) {
        at_factor *factor = &factors->factors[i];
        free(factor->name);
        at_factor_clear(factor);
    }
    at_files_close(factors->files);
    free(factors->of_covariances.list);
    free(factors->of_lambda.list);
    free(factors->factors);
    free(factors->modules);
    free(factors->kernels);
    free(factors->corpus_selection);
    free(factors);
}

attrib_status at_factors_set_blocks(attrib_factors *factors,
                                    size_t n_blocks,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(n_blocks > 0, ATTRIB_EINVAL, "0 blocks, expected 1 or more");
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        at_factor *factor = &factors->factors[i];
        size_t dim = at_smaller(factor->in_dim, factor->out_dim);
        AT_CHECK(n_blocks <= dim, ATTRIB_EINVAL, "%s: %zu blocks of %zu coordinates",
                 factor->name, n_blocks, dim);
        factor->basis_a.n_blocks = n_blocks;
        factor->basis_s.n_blocks = n_blocks;
    }
    factors->info.n_blocks = n_blocks;
done:
    return status;
}

const attrib_factors_info *attrib_factors_describe(const attrib_factors *factors)
{
    return &factors->info;
}

size_t attrib_factors_module(const attrib_factors *factors, size_t i)
{
    return factors->factors[i].module;
}

/* 4. The documents that were summed */

attrib_status at_origins_add(at_origins *origins,
                             const at_origins *more,
                             const char *name,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    for (size_t i = 0; i < more->n; i++) {
        const at_origin *a = &more->list[i];
        for (size_t j = 0; j < origins->n; j++) {
            const at_origin *b = &origins->list[j];
            AT_CHECK(strcmp(a->corpus_hash, b->corpus_hash) != 0 || a->first >= b->end ||
                         b->first >= a->end,
                     ATTRIB_EINVAL,
                     "%s: sequences %zu to %zu of corpus %.8s... are summed already",
                     name, a->first > b->first ? a->first : b->first,
                     (a->end < b->end ? a->end : b->end) - 1, a->corpus_hash);
        }
    }
    AT_TRY(at_add(origins->n, more->n, &n, err));
    AT_TRY(at_grow(&origins->list, &origins->capacity, n, sizeof *origins->list, err));
    for (size_t i = 0; i < more->n; i++) {
        origins->list[origins->n++] = more->list[i];
    }
done:
    return status;
}
