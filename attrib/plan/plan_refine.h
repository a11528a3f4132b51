/* SPDX-License-Identifier: MIT */
/* What the refinement of queries adds to a plan. */
#ifndef AT_PLAN_PLAN_REFINE_H
#define AT_PLAN_PLAN_REFINE_H

#include "plan/planner.h"
#include "query/setup.h"

/* Add the refinement of all queries to the stage that prepares them: passes of products
 * over the sample, each for all queries under all settings. The steps between them are
 * small compared with these, and every host does all of them. ENOMEM. */
attrib_status at_plan_refinement(const at_planner *p,
                                 const at_setup *run,
                                 attrib_plan_stage *stage,
                                 attrib_error *err);

#endif
