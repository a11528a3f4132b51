/* SPDX-License-Identifier: MIT */
/* Runs of several models, or of several stages, that are finished already where the same
 * are to be made again. */
#ifndef AT_SCORE_FINISHED_H
#define AT_SCORE_FINISHED_H

#include "attrib/score.h"
#include "run/prepared.h"

typedef struct at_finished {
    const char *folder; /* borrowed */
    attrib_run *run;    /* its manifest */
    at_preparation was;
} at_finished;

/* Open the finished run of a folder; `run` is NULL where there is none. */
attrib_status at_finished_open(const char *folder, at_finished *out, attrib_error *err);
void at_finished_close(at_finished *self);

/* Refuse the run where it is not of the documents, queries and options of a job, by one
 * of its models: `checkpoint`, or NULL where the whole run has one. ESHAPE or EIO. */
attrib_status at_finished_check(at_finished *self,
                                attrib_session *session,
                                const attrib_score_job *job,
                                const attrib_checkpoint *checkpoint,
                                attrib_error *err);

#endif
