/* SPDX-License-Identifier: MIT */
/* A fit by several ranks: the two rounds of shards that many machines fit a corpus in,
 * with a merge by the first rank after each.
 *
 * 1. The folder of parts   2. Rounds   3. The fit */
#include "cli/ranks_fit.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct ranked_fit {
    const cli_source *source;
    const attrib_fit_options *options;
    const char *folder;
    cli_job *job;
    char *parts; /* FOLDER.ranks; owned */
    size_t n_parts;
} ranked_fit;

/* 1. The folder of parts */

static attrib_status name_file(const ranked_fit *fit,
                               const char *stage,
                               size_t i_part,
                               char **out,
                               attrib_error *err)
{
    int n = i_part ? asprintf(out, "%s/%s-%zu", fit->parts, stage, i_part)
                   : asprintf(out, "%s/%s", fit->parts, stage);
    if (n < 0) {
        *out = NULL;
        return cli_fail(err, ATTRIB_ENOMEM, "%s", stage);
    }
    return ATTRIB_OK;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* What all parts in the folder depend on; owned, NULL without memory. */
static char *describe(const ranked_fit *fit)
{
    char *line = NULL;
    int n = asprintf(&line, "%s\nmodel %s\ncorpus %s\nparts %zu\n",
                     fit->job->command_line, attrib_model_hash(fit->source->model),
                     attrib_corpus_hash(fit->source->corpus), fit->n_parts);
    return n < 0 ? NULL : line;
}

static attrib_status check_description(FILE *file,
                                       const ranked_fit *fit,
                                       const char *wanted,
                                       attrib_error *err)
{
    char *line = NULL;
    size_t n = 0;
    bool is_same = getdelim(&line, &n, '\0', file) > 0 && strcmp(line, wanted) == 0;
    free(line);
    return is_same ? ATTRIB_OK
                   : cli_fail(err, ATTRIB_EINVAL,
                              "%s: of an unfinished fit by another command or of other "
                              "documents, as its file fit says; name another output, or "
                              "remove it",
                              fit->parts);
}

static attrib_status write_description(const char *path,
                                       const char *text,
                                       attrib_error *err)
{
    FILE *file = fopen(path, "w");
    bool is_written = file && fputs(text, file) >= 0;
    is_written = file && fclose(file) == 0 && is_written;
    if (is_written) {
        return ATTRIB_OK;
    }
    attrib_status status = cli_fail(err, ATTRIB_EIO, "%s: %s", path, strerror(errno));
    unlink(path);
    return status;
}

/* The folder, made by the first rank or left by a job that was stopped, is bound to one
 * command, model and corpus: parts of others do not fit together. */
static attrib_status bind_folder(const ranked_fit *fit, attrib_error *err)
{
    char *path = NULL;
    char *text = describe(fit);
    attrib_status status = text ? name_file(fit, "fit", 0, &path, err)
                                : cli_fail(err, ATTRIB_ENOMEM, "%s", fit->parts);
    if (status == ATTRIB_OK && mkdir(fit->parts, 0777) != 0 && errno != EEXIST) {
        status = cli_fail(err, ATTRIB_EIO, "%s: %s", fit->parts, strerror(errno));
    }
    if (status == ATTRIB_OK) {
        FILE *file = fopen(path, "r");
        status = file ? check_description(file, fit, text, err)
                      : write_description(path, text, err);
        if (file) {
            fclose(file);
        }
    }
    free(path);
    free(text);
    return status;
}

static int remove_entry(const char *path,
                        const struct stat *about,
                        int kind,
                        struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    return remove(path);
}

/* 2. Rounds */

/* The parts of this rank that are not there yet. */
static attrib_status fit_parts(const ranked_fit *fit,
                               const char *stage,
                               const attrib_fit_options *options,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const ranks *all = fit->job->ranks;
    for (size_t p = all->i; status == ATTRIB_OK && p < fit->n_parts; p += all->n) {
        char *path = NULL;
        attrib_fit_options part = *options;
        part.i_shard = p;
        part.n_shards = fit->n_parts;
        part.n_parts = 1;
        status = name_file(fit, stage, p + 1, &path, err);
        if (status == ATTRIB_OK && !exists(path)) {
            status = attrib_factors_fit_folder(fit->job->session, fit->source->model,
                                               fit->source->corpus, &part, path, err);
        }
        free(path);
    }
    return ranks_agree(all, status, err);
}

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; names && i < n; i++) {
        free(names[i]);
    }
    free(names);
}

/* The first rank merges a round into `out`; the others wait for it. */
static attrib_status merge_parts(const ranked_fit *fit,
                                 const char *stage,
                                 const char *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_merge_options options;
    char **names = NULL;
    attrib_merge_options_default(&options);
    options.ram_limit = fit->options->ram_limit;
    options.command = fit->job->command_line;
    if (fit->job->ranks->i == 0 && !exists(out)) {
        names = calloc(fit->n_parts, sizeof *names);
        status = names ? ATTRIB_OK : cli_fail(err, ATTRIB_ENOMEM, "names of parts");
        for (size_t p = 0; status == ATTRIB_OK && p < fit->n_parts; p++) {
            status = name_file(fit, stage, p + 1, &names[p], err);
        }
        if (status == ATTRIB_OK) {
            status = attrib_factors_merge(fit->job->session, (const char *const *)names,
                                          fit->n_parts, &options, out, err);
        }
        free_names(names, fit->n_parts);
    }
    return ranks_agree(fit->job->ranks, status, err);
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
    attrib_status status = fit_parts(fit, "covariance", &covariance, err);
    if (status == ATTRIB_OK) {
        status = merge_parts(fit, "covariance", basis, err);
    }
    if (status == ATTRIB_OK && fit->options->strategy == ATTRIB_EKFAC) {
        status = fit_parts(fit, "lambda", &lambda, err);
        if (status == ATTRIB_OK) {
            status = merge_parts(fit, "lambda", fit->folder, err);
        }
    }
    return status;
}

/* 3. The fit */

attrib_status ranks_fit(const cli_source *source,
                        const attrib_fit_options *options,
                        const char *folder,
                        cli_job *job,
                        attrib_error *err)
{
    ranked_fit fit = {.source = source, .options = options, .folder = folder, .job = job};
    attrib_status status = ATTRIB_OK;
    char *basis = NULL;
    fit.n_parts = options->n_parts > 1 ? options->n_parts : job->ranks->n;
    if (options->stages != ATTRIB_FIT_ALL) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "several processes of MPI do a whole fit: leave out --stage");
    }
    if (asprintf(&fit.parts, "%s.ranks", folder) < 0) {
        return cli_fail(err, ATTRIB_ENOMEM, "%s.ranks", folder);
    }
    status = name_file(&fit, "basis", 0, &basis, err);
    if (status == ATTRIB_OK && job->ranks->i == 0) {
        status = bind_folder(&fit, err);
    }
    status = ranks_agree(job->ranks, status, err);
    if (status == ATTRIB_OK && options->strategy == ATTRIB_DIAGONAL) {
        status = fit_parts(&fit, "lambda", options, err);
        status = status == ATTRIB_OK ? merge_parts(&fit, "lambda", folder, err) : status;
    } else if (status == ATTRIB_OK) {
        bool is_whole = options->strategy == ATTRIB_EKFAC;
        status = fit_in_rounds(&fit, is_whole ? basis : folder, err);
    }
    if (status == ATTRIB_OK && job->ranks->i == 0) {
        nftw(fit.parts, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    free(basis);
    free(fit.parts);
    return status;
}
