/* SPDX-License-Identifier: MIT */
/* The stages of ranking: queries prepared, documents scored part by part, the first and
 * last made sure of and explained.
 *
 * A query under a setting is a case. Cases of a tile of queries are ordered by setting,
 * then query: V = settings x queries of the tile. */
#ifndef AT_RANK_RANK_H
#define AT_RANK_RANK_H

#include "attrib/rank.h"
#include "base/memory_limit.h"
#include "curvature/folder.h"
#include "curvature/inverse.h"
#include "rank/contraction.h"

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
    double longest_document, most_sequences, part_tokens;
    bool has_split; /* documents of more than one sequence */
} at_counted;

typedef enum at_run_stage {
    AT_RUN_QUERY, /* queries are prepared */
    AT_RUN_SCORE,
    AT_RUN_EXPLAIN, /* and scored in full, where they were cut */
} at_run_stage;

/* What all stages share. */
typedef struct at_ranking {
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
} at_ranking;

/* A pass over the run's tracked maps, with the data's labels. */
at_pass at_ranking_pass(const at_ranking *ranking, size_t block_rows, const char *stage);

/* Consecutive queries. */
typedef struct at_tile {
    size_t first, n;
} at_tile;

/* 1. Queries (queries.c) */

/* Have the model write the completions that are missing; refuse queries without a token
 * that counts. */
attrib_status at_complete_queries(const at_ranking *ranking, attrib_error *err);

/* Fill ranking->asked and n_queries (asked.c): the rows, or sums of them by
 * options.aggregate. Borrows from the rows, which may not change any more. */
attrib_status at_ask(at_ranking *ranking, attrib_error *err);
void at_asked_free(at_asked *asked);

/* Query q < n_queries, and how many rows it is the sum of. */
const attrib_query *at_query(const at_ranking *ranking, size_t q);
size_t at_n_rows(const at_ranking *ranking, size_t q);

/* 2. Preconditioned gradients (prepare.c, prepare_map.c) */

/* Fill ranking->dampings. */
attrib_status at_choose_dampings(at_ranking *ranking, attrib_error *err);

/* Bytes of one case of a query: whole where rank is 0, else its factors. */
double at_case_bytes(const at_ranking *ranking, size_t rank);

/* Bytes of the sums of the query under way, where queries are sums of rows. */
double at_carried_bytes(const at_ranking *ranking);

/* The widest side of any tracked map. */
size_t at_widest_map(const at_ranking *ranking);

/* Bytes that at_prepare_queries() keeps of the pass over a row of so many tokens. */
double at_kept_row_bytes(const at_ranking *ranking, size_t n_tokens);
/* Fill ranking->kept_row and kept_all. */
void at_measure_rows(at_ranking *ranking);

/* Map i_tracked with what the settings read of its factor, to be given back; all zeros
 * without factors. On any worker. Borrowed from ranking->resident where that is there. */
attrib_status at_take_factor(const at_ranking *ranking,
                             size_t i_tracked,
                             at_factor *out,
                             attrib_error *err);
void at_give_factor(const at_ranking *ranking, at_factor *factor);

/* Those of one map: whole, or cut to L R'. */
typedef struct at_prepared_map {
    size_t out_dim, in_dim, rank; /* O, I, r; rank 0: whole */
    float *p;                     /* [V, O, I] */
    float *left, *right;          /* [O, V r], [I, V r] */
    char *bank;                   /* of these arrays; owned */
    double *error; /* [V] ||P - L R'||_F and what rounding may add, beside maps that are
                      cut; NULL where none was to be */
} at_prepared_map;

typedef struct at_prepared {
    at_tile tile;
    size_t n_cases; /* V */
    size_t n_maps;
    at_prepared_map *maps; /* [n_maps] */
    bool has_errors;       /* of maps: queries were to be cut */
    double *losses;        /* [tile.n] nats, summed over the completion's tokens */
    double *self;          /* [V] <P_q, G_q> */
} at_prepared;

/* Their sizes alone, without arrays: what at_prepare_queries() fills, and dry runs count.
 */
attrib_status at_prepared_outline(const at_ranking *ranking,
                                  at_tile tile,
                                  size_t rank,
                                  at_prepared *out,
                                  attrib_error *err);

/* Bytes of their arrays. */
attrib_status at_prepared_bytes(const at_prepared *prepared,
                                double *out,
                                attrib_error *err);

/* The queries of a tile under every setting, cut to `rank` where that is not 0 and less
 * than a map's smaller width. */
attrib_status at_prepare_queries(const at_ranking *ranking,
                                 at_tile tile,
                                 size_t rank,
                                 at_prepared *out,
                                 attrib_error *err);
void at_prepared_free(at_prepared *prepared);

/* 3. Scores (score.c) */

/* Where the sums of documents go; all are added to. */
typedef struct at_sums {
    double *scores; /* [n_documents, groups, V] */
    double *bounds; /* the same, of the scores' errors; NULL where queries are whole */
    double *self;   /* [n_documents, settings] self-influences; NULL: not wanted */
    float *tokens;  /* [first_token[n_documents], V] shares of tokens, set and not added
                       to; NULL: not wanted */
    const size_t *first_token; /* [n_documents + 1] of each document in tokens */
} at_sums;

/* Of documents first .. first + n_documents. */
attrib_status at_score_documents(const at_ranking *ranking,
                                 const at_prepared *prepared,
                                 size_t first,
                                 size_t n_documents,
                                 const at_sums *out,
                                 attrib_error *err);

/* Shares of tokens (tokens.c): where those of documents first .. first + n_documents
 * begin, out [n_documents + 1]. */
attrib_status at_count_tokens(const at_ranking *ranking,
                              size_t first,
                              size_t n_documents,
                              size_t *out,
                              attrib_error *err);

/* 4. The first and last of each case (top.c) */

typedef struct at_ranked {
    size_t document;
    double score;
} at_ranked;

/* The first k and the last k of one order: by score from the largest down, equal scores
 * by their document's index. Scores are never NaN. */
typedef struct at_top {
    size_t k;
    at_ranked *best, *worst; /* [k]; the last document of the order stands first */
    size_t n_best, n_worst;
} at_top;

attrib_status at_top_new(size_t k, at_top *out, attrib_error *err);
void at_top_free(at_top *top);
void at_top_add(at_top *top, size_t document, double score);
/* To one end alone. */
void at_top_add_best(at_top *top, size_t document, double score);
void at_top_add_worst(at_top *top, size_t document, double score);
/* Take out of `worst` what stands in `best` too: of fewer than 2 k documents the first k
 * are best and the rest worst. */
void at_top_separate(at_top *top);

/* 5. Explanations (explain.c) */

/* A document of a case, with the shares of its tokens and maps. */
typedef struct at_pair {
    size_t i_case, document; /* case of the tile */
    double
        *tokens; /* [n_tokens of the document] addend of the position that predicts it */
    double *modules; /* [n_tracked] */
    double score;    /* their sum */
    double estimate; /* of the score, by the cut query; kept for the caller */
} at_pair;

/* For qsort and bsearch: by document, then case. */
int at_compare_pairs(const void *left, const void *right);

void at_pairs_free(at_pair *pairs, size_t n_pairs);

/* Fill tokens, modules (owned by the caller, allocated here) and score of pairs sorted by
 * document, then case, with queries that are whole. */
attrib_status at_explain(const at_ranking *ranking,
                         const at_prepared *prepared,
                         at_pair *pairs,
                         size_t n_pairs,
                         attrib_error *err);

#endif
