/* SPDX-License-Identifier: MIT */
/* Names of strategies. */
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
