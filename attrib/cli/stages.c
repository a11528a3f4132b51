/* SPDX-License-Identifier: MIT */
#include "cli/stages.h"

#include <stdio.h>

#include "cli/checkpoints.h"

/* What does not go with a base model, or NULL. */
static const char *find_mistake(const scoring_args *args)
{
    const several_options *several = &args->several;

    const struct {
        bool is_so;
        const char *message;
    } cases[] = {
        {!several->base_factors, "--base-model without --base-factors"},
        {!several->base_corpus.n,
         "--base-model without --base-corpus, which it was trained on"},
        {checkpoints_are_named(several, args->source.model),
         "--base-model is of one --model"},
        {args->prepared, "--prepared is of one model"},
        {args->extends, "--extend is of one model"},
        {args->ranking.index.folder, "--index is of one model"},
        {args->source.adapter,
         "--base-model: the adapter's folder is the --model, where it names its base's"},
        {args->source.bad_rows == ATTRIB_BAD_ROWS_SKIP,
         "--on-bad-row skip lists rows of one corpus: it does not go with --base-model"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].is_so) {
            return cases[i].message;
        }
    }
    return NULL;
}

bool stages_check(const scoring_args *args, char *message, size_t size)
{
    const several_options *several = &args->several;
    const char *mistake = several->base_model ? find_mistake(args) : NULL;
    if (!several->base_model && (several->base_factors || several->base_corpus.n)) {
        mistake = several->base_factors ? "--base-factors without --base-model"
                                        : "--base-corpus without --base-model";
    }
    if (mistake) {
        snprintf(message, size, "%s", mistake);
    }
    return !mistake;
}

/* The stage before. */
typedef struct base_stage {
    attrib_model *model;
    attrib_factors *factors;
    cli_source source;           /* without the model */
    char date[ATTRIB_DATE_SIZE]; /* that its chat template takes; "": the options' */
} base_stage;

static attrib_status open_base(const scoring_args *args,
                               const scoring *tuned,
                               cli_job *job,
                               base_stage *out,
                               attrib_error *err)
{
    attrib_model_options options;
    source_options chosen = args->source;
    chosen.model = args->several.base_model;
    chosen.corpus = args->several.base_corpus;
    chosen.ram_limit = args->ranking.score.ram_limit;
    chosen.context = tuned->source.corpus_options.context;
    attrib_model_options_default(&options);
    options.weights = (attrib_weights)args->source.weights;
    attrib_status status = attrib_model_open(chosen.model, &options, &out->model, err);
    if (status == ATTRIB_OK) {
        const checkpoint_pair pair = {out->model, chosen.model, args->source.model};
        status = checkpoints_check_tokens(&pair, &chosen, &tuned->source, err);
    }
    if (status == ATTRIB_OK) {
        status = source_take_date(&chosen, args->several.base_factors, out->date, err);
    }
    if (status == ATTRIB_OK) {
        status = source_read(&chosen, out->model, job, &out->source, err);
    }
    if (status == ATTRIB_OK) {
        status = attrib_factors_open(args->several.base_factors, out->model,
                                     &out->factors, err);
    }
    if (status == ATTRIB_OK && !*attrib_factors_describe(out->factors)->model_hash) {
        terminal_log(job->screen, ATTRIB_LOG_WARNING,
                     "%s: without a manifest nobody knows of which model these factors "
                     "are: only their shapes are compared with those of %s",
                     args->several.base_factors, chosen.model);
    }
    return status;
}

attrib_status stages_score(const scoring_args *args,
                           cli_job *job,
                           attrib_run **out,
                           attrib_error *err)
{
    scoring tuned = {0};
    base_stage base = {0};
    attrib_score_job jobs[2];
    cli_job own = *job;
    own.repeated = NULL; /* the hashes of such a run are of both stages together */
    if (job->ranks->n > 1) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "several stages are not scored by several processes of MPI: "
                        "--shard divides them");
    }
    attrib_status status = scoring_open(args, &own, &tuned, err);
    if (status == ATTRIB_OK) {
        status = open_base(args, &tuned, &own, &base, err);
    }
    if (status == ATTRIB_OK) {
        tuned.job.i_shard = args->i_shard;
        tuned.job.n_shards = args->n_shards;
        jobs[0] = jobs[1] = tuned.job;
        jobs[0].model = base.model;
        jobs[0].factors = base.factors;
        jobs[0].corpus = base.source.corpus;
        status = attrib_run_score_stages(job->session, jobs, 2, args->output, out, err);
    }
    attrib_factors_close(base.factors);
    source_close(&base.source);
    attrib_model_close(base.model);
    scoring_close(&tuned);
    return status;
}
