/* SPDX-License-Identifier: MIT */
/* Options of ranking, and the settings that are made of them. */
#include "cli/ranking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/question.h"

const option ranking_table[] = {
    {.name = "factors",
     .kind = OPTION_TEXT,
     .offset = offsetof(ranking_options, factors),
     .value = "F",
     .help = "folder of fitted factors, of attrib fit or of Kronfluence"},
    {.name = "strategy",
     .kind = OPTION_CHOICES,
     .offset = offsetof(ranking_options, strategy),
     .value = "ekfac|kfac|diagonal|identity|optimizer|optimizer-root",
     .help = "approximation of the curvature (default: that of the factors; ekfac); "
             "several, separated by commas, are scored in one pass; optimizer, "
             "optimizer-root: by factors of attrib fit --optimizer"},
    {.name = "baseline",
     .kind = OPTION_TEXT,
     .offset = offsetof(ranking_options, baseline),
     .value = "bm25|hidden|hidden:L",
     .help = "rank by a baseline, in place of a strategy or in addition to those named: "
             "BM25 of tokens, or the cosine of mean hidden states after L layers "
             "(default: the last); several, separated by commas"},
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

#define INDEX_CHOICE(standard_exact)                                                     \
    {.name = "index",                                                                    \
     .kind = OPTION_TEXT,                                                                \
     .offset = offsetof(ranking_options, index.folder),                                  \
     .value = "INDEX",                                                                   \
     .help = "estimate all scores from an index of attrib index, and score the first "   \
             "and last documents alone; --model, --factors and --corpus are those that " \
             "it was made of, unless they are named"},                                   \
    {                                                                                    \
        .name = "exact", .kind = OPTION_SIZE,                                            \
        .offset = offsetof(ranking_options, index.n_exact), .value = "K",                \
        .standard = (standard_exact), .min = 1, .max = 1e9,                              \
        .help = "with --index: documents of either end that are scored exactly, and "    \
                "ranked by that; more find more"                                         \
    }

const option index_choice_table[] = {INDEX_CHOICE("10"), {0}};
const option batch_choice_table[] = {INDEX_CHOICE("100"), {0}};

/* The strategies in the order of the words of --strategy. */
static const attrib_strategy offered[] = {ATTRIB_EKFAC,     ATTRIB_KFAC,
                                          ATTRIB_DIAGONAL,  ATTRIB_IDENTITY,
                                          ATTRIB_OPTIMIZER, ATTRIB_OPTIMIZER_ROOT};

static attrib_strategy strategy_at(const ranking_options *options, size_t i)
{
    return offered[options->strategy.values[i]];
}

/* Whether a strategy is asked for that only --factors can serve: nothing fits it. */
static bool lacks_moments(const ranking_options *options)
{
    for (size_t i = 0; !options->factors && i < options->strategy.n; i++) {
        if (strategy_at(options, i) >= ATTRIB_OPTIMIZER) {
            return true;
        }
    }
    return false;
}

static size_t count_strategies(const ranking_options *options)
{
    return options->is_strategy_given ? options->strategy.n : options->n_baselines == 0;
}

static size_t count_dampings(const ranking_options *options)
{
    return options->is_damping_abs_given ? options->damping_abs.n : options->damping.n;
}

size_t ranking_count_settings(const ranking_options *options)
{
    return count_strategies(options) * count_dampings(options) + options->n_baselines;
}

/* Check that there are no more settings than a run can hold. */
static bool check_settings(const ranking_options *options, char *message, size_t size)
{
    if (ranking_count_settings(options) > ATTRIB_MAX_SETTINGS) {
        snprintf(message, size,
                 "%zu strategies with %zu dampings each and %zu baselines, at most %d "
                 "together",
                 count_strategies(options), count_dampings(options), options->n_baselines,
                 ATTRIB_MAX_SETTINGS);
        return false;
    }
    return true;
}

/* One baseline of n characters: bm25, hidden or hidden:L. */
static bool read_baseline(const char *text, size_t n, attrib_setting *out)
{
    char word[32];
    char *end = word;
    *out = (attrib_setting){.strategy = ATTRIB_BM25, .damping = 0.1};
    if (n >= sizeof word) {
        return false;
    }
    memcpy(word, text, n);
    word[n] = '\0';
    if (strcmp(word, "bm25") == 0) {
        return true;
    }
    out->strategy = ATTRIB_HIDDEN;
    out->layer = ATTRIB_LAYER_LAST;
    if (strcmp(word, "hidden") == 0) {
        return true;
    }
    if (strncmp(word, "hidden:", 7) != 0 || word[7] < '0' || word[7] > '9') {
        return false;
    }
    out->layer = strtoul(word + 7, &end, 10);
    return *end == '\0';
}

bool ranking_read_baselines(
    const char *text, attrib_setting *out, size_t *n_out, char *message, size_t size)
{
    const char *rest = text;
    *n_out = 0;
    while (rest) {
        size_t n = strcspn(rest, ",");
        if (*n_out == ATTRIB_MAX_SETTINGS || !read_baseline(rest, n, &out[*n_out])) {
            snprintf(message, size,
                     "--baseline: \"%.80s\", expected bm25, hidden or hidden:L with a "
                     "number of layers, separated by commas",
                     text);
            return false;
        }
        ++*n_out;
        rest = rest[n] ? rest + n + 1 : NULL;
    }
    return true;
}

/* What goes with an index; notes the filter that it is. */
static bool check_index(ranking_options *options,
                        const cli_given *given,
                        char *message,
                        size_t size)
{
    index_choice *index = &options->index;
    if (!index->folder) {
        const char *const needs[] = {"exact", "time", "certify"};
        for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
            if (options_given(given, needs[i])) {
                snprintf(message, size, "--%s goes with --index", needs[i]);
                return false;
            }
        }
        return true;
    }
    if (options->score.prefilter) {
        snprintf(message, size,
                 "--index and --prefilter exclude each other: an index is a "
                 "filter");
        return false;
    }
    if (!question_check(index, given, message, size)) {
        return false;
    }
    if (index->time || index->certify) {
        return true;
    }
    if (!options_given(given, "top") && options->score.top > index->n_exact) {
        options->score.top = index->n_exact;
    }
    if (options->score.top > index->n_exact) {
        snprintf(message, size,
                 "--top %zu: --exact %zu scores so many documents of either end alone",
                 options->score.top, index->n_exact);
        return false;
    }
    snprintf(index->prefilter, sizeof index->prefilter, "index:%zu", index->n_exact);
    options->score.prefilter = index->prefilter;
    return true;
}

bool ranking_check(ranking_options *options,
                   const cli_given *given,
                   char *message,
                   size_t size)
{
    options->given = given;
    if (!check_index(options, given, message, size)) {
        return false;
    }
    options->is_strategy_given = options_given(given, "strategy");
    options->is_damping_abs_given = options_given(given, "damping-abs");
    if (!ranking_read_baselines(options->baseline, options->baselines,
                                &options->n_baselines, message, size)) {
        return false;
    }
    if (lacks_moments(options)) {
        snprintf(message, size,
                 "--strategy optimizer and optimizer-root take --factors of attrib fit "
                 "--optimizer FILE");
        return false;
    }
    if (options->is_damping_abs_given && options_given(given, "damping")) {
        snprintf(message, size, "--damping and --damping-abs exclude each other");
        return false;
    }
    if (ranking_is_identity(options) &&
        (options->is_damping_abs_given || options_given(given, "damping"))) {
        snprintf(message, size, "%s has no damping",
                 options->is_strategy_given ? "--strategy identity" : "--baseline");
        return false;
    }
    if ((options->factors || options->index.folder) && options_given(given, "modules")) {
        snprintf(message, size,
                 "--modules and --%s exclude each other: the modules are "
                 "those of the factors",
                 options->factors ? "factors" : "index");
        return false;
    }
    if (options_given(given, "eigen-precision") &&
        (options->factors || ranking_is_identity(options))) {
        snprintf(message, size,
                 "--eigen-precision is of factors that are fitted here: %s",
                 options->factors ? "leave out --factors" : "this ranking takes none");
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
        if (strategy_at(options, i) != ATTRIB_IDENTITY) {
            return false;
        }
    }
    return options->is_strategy_given || options->n_baselines > 0;
}

attrib_score_options ranking_choose(const ranking_options *options,
                                    const attrib_factors *factors,
                                    const cli_job *job)
{
    attrib_score_options chosen = options->score;
    const number_list *dampings =
        options->is_damping_abs_given ? &options->damping_abs : &options->damping;
    attrib_strategy usual =
        factors ? attrib_factors_describe(factors)->strategy : ATTRIB_EKFAC;
    chosen.n_settings = 0;
    for (size_t i = 0; i < count_strategies(options); i++) {
        attrib_strategy strategy =
            options->is_strategy_given ? strategy_at(options, i) : usual;
        /* The identity ignores damping, so one setting is enough. */
        size_t n_dampings = strategy == ATTRIB_IDENTITY ? 1 : dampings->n;
        for (size_t k = 0; k < n_dampings; k++) {
            chosen.settings[chosen.n_settings++] =
                (attrib_setting){.strategy = strategy,
                                 .damping = dampings->values[k],
                                 .is_damping_absolute = options->is_damping_abs_given};
        }
    }
    for (size_t b = 0; b < options->n_baselines; b++) {
        chosen.settings[chosen.n_settings++] = options->baselines[b];
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
    if (setting->strategy == ATTRIB_HIDDEN) {
        snprintf(out, size, "hidden, the cosine of mean states of layer %zu (baseline)",
                 setting->layer);
        return;
    }
    if (setting->strategy == ATTRIB_BM25) {
        snprintf(out, size, "bm25 of tokens (baseline)");
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

/* The rows of a filter, and what share of both ends of the rankings it finds. */
static void count_filter(const attrib_run *run, cli_job *job)
{
    const attrib_run_info *info = attrib_run_describe(run);
    const char *const ends[] = {"first", "last"};
    if (!info->options->prefilter) {
        return;
    }
    terminal_count(
        job->screen, "prefilter", "%s: %zu of %zu documents scored, %zu of them drawn",
        info->options->prefilter, info->n_passed, info->n_documents, info->n_sampled);
    terminal_text(job->screen, "prefilter", "%s", info->options->prefilter);
    terminal_number(job->screen, "scored", (double)info->n_passed);
    terminal_number(job->screen, "sampled", (double)info->n_sampled);
    for (size_t s = 0; s < info->options->n_settings; s++) {
        for (size_t end = 0; end < 2; end++) {
            attrib_recall recall;
            if (attrib_run_recall(run, s * info->n_queries, info->n_queries, end == 1,
                                  &recall)) {
                terminal_count(job->screen, "recall",
                               "%s: %.3f (95 %%: %.3f to %.3f) of the %s %.0f",
                               attrib_strategy_name(info->options->settings[s].strategy),
                               recall.share, recall.low, recall.high, ends[end],
                               recall.n_found);
            }
        }
    }
}

void ranking_count(const attrib_run *run, cli_job *job)
{
    const attrib_run_info *info = attrib_run_describe(run);
    terminal_count(job->screen, "queries", "%zu", info->n_queries);
    if (info->n_modules > 0) { /* baselines alone track none */
        terminal_count(job->screen, "tracked", "%zu modules, %.1f %% of the parameters",
                       info->n_modules, 100 * info->tracked_share);
    }
    terminal_number(job->screen, "queries", (double)info->n_queries);
    terminal_number(job->screen, "modules", (double)info->n_modules);
    terminal_number(job->screen, "tracked_share", info->tracked_share);
    for (size_t s = 0; s < info->options->n_settings; s++) {
        char setting[96];
        describe_setting(&info->options->settings[s], setting, sizeof setting);
        if (info->options->segments) {
            snprintf(setting, sizeof setting, "%s, segments %.60s",
                     attrib_strategy_name(info->options->settings[s].strategy),
                     info->options->segments);
        }
        terminal_count(job->screen, "strategy", "%s", setting);
        terminal_item(job->screen, "settings", "%s", setting);
    }
    count_filter(run, job);
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
