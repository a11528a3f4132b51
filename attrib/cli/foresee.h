/* SPDX-License-Identifier: MIT */
/* What a fit and a run are predicted to take, before they begin. With -v: measure this
 * machine, and log what attrib plan predicts for every stage, or why it predicts nothing.
 * A prediction that fails does not stop the work. */
#ifndef CLI_FORESEE_H
#define CLI_FORESEE_H

#include "cli/shared.h"

void foresee_fit(const cli_source *source,
                 const attrib_fit_options *options,
                 cli_job *job);

/* `factors` may be NULL. */
void foresee_run(const cli_source *source,
                 const attrib_factors *factors,
                 const attrib_queries *queries,
                 const attrib_score_options *options,
                 cli_job *job);

#endif
