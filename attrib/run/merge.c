/* SPDX-License-Identifier: MIT */
/* Runs merged: those of disjoint documents and the same queries, such as the shards of a
 * corpus, become one, whose bytes are those of one process.
 *
 * 1. Whether runs go together.
 * 2. The folder.
 * 3. The public calls. */
#include "run/merge.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "base/lock.h"
#include "base/session.h"
#include "base/sized.h"

/* 1. Whether runs go together */

attrib_status at_merge_open_manifest(const char *folder,
                                     attrib_run **out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    AT_CHECK(at_is_folder(folder), ATTRIB_EIO, "%s: %s", folder,
             at_is_there(folder) ? "not a folder" : "no such folder");
    AT_TRY(at_run_new(&run, err));
    AT_TRY(at_arena_text(run->bank, folder, strlen(folder), &run->info.folder, err));
    AT_TRY(at_run_manifest_read(run, err));
    AT_TRY(at_run_place_slices(run, false, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    return status;
}

/* Append which row of queries is the first that differs. */
static attrib_status compare_queries(const attrib_run *a,
                                     const attrib_run *b,
                                     at_buffer *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_preparation of_a = {0};
    at_preparation of_b = {0};
    size_t i = 0;
    const char *comma = out->n_bytes ? ", " : "";
    if (strcmp(a->queries_hash, b->queries_hash) == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_preparation_read(a->info.folder, &of_a, err));
    AT_TRY(at_preparation_read(b->info.folder, &of_b, err));
    while (i < of_a.n_rows && i < of_b.n_rows &&
           strcmp(of_a.rows[i].hash, of_b.rows[i].hash) == 0) {
        i++;
    }
    if (i < of_a.n_rows && i < of_b.n_rows) {
        AT_TRY(at_buffer_print(out, err, "%squery %zu", comma, i + 1));
    } else {
        AT_TRY(at_buffer_print(
            out, err, "%s%s", comma,
            of_a.n_rows == of_b.n_rows
                ? "completions that the model wrote (attrib prepare fixes them)"
                : "number of queries"));
    }
done:
    at_preparation_free(&of_a);
    at_preparation_free(&of_b);
    return status;
}

/* Sizes that runs choose by their machine, which attrib prepare fixes. */
static attrib_status compare_sizes(const attrib_run *a,
                                   const attrib_run *b,
                                   at_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (a->info.query_rank != b->info.query_rank) {
        AT_TRY(at_buffer_print(
            out, err, "%s--query-rank (%zu and %zu; attrib prepare fixes it)",
            out->n_bytes ? ", " : "", a->info.query_rank, b->info.query_rank));
    }
    if (a->n_tile != b->n_tile) {
        AT_TRY(at_buffer_print(
            out, err,
            "%snumber of queries at a time (%zu and %zu; attrib prepare fixes "
            "it)",
            out->n_bytes ? ", " : "", a->n_tile, b->n_tile));
    }
done:
    return status;
}

/* What goes by the tokens of a whole corpus is of that corpus alone. */
static attrib_status check_by_tokens(const attrib_run *a,
                                     const attrib_run *b,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_one = true;
    AT_CHECK(b->info.n_sampled == 0, ATTRIB_EINVAL,
             "%s: --prefilter-sample measured the filter of its documents alone, and "
             "cannot be merged",
             b->info.folder);
    for (size_t p = 0; a->n_parts > 0 && p < b->n_parts; p++) {
        is_one = is_one && strcmp(b->parts[p].corpus_hash, a->parts[0].corpus_hash) == 0;
    }
    AT_CHECK(is_one || !b->options.prefilter, ATTRIB_EINVAL,
             "%s: --prefilter %s chose its documents among those of one corpus, and that "
             "of %s is another",
             b->info.folder, b->options.prefilter, a->info.folder);
    for (size_t s = 0; s < b->options.n_settings; s++) {
        AT_CHECK(is_one || b->options.settings[s].strategy != ATTRIB_BM25, ATTRIB_EINVAL,
                 "%s: --baseline bm25 weighs tokens by how many documents of one corpus "
                 "have them, and that of %s is another",
                 b->info.folder, a->info.folder);
    }
done:
    return status;
}

/* The fields that documents' texts are read by again. */
static bool same_fields(const at_fields *a, const at_fields *b)
{
    for (size_t i = 0; i < AT_N_FIELDS; i++) {
        const char *x = a->names[i];
        const char *y = b->names[i];
        if (!x != !y || (x && strcmp(x, y) != 0)) {
            return false;
        }
    }
    return true;
}

static attrib_status check_pair(const attrib_run *a,
                                const attrib_run *b,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer list = {0};
    AT_TRY(at_run_compare(a, b, AT_SAME_ANSWERS, &list, err));
    AT_TRY(compare_queries(a, b, &list, err));
    AT_TRY(compare_sizes(a, b, &list, err));
    if (!same_fields(&a->fields, &b->fields)) {
        AT_TRY(at_buffer_print(&list, err, "%sfields of rows", list.n_bytes ? ", " : ""));
    }
    AT_CHECK(list.n_bytes == 0, ATTRIB_EINVAL, "%s: of another run than %s: other %.160s",
             b->info.folder, a->info.folder, list.bytes);
    AT_CHECK(b->info.n_open == 0, ATTRIB_EINVAL,
             "%s: --max-rescored left %zu documents open: which ones are reported is not "
             "known, and cannot be merged",
             b->info.folder, b->info.n_open);
    AT_TRY(check_by_tokens(a, b, err));
done:
    at_buffer_free(&list);
    return status;
}

static attrib_status open_all(at_merging *self,
                              const char *const *folders,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(self->n_runs, sizeof *self->runs, &self->runs, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        AT_TRY(at_merge_open_manifest(folders[r], &self->runs[r], err));
        AT_TRY(check_pair(self->runs[0], self->runs[r], err));
        if (strcmp(self->runs[r]->info.kernels, self->runs[0]->info.kernels) != 0) {
            at_log(self->session, ATTRIB_LOG_WARNING,
                   "%s: multiplied by %s, %s by %s: the last bits of their scores differ",
                   folders[r], self->runs[r]->info.kernels, folders[0],
                   self->runs[0]->info.kernels);
        }
    }
done:
    return status;
}

/* 2. The folder: FOLDER.partial while it is filled */

/* Remove what a merge that was killed has left. */
static attrib_status clear_folder(const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[128];
    char *path = NULL;
    DIR *entries = opendir(folder);
    AT_CHECK(entries, ATTRIB_EIO, "%s: %s", folder,
             at_errno_text(errno, text, sizeof text));
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        bool is_ours = strstr(entry->d_name, ".safetensors") != NULL ||
                       strstr(entry->d_name, ".msgpack") != NULL;
        free(path);
        path = NULL;
        AT_TRY(at_join_path(folder, entry->d_name, &path, err));
        if (is_ours) {
            AT_CHECK(unlink(path) == 0, ATTRIB_EIO, "%s: removing: %s", path,
                     at_errno_text(errno, text, sizeof text));
        }
    }
done:
    if (entries) {
        closedir(entries);
    }
    free(path);
    return status;
}

/* What all shards of the merged run share: as it was, but of other corpora together. */
static attrib_status write_preparation(const at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_preparation made = {0};
    const attrib_run *out = self->out;
    AT_TRY(at_preparation_read(self->runs[0]->info.folder, &made, err));
    if (!made.run) {
        goto done; /* a run that a program wrote by itself */
    }
    if (strcmp(made.run->info.corpus_hash, out->info.corpus_hash) != 0) {
        made.run->info.corpus_hash = out->info.corpus_hash;
        made.run->info.n_documents = out->info.n_documents;
        made.run->info.n_tokens = out->info.n_tokens;
        free(made.run->parts);
        made.run->parts = NULL;
        AT_TRY(at_array(out->n_parts, sizeof *made.run->parts, &made.run->parts, err));
        memcpy(made.run->parts, out->parts, out->n_parts * sizeof *out->parts);
        made.run->n_parts = out->n_parts;
        AT_TRY(at_run_name(made.run, err));
    }
    AT_TRY(at_preparation_write(out->info.folder, &made, err));
done:
    at_preparation_free(&made);
    return status;
}

static attrib_status fill(void *context, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_merging *self = context;
    AT_TRY(write_preparation(self, err));
    AT_TRY(at_merge_slices(self, err));
    AT_TRY(at_merge_answers(self, err));
    AT_TRY(at_run_certify(self->out, err));
    AT_TRY(at_answers_write(self->out, err));
    AT_TRY(at_run_manifest_write(self->out, err));
done:
    return status;
}

attrib_status at_merge_write(attrib_session *session,
                             attrib_run *run,
                             const char *folder,
                             at_fill_fn fill_folder,
                             void *context,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer partial = {0};
    at_buffer lock_path = {0};
    at_lock lock = {0};
    char text[128];
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(at_buffer_print(&partial, err, "%.*s.partial", (int)n, folder));
    /* beside the folder, as what it locks is renamed */
    AT_TRY(at_buffer_print(&lock_path, err, "%.*s.lock", (int)n, folder));
    AT_TRY(at_lock_take(session, lock_path.bytes, partial.bytes, false, &lock, err));
    AT_TRY(at_make_folder(partial.bytes, err));
    AT_TRY(clear_folder(partial.bytes, err));
    run->info.folder = partial.bytes;
    AT_TRY(fill_folder(context, err));
    AT_CHECK(rename(partial.bytes, folder) == 0, ATTRIB_EIO, "%s: renaming: %s", folder,
             at_errno_text(errno, text, sizeof text));
done:
    if (status != ATTRIB_OK && lock.path) { /* nothing of it is of use */
        attrib_error ignored;
        (void)!clear_folder(partial.bytes, &ignored);
        (void)!rmdir(partial.bytes);
    }
    run->info.folder = folder;
    at_lock_release(&lock);
    at_buffer_free(&lock_path);
    at_buffer_free(&partial);
    return status;
}

/* 3. The public calls */

bool attrib_run_is(const char *folder)
{
    char *path = NULL;
    attrib_error ignored;
    bool is_there = at_join_path(folder, AT_RUN_PREPARED, &path, &ignored) == ATTRIB_OK &&
                    at_is_file(path);
    free(path);
    return is_there;
}

attrib_status attrib_run_merge(attrib_session *session,
                               const char *const *folders,
                               size_t n,
                               const attrib_merge_options *options,
                               const char *folder,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_merging self = {.session = session, .n_runs = n};
    attrib_merge_options chosen;
    attrib_merge_options_default(&chosen);
    AT_TRY(at_sized_take(options, "merge_options", &chosen, err));
    AT_TRY(at_options_check(attrib_merge_options_table(), &chosen, err));
    AT_CHECK(n > 0, ATTRIB_EINVAL, "no runs to merge");
    AT_TRY(attrib_factors_check_folder(folder, err));
    AT_TRY(open_all(&self, folders, err));
    AT_TRY(at_merge_parts(&self, chosen.is_partial, err));
    AT_TRY(at_merge_open_manifest(folders[0], &self.out, err));
    self.out->info.command = chosen.command ? chosen.command : "";
    AT_TRY(at_merge_describe(&self, err));
    AT_TRY(at_merge_write(session, self.out, folder, fill, &self, err));
done:
    for (size_t r = 0; self.runs && r < n; r++) {
        attrib_run_close(self.runs[r]);
    }
    free(self.runs);
    free(self.parts);
    attrib_run_close(self.out);
    return status;
}
