/* SPDX-License-Identifier: MIT */
/* Two stages of a training in one ranking: --base-model, --base-factors, --base-corpus.
 */
#ifndef CLI_STAGES_H
#define CLI_STAGES_H

#include "cli/scoring.h"

/* Check what goes with a base model. */
bool stages_check(const scoring_args *args, char *message, size_t size);

/* Score the documents of both stages, into args->output; `out` as of attrib_run_score().
 */
attrib_status stages_score(const scoring_args *args,
                           cli_job *job,
                           attrib_run **out,
                           attrib_error *err);

#endif
