/* SPDX-License-Identifier: MIT */
/* Runs merged: those of disjoint documents, such as the shards of a corpus, of disjoint
 * queries, or of both, become one.
 *
 * 1. Whether runs go together.
 * 2. What is written.
 * 3. The public calls. */
#include "run/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "base/options.h"
#include "base/session.h"
#include "base/sized.h"
#include "corpus/skipped_merge.h"
#include "run/drawn.h"
#include "run/fill.h"
#include "run/finished.h"

/* 1. Whether runs go together */

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
done:
    return status;
}

/* Runs of the same queries hold as many at a time. */
static attrib_status check_tiles(const attrib_run *a,
                                 const attrib_run *b,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(a->n_tile == b->n_tile, ATTRIB_EINVAL,
             "%s: of another run than %s: other number of queries at a time (%zu and "
             "%zu; attrib prepare fixes it)",
             b->info.folder, a->info.folder, a->n_tile, b->n_tile);
    AT_CHECK(a->n_first == b->n_first, ATTRIB_EINVAL,
             "%s: of another run than %s: began with other numbers of cut queries (%zu "
             "and %zu)",
             b->info.folder, a->info.folder, a->n_first, b->n_first);
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

static attrib_status open_run(at_merging *self,
                              const char *folder,
                              size_t r,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_merged_run *run = &self->runs[r];
    AT_TRY(at_run_open_manifest(folder, &run->run, err));
    run->parts = run->run->parts;
    run->n_parts = run->run->n_parts;
    AT_TRY(check_pair(self->runs[0].run, run->run, err));
    AT_TRY(at_merge_enter(self, r, err));
    AT_TRY(
        check_tiles(self->runs[self->columns[run->i_column].i_run].run, run->run, err));
    if (strcmp(run->run->info.kernels, self->runs[0].run->info.kernels) != 0) {
        at_log(self->session, ATTRIB_LOG_WARNING,
               "%s: multiplied by %s, %s by %s: the last bits of their scores differ",
               folder, run->run->info.kernels, self->runs[0].run->info.folder,
               self->runs[0].run->info.kernels);
    }
done:
    return status;
}

/* 2. What is written */

/* What all shards of the merged run share: as it was, but of other corpora together. */
static attrib_status describe_preparation(at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *made = self->made.run;
    const attrib_run *out = self->out;
    if (!made) {
        goto done; /* a run that a program wrote by itself */
    }
    if (strcmp(made->info.corpus_hash, out->info.corpus_hash) != 0) {
        made->info.corpus_hash = out->info.corpus_hash;
        made->info.n_documents = out->info.n_documents;
        made->info.n_tokens = out->info.n_tokens;
        made->info.n_passed = out->info.n_passed;
        free(made->parts);
        made->parts = NULL;
        AT_TRY(at_array(out->n_parts, sizeof *made->parts, &made->parts, err));
        memcpy(made->parts, out->parts, out->n_parts * sizeof *out->parts);
        made->n_parts = out->n_parts;
    }
    AT_TRY(at_run_name(made, err));
done:
    return status;
}

/* The largest bound and assumed error of any run. */
static void take_errors(at_merging *self)
{
    attrib_run_info *out = &self->out->info;
    out->largest_bound = 0;
    out->assumed_error = 0;
    for (size_t r = 0; r < self->n_runs; r++) {
        const attrib_run_info *info = &self->runs[r].run->info;
        out->largest_bound = fmax(out->largest_bound, info->largest_bound);
        out->assumed_error = fmax(out->assumed_error, info->assumed_error);
    }
}

/* The rows that the runs could not read. */
static attrib_status write_skipped(const at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char **folders = NULL;
    AT_TRY(at_array(self->n_runs, sizeof *folders, (void *)&folders, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        folders[r] = self->runs[r].run->info.folder;
    }
    AT_TRY(at_skipped_merge(folders, self->n_runs, self->out->info.folder, err));
done:
    free(folders);
    return status;
}

static attrib_status fill(void *context, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_merging *self = context;
    take_errors(self);
    if (self->made.run) {
        AT_TRY(at_preparation_write(self->out->info.folder, &self->made, err));
    }
    AT_TRY(at_merge_slices(self, err));
    AT_TRY(at_merge_answers(self, err));
    AT_TRY(at_run_certify(self->out, err));
    AT_TRY(at_answers_write(self->out, err));
    AT_TRY(self->out->drawn ? at_drawn_write(self->out, err) : ATTRIB_OK);
    AT_TRY(write_skipped(self, err));
    AT_TRY(at_run_manifest_write(self->out, err));
done:
    return status;
}

attrib_status at_merge_write(at_merging *self,
                             const char *folder,
                             bool replaces,
                             attrib_error *err)
{
    const at_filling filling = {self->session, self->out, fill, self, replaces};
    return at_run_fill(&filling, folder, err);
}

void at_merge_free(at_merging *self)
{
    free(self->runs);
    free(self->columns);
    free(self->parts);
    at_preparation_free(&self->made);
}

/* 3. The public calls */

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
    bool is_finished = false;
    attrib_merge_options_default(&chosen);
    AT_TRY(at_sized_take(options, "merge_options", &chosen, err));
    AT_TRY(at_options_check(attrib_merge_options_table(), &chosen, err));
    AT_CHECK(n > 0, ATTRIB_EINVAL, "no runs to merge");
    AT_TRY(at_run_unlock_finished(folder) ? ATTRIB_OK : at_lock_check_free(folder, err));
    AT_TRY(at_array(n, sizeof *self.runs, &self.runs, err));
    AT_TRY(at_array(n, sizeof *self.columns, &self.columns, err));
    for (size_t r = 0; r < n; r++) {
        AT_TRY(open_run(&self, folders[r], r, err));
    }
    AT_TRY(at_merge_parts(&self, chosen.is_partial, err));
    AT_TRY(at_run_open_manifest(folders[0], &self.out, err));
    AT_TRY(at_run_set_command(self.out, chosen.command, err));
    AT_TRY(at_merge_queries(&self, err));
    AT_TRY(at_merge_describe(&self, err));
    AT_TRY(at_run_find_finished(folder, self.out, &is_finished, err));
    if (is_finished) {
        at_log_finished(session, folder);
        goto done;
    }
    AT_TRY(describe_preparation(&self, err));
    AT_TRY(at_merge_write(&self, folder, false, err));
done:
    for (size_t r = 0; self.runs && r < n; r++) {
        attrib_run_close(self.runs[r].run);
    }
    at_merge_free(&self);
    attrib_run_close(self.out);
    return status;
}
