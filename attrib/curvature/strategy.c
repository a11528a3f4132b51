/* SPDX-License-Identifier: MIT */
/* Names of strategies, and defaults. */
#include "curvature/factors.h"

const char *attrib_strategy_name(attrib_strategy strategy)
{
    switch (strategy) {
    case ATTRIB_EKFAC:
        return "ekfac";
    case ATTRIB_KFAC:
        return "kfac";
    case ATTRIB_DIAGONAL:
        return "diagonal";
    case ATTRIB_IDENTITY:
        return "identity";
    }
    return "unknown";
}

void attrib_fit_options_default(attrib_fit_options *options)
{
    *options = (attrib_fit_options){.strategy = ATTRIB_EKFAC,
                                    .fisher = ATTRIB_FISHER_SAMPLED,
                                    .modules = "mlp",
                                    .n_blocks = 1,
                                    .n_shards = 1,
                                    .stages = ATTRIB_FIT_ALL};
}
