/* SPDX-License-Identifier: MIT */
/* What can be refused of a run before any work. */
#ifndef AT_SCORE_CHECK_H
#define AT_SCORE_CHECK_H

#include "query/setup.h"

/* EINVAL for options, settings and factors that do not go together. */
attrib_status at_score_check(const at_setup *setup, attrib_error *err);

#endif
