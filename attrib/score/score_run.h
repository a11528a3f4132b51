/* SPDX-License-Identifier: MIT */
/* A run is begun, made and ended: whole, a shard of it, or what of one that grows is new.
 */
#ifndef AT_SCORE_SCORE_RUN_H
#define AT_SCORE_SCORE_RUN_H

#include "score/preparing.h"

/* All that is done before the first document of a run is scored. */
attrib_status at_score_begin(const attrib_score_job *job,
                             at_setup *setup,
                             at_preparing *preparing,
                             attrib_error *err);

/* Refuse the preparation of a finished run where it is not what a job would make: ESHAPE.
 * Then say which documents of the corpus the job is of. */
attrib_status at_score_compare(attrib_session *session,
                               const attrib_score_job *job,
                               const at_preparation *was,
                               const char *path,
                               size_t *first,
                               size_t *end,
                               attrib_error *err);

/* As attrib_run_check_limit(). */
attrib_status at_score_check_limit(attrib_session *session,
                                   const attrib_score_job *job,
                                   const attrib_fit_options *fit,
                                   attrib_error *err);

/* Free what at_score_begin() made, also where it failed, but for the run. */
void at_score_end(at_setup *setup, at_preparing *preparing);

/* Make a run of the job, or of a growth where that is not NULL. */
attrib_status at_score_growth(attrib_session *session,
                              const attrib_score_job *job,
                              const at_growth *growth,
                              attrib_run **out,
                              attrib_error *err);

#endif
