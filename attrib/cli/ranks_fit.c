/* SPDX-License-Identifier: MIT */
/* A fit by several ranks: the two rounds of shards that many machines fit a corpus in,
 * with a merge after each.
 *
 * 1. Rounds   2. The fit */
#include "cli/ranks_fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ranks_merge.h"
#include "cli/tasks.h"

typedef struct ranked_fit {
    const cli_source *source;
    const attrib_fit_options *options;
    const char *output;
    cli_job *job;
    ranks_folder folder; /* of parts */
    size_t n_parts;
} ranked_fit;

/* The folder is bound to what all parts in it depend on. */
static attrib_status bind_folder(const ranked_fit *fit, attrib_error *err)
{
    char *text = NULL;
    attrib_status status = ranks_folder_make(&fit->folder, err);
    if (status == ATTRIB_OK &&
        asprintf(&text, "%s\nmodel %s\ncorpus %s\nparts %zu\n", fit->job->command_line,
                 attrib_model_hash(fit->source->model),
                 attrib_corpus_hash(fit->source->corpus), fit->n_parts) < 0) {
        text = NULL;
        status = cli_fail(err, ATTRIB_ENOMEM, "%s", fit->folder.path);
    }
    if (status == ATTRIB_OK) {
        status = ranks_folder_bind(&fit->folder, "fit", text, err);
    }
    free(text);
    return status;
}

/* List the stages for attrib status. */
static attrib_status write_tasks(const ranked_fit *fit, attrib_error *err)
{
    char text[128];
    size_t n = fit->n_parts;
    bool has_covariance = fit->options->strategy != ATTRIB_DIAGONAL;
    bool has_lambda = fit->options->strategy != ATTRIB_KFAC;
    int length =
        has_covariance && has_lambda
            ? snprintf(text, sizeof text, "covariance %zu\nbasis\nlambda %zu\n", n, n)
            : snprintf(text, sizeof text, "%s %zu\n",
                       has_lambda ? "lambda" : "covariance", n);
    (void)length;
    return ranks_folder_write(&fit->folder, TASKS_FILE, text, err);
}

/* 1. Rounds */

/* Fit the parts of this rank that are not there yet. */
static attrib_status fit_parts(const ranked_fit *fit,
                               const ranks_names *parts,
                               const attrib_fit_options *options,
                               attrib_error *err)
{
    attrib_fit_options part = *options;
    bool *is_mine = calloc(parts->n, sizeof *is_mine);
    attrib_status status =
        is_mine ? ranks_folder_deal(&fit->folder, parts, "manifest.msgpack", is_mine, err)
                : cli_fail(err, ATTRIB_ENOMEM, "parts");
    part.n_shards = parts->n;
    part.n_parts = 1;
    size_t n_mine = ranks_count(is_mine, parts->n);
    for (size_t p = 0, i = 0; status == ATTRIB_OK && p < parts->n; p++) {
        part.i_shard = p;
        if (is_mine[p]) {
            attrib_session_round(fit->job->session, i++, n_mine);
            status = attrib_factors_fit_folder(fit->job->session, fit->source->model,
                                               fit->source->corpus, &part,
                                               parts->names[p], err);
        }
    }
    attrib_session_round(fit->job->session, 0, 1);
    free(is_mine);
    return ranks_agree(fit->job->ranks, status, err);
}

/* Fit all parts of a stage, and merge them into `output`, unless it is there. */
static attrib_status fit_round(const ranked_fit *fit,
                               const char *stage,
                               const attrib_fit_options *options,
                               const char *output,
                               attrib_error *err)
{
    ranks_names parts = {0};
    attrib_merge_options merge;
    attrib_merge_options_default(&merge);
    merge.ram_limit = fit->options->ram_limit;
    merge.command = fit->job->command_line;
    bool is_done = ranks_is_there(output); /* seen by all before any goes on */
    attrib_status status =
        ranks_folder_list(&fit->folder, stage, fit->n_parts, &parts, err);
    if (status == ATTRIB_OK) {
        status = fit_parts(fit, &parts, options, err);
    }
    if (status == ATTRIB_OK && !is_done) {
        const ranks_merging merging = {.folders = (const char *const *)parts.names,
                                       .n = parts.n,
                                       .options = &merge,
                                       .output = output,
                                       .job = fit->job};
        status = ranks_merge_factors(&merging, &fit->folder, err);
    }
    ranks_names_free(&parts);
    return status;
}

/* Covariances and their eigenvectors, in the folder `basis`, and eigenvalues in them. */
static attrib_status fit_in_rounds(const ranked_fit *fit,
                                   const char *basis,
                                   attrib_error *err)
{
    attrib_fit_options covariance = *fit->options;
    attrib_fit_options lambda = *fit->options;
    covariance.stages = ATTRIB_FIT_COVARIANCE;
    lambda.stages = ATTRIB_FIT_LAMBDA;
    lambda.basis = basis;
    attrib_status status = fit_round(fit, "covariance", &covariance, basis, err);
    if (status == ATTRIB_OK && fit->options->strategy == ATTRIB_EKFAC) {
        status = fit_round(fit, "lambda", &lambda, fit->output, err);
    }
    return status;
}

/* 2. The fit */

/* The output is finished: it must be that of this fit. */
static attrib_status check_finished(const ranked_fit *fit, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_fit_options options = *fit->options;
    options.n_parts = fit->n_parts;
    if (fit->job->ranks->i == 0) {
        status = attrib_factors_check_finished(fit->job->session, fit->source->model,
                                               fit->source->corpus, &options, fit->output,
                                               err);
    }
    if (status == ATTRIB_OK && fit->job->ranks->i == 0) {
        ranks_folder_remove(&fit->folder); /* of ranks that were killed at their end */
    }
    return ranks_agree(fit->job->ranks, status, err);
}

attrib_status ranks_fit(const cli_source *source,
                        const attrib_fit_options *options,
                        const char *output,
                        cli_job *job,
                        attrib_error *err)
{
    ranked_fit fit = {.source = source, .options = options, .output = output, .job = job};
    char *basis = NULL;
    fit.n_parts = options->n_parts > 1 ? options->n_parts : job->ranks->n;
    if (options->stages != ATTRIB_FIT_ALL &&
        job->ranks->i == 0) { /* who ends the others */
        return cli_fail(err, ATTRIB_EINVAL,
                        "several processes of MPI do a whole fit: leave out --stage");
    }
    attrib_status status = ranks_folder_open(&fit.folder, job->ranks, output, err);
    if (status == ATTRIB_OK && ranks_is_finished(output)) {
        status = check_finished(&fit, err);
        ranks_folder_close(&fit.folder);
        return status;
    }
    if (status == ATTRIB_OK) {
        status = ranks_folder_name(&fit.folder, "basis", 0, &basis, err);
    }
    if (status == ATTRIB_OK && job->ranks->i == 0) {
        status = bind_folder(&fit, err);
        status = status == ATTRIB_OK ? write_tasks(&fit, err) : status;
    }
    status = ranks_agree(job->ranks, status, err);
    if (status == ATTRIB_OK && options->strategy == ATTRIB_DIAGONAL) {
        status = fit_round(&fit, "lambda", options, output, err);
    } else if (status == ATTRIB_OK) {
        bool is_whole = options->strategy == ATTRIB_EKFAC;
        status = fit_in_rounds(&fit, is_whole ? basis : output, err);
    }
    if (status == ATTRIB_OK && job->ranks->i == 0) {
        ranks_folder_remove(&fit.folder);
    }
    free(basis);
    ranks_folder_close(&fit.folder);
    return status;
}
