/* SPDX-License-Identifier: MIT */
/* What all fits share.
 *
 * 1. The name of a fit.   2. Shares of a corpus.   3. Sums.   4. The beginning. */
#include "curvature/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1. The name of a fit */

static attrib_status print_origins(at_buffer *text,
                                   const char *name,
                                   const at_origins *origins,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < origins->n; i++) {
        const at_origin *o = &origins->list[i];
        AT_TRY(at_buffer_print(text, err, " %s %s %zu-%zu parts %zu-%zu/%zu seed %llu",
                               name, o->corpus_hash, o->first, o->end, o->first_part,
                               o->end_part, o->n_parts, (unsigned long long)o->seed));
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
    if (info->precision != ATTRIB_F32_PRODUCTS) {
        AT_TRY(at_buffer_print(&text, err, " precision %s",
                               attrib_precision_name(info->precision)));
    }
    if (info->eigen_precision != ATTRIB_EIGEN_F64) {
        AT_TRY(at_buffer_print(&text, err, " eigen %s",
                               attrib_eigen_precision_name(info->eigen_precision)));
    }
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

/* 2. Shares of a corpus */

static void get_of_share(const void *context, size_t i, attrib_sequence *out)
{
    const at_share *share = context;
    share->corpus.get(share->corpus.context, share->first + i, out);
}

/* How many parts the corpus has. */
static size_t count_parts(const attrib_fit_options *options)
{
    return options->n_shards > 1 ? options->n_shards : options->n_parts;
}

size_t at_fit_own_parts(const attrib_fit_options *options)
{
    return options->n_shards > 1 ? 1 : options->n_parts;
}

attrib_status at_share_open(const attrib_corpus *corpus,
                            const attrib_fit_options *options,
                            at_share *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_shards = options->n_shards;
    size_t n_parts = count_parts(options);
    size_t *starts = NULL;
    size_t n_blocks = 0;
    out->corpus = at_source_corpus(corpus);
    AT_TRY(at_pass_blocks(&out->corpus, AT_BLOCK_ROWS, &starts, &n_blocks, err));
    AT_CHECK(n_parts <= n_blocks || n_parts == 1, ATTRIB_EINVAL,
             "%zu %s of a corpus that has %zu blocks of sequences", n_parts,
             n_shards > 1 ? "shards" : "parts", n_blocks);
    out->first = 0;
    out->end = out->corpus.n_sequences;
    if (n_shards > 1) {
        out->first = starts[at_block_start(n_blocks, n_shards, options->i_shard)];
        out->end = starts[at_block_start(n_blocks, n_shards, options->i_shard + 1)];
    }
    out->source = (at_source){
        .context = out, .n_sequences = out->end - out->first, .get = get_of_share};
done:
    free(starts);
    return status;
}

/* 3. Sums */

/* What sums are divided by: rows for covariances, sequences for Lambda. */
static void count_source(const at_source *source,
                         at_fit_stage stage,
                         attrib_factors_info *info)
{
    if (stage == AT_FIT_LAMBDA) {
        info->n_sequences = source->n_sequences;
        return;
    }
    info->n_tokens = 0;
    for (size_t i = 0; i < source->n_sequences; i++) {
        attrib_sequence sequence;
        source->get(source->context, i, &sequence);
        info->n_tokens += sequence.n_tokens;
    }
}

attrib_status at_fit_sums(const at_pass *pass,
                          const at_source *source,
                          at_fit_stage stage,
                          at_fit_keeper *keeper,
                          attrib_factors *factors,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_fit_maps maps = at_fit_maps_of(factors, 0, factors->info.n_modules);
    attrib_tap tap = at_fit_tap(&maps, stage);
    at_pass own = *pass;
    maps.is_rotated = maps.factors[0].basis_a.vectors != NULL;
    maps.precision = pass->precision;
    own.stage = at_fit_stage_names[stage];
    own.skips_uncounted = stage == AT_FIT_LAMBDA; /* A is of all inputs */
    AT_TRY(at_fit_maps_open(&maps, stage, pass->n_parts, err));
    if (keeper) {
        AT_TRY(at_fit_keeper_open(keeper, &maps, err));
        own.resume = &keeper->resume;
    }
    status = at_pass_run(&own, source, &tap, 1, err);
    if (status == ATTRIB_ECANCELED && keeper) {
        attrib_error inner = {0};
        if (at_fit_keeper_write(keeper, &inner) != ATTRIB_OK) {
            at_log(pass->session, ATTRIB_LOG_WARNING, "%s: its sums are not kept",
                   inner.message);
        }
    }
    AT_TRY(status);
    AT_TRY(at_pass_check_model(pass->model, err));
    count_source(source, stage, &factors->info);
done:
    if (keeper) {
        at_fit_keeper_close(keeper);
    }
    at_fit_maps_close(&maps);
    return status;
}

/* 4. The beginning */

attrib_status at_fit_begin(const attrib_model *model,
                           const attrib_corpus *corpus,
                           const attrib_fit_options *options,
                           const at_share *share,
                           attrib_factors *factors,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_origin origin = {.first = share->first,
                        .end = share->end,
                        .first_part = options->n_shards > 1 ? options->i_shard : 0,
                        .n_parts = count_parts(options),
                        .seed = options->seed};
    at_origins one = {&origin, 1, 1};
    origin.end_part = origin.first_part + at_fit_own_parts(options);
    memcpy(factors->model_hash, attrib_model_hash(model), AT_HASH_SIZE);
    memcpy(factors->corpus_hash, attrib_corpus_hash(corpus), AT_HASH_SIZE);
    memcpy(origin.corpus_hash, factors->corpus_hash, AT_HASH_SIZE);
    snprintf(factors->corpus_date, sizeof factors->corpus_date, "%s",
             attrib_corpus_date(corpus));
    AT_TRY(at_copy_text(attrib_corpus_selection(corpus),
                        strlen(attrib_corpus_selection(corpus)),
                        &factors->corpus_selection, err));
    factors->info.fisher = options->fisher;
    factors->info.seed = options->seed;
    factors->info.precision = options->precision;
    if (options->stages != ATTRIB_FIT_LAMBDA) { /* else that of the basis */
        factors->info.eigen_precision = options->eigen_precision;
    }
    factors->info.strategy = options->strategy;
    if (options->stages == ATTRIB_FIT_COVARIANCE) {
        factors->info.strategy = ATTRIB_KFAC; /* for which covariances are enough */
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
                     .block_rows = AT_BLOCK_ROWS,
                     .precision = options->precision,
                     .n_parts = at_fit_own_parts(options)};
}
