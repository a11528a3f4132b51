/* SPDX-License-Identifier: MIT */
/* Options of ranking, and the settings that are made of them. */
#include "cli/ranking.h"

#include <stdio.h>
#include <string.h>

const option ranking_table[] = {
    {.name = "factors",
     .kind = OPTION_TEXT,
     .offset = offsetof(ranking_options, factors),
     .value = "F",
     .help = "folder of fitted factors, of attrib fit or of Kronfluence"},
    {.name = "strategy",
     .kind = OPTION_CHOICES,
     .offset = offsetof(ranking_options, strategy),
     .value = "ekfac|kfac|diagonal|identity",
     .help = "approximation of the curvature (default: that of the factors; ekfac); "
             "several, separated by commas, are scored in one pass"},
    {.name = "damping",
     .kind = OPTION_NUMBERS,
     .offset = offsetof(ranking_options, damping),
     .value = "X",
     .standard = "0.1",
     .max = 1e30,
     .help = "added to the curvature of each module, in units of its mean eigenvalue; "
             "several as above"},
    {.name = "damping-abs",
     .kind = OPTION_NUMBERS,
     .offset = offsetof(ranking_options, damping_abs),
     .value = "X",
     .max = 1e30,
     .help = "the same in nats^2 per weight^2, in place of --damping"},
    {0},
};

/* Check that there are no more settings than a run can hold. */
static bool check_settings(const ranking_options *options, char *message, size_t size)
{
    size_t n_dampings =
        options->is_damping_abs_given ? options->damping_abs.n : options->damping.n;
    size_t n_strategies = options->is_strategy_given ? options->strategy.n : 1;
    if (n_dampings * n_strategies > ATTRIB_MAX_SETTINGS) {
        snprintf(message, size,
                 "%zu strategies with %zu dampings each, at most %d together",
                 n_strategies, n_dampings, ATTRIB_MAX_SETTINGS);
        return false;
    }
    return true;
}

bool ranking_check(ranking_options *options,
                   const cli_given *given,
                   char *message,
                   size_t size)
{
    options->is_strategy_given = options_given(given, "strategy");
    options->is_damping_abs_given = options_given(given, "damping-abs");
    if (options->is_damping_abs_given && options_given(given, "damping")) {
        snprintf(message, size, "--damping and --damping-abs exclude each other");
        return false;
    }
    if (ranking_is_identity(options) &&
        (options->is_damping_abs_given || options_given(given, "damping"))) {
        snprintf(message, size, "--strategy identity has no damping");
        return false;
    }
    if (options->factors && options_given(given, "modules")) {
        snprintf(message, size,
                 "--modules and --factors exclude each other: the modules are "
                 "those of the factors");
        return false;
    }
    if (options_given(given, "max-rescored") &&
        options->score.query_rank == ATTRIB_RANK_FULL &&
        options->score.precision == ATTRIB_F32_PRODUCTS) {
        snprintf(
            message, size,
            "--max-rescored needs --query-rank or --precision bf16: else queries are "
            "scored in full");
        return false;
    }
    if (options->score.is_unsettled && options->score.precision == ATTRIB_F32_PRODUCTS) {
        snprintf(message, size,
                 "--no-settle needs --precision bf16 or auto: scores in f32 need no "
                 "settling");
        return false;
    }
    return check_settings(options, message, size);
}

bool ranking_is_identity(const ranking_options *options)
{
    for (size_t i = 0; i < options->strategy.n; i++) {
        if (options->strategy.values[i] != ATTRIB_IDENTITY) {
            return false;
        }
    }
    return options->is_strategy_given;
}

attrib_score_options ranking_choose(const ranking_options *options,
                                    const attrib_factors *factors,
                                    const cli_job *job)
{
    attrib_score_options chosen = options->score;
    const number_list *dampings =
        options->is_damping_abs_given ? &options->damping_abs : &options->damping;
    choice_list strategies = options->strategy;
    if (!options->is_strategy_given) {
        strategies.n = 1;
        strategies.values[0] =
            factors ? (int)attrib_factors_describe(factors)->strategy : (int)ATTRIB_EKFAC;
    }
    chosen.n_settings = 0;
    for (size_t i = 0; i < strategies.n; i++) {
        attrib_strategy strategy = (attrib_strategy)strategies.values[i];
        /* The identity ignores damping, so one setting is enough. */
        size_t n_dampings = strategy == ATTRIB_IDENTITY ? 1 : dampings->n;
        for (size_t k = 0; k < n_dampings; k++) {
            chosen.settings[chosen.n_settings++] = (attrib_setting){
                strategy, dampings->values[k], options->is_damping_abs_given};
        }
    }
    chosen.command = job->command_line;
    return chosen;
}

/* The setting of a run as text. */
static void describe_setting(const attrib_setting *setting, char *out, size_t size)
{
    if (setting->strategy == ATTRIB_IDENTITY) {
        snprintf(out, size, "identity, no damping");
        return;
    }
    snprintf(out, size, "%s, damping %g%s", attrib_strategy_name(setting->strategy),
             setting->damping, setting->is_damping_absolute ? "" : " x mean eigenvalue");
}

/* How far cut queries were settled. */
static void count_settled(const attrib_run_info *info, cli_job *job)
{
    terminal_count(job->screen, "query rank",
                   "%zu, %zu documents scored again in full, largest error %.3g "
                   "within a bound of %.3g",
                   info->query_rank, info->n_rescored, info->largest_error,
                   info->largest_bound);
    terminal_count(job->screen, "ranking",
                   info->n_open ? "not certain, %zu open" : "exact", info->n_open);
    terminal_number(job->screen, "rescored", (double)info->n_rescored);
    terminal_number(job->screen, "open", (double)info->n_open);
    terminal_number(job->screen, "largest_error", info->largest_error);
    terminal_number(job->screen, "largest_bound", info->largest_bound);
}

void ranking_count(const attrib_run *run, cli_job *job)
{
    const attrib_run_info *info = attrib_run_describe(run);
    terminal_count(job->screen, "queries", "%zu", info->n_queries);
    terminal_count(job->screen, "tracked", "%zu modules, %.1f %% of the parameters",
                   info->n_modules, 100 * info->tracked_share);
    terminal_number(job->screen, "queries", (double)info->n_queries);
    terminal_number(job->screen, "modules", (double)info->n_modules);
    terminal_number(job->screen, "tracked_share", info->tracked_share);
    for (size_t s = 0; s < info->options->n_settings; s++) {
        char setting[96];
        describe_setting(&info->options->settings[s], setting, sizeof setting);
        terminal_count(job->screen, "strategy", "%s", setting);
        terminal_item(job->screen, "settings", "%s", setting);
    }
    if (info->options->normalize) {
        const char *how = info->options->normalize == ATTRIB_NORMALIZE_NATS
                              ? "per nat of the query's loss"
                              : "cosines in the preconditioned metric";
        terminal_count(job->screen, "scores", "%s", how);
        terminal_text(job->screen, "scores", "%s", how);
    }
    terminal_number(job->screen, "query_rank", (double)info->query_rank);
    if (info->query_rank) {
        count_settled(info, job);
    }
    if (info->options->precision != ATTRIB_F32_PRODUCTS && info->n_queries > 0) {
        terminal_count(job->screen, "precision",
                       "bf16, %zu documents scored again in f32, largest error %.3g, "
                       "taken to be %.3g",
                       info->n_rescored, info->largest_error, info->assumed_error);
    }
}
