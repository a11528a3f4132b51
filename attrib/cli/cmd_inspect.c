/* SPDX-License-Identifier: MIT */
/* attrib inspect: what a path holds. */
#include "cli/commands.h"

#include "cli/shared.h"

typedef struct inspect_args {
    common_options common;
    path_list paths;
    const char *adapter;
    int format;
} inspect_args;

static const option inspect_table[] = {
    {.name = "adapter",
     .kind = OPTION_TEXT,
     .offset = offsetof(inspect_args, adapter),
     .value = "FOLDER",
     .help = "a LoRA adapter, with which models are read"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(inspect_args, format),
     .value = "text|json",
     .standard = "text",
     .help = "text, or one JSON object a line for each path"},
    {0},
};

static const option_group inspect_groups[] = {
    {.title = "Inspect", .options = inspect_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(inspect_args, common)},
    {0},
};

static attrib_status inspect(const void *arguments, cli_job *job, attrib_error *err)
{
    const inspect_args *args = arguments;
    attrib_status status = ATTRIB_OK;
    (void)job;
    for (size_t i = 0; status == ATTRIB_OK && i < args->paths.n; i++) {
        status = attrib_inspect(args->paths.paths[i], args->adapter, args->format == 1,
                                "-", err);
    }
    return status;
}

const cli_command command_inspect = {
    .name = "inspect",
    .usage = "PATH... [--adapter FOLDER] [--format text|json]",
    .summary = "tell what a model, a corpus, factors or a run holds",
    .description =
        "Says of each path what it is and what it holds: the folder of a model or of "
        "an adapter, a GGUF file, a tokenizer, a safetensors file, factors, a run, or "
        "else a corpus.",
    .example = "  attrib inspect model/ factors/ run/",
    .groups = inspect_groups,
    .operand = {.name = "PATH",
                .offset = offsetof(inspect_args, paths),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(inspect_args),
    .run = inspect,
};
