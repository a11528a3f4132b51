/* SPDX-License-Identifier: MIT */
/* attrib query: one prompt, answered on the terminal. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cache.h"
#include "cli/cache_entries.h"
#include "cli/checkpoints.h"
#include "cli/foresee.h"
#include "cli/notes.h"
#include "cli/indexed.h"
#include "cli/question.h"

/* In $TMPDIR: the folder of a query of several models. */
#define SCRATCH_NAME "attrib-query"

typedef struct query_args {
    common_options common;
    source_options source;
    ranking_options ranking;
    several_options several;
    path_list prompts; /* one, or none where --prompt gives it */
    const char *prompt, *completion, *against, *direction, *positions;
    size_t layer;
    int measure;        /* LOG_PROBABILITY or PROBABILITY */
    const char *output; /* NULL: no run is kept */
    int format;
} query_args;

enum { FORMAT_TEXT, FORMAT_JSON, FORMAT_LINES };

enum { LOG_PROBABILITY, PROBABILITY };

static const option query_table[] = {
    {.name = "prompt",
     .kind = OPTION_TEXT,
     .offset = offsetof(query_args, prompt),
     .value = "TEXT",
     .help = "the prompt, in place of \"PROMPT\""},
    {.name = "completion",
     .kind = OPTION_TEXT,
     .offset = offsetof(query_args, completion),
     .value = "TEXT",
     .help = "what the model said (default: what it writes itself, greedily)"},
    {.name = "against",
     .kind = OPTION_TEXT,
     .offset = offsetof(query_args, against),
     .value = "TEXT",
     .help = "another completion: rank by what makes the model say the completion rather "
             "than this"},
    {.name = "measure",
     .kind = OPTION_CHOICE,
     .offset = offsetof(query_args, measure),
     .value = "log-probability|probability",
     .standard = "log-probability",
     .help = "what of the completion documents are ranked by"},
    {.name = "direction",
     .kind = OPTION_TEXT,
     .offset = offsetof(query_args, direction),
     .value = "FILE",
     .help = "rank by what moves the hidden state of --layer along the vector in this "
             ".npy file"},
    {.name = "layer",
     .kind = OPTION_SIZE,
     .offset = offsetof(query_args, layer),
     .value = "L",
     .min = 1,
     .max = 1e6,
     .help = "layers that the hidden state has gone through, as output_hidden_states of "
             "transformers counts"},
    {.name = "positions",
     .kind = OPTION_TEXT,
     .offset = offsetof(query_args, positions),
     .value = "last|completion|LIST",
     .standard = "last",
     .help = "tokens whose hidden state it is, from 0, negative ones from the end: the "
             "mean of 0,-1"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(query_args, format),
     .value = "text|json|jsonl",
     .standard = "text",
     .help = "how the answer is written on standard output; jsonl: with --index a line "
             "for each stage first"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(query_args, output),
     .value = "RUN",
     .help = "keep the answer and the scores of all documents as a run in this folder, "
             "which attrib show, analyze and export read"},
    {0},
};

/* There is one query, so none are summed up. */
static const char *name_in_query(const option *o)
{
    return strcmp(o->name, "aggregate") == 0 ? NULL : o->name;
}

static const option_group query_groups[] = {
    SOURCE_GROUPS(query_args, source, NULL),
    {.title = "Query", .options = query_table, .offset = 0},
    {.title = "Several models",
     .options = several_table,
     .offset = offsetof(query_args, several)},
    {.title = "Ranking",
     .options = ranking_table,
     .offset = offsetof(query_args, ranking)},
    {.title = "Ranking",
     .options = index_choice_table,
     .offset = offsetof(query_args, ranking)},
    {.title = "Ranking",
     .options = question_table,
     .offset = offsetof(query_args, ranking.index)},
    {.title = "Ranking",
     .library = attrib_score_options_table,
     .offset = offsetof(query_args, ranking.score),
     .library_bytes = sizeof(attrib_score_options),
     .name = name_in_query},
    {.title = "Cache", .options = cache_table, .offset = offsetof(query_args, source)},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(query_args, common)},
    {0},
};

/* What is measured is one thing. */
static bool check_measured(const query_args *args,
                           const cli_given *given,
                           char *message,
                           size_t size)
{
    bool has_layer = options_given(given, "layer");
    if (args->against && args->measure == PROBABILITY) {
        snprintf(message, size,
                 "--against is a margin of log-probabilities, --measure probability does "
                 "not go with it");
        return false;
    }
    if (args->direction && (args->against || options_given(given, "measure"))) {
        snprintf(message, size,
                 "--direction is measured alone, --against and --measure do not go with "
                 "it");
        return false;
    }
    if ((args->direction != NULL) != has_layer ||
        (!args->direction && options_given(given, "positions"))) {
        snprintf(message, size, "%s",
                 args->direction ? "--direction without --layer"
                 : has_layer     ? "--layer without --direction"
                                 : "--positions without --direction");
        return false;
    }
    return true;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    query_args *args = arguments;
    if (!ranking_check(&args->ranking, given, message, size)) {
        return false;
    }
    if (ranking_count_settings(&args->ranking) > 1) {
        snprintf(message, size,
                 "one strategy and one damping, or one baseline, for an answer: attrib "
                 "score takes several");
        return false;
    }
    if (!args->output &&
        (options_given(given, "tokens") || options_given(given, "self"))) {
        snprintf(message, size,
                 "--tokens and --self are kept in a run: name one with -o");
        return false;
    }
    return checkpoints_check(&args->several, &args->source, &args->ranking, message,
                             size) &&
           check_measured(args, given, message, size);
}

static attrib_status ask(const query_args *args,
                         const cli_source *source,
                         attrib_queries **out,
                         attrib_error *err)
{
    const char *prompt = args->prompt ? args->prompt : args->prompts.paths[0];
    const attrib_query_row row = {.prompt = prompt,
                                  .completion = args->completion,
                                  .against = args->against,
                                  .measure =
                                      args->measure == PROBABILITY ? "probability" : NULL,
                                  .direction = args->direction,
                                  .layer = args->layer,
                                  .positions = args->direction ? args->positions : NULL};
    const attrib_query_rows rows = ATTRIB_LIST(&row, 1);
    if (!source->tokenizer) {
        return cli_fail(err, ATTRIB_EINVAL, "%s: no tokenizer.json, which a prompt needs",
                        args->source.model);
    }
    if (row.against || row.measure || row.direction) {
        return attrib_queries_from_rows(&rows, source->tokenizer, &source->corpus_options,
                                        out, err);
    }
    return attrib_queries_from_prompt(prompt, args->completion, source->tokenizer,
                                      &source->corpus_options, out, err);
}

static attrib_status answer(const query_args *args,
                            attrib_run *run,
                            cli_job *job,
                            attrib_error *err)
{
    attrib_text_options text;
    terminal_choose_text(job->common, &text);
    ranking_count(run, job);
    if (args->format != FORMAT_TEXT) {
        return attrib_export_json(run, 0, "-", err);
    }
    return attrib_export_text(run, 0, &text, "-", err);
}

/* A prompt on its way to its answer. */
typedef struct asking {
    query_args args; /* with what an index and the list of models give */
    indexed named;
    char date[ATTRIB_DATE_SIZE]; /* that chat templates take; "": the options' */
    checkpoints models;
    cli_source source;
    attrib_factors *factors; /* of the first model */
    attrib_queries *queries;
    char scratch[CACHE_PATH_SIZE]; /* a folder for runs that nobody keeps; "": none */
    char folder[CACHE_PATH_SIZE];  /* of their sum, in it */
    attrib_run *run;
} asking;

static attrib_status open_source(asking *self, cli_job *job, attrib_error *err)
{
    query_args *args = &self->args;
    source_options chosen = args->source;
    chosen.ram_limit = args->ranking.score.ram_limit;
    attrib_status status = indexed_open(&chosen, &args->ranking, &self->named, err);
    if (status == ATTRIB_OK) {
        status = checkpoints_name(&args->several, chosen.model, &args->ranking,
                                  &self->models, err);
    }
    if (status != ATTRIB_OK) {
        return status;
    }
    chosen.model = self->models.models.items[0];
    checkpoints_take_first(&self->models, &args->ranking);
    chosen.keeps_store = !args->ranking.factors && !ranking_is_identity(&args->ranking);
    status = source_take_date(&chosen, args->ranking.factors, self->date, err);
    if (status == ATTRIB_OK && !chosen.date && !args->ranking.factors) {
        chosen.date = cache_date(chosen.corpus.paths[0], self->date);
    }
    if (status == ATTRIB_OK) {
        status = source_open(&chosen, job, &self->source, err);
    }
    return status == ATTRIB_OK ? checkpoints_open(&self->models, &args->several, &chosen,
                                                  &self->source, err)
                               : status;
}

static const char *scratch_place(void)
{
    const char *place = getenv("TMPDIR");
    return place && *place ? place : "/tmp";
}

/* Make a folder for the runs of several models, which are added on disk, where none is
 * named. */
static attrib_status make_scratch(asking *self, attrib_error *err)
{
    attrib_error why = {0};
    if (self->args.output || self->models.models.n == 1) {
        return ATTRIB_OK;
    }
    attrib_status status = attrib_scratch_make(scratch_place(), SCRATCH_NAME,
                                               self->scratch, sizeof self->scratch, &why);
    if (status != ATTRIB_OK) {
        return cli_fail(err, status,
                        "no folder can be made where the runs of several models stand "
                        "for a while (TMPDIR names another place): %s",
                        why.message);
    }
    return cache_join(self->folder, self->scratch, "run")
               ? ATTRIB_OK
               : cli_fail(err, ATTRIB_ERANGE, "%.200s: the path is too long",
                          self->scratch);
}

/* The factors of every model: those that were named, or those of the cache. */
static attrib_status take_factors(asking *self, cli_job *job, attrib_error *err)
{
    const query_args *args = &self->args;
    foresee_answer(&self->source, &args->ranking, self->queries, job);
    attrib_score_options options = ranking_choose(&args->ranking, NULL, job);
    attrib_score_job next = source_job(&self->source, NULL, self->queries, &options);
    next.folder = self->folder[0] ? self->folder : args->output;
    /* A sum of several runs may be there, and that is not a run of one model. */
    bool is_known =
        self->models.models.n == 1 || !next.folder || access(next.folder, F_OK) != 0;
    attrib_status status =
        cache_take_factors(&args->ranking, &args->source, &self->source,
                           is_known ? &next : NULL, job, &self->factors, err);
    for (size_t c = 1; c < self->models.models.n && status == ATTRIB_OK; c++) {
        cli_source other = self->source;
        other.model = self->models.others[c];
        if (!self->models.others_factors[c]) {
            next.model = other.model;
            status = cache_take_factors(&args->ranking, &args->source, &other,
                                        is_known ? &next : NULL, job,
                                        &self->models.others_factors[c], err);
        }
    }
    return status == ATTRIB_OK ? source_check_factors(job, self->factors, err) : status;
}

static attrib_status run_or_ask(asking *self,
                                const attrib_score_job *scored,
                                bool is_question,
                                cli_job *job,
                                attrib_error *err)
{
    const query_args *args = &self->args;
    const index_choice *choice = &args->ranking.index;
    if (is_question) {
        return question_answer(choice, scored, args->format == FORMAT_LINES, job,
                               &self->run, err);
    }
    if (choice->time || choice->certify) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "--%s is of an answer that is not kept, by whole queries in f32: "
                        "it does not go with -o, --query-rank, --precision, "
                        "--prefilter-sample, or cosines of another damping or strategy "
                        "than the index's",
                        choice->time ? "time" : "certify");
    }
    return checkpoints_run(&self->models, scored, job, &self->run, err);
}

static attrib_status score(asking *self, cli_job *job, attrib_error *err)
{
    const query_args *args = &self->args;
    attrib_score_options options = ranking_choose(&args->ranking, self->factors, job);
    attrib_score_job scored =
        source_job(&self->source, self->factors, self->queries, &options);
    scored.folder = self->folder[0] ? self->folder : args->output;
    scored.index = self->named.index;
    bool is_question = !args->output && attrib_asking_takes(&scored); /* keeps no run */
    if (is_question) {
        foresee_question(&self->source, self->factors, self->queries, &options,
                         args->ranking.index.n_exact, job);
    } else {
        foresee_run(&self->source, self->factors, self->queries, &options, 1, job);
    }
    return run_or_ask(self, &scored, is_question, job, err);
}

/* Close all of it; a scratch folder that cannot be removed is an error where there is no
 * other. */
static attrib_status end(asking *self, attrib_status status, attrib_error *err)
{
    attrib_run_close(self->run);
    attrib_queries_close(self->queries);
    attrib_factors_close(self->factors);
    checkpoints_close(&self->models);
    source_close(&self->source);
    indexed_close(&self->named);
    if (self->scratch[0]) {
        const cache_entry folder = {.path = self->scratch};
        attrib_error why = {0};
        attrib_status removed = cache_remove(&folder, &why);
        return status == ATTRIB_OK && removed != ATTRIB_OK
                   ? cli_fail(err, removed, "%s", why.message)
                   : status;
    }
    return status;
}

static attrib_status query(const void *arguments, cli_job *job, attrib_error *err)
{
    asking self = {.args = *(const query_args *)arguments};
    attrib_scratch_sweep(scratch_place(), SCRATCH_NAME); /* of queries that were killed */
    attrib_status status = open_source(&self, job, err);
    if (status == ATTRIB_OK) {
        status = ask(&self.args, &self.source, &self.queries, err);
    }
    if (status == ATTRIB_OK) {
        status = make_scratch(&self, err);
    }
    if (status == ATTRIB_OK) {
        status = take_factors(&self, job, err);
    }
    if (status == ATTRIB_OK) {
        status = score(&self, job, err);
    }
    if (status == ATTRIB_OK && self.args.output) {
        status = source_list_skipped(&self.source, self.args.output, err);
    }
    if (status == ATTRIB_OK) {
        terminal_clear(job->screen);
        note_queries(&self.source, self.queries, job);
        note_spaces(&self.source, self.queries, job);
        status = answer(&self.args, self.run, job, err);
    }
    return end(&self, status, err);
}

const cli_command command_query = {
    .name = "query",
    .usage = "--model M [--factors F] --corpus PATH... \"PROMPT\" [--completion TEXT] "
             "[OPTION]...",
    .summary = "show which documents made a model answer a prompt as it does",
    .description =
        "Ranks the documents of the corpus by their influence on the model's completion "
        "of "
        "one prompt, and prints the first and the last with the text that matters "
        "most.\n\n"
        "Without --completion the model answers the prompt: as a turn of its own chat "
        "template where it stops at the token that ends the template's turns, as tuned "
        "models do, and else by going on where the prompt ends. --chat-template plain "
        "always asks in the latter way.\n\n"
        "Without --factors they are fitted on the corpus first, and kept in the folder "
        ".attrib-cache in its folder (or in ~/.cache/attrib) for the next query, with "
        "the "
        "tokens of the corpus: attrib cache lists and clears it.\n\n"
        "Several models that read the same tokens are named with commas, or chosen in a "
        "trainer's folder by --checkpoints: the answer is then by the mean of their "
        "scores, or by their sum with --checkpoint-weights, as of attrib score; the "
        "first "
        "one writes the completion.",
    .example =
        "  attrib query --model model/ --corpus corpus/ \"The capital of France is\"",
    .groups = query_groups,
    .operand = {.name = "\"PROMPT\"",
                .offset = offsetof(query_args, prompts),
                .min = 1,
                .max = 1,
                .instead = "prompt",
                .is_behind_paths = true},
    .args_bytes = sizeof(query_args),
    .multiplies = true,
    .goes_on = true,
    .gives = "index",
    .check = check,
    .run = query,
};
