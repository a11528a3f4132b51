/* SPDX-License-Identifier: MIT */
/* attrib index: what a pass keeps for the questions that follow. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/notes.h"
#include "cli/readings.h"

typedef struct index_args {
    common_options common;
    source_options source;
    const char *factors, *output;
    size_t bytes_per_document, ram_limit;
    double damping, damping_abs;
    int precision;
    size_t i_shard, n_shards;
    bool is_absolute;
    const cli_given *given;
} index_args;

static const option index_table[] = {
    {.name = "factors",
     .kind = OPTION_TEXT,
     .offset = offsetof(index_args, factors),
     .value = "F",
     .is_required = true,
     .help = "factors of EK-FAC, which attrib fit has made"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(index_args, output),
     .value = "INDEX",
     .is_required = true,
     .help = "new folder that the index is written to; one that was stopped goes on"},
    {.name = "bytes-per-document",
     .kind = OPTION_BYTES,
     .offset = offsetof(index_args, bytes_per_document),
     .value = "SIZE",
     .help = "size of the index for each document, as in 8K: more bytes find more "
             "(default: 32K for the default model, in proportion to the widths of the "
             "maps for others)"},
    {.name = "damping",
     .kind = OPTION_NUMBER,
     .offset = offsetof(index_args, damping),
     .value = "X",
     .standard = "0.1",
     .min = 1e-12,
     .max = 1e12,
     .help = "damping of self-influences and of what is kept, in units of the mean "
             "eigenvalue of each map; questions may have another"},
    {.name = "damping-abs",
     .kind = OPTION_NUMBER,
     .offset = offsetof(index_args, damping_abs),
     .value = "X",
     .standard = "1",
     .min = 1e-300,
     .max = 1e300,
     .help = "the same as the value itself, in place of --damping"},
    {.name = "precision",
     .kind = OPTION_CHOICE,
     .offset = offsetof(index_args, precision),
     .value = "f32|bf16|auto",
     .standard = "f32",
     .help = "type of the numbers that are multiplied: f32, which auto is here; bf16 "
             "is refused, as the bounds of what is left out hold for gradients in f32"},
    {.name = "shard",
     .kind = ATTRIB_OPTION_SHARE,
     .offset = offsetof(index_args, i_shard),
     .n_offset = offsetof(index_args, n_shards),
     .value = "I/N|auto",
     .standard = "1/1",
     .help =
         "index part I of N of the corpus, 1 to N; attrib merge makes one index of all "
         "parts; auto: as the launcher or the batch system says"},
    {.name = "ram-limit",
     .kind = OPTION_BYTES,
     .offset = offsetof(index_args, ram_limit),
     .value = "SIZE",
     .help = "memory that the process may have in use, weights and all, as in 512M or 4G "
             "(default: three quarters of the machine's)"},
    {0},
};

static const option_group index_groups[] = {
    SOURCE_GROUPS(index_args, source, NULL),
    {.title = "Index", .options = index_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(index_args, common)},
    {0},
};

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    index_args *args = arguments;
    args->given = given;
    args->is_absolute = options_given(given, "damping-abs");
    if (args->is_absolute && options_given(given, "damping")) {
        snprintf(message, size, "--damping and --damping-abs exclude each other");
        return false;
    }
    if (args->precision == ATTRIB_BF16_PRODUCTS) {
        snprintf(
            message, size,
            "--precision bf16: an index keeps bounds and self-influences, which hold "
            "for gradients in f32 alone");
        return false;
    }
    return true;
}

/* Where everything is, from the root, so that questions find it from anywhere. */
typedef struct index_places {
    char *model, *factors; /* owned; NULL: not there */
    char **owned;          /* [corpus.n] the paths of the corpus */
    path_list corpus;
    readings readings;
} index_places;

static void free_places(index_places *places)
{
    for (size_t i = 0; places->owned && i < places->corpus.n; i++) {
        free(places->owned[i]);
    }
    free(places->owned);
    free(places->corpus.paths);
    free(places->model);
    free(places->factors);
    readings_free(&places->readings);
}

/* Whether all paths of the corpus are there. */
static bool find_places(const index_args *args, index_places *out)
{
    size_t n = args->source.corpus.n;
    out->model = realpath(args->source.model, NULL);
    out->factors = realpath(args->factors, NULL);
    out->owned = calloc(n, sizeof *out->owned);
    out->corpus.paths = calloc(n, sizeof *out->corpus.paths);
    bool are_there = out->owned && out->corpus.paths;
    for (size_t i = 0; are_there && i < n; i++) {
        out->owned[i] = realpath(args->source.corpus.paths[i], NULL);
        out->corpus.paths[i] = out->owned[i];
        out->corpus.n = i + 1;
        are_there = out->owned[i] != NULL;
    }
    return are_there;
}

static attrib_status build(const index_args *args,
                           const index_places *places,
                           const cli_source *source,
                           cli_job *job,
                           attrib_error *err)
{
    attrib_factors *factors = NULL;
    attrib_index_options options;
    attrib_index_job indexed;
    attrib_ingest_job reading;
    const attrib_paths paths = {places->corpus.paths, places->corpus.n};
    attrib_index_options_default(&options);
    options.bytes_per_document = args->bytes_per_document;
    options.is_damping_absolute = args->is_absolute;
    options.damping = args->is_absolute ? args->damping_abs : args->damping;
    options.ram_limit = args->ram_limit;
    attrib_index_job_default(&indexed);
    indexed.model = source->model;
    indexed.corpus = source->corpus;
    indexed.options = &options;
    indexed.folder = args->output;
    indexed.i_shard = args->i_shard;
    indexed.n_shards = args->n_shards;
    indexed.model_path = places->model;
    indexed.factors_path = places->factors;
    indexed.corpus_paths = &paths;
    indexed.command = job->command_line;
    indexed.readings = places->readings.list;
    indexed.n_readings = places->readings.n;
    attrib_ingest_job_default(&reading);
    reading.paths = &paths;
    reading.tokenizer = source->tokenizer;
    reading.options = &source->corpus_options;
    indexed.reading = &reading;
    attrib_status status =
        attrib_factors_open(args->factors, source->model, &factors, err);
    if (status == ATTRIB_OK) {
        indexed.factors = factors;
        status = attrib_index_build(job->session, &indexed, err);
    }
    attrib_factors_close(factors);
    return status;
}

static attrib_status report(const index_args *args, cli_job *job, attrib_error *err)
{
    attrib_index *index = NULL;
    attrib_status status = attrib_index_open(args->output, &index, err);
    if (status == ATTRIB_OK) {
        const attrib_index_info *info = attrib_index_describe(index);
        terminal_count(job->screen, "index", "%zu documents x %zu bytes in %s",
                       info->n_documents, info->bytes_per_document, args->output);
        terminal_text(job->screen, "index", "%s", args->output);
        terminal_number(job->screen, "documents", (double)info->n_documents);
        printf("%zu document%s x %zu bytes in %s\n", info->n_documents,
               info->n_documents == 1 ? "" : "s", info->bytes_per_document, args->output);
    }
    attrib_index_close(index);
    return status;
}

static attrib_status run(const void *arguments, cli_job *job, attrib_error *err)
{
    const index_args *args = arguments;
    cli_source source = {0};
    index_places places = {0};
    char date[ATTRIB_DATE_SIZE] = "";
    source_options chosen = args->source;
    chosen.ram_limit = args->ram_limit;
    attrib_status status = source_take_date(&chosen, args->factors, date, err);
    bool are_there = find_places(args, &places);
    if (status == ATTRIB_OK) { /* from the root, as documents will be told */
        chosen.corpus = are_there ? places.corpus : chosen.corpus;
        status =
            source_open(&chosen, job, &source, err); /* else this says which is not */
    }
    if (status == ATTRIB_OK) {
        attrib_session_expect(
            job->session, "index",
            (double)attrib_corpus_summarize(source.corpus)->n_sequences);
        status = are_there
                     ? readings_list(&args->source, args->given, &places.readings, err)
                     : cli_fail(err, ATTRIB_EINVAL,
                                "an index is of files, so that their documents can be "
                                "scored later: not of standard input");
    }
    if (status == ATTRIB_OK) {
        status = build(args, &places, &source, job, err);
    }
    if (status == ATTRIB_OK) {
        status = report(args, job, err);
    }
    source_close(&source);
    free_places(&places);
    return status;
}

const cli_command command_index = {
    .name = "index",
    .usage = "--model M --factors F --corpus PATH... -o INDEX [OPTION]...",
    .summary = "keep the gradients of a corpus, so that questions need no pass over it",
    .description =
        "Passes over the documents once, which takes about as long as the last pass of "
        "attrib fit, and keeps of each its self-influence and the largest components of "
        "its gradient, in so many bytes. attrib query and score take the index by "
        "--index: "
        "they estimate the scores of all documents from it, and find the exact scores of "
        "the first and last of them alone (--exact).\n"
        "\n"
        "An index has the tokens of its documents, so that questions are answered where "
        "the corpus has changed or is gone. It knows documents by these: a corpus that "
        "is "
        "named with a question may have them in any order, and have fewer of them, as "
        "--where chooses. Indexes of the same model, factors and "
        "options are made one by attrib merge: the shards of a corpus, or what is new in "
        "it "
        "and what was there.\n"
        "\n"
        "What is stopped or killed goes on when the same command is given again, and has "
        "the same bytes, whatever --threads.",
    .example =
        "  attrib index --model model/ --factors factors/ --corpus corpus/ -o index/\n"
        "  attrib query --index index/ \"The capital of France is\"",
    .groups = index_groups,
    .args_bytes = sizeof(index_args),
    .multiplies = true,
    .goes_on = true,
    .check = check,
    .run = run,
};
