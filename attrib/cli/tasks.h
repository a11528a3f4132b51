/* SPDX-License-Identifier: MIT */
/* The tasks of a job, which the file `tasks` of its folder lists: one line for each
 * stage, in their order, and a folder for each task.
 *
 *     NAME N         N tasks, which fill NAME-1 to NAME-N
 *     NAME           one, which fills NAME
 *     NAME = PATH    one, which fills another folder */
#ifndef CLI_TASKS_H
#define CLI_TASKS_H

#include <attrib.h>

#define TASKS_FILE "tasks"
/* Other files of the folder of a job: for Slurm the program that hands it in, and what
 * that notes, "NAME: NUMBER" for each stage, the number being Slurm's; for Kubernetes
 * what kubectl is given. */
#define TASKS_SUBMIT     "submit"
#define TASKS_SUBMITTED  "submitted"
#define TASKS_KUBERNETES "job.yaml"

typedef struct task_stage {
    const char *name;   /* of small letters and digits */
    const char *output; /* its folder where it stands elsewhere; else NULL */
    size_t n_tasks;     /* >= 1 */
    bool is_round;      /* their folders are numbered */
} task_stage;

#define TASKS_MAX_STAGES 16

typedef struct tasks {
    char *folder, *text; /* owned; stages borrow the text */
    task_stage stages[TASKS_MAX_STAGES];
    size_t n; /* 0: no job */
} tasks;

/* Read the tasks of a folder, or of FOLDER.ranks where that has some; none where neither
 * is there. EFORMAT names the line that is no such stage. */
attrib_status tasks_find(const char *folder, tasks *out, attrib_error *err);

/* Read them from the text of the file, called `name`; the text is the caller's, is cut
 * into strings, and must stay. */
attrib_status tasks_take(char *text, const char *name, tasks *out, attrib_error *err);

/* The folder of task i, from 0 on; owned by the caller. */
attrib_status tasks_name(
    const tasks *self, const task_stage *stage, size_t i, char **out, attrib_error *err);

void tasks_free(tasks *self);

#endif
