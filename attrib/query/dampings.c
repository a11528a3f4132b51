/* SPDX-License-Identifier: MIT */
/* The damping of every tracked map under every setting, which its factor decides. */
#include <math.h>

#include "base/thread.h"
#include "query/prepare.h"

/* The pieces of map m's factor that dampings depend on, and that its sums do not tell. */
static unsigned damping_pieces(const at_setup *setup, size_t m)
{
    unsigned pieces = 0;
    for (size_t s = 0; s < setup->options.n_settings; s++) {
        attrib_strategy strategy = setup->options.settings[s].strategy;
        if (at_knows_damping(setup->factors, &setup->factors->factors[m], strategy)) {
            continue;
        }
        switch (strategy) {
        case ATTRIB_EKFAC:
        case ATTRIB_DIAGONAL:
        case ATTRIB_OPTIMIZER:
        case ATTRIB_OPTIMIZER_ROOT:
            pieces |= AT_PIECES_LAMBDA;
            break;
        case ATTRIB_KFAC:
            pieces |= AT_PIECES_OF(AT_PIECE_VALUES_A) | AT_PIECES_OF(AT_PIECE_VALUES_S);
            break;
        case ATTRIB_IDENTITY:
        case ATTRIB_BM25:
        case ATTRIB_HIDDEN:
            break;
        }
    }
    return pieces;
}

static attrib_status choose_map_dampings(void *context,
                                         size_t i_worker,
                                         size_t m,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = context;
    const attrib_factors *factors = setup->factors;
    const char *name = at_setup_module(setup, m)->name;
    at_factor factor = {0};
    (void)i_worker;
    if (factors) {
        AT_TRY(at_factor_load(factors, m, damping_pieces(setup, m), &factor, err));
    }
    for (size_t s = 0; s < setup->options.n_settings; s++) {
        const attrib_setting *setting = &setup->options.settings[s];
        const at_damping how = {setting->strategy, setting->damping,
                                setting->is_damping_absolute};
        AT_TRY(at_damping_of(factors, factors ? &factor : NULL, &how, name,
                             &setup->dampings[s * setup->n_tracked + m], err));
    }
done:
    at_factor_unload(factors, &factor);
    return status;
}

/* Log every map whose gradients vanish, once each: it has no share in any score. */
static void name_vanishing(const at_setup *setup)
{
    bool is_of_optimizer =
        setup->factors &&
        attrib_factors_describe(setup->factors)->strategy == ATTRIB_OPTIMIZER;
    const char *why =
        is_of_optimizer
            ? "all its second moments are 0"
            : "its gradients vanish on all documents that factors were fitted on";
    for (size_t m = 0; m < setup->n_tracked; m++) {
        bool vanishes = false;
        for (size_t s = 0; s < setup->options.n_settings; s++) {
            vanishes = vanishes || isinf(setup->dampings[s * setup->n_tracked + m]);
        }
        if (vanishes) {
            at_log(setup->session, ATTRIB_LOG_WARNING,
                   "%s: %s; its share of every score is 0",
                   at_setup_module(setup, m)->name, why);
        }
    }
}

attrib_status at_choose_dampings(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &setup->options;
    size_t n = options->n_settings * setup->n_tracked;
    AT_TRY(at_array(n, sizeof(double), &setup->dampings, err));
    AT_TRY(at_parallel_for(setup->session, setup->n_tracked, choose_map_dampings, setup,
                           err));
    for (size_t k = 0; k < n; k++) {
        size_t m = k % setup->n_tracked;
        attrib_strategy strategy = options->settings[k / setup->n_tracked].strategy;
        if (strategy != ATTRIB_IDENTITY && !isinf(setup->dampings[k])) {
            at_log(setup->session, ATTRIB_LOG_DETAIL,
                   "%s: %s, damping %.3g nats^2/weight^2",
                   at_setup_module(setup, m)->name, attrib_strategy_name(strategy),
                   setup->dampings[k]);
        }
    }
    name_vanishing(setup);
done:
    return status;
}
