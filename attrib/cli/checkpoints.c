/* SPDX-License-Identifier: MIT */
/* Several models of one command.
 *
 * 1. Names   2. Models and factors   3. Scores */
#include "cli/checkpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const option several_table[] = {
    {.name = "checkpoints",
     .kind = OPTION_TEXT,
     .offset = offsetof(several_options, checkpoints),
     .value = "LIST",
     .help =
         "--model is a folder that a trainer saved checkpoints in, as checkpoint-N "
         "after N steps: score by these of them, separated by commas: 1 (the first) "
         "to the last one's number, last, all, a folder's name, or . for the model in "
         "the folder itself; --factors is a folder of theirs under the same names, or "
         "a list"},
    {.name = "checkpoint-weights",
     .kind = OPTION_NUMBERS,
     .offset = offsetof(several_options, weights),
     .value = "W,W,...",
     .min = -1e30,
     .max = 1e30,
     .help = "what the scores of several models (--model A,B with --factors FA,FB) are "
             "multiplied by before they are added (default: their mean)"},
    {0},
};

const option base_table[] = {
    {.name = "base-model",
     .kind = OPTION_TEXT,
     .offset = offsetof(several_options, base_model),
     .value = "M",
     .help = "--model was trained on --corpus from this model on: rank the documents of "
             "both stages together, each score over the number of its stage's documents"},
    {.name = "base-factors",
     .kind = OPTION_TEXT,
     .offset = offsetof(several_options, base_factors),
     .value = "F",
     .help = "factors of --base-model, of the same modules as --factors"},
    {.name = "base-corpus",
     .kind = OPTION_PATHS,
     .offset = offsetof(several_options, base_corpus),
     .value = "PATH...",
     .help = "the documents that --base-model was trained on, as --corpus"},
    {0},
};

/* 1. Names */

bool checkpoints_are_named(const several_options *several, const char *model)
{
    return several->checkpoints ||
           (model && strchr(model, ',') && access(model, F_OK) != 0);
}

/* How many names a list has. */
static size_t count_names(const char *list)
{
    size_t n = list ? 1 : 0;
    for (const char *at = list; at && access(list, F_OK) != 0 && *at; at++) {
        n += *at == ',';
    }
    return n;
}

/* What does not go with several models, or NULL. */
static const char *find_mistake(const source_options *source,
                                const ranking_options *ranking)
{
    return source->adapter ? "--adapter is of one model: name folders of adapters by "
                             "--model"
           : ranking->index.folder ? "--index is of one model"
                                   : NULL;
}

bool checkpoints_check(const several_options *several,
                       const source_options *source,
                       const ranking_options *ranking,
                       char *message,
                       size_t size)
{
    const char *mistake = NULL;
    size_t n = count_names(source->model);
    size_t n_factors = count_names(ranking->factors);
    if (several->checkpoints && !source->model) {
        mistake = "--checkpoints are of --model, a trainer's folder";
    } else if (several->checkpoints) {
        mistake = find_mistake(source, ranking);
    } else if (n > 1) {
        mistake = find_mistake(source, ranking);
        if (!mistake && n_factors && n_factors != n) {
            mistake = "--factors: name those of each model, separated by commas";
        } else if (!mistake && several->weights.n && several->weights.n != n) {
            mistake = "--checkpoint-weights: name one for each model";
        }
    } else if (several->weights.n > 0) {
        mistake = "--checkpoint-weights is of several models: --model A,B";
    }
    if (!mistake && ranking->score.segments && several->weights.n > 0) {
        mistake = "--checkpoint-weights: segments are added as they are (--segments)";
    }
    if (mistake) {
        snprintf(message, size, "%s", mistake);
    }
    return !mistake;
}

/* Whether a folder holds another of this name. */
static bool holds(const char *folder, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
    return folder && n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static bool by_trainer(const ranking_options *ranking)
{
    return ranking->score.segments && strcmp(ranking->score.segments, "trainer") == 0;
}

/* The models of --checkpoints; their factors stand in one folder, or are a list. */
static attrib_status name_chosen(const several_options *several,
                                 const char *model,
                                 const ranking_options *ranking,
                                 checkpoints *out,
                                 attrib_error *err)
{
    checkpoint_names names = {0};
    const char *factors = ranking->factors;
    attrib_status status =
        checkpoint_names_choose(model, several->checkpoints, &names, err);
    bool is_folder = status == ATTRIB_OK && holds(factors, names.items[0]);
    if (status == ATTRIB_OK) {
        status = checkpoint_names_place(model, &names, &out->models, err);
    }
    if (status == ATTRIB_OK) {
        status = is_folder ? checkpoint_names_place(factors, &names, &out->factors, err)
                           : checkpoint_names_split(factors, &out->factors, err);
    }
    if (status == ATTRIB_OK && by_trainer(ranking)) {
        status = checkpoint_names_segments(model, &names, &out->segments, err);
    }
    checkpoint_names_free(&names);
    return status;
}

attrib_status checkpoints_name(const several_options *several,
                               const char *model,
                               const ranking_options *ranking,
                               checkpoints *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *factors = ranking->factors;
    if (several->checkpoints) {
        status = name_chosen(several, model, ranking, out, err);
    } else if (by_trainer(ranking)) {
        status = cli_fail(err, ATTRIB_EINVAL,
                          "--segments trainer: --checkpoints chooses them in its folder");
    } else {
        status = checkpoint_names_split(model, &out->models, err);
        status = status == ATTRIB_OK ? checkpoint_names_split(factors, &out->factors, err)
                                     : status;
    }
    if (status == ATTRIB_OK && out->factors.n && out->factors.n != out->models.n) {
        return cli_fail(err, ATTRIB_EINVAL, "--factors: %zu names for %zu models",
                        out->factors.n, out->models.n);
    }
    if (status == ATTRIB_OK && several->weights.n && out->models.n == 1) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "--checkpoint-weights is of several models, and --checkpoints "
                        "names one");
    }
    if (status == ATTRIB_OK && several->weights.n &&
        several->weights.n != out->models.n) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "--checkpoint-weights: %zu weights for %zu models",
                        several->weights.n, out->models.n);
    }
    return status;
}

void checkpoints_take_first(const checkpoints *self, ranking_options *ranking)
{
    ranking->factors = self->factors.items[0];
    if (self->segments) {
        ranking->score.segments = self->segments;
    }
}

/* 2. Models and factors */

attrib_status checkpoints_check_tokens(const checkpoint_pair *pair,
                                       const source_options *options,
                                       const cli_source *first,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tokenizer *tokenizer = NULL;
    char hashes[2][33] = {"", ""};
    const attrib_model_info *info = attrib_model_describe(pair->model);
    size_t context = first->corpus_options.context;
    if (info->context < context) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "%s: takes %zu tokens, the first model %zu: name --context %zu",
                        pair->name, info->context, context, info->context);
    }
    if (options->tokenizer || !first->tokenizer) {
        return ATTRIB_OK; /* one for all */
    }
    status =
        attrib_tokenizer_open(attrib_model_tokenizer_path(pair->model), &tokenizer, err);
    if (status == ATTRIB_END) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "%s: no tokenizer to compare with that of %s (--tokenizer names "
                        "one for all)",
                        pair->name, pair->first);
    }
    if (status == ATTRIB_OK) {
        attrib_tokenizer_hash(first->tokenizer, hashes[0]);
        attrib_tokenizer_hash(tokenizer, hashes[1]);
        status = strcmp(hashes[0], hashes[1]) == 0
                     ? ATTRIB_OK
                     : cli_fail(err, ATTRIB_EINVAL,
                                "%s: another tokenizer than that of %s (--tokenizer "
                                "names one for all)",
                                pair->name, pair->first);
    }
    attrib_tokenizer_close(tokenizer);
    return status;
}

static attrib_status open_other(checkpoints *self,
                                const source_options *source,
                                const cli_source *first,
                                size_t c,
                                attrib_error *err)
{
    attrib_model_options options;
    attrib_model_options_default(&options);
    options.weights = (attrib_weights)source->weights;
    attrib_status status =
        attrib_model_open(self->models.items[c], &options, &self->others[c], err);
    if (status == ATTRIB_OK) {
        const checkpoint_pair pair = {self->others[c], self->models.items[c],
                                      self->models.items[0]};
        status = checkpoints_check_tokens(&pair, source, first, err);
    }
    if (status == ATTRIB_OK && self->factors.n > 0) {
        status = attrib_factors_open(self->factors.items[c], self->others[c],
                                     &self->others_factors[c], err);
    }
    return status;
}

attrib_status checkpoints_open(checkpoints *self,
                               const several_options *several,
                               const source_options *options,
                               const cli_source *first,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->models.n;
    for (size_t c = 1; status == ATTRIB_OK && c < n; c++) {
        status = open_other(self, options, first, c, err);
    }
    for (size_t c = 0; c < n; c++) {
        self->items[c].weight =
            several->weights.n ? several->weights.values[c] : 1 / (double)n;
    }
    return status;
}

void checkpoints_close(checkpoints *self)
{
    for (size_t c = 0; c < MAX_LIST; c++) {
        attrib_factors_close(self->others_factors[c]);
        attrib_model_close(self->others[c]);
    }
    checkpoint_names_free(&self->models);
    checkpoint_names_free(&self->factors);
    free(self->segments);
}

/* 3. Scores */

/* The first model and its factors are the job's. */
static void take_first(checkpoints *self, const attrib_score_job *job)
{
    for (size_t c = 0; c < self->models.n; c++) {
        self->items[c].model = c ? self->others[c] : job->model;
        self->items[c].factors = c ? self->others_factors[c] : job->factors;
    }
}

attrib_status checkpoints_run(checkpoints *self,
                              const attrib_score_job *job,
                              cli_job *how,
                              attrib_run **out,
                              attrib_error *err)
{
    size_t n = self->models.n;
    take_first(self, job);
    return n > 1 ? attrib_run_score_sum(how->session, job, self->items, n, out, err)
                 : attrib_run_score(how->session, job, out, err);
}

attrib_status checkpoints_open_scoring(const scoring_args *args,
                                       cli_job *job,
                                       scoring *opened,
                                       checkpoints *out,
                                       attrib_error *err)
{
    scoring_args first = *args;
    attrib_status status =
        checkpoints_name(&args->several, args->source.model, &args->ranking, out, err);
    if (status == ATTRIB_OK) {
        first.source.model = out->models.items[0];
        checkpoints_take_first(out, &first.ranking);
        status = scoring_open(&first, job, opened, err);
    }
    if (status == ATTRIB_OK) {
        status =
            checkpoints_open(out, &args->several, &args->source, &opened->source, err);
    }
    if (status == ATTRIB_OK) {
        take_first(out, &opened->job);
    }
    return status;
}

attrib_status checkpoints_score(const scoring_args *args,
                                cli_job *job,
                                attrib_run **out,
                                attrib_error *err)
{
    checkpoints all = {0};
    scoring opened = {0};
    attrib_status status = checkpoints_open_scoring(args, job, &opened, &all, err);
    if (status == ATTRIB_OK) {
        opened.job.i_shard = args->i_shard;
        opened.job.n_shards = args->n_shards;
        status = checkpoints_run(&all, &opened.job, job, out, err);
    }
    if (status == ATTRIB_OK) {
        status = source_list_skipped(&opened.source, args->output, err);
    }
    checkpoints_close(&all);
    scoring_close(&opened);
    return status;
}
