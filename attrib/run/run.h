/* SPDX-License-Identifier: MIT */
/* A run on disk and in memory.
 *
 *     RUN/scores-TTTT-FFFFFF.safetensors  file FFFFFF of tile TTTT, some slices after one
 *                                         another:
 *         those of the arrays of at_array_kind that the run holds
 *         token_counts  [n] i64     tokens of each document, where an array is of tokens
 *         documents.K   [bytes] u8  of slice K of the file a record of what is known of
 *                                   each document (see documents.c); tile 0 only
 *     RUN/slice-TTTT-SSSSSS.safetensors   the same of slice SSSSSS alone, until all
 *                                         slices of its file are there
 *     RUN/prepared.msgpack                what all shards of the run share (prepared.h);
 *                                         written first
 *     RUN/explained.msgpack               what the scores of reported documents are made
 * of: texts, tokens and modules, a map each, which follow one another (explained.c)
 *     RUN/answers.msgpack                 the documents found for each query, and where
 *                                         they stand in the file above
 *     RUN/manifest.msgpack                what the run was made with; written last
 *
 * 1. Arrays.
 * 2. Slices.
 * 3. Documents.
 * 4. Answers.
 * 5. What reported documents are made of.
 * 6. The manifest. */
#ifndef AT_RUN_RUN_H
#define AT_RUN_RUN_H

#include "attrib/format.h"
#include "corpus/originals.h"
#include "format/record.h"
#include "run/options.h"

#define AT_RUN_VERSION   11
#define AT_RUN_MANIFEST  "manifest.msgpack"
#define AT_RUN_ANSWERS   "answers.msgpack"
#define AT_RUN_EXPLAINED "explained.msgpack"
#define AT_RUN_SKIPPED   "skipped.jsonl" /* rows of the corpus that cannot be read */
/* Documents of a slice, which is written when all of them are scored: a run that was
 * stopped repeats the work on at most one slice. */
#define AT_SLICE_DOCUMENTS ((size_t)512)
/* Slices of a file, for each tile: 13 files for 100,000 documents, whatever the number of
 * tiles. */
#define AT_FILE_SLICES ((size_t)16)

/* The arrays of numbers that slices may hold, in the order in which they stand in files.
 * A new kind of result for every document is a line here, and what arrays.c says of it.
 */
typedef enum at_array_kind {
    AT_SCORES, /* [n, sums, V] f64 */
    AT_BOUNDS, /* [n, sums, V] f64 bounds of the scores' errors, where queries are cut */
    AT_SELF,   /* [n, settings] f64 self-influences; tile 0 only */
    AT_TOKENS, /* [tokens, V] f32 shares of tokens */
    AT_CHECKPOINTS, /* [n, checkpoints, V] f64 scores of each run that a sum is of */
    AT_N_ARRAYS
} at_array_kind;

typedef struct at_array_layout {
    const char *name;  /* of its tensor */
    const char *label; /* what one of its numbers is called in messages */
    attrib_array_shape shape;
    attrib_dtype dtype; /* ATTRIB_F64 or ATTRIB_F32 */
} at_array_layout;

/* Consecutive queries. */
typedef struct at_tile {
    size_t first, n;
} at_tile;

/* The counts that sizes of arrays follow from. */
typedef struct at_counts {
    size_t n_documents, n_tokens;
    size_t n_sums; /* that each score is kept in: 1, or one for each group of maps */
    size_t n_cases, n_settings;
    size_t n_baselines; /* of the settings; these come last */
    size_t n_checkpoints;
} at_counts;

/* Documents first .. end of a corpus of n_corpus, which stand one after the other in a
 * run. A run that scored a whole corpus has one part; a merged one may have more. Slices
 * and files do not cross from one part to the next. */
typedef struct at_part {
    char corpus_hash[AT_HASH_SIZE];
    size_t first, end, n_corpus;
    size_t block_rows; /* of the blocks that they were scored in */
} at_part;

/* Where a slice stands. */
typedef struct at_slice_place {
    size_t first, n;         /* documents of the run */
    size_t i_file, i_within; /* its file, and its place among the slices of that */
    size_t n_within;         /* slices of the file */
    size_t n_file_documents;
} at_slice_place;

/* Numbers of consecutive documents and the cases of a tile. */
typedef struct at_slice {
    size_t i_tile, i_slice;
    at_tile tile; /* its queries */
    size_t first; /* document: index in the run, or in the corpus that is being scored */
    at_counts counts;
    void *arrays[AT_N_ARRAYS]; /* NULL: not held */
    size_t *first_token; /* [n_documents + 1] where each document begins in arrays of
                            tokens; NULL where there are none */
    at_buffer documents; /* a record of them, to be written; empty where it was read,
                            in other tiles than 0, and where slices are held */
    char content[AT_HASH_SIZE]; /* hash of the documents' tokens, by which a slice is
                                   known in another corpus; "" where it was read */
} at_slice;

/* Bytes of a document in a slice's record, and of each of its tags, with ids and values
 * of the lengths that facts have: estimates for plans and the limit of memory. */
#define AT_DOCUMENT_BYTES 56.0
#define AT_TAG_BYTES      13.0

/* What a run on disk says of consecutive documents. */
typedef struct at_documents {
    size_t first, n;
    attrib_document *items; /* [n] */
    at_arena *bank;         /* their texts and tags, and the items */
} at_documents;

/* Where a reported document stands in the file of what they are made of. */
typedef struct at_extract {
    size_t start, n_bytes;
    unsigned char digest[AT_DIGEST_BYTES]; /* of these bytes */
} at_extract;

/* The reported documents of an answer. */
typedef struct at_explained_answer {
    attrib_result *results; /* [n] the first ones, then the last; in the run's bank */
    at_extract *extracts;   /* [n] */
    size_t n;
} at_explained_answer;

/* What reported documents are made of, which stays on disk: of one answer at a time, or
 * of one document, it is in memory. */
typedef struct at_explained {
    at_map map;
    char *path;
    at_explained_answer *answers; /* [info.n_answers] */
    attrib_token_score *pieces;   /* [n_pieces] tokens that occur, without their scores */
    const char **modules;         /* [n_modules] names */
    size_t n_pieces, n_modules;
    at_arena *bank;  /* of what is in memory */
    size_t i_answer; /* whose documents it is of */
} at_explained;

typedef struct at_drawn at_drawn;

struct attrib_run {
    attrib_run_info info; /* texts are in the bank; options are these */
    attrib_score_options options;
    char identity[AT_HASH_SIZE]; /* hash of all that scores depend on */
    at_arena *bank;              /* every text and list of the answers and of info */
    at_explained *explained;     /* NULL: what documents are made of is in the bank too */
    attrib_answer *answers;      /* [info.n_answers] */
    at_drawn *drawn;             /* [info.n_answers] of a run that is made and keeps it
                                    (drawn.h); else NULL */
    const char **groups;         /* [info.n_groups] names */
    char modules_hash[AT_HASH_SIZE], queries_hash[AT_HASH_SIZE]; /* in identity */
    at_part *parts; /* [n_parts]; none: documents of one corpus */
    size_t n_parts;
    size_t first;           /* index in the corpus of the first document of a run that is
                               being scored; else 0 */
    size_t n_tile, n_tiles; /* queries of a tile; the last may have fewer */
    size_t n_first;         /* queries that a run of cut ones began with; else 0 */
    at_slice *held;         /* [n_tiles, n_slices]; NULL where they are in files */
    at_slice *read;         /* [n_tiles] the slice read last; NULL where held */
    at_fields fields;       /* that its documents were read by */
    at_documents documents; /* of the slice read last; none where held */
    const attrib_corpus *corpus; /* for documents, where slices are held; borrowed */
};

/* A run with nothing in it but its bank. */
attrib_status at_run_new(attrib_run **out, attrib_error *err);

/* Note the command that makes the run, which may be NULL, and where it is given. */
attrib_status at_run_set_command(attrib_run *run, const char *command, attrib_error *err);

/* 1. Arrays (arrays.c) */

/* Whether runs with these options that are no sums hold an array; is_cut: queries are
 * cut. */
bool at_array_is_held(at_array_kind kind,
                      const attrib_score_options *options,
                      bool is_cut);
/* Whether its numbers are of queries: runs without these do not hold it. */
bool at_array_has_queries(at_array_kind kind);
bool at_run_holds(const attrib_run *run, at_array_kind kind);
const at_array_layout *at_array_layout_of(at_array_kind kind);
/* The rows and columns that a slice has of an array. */
attrib_status at_array_dims(at_array_kind kind,
                            const at_counts *counts,
                            size_t dims[2],
                            attrib_error *err);

/* Bytes of all arrays that runs with these options hold. */
double at_arrays_bytes(const attrib_score_options *options,
                       bool is_cut,
                       const at_counts *counts);

/* 2. Slices (slice.c, slice_write.c, slice_read.c) */

size_t at_n_slices(size_t n_documents);
/* The slices of a run; which of them holds document i, whose place in it is *d; and where
 * slice i_slice stands. */
size_t at_run_n_slices(const attrib_run *run);
size_t at_run_slice_of(const attrib_run *run, size_t i, size_t *d);
at_slice_place at_run_place(const attrib_run *run, size_t i_slice);
at_tile at_run_tile(const attrib_run *run, size_t i_tile);

/* The factor that normalizes a score, from the query's loss and self-influence and the
 * document's self-influence, which only ATTRIB_NORMALIZE_UNIT reads. */
double at_score_scale(attrib_normalize how,
                      double loss,
                      double query_self,
                      double document_self);

/* Make room for `read` or `held`, once info and n_tile are set. */
attrib_status at_run_place_slices(attrib_run *run, bool is_held, attrib_error *err);

/* Set what the numbers of a slice belong to, without its arrays. */
attrib_status at_slice_outline(const attrib_run *run,
                               size_t i_tile,
                               size_t i_slice,
                               at_slice *out,
                               attrib_error *err);
/* Whether a slice has an array of all that the run holds. */
bool at_slice_holds(const attrib_run *run, const at_slice *slice, at_array_kind kind);
/* Make a slice of zeros for documents of a corpus, which is read for arrays of tokens and
 * for the record of documents only. */
attrib_status at_slice_new(const attrib_run *run,
                           const attrib_corpus *corpus,
                           size_t i_tile,
                           size_t i_slice,
                           at_slice *out,
                           attrib_error *err);
/* The hash of the tokens of documents first .. first + n of a corpus. */
attrib_status at_slice_content(const attrib_corpus *corpus,
                               size_t first,
                               size_t n,
                               char out[AT_HASH_SIZE],
                               attrib_error *err);
/* Write a slice; when it is the last of its file, all of these become one. */
attrib_status at_slice_write(const attrib_run *run,
                             const at_slice *slice,
                             attrib_error *err);
/* Make one file of the slices of the file that i_slice belongs to, all of which are
 * there, if that was not done yet. */
attrib_status at_slices_join(const attrib_run *run,
                             size_t i_tile,
                             size_t i_slice,
                             attrib_error *err);
/* Whether the slice is there, in a file of its own or with others. */
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
/* Read the record of a slice's documents from the file of tile 0. */
attrib_status at_slice_documents(const attrib_run *run,
                                 size_t i_slice,
                                 at_record *out,
                                 attrib_error *err);
void at_slice_free(at_slice *slice);

/* The scores of documents first .. first + n for one answer, as attrib_run_scores() has
 * them: out [n]. Reads the tile of its query alone. */
attrib_status at_run_query_scores(attrib_run *run,
                                  size_t i_answer,
                                  size_t first,
                                  size_t n,
                                  double *out,
                                  attrib_error *err);

/* The scores of document i against the queries of a tile under a setting, as
 * attrib_run_scores() has them, and their bounds, 0 where the run has none: [tile.n]. */
attrib_status at_run_tile_read(attrib_run *run,
                               size_t i_tile,
                               size_t i_setting,
                               size_t i,
                               double *scores,
                               double *bounds,
                               attrib_error *err);

/* The factor that the scores of document i for an answer are normalized by. */
attrib_status at_run_scale(
    attrib_run *run, size_t i_answer, size_t i, double *out, attrib_error *err);

/* Set what the run says of cut queries whose reported documents are all exact: how many
 * documents had to be scored in full for that, and the largest error of those reported
 * (certify.c). */
attrib_status at_run_certify(attrib_run *run, attrib_error *err);

/* The score of document `d` of a slice in column c < V, totalled over all sums. */
double at_slice_total(const double *scores, const at_counts *counts, size_t d, size_t c);

/* 3. Documents (documents.c) */

/* Append the record of documents first .. first + n of a corpus. */
attrib_status at_documents_write(const attrib_corpus *corpus,
                                 size_t first,
                                 size_t n,
                                 at_buffer *out,
                                 attrib_error *err);
/* Read a slice's documents; EFORMAT where there are others than `n`. */
attrib_status at_documents_read(const at_record *record,
                                size_t first,
                                size_t n,
                                at_documents *out,
                                attrib_error *err);
void at_documents_free(at_documents *documents);

/* 4. Answers (answers_read.c, answers_write.c) */

attrib_status at_answers_write(const attrib_run *run, attrib_error *err);
attrib_status at_answers_read(attrib_run *run, attrib_error *err);

/* 5. What reported documents are made of (explained.c, explained_write.c) */

/* Make `explained` for a run in a folder, without answers, pieces and modules. */
attrib_status at_explained_open(attrib_run *run, attrib_error *err);
void at_explained_close(at_explained *explained);

/* A file of them that is being written. Zeroed = none. */
typedef struct at_explained_writer {
    at_output output;
    size_t n_bytes;             /* written */
    msgpack_sbuffer packed;     /* scratch */
    at_buffer numbers;          /* scratch */
    attrib_token_score *pieces; /* [n_pieces] each once; texts are borrowed */
    size_t n_pieces, piece_capacity;
    size_t *slots; /* [n_slots] a hash table of 1 + the place in `pieces`; 0: empty */
    size_t n_slots;
    const char **modules; /* [n_modules] names, borrowed */
    size_t n_modules;
} at_explained_writer;

attrib_status at_explained_writer_open(const char *folder,
                                       at_explained_writer *out,
                                       attrib_error *err);
/* Write what a document is made of; texts of its tokens and names stay borrowed. */
attrib_status at_explained_writer_add(at_explained_writer *writer,
                                      const attrib_result *result,
                                      at_extract *out,
                                      attrib_error *err);
attrib_status at_explained_writer_commit(at_explained_writer *writer, attrib_error *err);
void at_explained_writer_free(at_explained_writer *writer);

/* 6. The manifest (manifest_read.c, manifest_write.c) */

attrib_status at_run_manifest_write(const attrib_run *run, attrib_error *err);
attrib_status at_run_manifest_read(attrib_run *run, attrib_error *err);

#endif
