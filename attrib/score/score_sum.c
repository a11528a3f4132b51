/* SPDX-License-Identifier: MIT */
/* Scores of several checkpoints added up: a run of each, one after the other, their sum,
 * and the shares of what the sum reports by every model.
 *
 * 1. Shares of documents that a run has not reported.
 * 2. The runs of the checkpoints.
 * 3. The public call. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrib/score.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/session.h"
#include "base/sized.h"
#include "query/staged.h"
#include "run/fill.h"
#include "run/sum.h"
#include "score/finished.h"
#include "score/refusals.h"
#include "score/score_run.h"
#include "score/settle.h"
#include "score/token_kind.h"

/* All that is scored. */
typedef struct whole {
    attrib_session *session;
    attrib_score_job job;
    const attrib_score_checkpoint *checkpoints; /* [n] */
    char **folders;                             /* [n] of their runs; owned */
    double *weights;                            /* [n] */
    size_t n;
    char *place; /* FOLDER.checkpoints; owned */
} whole;

/* The job of checkpoint c, into a folder of its own. */
static attrib_score_job job_of(const whole *self, size_t c)
{
    attrib_score_job job = self->job;
    job.model = self->checkpoints[c].model;
    job.factors = self->checkpoints[c].factors;
    job.folder = self->folders[c];
    if (job.options && job.options->segments) {
        job.stages = self->checkpoints;
        job.n_stages = self->n;
        job.i_stage = c;
    }
    return job;
}

/* 1. Shares of documents that a run has not reported */

/* Wanted pairs of run r, and those of them whose queries are prepared. */
typedef struct explaining {
    const at_summing *sum;
    size_t r;
    at_sum_pair *wanted; /* [n_wanted] by answer, then document of the run */
    size_t n_wanted;
    size_t first; /* the run's first document in the corpus */
    const at_setup *setup;
    at_prepared prepared;
    at_pair *pairs; /* [n] by document of the corpus, then case */
    size_t n;
} explaining;

/* The case of a query under a setting among those that are prepared; SIZE_MAX where it is
 * none of them. */
static size_t case_of(const explaining *self, size_t i_answer)
{
    const at_prepared *prepared = &self->prepared;
    size_t s = i_answer / self->setup->n_queries - prepared->first_setting;
    size_t q = i_answer % self->setup->n_queries - prepared->tile.first;
    size_t v = s * prepared->tile.n + q;
    return q < prepared->tile.n && v < prepared->n_cases ? v : SIZE_MAX;
}

/* Divide the shares of a pair as the run divides its scores. */
static attrib_status scale_pair(const explaining *self, at_pair *pair, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tile tile = self->prepared.tile;
    size_t s = self->prepared.first_setting + pair->i_case / tile.n;
    size_t a = s * self->setup->n_queries + tile.first + pair->i_case % tile.n;
    attrib_document document;
    attrib_corpus_document(self->setup->corpus, pair->document, &document);
    AT_TRY(at_run_scale(self->sum->runs[self->r], a, pair->document - self->first,
                        &pair->scale, err));
    for (size_t t = 0; t < document.n_tokens; t++) {
        pair->tokens[t] *= pair->scale;
    }
    for (size_t m = 0; m < self->setup->n_tracked; m++) {
        pair->modules[m] *= pair->scale;
    }
done:
    return status;
}

/* List the wanted pairs whose queries are prepared. */
static attrib_status list_pairs(explaining *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(self->n_wanted, sizeof *self->pairs, &self->pairs, err));
    for (size_t i = 0; i < self->n_wanted; i++) {
        size_t v = case_of(self, self->wanted[i].i_answer);
        if (v != SIZE_MAX) {
            self->pairs[self->n++] = (at_pair){
                .i_case = v, .document = self->first + self->wanted[i].document};
        }
    }
    if (self->n > 0) {
        qsort(self->pairs, self->n, sizeof *self->pairs, at_compare_pairs);
    }
done:
    return status;
}

static attrib_status keep_pairs(const explaining *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->n_wanted; i++) {
        at_sum_pair *one = &self->wanted[i];
        const at_pair key = {.i_case = case_of(self, one->i_answer),
                             .document = self->first + one->document};
        const at_pair *pair =
            bsearch(&key, self->pairs, self->n, sizeof key, at_compare_pairs);
        if (pair) {
            AT_TRY(
                at_result_explain(self->sum->out, self->setup, pair, &one->result, err));
            one->result.document.index = one->document;
        }
    }
done:
    return status;
}

/* Explain the wanted pairs of the queries that are prepared. */
static attrib_status explain_prepared(explaining *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(list_pairs(self, err));
    if (self->n == 0) {
        goto done;
    }
    AT_TRY(at_explain(self->setup, &self->prepared, self->pairs, self->n, 0, err));
    for (size_t k = 0; k < self->n; k++) {
        AT_TRY(scale_pair(self, &self->pairs[k], err));
    }
    AT_TRY(at_token_kinds(self->setup, &self->prepared, self->pairs, self->n, err));
    AT_TRY(keep_pairs(self, err));
done:
    at_pairs_free(self->pairs, self->n);
    self->pairs = NULL;
    self->n = 0;
    return status;
}

/* Whether a pair of one of these queries is wanted. */
static bool is_wanted(const explaining *self, at_tile tile)
{
    for (size_t i = 0; i < self->n_wanted; i++) {
        size_t q = self->wanted[i].i_answer % self->setup->n_queries;
        if (q >= tile.first && q < tile.first + tile.n) {
            return true;
        }
    }
    return false;
}

/* Prepare queries, a tile at a time, and explain their pairs. */
static attrib_status explain_all(explaining *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = self->setup->n_queries;
    size_t n_each = self->setup->n_tile;
    for (size_t q = 0; q < n_queries; q += n_each) {
        at_tile here = {q, at_smaller(n_queries - q, n_each)};
        if (is_wanted(self, here)) {
            AT_TRY(at_prepare_staged(self->setup, here, &self->prepared, err));
            AT_TRY(explain_prepared(self, err));
            at_prepared_free(&self->prepared);
        }
    }
done:
    at_prepared_free(&self->prepared);
    return status;
}

static attrib_status explain_pairs(void *context,
                                   const at_summing *sum,
                                   size_t r,
                                   at_sum_pair *pairs,
                                   size_t n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const whole *self = context;
    const attrib_score_job job = job_of(self, r);
    at_setup setup = {.session = self->session};
    at_preparing preparing = {.job = &job, .setup = &setup};
    explaining one = {
        .sum = sum, .r = r, .wanted = pairs, .n_wanted = n, .setup = &setup};
    AT_TRY(at_score_begin(&job, &setup, &preparing, err));
    one.first = preparing.run->first;
    AT_TRY(explain_all(&one, err));
done:
    attrib_run_close(preparing.run);
    at_score_end(&setup, &preparing);
    return status;
}

/* 2. The runs of the checkpoints */

static attrib_status name_folders(whole *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    size_t n = strlen(self->job.folder);
    while (n > 1 && self->job.folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(at_array(self->n, sizeof *self->folders, &self->folders, err));
    AT_TRY(at_array(self->n, sizeof *self->weights, &self->weights, err));
    AT_TRY(at_buffer_print(&text, err, "%.*s.checkpoints", (int)n, self->job.folder));
    AT_TRY(at_copy_text(text.bytes, text.n_bytes, &self->place, err));
    for (size_t c = 0; c < self->n; c++) {
        at_buffer_clear(&text);
        AT_TRY(at_buffer_print(&text, err, "%s/%zu", self->place, c + 1));
        AT_TRY(at_copy_text(text.bytes, text.n_bytes, &self->folders[c], err));
        self->weights[c] = self->job.options && self->job.options->segments
                               ? 1
                               : self->checkpoints[c].weight;
    }
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status check(const whole *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = self->job.options;
    AT_CHECK(self->n >= 2, ATTRIB_EINVAL, "%zu checkpoint, expected two or more",
             self->n);
    AT_CHECK(self->job.folder && self->job.queries, ATTRIB_EINVAL,
             "checkpoints are scored against queries, into a folder");
    AT_CHECK(!self->job.prepared, ATTRIB_EINVAL,
             "what was prepared is of one model, and these are %zu", self->n);
    AT_CHECK(!self->job.index && !self->job.extends, ATTRIB_EINVAL,
             "%s is of one model, and these are %zu",
             self->job.index ? "an index" : "a run that grows", self->n);
    if (options) {
        AT_TRY(at_refuse_options(AT_JOB_OF_MODELS, options, err));
    }
    for (size_t s = 0; options && s < options->n_settings; s++) {
        AT_CHECK(!attrib_strategy_is_baseline(options->settings[s].strategy),
                 ATTRIB_EINVAL,
                 "baselines are scored by themselves, not with several models");
    }
    for (size_t c = 0; c < self->n; c++) {
        double weight = self->checkpoints[c].weight;
        AT_CHECK(isfinite(weight) && fpclassify(weight) != FP_ZERO, ATTRIB_EINVAL,
                 "the weight of checkpoint %zu is %g, expected a number other than 0",
                 c + 1, weight);
    }
done:
    return status;
}

/* Whether the folder holds the finished sum of these checkpoints already. */
static attrib_status find_finished(const whole *self, bool *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_finished finished = {0};
    AT_TRY(at_finished_open(self->job.folder, &finished, err));
    *out = finished.run != NULL;
    if (!*out) {
        AT_TRY(at_lock_check_free(self->job.folder, err));
        goto done;
    }
    AT_CHECK(finished.run->info.n_checkpoints == self->n, ATTRIB_EIO,
             "%s: holds another run already: of %zu models, here %zu: name a new folder",
             self->job.folder, finished.run->info.n_checkpoints, self->n);
    for (size_t c = 0; c < self->n; c++) {
        const attrib_checkpoint *was = &finished.run->info.checkpoints[c];
        const attrib_score_job job = job_of(self, c);
        bool is_same_weight =
            !(was->weight < self->weights[c]) && !(was->weight > self->weights[c]);
        AT_TRY(at_finished_check(&finished, self->session, &job, was, err));
        AT_CHECK(is_same_weight, ATTRIB_EIO,
                 "%s: holds another run already: other weights of models: name a new "
                 "folder",
                 self->job.folder);
    }
    at_log_finished(self->session, self->job.folder);
done:
    at_finished_close(&finished);
    return status;
}

static attrib_status score_all(const whole *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i = 0; /* the sum is round i of n of those who call */
    size_t n = 0;
    at_session_round_of(self->session, &i, &n);
    AT_TRY(at_make_folder(self->place, err));
    for (size_t c = 0; c < self->n; c++) {
        const attrib_score_job job = job_of(self, c);
        attrib_run *run = NULL;
        attrib_session_round(self->session, i * self->n + c, n * self->n);
        AT_TRY(attrib_run_score(self->session, &job, &run, err));
        attrib_run_close(run);
    }
done:
    attrib_session_round(self->session, i, n);
    if (status != ATTRIB_OK) {
        rmdir(self->place); /* where nothing was begun, and none else has put anything */
    }
    return status;
}

/* Remove the runs of the checkpoints, which the sum holds all of. */
static attrib_status remove_all(const whole *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t c = 0; c < self->n; c++) { /* some may be gone, where this was killed */
        AT_TRY(at_is_folder(self->folders[c]) ? at_run_remove(self->folders[c], err)
                                              : ATTRIB_OK);
    }
    if (rmdir(self->place) != 0 && errno != ENOENT) {
        status = at_fail_errno(err, self->place, "removing");
    }
done:
    return status;
}

/* 3. The public call */

static void free_whole(whole *self)
{
    for (size_t c = 0; self->folders && c < self->n; c++) {
        free(self->folders[c]);
    }
    free(self->folders);
    free(self->weights);
    free(self->place);
}

attrib_status attrib_run_score_sum(attrib_session *session,
                                   const attrib_score_job *job,
                                   const attrib_score_checkpoint *checkpoints,
                                   size_t n,
                                   attrib_run **out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    whole self = {.session = session, .checkpoints = checkpoints, .n = n};
    at_summing sum = {
        .session = session, .n_runs = n, .explain = explain_pairs, .context = &self};
    attrib_sum_options options;
    bool is_finished = false;
    attrib_score_job_default(&self.job);
    AT_TRY(at_sized_take(job, "score_job", &self.job, err));
    AT_TRY(check(&self, err));
    AT_TRY(name_folders(&self, err));
    AT_TRY(find_finished(&self, &is_finished, err));
    if (is_finished) {
        AT_TRY(remove_all(&self, err));
        AT_TRY(attrib_run_open(self.job.folder, out, err));
        goto done;
    }
    AT_TRY(score_all(&self, err));
    attrib_sum_options_default(&options);
    options.weights = self.weights;
    options.command = self.job.options ? self.job.options->command : NULL;
    AT_TRY(at_run_sum(&sum, (const char *const *)self.folders, &options, self.job.folder,
                      err));
    AT_TRY(remove_all(&self, err));
    AT_TRY(attrib_run_open(self.job.folder, out, err));
done:
    free_whole(&self);
    return status;
}
