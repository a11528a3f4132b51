/* SPDX-License-Identifier: MIT */
/* attrib prepare: what all shards of a run share, chosen once. */
#include "cli/commands.h"

#include "cli/scoring.h"

static const option prepare_table[] = {
    SCORING_QUERIES,
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(scoring_args, output),
     .value = "FOLDER",
     .is_required = true,
     .help = "folder that it is written to, for --prepared of attrib score"},
    {0},
};

static const option_group prepare_groups[] = {
    SOURCE_GROUPS(scoring_args, source, NULL),
    {.title = "Queries and output", .options = prepare_table, .offset = 0},
    SCORING_GROUPS,
    {0},
};

static attrib_status prepare(const void *arguments, cli_job *job, attrib_error *err)
{
    const scoring_args *args = arguments;
    scoring opened = {0};
    attrib_status status = scoring_open(args, job, &opened, err);
    if (status == ATTRIB_OK) {
        status = attrib_run_prepare(job->session, &opened.job, err);
    }
    if (status == ATTRIB_OK) {
        terminal_count(job->screen, "prepared", "%zu rows of queries in %s",
                       attrib_queries_count(opened.queries), args->output);
    }
    scoring_close(&opened);
    return status;
}

const cli_command command_prepare = {
    .name = "prepare",
    .usage = "--model M --factors F --corpus PATH... --queries Q -o FOLDER [OPTION]...",
    .summary = "choose once what all shards of a run share",
    .description =
        "Takes the options of attrib score, and writes what the shards of that run would "
        "each choose by their machine: the completions that the model writes, the rank "
        "of queries where --query-rank is auto, how many queries are scored at a time "
        "within --ram-limit, and the day that chat templates take for today. With "
        "--refine "
        "or --scale it refines the queries once for all shards, and keeps them: 4 bytes "
        "a "
        "tracked parameter, query and setting. No document "
        "is scored. Each shard is given the folder with --prepared. A shard that is "
        "asked for another run is refused, saying what is different.",
    .example = "  attrib prepare --model model/ --factors factors/ --corpus corpus/ \\\n"
               "      --queries queries.jsonl -o prepared/\n"
               "  attrib score --model model/ --factors factors/ --corpus corpus/ \\\n"
               "      --queries queries.jsonl --prepared prepared/ --shard 1/8 -o run-1/",
    .groups = prepare_groups,
    .args_bytes = sizeof(scoring_args),
    .multiplies = true,
    .gives = "index",
    .check = scoring_check,
    .run = prepare,
};
