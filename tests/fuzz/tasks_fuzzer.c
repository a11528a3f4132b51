/* SPDX-License-Identifier: MIT */
/* The list of a job's tasks, whose folders all have a name of their stage. */
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/tasks.h"

/* The program's other sources want a list of commands. */
const cli_command *const program_commands[] = {NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const tasks *job)
{
    for (size_t i = 0; i < job->n; i++) {
        const task_stage *stage = &job->stages[i];
        char *path = NULL;
        attrib_error err = {0};
        if (stage->n_tasks == 0 || strchr(stage->name, '/') || !*stage->name ||
            tasks_name(job, stage, stage->n_tasks - 1, &path, &err) != ATTRIB_OK ||
            !*path) {
            abort();
        }
        free(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char folder[] = "job";
    tasks job = {.folder = folder};
    attrib_error err = {0};
    char *text = malloc(size + 1);
    if (!text) {
        abort();
    }
    if (size) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (tasks_take(text, "tasks", &job, &err) == ATTRIB_OK) {
        if (job.n == 0) {
            abort();
        }
        use(&job);
    } else if (!err.message[0]) {
        abort();
    }
    free(text);
    return 0;
}
