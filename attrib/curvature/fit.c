/* SPDX-License-Identifier: MIT */
/* Fitting in memory, and what every fit begins with. */
#include "curvature/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1. What a fit is of */

static attrib_status print_origins(at_buffer *text,
                                   const char *name,
                                   const at_origins *origins,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < origins->n; i++) {
        const at_origin *o = &origins->list[i];
        AT_TRY(at_buffer_print(text, err, " %s %s %zu-%zu seed %llu", name,
                               o->corpus_hash, o->first, o->end,
                               (unsigned long long)o->seed));
    }
done:
    return status;
}

attrib_status at_fit_name(attrib_factors *factors,
                          attrib_fit_stages stages,
                          const char *basis,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    const attrib_factors_info *info = &factors->info;
    AT_TRY(at_buffer_print(&text, err,
                           "model %s strategy %s fisher %d blocks %zu stages %d basis %s",
                           info->model_hash, attrib_strategy_name(info->strategy),
                           (int)info->fisher, info->n_blocks, (int)stages, basis));
    AT_TRY(print_origins(&text, "covariance", &factors->of_covariances, err));
    AT_TRY(print_origins(&text, "lambda", &factors->of_lambda, err));
    for (size_t i = 0; i < info->n_modules; i++) {
        AT_TRY(at_buffer_print(&text, err, " %s", factors->factors[i].name));
    }
    at_hash_bytes(text.bytes, text.n_bytes, factors->identity);
done:
    at_buffer_free(&text);
    return status;
}

void at_fit_log_selection(attrib_session *session,
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

/* 2. A share of the corpus */

static void get_of_share(const void *context, size_t i, attrib_sequence *out)
{
    const at_share *share = context;
    share->corpus.get(share->corpus.context, share->first + i, out);
}

attrib_status at_share_open(const attrib_corpus *corpus,
                            size_t i_shard,
                            size_t n_shards,
                            at_share *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *starts = NULL;
    size_t n_blocks = 0;
    out->corpus = at_source_corpus(corpus);
    AT_TRY(at_pass_blocks(&out->corpus, AT_BLOCK_ROWS, &starts, &n_blocks, err));
    AT_CHECK(n_shards <= n_blocks || n_shards == 1, ATTRIB_EINVAL,
             "%zu shards of a corpus that has %zu blocks of sequences", n_shards,
             n_blocks);
    out->first = 0;
    out->end = out->corpus.n_sequences;
    if (n_shards > 1) {
        out->first = starts[at_block_start(n_blocks, n_shards, i_shard)];
        out->end = starts[at_block_start(n_blocks, n_shards, i_shard + 1)];
    }
    out->source = (at_source){out, out->end - out->first, get_of_share};
done:
    free(starts);
    return status;
}

/* 3. In memory */

/* One pass with one tap, and its count of what was summed. */
static attrib_status fit_pass(const at_pass *pass,
                              const at_source *source,
                              at_fit_stage stage,
                              attrib_factors *factors,
                              size_t *count,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_fit_maps maps = at_fit_maps_of(factors, 0, factors->info.n_modules);
    attrib_tap tap =
        stage == AT_FIT_COVARIANCE ? at_covariance_tap(&maps) : at_lambda_tap(&maps);
    maps.is_rotated = maps.factors[0].basis_a.vectors != NULL;
    AT_TRY(at_fit_maps_open(&maps, stage, pass->n_parts, err));
    AT_TRY(at_pass_run(pass, source, &tap, 1, err));
    *count += maps.count;
done:
    at_fit_maps_close(&maps);
    return status;
}

attrib_status at_fit_covariances(const at_pass *pass,
                                 const at_source *source,
                                 attrib_factors *factors,
                                 attrib_error *err)
{
    return fit_pass(pass, source, AT_FIT_COVARIANCE, factors, &factors->info.n_tokens,
                    err);
}

attrib_status at_fit_lambda(const at_pass *pass,
                            const at_source *source,
                            attrib_factors *factors,
                            attrib_error *err)
{
    return fit_pass(pass, source, AT_FIT_LAMBDA, factors, &factors->info.n_sequences,
                    err);
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
        factors->of_covariances.list[0].count = factors->info.n_tokens;
        AT_TRY(at_fit_eigenbases(pass->session, factors, err));
    }
    if (strategy != ATTRIB_KFAC) {
        pass->stage = "lambda";
        AT_TRY(at_fit_lambda(pass, source, factors, err));
        factors->of_lambda.list[0].count = factors->info.n_sequences;
    }
done:
    return status;
}

attrib_status at_fit_begin(const attrib_model *model,
                           const attrib_corpus *corpus,
                           const attrib_fit_options *options,
                           const at_share *share,
                           attrib_factors *factors,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_origin origin = {"", share->first, share->end, 0, options->seed};
    at_origins one = {&origin, 1, 1};
    memcpy(factors->model_hash, attrib_model_hash(model), AT_HASH_SIZE);
    memcpy(factors->corpus_hash, attrib_corpus_hash(corpus), AT_HASH_SIZE);
    memcpy(origin.corpus_hash, factors->corpus_hash, AT_HASH_SIZE);
    snprintf(factors->corpus_date, sizeof factors->corpus_date, "%s",
             attrib_corpus_date(corpus));
    factors->info.fisher = options->fisher;
    factors->info.seed = options->seed;
    factors->info.strategy = options->strategy;
    if (options->stages == ATTRIB_FIT_COVARIANCE) {
        factors->info.strategy = ATTRIB_KFAC; /* what covariances are enough for */
    }
    if (options->strategy != ATTRIB_DIAGONAL && options->stages != ATTRIB_FIT_LAMBDA) {
        AT_TRY(at_origins_add(&factors->of_covariances, &one, "the corpus", err));
    }
    if (factors->info.strategy != ATTRIB_KFAC) {
        AT_TRY(at_origins_add(&factors->of_lambda, &one, "the corpus", err));
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
    at_share share = {0};
    at_pass pass = {0};
    attrib_fit_options_default(&chosen);
    if (options) {
        chosen = *options;
    }
    AT_TRY(at_fit_check(&chosen, err));
    AT_CHECK(chosen.stages == ATTRIB_FIT_ALL && !chosen.ram_limit, ATTRIB_EINVAL,
             "single stages and a memory limit are for fits into a folder");
    AT_TRY(attrib_model_select(model, chosen.modules, &tracked, &n_tracked, err));
    AT_TRY(at_share_open(corpus, chosen.i_shard, chosen.n_shards, &share, err));
    AT_TRY(at_factors_new(model, tracked, n_tracked, chosen.modules, &factors, err));
    AT_TRY(at_factors_set_blocks(factors, chosen.n_blocks, err));
    AT_TRY(at_fit_begin(model, corpus, &chosen, &share, factors, err));
    AT_TRY(at_fit_name(factors, chosen.stages, "", err));
    at_fit_log_selection(session, model, factors);
    pass = at_fit_pass(session, model, tracked, n_tracked, &chosen);
    AT_TRY(run_stages(&pass, &share.source, factors, err));
    *out = factors;
    factors = NULL;
done:
    attrib_factors_close(factors);
    free(tracked);
    return status;
}

at_pass at_fit_pass(attrib_session *session,
                    const attrib_model *model,
                    const size_t *tracked,
                    size_t n_tracked,
                    const attrib_fit_options *options)
{
    bool is_sampled = options->fisher == ATTRIB_FISHER_SAMPLED;
    return (at_pass){.session = session,
                     .model = model,
                     .tracked = tracked,
                     .n_tracked = n_tracked,
                     .labels = is_sampled ? AT_LABELS_SAMPLED : AT_LABELS_DATA,
                     .seed = options->seed,
                     .block_rows = AT_BLOCK_ROWS};
}
