/* SPDX-License-Identifier: MIT */
#include "score/refusals.h"

#include <assert.h>
#include <string.h>

typedef struct refusal {
    at_job_kind job;
    const char *option, *other; /* together; other NULL: in every such job */
    const char *why;
} refusal;

static const refusal refusals[] = {
    {AT_ANY_JOB, "prefilter-sample", "precision",
     "scores that are not in f32 are approximate, and cannot measure the filter"},
    {AT_ANY_JOB, "prefilter-sample", "query-rank",
     "scores of cut queries are approximate, and cannot measure the filter"},
    {AT_JOB_WITH_BASELINES, "split", NULL,
     "it keeps the scores of modules, which baselines do not have: score these by "
     "themselves"},
    {AT_JOB_WITH_BASELINES, "tokens", NULL,
     "it keeps the shares of all tokens, which baselines have of reported documents "
     "only: score these by themselves"},
    {AT_JOB_OF_MODELS, "prefilter-sample", NULL,
     "it measures the ranking of one model, and these are several"},
    {AT_JOB_OF_MODELS, "query-rank", NULL,
     "several models are scored with whole queries: score each by itself, and add the "
     "runs"},
    {AT_JOB_OF_MODELS, "precision", NULL,
     "several models are scored in f32: score each by itself, and add the runs"},
    {AT_JOB_UNFILTERED, "prefilter-sample", NULL,
     "without prefilter there is nothing to measure"},
    {AT_JOB_UNREFINED, "refine-steps", NULL, "without refine there are no steps"},
    {AT_JOB_UNREFINED, "refine-damping", NULL,
     "without refine it changes nothing: damping is EK-FAC's"},
    {AT_JOB_WITHOUT_PRODUCTS, "refine-documents", NULL,
     "without refine or scale nothing is multiplied with documents"},
    {AT_QUESTION_TO_INDEX, "query-rank", NULL,
     "a question to an index takes whole queries"},
    {AT_QUESTION_TO_INDEX, "precision", NULL, "a question to an index takes f32"},
    {AT_QUESTION_TO_INDEX, "tokens", NULL,
     "of a question to an index scores alone are kept"},
    {AT_QUESTION_TO_INDEX, "prefilter-sample", NULL,
     "a question to an index scores no random documents"},
};

/* Whether an option is named and has another value than by default. */
static bool is_set(const char *name,
                   const attrib_score_options *options,
                   const attrib_score_options *standard)
{
    const attrib_option *option =
        at_options_find(attrib_score_options_table(), name, strlen(name));
    assert(option); /* a test refuses by every row */
    return !at_option_is_same(option, options, standard);
}

attrib_status at_refuse_options(at_job_kind kind,
                                const attrib_score_options *options,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_score_options standard;
    attrib_score_options_default(&standard);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        AT_CHECK(r->job != kind || !is_set(r->option, options, &standard) ||
                     (r->other && !is_set(r->other, options, &standard)),
                 ATTRIB_EINVAL, "%s%s%s: %s", r->option, r->other ? " with " : "",
                 r->other ? r->other : "", r->why);
    }
done:
    return status;
}
