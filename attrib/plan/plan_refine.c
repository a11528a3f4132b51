/* SPDX-License-Identifier: MIT */
#include "plan/plan_refine.h"

#include <math.h>
#include <stdlib.h>

#include "gradient/products.h"
#include "refine/refine.h"

attrib_status at_plan_refinement(const at_planner *p,
                                 const at_setup *run,
                                 attrib_plan_stage *stage,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_volume volume = p->work->scored;
    double share = fmin(1, (double)run->options.refine_documents / volume.n_documents);
    double n_blocks = ceil(share * volume.n_tokens / (double)AT_BLOCK_ROWS);
    double n_vectors = (double)run->n_queries * (double)run->options.n_settings;
    double n_passes = (double)at_refine_passes(run, 1);
    at_stretch block = at_stretch_of(&volume, (double)AT_BLOCK_ROWS);
    attrib_load load = {0};
    attrib_load primal = {0};
    attrib_tap tap;
    at_product_map *maps = NULL;
    at_products products = {.n_vectors = 1};
    const at_fit_group none = {0};
    if (!at_is_refined(run)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(run->n_tracked, sizeof *maps, &maps, err));
    for (size_t m = 0; m < run->n_tracked; m++) {
        const attrib_module *map = at_planner_map(p, m);
        maps[m] = (at_product_map){.out_dim = map->out_dim, .in_dim = map->in_dim};
    }
    products.maps = maps;
    tap = at_products_tap(&products);
    AT_TRY(at_planner_pass(p, AT_MODE_PRODUCT, 0, NULL, &block, &load, err));
    at_planner_tap(&tap, run->n_tracked, &block, 1, &load);
    AT_TRY(at_planner_pass(p, AT_MODE_REVERSE, 0, &none, &block, &primal, err));
    at_load_add(&primal, &load, n_vectors);
    stage->flop += n_passes * n_blocks * primal.flop;
    stage->seconds += n_passes *
                      at_planner_rounds(n_blocks, (double)p->machine->n_cores) *
                      at_load_seconds(&primal, p->machine);
    stage->busy_seconds += n_passes * n_blocks * at_load_seconds(&primal, p->machine) /
                           (double)p->machine->n_cores;
    stage->most_flop = stage->flop;
    stage->most_seconds = stage->seconds;
done:
    free(maps);
    return status;
}
