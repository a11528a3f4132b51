/* SPDX-License-Identifier: MIT */
/* Scores by several ranks (ranks_score.h): what many machines do with attrib prepare,
 * attrib score --shard and attrib merge.
 *
 * 1. What is shared   2. Shards   3. The run */
#include "cli/ranks_score.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/checkpoints.h"
#include "cli/ranks_folder.h"
#include "cli/tasks.h"

#define MANIFEST "manifest.msgpack"
#define PREPARED "prepared.msgpack"

typedef struct ranked_score {
    scoring_args args;
    cli_job *job;
    ranks_folder folder;
    char *prepared; /* owned */
    scoring opened;
    checkpoints all;
    size_t n_shards;
} ranked_score;

/* 1. What is shared */

/* As many shards as there are ranks, where the corpus has so many slices. The number
 * stays for ranks that go on with them, however many these are. */
static attrib_status choose_shards(ranked_score *self, attrib_error *err)
{
    tasks job = {0};
    char text[64];
    size_t n_ranks = self->job->ranks->n;
    size_t n_most = attrib_run_most_shards(self->opened.source.corpus);
    attrib_status status = tasks_find(self->folder.path, &job, err);
    bool is_chosen = job.n > 0;
    tasks_free(&job);
    if (status != ATTRIB_OK || is_chosen) {
        return status;
    }
    snprintf(text, sizeof text, "prepared\nscores %zu\n",
             n_most < n_ranks ? n_most : n_ranks);
    if (n_most < n_ranks) {
        terminal_log(self->job->screen, ATTRIB_LOG_WARNING,
                     "%zu of %zu processes have nothing to do: shards end every 512 "
                     "documents",
                     n_ranks - n_most, n_ranks);
    }
    return ranks_folder_write(&self->folder, TASKS_FILE, text, err);
}

/* What would not merge is refused before any work. */
static attrib_status check_options(const ranked_score *self, attrib_error *err)
{
    const attrib_score_options *options = &self->args.ranking.score;
    if (self->args.extends) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "--extend is the work of one process: it does not go with "
                        "several of MPI");
    }
    return options->max_rescored
               ? cli_fail(err, ATTRIB_EINVAL,
                          "--max-rescored is of a whole corpus: it does not go with "
                          "several processes of MPI")
               : ATTRIB_OK;
}

/* What is prepared is bound to the first of several models, and the folder to all of
 * them. */
static attrib_status bind_models(const ranked_score *self, attrib_error *err)
{
    char *text = NULL;
    size_t n_bytes = 0;
    FILE *stream = open_memstream(&text, &n_bytes);
    if (!stream) {
        return cli_fail(err, ATTRIB_ENOMEM, "hashes of models");
    }
    for (size_t c = 0; c < self->all.models.n; c++) {
        const attrib_score_checkpoint *one = &self->all.items[c];
        fprintf(stream, "model %s factors %s weight %.17g\n",
                attrib_model_hash(one->model),
                one->factors ? attrib_factors_describe(one->factors)->hash : "none",
                one->weight);
    }
    attrib_status status = fclose(stream) == 0
                               ? ranks_folder_bind(&self->folder, "models", text, err)
                               : cli_fail(err, ATTRIB_ENOMEM, "hashes of models");
    free(text);
    return status;
}

static attrib_status open_all(ranked_score *self, attrib_error *err)
{
    return checkpoints_open_scoring(&self->args, self->job, &self->opened, &self->all,
                                    err);
}

/* The first rank reads the corpus, has the model write completions, and chooses sizes;
 * the others find what it left, so that a chat template has one today. */
static attrib_status prepare(ranked_score *self, attrib_error *err)
{
    attrib_status status = check_options(self, err);
    status = status == ATTRIB_OK ? open_all(self, err) : status;
    status = status == ATTRIB_OK ? ranks_folder_make(&self->folder, err) : status;
    if (status == ATTRIB_OK) { /* of several models by the first one */
        attrib_score_job prepared = self->opened.job;
        prepared.folder = self->prepared;
        status = attrib_run_prepare(self->job->session, &prepared, err);
    }
    if (status == ATTRIB_OK && self->all.models.n > 1) {
        status = bind_models(self, err);
    }
    return status == ATTRIB_OK ? choose_shards(self, err) : status;
}

/* The number of shards, which must be one that ranks have written. */
static attrib_status read_shards(ranked_score *self, attrib_error *err)
{
    tasks job = {0};
    size_t n_most = attrib_run_most_shards(self->opened.source.corpus);
    attrib_status status = tasks_find(self->folder.path, &job, err);
    if (status == ATTRIB_OK) {
        self->n_shards = job.n == 2 ? job.stages[1].n_tasks : 0;
        status = self->n_shards > 0 && self->n_shards <= n_most
                     ? ATTRIB_OK
                     : cli_fail(err, ATTRIB_EFORMAT,
                                "%s/" TASKS_FILE ": expected at most %zu shards: remove "
                                "%s, or name another output",
                                self->folder.path, n_most, self->folder.path);
    }
    tasks_free(&job);
    return status;
}

/* 2. Shards */

static attrib_status score_shards(ranked_score *self,
                                  const ranks_names *shards,
                                  attrib_error *err)
{
    attrib_score_job shard = self->opened.job;
    bool *is_mine = calloc(shards->n, sizeof *is_mine);
    attrib_status status =
        is_mine ? ranks_folder_deal(&self->folder, shards, MANIFEST, is_mine, err)
                : cli_fail(err, ATTRIB_ENOMEM, "shards");
    /* Shards of several models prepare themselves, to the same sizes. */
    shard.prepared = self->all.models.n > 1 ? NULL : self->prepared;
    shard.n_shards = shards->n;
    size_t n_mine = ranks_count(is_mine, shards->n);
    for (size_t p = 0, i = 0; status == ATTRIB_OK && p < shards->n; p++) {
        attrib_run *run = NULL;
        shard.i_shard = p;
        shard.folder = shards->names[p];
        if (is_mine[p]) {
            attrib_session_round(self->job->session, i++, n_mine);
            status = checkpoints_run(&self->all, &shard, self->job, &run, err);
        }
        attrib_run_close(run);
    }
    attrib_session_round(self->job->session, 0, 1);
    free(is_mine);
    return ranks_agree(self->job->ranks, status, err);
}

static attrib_status merge_shards(const ranked_score *self,
                                  const ranks_names *shards,
                                  attrib_run **out,
                                  attrib_error *err)
{
    attrib_merge_options options;
    attrib_merge_options_default(&options);
    options.command = self->job->command_line;
    attrib_status status =
        attrib_run_merge(self->job->session, (const char *const *)shards->names,
                         shards->n, &options, self->args.output, err);
    if (status == ATTRIB_OK) {
        ranks_folder_remove(&self->folder);
        status = source_list_skipped(&self->opened.source, self->args.output, err);
    }
    return status == ATTRIB_OK ? attrib_run_open(self->args.output, out, err) : status;
}

/* 3. The run */

static attrib_status share(ranked_score *self, attrib_run **out, attrib_error *err)
{
    ranks_names shards = {0};
    bool is_first = self->job->ranks->i == 0;
    attrib_status status = is_first ? prepare(self, err) : ATTRIB_OK;
    status = ranks_agree(self->job->ranks, status, err);
    self->args.prepared = self->prepared;
    if (status == ATTRIB_OK && !is_first) {
        status = open_all(self, err);
    }
    status = status == ATTRIB_OK ? read_shards(self, err) : status;
    if (status == ATTRIB_OK) {
        status = ranks_folder_list(&self->folder, "scores", self->n_shards, &shards, err);
    }
    status = status == ATTRIB_OK ? score_shards(self, &shards, err) : status;
    if (status == ATTRIB_OK && is_first) {
        status = merge_shards(self, &shards, out, err);
    }
    ranks_names_free(&shards);
    return status;
}

/* The run is finished: the first rank goes through it as a single process does, which
 * computes no scores again, and refuses another run. */
static attrib_status score_again(ranked_score *self, attrib_run **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (self->job->ranks->i == 0) {
        status = check_options(self, err);
        status = status == ATTRIB_OK ? open_all(self, err) : status;
        if (status == ATTRIB_OK) {
            attrib_score_job again = self->opened.job;
            again.folder = self->args.output;
            status = checkpoints_run(&self->all, &again, self->job, out, err);
        }
        if (status == ATTRIB_OK) {
            ranks_folder_remove(
                &self->folder); /* of ranks that were killed at their end */
        }
    }
    return ranks_agree(self->job->ranks, status, err);
}

attrib_status ranks_score(const scoring_args *args,
                          cli_job *job,
                          attrib_run **out,
                          attrib_error *err)
{
    ranked_score self = {.args = *args, .job = job};
    char *record = NULL;
    *out = NULL;
    attrib_status status = ranks_folder_open(&self.folder, job->ranks, args->output, err);
    if (status == ATTRIB_OK) {
        status = ranks_folder_name(&self.folder, "prepared", 0, &self.prepared, err);
    }
    if (status == ATTRIB_OK) {
        status = ranks_folder_name(&self.folder, "prepared/" PREPARED, 0, &record, err);
    }
    if (status == ATTRIB_OK && ranks_is_finished(args->output)) {
        status = score_again(&self, out, err);
    } else if (status == ATTRIB_OK) {
        self.args.prepared = ranks_is_there(record) ? self.prepared : args->prepared;
        status = share(&self, out, err);
    }
    checkpoints_close(&self.all);
    scoring_close(&self.opened);
    free(record);
    free(self.prepared);
    ranks_folder_close(&self.folder);
    return status;
}
