/* SPDX-License-Identifier: MIT */
/* An index on disk.
 *
 *     INDEX/index.msgpack   a record: what it was made from, and its pieces; written last
 *     INDEX/begun.msgpack   the same without pieces, while the folder is filled
 *     INDEX/documents.store the tokens of its corpus (attrib/corpus/README.md), which
 *                           questions read; not of indexes that were merged of several
 *                           corpora
 *     INDEX/scales.bin      f32 scale_out [O], scale_in [I] of each map
 *     INDEX/piece-NNNNNN    512 documents at most:
 *         "ATTRIBX1", u64 n, u64 record_bytes, the index's hash, that of what follows and
 * that of the digests, 32 digits each, zeros up to 128 bytes digests [n, 16]   of the
 * documents' tokens, by which they are known in a corpus self [n] f32 self-influences
 *         records [n, record_bytes]   (shape.h)
 *
 * A piece is written whole, under a temporary name, and depends on its documents alone:
 * so an index that was stopped goes on, and indexes are merged by copying pieces. */
#ifndef AT_INDEX_INDEX_H
#define AT_INDEX_INDEX_H

#include "attrib/index.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/session.h"
#include "curvature/factors.h"
#include "index/shape.h"

#define AT_INDEX_VERSION 1
/* Raised whenever records of the same document become other bytes: an index that another
 * attrib began is not gone on with then, though it can be read. */
#define AT_INDEX_METHOD       1
#define AT_INDEX_MANIFEST     "index.msgpack"
#define AT_INDEX_BEGUN        "begun.msgpack"
#define AT_INDEX_SCALES       "scales.bin"
#define AT_INDEX_STORE        "documents.store"
#define AT_PIECE_NAME         "piece-"
#define AT_PIECE_MAGIC        "ATTRIBX1"
#define AT_PIECE_HEADER_BYTES ((size_t)128)
#define AT_PIECE_DOCUMENTS    ((size_t)512)
/* More than any record needs, so that sizes cannot overflow. */
#define AT_MOST_RECORD_BYTES ((size_t)1 << 30)

typedef struct at_index_part {
    size_t n; /* documents */
    char hash[AT_HASH_SIZE];
} at_index_part;

struct attrib_index {
    attrib_index_info info; /* texts and paths are in the bank */
    at_index_shape shape;
    char hash[AT_HASH_SIZE];   /* of model, factors and options */
    char scales[AT_HASH_SIZE]; /* of the scales' file */
    char corpus[AT_HASH_SIZE]; /* of the corpus that is being indexed; "" where merged */
    at_index_part *parts;      /* [n_parts] the pieces */
    size_t n_parts;
    at_checked *checked; /* NULL: pieces are checked whenever they are mapped */
    char *folder;
    at_arena *bank;
};

/* An index with nothing in it but its bank. */
attrib_status at_index_new(const char *folder, attrib_index **out, attrib_error *err);

/* FOLDER/NAME, and FOLDER/piece-NNNNNN; owned by the caller. */
attrib_status at_index_path(const attrib_index *index,
                            const char *name,
                            char **out,
                            attrib_error *err);
attrib_status at_piece_path(const attrib_index *index,
                            size_t i_piece,
                            char **out,
                            attrib_error *err);

/* 1. Writing (index_write.c) */

/* Fill hash and scales from all that the index depends on. */
attrib_status at_index_name(attrib_index *index, attrib_error *err);
attrib_status at_index_write_scales(const attrib_index *index, attrib_error *err);
/* Write the record under a name: with its pieces, or as begun. */
attrib_status at_index_write(const attrib_index *index,
                             const char *name,
                             attrib_error *err);

/* What is written of some documents, one after the other. */
typedef struct at_piece_content {
    size_t n;
    const unsigned char *digests; /* [n, AT_DIGEST_BYTES] */
    const float *self;            /* [n] */
    const uint8_t *records;       /* [n, record_bytes] */
} at_piece_content;

attrib_status at_piece_write(attrib_index *index,
                             size_t i_piece,
                             const at_piece_content *content,
                             attrib_error *err);

/* 2. The folder while it is filled (begin.c) */

typedef enum at_index_state {
    AT_INDEX_NEW,
    AT_INDEX_GOES_ON,
    AT_INDEX_FINISHED
} at_index_state;

/* Make and lock the folder of an index that is named, and write begun.msgpack, or find
 * that the same index was begun there, or finished. EIO where it holds something else or
 * is locked, ESHAPE where another index was begun or finished there. */
attrib_status at_index_begin(const attrib_index *index,
                             at_lock *lock,
                             at_index_state *state,
                             attrib_error *err);
/* The pieces of an index that is finished there must be those of this one. */
attrib_status at_index_check_pieces(const attrib_index *index, attrib_error *err);
/* Write scales and record, when all pieces are there. */
attrib_status at_index_finish(const attrib_index *index, attrib_error *err);
/* Remove pieces and scales, but not the record of what was begun. */
void at_index_empty(const attrib_index *index);

/* 3. Its documents (documents.c) */

/* Keep the tokens of the corpus, which was read as the job says, in the folder. */
attrib_status at_index_keep_documents(const attrib_index *index,
                                      const attrib_corpus *corpus,
                                      const attrib_ingest_job *reading,
                                      attrib_error *err);
/* Keep the store of several indexes, where all have the same one: shards of a corpus. */
attrib_status at_index_merge_documents(attrib_index *const *from,
                                       size_t n,
                                       const attrib_index *out,
                                       attrib_error *err);

/* 4. Reading (index_read.c) */

/* Read the record of that name, without scales. */
attrib_status at_index_read(const char *folder,
                            const char *name,
                            attrib_index **out,
                            attrib_error *err);

/* A piece that is mapped. */
typedef struct at_piece_map {
    at_map map;
    at_piece_content content; /* in the map */
    char hash[AT_HASH_SIZE];  /* of the content, as its header says */
} at_piece_map;

/* Map piece i_piece. EFORMAT where it is not one of this index. `is_checked`: all of its
 * bytes are read, and every record is one, unless this index, which stays open, found
 * that of the same file before. */
attrib_status at_piece_open(const attrib_index *index,
                            size_t i_piece,
                            bool is_checked,
                            at_piece_map *out,
                            attrib_error *err);
void at_piece_close(at_piece_map *piece);

#endif
