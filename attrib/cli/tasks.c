/* SPDX-License-Identifier: MIT */
/* The tasks of a job (tasks.h). */
#include "cli/tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal.h"

/* The longest file that is read, in bytes, and the most tasks of a stage. */
#define MAX_FILE  ((size_t)65536)
#define MAX_TASKS 1000000

/* A number from 1 on, of digits alone; 0 where it is none. */
static size_t read_count(const char *text)
{
    size_t n = strlen(text);
    bool is_number = n > 0 && n <= 7 && strspn(text, "0123456789") == n;
    size_t count = is_number ? strtoul(text, NULL, 10) : 0;
    return count <= MAX_TASKS ? count : 0;
}

/* Cut a line into a stage; false where it is none. */
static bool take_stage(char *line, task_stage *out)
{
    size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789");
    char *rest = line + n;
    *out = (task_stage){.name = line, .n_tasks = 1};
    if (n == 0 || n > 12) {
        return false;
    }
    if (*rest == '\0') {
        return true;
    }
    if (strncmp(rest, " = ", 3) == 0 && rest[3]) {
        out->output = rest + 3;
    } else {
        out->is_round = true;
        out->n_tasks = *rest == ' ' ? read_count(rest + 1) : 0;
    }
    if (out->n_tasks > 0) {
        *rest = '\0';
    }
    return out->n_tasks > 0;
}

attrib_status tasks_take(char *text, const char *name, tasks *out, attrib_error *err)
{
    size_t i_line = 0;
    for (char *line = text; *line; i_line++) {
        char *end = strchr(line, '\n');
        if (!end || i_line == TASKS_MAX_STAGES) {
            return cli_fail(err, ATTRIB_EFORMAT, "%s: line %zu: %s", name, i_line + 1,
                            end ? "a stage too many" : "without an end");
        }
        *end = '\0';
        if (!take_stage(line, &out->stages[i_line])) {
            return cli_fail(err, ATTRIB_EFORMAT, "%s: line %zu: \"%.60s\" is no stage",
                            name, i_line + 1, line);
        }
        line = end + 1;
    }
    out->n = i_line;
    return i_line ? ATTRIB_OK
                  : cli_fail(err, ATTRIB_EFORMAT, "%s: expected a line for each stage",
                             name);
}

/* The whole file, up to MAX_FILE; owned, NULL without memory. */
static char *read_text(FILE *file)
{
    char *text = malloc(MAX_FILE + 1);
    if (text) {
        text[fread(text, 1, MAX_FILE, file)] = '\0';
    }
    return text;
}

static attrib_status read_file(const char *path, tasks *out, attrib_error *err)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        return errno == ENOENT || errno == ENOTDIR
                   ? ATTRIB_OK
                   : cli_fail(err, ATTRIB_EIO, "%s: %s", path, strerror(errno));
    }
    out->text = read_text(file);
    fclose(file);
    return out->text ? tasks_take(out->text, path, out, err)
                     : cli_fail(err, ATTRIB_ENOMEM, "%s", path);
}

attrib_status tasks_find(const char *folder, tasks *out, attrib_error *err)
{
    static const char *const behind[] = {"", ".ranks"};
    attrib_status status = ATTRIB_OK;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    *out = (tasks){0};
    for (size_t i = 0; i < 2 && status == ATTRIB_OK && !out->text; i++) {
        char *path = NULL;
        free(out->folder);
        out->folder = NULL;
        if (asprintf(&out->folder, "%.*s%s", (int)n, folder, behind[i]) < 0) {
            out->folder = NULL;
            status = cli_fail(err, ATTRIB_ENOMEM, "%s", folder);
        } else if (asprintf(&path, "%s/" TASKS_FILE, out->folder) < 0) {
            path = NULL;
            status = cli_fail(err, ATTRIB_ENOMEM, "%s", folder);
        }
        status = status == ATTRIB_OK ? read_file(path, out, err) : status;
        free(path);
    }
    if (status != ATTRIB_OK) {
        tasks_free(out);
    }
    return status;
}

attrib_status tasks_name(
    const tasks *self, const task_stage *stage, size_t i, char **out, attrib_error *err)
{
    int n = stage->output ? asprintf(out, "%s", stage->output)
            : stage->is_round
                ? asprintf(out, "%s/%s-%zu", self->folder, stage->name, i + 1)
                : asprintf(out, "%s/%s", self->folder, stage->name);
    if (n < 0) {
        *out = NULL;
        return cli_fail(err, ATTRIB_ENOMEM, "%s", stage->name);
    }
    return ATTRIB_OK;
}

void tasks_free(tasks *self)
{
    free(self->folder);
    free(self->text);
    *self = (tasks){0};
}
