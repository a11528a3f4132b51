/* SPDX-License-Identifier: MIT */
/* attrib status: how the jobs of folders stand.
 *
 * 1. What is missing   2. The tasks of a job   3. The command */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/shared.h"
#include "cli/state_print.h"
#include "cli/tasks_stopped.h"

typedef struct status_args {
    common_options common;
    path_list paths;
    int format;
} status_args;

enum { FORMAT_TEXT, FORMAT_JSON };

static const option status_table[] = {
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(status_args, format),
     .value = "text|json",
     .standard = "text",
     .help = "text, or one JSON object a line for each folder"},
    {0},
};

static const option_group status_groups[] = {
    {.title = "Status", .options = status_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(status_args, common)},
    {0},
};

/* 1. What is missing */

/* What folders hold together: parts of factors, and documents of runs. */
typedef struct coverage {
    bool *has_part; /* [n_parts] */
    size_t n_parts;
    attrib_state_range *ranges; /* [n_ranges] of runs */
    size_t n_ranges;
} coverage;

/* Add the parts of factors; those of another number are left out. */
static attrib_status cover_parts(coverage *all,
                                 const attrib_state *state,
                                 attrib_error *err)
{
    for (size_t i = 0; i < state->n_ranges; i++) {
        const attrib_state_range *r = &state->ranges[i];
        if (!all->has_part && r->total > 1) {
            all->has_part = calloc(r->total, sizeof *all->has_part);
            all->n_parts = r->total;
            if (!all->has_part) {
                return cli_fail(err, ATTRIB_ENOMEM, "%zu parts", r->total);
            }
        }
        for (size_t p = r->first; r->total == all->n_parts && p < r->end && p < r->total;
             p++) {
            all->has_part[p] = true;
        }
    }
    return ATTRIB_OK;
}

/* Add what a folder holds, or of a run will hold; merged runs of several corpora are left
 * out. */
static attrib_status cover(coverage *all, const attrib_state *state, attrib_error *err)
{
    if (!state->is_run) {
        return cover_parts(all, state, err);
    }
    if (state->n_ranges != 1) {
        return ATTRIB_OK;
    }
    attrib_state_range *grown =
        realloc(all->ranges, (all->n_ranges + 1) * sizeof *all->ranges);
    if (!grown) {
        return cli_fail(err, ATTRIB_ENOMEM, "%zu runs", all->n_ranges + 1);
    }
    grown[all->n_ranges++] = state->ranges[0];
    all->ranges = grown;
    return ATTRIB_OK;
}

/* "2, 5-7": the numbers, from 1 on, where `has` is `wanted`; how many there were. */
static size_t write_numbers(const bool *has, size_t n, bool wanted, const char *before)
{
    size_t n_runs = 0;
    for (size_t p = 0; p < n; p++) {
        size_t end = p;
        while (end < n && has[end] == wanted) {
            end++;
        }
        if (end > p) {
            fputs(n_runs++ ? ", " : before, stdout);
            printf(end - p > 1 ? "%zu-%zu" : "%zu", p + 1, end);
            p = end;
        }
    }
    return n_runs;
}

static void write_missing(const bool *has, size_t n, const char *what)
{
    char before[64];
    snprintf(before, sizeof before, "missing of %zu %s: ", n, what);
    fputs(write_numbers(has, n, false, before) ? "\n" : "", stdout);
}

static attrib_status write_coverage(const coverage *all, attrib_error *err)
{
    attrib_state_shards shards = {0};
    attrib_status status = ATTRIB_OK;
    if (all->has_part) {
        write_missing(all->has_part, all->n_parts, "parts");
    }
    if (all->n_ranges) {
        status = attrib_state_count_shards(all->ranges, all->n_ranges, &shards, err);
    }
    if (shards.n) {
        write_missing(shards.is_in, shards.n, "shards");
    }
    free(shards.is_in);
    return status;
}

/* 2. The tasks of a job */

/* The state of a task. What shards share is one file, which has no logbook. */
static attrib_status read_task(const task_stage *stage,
                               const char *path,
                               attrib_state **out,
                               attrib_error *err)
{
    attrib_status status = attrib_state_read(path, out, err);
    if (status == ATTRIB_OK && strcmp(stage->name, "prepared") == 0 &&
        attrib_run_is(path)) {
        (*out)->kind = ATTRIB_STATE_DONE;
        (*out)->overall = 1;
    }
    return status;
}

/* How many tasks of a stage are in each state, and which. */
static void write_stage(const task_stage *stage, const attrib_state_kind *kinds)
{
    static const attrib_state_kind shown[] = {ATTRIB_STATE_RUNNING, ATTRIB_STATE_STOPPED,
                                              ATTRIB_STATE_MISSING};
    size_t n_done = 0;
    for (size_t i = 0; i < stage->n_tasks; i++) {
        n_done += kinds[i] == ATTRIB_STATE_DONE;
    }
    printf("  %-12s ", stage->name);
    if (!stage->is_round) {
        printf("%s\n", state_kinds[kinds[0]]);
        return;
    }
    printf("%zu of %zu done", n_done, stage->n_tasks);
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
        char before[32];
        bool *is_shown = calloc(stage->n_tasks, sizeof *is_shown);
        for (size_t i = 0; is_shown && i < stage->n_tasks; i++) {
            is_shown[i] = kinds[i] == shown[k];
        }
        snprintf(before, sizeof before, ", %s: ", state_kinds[shown[k]]);
        if (is_shown) {
            write_numbers(is_shown, stage->n_tasks, true, before);
        }
        free(is_shown);
    }
    putchar('\n');
}

/* A stage, and after it those of its tasks that are on their way; or JSON of each task.
 */
static attrib_status write_tasks(const tasks *job,
                                 const task_stage *stage,
                                 bool is_json,
                                 tasks_stopped *stopped,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_state **states = calloc(stage->n_tasks, sizeof *states);
    attrib_state_kind *kinds = calloc(stage->n_tasks, sizeof *kinds);
    if (!states || !kinds) {
        status = cli_fail(err, ATTRIB_ENOMEM, "%zu tasks", stage->n_tasks);
    }
    for (size_t i = 0; status == ATTRIB_OK && i < stage->n_tasks; i++) {
        char *path = NULL;
        status = tasks_name(job, stage, i, &path, err);
        status = status == ATTRIB_OK ? read_task(stage, path, &states[i], err) : status;
        if (status == ATTRIB_OK && is_json) {
            state_print_json(path, states[i]);
        }
        kinds[i] = status == ATTRIB_OK ? states[i]->kind : ATTRIB_STATE_MISSING;
        free(path);
    }
    if (status == ATTRIB_OK && !is_json) {
        write_stage(stage, kinds);
    }
    for (size_t i = 0; states && i < stage->n_tasks; i++) {
        if (status == ATTRIB_OK && !is_json &&
            (kinds[i] == ATTRIB_STATE_RUNNING || kinds[i] == ATTRIB_STATE_STOPPED)) {
            fputs("  ", stdout);
            state_print(states[i]->folder, states[i]);
        }
        if (status == ATTRIB_OK && kinds[i] == ATTRIB_STATE_STOPPED) {
            tasks_stopped_add(stopped, stage, i, states[i]);
        }
        attrib_state_free(states[i]);
    }
    free(states);
    free(kinds);
    return status;
}

/* The job of a folder that attrib job wrote, or that ranks of MPI keep parts in. False
 * where it is neither. */
static attrib_status write_job(const char *path,
                               bool is_json,
                               bool *is_job,
                               attrib_error *err)
{
    tasks job = {0};
    tasks_stopped stopped = {0};
    attrib_status status = tasks_find(path, &job, err);
    *is_job = job.n > 0;
    if (status == ATTRIB_OK && *is_job && !is_json) {
        printf("%s: a job of %zu stages\n", job.folder, job.n);
    }
    for (size_t i = 0; status == ATTRIB_OK && i < job.n; i++) {
        status = write_tasks(&job, &job.stages[i], is_json, &stopped, err);
    }
    if (status == ATTRIB_OK && *is_job && !is_json) {
        tasks_stopped_print(&stopped, &job);
    }
    tasks_stopped_free(&stopped);
    tasks_free(&job);
    return status;
}

/* 3. The command */

static attrib_status write_folder(const char *path,
                                  bool is_json,
                                  coverage *all,
                                  attrib_error *err)
{
    attrib_state *state = NULL;
    bool is_job = false;
    attrib_status status = write_job(path, is_json, &is_job, err);
    if (status != ATTRIB_OK || is_job) {
        return status;
    }
    status = attrib_state_read(path, &state, err);
    if (status == ATTRIB_OK && is_json) {
        state_print_json(path, state);
    } else if (status == ATTRIB_OK) {
        state_print(path, state);
        state_print_details(state);
        status = cover(all, state, err);
    }
    attrib_state_free(state);
    return status;
}

static attrib_status status(const void *arguments, cli_job *job, attrib_error *err)
{
    const status_args *args = arguments;
    attrib_status result = ATTRIB_OK;
    coverage all = {0};
    (void)job;
    for (size_t i = 0; result == ATTRIB_OK && i < args->paths.n; i++) {
        result =
            write_folder(args->paths.paths[i], args->format == FORMAT_JSON, &all, err);
    }
    if (result == ATTRIB_OK && args->paths.n > 1) {
        result = write_coverage(&all, err);
    }
    free(all.has_part);
    free(all.ranges);
    return result;
}

const cli_command command_status = {
    .name = "status",
    .usage = "FACTORS|RUN|JOB... [--format text|json]",
    .summary =
        "tell which jobs are done, running, stopped or missing, and how far they are",
    .description =
        "Says of each folder that fit, merge, score, query or self was given whether it "
        "is done; running, by which process of which machine, how far that is and how "
        "much time is left; stopped, why, and with which command it goes on; or missing. "
        "Of factors and runs of shards it says which parts or documents they are of, and "
        "of several such folders which parts or shards none of them is. Of a folder that "
        "attrib job wrote, and of an output that processes of MPI fill, it says which "
        "tasks of each stage are done, running, stopped or missing, and how what has "
        "stopped goes on: by which task Slurm queues again, by kubectl, or by mpirun.\n"
        "\n"
        "A job tells how far it is every ten seconds, in job.json of its folder, which "
        "goes when the folder is finished. Nothing is locked, and no job is disturbed. "
        "A process of another machine that has said nothing for two minutes is taken for "
        "stopped.",
    .example = "  attrib status factors/ run/\n"
               "  attrib status fit-job/\n"
               "  attrib status shards/* --format json",
    .groups = status_groups,
    .operand = {.name = "FOLDER",
                .offset = offsetof(status_args, paths),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(status_args),
    .run = status,
};
