/* SPDX-License-Identifier: MIT */
#include "cli/checkpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 1. Lists */

bool checkpoint_names_split(const char *list, checkpoint_names *out)
{
    *out = (checkpoint_names){0};
    if (!list) {
        return true;
    }
    out->text = strdup(list);
    if (!out->text) {
        return false;
    }
    bool is_one = access(list, F_OK) == 0;
    for (char *at = out->text; at && out->n < MAX_LIST;) {
        char *comma = is_one ? NULL : strchr(at, ',');
        if (comma) {
            *comma++ = '\0';
        }
        out->items[out->n++] = at;
        at = comma;
    }
    return true;
}

void checkpoint_names_free(checkpoint_names *names)
{
    free(names->text);
    *names = (checkpoint_names){0};
}

bool checkpoints_are_several(const scoring_args *args)
{
    checkpoint_names models;
    bool is_split = checkpoint_names_split(args->source.model, &models);
    bool are_several = is_split && models.n > 1;
    checkpoint_names_free(&models);
    return are_several;
}

/* What is wrong with lists of several models, or NULL. */
static const char *find_mistake(const scoring_args *args, size_t n, size_t n_factors)
{
    return args->source.adapter
               ? "--adapter is of one model: name folders of adapters by "
                 "--model"
           : args->prepared             ? "--prepared is of one model"
           : args->extends              ? "--extend is of one model"
           : args->ranking.index.folder ? "--index is of one model"
           : n_factors && n_factors != n
               ? "--factors: name those of each model, separated by commas"
           : args->weights.n && args->weights.n != n
               ? "--checkpoint-weights: name one for each model"
               : NULL;
}

bool checkpoints_check(const scoring_args *args, char *message, size_t size)
{
    checkpoint_names models;
    checkpoint_names factors;
    const char *mistake = NULL;
    bool is_split = checkpoint_names_split(args->source.model, &models);
    is_split = checkpoint_names_split(args->ranking.factors, &factors) && is_split;
    if (!is_split) {
        mistake = "out of memory";
    } else if (models.n > 1) {
        mistake = find_mistake(args, models.n, factors.n);
    } else if (args->weights.n > 0) {
        mistake = "--checkpoint-weights is of several models: --model A,B";
    }
    if (mistake) {
        snprintf(message, size, "%s", mistake);
    }
    checkpoint_names_free(&models);
    checkpoint_names_free(&factors);
    return !mistake;
}

/* 2. Models and factors */

void checkpoints_close(checkpoints *self)
{
    for (size_t c = 0; c < MAX_LIST; c++) {
        attrib_factors_close(self->others_factors[c]);
        attrib_model_close(self->others[c]);
    }
    scoring_close(&self->first);
    checkpoint_names_free(&self->models);
    checkpoint_names_free(&self->factors);
}

/* Refuse a model that would read other tokens. */
static attrib_status check_tokens(const checkpoints *self,
                                  const scoring_args *args,
                                  size_t c,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tokenizer *tokenizer = NULL;
    char hashes[2][33] = {"", ""};
    const attrib_model_info *info = attrib_model_describe(self->others[c]);
    size_t context = self->first.source.corpus_options.context;
    if (info->context < context) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "%s: takes %zu tokens, the first model %zu: name --context %zu",
                        self->models.items[c], info->context, context, info->context);
    }
    if (args->source.tokenizer || !self->first.source.tokenizer) {
        return ATTRIB_OK; /* one for all */
    }
    status = attrib_tokenizer_open(attrib_model_tokenizer_path(self->others[c]),
                                   &tokenizer, err);
    if (status == ATTRIB_END) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "%s: no tokenizer to compare with that of %s (--tokenizer names "
                        "one for all)",
                        self->models.items[c], self->models.items[0]);
    }
    if (status == ATTRIB_OK) {
        attrib_tokenizer_hash(self->first.source.tokenizer, hashes[0]);
        attrib_tokenizer_hash(tokenizer, hashes[1]);
        status = strcmp(hashes[0], hashes[1]) == 0
                     ? ATTRIB_OK
                     : cli_fail(err, ATTRIB_EINVAL,
                                "%s: another tokenizer than that of %s (--tokenizer "
                                "names one for all)",
                                self->models.items[c], self->models.items[0]);
    }
    attrib_tokenizer_close(tokenizer);
    return status;
}

static attrib_status open_other(checkpoints *self,
                                const scoring_args *args,
                                size_t c,
                                attrib_error *err)
{
    attrib_model_options options;
    attrib_model_options_default(&options);
    options.weights = (attrib_weights)args->source.weights;
    attrib_status status =
        attrib_model_open(self->models.items[c], &options, &self->others[c], err);
    status = status == ATTRIB_OK ? check_tokens(self, args, c, err) : status;
    if (status == ATTRIB_OK && self->factors.n > 0) {
        status = attrib_factors_open(self->factors.items[c], self->others[c],
                                     &self->others_factors[c], err);
    }
    self->items[c].model = self->others[c];
    self->items[c].factors = self->others_factors[c];
    return status;
}

attrib_status checkpoints_open(const scoring_args *args,
                               cli_job *job,
                               checkpoints *out,
                               attrib_error *err)
{
    scoring_args first = *args;
    bool is_split = checkpoint_names_split(args->source.model, &out->models);
    bool are_several = is_split && out->models.n > 1;
    if (!is_split ||
        (are_several && !checkpoint_names_split(args->ranking.factors, &out->factors))) {
        return cli_fail(err, ATTRIB_ENOMEM, "names of models");
    }
    if (are_several) {
        first.source.model = out->models.items[0];
        first.ranking.factors = out->factors.items[0];
    }
    attrib_status status = scoring_open(&first, job, &out->first, err);
    out->items[0].model = out->first.source.model;
    out->items[0].factors = out->first.factors;
    for (size_t c = 1; status == ATTRIB_OK && c < out->models.n; c++) {
        status = open_other(out, args, c, err);
    }
    for (size_t c = 0; c < out->models.n; c++) {
        out->items[c].weight =
            args->weights.n ? args->weights.values[c] : 1 / (double)out->models.n;
    }
    return status;
}

attrib_status checkpoints_run(const checkpoints *self,
                              cli_job *job,
                              const attrib_score_job *what,
                              attrib_run **out,
                              attrib_error *err)
{
    return self->models.n > 1 ? attrib_run_score_sum(job->session, what, self->items,
                                                     self->models.n, out, err)
                              : attrib_run_score(job->session, what, out, err);
}

attrib_status checkpoints_score(const scoring_args *args,
                                cli_job *job,
                                attrib_run **out,
                                attrib_error *err)
{
    checkpoints all = {0};
    attrib_status status = checkpoints_open(args, job, &all, err);
    if (status == ATTRIB_OK) {
        all.first.job.i_shard = args->i_shard;
        all.first.job.n_shards = args->n_shards;
        status = checkpoints_run(&all, job, &all.first.job, out, err);
    }
    if (status == ATTRIB_OK) {
        status = source_list_skipped(&all.first.source, args->output, err);
    }
    checkpoints_close(&all);
    return status;
}
