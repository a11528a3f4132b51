/* SPDX-License-Identifier: MIT */
/* How a job goes on whose tasks have stopped. */
#ifndef CLI_TASKS_STOPPED_H
#define CLI_TASKS_STOPPED_H

#include "cli/tasks.h"

/* Tasks of one stage, of which so many are named. */
#define TASKS_MAX_NAMED 8

typedef struct tasks_stopped {
    const task_stage *stage;       /* the first that has any; NULL: none. Borrowed */
    size_t named[TASKS_MAX_NAMED]; /* from 0 on; [n], or as many as there is room for */
    size_t n;
    char *command, *directory; /* of the first of them; owned */
} tasks_stopped;

/* Note that task i of a stage has stopped. */
void tasks_stopped_add(tasks_stopped *self,
                       const task_stage *stage,
                       size_t i,
                       const attrib_state *state);

/* Print the line that says how the job goes on; nothing where no task has stopped. */
void tasks_stopped_print(const tasks_stopped *self, const tasks *job);

void tasks_stopped_free(tasks_stopped *self);

#endif
