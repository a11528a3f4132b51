/* SPDX-License-Identifier: MIT */
/* How a run begins (preparing.h).
 *
 * 1. What the run is.
 * 2. What was prepared before.
 * 3. Queries.
 * 4. Sizes.
 * 5. The folder, and the shard. */
#include "score/preparing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/owner.h"
#include "base/session.h"
#include "linalg/linalg.h"
#include "run/slice_piece.h"
#include "score/baselines.h"
#include "score/sizes.h"

/* 1. What the run is */

static attrib_status bank_string(attrib_run *run,
                                 const char *text,
                                 const char **out,
                                 attrib_error *err)
{
    return at_arena_text(run->bank, text, text ? strlen(text) : 0, out, err);
}

static void hash_modules(const at_setup *setup, char out[AT_HASH_SIZE])
{
    at_hash_bytes(setup->tracked, setup->n_tracked * sizeof *setup->tracked, out);
}

static attrib_status describe_origin(const at_setup *setup,
                                     attrib_run *run,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    const char *command = setup->options.command;
    char directory[4096];
    AT_TRY(bank_string(run, attrib_model_hash(setup->model), &info->model_hash, err));
    AT_TRY(bank_string(run, attrib_corpus_hash(setup->corpus), &info->corpus_hash, err));
    AT_TRY(bank_string(run, attrib_corpus_date(setup->corpus), &info->corpus_date, err));
    AT_TRY(bank_string(run, attrib_corpus_selection(setup->corpus),
                       &info->corpus_selection, err));
    AT_TRY(bank_string(run, setup->factors ? setup->factors->identity : "",
                       &info->factors_hash, err));
    AT_TRY(at_score_options_keep(&run->options, run->bank, err));
    AT_TRY(bank_string(run, command ? command : "", &info->command, err));
    run->options.command = info->command;
    AT_TRY(bank_string(run, getcwd(directory, sizeof directory), &info->directory, err));
    AT_TRY(bank_string(run, attrib_kernels_describe(), &info->kernels, err));
    AT_TRY(at_fields_copy(at_corpus_fields(setup->corpus), &run->fields, err));
done:
    return status;
}

/* The whole corpus is the only part. */
static attrib_status describe_part(const at_setup *setup,
                                   attrib_run *run,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(1, sizeof *run->parts, &run->parts, err));
    run->n_parts = 1;
    run->parts[0] = (at_part){.end = setup->n_documents, .n_corpus = setup->n_documents};
    memcpy(run->parts[0].corpus_hash, attrib_corpus_hash(setup->corpus), AT_HASH_SIZE);
done:
    return status;
}

/* All that is known before queries are complete and sizes chosen. */
static attrib_status describe_run(const at_setup *setup,
                                  attrib_run *run,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    double n_tracked = 0;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const attrib_module *module = at_setup_module(setup, m);
        n_tracked += (double)module->in_dim * (double)module->out_dim;
    }
    info->n_documents = setup->n_documents;
    info->n_modules = setup->n_tracked;
    info->n_tokens = attrib_corpus_summarize(setup->corpus)->n_tokens;
    run->options = setup->options;
    at_baselines_join(setup, &run->options);
    info->options = &run->options;
    info->tracked_share =
        n_tracked / (double)attrib_model_describe(setup->model)->n_parameters;
    hash_modules(setup, run->modules_hash);
    AT_TRY(describe_origin(setup, run, err));
    AT_TRY(describe_part(setup, run, err));
done:
    return status;
}

/* 2. What was prepared before */

static size_t n_rows(const at_setup *setup)
{
    return setup->queries ? attrib_queries_count(setup->queries) : 0;
}

static attrib_status hash_rows(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = n_rows(self->setup);
    AT_TRY(at_array(n, sizeof *self->rows, &self->rows, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_row_hash(attrib_queries_get(self->setup->queries, i),
                           self->rows[i].hash, err));
    }
done:
    return status;
}

static const char *comma(const at_buffer *list)
{
    return list->n_bytes ? ", " : "";
}

/* Append how the corpus differs. */
static attrib_status compare_corpora(const at_preparing *self,
                                     const attrib_run *was,
                                     at_buffer *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = &self->run->info;
    if (strcmp(was->info.corpus_hash, info->corpus_hash) == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_print(out, err, "%scorpus", comma(out)));
    if (was->info.n_documents != info->n_documents) {
        AT_TRY(at_buffer_print(out, err, " (%zu documents, here %zu)",
                               was->info.n_documents, info->n_documents));
    } else if (strcmp(was->info.corpus_date, info->corpus_date) != 0) {
        AT_TRY(at_buffer_print(out, err, " (--date %s, here %s)", was->info.corpus_date,
                               info->corpus_date));
    }
done:
    return status;
}

/* Append how the rows of queries differ: which one is the first that does. */
static attrib_status compare_rows(const at_preparing *self,
                                  const at_preparation *was,
                                  at_buffer *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = n_rows(self->setup);
    size_t i = 0;
    while (i < n && i < was->n_rows &&
           strcmp(was->rows[i].hash, self->rows[i].hash) == 0) {
        i++;
    }
    if (i < n && i < was->n_rows) {
        AT_TRY(at_buffer_print(out, err, "%squery %zu \"%.40s\"", comma(out), i + 1,
                               attrib_queries_get(self->setup->queries, i)->id));
    } else if (n != was->n_rows) {
        AT_TRY(at_buffer_print(out, err, "%squeries (%zu, here %zu)", comma(out),
                               was->n_rows, n));
    }
done:
    return status;
}

/* Options that decide on completions and sizes, where these were chosen before. */
static attrib_status compare_choices(const at_preparing *self,
                                     const at_preparation *was,
                                     at_buffer *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *now = &self->run->options;
    const attrib_score_options *then = &was->run->options;
    bool is_written = false;
    for (size_t i = 0; i < was->n_rows; i++) {
        is_written |= was->rows[i].is_written;
    }
    if (is_written && now->max_new_tokens != then->max_new_tokens) {
        AT_TRY(at_buffer_print(out, err, "%s--max-new-tokens", comma(out)));
    }
    if ((now->aggregate || then->aggregate) &&
        (!now->aggregate || !then->aggregate ||
         strcmp(now->aggregate, then->aggregate) != 0)) {
        AT_TRY(at_buffer_print(out, err, "%s--aggregate", comma(out)));
    }
done:
    return status;
}

/* Refuse a preparation of another run, saying what is different. */
static attrib_status check_same(const at_preparing *self,
                                const at_preparation *was,
                                at_agreement how,
                                const char *what,
                                const char *path,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer list = {0};
    if (!was->run) {
        return ATTRIB_OK;
    }
    AT_TRY(at_run_compare(was->run, self->run, how, &list, err));
    AT_TRY(compare_corpora(self, was->run, &list, err));
    AT_TRY(compare_rows(self, was, &list, err));
    AT_TRY(compare_choices(self, was, &list, err));
    AT_CHECK(list.n_bytes == 0, ATTRIB_ESHAPE, "%s: %s: other %.160s", path, what,
             list.bytes);
done:
    at_buffer_free(&list);
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
    AT_TRY(check_same(self, &self->given, AT_SAME_ANSWERS, "prepared for another run",
                      path, err));
done:
    return status;
}

/* Read what a folder holds that is there already, and lock it. */
static attrib_status read_own(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folder = self->job->folder;
    if (!folder || !at_is_folder(folder)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_lock_folder(folder, &self->lock, err));
    at_sweep(folder, NULL, true);
    AT_TRY(at_preparation_read(folder, &self->own, err));
    AT_TRY(check_same(self, &self->own, AT_SAME_SCORES, "of another run", folder, err));
done:
    return status;
}

/* What the sizes and completions of this run are taken from; NULL where it is new. */
static const at_preparation *found(const at_preparing *self)
{
    return self->own.run ? &self->own : self->given.run ? &self->given : NULL;
}

/* 3. Queries */

/* Take over the completions that were written before. */
static attrib_status take_completions(const at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_preparation *was = found(self);
    for (size_t i = 0; was && i < was->n_rows; i++) {
        const at_prepared_row *row = &was->rows[i];
        attrib_completion completion;
        if (row->is_written) {
            attrib_completion_default(&completion);
            completion.ids = row->ids;
            completion.n_ids = row->n_ids;
            completion.text = row->text;
            completion.is_cut = row->is_cut;
            AT_TRY(
                attrib_queries_set_completion(self->setup->queries, i, &completion, err));
        }
    }
done:
    return status;
}

/* Note the completions that the model wrote. */
static void note_completions(const at_preparing *self)
{
    for (size_t i = 0; i < n_rows(self->setup); i++) {
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

static attrib_status ask(const at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup *setup = self->setup;
    attrib_run *run = self->run;
    at_buffer text = {0};
    if (setup->queries) {
        AT_TRY(take_completions(self, err));
        AT_TRY(at_complete_queries(setup, err));
        AT_TRY(at_ask(setup, err));
        note_completions(self);
    }
    run->info.n_queries = setup->n_queries;
    run->info.n_answers = run->options.n_settings * setup->n_queries;
    AT_TRY(at_buffer_append(&text, "", 0, err));
    AT_TRY(at_ask_identify(setup, &text, err));
    at_hash_bytes(text.bytes, text.n_bytes, run->queries_hash);
done:
    at_buffer_free(&text);
    return status;
}

/* Choose the documents that are scored, where they are filtered. */
static attrib_status choose_documents(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &self->run->info;
    const at_candidates *candidates = NULL;
    AT_TRY(at_by_tokens_choose(self->setup, &self->tokens, err));
    candidates = self->setup->candidates;
    info->n_passed = candidates ? candidates->n_passed : info->n_documents;
    info->n_candidates = candidates ? candidates->n_each : 0;
    info->n_sampled = candidates ? candidates->n_sampled : 0;
done:
    return status;
}

/* 4. Sizes */

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

static attrib_status choose_sizes(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup *setup = self->setup;
    attrib_run *run = self->run;
    const at_preparation *was = found(self);
    if (was && setup->options.query_rank == ATTRIB_RANK_AUTO) {
        setup->options.query_rank = was->run->info.query_rank;
    }
    AT_TRY(at_group_maps(setup, run, err));
    run->info.n_planes = run->options.n_settings * (1 + run->info.n_groups);
    AT_TRY(at_choose_dampings(setup, err));
    AT_TRY(at_choose_sizes(setup, err)); /* whose pilot of ranks takes dampings */
    if (was) {
        AT_TRY(adopt_tiles(self, was->run, err));
    }
    run->n_tile = setup->n_tile;
    run->info.query_rank = setup->query_rank;
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

/* 5. The folder, and the shard */

static attrib_status write_preparation(const at_preparing *self, attrib_error *err)
{
    attrib_run run = *self->run;
    const at_preparation made = {&run, self->rows, n_rows(self->setup)};
    run.info.command = ""; /* which differ from shard to shard */
    run.info.kernels = "";
    run.info.directory = "";
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
    AT_TRY(bank_string(self->run, folder, &self->run->info.folder, err));
done:
    return status;
}

/* Take the shard's documents, which end where slices do. */
static attrib_status take_shard(const at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = self->run;
    const attrib_corpus *corpus = self->setup->corpus;
    const at_candidates *candidates = self->setup->candidates;
    at_part *part = &run->parts[0];
    size_t n = self->job->n_shards;
    size_t n_slices = at_n_slices(part->n_corpus);
    if (n <= 1) {
        return ATTRIB_OK;
    }
    AT_CHECK(n <= n_slices && self->job->i_shard < n, ATTRIB_EINVAL,
             "shard %zu of %zu, the corpus has %zu slices of %zu documents",
             self->job->i_shard + 1, n, n_slices, AT_SLICE_DOCUMENTS);
    part->first = at_block_start(n_slices, n, self->job->i_shard) * AT_SLICE_DOCUMENTS;
    part->end = at_smaller(at_block_start(n_slices, n, self->job->i_shard + 1) *
                               AT_SLICE_DOCUMENTS,
                           part->n_corpus);
    run->first = part->first;
    run->info.n_documents = part->end - part->first;
    run->info.n_passed = 0;
    run->info.n_tokens = 0;
    for (size_t i = part->first; i < part->end; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        run->info.n_tokens += document.n_tokens;
        run->info.n_passed += !candidates || candidates->is_passed[i];
    }
    AT_TRY(at_run_name(run, err));
done:
    return status;
}

/* The folder may hold slices of another shard of the same run. */
static attrib_status check_shard(const at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error why = {0};
    at_slice_file file = {0};
    bool is_there = false;
    AT_TRY(at_slice_exists(self->run, 0, 0, &is_there, err));
    if (is_there) {
        status = at_slice_file_open(self->run, 0, 0, &file, &why);
        AT_CHECK(status != ATTRIB_ESHAPE, ATTRIB_ESHAPE,
                 "%s: holds another shard of this run, or all of it: name another folder",
                 self->job->folder);
        AT_CHECK(status == ATTRIB_OK, status, "%s", why.message);
    }
done:
    at_slice_file_close(&file);
    return status;
}

attrib_status at_prepare_run(at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_job *job = self->job;
    AT_CHECK(job->folder || job->n_shards <= 1, ATTRIB_EINVAL,
             "a shard of a run needs a folder");
    AT_TRY(describe_run(self->setup, self->run, err));
    AT_TRY(hash_rows(self, err));
    AT_TRY(read_given(self, err));
    AT_TRY(read_own(self, err));
    AT_TRY(ask(self, err));
    AT_TRY(choose_documents(self, err));
    AT_TRY(choose_sizes(self, err));
    AT_TRY(check_identity(self, &self->given, job->prepared, err));
    AT_TRY(check_identity(self, &self->own, job->folder, err));
    if (job->folder) {
        AT_TRY(place(self, err));
    }
    AT_TRY(take_shard(self, err));
    AT_TRY(job->folder ? check_shard(self, err) : ATTRIB_OK);
done:
    return status;
}

void at_preparing_close(at_preparing *self)
{
    at_lock_release(&self->lock);
    at_preparation_free(&self->own);
    at_preparation_free(&self->given);
    at_by_tokens_free(&self->tokens);
    free(self->rows);
    self->rows = NULL;
}
