/* SPDX-License-Identifier: MIT */
/* A fit by several ranks. */
#ifndef CLI_RANKS_FIT_H
#define CLI_RANKS_FIT_H

#include "cli/shared.h"

/* Fit into `output` together: each rank takes a share of the parts, and they merge them.
 * The parts are kept in OUTPUT.ranks until all is done; the same command goes on from
 * there. */
attrib_status ranks_fit(const cli_source *source,
                        const attrib_fit_options *options,
                        const char *output,
                        cli_job *job,
                        attrib_error *err);

#endif
