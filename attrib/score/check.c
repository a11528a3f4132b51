/* SPDX-License-Identifier: MIT */
/* What can be refused of a run before any work: its options and settings. */
#include "score/check.h"

#include "base/options.h"
#include "baseline/candidates.h"
#include "refine/refine.h"
#include "score/baselines.h"
#include "score/refusals.h"

static attrib_status check_setting(const attrib_factors *factors,
                                   const attrib_setting *setting,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_strategy wanted = setting->strategy;
    attrib_strategy fitted = factors ? factors->info.strategy : wanted;
    if (attrib_strategy_is_baseline(wanted)) {
        return ATTRIB_OK;
    }
    AT_CHECK(setting->damping > 0, ATTRIB_EINVAL, "damping %g, expected a number above 0",
             setting->damping);
    if (wanted == ATTRIB_IDENTITY) {
        goto done;
    }
    AT_CHECK(factors, ATTRIB_EINVAL, "strategy %s needs factors",
             attrib_strategy_name(wanted));
    AT_CHECK(wanted == fitted || (wanted == ATTRIB_KFAC && fitted == ATTRIB_EKFAC) ||
                 (wanted == ATTRIB_OPTIMIZER_ROOT && fitted == ATTRIB_OPTIMIZER),
             ATTRIB_EINVAL, "strategy %s needs factors fitted for it, these are for %s",
             attrib_strategy_name(wanted), attrib_strategy_name(fitted));
done:
    return status;
}

/* Whether two settings give the same scores: not all depend on damping and layer. */
static bool are_same(const attrib_setting *a, const attrib_setting *b)
{
    if (a->strategy != b->strategy) {
        return false;
    }
    return attrib_strategy_is_damped(a->strategy)
               ? a->damping == b->damping &&
                     a->is_damping_absolute == b->is_damping_absolute
               : a->strategy != ATTRIB_HIDDEN || a->layer == b->layer;
}

/* A filter goes by the queries. */
static attrib_status check_filter(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &setup->options;
    at_filter filtered = {0};
    AT_TRY(at_prefilter_read(options->prefilter, &filtered, err));
    if (setup->index && !setup->queries && filtered.n == 0) {
        goto done; /* self-influences are taken from it */
    }
    AT_CHECK(filtered.by_index == (setup->index != NULL), ATTRIB_EINVAL, "%s",
             setup->index ? "an index without prefilter index:N, which goes by it"
                          : "prefilter index:N without an index, which --index names");
    AT_CHECK(!filtered.by_index || options->top <= filtered.n, ATTRIB_EINVAL,
             "top %zu: of the %zu documents of either end that an index chooses, others "
             "would stand between them",
             options->top, filtered.n);
    AT_CHECK(filtered.n == 0 || setup->queries, ATTRIB_EINVAL,
             "prefilter goes by queries, of which there are none");
    if (filtered.n == 0) {
        AT_TRY(at_refuse_options(AT_JOB_UNFILTERED, options, err));
    }
done:
    return status;
}

/* What refinement and scales are given, where they are asked for. */
static attrib_status check_refinement(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &setup->options;
    AT_TRY(at_refine_check(setup, err));
    if (options->refine == ATTRIB_REFINE_NONE) {
        AT_TRY(at_refuse_options(AT_JOB_UNREFINED, options, err));
        if (options->scale == ATTRIB_SCALE_NONE) {
            AT_TRY(at_refuse_options(AT_JOB_WITHOUT_PRODUCTS, options, err));
        }
    }
done:
    return status;
}

attrib_status at_score_check(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &setup->options;
    AT_CHECK(setup->n_queries > 0 || !setup->queries, ATTRIB_EINVAL, "no queries");
    AT_CHECK(setup->queries || options->with_self, ATTRIB_EINVAL,
             "neither queries nor self-influences to compute");
    AT_TRY(at_options_check(attrib_score_options_table(), options, err));
    AT_TRY(at_refuse_options(AT_ANY_JOB, options, err));
    AT_CHECK(options->normalize != ATTRIB_NORMALIZE_UNIT || options->is_unsettled ||
                 options->precision == ATTRIB_F32_PRODUCTS,
             ATTRIB_EINVAL,
             "cosines divide by self-influences, which precision %s leaves inexact: they "
             "take f32, or no-settle",
             attrib_precision_name(options->precision));
    AT_TRY(check_refinement(setup, err));
    AT_TRY(check_filter(setup, err));
    AT_TRY(at_baselines_check(options, setup->model, err));
    for (size_t s = 0; s < options->n_settings; s++) {
        AT_TRY(check_setting(setup->factors, &options->settings[s], err));
        for (size_t r = 0; r < s;
             r++) { /* equal settings would have equal planes' names */
            AT_CHECK(!are_same(&options->settings[r], &options->settings[s]),
                     ATTRIB_EINVAL, "settings %zu and %zu are the same: %s, damping %g",
                     r + 1, s + 1, attrib_strategy_name(options->settings[s].strategy),
                     options->settings[s].damping);
        }
    }
done:
    return status;
}
