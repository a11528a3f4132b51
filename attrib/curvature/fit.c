/* SPDX-License-Identifier: MIT */
/* Fitting: two passes over the corpus with the eigendecomposition between them. */
#include <stdlib.h>
#include <string.h>

#include "curvature/fit.h"

static attrib_status check_options(const attrib_fit_options *options, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(options->strategy == ATTRIB_EKFAC || options->strategy == ATTRIB_KFAC ||
                 options->strategy == ATTRIB_DIAGONAL,
             ATTRIB_EINVAL,
             "strategy %s has no factors to fit, expected ekfac, kfac or diagonal",
             attrib_strategy_name(options->strategy));
    AT_CHECK(options->modules, ATTRIB_EINVAL, "no modules are selected");
done:
    return status;
}

/* What the factors are a function of, as one hash. */
static attrib_status name_factors(attrib_factors *factors, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    const attrib_factors_info *info = &factors->info;
    AT_TRY(at_buffer_print(
        &text, err, "model %s corpus %s strategy %s fisher %d seed %llu modules",
        info->model_hash, info->corpus_hash, attrib_strategy_name(info->strategy),
        (int)info->fisher, (unsigned long long)info->seed));
    for (size_t i = 0; i < info->n_modules; i++) {
        AT_TRY(at_buffer_print(&text, err, " %zu", factors->factors[i].module));
    }
    at_hash_bytes(text.bytes, text.n_bytes, factors->identity);
done:
    at_buffer_free(&text);
    return status;
}

static void log_selection(attrib_session *session,
                          const attrib_model *model,
                          const attrib_factors *factors)
{
    double n = 0;
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        n += (double)factors->factors[i].in_dim * (double)factors->factors[i].out_dim;
    }
    at_log(session, ATTRIB_LOG_INFO,
           "%zu maps tracked, %.0f parameters, %.1f %% of the model's",
           factors->info.n_modules, n,
           100.0 * n / (double)attrib_model_describe(model)->n_parameters);
}

void at_source_measure(const at_source *source,
                       size_t block_rows,
                       size_t *n_rows,
                       size_t *longest)
{
    *longest = 0;
    for (size_t i = 0; i < source->n_sequences; i++) {
        attrib_sequence sequence;
        source->get(source->context, i, &sequence);
        *longest = sequence.n_tokens > *longest ? sequence.n_tokens : *longest;
    }
    *n_rows = block_rows > *longest ? block_rows : *longest;
}

/* The three stages of ekfac; kfac needs the first two, diagonal the last. */
static attrib_status run_stages(at_pass *pass,
                                const at_source *source,
                                attrib_factors *factors,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_strategy strategy = factors->info.strategy;
    if (strategy != ATTRIB_DIAGONAL) {
        pass->stage = "covariance";
        AT_TRY(at_fit_covariances(pass, source, factors, err));
        AT_TRY(at_fit_eigenbases(pass->session, factors, err));
    }
    if (strategy != ATTRIB_KFAC) {
        pass->stage = "lambda";
        AT_TRY(at_fit_lambda(pass, source, factors, err));
    }
done:
    return status;
}

attrib_status attrib_factors_fit(attrib_session *session,
                                 const attrib_model *model,
                                 const attrib_corpus *corpus,
                                 const attrib_fit_options *options,
                                 attrib_factors **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors *factors = NULL;
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    attrib_fit_options chosen;
    at_source source = at_source_corpus(corpus);
    at_pass pass = {0};
    attrib_fit_options_default(&chosen);
    if (options) {
        chosen = *options;
    }
    AT_TRY(check_options(&chosen, err));
    AT_TRY(attrib_model_select(model, chosen.modules, &tracked, &n_tracked, err));
    AT_TRY(at_factors_new(model, tracked, n_tracked, chosen.modules, &factors, err));
    factors->info.strategy = chosen.strategy;
    factors->info.fisher = chosen.fisher;
    factors->info.seed = chosen.seed;
    memcpy(factors->model_hash, attrib_model_hash(model), AT_HASH_SIZE);
    memcpy(factors->corpus_hash, attrib_corpus_hash(corpus), AT_HASH_SIZE);
    AT_TRY(name_factors(factors, err));
    log_selection(session, model, factors);
    pass = (at_pass){session,
                     model,
                     tracked,
                     n_tracked,
                     chosen.fisher == ATTRIB_FISHER_SAMPLED ? AT_LABELS_SAMPLED
                                                            : AT_LABELS_DATA,
                     chosen.seed,
                     AT_BLOCK_ROWS,
                     NULL};
    AT_TRY(run_stages(&pass, &source, factors, err));
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    free(tracked);
    return status;
}
