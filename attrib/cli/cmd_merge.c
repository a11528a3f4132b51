/* SPDX-License-Identifier: MIT */
/* attrib merge: factors of parts of a corpus added up, runs of its shards made one, or
 * runs of the same documents added up. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/ranks_merge.h"

typedef struct merge_args {
    common_options common;
    path_list folders;
    const char *output;
    bool waits, is_mean, is_total;
    number_list weights;
    size_t top;
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
    {.name = "wait",
     .kind = OPTION_FLAG,
     .offset = offsetof(merge_args, waits),
     .help = "wait for folders that are missing or unfinished, and merge when all are "
             "done"},
    {.name = "mean",
     .kind = OPTION_FLAG,
     .offset = offsetof(merge_args, is_mean),
     .help = "add runs of the same documents and queries, such as those of several "
             "checkpoints: the mean of their scores"},
    {.name = "sum",
     .kind = OPTION_FLAG,
     .offset = offsetof(merge_args, is_total),
     .help = "the same, their scores added up: a weight of 1 for each run"},
    {.name = "weights",
     .kind = OPTION_NUMBERS,
     .offset = offsetof(merge_args, weights),
     .value = "W,W,...",
     .min = -1e30,
     .max = 1e30,
     .help = "the same, each run's scores times its weight, which may be negative: "
             "--weights=-1,1 is what changed from the first run to the second"},
    {.name = "top",
     .kind = OPTION_SIZE,
     .offset = offsetof(merge_args, top),
     .value = "K",
     .max = 1e9,
     .help =
         "how many documents are reported at each end of a query's ranking where runs "
         "are added (default: as many as the run that reports the fewest)"},
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

/* The first of several processes waits for all of them. */
static attrib_status await_folders(const merge_args *args,
                                   cli_job *job,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!args->waits) {
        return ATTRIB_OK;
    }
    if (job->ranks->i == 0) {
        status =
            attrib_state_await(job->session, args->folders.paths, args->folders.n, err);
    }
    return ranks_agree(job->ranks, status, err);
}

/* Whether runs are added. */
static bool is_sum(const merge_args *args)
{
    return args->is_mean || args->is_total || args->weights.n > 0;
}

/* Runs have one stage, and are not merged by maps: the option that a run does not go
 * with, or NULL. */
static const char *find_misfit(const merge_args *args)
{
    bool is_index = attrib_index_is(args->folders.paths[0]);
    if (!is_index && !attrib_run_is(args->folders.paths[0])) {
        return NULL;
    }
    if (is_index && args->merge.is_partial) {
        return "partial";
    }
    if (is_sum(args) && args->merge.is_partial) {
        return "partial";
    }
    return args->merge.stages                                   ? "stage"
           : args->merge.n_shards > 1                           ? "shard"
           : args->merge.eigen_precision != ATTRIB_EIGEN_FITTED ? "eigen-precision"
                                                                : NULL;
}

/* Weights are of runs, one for each. */
static bool check_sum(const merge_args *args, char *message, size_t size)
{
    size_t n = args->folders.n;
    const char *word = args->is_mean         ? "mean"
                       : args->is_total      ? "sum"
                       : args->weights.n > 0 ? "weights"
                       : args->top > 0       ? "top"
                                             : NULL;
    if (!word) {
        return true;
    }
    if (args->is_mean + args->is_total + (args->weights.n > 0) > 1) {
        snprintf(message, size, "--mean, --sum and --weights: name one of them");
    } else if (!is_sum(args)) {
        snprintf(message, size,
                 "--top goes with --mean, --sum or --weights, which add runs");
    } else if (n < 2) {
        snprintf(message, size, "--%s takes two runs or more", word);
    } else if (args->weights.n > 0 && args->weights.n != n) {
        snprintf(message, size, "--weights has %zu numbers, for %zu runs",
                 args->weights.n, n);
    } else if (!attrib_run_is(args->folders.paths[0]) && !args->waits) {
        snprintf(message, size, "--%s is of runs, %.200s is none", word,
                 args->folders.paths[0]);
    } else {
        return true;
    }
    return false;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const merge_args *args = arguments;
    const char *word = find_misfit(args);
    (void)given;
    if (word) {
        snprintf(message, size, "--%s is of factors%s, %.200s is %s", word,
                 args->merge.is_partial ? " or shards" : "", args->folders.paths[0],
                 attrib_index_is(args->folders.paths[0]) ? "an index" : "a run");
        return false;
    }
    return check_sum(args, message, size);
}

/* Folders that were waited for are known now. */
static attrib_status check_again(const merge_args *args, attrib_error *err)
{
    char message[ATTRIB_ERROR_SIZE];
    merge_args asked = *args;
    asked.waits = false;
    return check(&asked, NULL, message, sizeof message)
               ? ATTRIB_OK
               : cli_fail(err, ATTRIB_EINVAL, "%s", message);
}

/* The weights of the runs; NULL for their mean. A sum has a weight of 1 for each, in
 * memory that `*ones` owns. */
static attrib_status choose_weights(const merge_args *args,
                                    double **ones,
                                    const double **weights,
                                    attrib_error *err)
{
    *weights = args->weights.n > 0 ? args->weights.values : NULL;
    if (!args->is_total) {
        return ATTRIB_OK;
    }
    *ones = calloc(args->folders.n, sizeof **ones);
    if (!*ones) {
        return cli_fail(err, ATTRIB_ENOMEM, "no memory for %zu weights", args->folders.n);
    }
    for (size_t r = 0; r < args->folders.n; r++) {
        (*ones)[r] = 1;
    }
    *weights = *ones;
    return ATTRIB_OK;
}

/* Say how many rows the corpora of what was merged had that could not be read, which the
 * merged folder lists. */
static void count_skipped(const merge_args *args, cli_job *job)
{
    char *path = NULL;
    size_t n = 0;
    bool is_named = asprintf(&path, "%s/skipped.jsonl", args->output) >= 0;
    FILE *list = is_named ? fopen(path, "re") : NULL;
    for (int c = list ? fgetc(list) : EOF; c != EOF; c = fgetc(list)) {
        n += c == '\n';
    }
    if (n > 0) {
        terminal_count(job->screen, "bad rows", "%zu skipped, listed in %s", n, path);
        terminal_member(job->screen, "skipped", "bad rows", (double)n);
    }
    if (list) {
        fclose(list);
    }
    if (is_named) {
        free(path);
    }
}

static attrib_status merge(const void *arguments, cli_job *job, attrib_error *err)
{
    const merge_args *args = arguments;
    attrib_merge_options options = args->merge;
    attrib_sum_options sum = {0};
    double *ones = NULL;
    const ranks_merging merging = {.sum = is_sum(args) ? &sum : NULL,
                                   .folders = args->folders.paths,
                                   .n = args->folders.n,
                                   .options = &options,
                                   .output = args->output,
                                   .job = job};
    options.command = job->command_line;
    attrib_sum_options_default(&sum);
    sum.top = args->top;
    sum.command = job->command_line;
    attrib_session_expect(job->session, "merge", 1);
    attrib_status status = await_folders(args, job, err);
    const char *kind = attrib_index_is(args->folders.paths[0]) ? "index"
                       : attrib_run_is(args->folders.paths[0]) ? "run"
                                                               : "factors";
    status = status == ATTRIB_OK ? check_again(args, err) : status;
    status =
        status == ATTRIB_OK ? choose_weights(args, &ones, &sum.weights, err) : status;
    status = status == ATTRIB_OK ? ranks_merge(&merging, err) : status;
    if (status == ATTRIB_OK) {
        terminal_count(job->screen, kind, "%zu folders in %s", args->folders.n,
                       args->output);
        terminal_text(job->screen, kind, "%s", args->output);
        terminal_number(job->screen, "merged", (double)args->folders.n);
        count_skipped(args, job);
    }
    free(ones);
    return status;
}

const cli_command command_merge = {
    .name = "merge",
    .usage = "FOLDER... -o FOLDER [OPTION]...",
    .summary = "make one of factors, or of runs, of parts of a corpus; add runs up",
    .description =
        "Adds the sums of several fits of one model, with their counts, as if their "
        "documents had been fitted together. The same documents twice are refused.\n"
        "\n"
        "The shards of a corpus are its parts, and are added in their order, in "
        "whatever order they are named: all N of them make the bytes of one fit with "
        "--parts N. Of fewer it says which are missing, and merges them with --partial "
        "alone; merging the missing ones into such factors later makes the bytes of one "
        "fit where the parts that were there are the first ones. The sums of different "
        "corpora are each added up and then added in the order in which they are named.\n"
        "\n"
        "Covariances (of attrib fit --stage covariance, or of whole fits with --stage "
        "covariance here) are added and then decomposed: the result serves scores with "
        "--strategy kfac, and as --basis of fits with --stage lambda. Machines share "
        "this work by --shard, each adding up and decomposing a run of the maps; "
        "merging the runs makes the bytes of one merge. Eigenvalues are added where "
        "they stand in one and the same basis: those of fits with --stage lambda and "
        "the same --basis, or with --strategy diagonal. Whole fits each have a basis of "
        "their own, so their eigenvalues cannot be added.\n"
        "\n"
        "Indexes of the same model, factors and options become one index, in the order "
        "in which they are named: the shards of a corpus, or a corpus and what is new "
        "in it.\n"
        "\n"
        "Runs of disjoint documents and the same queries become one run: the shards of "
        "a corpus in its order, to the bytes of one process, and different corpora in "
        "the order in which they are named. Runs of the same documents and other "
        "queries become one with all queries, in the order in which they are named, to "
        "the bytes of one process unless queries are cut, or a run has a single one. "
        "Both go together: every query must have the same documents. What the run "
        "reports of each query is exact, as that of every run is. Shards that are "
        "missing, doubled, damaged or of another run are named, with what is different. "
        "With --wait those that are missing or unfinished are waited for, whoever fills "
        "them.\n"
        "\n"
        "Runs of the same documents and queries are added with --mean, --sum or "
        "--weights, whatever models, checkpoints, factors and modules they are of: "
        "their scores before --normalize, which then divides the sums by what is added "
        "of losses or self-influences. A mean over checkpoints orders retrainings a "
        "little better than the last one alone; a sum orders as the mean does; with "
        "weights below 0 it is what changed between them. Other documents, tokens, "
        "queries and settings are refused. The first and last documents are found anew. "
        "One that every run reports has shares of tokens, summed up; another one has "
        "its text and score alone: --top of the runs larger than that of the merge "
        "makes these rare. The scores of each run are kept, as checkpoint_scores in npz "
        "and safetensors.\n"
        "\n"
        "Where the output was made before, of the same folders with the same options, "
        "there is nothing to do. Rows that could not be read are listed in the merged "
        "skipped.jsonl, each once.\n"
        "\n"
        "The processes of MPI (mpirun -n 4 attrib merge ...) share the eigenvectors of "
        "covariances, a run of the maps each; all else the first one merges.",
    .example = "  attrib merge covariances-*/ -o basis/\n"
               "  attrib merge lambda-*/ -o factors/\n"
               "  attrib merge run-*/ -o run/\n"
               "  attrib merge epoch-1/ epoch-4/ --mean -o mean/\n"
               "  attrib merge before/ after/ --weights=-1,1 -o change/",
    .groups = merge_groups,
    .operand = {.name = "FOLDER",
                .offset = offsetof(merge_args, folders),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(merge_args),
    .multiplies = true,
    .is_ranked = true,
    .check = check,
    .run = merge,
};
