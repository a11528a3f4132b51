/* SPDX-License-Identifier: MIT */
/* attrib ingest: a corpus made ready once, for every command that reads it. */
#include "cli/commands.h"

#include <stdio.h>
#include <sys/stat.h>

#include "cli/notes.h"

typedef struct ingest_args {
    common_options common;
    source_options source;
    const char *output;
} ingest_args;

static const option ingest_table[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(ingest_args, output),
     .value = "STORE",
     .is_required = true,
     .help = "file that the store is written to, whole or not at all"},
    {0},
};

static const option_group ingest_groups[] = {
    SOURCE_GROUPS(ingest_args, source, "corpus"),
    {.title = "Output", .options = ingest_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(ingest_args, common)},
    {0},
};

static attrib_status ingest(const void *arguments, cli_job *job, attrib_error *err)
{
    const ingest_args *args = arguments;
    const attrib_paths paths = {args->source.corpus.paths, args->source.corpus.n};
    source_options chosen = args->source;
    cli_source source = {0};
    struct stat info;
    chosen.corpus.n = 0; /* it is read below */
    attrib_status status = source_open(&chosen, job, &source, err);
    if (status == ATTRIB_OK) {
        attrib_ingest_job made_of;
        attrib_ingest_job_default(&made_of);
        made_of.paths = &paths;
        made_of.tokenizer = source.tokenizer;
        made_of.options = &source.corpus_options;
        status = attrib_corpus_ingest(job->session, &made_of, args->output,
                                      &source.corpus, err);
    }
    if (status == ATTRIB_OK) {
        source_count(source.corpus, job);
        note_documents(&source, job);
        if (stat(args->output, &info) == 0) {
            terminal_count(job->screen, "store", "%.2f MiB in %s",
                           (double)info.st_size / 0x1p20, args->output);
        }
    }
    source_close(&source);
    return status;
}

const cli_command command_ingest = {
    .name = "ingest",
    .usage = "PATH... --model M -o STORE [OPTION]...",
    .summary = "make a corpus ready once: its tokens, texts and tags in one file",
    .description =
        "Reads documents as all commands do and keeps their tokens, masks, texts, tags "
        "and "
        "places in a file, which --corpus STORE of every command maps in place of the "
        "sources, on any number of processes at once. Results are the same, to the "
        "byte.\n"
        "\n"
        "A store is bound to the tokenizer and to the options that it was made with: "
        "those "
        "that are given again have to agree, and others are the store's, but that "
        "queries "
        "are written by --chat-template where it is given. Selections of documents and "
        "--context apply to what the store holds. Where its sources are there and have "
        "changed since, that is said.\n"
        "\n"
        "It saves rendering chats and unpacking archives again, and memory where many "
        "processes read one corpus. Of plain rows reading takes less than 1 % of "
        "scoring.",
    .example = "  attrib ingest corpus/ --model model/ -o corpus.store\n"
               "  attrib fit --model model/ --corpus corpus.store -o factors/",
    .groups = ingest_groups,
    .operand = {.name = "PATH",
                .offset = offsetof(ingest_args, source.corpus),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(ingest_args),
    .run = ingest,
};
