/* SPDX-License-Identifier: MIT */
/* A run on disk and in memory.
 *
 *     RUN/scores-TTTT-PPPPPP.safetensors  slice PPPPPP of tile TTTT:
 *         scores        [n, sums, V] f64  scores of the slice's documents
 *         bounds        [n, sums, V] f64  bounds of their errors, where queries are cut
 *         ids           [bytes] u8        document ids, a NUL after each; tile 0 only
 *         self          [n, settings] f64 self-influences, if asked for; tile 0 only
 *         tokens        [tokens, V] f32   shares of all tokens, if asked for
 *         token_counts  [n] i64           tokens of each document, if asked for
 *     RUN/answers.msgpack                 the documents found for each query
 *     RUN/manifest.msgpack                what the run was made with; written last
 *
 * 1. Slices.
 * 2. Answers.
 * 3. The manifest. */
#ifndef AT_RUN_RUN_H
#define AT_RUN_RUN_H

#include "format/record.h"
#include "run/options.h"

#define AT_RUN_VERSION  5
#define AT_RUN_MANIFEST "manifest.msgpack"
#define AT_RUN_ANSWERS  "answers.msgpack"
/* Documents of a slice, which is written when all of them are scored: a run that was
 * stopped repeats the work on at most one slice. */
#define AT_SLICE_DOCUMENTS ((size_t)512)

/* Consecutive queries. */
typedef struct at_tile {
    size_t first, n;
} at_tile;

/* The scores of consecutive documents against the cases of a tile. */
typedef struct at_slice {
    size_t i_tile, first, n_documents;
    size_t n_columns;    /* sums x V */
    double *scores;      /* [n_documents, n_columns] */
    double *bounds;      /* [n_documents, n_columns], or NULL */
    double *self;        /* [n_documents, settings] in tile 0, or NULL */
    float *tokens;       /* [first_token[n_documents], V] shares of tokens, or NULL */
    size_t *first_token; /* [n_documents + 1], or NULL */
    char *ids;           /* [n_id_bytes] ids, each followed by a NUL; in tile 0 */
    size_t n_id_bytes;
    const char **id; /* [n_documents] into ids */
} at_slice;

struct attrib_run {
    attrib_run_info info;        /* texts are in the bank */
    char identity[AT_HASH_SIZE]; /* hash of all that scores depend on */
    at_arena *bank;              /* every text and list of the answers and of info */
    attrib_answer *answers;      /* [info.n_answers] */
    const char **groups;         /* [info.n_groups] names */
    size_t n_tile, n_tiles;      /* queries of a tile; the last may have fewer */
    at_slice *held;              /* [n_tiles, n_slices]; NULL where they are in files */
    at_slice *read;              /* [n_tiles] the slice read last; NULL where held */
    const attrib_corpus *corpus; /* for ids, where slices are held; borrowed */
};

/* A run with nothing in it but its bank. */
attrib_status at_run_new(attrib_run **out, attrib_error *err);

/* 1. Slices (slice.c) */

size_t at_n_slices(size_t n_documents);
at_tile at_run_tile(const attrib_run *run, size_t i_tile);
/* The number of sums that each score is kept in: 1, or one for each group of maps. */
size_t at_run_n_sums(const attrib_run *run);

/* The factor that normalizes a score, from the query's loss and self-influence and the
 * document's self-influence, which only ATTRIB_NORMALIZE_UNIT reads. */
double at_score_scale(attrib_normalize how,
                      double loss,
                      double query_self,
                      double document_self);

/* Make room for `read` or `held`, once info and n_tile are set. */
attrib_status at_run_place_slices(attrib_run *run, bool is_held, attrib_error *err);

/* Make a slice of zeros, without shares of tokens. */
attrib_status at_slice_new(const attrib_run *run,
                           size_t i_tile,
                           size_t i_slice,
                           at_slice *out,
                           attrib_error *err);
/* Bytes of the scores of n_documents documents, and of their bounds. */
double at_slice_bytes(double n_documents, double n_columns, bool has_bounds);

/* Make room for shares of tokens; first_token is set. */
attrib_status at_slice_add_tokens(const attrib_run *run,
                                  at_slice *slice,
                                  attrib_error *err);
attrib_status at_slice_write(const attrib_run *run,
                             const at_slice *slice,
                             attrib_error *err);
/* Whether the slice's file is there. */
attrib_status at_slice_exists(
    const attrib_run *run, size_t i_tile, size_t i_slice, bool *out, attrib_error *err);
/* Read the identity and the number of columns from the first slice's file; 0 columns
 * where there is no such file. */
attrib_status at_slice_peek(const attrib_run *run,
                            char identity[AT_HASH_SIZE],
                            size_t *n_columns,
                            attrib_error *err);
/* Get a slice, which is held in memory or read from its file. EFORMAT or ESHAPE where the
 * file does not belong to this run or has another shape. Borrowed until the next call for
 * the same tile. */
attrib_status at_run_slice(attrib_run *run,
                           size_t i_tile,
                           size_t i_slice,
                           const at_slice **out,
                           attrib_error *err);
void at_slice_free(at_slice *slice);

/* The score of document `d` of a slice in column c < V, totalled over all sums. */
double at_slice_total(
    const double *of_slice, size_t d, size_t n_columns, size_t n_sums, size_t c);

/* 2. Answers (answers_read.c, answers_write.c) */

attrib_status at_answers_write(const attrib_run *run, attrib_error *err);
attrib_status at_answers_read(attrib_run *run, attrib_error *err);

/* 3. The manifest (manifest.c) */

attrib_status at_run_manifest_write(const attrib_run *run, attrib_error *err);
attrib_status at_run_manifest_read(attrib_run *run, attrib_error *err);

#endif
