/* SPDX-License-Identifier: MIT */
/* A run on disk and in memory.
 *
 *     RUN/part-TTTT-PPPPPP.safetensors  scores [n, sums, V] f64 of a tile's cases and a
 *                                       part's documents; bounds, the same, of cut
 *                                       queries; in tile 0 the documents' ids, and self
 *                                       [n, settings] f64 where that was asked for; and
 *                                       so tokens [all their tokens, V] f32 with
 *                                       token_counts [n] i64
 *     RUN/answers.msgpack               what was found for each query
 *     RUN/manifest.msgpack              what the run was made with; written last */
#ifndef AT_RANK_RUN_H
#define AT_RANK_RUN_H

#include "format/record.h"
#include "rank/options.h"
#include "rank/rank.h"

#define AT_RUN_VERSION    4
#define AT_RUN_MANIFEST   "manifest.msgpack"
#define AT_RUN_ANSWERS    "answers.msgpack"
#define AT_PART_DOCUMENTS ((size_t)512) /* what a stopped run does again at most */

/* The scores of consecutive documents against the cases of a tile. */
typedef struct at_part {
    size_t i_tile, first, n_documents;
    size_t n_columns;    /* sums x V */
    double *scores;      /* [n_documents, n_columns] */
    double *bounds;      /* the same, or NULL */
    double *self;        /* [n_documents, settings] of tile 0, or NULL */
    float *tokens;       /* [first_token[n_documents], V] shares of tokens, or NULL */
    size_t *first_token; /* [n_documents + 1], or NULL */
    char *ids;           /* [n_id_bytes] each with a NUL behind it; of tile 0 */
    size_t n_id_bytes;
    const char **id; /* [n_documents] into ids */
} at_part;

struct attrib_run {
    attrib_run_info info;        /* texts are in the bank */
    char identity[AT_HASH_SIZE]; /* of all that scores depend on */
    at_arena *bank;              /* every text and list of the answers and of info */
    attrib_answer *answers;      /* [info.n_answers] */
    const char **groups;         /* [info.n_groups] names */
    size_t n_tile, n_tiles;      /* queries of a tile, the last one's may be fewer */
    at_part *held;               /* [n_tiles, n_parts]; NULL where they are in files */
    at_part *read;               /* [n_tiles] the part read last; NULL where held */
    const attrib_corpus *corpus; /* for ids, where parts are held; borrowed */
};

/* 0. Sizes (sizes.c) */

/* Which sum each map's scores go to, by options.split. */
attrib_status at_group_maps(at_ranking *ranking, attrib_run *run, attrib_error *err);
/* Rank, tiles and blocks, within the limit of memory: ERANGE where that is too small. */
attrib_status at_choose_sizes(at_ranking *ranking, attrib_error *err);

/* 1. Parts (part.c) */

size_t at_n_parts(size_t n_documents);
at_tile at_run_tile(const attrib_run *run, size_t i_tile);
/* Sums that scores are kept in: 1, or one for each group. */
size_t at_run_n_sums(const attrib_run *run);

/* What a score is multiplied by, of a query with this loss and self-influence and a
 * document with that one (which is read for unit alone). */
double at_score_scale(attrib_normalize how,
                      double loss,
                      double query_self,
                      double document_self);

/* Room for `read` or `held`, once info and n_tile are known. */
attrib_status at_run_place_parts(attrib_run *run, bool is_held, attrib_error *err);

/* A part of zeros, without tokens. */
attrib_status at_part_new(
    const attrib_run *run, size_t i_tile, size_t i_part, at_part *out, attrib_error *err);
/* Room for shares of tokens, whose first_token is set. */
attrib_status at_part_add_tokens(const attrib_run *run, at_part *part, attrib_error *err);
attrib_status at_part_write(const attrib_run *run,
                            const at_part *part,
                            attrib_error *err);
/* Whether the part's file is there. */
attrib_status at_part_exists(
    const attrib_run *run, size_t i_tile, size_t i_part, bool *out, attrib_error *err);
/* The identity and the columns of the first part's file; 0 columns where there is none.
 */
attrib_status at_part_peek(const attrib_run *run,
                           char identity[AT_HASH_SIZE],
                           size_t *n_columns,
                           attrib_error *err);
/* A part, held or read from its file, which must be of this run and have its shape:
 * EFORMAT or ESHAPE. Borrowed until the next call for the same tile. */
attrib_status at_run_part(attrib_run *run,
                          size_t i_tile,
                          size_t i_part,
                          const at_part **out,
                          attrib_error *err);
void at_part_free(at_part *part);

/* The total of document `d` of the part in column c < V: over all sums. */
double at_part_total(
    const double *of_part, size_t d, size_t n_columns, size_t n_sums, size_t c);

/* 2. The first and last of each case (settle.c) */

/* What was found for a tile of whole queries. */
typedef struct at_settled {
    at_top *tops; /* [n_cases] */
    size_t n_cases;
    at_pair *pairs; /* [n_pairs] of all that stand in tops, by document, then case */
    size_t n_pairs;
} at_settled;

/* Find them for the queries of `prepared`, all in one tile of the run: those of the
 * scores, or, where these are of cut queries, of scores in full of every document whose
 * bound lets it stand among them. Counts those in run->info. */
attrib_status at_settle(const at_ranking *ranking,
                        const at_prepared *prepared,
                        attrib_run *run,
                        size_t i_tile,
                        at_settled *out,
                        attrib_error *err);
void at_settled_free(at_settled *settled);

/* 3. Answers (answers*.c) */

/* Answers of the queries of `prepared`: copies all into the run's bank. */
attrib_status at_answers_build(attrib_run *run,
                               const at_ranking *ranking,
                               const at_prepared *prepared,
                               const at_settled *settled,
                               attrib_error *err);
attrib_status at_answers_write(const attrib_run *run, attrib_error *err);
attrib_status at_answers_read(attrib_run *run, attrib_error *err);

/* 4. The manifest (run_manifest.c) */

attrib_status at_run_manifest_write(const attrib_run *run, attrib_error *err);
attrib_status at_run_manifest_read(attrib_run *run, attrib_error *err);

#endif
