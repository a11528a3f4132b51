/* SPDX-License-Identifier: MIT */
/* A command whose output stands in a folder that it reads finds other inputs when it is
 * given again; an input that stands in the output may be replaced with it; and one that
 * is the output would be lost. */
#include "cli/nesting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options whose values are paths that are read. */
static const char *const inputs[] = {
    "adapter",  "base-corpus", "base-factors", "base-model", "basis",
    "corpus",   "factors",     "index",        "model",      "optimizer",
    "prepared", "queries",     "tokenizer"};

/* The path without links, whose last parts need not be there; owned, NULL where it cannot
 * be found out. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);
    char *joined = NULL;
    if (real) {
        return real;
    }
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    size_t n_parent = n;
    while (n_parent > 0 && path[n_parent - 1] != '/') {
        n_parent--;
    }
    char *parent = n_parent > 0 ? strndup(path, n_parent) : strdup(".");
    char *above = parent && n_parent < n ? resolve(parent) : NULL;
    if (above && asprintf(&joined, "%s/%.*s", strcmp(above, "/") == 0 ? "" : above,
                          (int)(n - n_parent), path + n_parent) < 0) {
        joined = NULL;
    }
    free(above);
    free(parent);
    return joined;
}

/* Whether a path stands within a folder; both are without links. */
static bool is_within(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* Say that an input and the output are nested or the same, where they are. */
static bool refuse_pair(const cli_command *self, const char *input, const char *output)
{
    char *from = resolve(input);
    char *to = resolve(output);
    bool is_inner = from && to && is_within(to, from);
    bool is_outer = from && to && is_within(from, to);
    bool is_same = from && to && strcmp(from, to) == 0;
    if (is_inner) {
        fprintf(stderr,
                "attrib %s: %s: would be written into %s, which is read: name an output "
                "elsewhere\n",
                self->name, output, input);
    } else if (is_outer) {
        fprintf(stderr,
                "attrib %s: %s: stands in the output %s: name an output elsewhere\n",
                self->name, input, output);
    } else if (is_same) {
        fprintf(stderr,
                "attrib %s: %s: would be written over %s, which is read: name an output "
                "elsewhere\n",
                self->name, output, input);
    }
    free(from);
    free(to);
    return is_inner || is_outer || is_same;
}

/* The same for paths with commas between, which several models have. */
static bool refuse_each(const cli_command *self, const char *input, const char *output)
{
    char *copy = strdup(input);
    bool refused = false;
    char *rest = NULL;
    for (char *one = copy ? strtok_r(copy, ",", &rest) : NULL; one && !refused;
         one = strtok_r(NULL, ",", &rest)) {
        refused = refuse_pair(self, one, output);
    }
    free(copy);
    return refused;
}

static bool refuse_list(const cli_command *self,
                        const path_list *list,
                        const char *output)
{
    bool refused = false;
    for (size_t i = 0; i < list->n && !refused; i++) {
        refused = refuse_pair(self, list->paths[i], output);
    }
    return refused;
}

/* The option of that name; false where the command has none. */
static bool find_option(const cli_command *self, const char *name, option_walk *walk)
{
    *walk = (option_walk){.groups = self->groups};
    while (options_next(walk)) {
        if (strcmp(walk->option.name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a file of this name is one that a run consists of. */
static bool is_of_run(const char *path)
{
    static const char *const names[] = {"manifest.msgpack", "answers.msgpack",
                                        "explained.msgpack", "prepared.msgpack"};
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    bool is = strncmp(name, "scores-", strlen("scores-")) == 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        is = is || strcmp(name, names[i]) == 0;
    }
    return is;
}

/* Files for other programs may stand in the run that they are made of, but not in place
 * of its own. */
static bool refuse_own_file(const cli_command *self,
                            const path_list *runs,
                            const char *output)
{
    bool refused = false;
    char *to = resolve(output);
    for (size_t i = 0; to && is_of_run(to) && i < runs->n && !refused; i++) {
        char *run = resolve(runs->paths[i]);
        refused = run && is_within(to, run);
        if (refused) {
            fprintf(stderr,
                    "attrib %s: %s: the name of a file of the run %s: name another\n",
                    self->name, output, runs->paths[i]);
        }
        free(run);
    }
    free(to);
    return refused;
}

bool nesting_refuses(const cli_command *self, const void *args)
{
    option_walk walk;
    bool refused = false;
    bool has_output = find_option(self, "output", &walk);
    if (!has_output) {
        return false;
    }
    bool is_file = strcmp(walk.option.value, "FILE") == 0;
    const char *const *output = options_value(self, args, "output");
    if (!*output || strcmp(*output, "-") == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs && !refused; i++) {
        if (!find_option(self, inputs[i], &walk)) {
            continue;
        }
        const void *value = options_value(self, args, inputs[i]);
        if (walk.option.kind == OPTION_PATHS) {
            refused = refuse_list(self, value, *output);
        } else if (*(const char *const *)value) {
            refused = refuse_each(self, *(const char *const *)value, *output);
        }
    }
    /* Words that are no paths: a prompt, and the command of a job. */
    bool are_paths = self->operand.name && (strcmp(self->operand.name, "PATH") == 0 ||
                                            strcmp(self->operand.name, "FOLDER") == 0 ||
                                            strcmp(self->operand.name, "RUN") == 0);
    if (are_paths && !refused) {
        const path_list *paths =
            (const void *)((const char *)args + self->operand.offset);
        refused = is_file ? refuse_own_file(self, paths, *output)
                          : refuse_list(self, paths, *output);
    }
    return refused;
}
