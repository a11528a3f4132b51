/* SPDX-License-Identifier: MIT */
/* What the stages of a plan are predicted from, and how they are added to it. */
#ifndef AT_PLAN_PLANNER_H
#define AT_PLAN_PLANNER_H

#include "curvature/factors.h"
#include "plan/cost.h"

typedef struct at_planner {
    const attrib_model *model;
    const attrib_work *work;
    const attrib_machine *machine;
    size_t *tracked; /* [n_tracked] module indices, ascending */
    size_t n_tracked;
    attrib_factors *factors; /* the maps' dimensions and blocks; no sums */
    at_map_bytes maps;       /* of all tracked maps */
    attrib_plan *out;
} at_planner;

/* Tracked map i. */
const attrib_module *at_planner_map(const at_planner *p, size_t i);

/* Seconds of n pieces on all cores, the last of which may be a part of one: as many
 * rounds as the busiest core has. */
double at_planner_seconds(const at_planner *p, const at_load *piece, double n);

/* Add a stage of n equal pieces; its memory and disk are the caller's to set. */
attrib_plan_stage *at_planner_add(const at_planner *p,
                                  const char *name,
                                  const at_load *piece,
                                  double n);

/* Bytes of the process and the weights. */
double at_planner_base(const at_planner *p);

/* Bytes that a process may have in use: the work's, or a share of the host's. */
double at_planner_limit(const at_planner *p, double share);

/* Tokens of the longest sequence. */
double at_planner_longest(const attrib_volume *volume);

/* Covariances, eigenbases, Lambda (plan_fit.c). */
attrib_status at_plan_fit(const at_planner *p, attrib_error *err);

/* Queries, scores, explanations (plan_score.c). */
attrib_status at_plan_score(const at_planner *p, attrib_error *err);

#endif
