/* SPDX-License-Identifier: MIT */
/* Matching runs with a bank, and listing what they predict. */
#include "validate/trial.h"

#include <stdlib.h>
#include <string.h>

#include "export/write.h"

/* 1. Queries */

/* Keep the queries of the bank that all runs have. */
static attrib_status match_queries(at_trial *trial, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_truth *truth = trial->truth;
    AT_TRY(
        at_array(truth->n_queries, sizeof *trial->queries, (void *)&trial->queries, err));
    for (size_t r = 0; r < trial->n_runs; r++) {
        AT_TRY(at_array(truth->n_queries, sizeof *trial->places[r].queries,
                        (void *)&trial->places[r].queries, err));
    }
    for (size_t q = 0; q < truth->n_queries; q++) {
        size_t n_have = 0;
        for (size_t r = 0; r < trial->n_runs; r++) {
            size_t place = at_places_query(&trial->places[r], truth->queries[q]);
            trial->places[r].queries[trial->n_queries] = place;
            n_have += place != SIZE_MAX;
        }
        if (n_have == trial->n_runs) {
            trial->queries[trial->n_queries++] = q;
        }
    }
    AT_CHECK(trial->n_queries > 0, ATTRIB_ESHAPE,
             "no query of the bank (\"%.80s\", ...) is in %s", truth->queries[0],
             trial->n_runs > 1 ? "all of the runs" : "the run");
done:
    return status;
}

/* 2. Predictors */

static attrib_status name_predictor(at_trial *trial,
                                    const char *run,
                                    const attrib_setting *setting,
                                    at_predictor *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(at_append_setting(&text, setting, err));
    AT_TRY(at_arena_text(trial->arena, text.bytes, text.n_bytes, &out->setting, err));
    AT_TRY(at_arena_text(trial->arena, run, strlen(run), &out->run, err));
    out->is_baseline = attrib_strategy_is_baseline(setting->strategy);
done:
    at_buffer_free(&text);
    return status;
}

static at_member member_of(const at_places *places, size_t i_setting)
{
    return (at_member){places,
                       {.run = places->run,
                        .info = places->info,
                        .i_setting = i_setting,
                        .i_plane = i_setting * (1 + places->info->n_groups)}};
}

static attrib_status add_predictor(at_trial *trial,
                                   const char *run,
                                   const attrib_setting *setting,
                                   size_t n_members,
                                   at_predictor **out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_predictor *predictor = &trial->predictors[trial->n_predictors];
    AT_TRY(name_predictor(trial, run, setting, predictor, err));
    AT_TRY(at_array(n_members, sizeof *predictor->members, (void *)&predictor->members,
                    err));
    predictor->n_members = n_members;
    trial->n_predictors++;
    *out = predictor;
done:
    return status;
}

/* The setting of a run that has the same word; SIZE_MAX where there is none. */
static size_t find_setting(const at_trial *trial, size_t i_run, const char *word)
{
    for (size_t p = 0; p < trial->n_predictors; p++) {
        const at_predictor *other = &trial->predictors[p];
        if (other->n_members == 1 && other->members[0].places == &trial->places[i_run] &&
            strcmp(other->setting, word) == 0) {
            return other->members[0].subject.i_setting;
        }
    }
    return SIZE_MAX;
}

/* Add the mean of all runs under the setting of the first run's predictor p, where all
 * have it. */
static attrib_status add_mean(at_trial *trial, size_t p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_subject *first = &trial->predictors[p].members[0].subject;
    const char *word = trial->predictors[p].setting;
    at_predictor *mean = NULL;
    for (size_t r = 0; r < trial->n_runs; r++) {
        if (find_setting(trial, r, word) == SIZE_MAX) {
            return ATTRIB_OK;
        }
    }
    AT_TRY(add_predictor(trial, "mean", &first->info->options->settings[first->i_setting],
                         trial->n_runs, &mean, err));
    for (size_t r = 0; r < trial->n_runs; r++) {
        mean->members[r] = member_of(&trial->places[r], find_setting(trial, r, word));
    }
done:
    return status;
}

static attrib_status list_predictors(const attrib_validate_job *job,
                                     at_trial *trial,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_first = trial->places[0].info->options->n_settings;
    size_t n = trial->options.with_mean ? n_first : 0;
    for (size_t r = 0; r < trial->n_runs; r++) {
        n += trial->places[r].info->options->n_settings;
    }
    AT_TRY(at_array(n, sizeof *trial->predictors, (void *)&trial->predictors, err));
    for (size_t r = 0; r < trial->n_runs; r++) {
        const attrib_score_options *options = trial->places[r].info->options;
        for (size_t s = 0; s < options->n_settings; s++) {
            at_predictor *predictor = NULL;
            AT_TRY(add_predictor(trial, job->names[r], &options->settings[s], 1,
                                 &predictor, err));
            predictor->members[0] = member_of(&trial->places[r], s);
        }
    }
    for (size_t s = 0; trial->options.with_mean && s < n_first; s++) {
        AT_TRY(add_mean(trial, s, err));
    }
done:
    return status;
}

/* 3. Trials */

attrib_status at_trial_begin(const attrib_validate_job *job,
                             at_trial *trial,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_arena_new(&trial->arena, err));
    AT_TRY(at_array(job->n_runs, sizeof *trial->places, (void *)&trial->places, err));
    trial->n_runs = job->n_runs;
    for (size_t r = 0; r < job->n_runs; r++) {
        AT_TRY(at_places_find(trial->truth, job->runs[r], job->names[r],
                              &trial->places[r], err));
    }
    AT_TRY(match_queries(trial, err));
    AT_TRY(list_predictors(job, trial, err));
    AT_TRY(at_sum_effects(trial, err));
done:
    return status;
}

void at_trial_end(at_trial *trial)
{
    for (size_t r = 0; r < trial->n_runs; r++) {
        free(trial->places[r].documents);
        free(trial->places[r].queries);
    }
    for (size_t p = 0; p < trial->n_predictors; p++) {
        free(trial->predictors[p].members);
        free(trial->predictors[p].effects);
        free(trial->predictors[p].totals);
    }
    free(trial->predictors);
    free(trial->places);
    free(trial->queries);
    at_arena_free(trial->arena);
    *trial = (at_trial){0};
}
