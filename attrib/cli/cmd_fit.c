/* SPDX-License-Identifier: MIT */
/* attrib fit: the curvature of a model on its training documents. */
#include "cli/commands.h"

#include "cli/shared.h"

typedef struct fit_args {
    common_options common;
    source_options source;
    const char *output, *modules;
    int strategy, fisher;
    uint64_t seed;
} fit_args;

static const option fit_table[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(fit_args, output),
     .value = "FACTORS",
     .is_required = true,
     .help = "new folder that the factors are written to"},
    {.name = "strategy",
     .kind = OPTION_CHOICE,
     .offset = offsetof(fit_args, strategy),
     .value = "ekfac|diagonal",
     .standard = "ekfac",
     .help = "what is fitted; ekfac also serves scores with kfac"},
    {.name = "fisher",
     .kind = OPTION_CHOICE,
     .offset = offsetof(fit_args, fisher),
     .value = "sampled|empirical",
     .standard = "sampled",
     .help = "labels of the Fisher matrix: drawn from the model's predictions, or the "
             "data's"},
    {.name = "modules",
     .kind = OPTION_TEXT,
     .offset = offsetof(fit_args, modules),
     .value = "NAMES",
     .standard = "mlp",
     .help =
         "linear maps: mlp, attention, head, all or name patterns, separated by commas"},
    {.name = "seed",
     .kind = OPTION_SEED,
     .offset = offsetof(fit_args, seed),
     .value = "S",
     .standard = "0",
     .help = "of the drawn labels"},
    {0},
};

static const option_group fit_groups[] = {
    {"Input", source_table, offsetof(fit_args, source)},
    {"Fit", fit_table, 0},
    {"Common options", common_table, offsetof(fit_args, common)},
    {0},
};

static attrib_status fit(const void *arguments, cli_job *job, attrib_error *err)
{
    const fit_args *args = arguments;
    cli_source source = {0};
    attrib_factors *factors = NULL;
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.strategy = args->strategy ? ATTRIB_DIAGONAL : ATTRIB_EKFAC;
    options.fisher = (attrib_fisher)args->fisher;
    options.modules = args->modules;
    options.seed = args->seed;
    attrib_status status = attrib_factors_check_folder(args->output, err);
    if (status == ATTRIB_OK) {
        status = source_open(&args->source, job, &source, err);
    }
    if (status == ATTRIB_OK) {
        status = attrib_factors_fit(job->session, source.model, source.corpus, &options,
                                    &factors, err);
    }
    if (status == ATTRIB_OK) {
        status = attrib_factors_write(factors, source.model, args->output,
                                      job->command_line, err);
    }
    if (status == ATTRIB_OK) {
        const attrib_factors_info *info = attrib_factors_describe(factors);
        terminal_count(job->screen, "factors", "%s of %zu modules in %s",
                       attrib_strategy_name(info->strategy), info->n_modules,
                       args->output);
    }
    attrib_factors_close(factors);
    source_close(&source);
    return status;
}

const cli_command command_fit = {
    .name = "fit",
    .usage = "--model M --corpus PATH... -o FACTORS [OPTION]...",
    .summary = "fit the curvature of a model on its training documents",
    .description =
        "Fits the factors that scores are computed with: the covariances of every linear "
        "map's inputs and output gradients, their eigenvectors, and the eigenvalues of "
        "the "
        "Fisher matrix in that basis (EK-FAC). They are written in Kronfluence's files "
        "and "
        "names, and have the same bytes for any number of threads.",
    .example = "  attrib fit --model model/ --corpus corpus/ -o factors/",
    .groups = fit_groups,
    .args_bytes = sizeof(fit_args),
    .run = fit,
};
