/* SPDX-License-Identifier: MIT */
/* A question that is being answered, and the run that its answer becomes. */
#ifndef AT_SCORE_QUESTION_H
#define AT_SCORE_QUESTION_H

#include "index/estimate.h"
#include "score/likely.h"
#include "score/preparing.h"

typedef struct at_question {
    at_setup setup;
    attrib_score_job job;
    at_preparing preparing;
    attrib_question question;
    at_prepared prepared;
    at_candidates candidates; /* what was scored exactly */
    at_likely list;
    at_settled settled;
    double *scores;  /* [n_documents, groups] as slices hold them, of what is exact */
    double *self;    /* [n_documents] by the index; NULL where the run holds none */
    char filter[40]; /* the run's prefilter */
    double start;    /* seconds of the monotonic clock */
    size_t i_stage;
    bool has_sample; /* documents that are spread over all were scored too */
    double units;    /* of progress that are left */
} at_question;

/* Make the run's answer and slices of what was scored (question_run.c). */
attrib_status at_question_finish(at_question *self, attrib_error *err);

#endif
