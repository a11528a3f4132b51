/* SPDX-License-Identifier: MIT */
/* attrib merge: factors of parts of a corpus added up. */
#include "cli/commands.h"

#include "cli/shared.h"

typedef struct merge_args {
    common_options common;
    path_list factors;
    const char *output;
    int stage;
    size_t ram_limit;
} merge_args;

static const option merge_table[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(merge_args, output),
     .value = "F",
     .is_required = true,
     .help = "new folder that the merged factors are written to"},
    {.name = "stage",
     .kind = OPTION_CHOICE,
     .offset = offsetof(merge_args, stage),
     .value = "auto|covariance|lambda",
     .standard = "auto",
     .help = "what is merged; auto: eigenvalues where all have them, else covariances"},
    {.name = "ram-limit",
     .kind = OPTION_BYTES,
     .offset = offsetof(merge_args, ram_limit),
     .value = "SIZE",
     .help = "memory that the process may have in use, as in 512M or 4G (default: any)"},
    {0},
};

static const option_group merge_groups[] = {
    {.title = "Merge", .options = merge_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(merge_args, common)},
    {0},
};

static attrib_status merge(const void *arguments, cli_job *job, attrib_error *err)
{
    const merge_args *args = arguments;
    attrib_merge_options options = {(attrib_fit_stages)args->stage, args->ram_limit};
    attrib_status status =
        attrib_factors_merge(job->session, args->factors.paths, args->factors.n, &options,
                             args->output, job->command_line, err);
    if (status == ATTRIB_OK) {
        terminal_count(job->screen, "factors", "%zu folders in %s", args->factors.n,
                       args->output);
    }
    return status;
}

const cli_command command_merge = {
    .name = "merge",
    .usage = "FACTORS... -o F [OPTION]...",
    .summary = "add up factors that were fitted on parts of a corpus",
    .description =
        "Adds the sums of several fits of one model, with their counts, as if their "
        "documents had been fitted together. The same documents twice are refused.\n"
        "\n"
        "Covariances (of attrib fit --stage covariance, or of whole fits with --stage "
        "covariance here) are added and then decomposed: the result serves scores with "
        "--strategy kfac, and as --basis of fits with --stage lambda. Eigenvalues are "
        "added where they stand in one and the same basis: those of fits with --stage "
        "lambda and the same --basis, or with --strategy diagonal. Whole fits each have "
        "a basis of their own, so their eigenvalues cannot be added.",
    .example = "  attrib merge covariances-*/ -o basis/\n"
               "  attrib merge lambda-*/ -o factors/",
    .groups = merge_groups,
    .operand = {.name = "FACTORS",
                .offset = offsetof(merge_args, factors),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(merge_args),
    .run = merge,
};
