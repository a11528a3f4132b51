/* SPDX-License-Identifier: MIT */
/* Several models that a command names: --model A,B with --factors FA,FB, or some of the
 * checkpoints in a trainer's folder: --model FOLDER --checkpoints 1,last. */
#ifndef CLI_CHECKPOINTS_H
#define CLI_CHECKPOINTS_H

#include "cli/checkpoint_names.h"
#include "cli/scoring.h"

extern const option several_table[], base_table[];

/* The models of a command, and the factors of each. Zeroed = none. */
typedef struct checkpoints {
    checkpoint_names models, factors; /* factors.n: as models.n, or 0 */
    attrib_model *others[MAX_LIST];   /* [1 .. n] */
    attrib_factors *others_factors[MAX_LIST];
    attrib_score_checkpoint items[MAX_LIST];
    char *segments; /* that the trainer wrote down; NULL: nobody asks for it. Owned */
} checkpoints;

/* Whether a command names several models, or checkpoints of a trainer. */
bool checkpoints_are_named(const several_options *several, const char *model);

/* Check what goes with several models, without opening any. `factors` may be NULL. */
bool checkpoints_check(const several_options *several,
                       const source_options *source,
                       const ranking_options *ranking,
                       char *message,
                       size_t size);

/* List the models and their factors, where some are named. */
attrib_status checkpoints_name(const several_options *several,
                               const char *model,
                               const ranking_options *ranking,
                               checkpoints *out,
                               attrib_error *err);

/* Set the factors of the first model, and the segments that a trainer wrote down. */
void checkpoints_take_first(const checkpoints *self, ranking_options *ranking);

/* Another model than the first one, and how messages call both. */
typedef struct checkpoint_pair {
    const attrib_model *model;
    const char *name, *first;
} checkpoint_pair;

/* Refuse a model that would read other tokens than the first one. */
attrib_status checkpoints_check_tokens(const checkpoint_pair *pair,
                                       const source_options *options,
                                       const cli_source *first,
                                       attrib_error *err);

/* Open all models but the first, which `first` has, with the factors that are named. */
attrib_status checkpoints_open(checkpoints *self,
                               const several_options *several,
                               const source_options *options,
                               const cli_source *first,
                               attrib_error *err);

/* Score `job`, which is of the first model, by all models. */
attrib_status checkpoints_run(checkpoints *self,
                              const attrib_score_job *job,
                              cli_job *how,
                              attrib_run **out,
                              attrib_error *err);

void checkpoints_close(checkpoints *self);

/* Open what a command scores, the first model with the rest; free all of it also after a
 * failure. */
attrib_status checkpoints_open_scoring(const scoring_args *args,
                                       cli_job *job,
                                       scoring *opened,
                                       checkpoints *out,
                                       attrib_error *err);

/* Open and score all of it, into args->output; `out` as of attrib_run_score(). */
attrib_status checkpoints_score(const scoring_args *args,
                                cli_job *job,
                                attrib_run **out,
                                attrib_error *err);

#endif
