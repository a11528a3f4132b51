/* SPDX-License-Identifier: MIT */
/* The options of scoring, beyond what their table says. */
#ifndef AT_RANK_OPTIONS_H
#define AT_RANK_OPTIONS_H

#include "attrib/run.h"
#include "base/options.h"

/* Set the options that other options imply: cosines need self-influences, and refined
 * queries may have a damping of their own. */
void at_score_options_complete(attrib_score_options *options);

/* Copy the texts of options into a bank, in place. */
attrib_status at_score_options_keep(attrib_score_options *options,
                                    at_arena *bank,
                                    attrib_error *err);

#endif
