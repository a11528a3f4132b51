/* SPDX-License-Identifier: MIT */
#include "query/setup.h"

static attrib_status check_files(const attrib_model *model,
                                 const attrib_factors *factors,
                                 attrib_error *err)
{
    attrib_status status = at_pass_check_model(model, err);
    if (status == ATTRIB_OK && factors && factors->files) {
        status = at_files_check(factors->files, err);
    }
    return status;
}

attrib_status at_setup_check_files(const at_setup *setup, attrib_error *err)
{
    attrib_status status = check_files(setup->model, setup->factors, err);
    for (size_t i = setup->i_stage + 1; i < setup->n_stages && status == ATTRIB_OK; i++) {
        status = check_files(setup->stages[i].model, setup->stages[i].factors, err);
    }
    return status;
}

const attrib_module *at_setup_module(const at_setup *setup, size_t i)
{
    return attrib_model_module(setup->model, setup->tracked[i]);
}

bool at_setup_holds(const at_setup *setup, at_array_kind kind)
{
    return at_array_is_held(kind, &setup->options, at_is_cut(setup)) &&
           (setup->n_queries > 0 || !at_array_has_queries(kind));
}

bool at_is_cut(const at_setup *setup)
{
    return setup->query_rank > 0;
}

bool at_is_settled(const at_setup *setup)
{
    return at_is_cut(setup) || (setup->options.precision != ATTRIB_F32_PRODUCTS &&
                                !setup->options.is_unsettled);
}

size_t at_map_rank(const at_setup *setup, size_t i_tracked)
{
    const attrib_module *module = at_setup_module(setup, i_tracked);
    size_t rank = setup->query_rank;
    return rank < module->out_dim && rank < module->in_dim ? rank : 0;
}

at_setup at_setup_cut(const at_setup *setup, size_t rank)
{
    at_setup out = *setup;
    size_t largest = 0;
    out.query_rank = rank;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        largest = at_larger(largest, at_map_rank(&out, m));
    }
    out.query_rank = largest;
    return out;
}

const char *at_setup_stage(const at_setup *setup, const char *stage)
{
    return setup->is_pilot ? "pilot" : stage;
}

at_pass at_setup_pass(const at_setup *setup, size_t block_rows, const char *stage)
{
    return (at_pass){.session = setup->session,
                     .model = setup->model,
                     .tracked = setup->tracked,
                     .n_tracked = setup->n_tracked,
                     .labels = AT_LABELS_DATA,
                     .block_rows = block_rows,
                     .stage = at_setup_stage(setup, stage)};
}
