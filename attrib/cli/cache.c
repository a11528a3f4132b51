/* SPDX-License-Identifier: MIT */
/* The cache of factors, which are found by the hashes of what they were fitted from. */
#include "cli/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cache_entries.h"
#include "cli/foresee.h"

const option cache_table[] = {
    {.name = "cache-limit",
     .kind = OPTION_BYTES,
     .offset = offsetof(source_options, cache_limit),
     .value = "SIZE",
     .standard = "10G",
     .help = "what the cache may take: entries that were not used for the longest go "
             "first; see attrib cache"},
    {.name = "eigen-precision",
     .kind = OPTION_CHOICE,
     .offset = offsetof(source_options, eigen_precision),
     .value = "f64|f32",
     .standard = "f64",
     .help = "precision of the eigenvectors of factors that are fitted here, as attrib "
             "fit has it"},
    {0},
};

/* Make a name from all that the factors' bytes depend on. */
static attrib_status name_factors(const cli_source *source,
                                  const attrib_fit_options *options,
                                  uint64_t *out,
                                  attrib_error *err)
{
    char numbers[80];
    char of_options[33];
    attrib_status status =
        attrib_options_hash(attrib_fit_options_table(), options, of_options, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    /* 2 is the version of the files' layout. */
    snprintf(numbers, sizeof numbers, "2 %zu", source->corpus_options.context);
    uint64_t hash = cache_hash(CACHE_HASH_START, attrib_version());
    hash = cache_hash(hash, attrib_model_hash(source->model));
    hash = cache_hash(hash, attrib_corpus_hash(source->corpus));
    hash = cache_hash(hash, numbers);
    *out = cache_hash(hash, of_options);
    return ATTRIB_OK;
}

/* Fit into the cache, unless another query has put the same factors there meanwhile. */
static attrib_status fit_into(const char *folder,
                              const cli_source *source,
                              const attrib_fit_options *options,
                              cli_job *job,
                              attrib_error *err)
{
    attrib_fit_options chosen = *options;
    chosen.command = job->command_line;
    chosen.waits = true;
    foresee_fit(source, &chosen, job);
    return attrib_factors_fit_folder(job->session, source->model, source->corpus, &chosen,
                                     folder, err);
}

const char *cache_date(const char *corpus_path, char out[ATTRIB_DATE_SIZE])
{
    char cache[CACHE_PATH_SIZE];
    char path[CACHE_PATH_SIZE];
    if (!cache_find(corpus_path, cache) || !cache_join(path, cache, "date")) {
        return NULL;
    }
    FILE *stream = fopen(path, "re");
    size_t n = stream ? fread(out, 1, ATTRIB_DATE_SIZE - 1, stream) : 0;
    if (stream) {
        fclose(stream);
    }
    out[n] = '\0';
    return n ? out : NULL;
}

/* Keep the day of a corpus whose chat template asks for it, the first that comes. */
static void keep_date(const char *cache, const char *date)
{
    char path[CACHE_PATH_SIZE];
    if (!*date || !cache_join(path, cache, "date") || access(path, F_OK) == 0) {
        return;
    }
    FILE *stream = fopen(path, "wxe");
    if (stream) {
        fputs(date, stream);
        fclose(stream);
    }
}

/* A run with factors may need more than their fit. */
static attrib_status check_limit(const attrib_fit_options *options,
                                 const attrib_score_job *next,
                                 cli_job *job,
                                 attrib_error *err)
{
    attrib_fit_options chosen = *options;
    chosen.waits = true;
    return next && options->ram_limit
               ? attrib_run_check_limit(job->session, next, &chosen, err)
               : ATTRIB_OK;
}

attrib_status cache_factors(const cli_source *source,
                            const char *corpus_path,
                            const attrib_fit_options *options,
                            const attrib_score_job *next,
                            cli_job *job,
                            attrib_factors **out,
                            attrib_error *err)
{
    char cache[CACHE_PATH_SIZE];
    char name[24];
    char folder[CACHE_PATH_SIZE];
    uint64_t hash = 0;
    if (!cache_find(corpus_path, cache)) {
        return cli_fail(
            err, ATTRIB_EIO,
            "no folder for fitted factors: neither in the folder of %s nor in ~/.cache",
            corpus_path);
    }
    attrib_status status = name_factors(source, options, &hash, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    snprintf(name, sizeof name, "%016" PRIx64, hash);
    if (!cache_join(folder, cache, name)) {
        return cli_fail(err, ATTRIB_ERANGE, "%.200s...: the path is too long", cache);
    }
    bool is_kept = access(folder, F_OK) == 0;
    terminal_log(job->screen, ATTRIB_LOG_INFO,
                 is_kept ? "factors of the cache %s"
                         : "fitting factors into the cache %s",
                 folder);
    if (!is_kept) {
        status = check_limit(options, next, job, err);
    }
    if (!is_kept && status == ATTRIB_OK) {
        status = fit_into(folder, source, options, job, err);
    }
    if (status == ATTRIB_OK) {
        cache_touch(folder);
        keep_date(cache, attrib_corpus_date(source->corpus));
        status = attrib_factors_open(folder, source->model, out, err);
    }
    return status;
}

/* Make room in the cache; what cannot be removed now may be the next time. */
static void trim(const source_options *options, cli_job *job)
{
    char cache[CACHE_PATH_SIZE];
    attrib_error why = {0};
    if (cache_find(options->corpus.paths[0], cache) &&
        cache_trim(cache, options->cache_limit, &why) != ATTRIB_OK) {
        terminal_log(job->screen, ATTRIB_LOG_WARNING, "the cache is not trimmed: %s",
                     why.message);
    }
}

attrib_status cache_take_factors(const ranking_options *ranking,
                                 const source_options *options,
                                 const cli_source *source,
                                 const attrib_score_job *next,
                                 cli_job *job,
                                 attrib_factors **out,
                                 attrib_error *err)
{
    attrib_fit_options fit;
    if (ranking->factors) {
        return attrib_factors_open(ranking->factors, source->model, out, err);
    }
    if (ranking_is_identity(ranking)) {
        return ATTRIB_OK;
    }
    attrib_fit_options_default(&fit);
    fit.strategy =
        ranking->is_strategy_given && ranking->strategy.values[0] == ATTRIB_DIAGONAL
            ? ATTRIB_DIAGONAL
            : ATTRIB_EKFAC;
    fit.modules = ranking->score.modules;
    fit.ram_limit = ranking->score.ram_limit;
    fit.eigen_precision = (attrib_eigen_precision)options->eigen_precision;
    attrib_status status =
        cache_factors(source, options->corpus.paths[0], &fit, next, job, out, err);
    if (status == ATTRIB_OK) {
        trim(options, job);
    }
    return status;
}
