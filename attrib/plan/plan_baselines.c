/* SPDX-License-Identifier: MIT */
/* What baselines add to the stages of a run. */
#include <math.h>

#include "base/load.h"
#include "plan/planner.h"
#include "score/baselines.h"

/* Operations that take as long as one of AT_UNITS_SUM: counting a token, which reads and
 * writes a place of the vocabulary, and adding a posting's weight. */
#define SUMS_OF_TOKEN   6
#define SUMS_OF_POSTING 3

/* The cost of a pass forward over documents for hidden states: no token counts in a loss.
 * Blocks have AT_BLOCK_ROWS rows. */
static attrib_status forward(const at_planner *p,
                             const attrib_volume *volume,
                             attrib_load *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_fit_group none = {0};
    at_stretch block = at_stretch_of(volume, (double)AT_BLOCK_ROWS);
    attrib_load load = {0};
    block.predicted = 0;
    AT_TRY(at_planner_pass(p, AT_MODE_REVERSE, 0, &none, &block, &load, err));
    load.elements +=
        block.rows * AT_UNITS_SUM * (double)attrib_model_describe(p->model)->width;
    *out = (attrib_load){0};
    at_load_add(out, &load, volume->n_tokens / block.rows);
done:
    return status;
}

static double count_tiles(const at_setup *run)
{
    return ceil((double)run->n_queries / (double)run->n_tile);
}

attrib_load at_plan_words(const at_setup *run, const attrib_volume *volume)
{
    attrib_load out = {0};
    for (size_t b = 0; b < run->n_baselines; b++) {
        if (run->baselines[b].strategy != ATTRIB_HIDDEN) {
            out.elements += AT_UNITS_SUM * volume->n_tokens *
                            ((1 + count_tiles(run)) * SUMS_OF_TOKEN +
                             (double)run->n_queries * SUMS_OF_POSTING);
        }
    }
    return out;
}

attrib_status at_plan_hidden(const at_planner *p,
                             const at_setup *run,
                             const attrib_volume *volume,
                             attrib_load *out,
                             size_t *n_passes,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double width = (double)attrib_model_describe(p->model)->width;
    attrib_load of_pass = {0};
    *out = (attrib_load){0};
    *n_passes = 0;
    AT_TRY(forward(p, volume, &of_pass, err));
    for (size_t b = 0; b < run->n_baselines; b++) {
        if (run->baselines[b].strategy == ATTRIB_HIDDEN) {
            at_load_add(out, &of_pass, count_tiles(run));
            out->elements +=
                volume->n_documents * (double)run->n_queries * width * AT_UNITS_SUM;
            *n_passes += (size_t)count_tiles(run);
        }
    }
done:
    return status;
}

void at_plan_filter(const at_planner *p, const at_setup *run, const attrib_volume *all)
{
    double sums = 2 * SUMS_OF_TOKEN + (double)run->n_queries * SUMS_OF_POSTING;
    attrib_load load = {.elements = AT_UNITS_SUM * all->n_tokens * sums};
    attrib_plan_stage *stage = at_planner_add(p, "prefilter", &(attrib_load){0}, 0);
    stage->seconds = stage->most_seconds = stage->busy_seconds =
        at_load_seconds(&load, p->machine) / (double)p->machine->n_cores;
    stage->memory_bytes = at_planner_base(p);
}
