/* SPDX-License-Identifier: MIT */
/* Runs of scoring: their options, their tiles, and how they are made.
 *
 * 1. Maps.
 * 2. Scores and answers, tile by tile.
 * 3. Runs, begun and made. */
#include "score/score_run.h"

#include "score/baselines.h"
#include "score/check.h"
#include "score/counted.h"
#include "score/outlook.h"
#include "score/sizes.h"
#include "score/source.h"
#include "score/taps.h"

#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "base/thread.h"
#include "corpus/marks.h"
#include "curvature/fit.h"
#include "linalg/linalg.h"
#include "query/staged.h"
#include "refine/refine.h"

/* 1. Maps */

static attrib_status choose_tracked(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (setup->options.n_settings == 0) {
        return ATTRIB_OK; /* baselines take no gradients */
    }
    if (!setup->factors) {
        return attrib_model_select(setup->model, setup->options.modules, &setup->tracked,
                                   &setup->n_tracked, err);
    }
    setup->n_tracked = setup->factors->info.n_modules;
    AT_TRY(at_array(setup->n_tracked, sizeof *setup->tracked, &setup->tracked, err));
    for (size_t m = 0; m < setup->n_tracked; m++) {
        setup->tracked[m] = setup->factors->factors[m].module;
    }
done:
    return status;
}

/* 2. Scores and answers, tile by tile */

/* What documents are scored by: the queries of a tile. */
typedef struct tile_work {
    const at_setup *setup;
    attrib_run *run;
    size_t i_tile;
    at_prepared prepared;
    at_baselines *baselines; /* NULL where the run has none */
} tile_work;

/* Take the self-influences that an index has, under its one setting. */
static void copy_self(const at_setup *setup, at_slice *slice)
{
    memcpy(slice->arrays[AT_SELF], setup->indexed_self + slice->first,
           slice->counts.n_documents * sizeof(double));
}

static attrib_status compute_slice(const tile_work *work,
                                   size_t i_slice,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = work->setup;
    attrib_run *run = work->run;
    at_slice slice = {0};
    AT_TRY(at_slice_new(run, setup->corpus, work->i_tile, i_slice, &slice, err));
    if (setup->indexed_self) {
        copy_self(setup, &slice);
    } else if (setup->options.n_settings > 0) {
        AT_TRY(at_score_documents(setup, &work->prepared, &slice, err));
    }
    if (work->baselines) {
        AT_TRY(at_baselines_score(work->baselines, &slice, err));
    }
    at_mask_unscored(setup, &slice);
    AT_TRY(at_setup_check_files(setup, err));
    if (run->held) {
        run->held[work->i_tile * at_run_n_slices(run) + i_slice] = slice;
        slice = (at_slice){0};
        goto done;
    }
    AT_TRY(at_slice_write(run, &slice, err));
done:
    at_slice_free(&slice);
    return status;
}

/* Score the slices of a tile, except those that an earlier run which was stopped has
 * written. */
static attrib_status score_slices(const tile_work *work, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = work->run;
    for (size_t i = 0; i < at_run_n_slices(run); i++) {
        bool is_there = false;
        const at_slice *slice = NULL;
        if (!run->held) {
            AT_TRY(at_slice_exists(run, work->i_tile, i, &is_there, err));
        }
        if (is_there) { /* read it now, to refuse another run's slice before any work */
            AT_TRY(at_run_slice(run, work->i_tile, i, &slice, err));
            at_log(work->setup->session, ATTRIB_LOG_DETAIL, "slice %zu is there already",
                   i);
            at_slice_place place = at_run_place(run, i);
            if (place.i_within + 1 == place.n_within) {
                AT_TRY(at_slices_join(run, work->i_tile, i, err));
            }
        } else {
            AT_TRY(compute_slice(work, i, err));
        }
    }
done:
    return status;
}

static attrib_status answer(const at_setup *setup,
                            const at_prepared *prepared,
                            attrib_run *run,
                            size_t i_tile,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settled settled = {0};
    AT_TRY(at_settle(setup, prepared, run, i_tile, &settled, err));
    AT_TRY(at_answers_build(run, setup, prepared, &settled, err));
done:
    at_settled_free(&settled);
    return status;
}

/* Answer the queries of a tile that were cut. For this they are prepared whole, as many
 * at a time as memory holds. */
static attrib_status answer_cut(const at_setup *setup,
                                attrib_run *run,
                                size_t i_tile,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup full = at_setup_cut(setup, 0);
    at_prepared whole = {0};
    at_tile tile = at_run_tile(run, i_tile);
    for (size_t q = 0; q < tile.n; q += setup->n_tile_full) {
        size_t left = tile.n - q;
        at_tile here = {tile.first + q,
                        left < setup->n_tile_full ? left : setup->n_tile_full};
        AT_TRY(at_prepare_queries(&full, here, &whole, err));
        AT_TRY(answer(setup, &whole, run, i_tile, err));
        at_prepared_free(&whole);
    }
done:
    at_prepared_free(&whole);
    return status;
}

/* Read the factor of one map, which stays in memory while documents are scored. */
static attrib_status load_factor(void *context,
                                 size_t i_worker,
                                 size_t i_tracked,
                                 attrib_error *err)
{
    const at_setup *setup = context;
    at_setup reader = *setup;
    reader.resident = NULL;
    (void)i_worker;
    return at_take_factor(&reader, i_tracked, &setup->resident[i_tracked], err);
}

static attrib_status load_factors(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!setup->is_resident) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(setup->n_tracked, sizeof *setup->resident, &setup->resident, err));
    AT_TRY(at_parallel_for(setup->session, setup->n_tracked, load_factor, setup, err));
done:
    return status;
}

static void unload_factors(at_setup *setup)
{
    for (size_t m = 0; setup->resident && m < setup->n_tracked; m++) {
        at_factor_unload(setup->factors, &setup->resident[m]);
    }
    free(setup->resident);
    setup->resident = NULL;
}

/* Answer the queries of a tile that is scored: under strategies, then under baselines. */
static attrib_status answer_tile(tile_work *work, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = work->setup;
    if (setup->n_queries == 0) {
        return ATTRIB_OK;
    }
    if (work->baselines) {
        AT_TRY(at_baselines_answer(work->baselines, work->run, work->i_tile, err));
    }
    if (setup->options.n_settings == 0) {
        goto done;
    }
    if (at_is_cut(setup)) {
        at_baselines_free(work->baselines); /* who borrow from what is freed now */
        work->baselines = NULL;
        at_prepared_free(&work->prepared);
        AT_TRY(answer_cut(setup, work->run, work->i_tile, err));
    } else {
        AT_TRY(answer(setup, &work->prepared, work->run, work->i_tile, err));
    }
done:
    return status;
}

static attrib_status make_tile(at_setup *setup,
                               attrib_run *run,
                               size_t i_tile,
                               at_prepared *ready,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    tile_work work = {.setup = setup, .run = run, .i_tile = i_tile};
    if (ready->maps && ready->tile.n == at_run_tile(run, i_tile).n) { /* the only tile */
        work.prepared = *ready;
        *ready = (at_prepared){0};
    } else if (setup->n_queries > 0) {
        AT_TRY(at_prepare_staged(setup, at_run_tile(run, i_tile), &work.prepared, err));
    }
    if (setup->n_queries > 0) {
        AT_TRY(at_refine_queries(setup, &work.prepared, err));
        AT_TRY(at_baselines_new(setup, &work.prepared, &work.baselines, err));
    }
    if (i_tile == 0) { /* self-influences are computed with the first tile */
        AT_TRY(load_factors(setup, err));
    }
    AT_TRY(score_slices(&work, err));
    unload_factors(setup);
    AT_TRY(answer_tile(&work, err));
    if (run->read && i_tile > 0) { /* tile 0's slice stays, as all tiles read it */
        at_slice_free(&run->read[i_tile]);
    }
done:
    at_baselines_free(work.baselines);
    at_prepared_free(&work.prepared);
    return status;
}

static attrib_status make_run(at_setup *setup,
                              attrib_run *run,
                              at_prepared *ready,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(run->info.n_answers, sizeof *run->answers, &run->answers, err));
    if (at_run_keeps_drawn(run)) {
        AT_TRY(at_array(run->info.n_answers, sizeof *run->drawn, &run->drawn, err));
    }
    AT_TRY(at_declare_stages(setup, run, err));
    for (size_t i = 0; i < run->n_tiles; i++) {
        AT_TRY(make_tile(setup, run, i, ready, err));
    }
    at_end_stages(setup);
    AT_TRY(at_setup_check_files(setup, err));
    AT_TRY(at_corpus_check_files(setup->corpus, err));
    AT_TRY(at_run_certify(run, err));
    if (run->info.folder) {
        AT_TRY(at_answers_write(run, err));
        AT_TRY(run->drawn ? at_drawn_write(run, err) : ATTRIB_OK);
        AT_TRY(at_run_manifest_write(run, err));
    }
done:
    return status;
}

/* 3. Runs, begun and made */

/* Take the stages of a training. */
static attrib_status take_stages(const attrib_score_job *job,
                                 at_setup *setup,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = job->stages ? job->n_stages : 0;
    AT_CHECK(n <= ATTRIB_MAX_SETTINGS, ATTRIB_EINVAL, "%zu stages, at most %d", n,
             ATTRIB_MAX_SETTINGS);
    for (size_t i = 0; i < n; i++) {
        AT_CHECK(job->stages[i].model, ATTRIB_EINVAL, "stage %zu has no model", i + 1);
        setup->stages[i] =
            (at_training_stage){job->stages[i].model, job->stages[i].factors};
    }
    AT_CHECK(n == 0 ||
                 (job->i_stage < n && job->stages[job->i_stage].model == job->model &&
                  job->stages[job->i_stage].factors == job->factors),
             ATTRIB_EINVAL, "a job of stage %zu with another model", job->i_stage + 1);
    setup->n_stages = n;
    setup->i_stage = n ? job->i_stage : 0;
done:
    return status;
}

static attrib_status take_job(const attrib_score_job *job,
                              at_setup *setup,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(job->model && job->corpus, ATTRIB_EINVAL, "a job without %s",
             job->model ? "a corpus" : "a model");
    setup->model = job->model;
    setup->tokenizer = job->tokenizer;
    setup->factors = job->factors;
    setup->corpus = job->corpus;
    setup->queries = job->queries;
    setup->index = job->index;
    AT_TRY(take_stages(job, setup, err));
    setup->is_held = !job->folder;
    setup->n_queries = job->queries ? attrib_queries_count(job->queries) : 0;
    setup->n_documents = attrib_corpus_summarize(job->corpus)->n_documents;
    attrib_score_options_default(&setup->options);
    AT_TRY(at_sized_take(job->options, "score_options", &setup->options, err));
    at_score_options_complete(&setup->options);
    AT_TRY(attrib_precision_choose(setup->options.precision, &setup->options.precision,
                                   err));
    if (!setup->queries) { /* nothing is cut, and no tokens have shares */
        setup->options.query_rank = ATTRIB_RANK_FULL;
        setup->options.with_tokens = false;
    }
done:
    return status;
}

/* Free what a setup owns. */
static void clear_setup(at_setup *setup)
{
    free(setup->tracked);
    free(setup->group);
    free(setup->dampings);
    free(setup->sampled);
    unload_factors(setup);
    at_pass_size_free(&setup->blocks);
    at_asked_free(&setup->asked);
}

/* What may be refused at no cost comes first: completions take passes of the model, and
 * dampings a read of all factors. */
static attrib_status check_job(const attrib_score_job *job,
                               at_setup *setup,
                               at_preparing *preparing,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(take_job(job, setup, err));
    AT_TRY(at_score_check(setup, err));
    at_baselines_split(setup);
    AT_TRY(job->folder ? at_check_folder_name(job->folder, err) : ATTRIB_OK);
    AT_TRY(choose_tracked(setup, err));
    AT_TRY(at_staged_check(setup, err));
    AT_TRY(setup->queries ? at_ask_check(setup, err) : ATTRIB_OK);
    AT_TRY(at_run_new(&preparing->run, err));
done:
    return status;
}

attrib_status at_score_begin(const attrib_score_job *job,
                             at_setup *setup,
                             at_preparing *preparing,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(check_job(job, setup, preparing, err));
    AT_TRY(at_prepare_run(preparing, err));
done:
    return status;
}

attrib_status at_score_compare(attrib_session *session,
                               const attrib_score_job *job,
                               const at_preparation *was,
                               const char *path,
                               size_t *first,
                               size_t *end,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup setup = {.session = session};
    at_preparing preparing = {.job = job, .setup = &setup};
    AT_TRY(check_job(job, &setup, &preparing, err));
    AT_TRY(at_preparing_compare(&preparing, was, path, err));
    AT_TRY(at_preparing_shard(&preparing, first, end, err));
done:
    attrib_run_close(preparing.run);
    at_score_end(&setup, &preparing);
    return status;
}

/* Say in the run's folder who fills it, and of which documents. */
static attrib_status fill(attrib_session *session,
                          const attrib_run *run,
                          const char *command,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_part *part = &run->parts[0];
    AT_TRY(at_session_fill(session, run->info.folder, command, err));
    AT_TRY(
        at_session_fill_documents(session, part->first, part->end, part->n_corpus, err));
done:
    return status;
}

void at_score_end(at_setup *setup, at_preparing *preparing)
{
    at_preparing_close(preparing);
    clear_setup(setup);
}

attrib_status at_score_growth(attrib_session *session,
                              const attrib_score_job *job,
                              const at_growth *growth,
                              attrib_run **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup setup = {.session = session};
    at_preparing preparing = {.job = job, .growth = growth, .setup = &setup};
    AT_TRY(at_score_begin(job, &setup, &preparing, err));
    preparing.run->corpus = job->folder ? NULL : setup.corpus;
    AT_TRY(at_run_place_slices(preparing.run, !job->folder, err));
    AT_TRY(job->folder ? fill(session, preparing.run, setup.options.command, err)
                       : ATTRIB_OK);
    AT_TRY(make_run(&setup, preparing.run, &preparing.ready, err));
    *out = preparing.run;
    preparing.run = NULL;
done:
    at_session_filled(session, status, err);
    attrib_run_close(preparing.run);
    at_score_end(&setup, &preparing);
    return status;
}

void attrib_score_job_init(attrib_score_job *job, size_t size)
{
    const attrib_score_job standard = {.n_shards = 1};
    at_sized_fill(&standard, sizeof standard, job, size);
}

/* What a fit leaves in use for each thread, mostly what the library of products
 * and the allocator keep: 2 to 13 MiB were measured. */
#define BYTES_LEFT_BY_FIT 0x1p24

attrib_status at_score_check_limit(attrib_session *session,
                                   const attrib_score_job *job,
                                   const attrib_fit_options *fit,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_score_job given = *job;
    at_setup setup = {.session = session};
    at_preparing preparing = {.job = &given, .setup = &setup};
    at_fit_outlook fitted = {0};
    double scoring = 0;
    AT_TRY(at_fit_foresee(session, given.model, given.corpus, fit, &fitted, err));
    given.factors = fitted.factors;
    AT_TRY(check_job(&given, &setup, &preparing, err));
    AT_TRY(at_preparing_measure(&preparing, &scoring, err));
    scoring += BYTES_LEFT_BY_FIT * (double)setup.n_workers;
    if (fitted.bytes > scoring) {
        AT_TRY(at_memory_check(&setup.memory, fitted.bytes, "fitting", fitted.n_workers,
                               err));
    }
    AT_TRY(at_memory_check(&setup.memory, scoring, "scoring", setup.n_workers, err));
done:
    attrib_run_close(preparing.run);
    at_score_end(&setup, &preparing);
    attrib_factors_close(fitted.factors);
    return status;
}
