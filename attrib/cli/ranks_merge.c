/* SPDX-License-Identifier: MIT */
/* A merge by several ranks (ranks_merge.h). */
#include "cli/ranks_merge.h"

#include <stdio.h>
#include <stdlib.h>

#define MANIFEST "manifest.msgpack"

/* Merge folders as the first rank; the others wait for it. */
static attrib_status merge_alone(const ranks_merging *self,
                                 const char *const *folders,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_session *session = self->job->session;
    if (self->job->ranks->i == 0) {
        status =
            self->sum ? attrib_run_sum(session, folders, n, self->sum, self->output, err)
            : attrib_index_is(folders[0])
                ? attrib_index_merge(session, folders, n, self->options->command,
                                     self->output, err)
            : attrib_run_is(folders[0])
                ? attrib_run_merge(session, folders, n, self->options, self->output, err)
                : attrib_factors_merge(session, folders, n, self->options, self->output,
                                       err);
    }
    return ranks_agree(self->job->ranks, status, err);
}

/* Merge the runs of maps of this rank that are not there yet. */
static attrib_status merge_runs(const ranks_merging *self,
                                const ranks_folder *folder,
                                const ranks_names *runs,
                                attrib_error *err)
{
    attrib_merge_options part = *self->options;
    bool *is_mine = calloc(runs->n, sizeof *is_mine);
    attrib_status status = is_mine
                               ? ranks_folder_deal(folder, runs, MANIFEST, is_mine, err)
                               : cli_fail(err, ATTRIB_ENOMEM, "runs of maps");
    part.n_shards = runs->n;
    for (size_t p = 0; status == ATTRIB_OK && p < runs->n; p++) {
        part.i_shard = p;
        if (is_mine[p]) {
            status = attrib_factors_merge(self->job->session, self->folders, self->n,
                                          &part, runs->names[p], err);
        }
    }
    free(is_mine);
    return ranks_agree(self->job->ranks, status, err);
}

attrib_status ranks_merge_factors(const ranks_merging *self,
                                  const ranks_folder *folder,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    ranks_names runs = {0};
    char name[64];
    size_t n_maps = 0;
    size_t n_runs = self->job->ranks->n;
    if (n_runs > 1) {
        status = attrib_factors_merge_maps(self->folders, self->n, self->options, &n_maps,
                                           err);
    }
    n_runs = n_runs < n_maps ? n_runs : n_maps;
    if (status != ATTRIB_OK || n_runs <= 1) {
        return status == ATTRIB_OK ? merge_alone(self, self->folders, self->n, err)
                                   : status;
    }
    /* another number of ranks makes other runs, of other names */
    snprintf(name, sizeof name, "maps-%zu", n_runs);
    status = ranks_folder_list(folder, name, n_runs, &runs, err);
    if (status == ATTRIB_OK) {
        status = merge_runs(self, folder, &runs, err);
    }
    if (status == ATTRIB_OK) {
        status = merge_alone(self, (const char *const *)runs.names, n_runs, err);
    }
    ranks_names_free(&runs);
    return status;
}

attrib_status ranks_merge(const ranks_merging *self, attrib_error *err)
{
    const ranks *all = self->job->ranks;
    ranks_folder folder = {0};
    if (all->n == 1 || self->sum || attrib_run_is(self->folders[0]) ||
        attrib_index_is(self->folders[0])) {
        return merge_alone(self, self->folders, self->n, err);
    }
    attrib_status status = ranks_folder_open(&folder, all, self->output, err);
    if (status == ATTRIB_OK && ranks_is_finished(self->output)) {
        status = merge_alone(self, self->folders, self->n, err); /* which says so */
        if (status == ATTRIB_OK && all->i == 0) {
            ranks_folder_remove(&folder); /* of ranks that were killed at their end */
        }
        ranks_folder_close(&folder);
        return status;
    }
    if (status == ATTRIB_OK && all->i == 0) {
        status = attrib_factors_check_folder(self->output, err);
        status = status == ATTRIB_OK ? ranks_folder_make(&folder, err) : status;
        status = status == ATTRIB_OK
                     ? ranks_folder_bind(&folder, "merge", self->job->command_line, err)
                     : status;
    }
    status = ranks_agree(all, status, err);
    if (status == ATTRIB_OK) {
        status = ranks_merge_factors(self, &folder, err);
    }
    if (status == ATTRIB_OK && all->i == 0) {
        ranks_folder_remove(&folder);
    }
    ranks_folder_close(&folder);
    return status;
}
