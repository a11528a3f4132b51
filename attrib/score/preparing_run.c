/* SPDX-License-Identifier: MIT */
/* What a run is: all that is known before queries are complete and sizes chosen
 * (preparing.h). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linalg/linalg.h"
#include "query/staged.h"
#include "score/baselines.h"
#include "score/preparing.h"

static attrib_status bank_string(attrib_run *run,
                                 const char *text,
                                 const char **out,
                                 attrib_error *err)
{
    return at_arena_text(run->bank, text, text ? strlen(text) : 0, out, err);
}

/* The maps, and with an index what chooses documents by these. */
static void hash_modules(const at_setup *setup, char out[AT_HASH_SIZE])
{
    at_hash_bytes(setup->tracked, setup->n_tracked * sizeof *setup->tracked, out);
    if (setup->index) {
        char both[2 * AT_HASH_SIZE];
        snprintf(both, sizeof both, "%s%s", out,
                 attrib_index_describe(setup->index)->hash);
        at_hash_bytes(both, strlen(both), out);
    }
}

static attrib_status describe_origin(const at_setup *setup,
                                     attrib_run *run,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    char model[AT_HASH_SIZE];
    char factors[AT_HASH_SIZE];
    if (setup->n_stages > 0) {
        AT_TRY(at_staged_hash(setup, model, factors, err));
    }
    AT_TRY(bank_string(run, setup->n_stages ? model : attrib_model_hash(setup->model),
                       &info->model_hash, err));
    AT_TRY(bank_string(run, attrib_corpus_hash(setup->corpus), &info->corpus_hash, err));
    AT_TRY(bank_string(run, attrib_corpus_date(setup->corpus), &info->corpus_date, err));
    AT_TRY(bank_string(run, attrib_corpus_selection(setup->corpus),
                       &info->corpus_selection, err));
    AT_TRY(bank_string(run,
                       setup->n_stages  ? factors
                       : setup->factors ? setup->factors->identity
                                        : "",
                       &info->factors_hash, err));
    AT_TRY(at_score_options_keep(&run->options, run->bank, err));
    AT_TRY(at_run_set_command(run, setup->options.command, err));
    AT_TRY(bank_string(run, attrib_kernels_describe(), &info->kernels, err));
    AT_TRY(at_fields_copy(at_corpus_fields(setup->corpus), &run->fields, err));
done:
    return status;
}

/* The whole corpus is the only part. */
static attrib_status describe_part(const at_setup *setup,
                                   attrib_run *run,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(1, sizeof *run->parts, &run->parts, err));
    run->n_parts = 1;
    run->parts[0] = (at_part){.end = setup->n_documents, .n_corpus = setup->n_documents};
    memcpy(run->parts[0].corpus_hash, attrib_corpus_hash(setup->corpus), AT_HASH_SIZE);
done:
    return status;
}

attrib_status at_preparing_describe(const at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = self->setup;
    attrib_run *run = self->run;
    attrib_run_info *info = &run->info;
    double n_tracked = 0;
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const attrib_module *module = at_setup_module(setup, m);
        n_tracked += (double)module->in_dim * (double)module->out_dim;
    }
    info->n_documents = setup->n_documents;
    info->n_modules = setup->n_tracked;
    info->n_tokens = attrib_corpus_summarize(setup->corpus)->n_tokens;
    run->options = setup->options;
    at_baselines_join(setup, &run->options);
    info->options = &run->options;
    info->tracked_share =
        n_tracked / (double)attrib_model_describe(setup->model)->n_parameters;
    hash_modules(setup, run->modules_hash);
    AT_TRY(describe_origin(setup, run, err));
    AT_TRY(describe_part(setup, run, err));
done:
    return status;
}
