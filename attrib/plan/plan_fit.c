/* SPDX-License-Identifier: MIT */
/* The stages of a fit. Where memory does not hold all maps at once, they take several
 * passes over the documents, each for a group of maps. */
#include <math.h>

#include "curvature/fit.h"
#include "linalg/linalg.h"
#include "plan/planner.h"

/* Plan a stage that passes over the documents once for every group of maps. */
static attrib_status plan_passes(const at_planner *p,
                                 const at_fit_size *size,
                                 const at_stretch *block,
                                 attrib_plan_stage **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_load all = {0};
    attrib_load timed;
    double n_blocks = p->work->fitted.n_tokens / block->rows;
    double most = 0;
    size_t n_passes = 0;
    at_stretch taken = size->stage == AT_FIT_LAMBDA ? at_stretch_counted(block) : *block;
    double limit = at_planner_limit(p, p->work->fit->ram_limit, 1) - at_planner_base(p);
    at_fit_group group = {0};
    for (; group.first < p->n_tracked; group.first += group.n) {
        AT_TRY(at_fit_choose_group(size, limit, &group, err));
        attrib_load load = {0};
        AT_TRY(at_planner_pass(p, AT_MODE_REVERSE, size->layers_limit, &group, &taken,
                               &load, err));
        at_fit_maps maps = at_fit_maps_of(p->factors, group.first, group.n);
        attrib_tap tap = at_fit_tap(&maps, size->stage);
        at_planner_tap(&tap, group.n, &taken, 1, &load);
        at_load_add(&all, &load, 1);
        most = fmax(most, group.bytes + at_planner_base(p));
        n_passes++;
    }
    timed = at_load_timed(&all, p->machine, p->factors->info.precision);
    *out = at_planner_add(p, at_fit_stage_names[size->stage], &timed, n_blocks);
    (*out)->flop = (*out)->most_flop = n_blocks * all.flop;
    (*out)->memory_bytes = most;
    (*out)->n_passes = n_passes;
    at_planner_take(p, *out, most - at_planner_base(p), (double)n_passes);
done:
    return status;
}

/* Plan the eigenbases. One host merges, and each matrix is decomposed on one of its
 * cores, the largest first. The time is at least the mean over the cores, and at least
 * that of the largest matrix. Where memory is short, fewer cores work at the same time.
 */
static attrib_status plan_eigenbasis(const at_planner *p,
                                     const at_fit_size *size,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_load all = {0};
    attrib_load longest = {0};
    attrib_eigen_precision precision = p->work->fit->eigen_precision;
    double k = (double)p->n_blocks;
    double bytes = 0;
    at_fit_size used = *size;
    at_fit_group maps = {.n = p->n_tracked};
    attrib_plan_stage *stage = NULL;
    for (size_t i = 0; i < p->n_tracked; i++) {
        const attrib_module *map = at_planner_map(p, i);
        attrib_load of_a = {0};
        attrib_load of_s = {0};
        at_symmetric_cost(precision, (double)map->in_dim / k, &of_a);
        at_symmetric_cost(precision, (double)map->out_dim / k, &of_s);
        at_load_add(&all, &of_a, k);
        at_load_add(&all, &of_s, k);
        longest = of_a.flop > longest.flop ? of_a : longest;
        longest = of_s.flop > longest.flop ? of_s : longest;
    }
    for (;; used.n_workers--) {
        AT_TRY(at_fit_memory(&used, &maps, err));
        bytes = maps.bytes + at_planner_base(p);
        if (used.n_workers == 1 ||
            bytes <= at_planner_limit(p, p->work->fit->ram_limit, 1)) {
            break;
        }
    }
    stage = at_planner_add(p, "eigenbasis", &all, 1);
    stage->seconds = stage->most_seconds =
        at_planner_shared(p, &all, &longest, used.n_workers);
    stage->busy_seconds = at_load_seconds(&all, p->machine) / (double)p->machine->n_cores;
    stage->memory_bytes = bytes;
    stage->disk_bytes = p->maps.bases_on_disk;
done:
    return status;
}

attrib_status at_plan_fit(const at_planner *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_stretch block = at_stretch_of(&p->work->fitted, AT_BLOCK_ROWS);
    double longest = at_planner_longest(&p->work->fitted);
    attrib_block_size most = {(size_t)ceil(block.rows / block.length),
                              (size_t)ceil(fmax(block.rows, longest)),
                              (size_t)ceil(longest)};
    at_fit_size size = {.model = p->model,
                        .factors = p->factors,
                        .n_workers = p->machine->n_cores,
                        .n_parts = at_fit_own_parts(p->work->fit)};
    attrib_plan_stage *stage = NULL;
    attrib_fit_stages stages = p->work->fit->stages;
    AT_TRY(at_pass_size_one(&most, &size.blocks, err));
    AT_TRY(at_pass_choose_rounding(p->model, p->factors->info.precision,
                                   at_planner_limit(p, p->work->fit->ram_limit, 1) -
                                       at_planner_base(p),
                                   &size.rounds_weights, err));
    AT_TRY(at_fit_choose_layers(
        &size,
        at_planner_limit(p, p->work->fit->ram_limit, AT_USUAL_SHARE) - at_planner_base(p),
        err));
    if (stages != ATTRIB_FIT_LAMBDA && p->n_blocks > 0) {
        size.stage = AT_FIT_COVARIANCE;
        AT_TRY(plan_passes(p, &size, &block, &stage, err));
        stage->disk_bytes = p->maps.covariances_on_disk;
    }
    if (stages == ATTRIB_FIT_ALL && p->n_blocks > 0) {
        size.stage = AT_FIT_BASIS;
        AT_TRY(plan_eigenbasis(p, &size, err));
    }
    if (stages != ATTRIB_FIT_COVARIANCE && p->strategy != ATTRIB_KFAC) {
        size.stage = AT_FIT_LAMBDA;
        AT_TRY(plan_passes(p, &size, &block, &stage, err));
        stage->disk_bytes = p->maps.lambda;
    }
done:
    at_pass_size_free(&size.blocks);
    return status;
}
