/* SPDX-License-Identifier: MIT */
#include "support/planned.h"

#include <math.h>
#include <string.h>

#include "support/check.h"

const attrib_shape one_layer = {.size = sizeof(attrib_shape),
                                .n_layers = 1,
                                .width = 2,
                                .mlp_width = 4,
                                .n_heads = 1,
                                .n_vocabulary = 8,
                                .context = 16};

attrib_machine ideal(size_t n_hosts, size_t n_cores)
{
    return (attrib_machine){.size = sizeof(attrib_machine),
                            .n_hosts = n_hosts,
                            .n_cores = n_cores,
                            .flops = (double)n_cores,
                            .bytes_per_second = 1e30};
}

attrib_fit_options fitting;
attrib_score_options scoring;

attrib_work one_document(void)
{
    attrib_volume volume = attrib_volume_even(1, 4, 16);
    attrib_work work;
    attrib_fit_options_default(&fitting);
    attrib_score_options_default(&scoring);
    attrib_work_default(&work);
    work.fit = &fitting;
    work.score = &scoring;
    work.fitted = work.scored = volume;
    work.query_tokens = 4;
    return work;
}

attrib_plan make_plan(const attrib_shape *shape,
                      const attrib_work *work,
                      const attrib_machine *machine)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    attrib_plan plan;
    check_ok(attrib_outline_new(shape, &model, &err), &err);
    check_ok(attrib_plan_make(model, work, machine, &plan, &err), &err);
    attrib_model_close(model);
    return plan;
}

const attrib_plan_stage *stage_of(const attrib_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_stages; i++) {
        if (strcmp(plan->stages[i].name, name) == 0) {
            return &plan->stages[i];
        }
    }
    fail_msg("no stage %s", name);
    return NULL;
}

void check_flop(const attrib_plan *plan, const char *name, double want)
{
    double got = stage_of(plan, name)->flop;
    if (fabs(got - want) > 1e-9 * want) {
        fail_msg("%s: %.17g FLOP, %.17g by hand", name, got, want);
    }
}
