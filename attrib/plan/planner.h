/* SPDX-License-Identifier: MIT */
/* What the stages of a plan are predicted from, and how they are added to it. */
#ifndef AT_PLAN_PLANNER_H
#define AT_PLAN_PLANNER_H

#include "curvature/factors.h"
#include "gradient/pass.h"
#include "attrib/plan.h"
#include "base/load.h"
#include "curvature/factor_files.h"

typedef struct at_planner {
    const attrib_model *model;
    const attrib_work *work;
    const attrib_machine *machine;
    attrib_strategy strategy; /* that factors are used by */
    size_t *tracked;          /* [n_tracked] module indices, ascending */
    size_t n_tracked;
    attrib_factors *factors; /* the maps' dimensions and blocks; no sums */
    size_t n_blocks;         /* of their eigenbases; 0: there are none */
    at_factor_size maps;     /* of all tracked maps */
    attrib_plan *out;
} at_planner;

/* The share of what is read over and over, `held` bytes in all, that comes from memory,
 * since the last cache does not hold it. */
double at_missed(const attrib_machine *machine, double held);

/* Seconds of one core of a machine. */
double at_load_seconds(const attrib_load *load, const attrib_machine *machine);

/* A block of documents of mean length. */
at_stretch at_stretch_of(const attrib_volume *volume, double block_rows);

/* Tracked map i. */
const attrib_module *at_planner_map(const at_planner *p, size_t i);

/* What a block takes in a pass for the n tracked maps from `first` on. ENOMEM. */
attrib_status at_planner_pass(const at_planner *p,
                              at_mode mode,
                              size_t first,
                              size_t n,
                              const at_stretch *block,
                              attrib_load *out,
                              attrib_error *err);

/* Add what a tap's n maps cost for a block; memory that a cache does not
 * hold is read at the share `missed`. */
void at_planner_tap(const attrib_tap *tap,
                    size_t n,
                    const at_stretch *block,
                    double missed,
                    attrib_load *load);

/* How many of n equal pieces, the last of which may be a part of one, the busiest core
 * takes. */
double at_planner_rounds(double n, double n_cores);

/* Seconds of n pieces on all cores of all hosts. */
double at_planner_seconds(const at_planner *p, const attrib_load *piece, double n);

/* Seconds of pieces that workers of one host share, the largest first: no less than their
 * mean, nor than the longest. */
double at_planner_shared(const at_planner *p,
                         const attrib_load *all,
                         const attrib_load *longest,
                         size_t n_workers);

/* Add a stage of n equal pieces; its memory and disk are the caller's to set. */
attrib_plan_stage *at_planner_add(const at_planner *p,
                                  const char *name,
                                  const attrib_load *piece,
                                  double n);

/* Add to a stage's time that its workers take so many bytes from the system, so often. */
void at_planner_take(const at_planner *p,
                     attrib_plan_stage *stage,
                     double bytes,
                     double times);

/* Bytes of the process and the weights. */
double at_planner_base(const at_planner *p);

/* Bytes that a process may have in use: a limit that was given, or a share of the host's.
 */
double at_planner_limit(const at_planner *p, size_t ram_limit, double share);

/* Tokens of the longest sequence. */
double at_planner_longest(const attrib_volume *volume);

/* Covariances, eigenbases, Lambda (plan_fit.c). */
attrib_status at_plan_fit(const at_planner *p, attrib_error *err);

/* Queries, scores, explanations (plan_score.c). */
attrib_status at_plan_score(const at_planner *p, attrib_error *err);

#endif
