/* SPDX-License-Identifier: MIT */
/* What the stages of a run consist of, for progress. */
#ifndef AT_SCORE_OUTLOOK_H
#define AT_SCORE_OUTLOOK_H

#include "query/setup.h"

/* Tell the session how much each stage of a run has to do over all tiles of queries, and
 * what of it an earlier process has done. */
attrib_status at_declare_stages(const at_setup *setup,
                                const attrib_run *run,
                                attrib_error *err);

/* All is done, also of stages that had less to do than was declared. */
void at_end_stages(const at_setup *setup);

#endif
