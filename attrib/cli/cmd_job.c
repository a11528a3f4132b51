/* SPDX-License-Identifier: MIT */
/* attrib job: a fit or a run as the scripts of a cluster. */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/job.h"
#include "cli/shared.h"
#include "cli/tasks.h"

/* The longest name of a job: with that of a stage it names a Job of Kubernetes, which has
 * 63 characters. */
#define MAX_NAME 48

typedef struct job_args {
    common_options common;
    path_list words;
    bool for_slurm, for_kubernetes;
    const char *output, *name, *time, *program, *sbatch, *image, *claim, *mount;
    size_t n_nodes, n_shards, n_basis_shards, n_cores, memory;
} job_args;

static const option job_table[] = {
    {.name = "slurm",
     .kind = OPTION_FLAG,
     .offset = offsetof(job_args, for_slurm),
     .help = "write batch scripts for Slurm, and submit, which hands them in"},
    {.name = "kubernetes",
     .kind = OPTION_FLAG,
     .offset = offsetof(job_args, for_kubernetes),
     .help = "write job.yaml with indexed Jobs, for kubectl apply"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(job_args, output),
     .value = "JOB",
     .is_required = true,
     .help = "new folder, which all machines see: the scripts, their logs, and what the "
             "stages leave to each other"},
    {.name = "nodes",
     .kind = OPTION_SIZE,
     .offset = offsetof(job_args, n_nodes),
     .value = "N",
     .is_required = true,
     .min = 1,
     .max = 1e5,
     .help = "machines that work at once"},
    {.name = "shards",
     .kind = OPTION_SIZE,
     .offset = offsetof(job_args, n_shards),
     .value = "N",
     .min = 1,
     .max = 1e5,
     .help = "shards of the documents, the tasks of a stage; factors depend on it as on "
             "--parts (default: as many as nodes)"},
    {.name = "basis-shards",
     .kind = OPTION_SIZE,
     .offset = offsetof(job_args, n_basis_shards),
     .value = "N",
     .standard = "1",
     .min = 1,
     .max = 1e5,
     .help = "how many tasks share the eigenvectors of a fit, each those of a run of "
             "the maps: no more than there are maps"},
    {.name = "cores",
     .kind = OPTION_SIZE,
     .offset = offsetof(job_args, n_cores),
     .value = "N",
     .min = 1,
     .max = 65536,
     .help = "cores of a task (default: all of a machine)"},
    {.name = "memory",
     .kind = OPTION_BYTES,
     .offset = offsetof(job_args, memory),
     .value = "SIZE",
     .help = "memory of a task, as in 16G; attrib plan predicts it (default: the "
             "command's --ram-limit, or what the cluster gives)"},
    {.name = "time",
     .kind = OPTION_TEXT,
     .offset = offsetof(job_args, time),
     .value = "[D-]H:MM:SS",
     .help = "the longest that Slurm lets a task run; one that is not done by then keeps "
             "its sums and is queued again (default: what the cluster gives)"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .offset = offsetof(job_args, name),
     .value = "NAME",
     .standard = "attrib",
     .help = "the job's name: lower-case letters, digits and -"},
    {.name = "program",
     .kind = OPTION_TEXT,
     .offset = offsetof(job_args, program),
     .value = "PATH",
     .help = "attrib as the machines find it (default: this program, and in a container "
             "attrib)"},
    {.name = "sbatch",
     .kind = OPTION_TEXT,
     .offset = offsetof(job_args, sbatch),
     .value = "OPTIONS",
     .help = "more options for sbatch, as in '--partition=cpu --account=us'"},
    {.name = "image",
     .kind = OPTION_TEXT,
     .offset = offsetof(job_args, image),
     .value = "IMAGE",
     .help = "the container's image for Kubernetes, which has attrib"},
    {.name = "claim",
     .kind = OPTION_TEXT,
     .offset = offsetof(job_args, claim),
     .value = "NAME",
     .help = "the claim for Kubernetes of the volume that holds model, corpus and JOB"},
    {.name = "mount",
     .kind = OPTION_TEXT,
     .offset = offsetof(job_args, mount),
     .value = "PATH",
     .help = "folder that the volume of Kubernetes is mounted on, in containers as "
             "here (default: the working folder)"},
    {0},
};

static const option_group job_groups[] = {
    {.title = "Job", .options = job_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(job_args, common)},
    {0},
};

/* A number of at most four digits, to its end; false where there is none below `limit`.
 */
static bool read_part(const char **text, size_t limit, size_t *out)
{
    size_t n = strspn(*text, "0123456789");
    *out = n > 0 && n <= 4 ? strtoul(*text, NULL, 10) : limit;
    *text += n;
    return *out < limit;
}

/* Seconds of [D-]H:MM:SS; 0 where it is no such time. */
static size_t read_time(const char *text)
{
    size_t days = 0;
    size_t hours = 0;
    size_t minutes = 0;
    size_t seconds = 0;
    bool has_days = strchr(text, '-') != NULL;
    bool is_read = (!has_days || (read_part(&text, 1000, &days) && *text++ == '-')) &&
                   read_part(&text, has_days ? 24 : 10000, &hours) && *text++ == ':' &&
                   read_part(&text, 60, &minutes) && *text++ == ':' &&
                   read_part(&text, 60, &seconds) && *text == '\0';
    return is_read ? ((days * 24 + hours) * 60 + minutes) * 60 + seconds : 0;
}

/* Whether a name may stand in names of Kubernetes, and so anywhere. */
static bool is_name(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= MAX_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && name[0] != '-' &&
           name[n - 1] != '-';
}

/* Options of one kind of cluster say nothing to the other. */
static bool check_kind(const job_args *args,
                       const cli_given *given,
                       char *message,
                       size_t size)
{
    static const char *const of_kind[2][4] = {{"image", "claim", "mount", NULL},
                                              {"time", "sbatch", NULL, NULL}};
    if (args->for_slurm == args->for_kubernetes) {
        snprintf(message, size, "%s",
                 args->for_slurm ? "--slurm and --kubernetes exclude each other"
                                 : "--slurm or --kubernetes is missing");
        return false;
    }
    for (const char *const *o = of_kind[args->for_kubernetes]; *o; o++) {
        if (options_given(given, *o)) {
            snprintf(message, size, "--%s does not go with --%s", *o,
                     args->for_slurm ? "slurm" : "kubernetes");
            return false;
        }
    }
    if (args->for_kubernetes && !(args->image && args->claim)) {
        snprintf(message, size, "--kubernetes needs --image and --claim");
        return false;
    }
    return true;
}

static bool has_controls(const char *text)
{
    for (; text && *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 127) {
            return true;
        }
    }
    return false;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const job_args *args = arguments;
    if (!is_name(args->name)) {
        snprintf(message, size,
                 "--name: \"%.80s\" is not 1 to %d lower-case letters, digits and -",
                 args->name, MAX_NAME);
        return false;
    }
    if (args->time && !read_time(args->time)) {
        snprintf(message, size,
                 "--time: \"%.80s\" is not a time as in 12:00:00 or 2-00:00:00",
                 args->time);
        return false;
    }
    if (has_controls(args->output) || has_controls(args->program) ||
        has_controls(args->sbatch) || has_controls(args->image) ||
        has_controls(args->claim) || has_controls(args->mount)) {
        snprintf(message, size, "a path or name holds a control character");
        return false;
    }
    return check_kind(args, given, message, size);
}

/* Paths that the machines go by. */
typedef struct job_paths {
    char *here, *folder, *program, *logs; /* owned */
} job_paths;

static void free_paths(job_paths *paths)
{
    free(paths->here);
    free(paths->folder);
    free(paths->program);
    free(paths->logs);
}

/* Make the folder, with one for logs, and find the paths. */
static attrib_status make_folder(const job_args *args, job_paths *out, attrib_error *err)
{
    if (mkdir(args->output, 0777) != 0) {
        return cli_fail(err, ATTRIB_EIO, "%s: %s", args->output, strerror(errno));
    }
    out->here = realpath(".", NULL);
    out->folder = realpath(args->output, NULL);
    out->program = realpath("/proc/self/exe", NULL);
    if (!out->here || !out->folder || !out->program ||
        asprintf(&out->logs, "%s/logs", out->folder) < 0) {
        out->logs = NULL;
        return cli_fail(err, ATTRIB_EIO, "%s: %s", args->output, strerror(errno));
    }
    if (has_controls(out->here) || has_controls(out->folder) ||
        has_controls(out->program)) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "%s: a name on its path holds a control character", args->output);
    }
    if (args->for_slurm && mkdir(out->logs, 0777) != 0) {
        return cli_fail(err, ATTRIB_EIO, "%s: %s", out->logs, strerror(errno));
    }
    return ATTRIB_OK;
}

static attrib_status write_job(const job_args *args,
                               job_request *request,
                               const job_stages *stages,
                               attrib_error *err)
{
    job_paths paths = {0};
    attrib_status status = make_folder(args, &paths, err);
    if (status == ATTRIB_OK) {
        request->here = paths.here;
        request->folder = paths.folder;
        request->program = args->program     ? args->program
                           : args->for_slurm ? paths.program
                                             : "attrib";
        request->mount = args->mount ? args->mount : paths.here;
        status = job_write_tasks(request, stages, err);
    }
    if (status == ATTRIB_OK) {
        status = args->for_slurm ? job_write_slurm(request, stages, err)
                                 : job_write_kubernetes(request, stages, err);
    }
    if (status == ATTRIB_OK) {
        printf(args->for_slurm ? "%s/" TASKS_SUBMIT "\n" : "%s/" TASKS_KUBERNETES "\n",
               args->output);
    } else if (paths.folder) {
        job_remove(paths.folder, stages);
    }
    free_paths(&paths);
    return status;
}

static attrib_status job(const void *arguments, cli_job *self, attrib_error *err)
{
    const job_args *args = arguments;
    char message[ATTRIB_ERROR_SIZE] = "";
    job_stages stages = {0};
    job_request request = {
        .name = args->name,
        .n_shards = args->n_shards ? args->n_shards : args->n_nodes,
        .n_basis_shards = args->n_basis_shards,
        .n_nodes = args->n_nodes,
        .n_cores = args->n_cores,
        .memory = args->memory,
        .seconds = args->time ? read_time(args->time) : 0,
        .sbatch = args->sbatch,
        .image = args->image,
        .claim = args->claim,
    };
    attrib_status status = ATTRIB_OK;
    if (!job_divide(&args->words, &request, &stages, message, sizeof message)) {
        status = cli_fail(err, ATTRIB_EINVAL, "%s", message);
    }
    if (status == ATTRIB_OK) {
        status = write_job(args, &request, &stages, err);
    }
    if (status == ATTRIB_OK) {
        terminal_count(self->screen, "stages", "%zu, of up to %zu tasks", stages.n,
                       request.n_shards);
    }
    job_free(&stages);
    return status;
}

const cli_command command_job = {
    .name = "job",
    .usage = "(--slurm | --kubernetes) --nodes N -o JOB [OPTION]... -- (fit | score) "
             "OPTION...",
    .summary = "write the scripts by which a cluster does a fit or a run",
    .description =
        "Cuts a command into stages and these into shards, and writes the scripts by "
        "which a cluster's machines do them: a fit is the covariances of every shard, "
        "their merge and eigenvectors, the eigenvalues of every shard, and their merge; "
        "a run "
        "is what all shards share, the scores of every shard, and their merge. "
        "What follows -- is the command as it would be typed for one machine, "
        "which "
        "is read before anything is written. Results have the same bytes wherever and "
        "however often tasks are stopped: a run those of one process, factors those of "
        "--parts N with as many shards.\n"
        "\n"
        "Slurm: JOB/submit hands in an array for each round of shards, each stage "
        "depending on the one before it. A task that reaches its time limit keeps its "
        "sums "
        "and is queued again; one that is killed with its machine is queued again by "
        "Slurm "
        "and goes on from its last checkpoint. After a failure JOB/submit is run again: "
        "what is done is not done again.\n"
        "\n"
        "Kubernetes: kubectl apply -f JOB/job.yaml. Stages wait for each other by the "
        "folders that they leave in JOB, on a volume that all containers mount where it "
        "is mounted here.",
    .example =
        "  attrib job --slurm --nodes 16 --time 12:00:00 -o job -- \\\n"
        "      fit --model model/ --corpus corpus/ -o factors/ --ram-limit 32G\n"
        "  attrib job --kubernetes --nodes 4 --image registry/attrib:1 --claim data "
        "\\\n"
        "      -o job -- fit --model model/ --corpus corpus/ -o factors/",
    .groups = job_groups,
    .operand = {.name = "COMMAND",
                .offset = offsetof(job_args, words),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(job_args),
    .check = check,
    .run = job,
};
