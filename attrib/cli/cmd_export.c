/* SPDX-License-Identifier: MIT */
/* attrib export: a run for other programs. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shared.h"

typedef struct export_args {
    common_options common;
    path_list run;
    const char *output;
    int format;
} export_args;

static const option export_table[] = {
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(export_args, format),
     .value = "jsonl|csv|npz|safetensors",
     .is_required = true,
     .help =
         "jsonl and csv hold the reported documents of each query, npz and safetensors "
         "the scores of all documents"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(export_args, output),
     .value = "FILE",
     .standard = "-",
     .help = "file to write, or - for standard output"},
    {0},
};

static const option_group export_groups[] = {
    {.title = "Export", .options = export_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(export_args, common)},
    {0},
};

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const export_args *args = arguments;
    (void)given;
    bool is_binary =
        args->format == ATTRIB_EXPORT_NPZ || args->format == ATTRIB_EXPORT_SAFETENSORS;
    if (is_binary && strcmp(args->output, "-") == 0 && isatty(STDOUT_FILENO)) {
        snprintf(message, size, "this format is not for a terminal: name a file with -o");
        return false;
    }
    return true;
}

static attrib_status export(const void *arguments, cli_job *job, attrib_error *err)
{
    const export_args *args = arguments;
    attrib_run *run = NULL;
    (void)job;
    attrib_status status = attrib_run_open(args->run.paths[0], &run, err);
    if (status == ATTRIB_OK) {
        status =
            attrib_export_run(run, (attrib_export_format)args->format, args->output, err);
    }
    attrib_run_close(run);
    return status;
}

const cli_command command_export = {
    .name = "export",
    .usage = "RUN --format jsonl|csv|npz|safetensors [-o FILE]",
    .summary = "write a run in a format of other programs",
    .description =
        "Writes the run that attrib score made as JSON lines (one object a query), CSV "
        "(one "
        "row for each document that was reported), or as arrays: npz for NumPy with "
        "scores "
        "[queries, documents] and the ids, safetensors also in Kronfluence's layout.",
    .example = "  attrib export run/ --format csv -o run.csv",
    .groups = export_groups,
    .operand = {.name = "RUN", .offset = offsetof(export_args, run), .min = 1, .max = 1},
    .args_bytes = sizeof(export_args),
    .check = check,
    .run = export,
};
