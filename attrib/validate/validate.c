/* SPDX-License-Identifier: MIT */
/* Validation: runs before a bank of retrainings. */
#include "base/options.h"
#include "base/sized.h"
#include "validate/contest.h"

static attrib_status check_job(const attrib_validate_job *job, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(job->runs && job->names && job->n_runs > 0, ATTRIB_EINVAL,
             "validate: no run");
    for (size_t i = 0; i < job->n_runs; i++) {
        AT_CHECK(job->runs[i] && job->names[i], ATTRIB_EINVAL,
                 "validate: run %zu is missing", i + 1);
    }
    AT_CHECK(job->bank, ATTRIB_EINVAL, "validate: no bank");
done:
    return status;
}

/* Say what a reader of the tables must know of the runs. */
static attrib_status say_what_is_left_out(const at_trial *trial,
                                          attrib_analysis *out,
                                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_truth *truth = trial->truth;
    for (size_t r = 0; r < trial->n_runs; r++) {
        const at_subject subject = {.run = trial->places[r].run,
                                    .info = trial->places[r].info};
        AT_TRY(at_say_approximate(&subject, out, err));
    }
    if (trial->places[0].n_outside > 0) {
        AT_TRY(
            at_analysis_say(out, err,
                            "%zu documents of the run are not in the bank and are left "
                            "out.",
                            trial->places[0].n_outside));
    }
    if (trial->n_queries < truth->n_queries) {
        AT_TRY(
            at_analysis_say(out, err,
                            "%zu of the bank's %zu queries are not in every run and are "
                            "left out.",
                            truth->n_queries - trial->n_queries, truth->n_queries));
    }
done:
    return status;
}

static attrib_status add_tables(const at_trial *trial,
                                attrib_analysis *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_contests contests = {0};
    AT_TRY(at_contests_hold(trial, &contests, out, err));
    AT_TRY(at_add_lds(&contests, out, err));
    AT_TRY(at_add_removals(trial, out, err));
    AT_TRY(at_add_labels(trial, out, err));
    AT_TRY(at_add_queries(&contests, out, err));
    AT_CHECK(attrib_analysis_table(out, 0), ATTRIB_ESHAPE,
             "the bank has nothing to compare with: no three subsets of one group, no "
             "removals from a training on all documents, no labels");
done:
    at_contests_free(&contests);
    return status;
}

attrib_status attrib_validate(attrib_session *session,
                              const attrib_validate_job *given,
                              attrib_analysis **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_analysis *analysis = NULL;
    at_truth truth = {0};
    at_trial trial = {.session = session, .truth = &truth};
    attrib_validate_job job;
    attrib_validate_job_default(&job);
    attrib_validate_options_default(&trial.options);
    AT_TRY(at_sized_take(given, "validate_job", &job, err));
    AT_TRY(at_sized_take(job.options, "validate_options", &trial.options, err));
    AT_TRY(check_job(&job, err));
    AT_TRY(at_options_check(attrib_validate_options_table(), &trial.options, err));
    AT_TRY(at_truth_read(job.bank, &truth, err));
    AT_TRY(at_trial_begin(&job, &trial, err));
    AT_TRY(at_analysis_new("validate", &analysis, err));
    AT_TRY(say_what_is_left_out(&trial, analysis, err));
    AT_TRY(add_tables(&trial, analysis, err));
    *out = analysis;
    analysis = NULL;
done:
    attrib_analysis_free(analysis);
    at_trial_end(&trial);
    at_truth_free(&truth);
    return status;
}
