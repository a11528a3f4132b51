/* SPDX-License-Identifier: MIT */
/* Several checkpoints that a command names, separated by commas: --model A,B with
 * --factors FA,FB. */
#ifndef CLI_CHECKPOINTS_H
#define CLI_CHECKPOINTS_H

#include "cli/scoring.h"

/* Names in a list. Zeroed = none. */
typedef struct checkpoint_names {
    char *text; /* owned; the names stand in it */
    const char *items[MAX_LIST];
    size_t n;
} checkpoint_names;

/* Split a list; one name that is there, commas and all, is one. NULL has no names. */
bool checkpoint_names_split(const char *list, checkpoint_names *out);
void checkpoint_names_free(checkpoint_names *names);

/* Whether a command names several models. */
bool checkpoints_are_several(const scoring_args *args);

/* Check models, factors and weights against each other. */
bool checkpoints_check(const scoring_args *args, char *message, size_t size);

/* The models that a command names, one or several, and what all of them score. Zeroed =
 * none. */
typedef struct checkpoints {
    checkpoint_names models, factors;
    scoring first;                           /* which owns the first model and factors */
    attrib_score_checkpoint items[MAX_LIST]; /* [models.n] where these are several */
    attrib_model *others[MAX_LIST];          /* [1 .. models.n] */
    attrib_factors *others_factors[MAX_LIST];
} checkpoints;

/* Open them; free what was opened also after a failure. */
attrib_status checkpoints_open(const scoring_args *args,
                               cli_job *job,
                               checkpoints *out,
                               attrib_error *err);
void checkpoints_close(checkpoints *self);

/* Do a job, which is first.job or a shard of it, by all of them; `out` as of
 * attrib_run_score(). */
attrib_status checkpoints_run(const checkpoints *self,
                              cli_job *job,
                              const attrib_score_job *what,
                              attrib_run **out,
                              attrib_error *err);

/* Score by all of them, into args->output; `out` as of attrib_run_score(). */
attrib_status checkpoints_score(const scoring_args *args,
                                cli_job *job,
                                attrib_run **out,
                                attrib_error *err);

#endif
