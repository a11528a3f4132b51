/* SPDX-License-Identifier: MIT */
/* A fit by several ranks. */
#ifndef CLI_RANKS_FIT_H
#define CLI_RANKS_FIT_H

#include "cli/shared.h"

/* Fit `folder` together: each rank takes every n-th part, and the first one merges them.
 * The parts are kept in FOLDER.ranks until all is done; the same command goes on from
 * there. */
attrib_status ranks_fit(const cli_source *source,
                        const attrib_fit_options *options,
                        const char *folder,
                        cli_job *job,
                        attrib_error *err);

#endif
