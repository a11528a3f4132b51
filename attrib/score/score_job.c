/* SPDX-License-Identifier: MIT */
/* The public calls that make runs: whole, of a shard, or longer than they were. */
#include "attrib/score.h"
#include "base/sized.h"
#include "query/staged.h"
#include "refine/refine.h"
#include "run/run.h"
#include "score/extend.h"
#include "score/score_run.h"

attrib_status attrib_run_score(attrib_session *session,
                               const attrib_score_job *job,
                               attrib_run **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_score_job given;
    attrib_score_job_default(&given);
    AT_TRY(at_sized_take(job, "score_job", &given, err));
    AT_CHECK(!given.extends || !given.options ||
                 (!given.options->segments && !given.options->over_documents),
             ATTRIB_EINVAL,
             "segments and over-documents divide by the corpus: a run of them does not "
             "grow");
    AT_TRY(given.extends ? at_extend(session, &given, out, err)
                         : at_score_growth(session, &given, NULL, out, err));
done:
    return status;
}

/* Refine the queries of all tiles once, for all shards. Those that are kept already, by a
 * preparation that was stopped, are read, which checks them. */
static attrib_status keep_refined(at_setup *setup,
                                  const at_preparing *preparing,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = preparing->run;
    at_prepared prepared = {0};
    if (!at_is_refined(setup)) {
        return ATTRIB_OK;
    }
    setup->refined = (at_refined_place){preparing->job->folder, run->identity};
    for (size_t i = 0; i * run->n_tile < setup->n_queries; i++) {
        AT_TRY(at_prepare_staged(setup, at_run_tile(run, i), &prepared, err));
        AT_TRY(at_refine_queries(setup, &prepared, err));
        AT_TRY(at_refined_write(setup, &prepared, err));
        at_prepared_free(&prepared);
    }
done:
    at_prepared_free(&prepared);
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
    AT_TRY(at_score_begin(&given, &setup, &preparing, err));
    AT_TRY(keep_refined(&setup, &preparing, err));
done:
    attrib_run_close(preparing.run);
    at_score_end(&setup, &preparing);
    return status;
}

attrib_status attrib_run_check_limit(attrib_session *session,
                                     const attrib_score_job *job,
                                     const attrib_fit_options *fit,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_score_job given;
    attrib_score_job_default(&given);
    AT_TRY(at_sized_take(job, "score_job", &given, err));
    AT_TRY(at_score_check_limit(session, &given, fit, err));
done:
    return status;
}

size_t attrib_run_most_shards(const attrib_corpus *corpus)
{
    return at_n_slices(attrib_corpus_summarize(corpus)->n_documents);
}
