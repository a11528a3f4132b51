/* SPDX-License-Identifier: MIT */
/* How a run begins (preparing.h).
 *
 * 1. What was prepared before.
 * 2. Queries.
 * 3. Sizes.
 * 4. The folder. */
#include "score/preparing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/owner.h"
#include "base/session.h"
#include "index/estimate.h"
#include "index/index.h"
#include "index/scan.h"
#include "linalg/linalg.h"
#include "query/staged.h"
#include "refine/refine.h"
#include "score/baselines.h"
#include "score/sizes.h"

/* 1. What was prepared before */

static attrib_status hash_rows(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_preparing_n_rows(self);
    AT_TRY(at_array(n, sizeof *self->rows, &self->rows, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_row_hash(attrib_queries_get(self->setup->queries, i),
                           self->rows[i].hash, err));
    }
done:
    return status;
}

static attrib_status read_given(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *path = self->job->prepared;
    if (!path) {
        return ATTRIB_OK;
    }
    AT_TRY(at_preparation_read(path, &self->given, err));
    AT_CHECK(self->given.run, ATTRIB_EIO,
             "%s: no %s: not the folder of a run, or of attrib prepare", path,
             AT_RUN_PREPARED);
    AT_TRY(at_preparing_check_same(self, &self->given, AT_SAME_ANSWERS,
                                   "prepared for another run", path, err));
    self->setup->refined = (at_refined_place){path, self->given.run->identity};
done:
    return status;
}

/* Refuse a folder of something else, whose manifest the run's own would replace. */
static attrib_status check_no_other(const at_preparing *self, attrib_error *err)
{
    static const char *const manifests[] = {AT_RUN_MANIFEST, AT_INDEX_MANIFEST};
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    for (size_t i = 0; !self->own.run && i < sizeof manifests / sizeof *manifests; i++) {
        AT_TRY(at_join_path(self->job->folder, manifests[i], &path, err));
        AT_CHECK(!at_is_there(path), ATTRIB_EIO,
                 "%s: holds %s, and is not the folder of a run: name a new folder",
                 self->job->folder, manifests[i]);
        free(path);
        path = NULL;
    }
done:
    free(path);
    return status;
}

/* Read what a folder holds that is there already, and lock it. */
static attrib_status read_own(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folder = self->job->folder;
    if (self->is_outline) {
        return at_preparing_check_same(self, self->growth->was, AT_SAME_ANSWERS,
                                       "of another run", folder, err);
    }
    if (!folder || !at_is_folder(folder)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_lock_folder(folder, &self->lock, err));
    at_sweep(folder, NULL, true);
    AT_TRY(at_preparation_read(folder, &self->own, err));
    AT_TRY(check_no_other(self, err));
    AT_TRY(at_preparing_check_same(self, &self->own, AT_SAME_SCORES, "of another run",
                                   folder, err));
done:
    return status;
}

/* What the sizes and completions of this run are taken from; NULL where it is new. */
static const at_preparation *found(const at_preparing *self)
{
    return self->own.run ? &self->own : self->given.run ? &self->given : NULL;
}

/* 2. Queries */

/* Take over the completions that were written before, of the rows from `first` on; those
 * that stand there already are kept, as others point to them. */
static attrib_status take_completions(const at_preparing *self,
                                      const at_preparation *was,
                                      size_t first,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; was && i < was->n_rows; i++) {
        const at_prepared_row *row = &was->rows[i];
        attrib_completion completion;
        if (row->is_written &&
            !attrib_queries_get(self->setup->queries, first + i)->is_generated) {
            attrib_completion_default(&completion);
            completion.ids = row->ids;
            completion.n_ids = row->n_ids;
            completion.text = row->text;
            completion.is_cut = row->is_cut;
            AT_TRY(attrib_queries_set_completion(self->setup->queries, first + i,
                                                 &completion, err));
        }
    }
done:
    return status;
}

/* Note the completions that the model wrote. */
static void note_completions(const at_preparing *self)
{
    for (size_t i = 0; i < at_preparing_n_rows(self); i++) {
        const attrib_query *row = attrib_queries_get(self->setup->queries, i);
        at_prepared_row *out = &self->rows[i];
        size_t n = attrib_query_side(row);
        size_t first = 0;
        if (!row->is_generated) {
            continue;
        }
        while (first < n && !row->mask[first]) {
            first++;
        }
        out->is_written = true;
        out->is_cut = row->is_cut;
        out->ids = row->ids + first;
        out->n_ids = n - first;
        out->text = row->completion;
    }
}

/* Leave the queries before the growth's out of the setup: each is one row. */
static void drop_queries(const at_growth *growth, at_setup *setup)
{
    size_t n = growth->first_query;
    at_asked *asked = &setup->asked;
    setup->n_run_queries = setup->n_queries;
    setup->first_query = n;
    setup->n_queries -= n;
    if (n > 0) {
        memmove(asked->rows, asked->rows + n, setup->n_queries * sizeof *asked->rows);
        memmove(asked->weights, asked->weights + n,
                setup->n_queries * sizeof *asked->weights);
    }
}

/* The last model of a training writes completions. */
static attrib_status complete(const at_setup *setup, attrib_error *err)
{
    at_setup asked = *setup;
    asked.model = at_asked_model(setup);
    return at_complete_queries(&asked, err);
}

static attrib_status ask(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup *setup = self->setup;
    attrib_run *run = self->run;
    if (setup->queries) {
        AT_TRY(self->growth ? take_completions(self, self->growth->was, 0, err)
                            : ATTRIB_OK);
        AT_TRY(take_completions(self, found(self), at_preparing_first_row(self), err));
        AT_TRY(complete(setup, err));
        AT_TRY(at_ask(setup, err));
        note_completions(self);
    }
    if (self->growth) {
        drop_queries(self->growth, setup);
    }
    run->info.n_queries = setup->n_queries;
    run->info.n_answers = run->options.n_settings * setup->n_queries;
    AT_TRY(at_array(setup->n_queries, sizeof *self->queries, &self->queries, err));
    for (size_t q = 0; q < setup->n_queries; q++) {
        AT_TRY(at_query_hash(setup, q, self->queries[q].hash, err));
    }
    at_queries_name(self->queries, setup->n_queries, run->queries_hash);
done:
    return status;
}

/* Say how many documents are scored. */
static void note_documents(at_preparing *self)
{
    attrib_run_info *info = &self->run->info;
    const at_candidates *candidates = self->setup->candidates;
    info->n_passed = candidates ? candidates->n_passed : info->n_documents;
    info->n_candidates = candidates ? candidates->n_each : 0;
    info->n_sampled = candidates ? candidates->n_sampled : 0;
}

/* Without queries: take the self-influences that an index has. */
static attrib_status take_indexed_self(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup *setup = self->setup;
    size_t n = attrib_corpus_summarize(setup->corpus)->n_documents;
    AT_TRY(at_array(n, sizeof *self->indexed_self, &self->indexed_self, err));
    AT_TRY(at_index_self(setup, setup->index, self->indexed_self, err));
    setup->indexed_self = self->indexed_self;
done:
    return status;
}

/* Choose the documents that are scored by their estimates from an index, which takes
 * prepared queries, and so all sizes. These were chosen as if all documents were scored.
 */
static attrib_status choose_by_index(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup *setup = self->setup;
    at_filter filter = {0};
    if (!setup->index || self->is_asked) {
        return ATTRIB_OK;
    }
    if (!setup->queries) {
        return take_indexed_self(self, err);
    }
    AT_TRY(at_prefilter_read(setup->options.prefilter, &filter, err));
    AT_TRY(at_index_choose(setup, setup->index, filter.n, &self->by_index, &self->ready,
                           err));
    setup->candidates = &self->by_index;
    note_documents(self);
done:
    return status;
}

/* 3. Sizes */

/* A run that was prepared goes on with the tiles that it began with, whatever memory and
 * threads there are now. */
static attrib_status adopt_tiles(const at_preparing *self,
                                 const attrib_run *was,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup *setup = self->setup;
    size_t fitting = 0;
    if (was->n_tile == setup->n_tile) {
        goto done;
    }
    AT_TRY(at_fitting_queries(setup, &fitting, err));
    AT_CHECK(was->n_tile <= fitting, ATTRIB_EINVAL,
             "%s: a run of %zu queries at a time, the limit of memory holds %zu",
             self->job->folder ? self->job->folder : self->job->prepared, was->n_tile,
             fitting);
    setup->n_tile = was->n_tile;
    AT_TRY(at_fitting_whole(setup, &setup->n_tile_full, err));
done:
    at_log(setup->session, ATTRIB_LOG_DETAIL,
           "goes on with %zu queries of rank %zu (0: whole) at a time", was->n_tile,
           setup->query_rank);
    return status;
}

/* The queries that a run of cut ones begins with, or began with. */
static size_t count_first(const at_setup *setup)
{
    size_t n_all = at_larger(setup->n_queries, setup->n_run_queries);
    return setup->query_rank == 0 ? 0 : setup->n_first ? setup->n_first : n_all;
}

static attrib_status choose_sizes(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup *setup = self->setup;
    attrib_run *run = self->run;
    const at_preparation *was = found(self);
    const at_preparation *first = self->growth ? self->growth->was : was;
    /* A rank that was chosen, or that a single query was kept whole in spite of. */
    if (first && (setup->options.query_rank == ATTRIB_RANK_AUTO ||
                  (at_larger(setup->n_queries, setup->n_run_queries) == 1 &&
                   setup->options.query_rank == first->run->options.query_rank))) {
        setup->options.query_rank = first->run->info.query_rank;
    }
    setup->kept_rows = self->growth ? first->run->parts[0].block_rows : 0;
    setup->n_first = self->growth ? first->run->n_first : 0;
    AT_TRY(at_group_maps(setup, run, err));
    run->info.n_planes = run->options.n_settings * (1 + run->info.n_groups);
    AT_TRY(at_choose_dampings(setup, err));
    AT_TRY(at_choose_sizes(setup, err)); /* whose pilot of ranks takes dampings */
    if (was) {
        AT_TRY(adopt_tiles(self, was->run, err));
    }
    run->n_tile = setup->n_tile;
    run->info.query_rank = setup->query_rank;
    run->n_first = count_first(setup);
    run->parts[0].block_rows = setup->block_rows;
    AT_TRY(at_run_name(run, err));
done:
    return status;
}

/* What was prepared must be this run, now that all of it is known. */
static attrib_status check_identity(const at_preparing *self,
                                    const at_preparation *was,
                                    const char *path,
                                    attrib_error *err)
{
    if (!was->run || strcmp(was->run->identity, self->run->identity) == 0) {
        return ATTRIB_OK;
    }
    return at_fail(err, ATTRIB_ESHAPE, "%s: of another run: other %s", path,
                   was->run->info.query_rank != self->run->info.query_rank
                       ? "--query-rank"
                   : was->run->n_tile != self->run->n_tile
                       ? "number of queries at a time: --ram-limit"
                       : "queries or version of attrib");
}

/* 4. The folder */

at_preparation at_preparing_made(const at_preparing *self, attrib_run *run)
{
    size_t first = at_preparing_first_row(self);
    *run = *self->run;
    run->info.command = ""; /* which differ from shard to shard */
    run->info.kernels = "";
    run->info.directory = "";
    return (at_preparation){run, self->rows + first, at_preparing_n_rows(self) - first,
                            self->queries};
}

static attrib_status write_preparation(const at_preparing *self, attrib_error *err)
{
    attrib_run run;
    const at_preparation made = at_preparing_made(self, &run);
    return at_preparation_write(self->job->folder, &made, err);
}

/* Make the folder, where it is not there yet, and write what the run is. */
static attrib_status place(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folder = self->job->folder;
    if (!self->lock.path) {
        AT_TRY(at_make_folder(folder, err));
        AT_TRY(at_lock_folder(folder, &self->lock, err));
        AT_TRY(at_preparation_read(folder, &self->own, err));
        AT_TRY(check_identity(self, &self->own, folder, err));
    }
    AT_TRY(write_preparation(self, err));
    AT_TRY(at_arena_text(self->run->bank, folder, strlen(folder), &self->run->info.folder,
                         err));
done:
    return status;
}

attrib_status at_preparing_compare(at_preparing *self,
                                   const at_preparation *was,
                                   const char *path,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_preparing_describe(self, err));
    AT_TRY(hash_rows(self, err));
    AT_TRY(at_preparing_check_same(self, was, AT_SAME_ANSWERS,
                                   "holds another run already", path, err));
done:
    return status;
}

attrib_status at_prepare_run(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_job *job = self->job;
    AT_CHECK(job->folder || job->n_shards <= 1, ATTRIB_EINVAL,
             "a shard of a run needs a folder");
    AT_TRY(at_preparing_describe(self, err));
    AT_TRY(hash_rows(self, err));
    AT_TRY(read_given(self, err));
    AT_TRY(read_own(self, err));
    AT_TRY(ask(self, err));
    AT_TRY(at_by_tokens_choose(self->setup, &self->tokens, err));
    note_documents(self);
    AT_TRY(at_refine_sample(self->setup, err));
    AT_TRY(choose_sizes(self, err));
    AT_TRY(check_identity(self, &self->given, job->prepared, err));
    AT_TRY(check_identity(self, &self->own, job->folder, err));
    if (self->is_outline) {
        goto done;
    }
    AT_TRY(choose_by_index(self, err));
    if (job->folder) {
        AT_TRY(place(self, err));
    }
    AT_TRY(at_preparing_take_shard(self, err));
done:
    return status;
}

attrib_status at_preparing_measure(at_preparing *self, double *least, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(hash_rows(self, err));
    AT_TRY(ask(self, err));
    AT_TRY(at_by_tokens_choose(self->setup, &self->tokens, err));
    AT_TRY(at_refine_sample(self->setup, err));
    AT_TRY(at_group_maps(self->setup, self->run, err));
    AT_TRY(at_measure_least(self->setup, least, err));
done:
    return status;
}

void at_preparing_close(at_preparing *self)
{
    at_lock_release(&self->lock);
    at_preparation_free(&self->own);
    at_preparation_free(&self->given);
    at_by_tokens_free(&self->tokens);
    at_candidates_free(&self->by_index);
    at_prepared_free(&self->ready);
    free(self->indexed_self);
    free(self->rows);
    free(self->queries);
    self->indexed_self = NULL;
    self->rows = NULL;
    self->queries = NULL;
}
