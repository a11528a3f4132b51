/* SPDX-License-Identifier: MIT */
/* attrib self: documents by what they do to their own loss. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/cache.h"
#include "cli/foresee.h"
#include "cli/indexed.h"
#include "cli/notes.h"

typedef struct self_args {
    common_options common;
    source_options source;
    ranking_options ranking;
    const char *by_tag, *output, *index;
    size_t top;
    int format;
} self_args;

enum { FORMAT_TEXT, FORMAT_JSON };

static const option self_table[] = {
    {.name = "index",
     .kind = OPTION_TEXT,
     .offset = offsetof(self_args, index),
     .value = "INDEX",
     .help = "take self-influences from an index of attrib index, which has those of all "
             "its documents, of ekfac with its own damping, instead of a pass; --model, "
             "--factors and --corpus are those that it was made of, unless they are "
             "named"},
    {.name = "by-tag",
     .kind = OPTION_TEXT,
     .offset = offsetof(self_args, by_tag),
     .value = "TAG",
     .help = "rank in each group of documents with the same value of this tag; documents "
             "without it are left out"},
    {.name = "top",
     .kind = OPTION_SIZE,
     .offset = offsetof(self_args, top),
     .value = "N",
     .standard = "10",
     .min = 1,
     .max = 1e6,
     .help = "documents listed, or of each group"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(self_args, format),
     .value = "text|json",
     .standard = "text",
     .help = "how they are written on standard output; json is a line a listing"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(self_args, output),
     .value = "RUN",
     .help = "keep the self-influences of all documents as a run in this folder, which "
             "attrib show --by self and export read; one that was stopped goes on"},
    {0},
};

/* Baselines compare documents with queries, of which there are none. */
static const char *name_without_baseline(const option *o)
{
    return strcmp(o->name, "baseline") == 0 ? NULL : o->name;
}

/* What does not depend on queries. */
static const char *name_in_self(const option *o)
{
    const char *const taken[] = {"ram-limit", "modules", "precision"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (strcmp(o->name, taken[i]) == 0) {
            return o->name;
        }
    }
    return NULL;
}

static const option_group self_groups[] = {
    SOURCE_GROUPS(self_args, source, NULL),
    {.title = "What is listed", .options = self_table, .offset = 0},
    {.title = "Ranking",
     .options = ranking_table,
     .offset = offsetof(self_args, ranking),
     .name = name_without_baseline},
    {.title = "Ranking",
     .library = attrib_score_options_table,
     .offset = offsetof(self_args, ranking.score),
     .library_bytes = sizeof(attrib_score_options),
     .name = name_in_self},
    {.title = "Cache", .options = cache_table, .offset = offsetof(self_args, source)},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(self_args, common)},
    {0},
};

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    self_args *args = arguments;
    if (!ranking_check(&args->ranking, given, message, size)) {
        return false;
    }
    if (ranking_count_settings(&args->ranking) > 1) {
        snprintf(
            message, size,
            "one strategy and one damping for a listing, attrib score takes several");
        return false;
    }
    if (args->index && options_given(given, "modules")) {
        snprintf(message, size,
                 "--modules and --index exclude each other: the modules are those of the "
                 "index");
        return false;
    }
    return true;
}

/* Open the model and the corpus, on the day that the factors were fitted, and what an
 * index gives of them. */
static attrib_status open_source(
    self_args *args, indexed *named, cli_job *job, cli_source *out, attrib_error *err)
{
    char date[ATTRIB_DATE_SIZE] = "";
    source_options chosen = args->source;
    chosen.ram_limit = args->ranking.score.ram_limit;
    args->ranking.index.folder = args->index;
    attrib_status status = indexed_open(&chosen, &args->ranking, named, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    chosen.keeps_store = !args->ranking.factors && !ranking_is_identity(&args->ranking);
    status = source_take_date(&chosen, args->ranking.factors, date, err);
    if (status == ATTRIB_OK && !chosen.date && !args->ranking.factors) {
        chosen.date = cache_date(chosen.corpus.paths[0], date);
    }
    return status == ATTRIB_OK ? source_open(&chosen, job, out, err) : status;
}

static attrib_status list(const self_args *args,
                          attrib_run *run,
                          cli_job *job,
                          attrib_error *err)
{
    attrib_list_options options;
    attrib_text_options text;
    terminal_clear(job->screen);
    ranking_count(run, job);
    terminal_choose_text(job->common, &text);
    attrib_list_options_default(&options);
    options.by = ATTRIB_BY_SELF;
    options.by_tag = args->by_tag;
    options.n_shown = args->top;
    options.is_json = args->format == FORMAT_JSON;
    options.text = &text;
    return attrib_export_list(job->session, run, &options, "-", err);
}

/* An index has one damping, which is taken where none was given. */
static void take_damping(const attrib_index *index,
                         const cli_given *given,
                         attrib_setting *setting)
{
    if (index && !options_given(given, "damping") &&
        !options_given(given, "damping-abs") && setting->strategy == ATTRIB_EKFAC) {
        const attrib_index_info *info = attrib_index_describe(index);
        setting->damping = info->damping;
        setting->is_damping_absolute = info->is_damping_absolute;
    }
}

static attrib_status score(const self_args *args,
                           const attrib_index *index,
                           const cli_source *source,
                           const attrib_factors *factors,
                           cli_job *job,
                           attrib_run **out,
                           attrib_error *err)
{
    attrib_score_options options = ranking_choose(&args->ranking, factors, job);
    attrib_score_job scored = source_job(source, factors, NULL, &options);
    take_damping(index, args->ranking.given, &options.settings[0]);
    options.with_self = true;
    scored.folder = args->output;
    scored.index = index;
    return attrib_run_score(job->session, &scored, out, err);
}

static attrib_status self(const void *arguments, cli_job *job, attrib_error *err)
{
    self_args args = *(const self_args *)arguments; /* with what an index gives */
    cli_source source = {0};
    indexed named = {0};
    attrib_factors *factors = NULL;
    attrib_run *run = NULL;
    attrib_status status = open_source(&args, &named, job, &source, err);
    if (status == ATTRIB_OK) {
        attrib_score_options options = ranking_choose(&args.ranking, NULL, job);
        options.with_self = true;
        attrib_score_job next = source_job(&source, NULL, NULL, &options);
        next.folder = args.output;
        if (!named.index) {
            foresee_answer(&source, &args.ranking, NULL, job);
        }
        status = cache_take_factors(&args.ranking, &args.source, &source, &next, job,
                                    &factors, err);
    }
    if (status == ATTRIB_OK) {
        status = source_check_factors(job, factors, err);
    }
    if (status == ATTRIB_OK) {
        status = score(&args, named.index, &source, factors, job, &run, err);
    }
    if (status == ATTRIB_OK && args.output) {
        status = source_list_skipped(&source, args.output, err);
    }
    if (status == ATTRIB_OK) {
        status = list(&args, run, job, err);
    }
    attrib_run_close(run);
    attrib_factors_close(factors);
    source_close(&source);
    indexed_close(&named);
    return status;
}

const cli_command command_self = {
    .name = "self",
    .usage = "{--model M [--factors F] --corpus PATH... | --index INDEX} [--by-tag TAG] "
             "[OPTION]...",
    .summary = "rank the documents of a corpus by what they do to their own loss",
    .description =
        "Ranks documents by self-influence, which takes no queries: how much a document "
        "lowers its own loss. It is largest where a document stands apart from the "
        "others, so that the first ones are worth a look: rare, garbled, mislabelled and "
        "wrong documents among them. --by-tag ranks in groups that are alike, as long "
        "documents and those of rare kinds come first otherwise.\n\n"
        "Without --factors they are fitted on the corpus first, and kept as attrib query "
        "keeps them. An index has the self-influences of its documents already "
        "(--index), "
        "rounded to single precision, and lists them without a pass.",
    .example = "  attrib self --model model/ --corpus corpus/ --top 20\n"
               "  attrib self --model model/ --corpus corpus/ --by-tag source -o run/\n"
               "  attrib self --index index/ --top 20",
    .groups = self_groups,
    .args_bytes = sizeof(self_args),
    .multiplies = true,
    .goes_on = true,
    .gives = "index",
    .check = check,
    .run = self,
};
