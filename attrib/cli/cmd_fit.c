/* SPDX-License-Identifier: MIT */
/* attrib fit: the curvature of a model on its training documents. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/foresee.h"
#include "cli/mistakes.h"
#include "cli/ranks_fit.h"

typedef struct fit_args {
    common_options common;
    source_options source;
    attrib_fit_options fit;
    const char *output, *optimizer;
} fit_args;

static const option fit_table[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(fit_args, output),
     .value = "FACTORS",
     .is_required = true,
     .help = "new folder that the factors are written to"},
    {.name = "optimizer",
     .kind = OPTION_TEXT,
     .offset = offsetof(fit_args, optimizer),
     .value = "FILE",
     .help =
         "in place of --corpus: take the second moments of the optimizer that trained "
         "the model, Adam's exp_avg_sq, from safetensors, as the curvature of "
         "--strategy optimizer; scripts/optimizer-to-safetensors writes FILE from a "
         "trainer's optimizer.pt"},
    {0},
};

static const option_group fit_groups[] = {
    SOURCE_GROUPS(fit_args, source, "corpus"),
    {.title = "Fit", .options = fit_table, .offset = 0},
    {.title = "Fit",
     .library = attrib_fit_options_table,
     .offset = offsetof(fit_args, fit),
     .library_bytes = sizeof(attrib_fit_options)},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(fit_args, common)},
    {0},
};

static bool is_common(const char *name)
{
    bool is = false;
    for (const option *row = common_table; row->name; row++) {
        is = is || strcmp(row->name, name) == 0;
    }
    return is;
}

/* Moments are read as they are: what is said of documents, labels and sums would be
 * ignored. */
static bool check_optimizer(const cli_given *given, char *message, size_t size)
{
    static const char *const taken[] = {
        "optimizer", "model", "adapter", "modules", "weights-in-memory", "output"};
    for (size_t i = 0; i < given->n_names; i++) {
        bool is_taken = is_common(given->names[i]);
        for (size_t k = 0; k < sizeof taken / sizeof *taken; k++) {
            is_taken = is_taken || strcmp(taken[k], given->names[i]) == 0;
        }
        if (!is_taken) {
            snprintf(message, size,
                     "--%s does not go with --optimizer, which reads no documents",
                     given->names[i]);
            return false;
        }
    }
    return true;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const fit_args *args = arguments;
    const attrib_fit_options *fit = &args->fit;
    if (args->optimizer) {
        return check_optimizer(given, message, size);
    }
    if (args->source.corpus.n == 0) {
        snprintf(message, size, "--corpus PATH... is missing");
        return false;
    }
    bool is_lambda = fit->stages == ATTRIB_FIT_LAMBDA;
    if (is_lambda != (fit->basis != NULL)) {
        snprintf(message, size, "--stage lambda and --basis need each other");
        return false;
    }
    if (fit->basis &&
        (options_given(given, "modules") || options_given(given, "blocks") ||
         options_given(given, "eigen-precision"))) {
        snprintf(message, size,
                 "--modules, --blocks and --eigen-precision are those of the factors of "
                 "--basis");
        return false;
    }
    if (fit->strategy == ATTRIB_DIAGONAL &&
        (fit->stages || options_given(given, "blocks") ||
         options_given(given, "eigen-precision"))) {
        snprintf(message, size,
                 "--strategy diagonal has neither stages nor blocks of covariances nor "
                 "eigenvectors");
        return false;
    }
    if (options_given(given, "shard") && options_given(given, "parts") &&
        fit->n_parts != fit->n_shards) {
        snprintf(message, size, "--parts %zu with %zu shards: shards are the parts",
                 fit->n_parts, fit->n_shards);
        return false;
    }
    if (fit->fisher && options_given(given, "seed")) {
        snprintf(message, size,
                 "--seed is of drawn labels, --fisher empirical takes the data's");
        return false;
    }
    return true;
}

static void tell(const fit_args *args, const char *kind, cli_job *job)
{
    terminal_count(job->screen, "factors", "%s in %s", kind, args->output);
    terminal_text(job->screen, "factors", "%s", args->output);
    terminal_text(job->screen, "strategy", "%s", kind);
}

/* Factors of --optimizer: no document is read. */
static attrib_status take_optimizer(const fit_args *args, cli_job *job, attrib_error *err)
{
    attrib_model *model = NULL;
    attrib_model_options options;
    attrib_model_options_default(&options);
    options.weights = (attrib_weights)args->source.weights;
    options.adapter = args->source.adapter;
    attrib_status status = attrib_factors_check_folder(args->output, err);
    if (status == ATTRIB_OK) {
        status = attrib_model_open(args->source.model, &options, &model, err);
        status = status == ATTRIB_OK
                     ? status
                     : mistake_explain_model(args->source.model, args->source.adapter,
                                             status, err);
    }
    if (status == ATTRIB_OK) {
        attrib_fit_options fit = args->fit;
        fit.command = job->command_line;
        status = attrib_factors_take_optimizer(job->session, model, args->optimizer, &fit,
                                               args->output, err);
        status = status == ATTRIB_OK
                     ? status
                     : mistake_explain_optimizer(args->optimizer, status, err);
    }
    if (status == ATTRIB_OK) {
        tell(args, attrib_strategy_name(ATTRIB_OPTIMIZER), job);
    }
    attrib_model_close(model);
    return status;
}

static attrib_status fit(const void *arguments, cli_job *job, attrib_error *err)
{
    const fit_args *args = arguments;
    cli_source source = {0};
    char date[ATTRIB_DATE_SIZE] = "";
    source_options chosen = args->source;
    attrib_fit_options options = args->fit;
    if (args->optimizer) {
        return take_optimizer(args, job, err);
    }
    options.command = job->command_line;
    chosen.ram_limit = args->fit.ram_limit;
    attrib_status status = attrib_factors_check_folder(args->output, err);
    if (status == ATTRIB_OK) { /* that of the unfinished fit, where there is one */
        status = source_take_date(&chosen, args->output, date, err);
    }
    if (status == ATTRIB_OK) {
        status = source_take_date(&chosen, args->fit.basis, date, err);
    }
    if (status == ATTRIB_OK) {
        status = source_open(&chosen, job, &source, err);
    }
    if (status == ATTRIB_OK) {
        foresee_fit(&source, &options, job);
        status = job->ranks->n > 1 ? ranks_fit(&source, &options, args->output, job, err)
                                   : attrib_factors_fit_folder(job->session, source.model,
                                                               source.corpus, &options,
                                                               args->output, err);
    }
    if (status == ATTRIB_OK) {
        tell(args,
             args->fit.stages == ATTRIB_FIT_COVARIANCE
                 ? "covariances"
                 : attrib_strategy_name(args->fit.strategy),
             job);
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
        "A fit that is stopped leaves FACTORS.partial with its sums so far, and the same "
        "command goes on from there, on any number of threads, to the same bytes. One "
        "that "
        "is killed goes on from the last of its checkpoints (--checkpoint), which take "
        "as "
        "much of the disk as the sums of a stage. Where it is finished, there is nothing "
        "to do; factors of another fit are refused, saying what is different.\n"
        "\n"
        "A corpus is fitted in shares on many machines in two rounds: --stage covariance "
        "--shard I/N for each share, attrib merge of those, --stage lambda --shard I/N "
        "--basis of the merged factors, and attrib merge again. The result has the "
        "bytes of one fit with --parts N. Under mpirun or srun the processes of MPI do "
        "the "
        "same by themselves, on a disk that all of them see: mpirun -n 4 attrib fit ... "
        "has the bytes of those rounds with 4 shards, or with as many as --parts says; "
        "parts are kept in FACTORS.ranks until all are done. New documents are added to "
        "old factors the same way: fit --stage covariance on them, merge --stage "
        "covariance with the old factors, and fit --stage lambda on all documents or a "
        "sample of them.\n"
        "\n"
        "With --optimizer nothing is fitted: the second moments that Adam kept of each "
        "weight while it trained are taken as the curvature. Scores by --strategy "
        "optimizer divide by v + damping, those by optimizer-root by sqrt(v) + damping.",
    .example = "  attrib fit --model model/ --corpus corpus/ -o factors/\n"
               "  attrib fit --model model/ --corpus corpus/ -o factors/ --ram-limit 8G "
               "--blocks 4\n"
               "  attrib fit --model model/ --optimizer moments.safetensors -o factors/",
    .groups = fit_groups,
    .args_bytes = sizeof(fit_args),
    .multiplies = true,
    .goes_on = true,
    .is_ranked = true,
    .check = check,
    .run = fit,
};
