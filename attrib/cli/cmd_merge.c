/* SPDX-License-Identifier: MIT */
/* attrib merge: factors of parts of a corpus added up, or runs of its shards made one. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/shared.h"

typedef struct merge_args {
    common_options common;
    path_list folders;
    const char *output;
    attrib_merge_options merge;
} merge_args;

static const option merge_table[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(merge_args, output),
     .value = "FOLDER",
     .is_required = true,
     .help = "new folder that the merged factors, or the merged run, are written to"},
    {0},
};

static const option_group merge_groups[] = {
    {.title = "Merge", .options = merge_table, .offset = 0},
    {.title = "Merge",
     .library = attrib_merge_options_table,
     .offset = offsetof(merge_args, merge),
     .library_bytes = sizeof(attrib_merge_options)},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(merge_args, common)},
    {0},
};

static attrib_status merge(const void *arguments, cli_job *job, attrib_error *err)
{
    const merge_args *args = arguments;
    attrib_merge_options options = args->merge;
    options.command = job->command_line;
    attrib_session_expect(job->session, "merge", 1);
    bool is_run = attrib_run_is(args->folders.paths[0]);
    attrib_status status =
        is_run ? attrib_run_merge(job->session, args->folders.paths, args->folders.n,
                                  &options, args->output, err)
               : attrib_factors_merge(job->session, args->folders.paths, args->folders.n,
                                      &options, args->output, err);
    if (status == ATTRIB_OK) {
        terminal_count(job->screen, is_run ? "run" : "factors", "%zu folders in %s",
                       args->folders.n, args->output);
        terminal_text(job->screen, is_run ? "run" : "factors", "%s", args->output);
        terminal_number(job->screen, "merged", (double)args->folders.n);
    }
    return status;
}

/* Runs have one stage. */
static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const merge_args *args = arguments;
    const char *word = options_given(given, "stage")             ? "stage"
                       : options_given(given, "shard")           ? "shard"
                       : options_given(given, "eigen-precision") ? "eigen-precision"
                                                                 : NULL;
    if (word && attrib_run_is(args->folders.paths[0])) {
        snprintf(message, size, "--%s is of factors, %.200s is a run", word,
                 args->folders.paths[0]);
        return false;
    }
    return true;
}

const cli_command command_merge = {
    .name = "merge",
    .usage = "FOLDER... -o FOLDER [OPTION]...",
    .summary = "make one of factors, or of runs, of parts of a corpus",
    .description =
        "Adds the sums of several fits of one model, with their counts, as if their "
        "documents had been fitted together. The same documents twice are refused.\n"
        "\n"
        "The shards of a corpus are its parts, and are added in their order, in whatever "
        "order they are named: all N of them make the bytes of one fit with --parts N. "
        "Of fewer it says which are missing, and merges them with --partial alone; "
        "merging the missing ones into such factors later makes the bytes of one fit "
        "where the parts that were there are the first ones. The sums of different "
        "corpora are each added up and then added in the order in which they are "
        "named.\n"
        "\n"
        "Covariances (of attrib fit --stage covariance, or of whole fits with --stage "
        "covariance here) are added and then decomposed: the result serves scores with "
        "--strategy kfac, and as --basis of fits with --stage lambda. Machines share "
        "this work "
        "by --shard, each adding up and decomposing a run of the maps; merging the runs "
        "makes the bytes of one merge. Eigenvalues are "
        "added where they stand in one and the same basis: those of fits with --stage "
        "lambda and the same --basis, or with --strategy diagonal. Whole fits each have "
        "a basis of their own, so their eigenvalues cannot be added.\n"
        "\n"
        "Runs of disjoint documents and the same queries become one run: the shards of a "
        "corpus in its order, to the bytes of one process, and different corpora in the "
        "order in which they are named. What it reports of each query is exact, as that "
        "of every run is. Shards that are missing, doubled, damaged or of another run "
        "are named, with what is different.",
    .example = "  attrib merge covariances-*/ -o basis/\n"
               "  attrib merge lambda-*/ -o factors/\n"
               "  attrib merge run-*/ -o run/",
    .groups = merge_groups,
    .operand = {.name = "FOLDER",
                .offset = offsetof(merge_args, folders),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(merge_args),
    .multiplies = true,
    .check = check,
    .run = merge,
};
