/* SPDX-License-Identifier: MIT */
/* A run on disk and in memory.
 *
 *     RUN/scores-TTTT-PPPPPP.safetensors  scores [n, sums, V] f64 of a tile's cases and a
 *                                       slice's documents; bounds, the same, of cut
 *                                       queries; in tile 0 the documents' ids, and self
 *                                       [n, settings] f64 where that was asked for; and
 *                                       so tokens [all their tokens, V] f32 with
 *                                       token_counts [n] i64
 *     RUN/answers.msgpack               what was found for each query
 *     RUN/manifest.msgpack              what the run was made with; written last */
#ifndef AT_RUN_RUN_H
#define AT_RUN_RUN_H

#include "format/record.h"
#include "run/options.h"

#define AT_RUN_VERSION     4
#define AT_RUN_MANIFEST    "manifest.msgpack"
#define AT_RUN_ANSWERS     "answers.msgpack"
#define AT_SLICE_DOCUMENTS ((size_t)512) /* what a stopped run does again at most */

/* Consecutive queries. */
typedef struct at_tile {
    size_t first, n;
} at_tile;

/* The scores of consecutive documents against the cases of a tile. */
typedef struct at_slice {
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
} at_slice;

struct attrib_run {
    attrib_run_info info;        /* texts are in the bank */
    char identity[AT_HASH_SIZE]; /* of all that scores depend on */
    at_arena *bank;              /* every text and list of the answers and of info */
    attrib_answer *answers;      /* [info.n_answers] */
    const char **groups;         /* [info.n_groups] names */
    size_t n_tile, n_tiles;      /* queries of a tile, the last one's may be fewer */
    at_slice *held;              /* [n_tiles, n_slices]; NULL where they are in files */
    at_slice *read;              /* [n_tiles] the slice read last; NULL where held */
    const attrib_corpus *corpus; /* for ids, where slices are held; borrowed */
};

/* A run with nothing in it but its bank. */
attrib_status at_run_new(attrib_run **out, attrib_error *err);

/* 1. Slices (slice.c) */

size_t at_n_slices(size_t n_documents);
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
attrib_status at_run_place_slices(attrib_run *run, bool is_held, attrib_error *err);

/* A slice of zeros, without tokens. */
attrib_status at_slice_new(const attrib_run *run,
                           size_t i_tile,
                           size_t i_slice,
                           at_slice *out,
                           attrib_error *err);
/* Bytes of the scores of so many documents, and of their bounds. */
double at_slice_bytes(double n_documents, double n_columns, bool has_bounds);

/* Room for shares of tokens, whose first_token is set. */
attrib_status at_slice_add_tokens(const attrib_run *run,
                                  at_slice *slice,
                                  attrib_error *err);
attrib_status at_slice_write(const attrib_run *run,
                             const at_slice *slice,
                             attrib_error *err);
/* Whether the slice's file is there. */
attrib_status at_slice_exists(
    const attrib_run *run, size_t i_tile, size_t i_slice, bool *out, attrib_error *err);
/* The identity and the columns of the first slice's file; 0 columns where there is none.
 */
attrib_status at_slice_peek(const attrib_run *run,
                            char identity[AT_HASH_SIZE],
                            size_t *n_columns,
                            attrib_error *err);
/* A slice, held or read from its file, which must be of this run and have its shape:
 * EFORMAT or ESHAPE. Borrowed until the next call for the same tile. */
attrib_status at_run_slice(attrib_run *run,
                           size_t i_tile,
                           size_t i_slice,
                           const at_slice **out,
                           attrib_error *err);
void at_slice_free(at_slice *slice);

/* The total of document `d` of the slice in column c < V: over all sums. */
double at_slice_total(
    const double *of_slice, size_t d, size_t n_columns, size_t n_sums, size_t c);

/* 2. Answers (answers_read.c, answers_write.c) */

attrib_status at_answers_write(const attrib_run *run, attrib_error *err);
attrib_status at_answers_read(attrib_run *run, attrib_error *err);

/* 3. The manifest (manifest.c) */

attrib_status at_run_manifest_write(const attrib_run *run, attrib_error *err);
attrib_status at_run_manifest_read(attrib_run *run, attrib_error *err);

#endif
