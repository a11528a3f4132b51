/* SPDX-License-Identifier: MIT */
/* Plans of small models, which tests compare with counts made by hand. */
#ifndef SUPPORT_PLANNED_H
#define SUPPORT_PLANNED_H

#include "attrib/plan.h"

/* One layer of width 2 with one head, MLP of 4, 8 tokens. */
extern const attrib_shape one_layer;

/* A machine of whose work products are all that takes time. */
attrib_machine ideal(size_t n_hosts, size_t n_cores);

/* The options of one_document(), which sets them back. */
extern attrib_fit_options fitting;
extern attrib_score_options scoring;

/* One document of 4 tokens that is fitted and scored, for one query of 4 tokens. */
attrib_work one_document(void);

attrib_plan make_plan(const attrib_shape *shape,
                      const attrib_work *work,
                      const attrib_machine *machine);

/* The stage of this name; fails where there is none. */
const attrib_plan_stage *stage_of(const attrib_plan *plan, const char *name);

/* Check a stage's FLOP to rounding. */
void check_flop(const attrib_plan *plan, const char *name, double want);

#endif
