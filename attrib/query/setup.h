/* SPDX-License-Identifier: MIT */
/* What a run is made from: a model, a corpus, queries as they are asked, options, and the
 * sizes that follow from these. All stages read it. Without session, corpus, queries and
 * `asked` it serves dry runs, which predict memory and time.
 *
 * A query under a setting is a case. Cases of a tile of queries are ordered by setting,
 * then query: V = settings x queries of the tile. */
#ifndef AT_QUERY_SETUP_H
#define AT_QUERY_SETUP_H

#include "attrib/run.h"
#include "base/memory_limit.h"
#include "curvature/factor_read.h"
#include "curvature/inverse.h"
#include "run/run.h"

/* A query that is a sum of rows. */
typedef struct at_sum {
    attrib_query query; /* borrows the members below */
    char *id;
    attrib_tag tag; /* the tag that the rows share; borrowed */
    int32_t *ids;   /* [n_tokens] prompts and completions of all rows, one row after the
                       other */
    uint8_t *mask;  /* [n_tokens] their masks */
} at_sum;

/* Which of the rows that were read make up each query. */
typedef struct at_asked {
    size_t *rows;    /* [n rows] indices in attrib_queries, one query after the other */
    double *weights; /* [n rows] the weight of each of `rows` */
    size_t *first;   /* [n_queries + 1] where each query begins in `rows` */
    at_sum *sums;    /* [n_sums = n_queries]; NULL where every row is a query */
    size_t n_sums;
} at_asked;

/* Counts of the documents that sizes are chosen by. */
typedef struct at_counted {
    double n_sequences, n_tokens;
    double shortest, longest; /* tokens of a sequence */
    double longest_document, most_sequences, slice_tokens;
    double slice_record; /* bytes of the record of a slice's documents */
    bool has_split;      /* some documents have more than one sequence */
} at_counted;

typedef enum at_run_stage {
    AT_RUN_QUERY, /* queries are prepared */
    AT_RUN_SCORE,
    AT_RUN_EXPLAIN, /* documents are explained, and scored in full if queries were cut */
} at_run_stage;

struct at_frequencies; /* baseline/bag.h */
struct at_candidates;  /* baseline/candidates.h */
struct attrib_index;   /* attrib/index.h */

/* A model of a training of several stages, and its curvature. */
typedef struct at_training_stage {
    const attrib_model *model;
    const attrib_factors *factors;
} at_training_stage;

/* Where refined queries are kept (refine/kept.c), and the run that they are of. */
typedef struct at_refined_place {
    const char *folder; /* NULL: nowhere */
    const char *identity;
} at_refined_place;

/* What all stages share. */
typedef struct at_setup {
    attrib_session *session;
    const attrib_model *model;
    const attrib_tokenizer *tokenizer; /* may be NULL */
    const attrib_factors *factors;     /* may be NULL: identity */
    const attrib_corpus *corpus;
    attrib_queries *queries; /* rows */
    at_asked asked;
    attrib_score_options options; /* settings: those that take gradients, 0 or more */
    attrib_setting baselines[ATTRIB_MAX_SETTINGS]; /* which follow them in the run */
    size_t n_baselines;
    const struct at_frequencies *frequencies; /* NULL where nothing goes by tokens */
    const struct at_candidates *candidates;   /* NULL: all documents are scored */
    const struct attrib_index *index;         /* that they are chosen by; may be NULL */
    const double *indexed_self; /* [documents of the corpus] self-influences that the
                                   index has, which no pass finds then; may be NULL */
    at_refined_place refined;
    size_t *tracked; /* [n_tracked] ascending module indices */
    size_t n_tracked;
    size_t n_queries, n_documents;
    size_t first_query; /* the place in the run of the first of n_queries, where only some
                           of the run's queries are scored */
    size_t n_run_queries; /* of the whole run then; else 0 */
    size_t n_first;       /* queries that the run began with, where it grows; else 0 */
    size_t *group;        /* [n_tracked] the group of each map */
    size_t n_groups;      /* sums that are kept apart; at least 1 */
    size_t query_rank;    /* that queries are cut to; 0: whole. at_setup_cut() sets it */
    size_t n_tile;        /* queries prepared and scored at a time */
    size_t n_tile_full;   /* full queries held at a time where the tile's are cut */
    size_t block_rows;    /* rows of a block while documents are scored */
    size_t kept_rows;     /* of the run that is gone on with; 0: chosen anew */
    double *dampings;     /* [n_settings, n_tracked] added to Lambda */
    /* The rest is what sizes are chosen by. */
    at_counted counted;
    size_t n_workers;
    double longest_row;        /* tokens of the queries' longest row */
    double kept_row, kept_all; /* bytes kept between the pass over rows and the turns of
                                  the maps: of the largest row, and of all rows */
    double kept_bytes;         /* the most that is kept at a time; at least kept_row */
    double factor_bytes;       /* the largest factor that a worker loads */
    double resident_bytes;     /* all factors */
    bool is_resident;          /* factors stay in memory while documents are scored */
    at_factor *resident;       /* [n_tracked] these; NULL: factors are read map by map */
    bool is_held;              /* scores stay in memory */
    bool rounds_weights;       /* once for a pass that scores in bf16 */
    double layers_limit[AT_RUN_EXPLAIN + 1]; /* of each stage's passes over documents, as
                                                of at_pass */
    at_memory_limit memory;
    at_pass_size blocks; /* sizes of the blocks of the passes that score documents */
    size_t *sampled;     /* [n_sampled] sequences whose Gauss-Newton matrix queries are
                            refined with (refine/refine.h) */
    size_t n_sampled;
    at_training_stage
        stages[ATTRIB_MAX_SETTINGS]; /* of a training, in its order; the run's
                                        model and factors are i_stage's */
    size_t n_stages, i_stage;        /* n_stages 0: one model */
    bool is_pilot; /* progress is that of a pilot, and not of the run's stages */
} at_setup;

/* EIO where a file of the model or of the factors is not what it was when it was opened.
 * Asked before anything is kept that was computed from them. */
attrib_status at_setup_check_files(const at_setup *setup, attrib_error *err);

/* Tracked map i: its name and widths. */
const attrib_module *at_setup_module(const at_setup *setup, size_t i);

/* Whether the run holds an array. */
bool at_setup_holds(const at_setup *setup, at_array_kind kind);

/* The setup with queries that are cut to `rank`; whole where that is 0, or not below both
 * widths of any map. */
at_setup at_setup_cut(const at_setup *setup, size_t rank);

/* Whether queries are cut where documents are scored. */
bool at_is_cut(const at_setup *setup);

/* Whether scores of documents are approximate, and those of documents that may be
 * reported are found again in full. */
bool at_is_settled(const at_setup *setup);

/* The rank that queries have in a map: 0 (whole) where the setup's is not below both of
 * the map's widths. */
size_t at_map_rank(const at_setup *setup, size_t i_tracked);

/* The share of preparing rows that the pass over them takes; the maps take the rest. */
#define AT_ROWS_SHARE 0.25

/* What a stage is called in progress; static. */
const char *at_setup_stage(const at_setup *setup, const char *stage);

/* A pass over the run's tracked maps, with the data's labels. */
at_pass at_setup_pass(const at_setup *setup, size_t block_rows, const char *stage);

/* Refuse rows without the tag that options.aggregate names, weights that are not numbers,
 * measurements that options.normalize does not fit, and directions that do not fit the
 * model or its tracked maps: it costs nothing, and may be asked before completions are
 * there. */
attrib_status at_ask_check(const at_setup *setup, attrib_error *err);

/* Refuse queries without a token that counts, or without room for a completion; then have
 * the model write the completions that are missing. */
attrib_status at_complete_queries(const at_setup *setup, attrib_error *err);

/* Fill setup->asked, n_queries and longest_row (asked.c). Queries are the rows, or sums
 * of rows by options.aggregate. They borrow from the rows, which may not change any more.
 */
attrib_status at_ask(at_setup *setup, attrib_error *err);

/* The hash of all that scores depend on of query q: tokens, weights, what it measures. */
attrib_status at_query_hash(const at_setup *setup,
                            size_t q,
                            char out[AT_HASH_SIZE],
                            attrib_error *err);
/* The hash of a row as it was given, without a completion that the model wrote. */
attrib_status at_row_hash(const attrib_query *row,
                          char out[AT_HASH_SIZE],
                          attrib_error *err);
void at_asked_free(at_asked *asked);

/* Query q < n_queries, and the number of rows that it is the sum of. */
const attrib_query *at_query(const at_setup *setup, size_t q);
size_t at_n_rows(const at_setup *setup, size_t q);

#endif
