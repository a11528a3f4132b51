/* SPDX-License-Identifier: MIT */
/* Weighted sums of runs: the mean of several checkpoints, or what changed between them.
 *
 * 1. What the sum is made with.
 * 2. The folder.
 * 3. The public calls. */
#include "run/sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "base/session.h"
#include "base/sized.h"
#include "corpus/skipped_merge.h"
#include "run/fill.h"
#include "run/finished.h"

/* 1. What the sum is made with */

/* A text of the runs: the one that all have, or a hash of all. */
static attrib_status join_texts(const at_summing *self,
                                const char *const *texts,
                                const char **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer all = {0};
    char hash[AT_HASH_SIZE];
    bool is_one = true;
    for (size_t r = 0; r < self->n_runs; r++) {
        is_one = is_one && strcmp(texts[r], texts[0]) == 0;
        AT_TRY(at_buffer_print(&all, err, "%s ", texts[r]));
    }
    at_hash_bytes(all.bytes, all.n_bytes, hash);
    AT_TRY(at_arena_text(self->out->bank, is_one ? texts[0] : hash,
                         is_one ? strlen(texts[0]) : AT_HASH_SIZE - 1, out, err));
done:
    at_buffer_free(&all);
    return status;
}

static attrib_status join_origins(const at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &self->out->info;
    const char **texts[3] = {NULL, NULL, NULL};
    const char *modules = NULL;
    for (size_t i = 0; i < 3; i++) {
        AT_TRY(at_array(self->n_runs, sizeof **texts, (void *)&texts[i], err));
    }
    for (size_t r = 0; r < self->n_runs; r++) {
        const attrib_run *run = self->runs[r];
        texts[0][r] = run->info.model_hash;
        texts[1][r] = run->info.factors_hash;
        texts[2][r] = run->modules_hash;
        info->tracked_share = fmin(info->tracked_share, run->info.tracked_share);
        info->n_modules = at_larger(info->n_modules, run->info.n_modules);
        info->query_rank = at_larger(info->query_rank, run->info.query_rank);
        self->out->n_first = at_larger(self->out->n_first, run->n_first);
        if (strcmp(run->info.kernels, info->kernels) != 0) {
            info->kernels = "";
        }
    }
    AT_TRY(join_texts(self, texts[0], &info->model_hash, err));
    AT_TRY(join_texts(self, texts[1], &info->factors_hash, err));
    AT_TRY(join_texts(self, texts[2], &modules, err));
    memcpy(self->out->modules_hash, modules, strlen(modules) + 1);
done:
    for (size_t i = 0; i < 3; i++) {
        free(texts[i]);
    }
    return status;
}

static attrib_status list_checkpoints(const at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *out = self->out;
    attrib_checkpoint *all = NULL;
    AT_TRY(at_arena_take(out->bank, self->n_runs, sizeof *all, &all, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        const attrib_run *run = self->runs[r];
        const char **texts[] = {&all[r].model_hash, &all[r].factors_hash, &all[r].command,
                                &all[r].modules_hash};
        all[r] = (attrib_checkpoint){.weight = self->weights[r],
                                     .model_hash = run->info.model_hash,
                                     .factors_hash = run->info.factors_hash,
                                     .command = run->info.command,
                                     .modules_hash = run->modules_hash};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            const char *text = *texts[i];
            AT_TRY(at_arena_text(out->bank, text, strlen(text), texts[i], err));
        }
    }
    out->info.checkpoints = all;
    out->info.n_checkpoints = self->n_runs;
done:
    return status;
}

static attrib_status choose_top(const at_summing *self, size_t wanted, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *top = &self->out->options.top;
    for (size_t r = 0; r < self->n_runs; r++) {
        *top = at_smaller(*top, self->runs[r]->options.top);
    }
    AT_CHECK(wanted <= (size_t)1e9, ATTRIB_EINVAL, "top %zu, at most 1000000000", wanted);
    *top = wanted ? wanted : *top;
done:
    return status;
}

static attrib_status describe(at_summing *self,
                              const attrib_sum_options *options,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *out = self->out;
    self->is_exact = true;
    for (size_t r = 0; r < self->n_runs; r++) {
        const attrib_run *run = self->runs[r];
        self->is_exact = self->is_exact && !at_run_holds(run, AT_BOUNDS) &&
                         run->options.precision == ATTRIB_F32_PRODUCTS;
    }
    AT_TRY(at_run_set_command(out, options->command, err));
    AT_TRY(choose_top(self, options->top, err));
    AT_TRY(join_origins(self, err));
    AT_TRY(list_checkpoints(self, err));
    AT_TRY(at_run_name(out, err));
done:
    return status;
}

/* 2. The folder */

/* What all shards of the sum share: of the whole corpus, as the first run was prepared.
 */
static attrib_status write_preparation(const at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run run = *self->out;
    at_preparation of_first = {0};
    at_preparation made = {.run = &run};
    attrib_checkpoint *checkpoints = NULL;
    AT_TRY(at_arena_take(run.bank, self->n_runs, sizeof *checkpoints, &checkpoints, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        checkpoints[r] = run.info.checkpoints[r];
        checkpoints[r].command = ""; /* which differ from shard to shard */
    }
    run.info.checkpoints = checkpoints;
    AT_TRY(at_preparation_read(self->runs[0]->info.folder, &of_first, err));
    if (of_first.run) {
        const attrib_run_info *whole = &of_first.run->info;
        run.parts = of_first.run->parts;
        run.n_parts = of_first.run->n_parts;
        run.info.corpus_hash = whole->corpus_hash;
        run.info.n_documents = whole->n_documents;
        run.info.n_tokens = whole->n_tokens;
        run.info.n_passed = whole->n_passed;
        AT_TRY(at_run_name(&run, err));
    }
    run.info.command = "";
    run.info.kernels = "";
    run.info.directory = "";
    made.rows = of_first.rows;
    made.n_rows = of_first.n_rows;
    made.queries = of_first.queries;
    AT_TRY(at_preparation_write(self->out->info.folder, &made, err));
done:
    at_preparation_free(&of_first);
    return status;
}

/* The rows that the runs could not read: of one corpus, so that most lists are the same.
 */
static attrib_status write_skipped(const at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char **folders = NULL;
    AT_TRY(at_array(self->n_runs, sizeof *folders, (void *)&folders, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        folders[r] = self->runs[r]->info.folder;
    }
    AT_TRY(at_skipped_merge(folders, self->n_runs, self->out->info.folder, err));
done:
    free(folders);
    return status;
}

static attrib_status fill(void *context, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_summing *self = context;
    AT_TRY(write_preparation(self, err));
    AT_TRY(at_sum_queries(self, err));
    AT_TRY(at_sum_slices(self, err));
    AT_TRY(at_sum_tops(self, err));
    AT_TRY(at_sum_explain(self, err));
    AT_TRY(at_sum_results(self, err));
    AT_TRY(at_answers_write(self->out, err));
    AT_TRY(write_skipped(self, err));
    AT_TRY(at_run_manifest_write(self->out, err));
done:
    return status;
}

/* 3. The public calls */

void attrib_sum_options_init(attrib_sum_options *options, size_t size)
{
    const attrib_sum_options standard = {0};
    at_sized_fill(&standard, sizeof standard, options, size);
}

static attrib_status open_runs(at_summing *self,
                               const char *const *folders,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(self->n_runs, sizeof(attrib_run *), &self->runs, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        AT_TRY(attrib_run_open(folders[r], &self->runs[r], err));
        AT_TRY(at_sum_check(self->runs[0], self->runs[r], err));
    }
done:
    return status;
}

/* Equal weights, or those that are given. */
static attrib_status choose_weights(const attrib_sum_options *options,
                                    size_t n,
                                    double **out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(n, sizeof **out, out, err));
    for (size_t r = 0; r < n; r++) {
        double weight = options->weights ? options->weights[r] : 1 / (double)n;
        AT_CHECK(isfinite(weight) && fpclassify(weight) != FP_ZERO, ATTRIB_EINVAL,
                 "the weight of run %zu is %g, expected a number other than 0", r + 1,
                 weight);
        (*out)[r] = weight;
    }
done:
    return status;
}

static void free_sum(at_summing *self)
{
    for (size_t a = 0; self->tops && a < self->out->info.n_answers; a++) {
        at_top_free(&self->tops[a]);
    }
    for (size_t r = 0; self->runs && r < self->n_runs; r++) {
        attrib_run_close(self->runs[r]);
    }
    for (size_t r = 0; self->pairs && r < self->n_runs; r++) {
        free(self->pairs[r].items);
    }
    free(self->pairs);
    free(self->tops);
    free(self->runs);
    attrib_run_close(self->out);
}

attrib_status at_run_sum(at_summing *self,
                         const char *const *folders,
                         const attrib_sum_options *options,
                         const char *folder,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_sum_options chosen;
    double *weights = NULL;
    bool is_finished = false;
    attrib_sum_options_default(&chosen);
    AT_TRY(at_sized_take(options, "sum_options", &chosen, err));
    AT_CHECK(self->n_runs >= 2, ATTRIB_EINVAL, "%zu run, expected two or more to add",
             self->n_runs);
    AT_TRY(choose_weights(&chosen, self->n_runs, &weights, err));
    self->weights = weights;
    AT_TRY(at_run_unlock_finished(folder) ? ATTRIB_OK : at_lock_check_free(folder, err));
    AT_TRY(open_runs(self, folders, err));
    AT_TRY(at_run_open_manifest(folders[0], &self->out, err));
    AT_TRY(describe(self, &chosen, err));
    AT_TRY(at_run_find_finished(folder, self->out, &is_finished, err));
    if (is_finished) {
        at_log_finished(self->session, folder);
        goto done;
    }
    AT_TRY(at_run_fill(&(at_filling){self->session, self->out, fill, self, false}, folder,
                       err));
done:
    free_sum(self);
    free(weights);
    return status;
}

attrib_status attrib_run_sum(attrib_session *session,
                             const char *const *folders,
                             size_t n,
                             const attrib_sum_options *options,
                             const char *folder,
                             attrib_error *err)
{
    at_summing self = {.session = session, .n_runs = n};
    return at_run_sum(&self, folders, options, folder, err);
}
