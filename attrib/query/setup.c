/* SPDX-License-Identifier: MIT */
#include "query/setup.h"

const attrib_module *at_setup_module(const at_setup *setup, size_t i)
{
    return attrib_model_module(setup->model, setup->tracked[i]);
}

bool at_setup_holds(const at_setup *setup, at_array_kind kind)
{
    return at_array_is_held(kind, &setup->options, setup->query_rank > 0);
}

size_t at_map_rank(const attrib_module *module, size_t rank)
{
    return rank < module->out_dim && rank < module->in_dim ? rank : 0;
}

at_pass at_setup_pass(const at_setup *setup, size_t block_rows, const char *stage)
{
    return (at_pass){.session = setup->session,
                     .model = setup->model,
                     .tracked = setup->tracked,
                     .n_tracked = setup->n_tracked,
                     .labels = AT_LABELS_DATA,
                     .block_rows = block_rows,
                     .stage = stage};
}
