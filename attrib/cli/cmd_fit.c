/* SPDX-License-Identifier: MIT */
/* attrib fit: the curvature of a model on its training documents. */
#include "cli/commands.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/foresee.h"

typedef struct fit_args {
    common_options common;
    source_options source;
    const char *output, *modules, *basis, *shard;
    int strategy, fisher, stage;
    uint64_t seed;
    size_t blocks, ram_limit;
    size_t i_shard, n_shards; /* of `shard` */
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
    {.name = "blocks",
     .kind = OPTION_SIZE,
     .offset = offsetof(fit_args, blocks),
     .value = "K",
     .standard = "1",
     .min = 1,
     .max = 1e6,
     .help = "diagonal blocks that the covariances are cut into: divides their memory by "
             "K and the time of their eigenvectors by K^2"},
    {0},
};

static const option scale_table[] = {
    {.name = "ram-limit",
     .kind = OPTION_BYTES,
     .offset = offsetof(fit_args, ram_limit),
     .value = "SIZE",
     .help = "memory that the process may have in use, weights and all, as in 512M or "
             "4G; maps that do not fit together take turns, each turn a pass over the "
             "documents (default: any)"},
    {.name = "shard",
     .kind = OPTION_TEXT,
     .offset = offsetof(fit_args, shard),
     .value = "I/N",
     .help = "fit share I of N of the corpus, 1 to N; attrib merge adds shares up"},
    {.name = "stage",
     .kind = OPTION_CHOICE,
     .offset = offsetof(fit_args, stage),
     .value = "all|covariance|lambda",
     .standard = "all",
     .help = "fit covariances alone, to be merged; or the eigenvalues alone, in the "
             "eigenvectors of --basis"},
    {.name = "basis",
     .kind = OPTION_TEXT,
     .offset = offsetof(fit_args, basis),
     .value = "F",
     .help = "for --stage lambda: folder of factors whose eigenvectors, modules and "
             "blocks are taken"},
    {0},
};

static const option_group fit_groups[] = {
    {"Input", source_table, offsetof(fit_args, source)},
    {"Fit", fit_table, 0},
    {"Large fits", scale_table, 0},
    {"Common options", common_table, offsetof(fit_args, common)},
    {0},
};

/* "2/8" is share 1, from 0, of 8. */
static bool read_shard(fit_args *args, char *message, size_t size)
{
    const char *text = args->shard;
    args->n_shards = 1;
    if (!text) {
        return true;
    }
    char *slash = NULL;
    char *end = NULL;
    errno = 0;
    unsigned long i = strtoul(text, &slash, 10);
    const char *of = *slash ? slash + 1 : slash;
    unsigned long n = strtoul(of, &end, 10);
    bool is_read = *slash == '/' && isdigit((unsigned char)*text) &&
                   isdigit((unsigned char)*of) && !*end && !errno;
    if (!is_read || i == 0 || i > n) {
        snprintf(message, size, "--shard: \"%.80s\" is not I/N with 1 <= I <= N",
                 args->shard);
        return false;
    }
    args->i_shard = i - 1;
    args->n_shards = n;
    return true;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    fit_args *args = arguments;
    bool is_lambda = args->stage == ATTRIB_FIT_LAMBDA;
    if (is_lambda != (args->basis != NULL)) {
        snprintf(message, size, "--stage lambda and --basis need each other");
        return false;
    }
    if (args->basis &&
        (options_given(given, "modules") || options_given(given, "blocks"))) {
        snprintf(message, size,
                 "--modules and --blocks are those of the factors of --basis");
        return false;
    }
    if (args->strategy && (args->stage || options_given(given, "blocks"))) {
        snprintf(message, size,
                 "--strategy diagonal has neither stages nor blocks of covariances");
        return false;
    }
    if (args->fisher && options_given(given, "seed")) {
        snprintf(message, size,
                 "--seed is of drawn labels, --fisher empirical takes the data's");
        return false;
    }
    return read_shard(args, message, size);
}

static attrib_status fit(const void *arguments, cli_job *job, attrib_error *err)
{
    const fit_args *args = arguments;
    cli_source source = {0};
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.strategy = args->strategy ? ATTRIB_DIAGONAL : ATTRIB_EKFAC;
    options.fisher = (attrib_fisher)args->fisher;
    options.modules = args->modules;
    options.seed = args->seed;
    options.n_blocks = args->blocks;
    options.i_shard = args->i_shard;
    options.n_shards = args->n_shards;
    options.stages = (attrib_fit_stages)args->stage;
    options.basis = args->basis;
    options.ram_limit = args->ram_limit;
    attrib_status status = attrib_factors_check_folder(args->output, err);
    if (status == ATTRIB_OK) {
        status = source_open(&args->source, job, &source, err);
    }
    if (status == ATTRIB_OK) {
        foresee_fit(&source, &options, job);
        status =
            attrib_factors_fit_folder(job->session, source.model, source.corpus, &options,
                                      args->output, job->command_line, err);
    }
    if (status == ATTRIB_OK) {
        terminal_count(job->screen, "factors", "%s in %s",
                       args->stage == ATTRIB_FIT_COVARIANCE ? "covariances"
                       : args->strategy                     ? "diagonal"
                                                            : "ekfac",
                       args->output);
    }
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
        "names, and have the same bytes for any number of threads and any --ram-limit.\n"
        "\n"
        "A fit that is stopped, or killed, leaves FACTORS.partial; the same command goes "
        "on from the last finished stage or group of maps.\n"
        "\n"
        "A corpus is fitted in shares on many machines in two rounds: --stage covariance "
        "--shard I/N for each share, attrib merge of those, --stage lambda --shard I/N "
        "--basis of the merged factors, and attrib merge again. The sums are those of "
        "one fit but for the order in which they are added. New documents are added to "
        "old factors the same way: fit --stage covariance on them, merge --stage "
        "covariance with the old factors, and fit --stage lambda on all documents or a "
        "sample of them.",
    .example = "  attrib fit --model model/ --corpus corpus/ -o factors/\n"
               "  attrib fit --model model/ --corpus corpus/ -o factors/ --ram-limit 8G "
               "--blocks 4",
    .groups = fit_groups,
    .args_bytes = sizeof(fit_args),
    .check = check,
    .run = fit,
};
