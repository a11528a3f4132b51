/* SPDX-License-Identifier: MIT */
/* The options of fits and merges: one row each, which the command line and plans read.
 *
 * 1. Fits   2. Merges */
#include "base/options.h"
#include "base/sized.h"
#include "curvature/factors.h"
#include "curvature/fit.h"
#include "linalg/linalg.h"

/* 1. Fits */

#define AT(field) offsetof(attrib_fit_options, field)

static const attrib_option fit_table[] = {
    {.name = "strategy",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(strategy),
     .value = AT_FITTED_STRATEGIES(AT_OR),
     .standard = "ekfac",
     .is_identity = true,
     .plan_name = "strategy",
     .help = "what is fitted; ekfac also serves scores with kfac"},
    {.name = "fisher",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(fisher),
     .value = "sampled|empirical",
     .standard = "sampled",
     .is_identity = true,
     .help = "labels of the Fisher matrix: drawn from the model's predictions, or the "
             "data's"},
    {.name = "modules",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(modules),
     .value = "NAMES",
     .standard = "mlp",
     .is_identity = true,
     .plan_name = "modules",
     .help =
         "linear maps: mlp, attention, head, all or name patterns, separated by commas"},
    {.name = "seed",
     .kind = ATTRIB_OPTION_SEED,
     .offset = AT(seed),
     .value = "S",
     .standard = "0",
     .is_identity = true,
     .help = "seed of the drawn labels"},
    {.name = "precision",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(precision),
     .value = AT_PRECISIONS(AT_OR),
     .standard = "f32",
     .is_identity = true,
     .plan_name = "precision",
     .help = "type of the numbers that passes multiply; sums are f32 and f64 in all; "
             "auto: bf16 where the processor multiplies in it"},
    {.name = "eigen-precision",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(eigen_precision),
     .value = AT_EIGEN_PRECISIONS(AT_OR),
     .standard = "f64",
     .is_identity = true,
     .plan_name = "eigen-precision",
     .help = "precision of the covariances' eigenvectors; f32 takes about half of the "
             "time, and changes scores where eigenvalues are close"},
    {.name = "blocks",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(n_blocks),
     .value = "K",
     .standard = "1",
     .min = 1,
     .max = 1e6,
     .is_identity = true,
     .plan_name = "blocks",
     .help = "diagonal blocks that the covariances are cut into: divides their memory by "
             "K and the time of their eigenvectors by K^2"},
    {.name = "ram-limit",
     .kind = ATTRIB_OPTION_BYTES,
     .offset = AT(ram_limit),
     .value = "SIZE",
     .plan_name = "ram-limit",
     .help = "memory that the process may have in use, weights and all, as in 512M or "
             "4G; maps that do not fit together take turns, each turn a pass over the "
             "documents (default: any)"},
    {.name = "parts",
     .plan_name = "parts",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(n_parts),
     .value = "P",
     .standard = "1",
     .min = 1,
     .max = AT_MAX_PARTS,
     .is_identity = true,
     .help = "runs of documents that are summed each by itself and added in order: the "
             "bytes of a merge of P shards"},
    {.name = "checkpoint",
     .kind = ATTRIB_OPTION_NUMBER,
     .offset = AT(checkpoint),
     .value = "MINUTES",
     .standard = "15",
     .max = 1e6,
     .help = "how often running sums are written, so that a fit that is killed goes on "
             "there; 0: only when it is stopped"},
    {.name = "shard",
     .kind = ATTRIB_OPTION_SHARE,
     .offset = AT(i_shard),
     .n_offset = AT(n_shards),
     .value = "I/N|auto",
     .standard = "1/1",
     .is_identity = true,
     .help = "fit part I of N of the corpus, 1 to N, which implies --parts N; attrib "
             "merge adds parts up; auto: as the launcher or the batch system says "
             "(auto/N where it does not say how many)"},
    {.name = "stage",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(stages),
     .value = "all|covariance|lambda",
     .standard = "all",
     .is_identity = true,
     .plan_name = "stage",
     .help = "fit covariances alone, to be merged; or the eigenvalues alone, in the "
             "eigenvectors of --basis"},
    {.name = "basis",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(basis),
     .value = "F",
     .help = "folder of factors whose eigenvectors, modules and blocks --stage lambda "
             "takes"},
    {.name = "wait",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(waits),
     .help = "while another process fits into the same folder, wait for it instead of "
             "failing; go on where it stopped, or end well as the factors are there"},
    {0},
};

const attrib_option *attrib_fit_options_table(void)
{
    return fit_table;
}

void attrib_fit_options_init(attrib_fit_options *options, size_t size)
{
    attrib_fit_options standard = {0};
    attrib_options_default(fit_table, &standard);
    at_sized_fill(&standard, sizeof standard, options, size);
}

/* What single rows cannot say. */
static attrib_status check_together(const attrib_fit_options *options, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_diagonal = options->strategy == ATTRIB_DIAGONAL;
    AT_CHECK(options->n_shards == 1 || options->n_parts == 1 ||
                 options->n_parts == options->n_shards,
             ATTRIB_EINVAL, "%zu parts and %zu shards: shards are the parts",
             options->n_parts, options->n_shards);
    AT_CHECK(!is_diagonal || options->n_blocks == 1, ATTRIB_EINVAL,
             "strategy diagonal has no A and S, and so no %zu blocks of them",
             options->n_blocks);
    AT_CHECK(!is_diagonal || options->eigen_precision == ATTRIB_EIGEN_F64, ATTRIB_EINVAL,
             "strategy diagonal has no eigenvectors, and so none in f32");
    AT_CHECK(!is_diagonal || options->stages == ATTRIB_FIT_ALL, ATTRIB_EINVAL,
             "strategy diagonal has one stage");
    AT_CHECK(options->stages != ATTRIB_FIT_LAMBDA || options->strategy == ATTRIB_EKFAC,
             ATTRIB_EINVAL, "strategy %s has no Lambda in eigenbases",
             attrib_strategy_name(options->strategy));
    AT_CHECK((options->stages == ATTRIB_FIT_LAMBDA) == (options->basis != NULL),
             ATTRIB_EINVAL, "%s",
             options->basis ? "a basis is for the Lambda stage"
                            : "the Lambda stage needs factors for its basis");
done:
    return status;
}

attrib_status at_fit_check(const attrib_fit_options *options, attrib_error *err)
{
    attrib_status status = at_options_check(fit_table, options, err);
    return status == ATTRIB_OK ? check_together(options, err) : status;
}

/* 2. Merges */

static const attrib_option merge_table[] = {
    {.name = "stage",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = offsetof(attrib_merge_options, stages),
     .value = "auto|covariance|lambda",
     .standard = "auto",
     .help = "what is merged; auto: eigenvalues where all have them, else covariances"},
    {.name = "ram-limit",
     .kind = ATTRIB_OPTION_BYTES,
     .offset = offsetof(attrib_merge_options, ram_limit),
     .value = "SIZE",
     .help = "memory that the process may have in use, as in 512M or 4G (default: any)"},
    {.name = "eigen-precision",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = offsetof(attrib_merge_options, eigen_precision),
     .value = AT_EIGEN_PRECISIONS(AT_OR) AT_OR "fitted",
     .standard = "fitted",
     .help = "precision of the eigenvectors of merged covariances; fitted: as attrib "
             "fit was told for all of them"},
    {.name = "partial",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = offsetof(attrib_merge_options, is_partial),
     .help = "merge although parts of a corpus are missing"},
    {.name = "shard",
     .kind = ATTRIB_OPTION_SHARE,
     .offset = offsetof(attrib_merge_options, i_shard),
     .n_offset = offsetof(attrib_merge_options, n_shards),
     .value = "I/N",
     .standard = "1/1",
     .help = "add and decompose covariances of run I of N of the maps alone, 1 to N; a "
             "merge of the N results makes one of them, with the bytes of a merge on "
             "one machine"},
    {0},
};

const attrib_option *attrib_merge_options_table(void)
{
    return merge_table;
}

void attrib_merge_options_init(attrib_merge_options *options, size_t size)
{
    attrib_merge_options standard = {0};
    attrib_options_default(merge_table, &standard);
    at_sized_fill(&standard, sizeof standard, options, size);
}
