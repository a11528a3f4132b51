/* SPDX-License-Identifier: MIT */
/* What a run is made from: a model, a corpus, queries as they are asked, options, and the
 * sizes that are chosen by them. Whatever prepares, scores or explains reads it. Without
 * session, corpus, queries and asked it serves dry runs: memory, and plans.
 *
 * A query under a setting is a case. Cases of a tile of queries are ordered by setting,
 * then query: V = settings x queries of the tile. */
#ifndef AT_QUERY_SETUP_H
#define AT_QUERY_SETUP_H

#include "attrib/run.h"
#include "base/memory_limit.h"
#include "curvature/folder.h"
#include "curvature/inverse.h"
#include "run/run.h"

/* A sum of rows, as a query. */
typedef struct at_sum {
    attrib_query query; /* of what is below */
    char *id;
    attrib_tag tag; /* what the rows share; borrowed */
    int32_t *ids;   /* [n_tokens] of all rows behind each other */
    uint8_t *mask;  /* the same */
} at_sum;

/* How queries are made of the rows that were read. */
typedef struct at_asked {
    size_t *rows;    /* [n rows] in attrib_queries, a query's behind each other */
    double *weights; /* [n rows] beside them */
    size_t *first;   /* [n_queries + 1] of each query in rows */
    at_sum *sums;    /* [n_sums = n_queries]; NULL where every row is a query */
    size_t n_sums;
} at_asked;

/* Documents as sizes are chosen by: tokens of sequences and documents. */
typedef struct at_counted {
    double n_sequences, n_tokens;
    double shortest, longest; /* of sequences */
    double longest_document, most_sequences, slice_tokens;
    bool has_split; /* documents of more than one sequence */
} at_counted;

typedef enum at_run_stage {
    AT_RUN_QUERY, /* queries are prepared */
    AT_RUN_SCORE,
    AT_RUN_EXPLAIN, /* and scored in full, where they were cut */
} at_run_stage;

/* What all stages share. */
typedef struct at_setup {
    attrib_session *session;
    const attrib_model *model;
    const attrib_tokenizer *tokenizer; /* may be NULL */
    const attrib_factors *factors;     /* may be NULL: identity */
    const attrib_corpus *corpus;
    attrib_queries *queries; /* rows */
    at_asked asked;
    attrib_score_options options;
    size_t *tracked; /* [n_tracked] ascending module indices */
    size_t n_tracked;
    size_t n_queries, n_documents;
    size_t *group;      /* [n_tracked] of each map */
    size_t n_groups;    /* at least 1: sums that are kept apart */
    size_t query_rank;  /* chosen; 0: full */
    size_t n_tile;      /* queries prepared and scored at a time */
    size_t n_tile_full; /* full queries held at a time where the tile's are cut */
    size_t block_rows;  /* of scoring */
    double *dampings;   /* [n_settings, n_tracked] added to Lambda */
    /* what sizes are chosen by */
    at_counted counted;
    size_t n_workers;
    double longest_row;        /* tokens of a row of the queries */
    double kept_row, kept_all; /* bytes of the largest row, and of all, between their
                                  pass and the turns of maps */
    double kept_bytes;         /* that are kept at a time: of one row at least */
    double factor_bytes;       /* of the largest factor that a worker loads */
    double resident_bytes;     /* of all factors */
    bool is_resident;          /* all are kept in memory while documents are scored */
    at_factor *resident;       /* [n_tracked] then; NULL: read map by map */
    bool is_held;              /* scores stay in memory */
    at_memory_limit memory;
    at_pass_size blocks; /* of the passes that score, of block_rows */
} at_setup;

/* Tracked map i: its name and widths. */
const attrib_module *at_setup_module(const at_setup *setup, size_t i);

/* The rank that queries cut to `rank` have in a map: 0, whole, where that is no less than
 * one of its widths. */
size_t at_map_rank(const attrib_module *module, size_t rank);

/* A pass over the run's tracked maps, with the data's labels. */
at_pass at_setup_pass(const at_setup *setup, size_t block_rows, const char *stage);

/* Have the model write the completions that are missing; refuse queries without a token
 * that counts. */
attrib_status at_complete_queries(const at_setup *setup, attrib_error *err);

/* Fill setup->asked, n_queries and longest_row (asked.c): the rows, or sums of them by
 * options.aggregate. Borrows from the rows, which may not change any more. */
attrib_status at_ask(at_setup *setup, attrib_error *err);
void at_asked_free(at_asked *asked);

/* Query q < n_queries, and how many rows it is the sum of. */
const attrib_query *at_query(const at_setup *setup, size_t q);
size_t at_n_rows(const at_setup *setup, size_t q);

#endif
