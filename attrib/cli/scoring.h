/* SPDX-License-Identifier: MIT */
/* What commands that score a corpus into a folder take and open. */
#ifndef CLI_SCORING_H
#define CLI_SCORING_H

#include "cli/indexed.h"

/* What a command is told of several models (checkpoints.h). */
typedef struct several_options {
    const char *checkpoints; /* of a trainer's folder; NULL: none are chosen */
    number_list weights;
    const char *base_model, *base_factors; /* of the stage before; NULL: there is none */
    path_list base_corpus;
} several_options;

typedef struct scoring_args {
    common_options common;
    source_options source;
    ranking_options ranking;
    const char *queries, *output, *prepared;
    size_t i_shard, n_shards;
    bool extends;
    several_options several;
} scoring_args;

/* The options that such commands share: documents, ranking; queries are the command's. */
#define SCORING_GROUPS                                                                   \
    {.title = "Ranking",                                                                 \
     .options = ranking_table,                                                           \
     .offset = offsetof(scoring_args, ranking)},                                         \
        {.title = "Ranking",                                                             \
         .options = batch_choice_table,                                                  \
         .offset = offsetof(scoring_args, ranking)},                                     \
        {.title = "Ranking",                                                             \
         .library = attrib_score_options_table,                                          \
         .offset = offsetof(scoring_args, ranking.score),                                \
         .library_bytes = sizeof(attrib_score_options)},                                 \
    {                                                                                    \
        .title = "Common options", .options = common_table,                              \
        .offset = offsetof(scoring_args, common)                                         \
    }

/* What --queries is. */
#define SCORING_QUERIES                                                                  \
    {                                                                                    \
        .name = "queries", .kind = OPTION_TEXT,                                          \
        .offset = offsetof(scoring_args, queries), .value = "Q", .is_required = true,    \
        .help =                                                                          \
            "JSON lines {id, prompt, completion, tags} or {id, ids, mask}, or - for "    \
            "standard "                                                                  \
            "input; where there is no completion the model writes one"                   \
    }

bool scoring_check(void *arguments, const cli_given *given, char *message, size_t size);

typedef struct scoring {
    indexed indexed;
    cli_source source;
    attrib_factors *factors;
    attrib_queries *queries;
    attrib_score_options options;
    attrib_score_job job; /* into args->output; borrows the others */
} scoring;

/* Open all of it. The day is that of the preparation, the run or the factors, where none
 * was given. */
attrib_status scoring_open(const scoring_args *args,
                           cli_job *job,
                           scoring *out,
                           attrib_error *err);
void scoring_close(scoring *self);

#endif
