/* SPDX-License-Identifier: MIT */
/* attrib score: every document of a corpus against every query. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/checkpoints.h"
#include "cli/ranks_score.h"
#include "cli/stages.h"

static const option score_table[] = {
    SCORING_QUERIES,
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(scoring_args, output),
     .value = "RUN",
     .is_required = true,
     .help = "folder that the run is written to; one that was stopped goes on"},
    {.name = "shard",
     .kind = ATTRIB_OPTION_SHARE,
     .offset = offsetof(scoring_args, i_shard),
     .n_offset = offsetof(scoring_args, n_shards),
     .value = "I/N|auto",
     .standard = "1/1",
     .help = "score part I of N of the corpus, 1 to N; attrib merge makes one run of all "
             "parts; auto: as the launcher or the batch system says (auto/N where it "
             "does not say how many)"},
    {.name = "prepared",
     .kind = OPTION_TEXT,
     .offset = offsetof(scoring_args, prepared),
     .value = "FOLDER",
     .help = "what attrib prepare has written, or a shard of the same run: its "
             "completions, rank of queries, number of queries at a time and day are "
             "taken"},
    {.name = "extend",
     .kind = OPTION_FLAG,
     .offset = offsetof(scoring_args, extends),
     .help = "RUN is finished, and the corpus or the queries have more after its own: "
             "score only what is new, and make it the run of all"},
    {0},
};

/* Options of attrib query that attrib score has not, and why. */
static const cli_absent score_absent[] = {
    {"certify",
     "a run has the same number of documents for each query: attrib query certifies one "
     "answer, and --exact K of attrib score takes more or fewer"},
    {"time",
     "a run does not depend on how fast a machine is: attrib query stops by time, and "
     "--exact K of attrib score takes more or fewer documents"},
    {0},
};

static const option_group score_groups[] = {
    SOURCE_GROUPS(scoring_args, source, NULL),
    {.title = "Queries and output", .options = score_table, .offset = 0},
    {.title = "Several models",
     .options = several_table,
     .offset = offsetof(scoring_args, several)},
    {.title = "Several models",
     .options = base_table,
     .offset = offsetof(scoring_args, several)},
    SCORING_GROUPS,
    {0},
};

static void report(const attrib_run *run, const scoring_args *args, cli_job *job)
{
    const attrib_run_info *info = attrib_run_describe(run);
    ranking_count(run, job);
    printf("%zu %s x %zu document%s in %s", info->n_queries,
           info->n_queries == 1 ? "query" : "queries", info->n_documents,
           info->n_documents == 1 ? "" : "s", info->folder ? info->folder : "memory");
    if (args->n_shards > 1) {
        printf(" (shard %zu of %zu)", args->i_shard + 1, args->n_shards);
    }
    printf("\n");
}

/* The first of several ranks has the run. */
static attrib_status score_shared(const scoring_args *args,
                                  cli_job *job,
                                  attrib_error *err)
{
    attrib_run *run = NULL;
    attrib_status status = ranks_score(args, job, &run, err);
    if (run) {
        report(run, args, job);
    }
    attrib_run_close(run);
    return status;
}

/* Several models, whose scores are added. */
static attrib_status score_checkpoints(const scoring_args *args,
                                       cli_job *job,
                                       attrib_error *err)
{
    attrib_run *run = NULL;
    attrib_status status = args->several.base_model
                               ? stages_score(args, job, &run, err)
                               : checkpoints_score(args, job, &run, err);
    if (run) {
        report(run, args, job);
    }
    attrib_run_close(run);
    return status;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const scoring_args *args = arguments;
    if (checkpoints_are_named(&args->several, args->source.model) &&
        (args->prepared || args->extends)) {
        snprintf(message, size, "--%s is of one model",
                 args->prepared ? "prepared" : "extend");
        return false;
    }
    return stages_check(args, message, size) &&
           scoring_check(arguments, given, message, size) &&
           checkpoints_check(&args->several, &args->source, &args->ranking, message,
                             size);
}

static attrib_status score(const void *arguments, cli_job *job, attrib_error *err)
{
    const scoring_args *args = arguments;
    scoring opened = {0};
    attrib_run *run = NULL;
    if (job->ranks->n > 1 && !args->several.base_model) {
        return score_shared(args, job, err);
    }
    if (args->several.base_model ||
        checkpoints_are_named(&args->several, args->source.model)) {
        return score_checkpoints(args, job, err);
    }
    attrib_status status = scoring_open(args, job, &opened, err);
    if (status == ATTRIB_OK) {
        opened.job.i_shard = args->i_shard;
        opened.job.n_shards = args->n_shards;
        opened.job.extends = args->extends;
        status = attrib_run_score(job->session, &opened.job, &run, err);
    }
    if (status == ATTRIB_OK) {
        status = source_list_skipped(&opened.source, args->output, err);
    }
    if (status == ATTRIB_OK) {
        report(run, args, job);
    }
    attrib_run_close(run);
    scoring_close(&opened);
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
        "the folder of another run is refused, saying what is different. attrib export "
        "makes files of other programs of it.\n"
        "\n"
        "A corpus is scored in shards on many machines, each with the same command but "
        "for --shard I/N and -o, and attrib merge makes one run of them, to the bytes of "
        "one process. attrib prepare fixes before what shards would choose by their "
        "machines (--prepared). With --shard auto the launcher says which shard a "
        "process is: Slurm's arrays (SLURM_ARRAY_TASK_ID, _MIN, _COUNT, _STEP) or tasks "
        "(SLURM_PROCID, SLURM_NTASKS), RANK and WORLD_SIZE, OMPI_COMM_WORLD_RANK and "
        "_SIZE, or JOB_COMPLETION_INDEX of Kubernetes, which needs auto/N.\n"
        "\n"
        "Under mpirun or srun the processes of MPI do all of this by themselves, on a "
        "disk that all of them see: mpirun -n 4 attrib score ... makes the bytes of one "
        "process, and what is done is kept in RUN.ranks until all is, so that the same "
        "command goes on.\n"
        "\n"
        "With --extend a finished run gets more documents, more queries, or both: the "
        "same command, with paths named after those of the run or rows after its own, "
        "scores only what is new, and the run has the bytes of one run over all of it, "
        "but for the last bits of cut queries. "
        "A document or query of the run that was changed or is gone is named, and "
        "refused. The run is as it was until all is done; a command that was stopped "
        "goes on, from what it keeps in RUN.extend.\n"
        "\n"
        "Several models that read the same tokens, such as checkpoints of a training, "
        "are "
        "named with commas: --model A,B --factors FA,FB; those in a trainer's folder by "
        "--checkpoints 1,last. The corpus is read once, each "
        "model scores it by itself, and the run is the mean of their scores, or their "
        "sum "
        "with --checkpoint-weights: --checkpoint-weights=-1,1 is what changed from the "
        "first to the second. It is what attrib merge --mean or --weights makes of their "
        "runs, but every reported document has shares of tokens and modules, by all "
        "models. Queries are whole, and products in f32. Completions are written by the "
        "first one. Until all is done the runs of "
        "the models stand in RUN.checkpoints, so that the same command goes on. With "
        "--segments they are the checkpoints of one training, in its order, and scores "
        "are "
        "SOURCE's: the last model's queries, taken back through each segment.\n"
        "\n"
        "With --base-model, --base-factors and --base-corpus the model was trained from "
        "another one on: one ranking of the documents of both stages, each score over "
        "the "
        "number of its stage's documents. Documents of the base are scored by the base "
        "model, against the queries of the tuned one, which pass the curvature of both. "
        "Retraining a small model in both stages found the order within each right, and "
        "documents of tuning 30 times too high compared with those of the base: compare "
        "documents of one stage with each other.",
    .example =
        "  attrib score --model model/ --factors factors/ --corpus corpus/ \\\n"
        "      --queries queries.jsonl -o run/\n"
        "  attrib score --model epoch-1/,epoch-4/ --factors factors-1/,factors-4/ \\\n"
        "      --corpus corpus/ --queries queries.jsonl -o run/",
    .groups = score_groups,
    .args_bytes = sizeof(scoring_args),
    .multiplies = true,
    .goes_on = true,
    .gives = "index",
    .is_ranked = true,
    .absent = score_absent,
    .check = check,
    .run = score,
};
