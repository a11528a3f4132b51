/* SPDX-License-Identifier: MIT */
/* The planner: what the stages of a plan are predicted from, and how they are added. */
#ifndef AT_PLAN_PLANNER_H
#define AT_PLAN_PLANNER_H

#include "curvature/factors.h"
#include "gradient/pass.h"
#include "attrib/plan.h"
#include "base/load.h"
#include "curvature/factor_files.h"
#include "curvature/fit.h"
#include "query/setup.h"

typedef struct at_planner {
    const attrib_model *model;
    const attrib_work *work;
    const attrib_machine *machine;
    attrib_strategy strategy; /* how factors are used */
    size_t *tracked;          /* [n_tracked] module indices, ascending */
    size_t n_tracked;
    attrib_factors *factors; /* the maps' dimensions and blocks; no sums */
    size_t n_blocks;         /* diagonal blocks of an eigenbasis; 0: no eigenbases */
    at_factor_size maps;     /* factors of all tracked maps */
    attrib_plan *out;
} at_planner;

/* Where `held` bytes are read repeatedly, the share of them that comes from memory
 * because the last cache does not hold it. */
double at_missed(const attrib_machine *machine, double held);

/* Seconds that one core of a machine takes for a load. */
double at_load_seconds(const attrib_load *load, const attrib_machine *machine);

/* A load of a pass as it is timed: products in bf16 count for fewer. */
attrib_load at_load_timed(const attrib_load *load,
                          const attrib_machine *machine,
                          attrib_precision precision);

/* What a precision stands for on the machine that plans: auto is what it would choose. */
attrib_precision at_planned_precision(attrib_precision wanted);

/* A block of documents of mean length. */
at_stretch at_stretch_of(const attrib_volume *volume, double block_rows);

/* The rows of such a block that passes take which leave out what does not count: not the
 * last of a sequence, and in the last layer those that predict. */
at_stretch at_stretch_counted(const at_stretch *block);

/* Tracked map i. */
const attrib_module *at_planner_map(const at_planner *p, size_t i);

/* The cost of a block in a pass for a group of tracked maps, or for all where that is
 * NULL. ENOMEM. */
attrib_status at_planner_pass(const at_planner *p,
                              at_mode mode,
                              double layers_limit,
                              const at_fit_group *maps,
                              const at_stretch *block,
                              attrib_load *out,
                              attrib_error *err);

/* Add the cost of a tap's n maps for a block. `missed` is the share of the bytes read
 * that comes from memory, as the last cache does not hold it. */
void at_planner_tap(const attrib_tap *tap,
                    size_t n,
                    const at_stretch *block,
                    double missed,
                    attrib_load *load);

/* How many of n equal pieces the busiest core takes. n need not be whole: the last piece
 * may be a fraction of one. */
double at_planner_rounds(double n, double n_cores);

/* Seconds that n equal pieces would take if no core of any host waited for another. */
double at_planner_busy(const at_planner *p, const attrib_load *piece, double n);

/* Seconds of pieces that the workers of one host share, the largest first: at least the
 * mean over workers, and at least the longest piece. */
double at_planner_shared(const at_planner *p,
                         const attrib_load *all,
                         const attrib_load *longest,
                         size_t n_workers);

/* Add a stage of n equal pieces. The caller sets its memory and disk. */
attrib_plan_stage *at_planner_add(const at_planner *p,
                                  const char *name,
                                  const attrib_load *piece,
                                  double n);

/* Add to a stage's time that its workers take `bytes` from the system `times` times. */
void at_planner_take(const at_planner *p,
                     attrib_plan_stage *stage,
                     double bytes,
                     double times);

/* Add a load that the cores of all hosts share evenly. */
void at_planner_share(const at_planner *p,
                      const attrib_load *load,
                      attrib_plan_stage *stage);

/* Bytes of the process and of the weights. */
double at_planner_base(const at_planner *p);

/* Bytes of the store of so many documents and tokens. */
double at_planner_stored(double n_documents, double n_tokens);

/* Bytes that a process may have in use: the limit that was given, or `share` of the
 * host's memory. */
double at_planner_limit(const at_planner *p, size_t ram_limit, double share);

/* Tokens of the longest sequence. */
double at_planner_longest(const attrib_volume *volume);

/* Covariances, eigenbases, Lambda (plan_fit.c). */
attrib_status at_plan_fit(const at_planner *p, attrib_error *err);

/* The pass that makes an index; and the scan of one for all queries of a run, of which
 * every host goes through its share of all documents (plan_index.c). ENOTSUP for factors
 * of another strategy than ekfac. */
attrib_status at_plan_index(const at_planner *p, attrib_error *err);
attrib_status at_plan_scan(const at_planner *p,
                           const at_setup *run,
                           const attrib_volume *all,
                           attrib_error *err);

/* What baselines that go by words take of documents, in all (plan_baselines.c). */
attrib_load at_plan_words(const at_setup *run, const attrib_volume *volume);

/* What baselines of hidden states take of documents, in all; *n_passes counts the passes
 * over them. ENOMEM. */
attrib_status at_plan_hidden(const at_planner *p,
                             const at_setup *run,
                             const attrib_volume *volume,
                             attrib_load *out,
                             size_t *n_passes,
                             attrib_error *err);

/* The choice of the candidates of all queries by TF-IDF: two passes over all tokens,
 * which every host goes through by itself. */
void at_plan_filter(const at_planner *p, const at_setup *run, const attrib_volume *all);

/* A run, whose rank of queries may be to be chosen (plan_rank.c). */
attrib_status at_plan_run(const at_planner *p, attrib_error *err);

/* Queries, scores, explanations, at a rank that is known (plan_score.c). */
attrib_status at_plan_score(const at_planner *p, attrib_error *err);

#endif
