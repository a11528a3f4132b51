/* SPDX-License-Identifier: MIT */
/* attrib validate: whether the scores of runs predict what training does. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/shared.h"
#include "cli/table_output.h"

typedef struct validate_args {
    common_options common;
    path_list runs;
    attrib_validate_options validate;
    const char *bank;
    table_output output;
} validate_args;

static const option bank_table[] = {
    {.name = "bank",
     .kind = OPTION_TEXT,
     .offset = offsetof(validate_args, bank),
     .value = "FOLDER",
     .is_required = true,
     .help =
         "the bank of retrainings: documents.csv, and subsets.csv with losses.csv, or "
         "labels.csv, or all of them"},
    {0},
};

static const option_group validate_groups[] = {
    {.title = "Bank", .options = bank_table, .offset = 0},
    {.title = "Validate",
     .offset = offsetof(validate_args, validate),
     .library = attrib_validate_options_table,
     .library_bytes = sizeof(attrib_validate_options)},
    {.title = "Output",
     .options = table_output_table,
     .offset = offsetof(validate_args, output)},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(validate_args, common)},
    {0},
};

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const validate_args *args = arguments;
    (void)given;
    if (args->validate.with_mean && args->runs.n < 2) {
        snprintf(message, size, "--mean is of two runs or more");
        return false;
    }
    return table_output_check(&args->output, message, size);
}

/* Open the runs, [n] of which `runs` has room for. */
static attrib_status open_runs(const path_list *folders,
                               attrib_run **runs,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; status == ATTRIB_OK && i < folders->n; i++) {
        status = attrib_run_open(folders->paths[i], &runs[i], err);
    }
    return status;
}

static attrib_status validate(const void *arguments, cli_job *job, attrib_error *err)
{
    const validate_args *args = arguments;
    attrib_run **runs = calloc(args->runs.n, sizeof *runs);
    attrib_analysis *analysis = NULL;
    attrib_status status = runs ? open_runs(&args->runs, runs, err) : ATTRIB_ENOMEM;
    attrib_validate_job what;
    attrib_validate_job_default(&what);
    what.runs = runs;
    what.n_runs = args->runs.n;
    what.names = args->runs.paths;
    what.bank = args->bank;
    what.options = &args->validate;
    if (status == ATTRIB_OK) {
        status = attrib_validate(job->session, &what, &analysis, err);
    }
    if (status == ATTRIB_OK) {
        status = table_output_write(&args->output, analysis, err);
    }
    attrib_analysis_free(analysis);
    for (size_t i = 0; runs && i < args->runs.n; i++) {
        attrib_run_close(runs[i]);
    }
    free(runs);
    return status;
}

const cli_command command_validate = {
    .name = "validate",
    .usage = "RUN... --bank FOLDER [OPTION]...",
    .summary = "tell whether scores predict what training does, by a bank of retrainings",
    .description =
        "Reads the scores that attrib score wrote, of the bank's documents and queries, "
        "and a bank: losses of the queries after the model was trained on parts of the "
        "documents, and documents that are known to matter. attrib's own banks are in "
        "corpora/; attrib/validate/README.md describes the files, which are tables of "
        "CSV, for retrainings of your own.\n\n"
        "lds: how well the sum of a subset's scores orders random subsets by what "
        "training on them did to a query (Spearman's correlation, the mean over queries: "
        "the linear datamodelling score), for each run and setting, with 95 % intervals; "
        "and how many nats were measured for one that was predicted.\n\n"
        "differences: the same against the first run and setting, paired.\n\n"
        "ceiling: how well a second training orders the same subsets.\n\n"
        "removals: how much a query's loss rose without the documents that a method put "
        "first. sizes: what scores had predicted of it.\n\n"
        "labels: recall, mean reciprocal rank, and area under precision and recall, of "
        "documents that are known to matter.\n\n"
        "queries: the first table for each query.",
    .example = "  attrib validate run/ --bank corpora/facts-bank\n"
               "  attrib validate early/ late/ --mean --bank bank/ --format json -o "
               "truth.json\n"
               "  attrib validate run/ --bank bank/ --format csv --table removals",
    .groups = validate_groups,
    .operand = {.name = "RUN",
                .offset = offsetof(validate_args, runs),
                .min = 1,
                .max = 64},
    .args_bytes = sizeof(validate_args),
    .check = check,
    .run = validate,
};
