/* SPDX-License-Identifier: MIT */
/* attrib score: every document of a corpus against every query. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/foresee.h"
#include "cli/notes.h"
#include "cli/ranking.h"

typedef struct score_args {
    common_options common;
    source_options source;
    ranking_options ranking;
    const char *queries, *output;
} score_args;

static const option score_table[] = {
    {.name = "queries",
     .kind = OPTION_TEXT,
     .offset = offsetof(score_args, queries),
     .value = "Q",
     .is_required = true,
     .help = "JSON lines {id, prompt, completion, tags} or {id, ids, mask}, or - for "
             "standard "
             "input; where there is no completion the model writes one"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(score_args, output),
     .value = "RUN",
     .is_required = true,
     .help = "folder that the run is written to; one that was stopped goes on"},
    {0},
};

static const option_group score_groups[] = {
    SOURCE_GROUPS(score_args, source, NULL),
    {.title = "Queries and output", .options = score_table, .offset = 0},
    {.title = "Ranking",
     .options = ranking_table,
     .offset = offsetof(score_args, ranking)},
    {.title = "Ranking",
     .library = attrib_score_options_table,
     .offset = offsetof(score_args, ranking.score),
     .library_bytes = sizeof(attrib_score_options)},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(score_args, common)},
    {0},
};

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    score_args *args = arguments;
    if (!ranking_check(&args->ranking, given, message, size)) {
        return false;
    }
    if (!args->ranking.factors && !ranking_is_identity(&args->ranking)) {
        snprintf(message, size,
                 "--factors F is missing (only --strategy identity needs none)");
        return false;
    }
    return true;
}

static void report(const attrib_run *run, cli_job *job)
{
    const attrib_run_info *info = attrib_run_describe(run);
    ranking_count(run, job);
    printf("%zu %s x %zu document%s in %s\n", info->n_queries,
           info->n_queries == 1 ? "query" : "queries", info->n_documents,
           info->n_documents == 1 ? "" : "s", info->folder ? info->folder : "memory");
}

/* Say how many prompts were made turns that nobody named a template for. */
static void tell_turns(const attrib_queries *queries, cli_job *job)
{
    size_t n = 0;
    for (size_t i = 0; i < attrib_queries_count(queries); i++) {
        n += attrib_queries_get(queries, i)->is_turn;
    }
    if (n) {
        terminal_log(job->screen, ATTRIB_LOG_INFO,
                     "%zu %s of the model's chat template (--chat-template plain leaves "
                     "prompts as they stand)",
                     n,
                     n == 1 ? "prompt is asked as a turn" : "prompts are asked as turns");
    }
}

static attrib_status score(const void *arguments, cli_job *job, attrib_error *err)
{
    const score_args *args = arguments;
    cli_source source = {0};
    attrib_factors *factors = NULL;
    attrib_queries *queries = NULL;
    attrib_run *run = NULL;
    char date[ATTRIB_DATE_SIZE] = "";
    source_options chosen = args->source;
    chosen.ram_limit = args->ranking.score.ram_limit;
    attrib_status status = source_take_date(&chosen, args->ranking.factors, date, err);
    if (status == ATTRIB_OK) {
        status = source_open(&chosen, job, &source, err);
    }
    if (status == ATTRIB_OK && args->ranking.factors) {
        status = attrib_factors_open(args->ranking.factors, source.model, &factors, err);
    }
    if (status == ATTRIB_OK) {
        status = attrib_queries_open(job->session, args->queries, source.tokenizer,
                                     &source.corpus_options, &queries, err);
    }
    if (status == ATTRIB_OK) {
        tell_turns(queries, job);
        note_queries(&source, queries, job);
        attrib_score_options options = ranking_choose(&args->ranking, factors, job);
        foresee_run(&source, factors, queries, &options, job);
        attrib_score_job scored = source_job(&source, factors, queries, &options);
        scored.folder = args->output;
        status = attrib_run_score(job->session, &scored, &run, err);
    }
    if (status == ATTRIB_OK) {
        status = source_list_skipped(&source, args->output, err);
    }
    if (status == ATTRIB_OK) {
        report(run, job);
    }
    attrib_run_close(run);
    attrib_queries_close(queries);
    attrib_factors_close(factors);
    source_close(&source);
    return status;
}

const cli_command command_score = {
    .name = "score",
    .usage = "--model M --factors F --corpus PATH... --queries Q -o RUN [OPTION]...",
    .summary = "score every document of a corpus against every query",
    .description =
        "Scores all documents against all queries and writes a run: the scores, and for "
        "each query the first and last documents with the share of every module and "
        "token. "
        "A run that was stopped goes on where it was when the same command is given "
        "again; "
        "the folder of another run is refused. attrib export makes files of other "
        "programs "
        "of it.",
    .example = "  attrib score --model model/ --factors factors/ --corpus corpus/ \\\n"
               "      --queries queries.jsonl -o run/",
    .groups = score_groups,
    .args_bytes = sizeof(score_args),
    .multiplies = true,
    .check = check,
    .run = score,
};
