/* SPDX-License-Identifier: MIT */
/* Factors of the second moments that an optimizer kept while it trained: a diagonal
 * curvature of single weights, without a pass over documents.
 *
 * 1. The moments of a map.   2. The factors.
 *
 * Source: v is exp_avg_sq of torch.optim.Adam (Kingma and Ba 2015, arXiv:1412.6980). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "curvature/fit.h"

#define SUFFIX ".exp_avg_sq"

/* 1. The moments of a map */

/* The tensor PARAMETER.PART.exp_avg_sq, or the one that is called as the parameter. */
static attrib_status find_moments(const at_tensors *tensors,
                                  const char *path,
                                  const at_parameter *parameter,
                                  const char *part,
                                  const at_tensor **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    AT_TRY(at_buffer_print(&name, err, "%s%s.%s" SUFFIX, parameter->body, parameter->name,
                           part));
    *out = at_tensors_find(tensors, name.bytes);
    if (!*out) {
        name.bytes[name.n_bytes - strlen(SUFFIX)] = '\0';
        *out = at_tensors_find(tensors, name.bytes);
    }
    AT_CHECK(*out, ATTRIB_ESHAPE,
             "%s: no second moments of %s, neither under this name "
             "nor with " SUFFIX,
             path, name.bytes);
done:
    at_buffer_free(&name);
    return status;
}

static attrib_status check_moments(const at_tensor *tensor,
                                   const double *moments,
                                   size_t n,
                                   attrib_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!(isfinite(moments[i]) && moments[i] >= 0)) {
            return at_fail(err, ATTRIB_ENUMERIC,
                           "%s: %s: entry %zu is %g: second moments are finite and not "
                           "negative",
                           tensor->path, tensor->name, i, moments[i]);
        }
    }
    return ATTRIB_OK;
}

/* Read a parameter [n_rows, n_columns] (n_columns 0: a vector) and check its numbers. */
static attrib_status read_moments(const at_tensor *tensor,
                                  size_t n_rows,
                                  size_t n_columns,
                                  double *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t shape[2] = {n_rows, n_columns};
    AT_TRY(at_tensor_expect(tensor, n_columns ? 2 : 1, shape, err));
    AT_TRY(at_tensor_to_f64(tensor, 0, tensor->n_elements, out, err));
    AT_TRY(check_moments(tensor, out, tensor->n_elements, err));
done:
    return status;
}

/* lambda [O, I] = v of [W b]. Files of some architectures hold W as [in, out]. */
static void place_weight(const double *weight,
                         bool is_transposed,
                         size_t n_inputs,
                         at_factor *factor)
{
    for (size_t i = 0; i < factor->out_dim; i++) {
        for (size_t j = 0; j < n_inputs; j++) {
            factor->lambda[i * factor->in_dim + j] =
                weight[is_transposed ? j * factor->out_dim + i : i * n_inputs + j];
        }
    }
}

static attrib_status read_map(const attrib_model *model,
                              const at_tensors *tensors,
                              const char *path,
                              at_factor *factor,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_module *module = attrib_model_module(model, factor->module);
    const at_parameter parameter = at_pass_parameter(model, factor->module);
    bool is_transposed = parameter.is_transposed;
    size_t n_inputs = factor->in_dim - (module->has_bias ? 1 : 0);
    size_t out_dim = factor->out_dim;
    const at_tensor *tensor = NULL;
    double *numbers = NULL;
    size_t n = 0;
    AT_TRY(at_mul(out_dim, factor->in_dim, &n, err));
    AT_TRY(at_array(n, sizeof *numbers, &numbers, err));
    AT_TRY(at_array(n, sizeof *factor->lambda, &factor->lambda, err));
    AT_TRY(find_moments(tensors, path, &parameter, "weight", &tensor, err));
    AT_TRY(read_moments(tensor, is_transposed ? n_inputs : out_dim,
                        is_transposed ? out_dim : n_inputs, numbers, err));
    place_weight(numbers, is_transposed, n_inputs, factor);
    if (module->has_bias) {
        AT_TRY(find_moments(tensors, path, &parameter, "bias", &tensor, err));
        AT_TRY(read_moments(tensor, out_dim, 0, numbers, err));
        for (size_t i = 0; i < out_dim; i++) {
            factor->lambda[i * factor->in_dim + n_inputs] = numbers[i];
        }
    }
done:
    free(numbers);
    return status;
}

static bool is_stepped(const at_factor *factor)
{
    for (size_t k = 0; k < factor->out_dim * factor->in_dim; k++) {
        if (factor->lambda[k] > 0) {
            return true;
        }
    }
    return false;
}

/* 2. The factors */

/* Maps and identity: the model, the maps, and the bytes of the moments. */
static attrib_status describe(const attrib_model *model,
                              const at_tensors *tensors,
                              const char *modules,
                              attrib_factors **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = NULL;
    size_t *tracked = NULL;
    size_t n = 0;
    AT_TRY(attrib_model_select(model, modules, &tracked, &n, err));
    AT_TRY(at_factors_new(model, tracked, n, modules, &factors, err));
    AT_TRY(at_tensors_hash(tensors, factors->corpus_hash, err));
    memcpy(factors->model_hash, attrib_model_hash(model), AT_HASH_SIZE);
    factors->info.strategy = ATTRIB_OPTIMIZER;
    factors->info.fisher = ATTRIB_FISHER_EMPIRICAL; /* gradients of the data's labels */
    factors->info.n_sequences = 1;                  /* v is a mean already */
    AT_TRY(at_fit_name(factors, ATTRIB_FIT_ALL, factors->corpus_hash, err));
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    free(tracked);
    return status;
}

/* Name the maps whose moments are all 0; ENUMERIC where those of all maps are. */
static attrib_status check_steps(attrib_session *session,
                                 const attrib_model *model,
                                 const char *path,
                                 const attrib_factors *factors,
                                 const bool *stepped,
                                 attrib_error *err)
{
    size_t n_stepped = 0;
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        n_stepped += stepped[i];
    }
    if (n_stepped == 0) {
        return at_fail(
            err, ATTRIB_ENUMERIC,
            "%s: the second moments of all maps are 0: of an optimizer that has "
            "not taken a step",
            path);
    }
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        if (!stepped[i]) {
            at_log(
                session, ATTRIB_LOG_WARNING,
                "%s: %s: all second moments are 0, as of weights without gradients: its "
                "share of every score is 0, or with an absolute damping the product of "
                "gradients over that",
                path, attrib_model_module(model, factors->factors[i].module)->name);
        }
    }
    return ATTRIB_OK;
}

/* The moments of a file. */
typedef struct moments {
    const at_tensors *tensors;
    const char *path;
} moments;

/* Fill the store map by map. Nothing is marked as done: what is stopped begins anew. */
static attrib_status fill(attrib_session *session,
                          const attrib_model *model,
                          moments from,
                          at_store *store,
                          attrib_factors *factors,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool *stepped = NULL;
    AT_TRY(at_array(factors->info.n_modules, sizeof *stepped, &stepped, err));
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        at_factor *factor = &factors->factors[i];
        AT_TRY(at_poll_cancel(session, err));
        AT_TRY(read_map(model, from.tensors, from.path, factor, err));
        stepped[i] = is_stepped(factor);
        AT_TRY(at_store_put(store, i, AT_PIECES_LAMBDA, factor, err));
        at_factor_clear(factor);
        at_tensors_forget(from.tensors);
    }
    AT_TRY(check_steps(session, model, from.path, factors, stepped, err));
    AT_TRY(at_tensors_check(from.tensors, err));
done:
    free(stepped);
    return status;
}

attrib_status attrib_factors_take_optimizer(attrib_session *session,
                                            const attrib_model *model,
                                            const char *path,
                                            const attrib_fit_options *options,
                                            const char *folder,
                                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    attrib_factors *factors = NULL;
    at_store *store = NULL;
    attrib_fit_options chosen;
    attrib_fit_options_default(&chosen);
    AT_TRY(at_sized_take(options, "fit_options", &chosen, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    AT_TRY(describe(model, tensors, chosen.modules, &factors, err));
    AT_TRY(at_store_open(factors, folder, AT_PIECES_LAMBDA, NULL, &store, err));
    if (!store) {
        at_log_finished(session, folder);
        goto done;
    }
    at_fit_log_selection(session, model, factors);
    AT_TRY(fill(session, model, (moments){tensors, path}, store, factors, err));
    AT_TRY(at_store_commit(store, chosen.command, err));
done:
    at_store_close(store);
    attrib_factors_close(factors);
    at_tensors_close(tensors);
    return status;
}
