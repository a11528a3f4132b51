/* SPDX-License-Identifier: MIT */
#include "query/setup.h"

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
