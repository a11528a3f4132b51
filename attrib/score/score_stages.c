/* SPDX-License-Identifier: MIT */
/* Documents of several stages of a training in one ranking: a run of each, and their
 * merge. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrib/score.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/session.h"
#include "base/sized.h"
#include "run/fill.h"
#include "score/finished.h"

/* All that is scored. */
typedef struct whole {
    attrib_session *session;
    attrib_score_job jobs[ATTRIB_MAX_SETTINGS]; /* [n] */
    attrib_score_options options;
    attrib_score_checkpoint stages[ATTRIB_MAX_SETTINGS]; /* [n] */
    char *folders[ATTRIB_MAX_SETTINGS];                  /* [n] owned */
    size_t n;
    char *place; /* FOLDER.stages; owned */
} whole;

static attrib_status check_job(const whole *self, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_job *job = &self->jobs[i];
    AT_CHECK(job->model && job->corpus && job->queries, ATTRIB_EINVAL,
             "stage %zu: a job without a model, a corpus or queries", i + 1);
    AT_CHECK(
        !job->prepared && !job->index && !job->extends, ATTRIB_EINVAL,
        "several stages take neither what was prepared, nor an index, nor a run that "
        "grows");
    AT_CHECK(job->queries == self->jobs[0].queries, ATTRIB_EINVAL,
             "stage %zu: other queries than those of stage 1", i + 1);
    for (size_t j = 0; j < i; j++) {
        AT_CHECK(strcmp(attrib_corpus_hash(job->corpus),
                        attrib_corpus_hash(self->jobs[j].corpus)) != 0,
                 ATTRIB_EINVAL, "stages %zu and %zu have the same corpus", j + 1, i + 1);
    }
done:
    return status;
}

static attrib_status take_jobs(whole *self,
                               const attrib_score_job *jobs,
                               size_t n,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(n >= 2 && n <= ATTRIB_MAX_SETTINGS, ATTRIB_EINVAL,
             "%zu stages, expected 2 to %d", n, ATTRIB_MAX_SETTINGS);
    attrib_score_options_default(&self->options);
    for (size_t i = 0; i < n; i++) {
        attrib_score_job *job = &self->jobs[i];
        attrib_score_job_default(job);
        AT_TRY(at_sized_take(&jobs[i], "score_job", job, err));
        AT_TRY(check_job(self, i, err));
        self->stages[i] = (attrib_score_checkpoint){job->model, job->factors, 1};
        job->stages = self->stages;
        job->n_stages = n;
        job->i_stage = i;
        job->options = &self->options;
        self->n++;
    }
    AT_TRY(at_sized_take(jobs[0].options, "score_options", &self->options, err));
    AT_CHECK(!self->options.segments, ATTRIB_EINVAL,
             "segments are of one training: they do not go with several stages");
    AT_CHECK(!self->options.prefilter, ATTRIB_EINVAL,
             "prefilter %s chooses documents of one corpus: it does not go with several "
             "stages",
             self->options.prefilter);
    self->options.over_documents = true;
done:
    return status;
}

static attrib_status name_folders(whole *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(at_buffer_print(&text, err, "%.*s.stages", (int)n, folder));
    AT_TRY(at_copy_text(text.bytes, text.n_bytes, &self->place, err));
    for (size_t i = 0; i < self->n; i++) {
        at_buffer_clear(&text);
        AT_TRY(at_buffer_print(&text, err, "%s/%zu", self->place, i + 1));
        AT_TRY(at_copy_text(text.bytes, text.n_bytes, &self->folders[i], err));
        self->jobs[i].folder = self->folders[i];
    }
done:
    at_buffer_free(&text);
    return status;
}

/* The last stage comes first, whose model writes completions. */
static attrib_status score_all(const whole *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i_round = 0; /* the whole is round i_round of n_rounds of those who call */
    size_t n_rounds = 0;
    at_session_round_of(self->session, &i_round, &n_rounds);
    AT_TRY(at_make_folder(self->place, err));
    for (size_t i = self->n; i-- > 0;) {
        attrib_run *run = NULL;
        attrib_session_round(self->session, i_round * self->n + self->n - 1 - i,
                             n_rounds * self->n);
        AT_TRY(attrib_run_score(self->session, &self->jobs[i], &run, err));
        attrib_run_close(run);
    }
done:
    attrib_session_round(self->session, i_round, n_rounds);
    if (status != ATTRIB_OK) {
        rmdir(self->place); /* where nothing was begun, and none else has put anything */
    }
    return status;
}

/* Remove the runs of the stages, some of which may be gone, where this was killed. */
static attrib_status remove_all(const whole *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->n; i++) {
        AT_TRY(at_is_folder(self->folders[i]) ? at_run_remove(self->folders[i], err)
                                              : ATTRIB_OK);
    }
    if (rmdir(self->place) != 0 && errno != ENOENT) {
        status = at_fail_errno(err, self->place, "removing");
    }
done:
    return status;
}

/* Whether the folder holds the finished run of these stages already. */
static attrib_status find_finished(const whole *self,
                                   const char *folder,
                                   bool *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_finished finished = {0};
    AT_TRY(at_finished_open(folder, &finished, err));
    *out = finished.run != NULL;
    if (!*out) {
        AT_TRY(at_lock_check_free(folder, err));
        goto done;
    }
    AT_CHECK(finished.run->n_parts == self->n, ATTRIB_EIO,
             "%s: holds another run already: of %zu corpora, here %zu: name a new folder",
             folder, finished.run->n_parts, self->n);
    for (size_t i = 0; i < self->n; i++) {
        AT_TRY(at_finished_check(&finished, self->session, &self->jobs[i], NULL, err));
    }
    at_log_finished(self->session, folder);
done:
    at_finished_close(&finished);
    return status;
}

static attrib_status merge_all(const whole *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_merge_options options;
    attrib_merge_options_default(&options);
    options.command = self->options.command;
    options.is_partial = self->jobs[0].n_shards > 1;
    AT_TRY(attrib_run_merge(self->session, (const char *const *)self->folders, self->n,
                            &options, folder, err));
    AT_TRY(remove_all(self, err));
done:
    return status;
}

attrib_status attrib_run_score_stages(attrib_session *session,
                                      const attrib_score_job *jobs,
                                      size_t n,
                                      const char *folder,
                                      attrib_run **out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    whole self = {.session = session};
    bool is_finished = false;
    AT_TRY(take_jobs(&self, jobs, n, err));
    AT_TRY(name_folders(&self, folder, err));
    AT_TRY(find_finished(&self, folder, &is_finished, err));
    if (is_finished) {
        AT_TRY(remove_all(&self, err));
        AT_TRY(attrib_run_open(folder, out, err));
        goto done;
    }
    AT_TRY(score_all(&self, err));
    AT_TRY(merge_all(&self, folder, err));
    AT_TRY(attrib_run_open(folder, out, err));
done:
    for (size_t i = 0; i < self.n; i++) {
        free(self.folders[i]);
    }
    free(self.place);
    return status;
}
