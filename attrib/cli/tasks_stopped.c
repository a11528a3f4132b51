/* SPDX-License-Identifier: MIT */
/* How a job goes on whose tasks have stopped: by what started it. */
#include "cli/tasks_stopped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/state_print.h"

void tasks_stopped_add(tasks_stopped *self,
                       const task_stage *stage,
                       size_t i,
                       const attrib_state *state)
{
    if (self->stage && self->stage != stage) {
        return;
    }
    if (!self->stage) {
        self->stage = stage;
        self->command = strdup(state->command);
        self->directory = strdup(state->directory);
    }
    if (self->n < TASKS_MAX_NAMED) {
        self->named[self->n] = i;
    }
    self->n++;
}

/* The path of a file in the job's folder, owned; NULL where it is not there. */
static char *find_file(const tasks *job, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", job->folder, name) < 0) {
        return NULL;
    }
    if (access(path, F_OK) != 0) {
        free(path);
        path = NULL;
    }
    return path;
}

static void print_path(const char *before, const char *path, const char *behind)
{
    char *copy = strdup(path);
    char *words[] = {copy};
    char *quoted = copy ? options_join(1, words) : NULL;
    fputs(before, stdout);
    state_write_clean(quoted ? quoted : path);
    fputs(behind, stdout);
    free(quoted);
    free(copy);
}

/* Slurm's number of a stage, as the job was handed in last; 0 where it does not say. */
static unsigned long read_number(const tasks *job, const char *stage)
{
    char line[64];
    unsigned long number = 0;
    size_t n = strlen(stage);
    char *path = find_file(job, TASKS_SUBMITTED);
    FILE *file = path ? fopen(path, "re") : NULL;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, stage, n) == 0 && strncmp(line + n, ": ", 2) == 0) {
            number = strtoul(line + n + 2, NULL, 10);
        }
    }
    if (file) {
        fclose(file);
    }
    free(path);
    return number;
}

/* A task that is killed with its machine, or reaches its time limit, is queued again by
 * itself; after another failure Slurm has dropped the stages after it. */
static void print_slurm(const tasks_stopped *self, const tasks *job, const char *submit)
{
    unsigned long number = read_number(job, self->stage->name);
    fputs("  goes on ", stdout);
    for (size_t i = 0; number && i < self->n && i < TASKS_MAX_NAMED; i++) {
        printf(i ? ",%lu" : "when Slurm begins it again: scontrol requeue %lu", number);
        if (self->stage->is_round) {
            printf("_%zu", self->named[i] + 1);
        }
    }
    if (number) {
        fputs(self->n > TASKS_MAX_NAMED ? ",...; else " : "; else ", stdout);
    }
    print_path("with ", submit, ", when squeue lists none of the job\n");
}

/* Ranks of MPI: the command is that of all of them. */
static void print_ranks(const tasks_stopped *self)
{
    fputs("  goes on with ", stdout);
    if (self->directory && *self->directory) {
        print_path("cd ", self->directory, " && ");
    }
    printf("mpirun -n %zu ", self->stage->n_tasks);
    state_write_clean(self->command ? self->command : "");
    putchar('\n');
}

void tasks_stopped_print(const tasks_stopped *self, const tasks *job)
{
    static const char ranks[] = ".ranks";
    size_t n = strlen(job->folder);
    char *submit = find_file(job, TASKS_SUBMIT);
    char *applied = find_file(job, TASKS_KUBERNETES);
    if (self->n && submit) {
        print_slurm(self, job, submit);
    } else if (self->n && applied) {
        print_path("  goes on when Kubernetes begins it again; after a failure with "
                   "kubectl replace --force -f ",
                   applied, "\n");
    } else if (self->n && n > strlen(ranks) &&
               strcmp(job->folder + n - strlen(ranks), ranks) == 0) {
        print_ranks(self);
    }
    free(submit);
    free(applied);
}

void tasks_stopped_free(tasks_stopped *self)
{
    free(self->command);
    free(self->directory);
    *self = (tasks_stopped){0};
}
