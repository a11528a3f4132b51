/* SPDX-License-Identifier: MIT */
/* How a run begins: what it is, what is chosen once for all of its shards, and the place
 * that it is written to. */
#ifndef AT_SCORE_PREPARING_H
#define AT_SCORE_PREPARING_H

#include "attrib/score.h"
#include "base/lock.h"
#include "baseline/candidates.h"
#include "query/setup.h"
#include "run/prepared.h"

typedef struct at_preparing {
    const attrib_score_job *job;
    at_setup *setup;
    attrib_run *run;
    at_preparation own;    /* of the run's folder, where that is there already */
    at_preparation given;  /* of job->prepared */
    at_prepared_row *rows; /* [n rows] of the queries */
    at_by_tokens tokens;   /* which the setup points to */
    at_lock lock;          /* on the folder */
} at_preparing;

/* Choose all sizes of a setup whose options are checked and whose maps are chosen, give
 * the run its identity, and write its preparation, where it has a folder. What was
 * prepared before is taken over, and must be of the same run. */
attrib_status at_prepare_run(at_preparing *self, attrib_error *err);

/* Unlock the folder, and free all but setup and run. */
void at_preparing_close(at_preparing *self);

#endif
