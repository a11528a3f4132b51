/* SPDX-License-Identifier: MIT */
/* Which options of scoring do not go with which jobs, or with each other: one row each.
 */
#ifndef AT_SCORE_REFUSALS_H
#define AT_SCORE_REFUSALS_H

#include "run/options.h"

typedef enum at_job_kind {
    AT_ANY_JOB,
    AT_JOB_WITH_BASELINES,
    AT_JOB_OF_MODELS, /* several, whose scores are added */
    AT_JOB_UNFILTERED,
    AT_JOB_UNREFINED,
    AT_JOB_WITHOUT_PRODUCTS, /* neither refined nor scaled */
    AT_QUESTION_TO_INDEX
} at_job_kind;

/* EINVAL with "query-rank: ..., " and why, for the first option that is not as it is by
 * default and that a job of this kind does not take. */
attrib_status at_refuse_options(at_job_kind kind,
                                const attrib_score_options *options,
                                attrib_error *err);

#endif
