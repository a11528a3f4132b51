/* SPDX-License-Identifier: MIT */
/* A finished run that grows (extend.h).
 *
 * 1. The run as it is.
 * 2. What is new.
 * 3. The merge.
 * 4. All. */
#include "score/extend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib/score.h"
#include "base/session.h"
#include "base/sized.h"
#include "run/fill.h"
#include "run/finished.h"
#include "run/merge.h"
#include "score/score_run.h"

/* Work on one run. */
typedef struct extending {
    attrib_session *session;
    attrib_score_job job;         /* of the whole run; `options` are the ones below */
    attrib_score_options options; /* with the command that makes the whole run */
    attrib_run *old;              /* its manifest */
    at_preparation was;
    at_setup setup; /* of the whole run, which is outlined */
    at_growth all;
    at_preparing whole;
    size_t n_old_documents; /* of the old run, that are not scored again */
    size_t n_old_queries;
    char *run;    /* the folder of the run, which no link is */
    char *folder; /* RUN.extend */
    at_lock lock;
    attrib_run *documents, *queries; /* what is new; NULL: nothing */
} extending;

/* 1. The run as it is */

static attrib_status open_old(extending *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folder = self->job.folder;
    const at_part *part = NULL;
    AT_TRY(at_run_open_manifest(folder, &self->old, err));
    AT_TRY(at_preparation_read(folder, &self->was, err));
    part = self->old->parts;
    AT_CHECK(self->was.run, ATTRIB_EFORMAT, "%s: no %s, by which a run is extended",
             folder, AT_RUN_PREPARED);
    AT_CHECK(self->old->n_parts == 1 && part->first == 0 && part->end == part->n_corpus,
             ATTRIB_EINVAL,
             "%s: of several corpora, or of shards: only a run of one whole corpus is "
             "extended",
             folder);
    AT_CHECK(
        !self->old->options.prefilter, ATTRIB_EINVAL,
        "%s: --prefilter %s chose its documents among those of the corpus as it was: "
        "it cannot be extended",
        folder, self->old->options.prefilter);
    AT_CHECK(
        self->old->info.n_checkpoints == 0, ATTRIB_EINVAL,
        "%s: a sum of %zu runs: each of them is extended, and they are added up again",
        folder, self->old->info.n_checkpoints);
    AT_CHECK(self->old->info.n_open == 0, ATTRIB_EINVAL,
             "%s: --max-rescored left %zu documents open: it cannot be extended", folder,
             self->old->info.n_open);
done:
    return status;
}

/* The command without --extend: it makes the whole run. */
static attrib_status name_command(extending *self, char **out, attrib_error *err)
{
    static const char word[] = " --extend";
    attrib_status status = ATTRIB_OK;
    const char *command = self->options.command ? self->options.command : "";
    AT_TRY(at_copy_text(command, strlen(command), out, err));
    for (char *at = strstr(*out, word); at; at = strstr(at, word)) {
        char *end = at + sizeof word - 1;
        if (*end == '\0' || *end == ' ') {
            memmove(at, end, strlen(end) + 1);
        } else {
            at = end;
        }
    }
    self->options.command = *out;
done:
    return status;
}

/* 2. What is new */

static bool is_bm25(const attrib_score_options *options)
{
    bool found = false;
    for (size_t s = 0; s < options->n_settings; s++) {
        found |= options->settings[s].strategy == ATTRIB_BM25;
    }
    return found;
}

/* Outline the whole run, and find what the old one has of it. */
static attrib_status outline(extending *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folder = self->job.folder;
    size_t n = attrib_corpus_summarize(self->job.corpus)->n_documents;
    size_t n_was = self->old->info.n_documents;
    size_t n_rows = self->job.queries ? attrib_queries_count(self->job.queries) : 0;
    AT_TRY(at_extend_check_documents(self->old, self->job.corpus, err));
    AT_CHECK(n == n_was || (!self->old->options.refine && !self->old->options.scale),
             ATTRIB_EINVAL,
             "%s: --refine and --scale multiply with documents of all of the corpus: new "
             "ones would change what is there",
             self->old->info.folder);
    AT_CHECK(n == n_was || !is_bm25(&self->old->options), ATTRIB_EINVAL,
             "%s: --baseline bm25 weighs tokens by how many documents have them: new "
             "documents change all of its scores, and it cannot be extended by them",
             folder);
    AT_CHECK(n_rows == self->was.n_rows || !self->old->options.aggregate, ATTRIB_EINVAL,
             "%s: --aggregate sums rows of queries, and new rows would change the sums: "
             "it cannot be extended by them",
             folder);
    self->all = (at_growth){.was = &self->was, .end = n};
    self->setup.session = self->session;
    self->whole = (at_preparing){.job = &self->job,
                                 .setup = &self->setup,
                                 .growth = &self->all,
                                 .is_outline = true};
    AT_TRY(at_score_begin(&self->job, &self->setup, &self->whole, err));
    self->n_old_documents =
        n == n_was ? n : n_was / AT_SLICE_DOCUMENTS * AT_SLICE_DOCUMENTS;
    self->n_old_queries = self->old->info.n_queries;
    if (self->n_old_queries * self->setup.options.n_settings == 1 &&
        self->whole.run->info.n_queries > 1) {
        self->n_old_queries = 0;
    }
done:
    return status;
}

/* Score what is new of one kind, in a folder of its own; one that was stopped goes on. */
static attrib_status score_new(const extending *self,
                               const char *name,
                               const at_growth *growth,
                               attrib_run **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_score_job job = self->job;
    char *path = NULL;
    AT_TRY(at_join_path(self->folder, name, &path, err));
    job.folder = path;
    AT_TRY(at_score_growth(self->session, &job, growth, out, err));
    attrib_run_close(*out); /* its manifest is enough */
    *out = NULL;
    AT_TRY(at_run_open_manifest(path, out, err));
done:
    free(path);
    return status;
}

static attrib_status score_all(extending *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_growth documents = {&self->was, self->n_old_documents, self->all.end, 0};
    const at_growth queries = {&self->was, 0, self->n_old_documents, self->n_old_queries};
    AT_TRY(at_make_folder(self->folder, err));
    if (documents.first_document < documents.end) {
        AT_TRY(score_new(self, "documents", &documents, &self->documents, err));
    }
    if (queries.end > 0 && queries.first_query < self->whole.run->info.n_queries) {
        AT_TRY(score_new(self, "queries", &queries, &self->queries, err));
    }
done:
    return status;
}

/* 3. The merge */

/* Enter what is taken of a run into a column. */
static void enter(at_merging *merging,
                  attrib_run *run,
                  size_t i_column,
                  size_t first_query,
                  const at_part *part)
{
    merging->runs[merging->n_runs++] = (at_merged_run){.run = run,
                                                       .i_column = i_column,
                                                       .first_query = first_query,
                                                       .parts = part,
                                                       .n_parts = 1};
}

/* Columns: the queries of the old run, and those after them. */
static void enter_column(const extending *self,
                         at_merging *merging,
                         bool is_old,
                         const at_part *old_part)
{
    size_t n_queries = self->whole.run->info.n_queries;
    size_t first = is_old ? 0 : self->n_old_queries;
    attrib_run *run = is_old ? self->old : self->queries;
    merging->columns[merging->n_columns] =
        (at_merged_column){.i_run = merging->n_runs,
                           .first = first,
                           .n = (is_old ? self->n_old_queries : n_queries) - first};
    if (old_part->end > 0) {
        enter(merging, run, merging->n_columns, 0, old_part);
    }
    if (self->documents) {
        enter(merging, self->documents, merging->n_columns, first,
              self->documents->parts);
    }
    merging->n_columns++;
}

static attrib_status merge(extending *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *whole = self->whole.run;
    at_merging merging = {.session = self->session, .out = whole};
    attrib_run prepared;
    at_part old_part = whole->parts[0];
    bool has_old = self->n_old_queries > 0 || whole->info.n_queries == 0;
    old_part.end = self->n_old_documents;
    AT_TRY(at_array(4, sizeof *merging.runs, &merging.runs, err));
    AT_TRY(at_array(2, sizeof *merging.columns, &merging.columns, err));
    if (has_old) {
        enter_column(self, &merging, true, &old_part);
    }
    if (self->n_old_queries < whole->info.n_queries) {
        enter_column(self, &merging, false, &old_part);
    }
    AT_TRY(at_merge_parts(&merging, false, err));
    AT_TRY(at_run_place_slices(whole, false, err));
    merging.made = at_preparing_made(&self->whole, &prepared);
    AT_TRY(at_merge_write(&merging, self->job.folder, true, err));
done:
    merging.made = (at_preparation){0}; /* borrowed */
    at_merge_free(&merging);
    return status;
}

/* 4. All */

/* Remove what was scored, once it is merged. */
static attrib_status clear(const extending *self, attrib_error *err)
{
    static const char *const names[] = {"documents", "queries"};
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    char text[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        free(path);
        path = NULL;
        AT_TRY(at_join_path(self->folder, names[i], &path, err));
        if (at_is_folder(path)) {
            AT_TRY(at_run_remove(path, err));
        }
    }
    AT_CHECK(rmdir(self->folder) == 0 || errno == ENOENT, ATTRIB_EIO, "%s: removing: %s",
             self->folder, at_errno_text(errno, text, sizeof text));
done:
    free(path);
    return status;
}

/* The name of the run that another folder can take: where a link leads, and what `.` is.
 */
static attrib_status name_run(extending *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct stat info;
    char *real = NULL;
    size_t n = strlen(self->job.folder);
    while (n > 1 && self->job.folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(at_copy_text(self->job.folder, n, &self->run, err));
    if (n > 0 && (self->run[n - 1] == '.' ||
                  (lstat(self->run, &info) == 0 && S_ISLNK(info.st_mode)))) {
        real = realpath(self->run, NULL);
    }
    if (real) {
        free(self->run);
        self->run = real;
    }
    self->job.folder = self->run;
done:
    return status;
}

/* Name RUN.extend, and lock it by a file next to it. */
static attrib_status lock_folder(extending *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folder = self->job.folder;
    at_buffer name = {0};
    at_buffer lock = {0};
    AT_TRY(at_buffer_print(&name, err, "%s.extend", folder));
    AT_TRY(at_buffer_print(&lock, err, "%s.lock", name.bytes));
    AT_TRY(at_copy_text(name.bytes, name.n_bytes, &self->folder, err));
    AT_TRY(at_lock_take(self->session, lock.bytes, folder, false, &self->lock, err));
done:
    at_buffer_free(&name);
    at_buffer_free(&lock);
    return status;
}

static attrib_status extend(extending *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(open_old(self, err));
    AT_TRY(outline(self, err));
    if (self->n_old_documents == self->all.end &&
        self->n_old_queries == self->whole.run->info.n_queries) {
        AT_TRY(at_run_settle(self->session, self->job.folder, err));
        at_log(self->session, ATTRIB_LOG_INFO, "%s: nothing is new", self->job.folder);
        goto done;
    }
    AT_TRY(score_all(self, err));
    AT_TRY(merge(self, err));
done:
    return status;
}

attrib_status at_extend(attrib_session *session,
                        const attrib_score_job *job,
                        attrib_run **out,
                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    extending self = {.session = session, .job = *job};
    char *command = NULL;
    AT_CHECK(job->folder, ATTRIB_EINVAL, "a run is extended in its folder");
    AT_CHECK(job->n_shards <= 1 && !job->prepared, ATTRIB_EINVAL,
             "a run is extended as a whole: without shards, by its own preparation");
    attrib_score_options_default(&self.options);
    AT_TRY(at_sized_take(job->options, "score_options", &self.options, err));
    self.job.options = &self.options;
    self.job.extends = false;
    AT_TRY(name_command(&self, &command, err));
    AT_TRY(name_run(&self, err));
    AT_TRY(lock_folder(&self, err));
    AT_TRY(extend(&self, err));
    AT_TRY(clear(&self, err));
    AT_TRY(attrib_run_open(self.run, out, err));
done:
    at_score_end(&self.setup, &self.whole);
    attrib_run_close(self.whole.run);
    attrib_run_close(self.documents);
    attrib_run_close(self.queries);
    attrib_run_close(self.old);
    at_preparation_free(&self.was);
    at_lock_release(&self.lock);
    free(self.folder);
    free(self.run);
    free(command);
    return status;
}
