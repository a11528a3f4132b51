/* SPDX-License-Identifier: MIT */
/* attrib rerun: a run made again from what its manifest says.
 *
 * 1. The run   2. The command   3. What came out */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/same_files.h"
#include "cli/shared.h"

typedef struct rerun_args {
    common_options common;
    path_list runs; /* one */
    const char *output, *directory;
} rerun_args;

static const option rerun_table[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(rerun_args, output),
     .value = "NEW",
     .help = "folder that the new run is written to (default: RUN.rerun)"},
    {.name = "directory",
     .kind = OPTION_TEXT,
     .offset = offsetof(rerun_args, directory),
     .value = "DIR",
     .help =
         "folder that the paths of the command begin at (default: where it was given)"},
    {0},
};

static const option_group rerun_groups[] = {
    {.title = "Rerun", .options = rerun_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(rerun_args, common)},
    {0},
};

/* 1. The run */

/* What the run that is made again says of itself, and what is done with it. Owned. */
typedef struct again {
    char *run, *output; /* absolute paths */
    char *line, *directory, *model_hash, *corpus_hash, *factors_hash, *kernels;
    size_t n_models; /* whose runs it is the sum of; 0: it is none */
    command_line words;
} again;

static void again_free(again *self)
{
    char *const all[] = {self->run,          self->output,     self->line,
                         self->directory,    self->model_hash, self->corpus_hash,
                         self->factors_hash, self->kernels};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]);
    }
    command_line_free(&self->words);
}

static attrib_status read_run(const char *path, again *out, attrib_error *err)
{
    attrib_run *run = NULL;
    attrib_status status = attrib_run_open(path, &run, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    const attrib_run_info *info = attrib_run_describe(run);
    out->n_models = info->n_checkpoints;
    out->line = strdup(info->command);
    out->directory = strdup(info->directory);
    out->model_hash = strdup(info->model_hash);
    out->corpus_hash = strdup(info->corpus_hash);
    out->factors_hash = strdup(info->factors_hash);
    out->kernels = strdup(info->kernels);
    attrib_run_close(run);
    return out->line && out->directory && out->model_hash && out->corpus_hash &&
                   out->factors_hash && out->kernels
               ? ATTRIB_OK
               : cli_fail(err, ATTRIB_ENOMEM, "what the run says");
}

/* A path that means the same from any folder. */
static char *make_absolute(const char *path, const char *suffix)
{
    char here[4096] = "";
    char *out = NULL;
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    if (path[0] != '/' && !getcwd(here, sizeof here)) {
        return NULL;
    }
    size_t size = strlen(here) + n + strlen(suffix) + 2;
    out = malloc(size);
    if (out) {
        snprintf(out, size, "%s%s%.*s%s", here, path[0] == '/' ? "" : "/", (int)n, path,
                 suffix);
    }
    return out;
}

/* Go to the folder that the paths of the command begin at. */
static attrib_status go_back(const rerun_args *args, const again *self, attrib_error *err)
{
    const char *directory = args->directory ? args->directory : self->directory;
    if (*directory && chdir(directory) != 0) {
        return cli_fail(err, ATTRIB_EIO, "%.200s, where the run was made: %s%s",
                        directory, strerror(errno),
                        args->directory ? "" : " (--directory names another folder)");
    }
    return ATTRIB_OK;
}

/* 2. The command */

static const cli_command *find_repeatable(const char *name)
{
    const cli_command *const all[] = {&command_score, &command_query, &command_self,
                                      &command_merge};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

static attrib_status check_words(const again *self,
                                 const cli_command **out,
                                 attrib_error *err)
{
    const command_line *given = &self->words;
    *out = given->n > 1 ? find_repeatable(given->list[1]) : NULL;
    if (!*out) {
        return cli_fail(
            err, ATTRIB_EINVAL,
            "%.200s: made by \"%.100s\", expected attrib score, query, self or merge",
            self->run, self->line);
    }
    for (int i = 2; i < given->n; i++) {
        if (strcmp(given->list[i], "-") == 0) {
            return cli_fail(err, ATTRIB_EINVAL,
                            "%.200s: made from standard input, which is gone", self->run);
        }
    }
    return ATTRIB_OK;
}

/* Read the words into the arguments of a command, with the new folder and the common
 * options of this one. */
static attrib_status read_words(const rerun_args *args,
                                again *self,
                                const cli_command *command,
                                void *inner,
                                cli_given *given,
                                attrib_error *err)
{
    if (options_parse(command, self->words.n - 1, self->words.list + 1, inner, given) !=
        PARSE_OK) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "%.200s: its command is not read any more: %s", self->run,
                        given->message);
    }
    const char *field = options_value(command, inner, "output");
    const char **output = (void *)((char *)inner + (field - (const char *)inner));
    attrib_status status =
        command_line_set_output(&self->words, *output ? *output : "", self->output, err);
    *output = self->output;
    memcpy(inner, &args->common, sizeof args->common);
    return status;
}

/* Run the command again. */
static attrib_status repeat(const rerun_args *args,
                            again *self,
                            const cli_job *job,
                            attrib_error *err)
{
    const cli_command *command = NULL;
    cli_given given = {0};
    void *inner = NULL;
    char *line = NULL;
    /* A sum has no hash of one model and one curvature. */
    const repeated from = {self->run, self->n_models ? NULL : self->model_hash,
                           self->corpus_hash, self->n_models ? NULL : self->factors_hash};
    cli_job own = *job;
    attrib_status status = check_words(self, &command, err);
    if (status == ATTRIB_OK) {
        inner = calloc(1, command->args_bytes);
        status = inner ? read_words(args, self, command, inner, &given, err)
                       : cli_fail(err, ATTRIB_ENOMEM, "the command");
    }
    if (status == ATTRIB_OK) {
        line = options_join(self->words.n, self->words.list);
        status = line ? ATTRIB_OK : cli_fail(err, ATTRIB_ENOMEM, "the command");
    }
    if (status == ATTRIB_OK) {
        terminal_log(job->screen, ATTRIB_LOG_INFO, "%s", line);
        own.command_line = line;
        own.goes_on = command->goes_on;
        own.repeated = &from;
        status = command->run(inner, &own, err);
    }
    options_free(&given);
    free(inner);
    free(line);
    return status;
}

/* 3. What came out */

static attrib_status compare(const again *self, cli_job *job, attrib_error *err)
{
    size_t n = 0;
    size_t n_same = 0;
    attrib_status status = same_files_count(self->run, self->output, &n, &n_same, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    printf("%zu of %zu files have the same bytes as in %s\n", n_same, n, self->run);
    if (n_same < n) {
        bool is_other = strcmp(self->kernels, attrib_kernels_describe()) != 0;
        terminal_log(job->screen, ATTRIB_LOG_WARNING,
                     "the results are not the same to the last bit: %s",
                     is_other ? "the products are made by other kernels now"
                              : "the queries, their number at a time or the version of "
                                "attrib may be others");
    }
    terminal_number(job->screen, "result_files", (double)n);
    terminal_number(job->screen, "same_files", (double)n_same);
    return ATTRIB_OK;
}

static attrib_status rerun(const void *arguments, cli_job *job, attrib_error *err)
{
    const rerun_args *args = arguments;
    const char *path = args->runs.paths[0];
    again self = {.run = make_absolute(path, ""),
                  .output = args->output ? make_absolute(args->output, "")
                                         : make_absolute(path, ".rerun")};
    attrib_status status = self.run && self.output
                               ? ATTRIB_OK
                               : cli_fail(err, ATTRIB_ENOMEM, "the paths of runs");
    if (status == ATTRIB_OK) {
        status = read_run(self.run, &self, err);
    }
    if (status == ATTRIB_OK) {
        status = command_line_split(self.line, &self.words, err);
    }
    if (status == ATTRIB_OK) {
        status = go_back(args, &self, err);
    }
    if (status == ATTRIB_OK) {
        status = repeat(args, &self, job, err);
    }
    if (status == ATTRIB_OK) {
        terminal_clear(job->screen);
        status = compare(&self, job, err);
    }
    again_free(&self);
    return status;
}

const cli_command command_rerun = {
    .name = "rerun",
    .usage = "RUN [-o NEW] [OPTION]...",
    .summary = "make a run again from what its manifest says, and compare",
    .description =
        "Gives the command of a finished run of score, query, self or merge again, with "
        "all of "
        "its options and from the folder that it was given in, and writes a new run. A "
        "model, a corpus or factors that are not those that the run was made from are "
        "refused by their hashes before anything is computed, and what is missing is "
        "named; the models of a sum or of two stages, and the runs of a merge, must be "
        "where they were, and tell by the results whether they are the same. In the end "
        "it says how many "
        "files of results have the same bytes: all of "
        "them, unless the queries, the version of attrib or the kernels that multiply "
        "are "
        "others. Threads, progress and the other common options are those of this "
        "command.",
    .example = "  attrib rerun run/\n"
               "  attrib rerun run/ -o again/ --directory /data",
    .groups = rerun_groups,
    .operand = {.name = "RUN", .offset = offsetof(rerun_args, runs), .min = 1, .max = 1},
    .args_bytes = sizeof(rerun_args),
    .multiplies = true,
    .run = rerun,
};
