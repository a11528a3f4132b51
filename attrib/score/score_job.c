/* SPDX-License-Identifier: MIT */
/* The public calls that make runs: whole, of a shard, or longer than they were. */
#include "attrib/score.h"
#include "base/sized.h"
#include "run/run.h"
#include "score/extend.h"
#include "score/score_run.h"

void attrib_score_job_init(attrib_score_job *job, size_t size)
{
    const attrib_score_job standard = {.n_shards = 1};
    at_sized_fill(&standard, sizeof standard, job, size);
}

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
done:
    attrib_run_close(preparing.run);
    at_score_end(&setup, &preparing);
    return status;
}

size_t attrib_run_most_shards(const attrib_corpus *corpus)
{
    return at_n_slices(attrib_corpus_summarize(corpus)->n_documents);
}
