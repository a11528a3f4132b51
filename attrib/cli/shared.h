/* SPDX-License-Identifier: MIT */
/* What several commands take and open: a model and a corpus. */
#ifndef CLI_SHARED_H
#define CLI_SHARED_H

#include "cli/options.h"
#include "cli/ranks.h"
#include "cli/terminal.h"

/* A run that is made again: what it was made from. Hashes are NULL where any may be. */
typedef struct repeated {
    const char *run, *model_hash, *corpus_hash, *factors_hash;
} repeated;

/* What a command's work is done with. */
struct cli_job {
    attrib_session *session;
    terminal *screen;
    const common_options *common;
    const char *command_line; /* kept in what is written */
    bool goes_on;             /* cli_command's */
    const ranks *ranks;       /* this process and those that share the command's work */
    const repeated *repeated; /* NULL: nothing is made again */
};

typedef struct source_options {
    const char *model, *adapter, *tokenizer, *text_field, *id_field, *chat_template,
        *date;
    const char *include, *exclude, *unit, *prompt_field, *completion_field,
        *messages_field, *tag_fields, *document_end;
    path_list corpus;
    int weights;         /* attrib_weights */
    int bad_rows;        /* attrib_bad_rows */
    int token_dtype;     /* attrib_token_dtype */
    int preference;      /* attrib_preference */
    int eigen_precision; /* attrib_eigen_precision; of factors that are fitted here */
    size_t context, max_documents;
    size_t ram_limit; /* the command's own; 0: none */
    path_list where;
    size_t max_tokens, sample;
    uint64_t sample_seed;
    const char *sample_by;
    bool deduplicate;
    bool keeps_store;   /* in the cache, where it is less than a part of cache_limit */
    size_t cache_limit; /* bytes */
    bool no_eos;
} source_options;

/* A model and a corpus, fields of rows, files, which documents are taken, and how they
 * become tokens. */
extern const option source_table[], field_table[], file_table[], selection_table[],
    token_table[];

/* The groups of these tables for a command whose arguments of this type have a member
 * source_options; `waived` is the option of them that it does not require, or NULL. */
#define SOURCE_GROUPS(type, member, waived)                                              \
    {.title = "Model and corpus",                                                        \
     .options = source_table,                                                            \
     .offset = offsetof(type, member),                                                   \
     .not_required = (waived)},                                                          \
        {.title = "Fields of rows",                                                      \
         .options = field_table,                                                         \
         .offset = offsetof(type, member)},                                              \
        {.title = "Files and documents",                                                 \
         .options = file_table,                                                          \
         .offset = offsetof(type, member)},                                              \
        {.title = "Selection of documents",                                              \
         .options = selection_table,                                                     \
         .offset = offsetof(type, member)},                                              \
    {                                                                                    \
        .title = "From documents to tokens", .options = token_table,                     \
        .offset = offsetof(type, member)                                                 \
    }

typedef struct cli_source {
    attrib_model *model;
    attrib_tokenizer *tokenizer;          /* NULL where there is none */
    attrib_corpus_options corpus_options; /* also those of queries */
    attrib_corpus *corpus;
} cli_source;

/* Where no --date was given, take that of a folder of factors (NULL: none), which later
 * steps keep; `date` holds it. */
attrib_status source_take_date(source_options *options,
                               const char *factors,
                               char date[ATTRIB_DATE_SIZE],
                               attrib_error *err);

attrib_status source_open(const source_options *options,
                          cli_job *job,
                          cli_source *out,
                          attrib_error *err);
/* The tokens that sequences hold: what was asked for, or the model's, at most 2,048. */
size_t source_context(const source_options *options, const attrib_model_info *info);

/* Tokenizer and corpus alone, for a model that is open already and stays its owner's. */
attrib_status source_read(const source_options *options,
                          const attrib_model *model,
                          cli_job *job,
                          cli_source *out,
                          attrib_error *err);

/* Count what was read of a corpus in the statistics. */
void source_count(const attrib_corpus *corpus, cli_job *job);

/* What is to be scored, in memory. */
attrib_score_job source_job(const cli_source *source,
                            const attrib_factors *factors,
                            attrib_queries *queries,
                            const attrib_score_options *options);

/* List the rows that were left out, where some were, in FOLDER/skipped.jsonl. */
attrib_status source_list_skipped(const cli_source *source,
                                  const char *folder,
                                  attrib_error *err);

/* Refuse factors that are not those of a run that is made again. NULL: none. */
attrib_status source_check_factors(const cli_job *job,
                                   const attrib_factors *factors,
                                   attrib_error *err);

void source_close(cli_source *source); /* fine for one that is zeroed */

#endif
