/* SPDX-License-Identifier: MIT */
/* The plan of work that is about to begin. */
#include "cli/foresee.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cache_entries.h"

static const char *value_of(const attrib_query *query, const char *key)
{
    for (size_t i = 0; i < query->n_tags; i++) {
        if (strcmp(query->tags[i].key, key) == 0) {
            return query->tags[i].value;
        }
    }
    return ""; /* refused later */
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* How many values of a tag the queries have, of which there is one at least. */
static attrib_status count_values(const attrib_queries *queries,
                                  const char *key,
                                  size_t *out,
                                  attrib_error *err)
{
    size_t n = attrib_queries_count(queries);
    const char **values = malloc(n * sizeof *values);
    *out = 1;
    if (!values) {
        return cli_fail(err, ATTRIB_ENOMEM, "%zu queries", n);
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = value_of(attrib_queries_get(queries, i), key);
    }
    qsort(values, n, sizeof *values, compare_texts);
    for (size_t i = 1; i < n; i++) {
        *out += strcmp(values[i], values[i - 1]) != 0;
    }
    free(values);
    return ATTRIB_OK;
}

/* Count the queries, each of which is taken to be like their mean. */
static attrib_status count_queries(const attrib_queries *queries,
                                   const attrib_score_options *options,
                                   attrib_work *work,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_rows = attrib_queries_count(queries);
    size_t n_tokens = 0;
    if (n_rows == 0) {
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < n_rows; i++) {
        n_tokens += attrib_queries_get(queries, i)->n_tokens;
    }
    work->n_queries = n_rows;
    if (options->aggregate) {
        status = count_values(queries, options->aggregate, &work->n_queries, err);
    }
    if (status == ATTRIB_OK) {
        work->query_tokens = n_tokens / n_rows > 2 ? n_tokens / n_rows : 2;
        work->query_rows = (n_rows + work->n_queries / 2) / work->n_queries;
    }
    return status;
}

/* The stage that a question to an index does without: its explanations are the scores. */
#define SCORES "score"

static void log_plan(const attrib_plan *plan, const char *left_out, cli_job *job)
{
    for (size_t i = 0; i < plan->n_stages; i++) {
        const attrib_plan_stage *stage = &plan->stages[i];
        if (left_out && strcmp(stage->name, left_out) == 0) {
            continue;
        }
        terminal_log(job->screen, ATTRIB_LOG_DETAIL,
                     "predicted of %s: %.3g GFLOP of products, %.3g s", stage->name,
                     stage->flop * 1e-9, stage->seconds);
        if (stage->most_flop > stage->flop) {
            terminal_log(job->screen, ATTRIB_LOG_DETAIL,
                         "  and up to %.3g GFLOP, %.3g s, as the scores demand",
                         stage->most_flop * 1e-9, stage->most_seconds);
        }
    }
}

/* The names of the factors' maps with commas between them, owned: the files of other
 * programs do not keep the selection that they were fitted with. NULL without memory. */
static char *names_of_maps(const attrib_model *model, const attrib_factors *factors)
{
    char *names = NULL;
    size_t n_bytes = 0;
    FILE *stream = open_memstream(&names, &n_bytes);
    if (!stream) {
        return NULL;
    }
    for (size_t i = 0; i < attrib_factors_describe(factors)->n_modules; i++) {
        size_t module = attrib_factors_module(factors, i);
        fprintf(stream, "%s%s", i ? "," : "", attrib_model_module(model, module)->name);
    }
    if (fclose(stream) != 0) {
        free(names);
        return NULL;
    }
    return names;
}

/* FLOP a second of a core, where only the proportions of stages matter. */
#define USUAL_FLOPS 5e10

/* Bytes of a file that make a token, and that are read, encoded and stored in a second by
 * each thread. */
#define BYTES_OF_TOKEN   4.0
#define BYTES_PER_SECOND 5e6
/* The stage that stands for all others until they are planned. */
#define GUESSED "what follows"

void foresee_reading(const attrib_paths *paths,
                     const attrib_model_info *info,
                     cli_job *job)
{
    double n_bytes = 0;
    double n_threads = (double)attrib_session_n_threads(job->session);
    if (!job->goes_on) {
        return;
    }
    for (size_t i = 0; i < paths->n; i++) {
        n_bytes += (double)cache_bytes(paths->paths[i]);
    }
    /* A pass forward and back, and products for gradients: 3 times 2 FLOP a parameter. */
    double flop = 6 * (double)info->n_parameters * n_bytes / BYTES_OF_TOKEN;
    attrib_session_expect(job->session, "read", n_bytes / BYTES_PER_SECOND / n_threads);
    attrib_session_expect(job->session, GUESSED, flop / USUAL_FLOPS / n_threads);
}

/* This machine, measured where what is predicted is told, else one of usual rates:
 * progress is corrected by what the work takes. Measuring takes 32 MiB and more of every
 * thread, which a limit of memory may not have. */
static attrib_status take_machine(const cli_job *job,
                                  bool is_told,
                                  bool is_limited,
                                  attrib_machine *out,
                                  attrib_error *err)
{
    attrib_machine_default(out);
    if (is_told && is_limited) {
        terminal_log(job->screen, ATTRIB_LOG_DETAIL,
                     "nothing is measured within a limit of memory: seconds are those of "
                     "usual machines");
    } else if (is_told) {
        return attrib_machine_measure(job->session, out, err);
    }
    out->n_cores = attrib_session_n_threads(job->session);
    out->flops = USUAL_FLOPS * (double)out->n_cores;
    return ATTRIB_OK;
}

/* Tell progress what the stages of the work will take, but for one that is left out
 * (NULL: none); where `is_told`, log that too, or why nothing is predicted. */
static void foresee(const cli_source *source,
                    const attrib_work *work,
                    const char *left_out,
                    bool is_told,
                    cli_job *job)
{
    attrib_error err = {0};
    attrib_machine machine;
    attrib_plan plan = {0};
    bool is_limited = work->fit->ram_limit || work->score->ram_limit;
    attrib_status status = take_machine(job, is_told, is_limited, &machine, &err);
    if (status == ATTRIB_OK) {
        status = attrib_plan_make(source->model, work, &machine, &plan, &err);
    }
    /* Reading is over, or a store was mapped; and what follows is known now. */
    attrib_session_expect(job->session, "read", 0);
    attrib_session_expect(job->session, GUESSED, 0);
    for (size_t i = 0; i < plan.n_stages; i++) {
        const attrib_plan_stage *stage = &plan.stages[i];
        bool is_left_out = left_out && strcmp(stage->name, left_out) == 0;
        attrib_session_expect(job->session, stage->name,
                              is_left_out ? 0 : stage->seconds);
    }
    if (status == ATTRIB_OK && is_told) {
        log_plan(&plan, left_out, job);
    } else if (is_told) {
        terminal_log(job->screen, ATTRIB_LOG_DETAIL, "nothing is predicted: %s",
                     err.message);
    }
}

/* Options take the maps, blocks and strategy of factors. The names are the caller's to
 * free. */
static attrib_status take_maps(const attrib_model *model,
                               const attrib_factors *factors,
                               attrib_fit_options *fit,
                               attrib_score_options *score,
                               char **names,
                               attrib_error *err)
{
    *names = names_of_maps(model, factors);
    if (!*names) {
        return cli_fail(err, ATTRIB_ENOMEM, "names of maps");
    }
    fit->modules = score->modules = *names;
    fit->strategy = attrib_factors_describe(factors)->strategy;
    if (fit->strategy == ATTRIB_OPTIMIZER) { /* of the same sizes and cost */
        fit->strategy = ATTRIB_DIAGONAL;
    }
    fit->n_blocks = attrib_factors_describe(factors)->n_blocks;
    return ATTRIB_OK;
}

void foresee_fit(const cli_source *source,
                 const attrib_fit_options *options,
                 cli_job *job)
{
    attrib_error err = {0};
    attrib_factors *basis = NULL;
    char *names = NULL;
    attrib_volume all = attrib_volume_of(source->corpus);
    attrib_fit_options fit = *options;
    attrib_score_options score;
    attrib_work work;
    attrib_score_options_default(&score);
    attrib_work_default(&work);
    size_t n_ranks = job->ranks->n > options->n_parts ? job->ranks->n : options->n_parts;
    size_t n_shards = job->ranks->n > 1 ? n_ranks : options->n_shards;
    work.fitted = attrib_volume_part(&all, all.n_documents / (double)n_shards);
    work.fit = &fit;
    work.score = &score;
    attrib_status status = ATTRIB_OK;
    bool is_told = job->common->n_verbose > 0;
    if (options->basis && is_told) { /* progress can do without its maps */
        status = attrib_factors_open(options->basis, source->model, &basis, &err);
    }
    if (status == ATTRIB_OK && basis) {
        status = take_maps(source->model, basis, &fit, &score, &names, &err);
    }
    if (status == ATTRIB_OK) { /* else the fit will say why */
        foresee(source, &work, NULL, is_told, job);
    }
    free(names);
    attrib_factors_close(basis);
}

/* The work of a run, of which only what memory and time depend on needs to be right. */
static void foresee_scoring(const cli_source *source,
                            const attrib_factors *factors,
                            const attrib_queries *queries,
                            const attrib_score_options *options,
                            size_t n_shards,
                            const char *left_out,
                            bool is_told,
                            cli_job *job)
{
    attrib_error err = {0};
    attrib_status status = ATTRIB_OK;
    char *names = NULL;
    attrib_fit_options fit;
    attrib_score_options score = *options;
    attrib_work work;
    attrib_fit_options_default(&fit);
    attrib_work_default(&work);
    attrib_volume all = attrib_volume_of(source->corpus);
    work.scored = attrib_volume_part(&all, all.n_documents / (double)n_shards);
    work.fit = &fit;
    work.score = &score;
    fit.modules = options->modules;
    if (factors) {
        status = take_maps(source->model, factors, &fit, &score, &names, &err);
    }
    if (status == ATTRIB_OK && queries) {
        status = count_queries(queries, options, &work, &err);
    }
    if (status == ATTRIB_OK) { /* else the run will say why */
        foresee(source, &work, left_out, is_told, job);
    }
    free(names);
}

void foresee_run(const cli_source *source,
                 const attrib_factors *factors,
                 const attrib_queries *queries,
                 const attrib_score_options *options,
                 size_t n_shards,
                 cli_job *job)
{
    foresee_scoring(source, factors, queries, options, n_shards, NULL,
                    job->common->n_verbose > 0, job);
}

void foresee_question(const cli_source *source,
                      const attrib_factors *factors,
                      const attrib_queries *queries,
                      const attrib_score_options *options,
                      size_t n_exact,
                      cli_job *job)
{
    attrib_score_options explained = *options;
    explained.top = n_exact ? n_exact : options->top;
    foresee_scoring(source, factors, queries, &explained, 1, SCORES,
                    job->common->n_verbose > 0, job);
}

void foresee_answer(const cli_source *source,
                    const ranking_options *ranking,
                    const attrib_queries *queries,
                    cli_job *job)
{
    attrib_score_options options = ranking_choose(ranking, NULL, job);
    options.with_self |= !queries;
    foresee_scoring(source, NULL, queries, &options, 1, NULL, false, job);
    if (!queries) { /* a plan has one query at least, which nobody asks here */
        attrib_session_expect(job->session, "query", 0);
        attrib_session_expect(job->session, "explain", 0);
    }
}
