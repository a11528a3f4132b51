/* SPDX-License-Identifier: MIT */
/* Runs of scoring: their options, their tiles, and the public calls.
 *
 * 1. Options and maps.
 * 2. Scores and answers, tile by tile.
 * 3. The public calls. */
#include "attrib/score.h"
#include "score/sizes.h"
#include "score/counted.h"
#include "score/outlook.h"
#include "score/preparing.h"
#include "score/settle.h"
#include "score/taps.h"

#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "base/thread.h"
#include "linalg/linalg.h"

/* 1. Options and maps */

static attrib_status check_setting(const attrib_factors *factors,
                                   const attrib_setting *setting,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_strategy wanted = setting->strategy;
    attrib_strategy fitted = factors ? factors->info.strategy : wanted;
    AT_CHECK(setting->damping > 0, ATTRIB_EINVAL, "damping %g, expected a number above 0",
             setting->damping);
    if (wanted == ATTRIB_IDENTITY) {
        goto done;
    }
    AT_CHECK(factors, ATTRIB_EINVAL, "strategy %s needs factors",
             attrib_strategy_name(wanted));
    AT_CHECK(wanted == fitted || (wanted == ATTRIB_KFAC && fitted == ATTRIB_EKFAC),
             ATTRIB_EINVAL, "strategy %s needs factors fitted for it, these are for %s",
             attrib_strategy_name(wanted), attrib_strategy_name(fitted));
done:
    return status;
}

/* Whether two settings give the same scores. The identity strategy ignores damping. */
static bool are_same(const attrib_setting *a, const attrib_setting *b)
{
    return a->strategy == b->strategy &&
           (a->strategy == ATTRIB_IDENTITY ||
            (a->damping == b->damping &&
             a->is_damping_absolute == b->is_damping_absolute));
}

static attrib_status check_options(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &setup->options;
    AT_CHECK(setup->n_queries > 0 || !setup->queries, ATTRIB_EINVAL, "no queries");
    AT_CHECK(setup->queries || options->with_self, ATTRIB_EINVAL,
             "neither queries nor self-influences to compute");
    AT_TRY(at_options_check(attrib_score_options_table(), options, err));
    AT_CHECK(options->normalize != ATTRIB_NORMALIZE_UNIT || options->is_unsettled ||
                 options->precision == ATTRIB_F32_PRODUCTS,
             ATTRIB_EINVAL,
             "cosines divide by self-influences, which precision %s leaves inexact: they "
             "take f32, or no-settle",
             attrib_precision_name(options->precision));
    for (size_t s = 0; s < options->n_settings; s++) {
        AT_TRY(check_setting(setup->factors, &options->settings[s], err));
        for (size_t r = 0; r < s;
             r++) { /* equal settings would have equal planes' names */
            AT_CHECK(!are_same(&options->settings[r], &options->settings[s]),
                     ATTRIB_EINVAL, "settings %zu and %zu are the same: %s, damping %g",
                     r + 1, s + 1, attrib_strategy_name(options->settings[s].strategy),
                     options->settings[s].damping);
        }
    }
done:
    return status;
}

static attrib_status choose_tracked(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
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

static attrib_status compute_slice(const at_setup *setup,
                                   const at_prepared *prepared,
                                   attrib_run *run,
                                   size_t i_tile,
                                   size_t i_slice,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice slice = {0};
    AT_TRY(at_slice_new(run, setup->corpus, i_tile, i_slice, &slice, err));
    AT_TRY(at_score_documents(setup, prepared, &slice, err));
    AT_TRY(at_setup_check_files(setup, err));
    if (run->held) {
        run->held[i_tile * at_run_n_slices(run) + i_slice] = slice;
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
static attrib_status score_slices(const at_setup *setup,
                                  const at_prepared *prepared,
                                  attrib_run *run,
                                  size_t i_tile,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < at_run_n_slices(run); i++) {
        bool is_there = false;
        const at_slice *slice = NULL;
        if (!run->held) {
            AT_TRY(at_slice_exists(run, i_tile, i, &is_there, err));
        }
        if (is_there) { /* read it now, to refuse another run's slice before any work */
            AT_TRY(at_run_slice(run, i_tile, i, &slice, err));
            at_log(setup->session, ATTRIB_LOG_DETAIL, "slice %zu is there already", i);
            at_slice_place place = at_run_place(run, i);
            if (place.i_within + 1 == place.n_within) {
                AT_TRY(at_slices_join(run, i_tile, i, err));
            }
        } else {
            AT_TRY(compute_slice(setup, prepared, run, i_tile, i, err));
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

static attrib_status make_tile(at_setup *setup,
                               attrib_run *run,
                               size_t i_tile,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    if (setup->n_queries > 0) {
        AT_TRY(at_prepare_queries(setup, at_run_tile(run, i_tile), &prepared, err));
    }
    if (i_tile == 0) { /* self-influences are computed with the first tile */
        AT_TRY(load_factors(setup, err));
    }
    AT_TRY(score_slices(setup, &prepared, run, i_tile, err));
    unload_factors(setup);
    if (setup->n_queries == 0) {
        goto done;
    }
    if (!at_is_cut(setup)) {
        AT_TRY(answer(setup, &prepared, run, i_tile, err));
    } else {
        at_prepared_free(&prepared);
        AT_TRY(answer_cut(setup, run, i_tile, err));
    }
    if (run->read && i_tile > 0) { /* tile 0's slice stays, as all tiles read it */
        at_slice_free(&run->read[i_tile]);
    }
done:
    at_prepared_free(&prepared);
    return status;
}

static attrib_status make_run(at_setup *setup, attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(run->info.n_answers, sizeof *run->answers, &run->answers, err));
    AT_TRY(at_declare_stages(setup, run, err));
    for (size_t i = 0; i < run->n_tiles; i++) {
        AT_TRY(make_tile(setup, run, i, err));
    }
    AT_TRY(at_setup_check_files(setup, err));
    AT_TRY(at_run_certify(run, err));
    if (run->info.folder) {
        AT_TRY(at_answers_write(run, err));
        AT_TRY(at_run_manifest_write(run, err));
    }
done:
    return status;
}

/* 3. The public calls */

void attrib_score_job_init(attrib_score_job *job, size_t size)
{
    const attrib_score_job standard = {.n_shards = 1};
    at_sized_fill(&standard, sizeof standard, job, size);
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
    unload_factors(setup);
    at_pass_size_free(&setup->blocks);
    at_asked_free(&setup->asked);
}

/* Begin a run: all that is done before its first document is scored. */
static attrib_status begin(const attrib_score_job *job,
                           at_setup *setup,
                           at_preparing *preparing,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(take_job(job, setup, err));
    /* What may be refused at no cost comes first: completions take passes of the model,
     * and dampings a read of all factors. */
    AT_TRY(check_options(setup, err));
    AT_TRY(job->folder ? at_check_folder_name(job->folder, err) : ATTRIB_OK);
    AT_TRY(choose_tracked(setup, err));
    AT_TRY(setup->queries ? at_ask_check(setup, err) : ATTRIB_OK);
    AT_TRY(at_run_new(&preparing->run, err));
    AT_TRY(at_prepare_run(preparing, err));
done:
    return status;
}

attrib_status attrib_run_score(attrib_session *session,
                               const attrib_score_job *job,
                               attrib_run **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup setup = {.session = session};
    attrib_score_job given;
    at_preparing preparing = {.job = &given, .setup = &setup};
    attrib_score_job_default(&given);
    AT_TRY(at_sized_take(job, "score_job", &given, err));
    AT_TRY(begin(&given, &setup, &preparing, err));
    preparing.run->corpus = given.folder ? NULL : setup.corpus;
    AT_TRY(at_run_place_slices(preparing.run, !given.folder, err));
    AT_TRY(given.folder
               ? at_session_fill(session, given.folder, setup.options.command, err)
               : ATTRIB_OK);
    AT_TRY(make_run(&setup, preparing.run, err));
    *out = preparing.run;
    preparing.run = NULL;
done:
    at_session_filled(session, status, err);
    attrib_run_close(preparing.run);
    at_preparing_close(&preparing);
    clear_setup(&setup);
    return status;
}

attrib_status attrib_run_prepare(attrib_session *session,
                                 const attrib_score_job *job,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup setup = {.session = session};
    attrib_score_job given;
    at_preparing preparing = {.job = &given, .setup = &setup};
    attrib_score_job_default(&given);
    AT_TRY(at_sized_take(job, "score_job", &given, err));
    AT_CHECK(given.folder && given.n_shards <= 1, ATTRIB_EINVAL,
             "a run is prepared whole, in a folder");
    AT_TRY(begin(&given, &setup, &preparing, err));
done:
    attrib_run_close(preparing.run);
    at_preparing_close(&preparing);
    clear_setup(&setup);
    return status;
}
