/* SPDX-License-Identifier: MIT */
#include "cli/scoring.h"

#include <stdio.h>

#include "cli/foresee.h"
#include "cli/notes.h"

bool scoring_check(void *arguments, const cli_given *given, char *message, size_t size)
{
    scoring_args *args = arguments;
    if (!ranking_check(&args->ranking, given, message, size)) {
        return false;
    }
    if (!args->ranking.factors && !args->ranking.index.folder &&
        !ranking_is_identity(&args->ranking)) {
        snprintf(message, size,
                 "--factors F is missing (only --strategy identity and --baseline need "
                 "none)");
        return false;
    }
    if (args->extends && (args->n_shards > 1 || args->prepared)) {
        snprintf(message, size,
                 "--extend is of a whole run, with its own preparation: it does not go "
                 "with --%s",
                 args->prepared ? "prepared" : "shard");
        return false;
    }
    return true;
}

/* Say how many prompts were made turns that nobody named a template for. */
static void tell_turns(const attrib_queries *queries, cli_job *job)
{
    size_t n = 0;
    for (size_t i = 0; i < attrib_queries_count(queries); i++) {
        n += attrib_queries_get(queries, i)->is_turn;
    }
    if (n) {
        terminal_log(job->screen, ATTRIB_LOG_INFO,
                     "%zu %s of the model's chat template (--chat-template plain leaves "
                     "prompts as they stand)",
                     n,
                     n == 1 ? "prompt is asked as a turn" : "prompts are asked as turns");
    }
}

/* Take the day of what was written before: the preparation, the run that goes on, or the
 * factors. */
static attrib_status take_date(const scoring_args *args,
                               source_options *source,
                               char date[ATTRIB_DATE_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folders[] = {args->prepared, args->output};
    for (size_t i = 0; i < 2 && !source->date && status == ATTRIB_OK; i++) {
        if (folders[i]) {
            status = attrib_run_date(folders[i], date, err);
            source->date = date[0] ? date : NULL;
        }
    }
    return status == ATTRIB_OK
               ? source_take_date(source, args->ranking.factors, date, err)
               : status;
}

attrib_status scoring_open(const scoring_args *args,
                           cli_job *job,
                           scoring *out,
                           attrib_error *err)
{
    char date[ATTRIB_DATE_SIZE] = "";
    source_options chosen = args->source;
    scoring_args taken = *args; /* with what an index gives */
    chosen.ram_limit = args->ranking.score.ram_limit;
    attrib_status status = indexed_open(&chosen, &taken.ranking, &out->indexed, err);
    args = &taken;
    if (status == ATTRIB_OK) {
        status = take_date(args, &chosen, date, err);
    }
    if (status == ATTRIB_OK) {
        status = source_open(&chosen, job, &out->source, err);
    }
    if (status == ATTRIB_OK && args->ranking.factors) {
        status = attrib_factors_open(args->ranking.factors, out->source.model,
                                     &out->factors, err);
    }
    if (status == ATTRIB_OK) {
        status = source_check_factors(job, out->factors, err);
    }
    if (status == ATTRIB_OK) {
        status = attrib_queries_open(job->session, args->queries, out->source.tokenizer,
                                     &out->source.corpus_options, &out->queries, err);
    }
    out->source.corpus_options.date = NULL; /* which was this function's */
    if (status == ATTRIB_OK) {
        tell_turns(out->queries, job);
        note_queries(&out->source, out->queries, job);
        out->options = ranking_choose(&args->ranking, out->factors, job);
        size_t n_shards = job->ranks->n > 1 ? job->ranks->n : args->n_shards;
        foresee_run(&out->source, out->factors, out->queries, &out->options,
                    n_shards ? n_shards : 1, job);
        out->job = source_job(&out->source, out->factors, out->queries, &out->options);
        out->job.folder = args->output;
        out->job.prepared = args->prepared;
        out->job.index = out->indexed.index;
    }
    return status;
}

void scoring_close(scoring *self)
{
    attrib_queries_close(self->queries);
    attrib_factors_close(self->factors);
    source_close(&self->source);
    indexed_close(&self->indexed);
}
