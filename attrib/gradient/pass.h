/* SPDX-License-Identifier: MIT */
/* The pass: sequences through the decoder in blocks of fixed size, each tracked map
 * handed to taps (attrib/gradient.h). */
#ifndef AT_GRADIENT_PASS_H
#define AT_GRADIENT_PASS_H

#include "attrib/gradient.h"
#include "base/session.h"
#include "model/decoder.h"

/* Where sequences come from. get() is called from any worker. */
typedef struct at_source {
    const void *context;
    size_t n_sequences;
    void (*get)(const void *context, size_t i, attrib_sequence *out);
} at_source;

at_source at_source_corpus(const attrib_corpus *corpus);

/* Consecutive sequences of a corpus. */
typedef struct at_range {
    const attrib_corpus *corpus;
    size_t first; /* sequence */
} at_range;

/* The n_sequences from range->first on; the range is borrowed and may not move. */
at_source at_source_range(const at_range *range, size_t n_sequences);

/* How far sums are, for a pass that goes on where another was stopped. A count stands
 * beside its sum: between two commits of a map both are of the same blocks. */
typedef struct at_resume {
    size_t *done; /* [n_taps, n_tracked] blocks that a tap has of each map, from the first
                     on: they are not visited again, and every commit counts one more */
    void *context; /* of the next */
    /* After such a count, in the turn of the map; may be NULL. */
    attrib_status (*committed)(void *context, size_t i_tracked, attrib_error *err);
} at_resume;

/* What a pass is. */
typedef struct at_pass {
    attrib_session *session;
    const attrib_model *model;
    const size_t *tracked; /* [n_tracked] ascending module indices; borrowed */
    size_t n_tracked;
    at_labels labels;
    uint64_t seed;
    size_t block_rows; /* a block closes before it passes so many rows; one sequence at
                          least */
    const char *stage; /* for progress; static */
    size_t n_parts;    /* of the source, for merge(): whole blocks each; 0: 1 */
    const at_resume *resume; /* NULL: from the first block on. Else finish() is called for
                                blocks that some map lacks, and no others */
} at_pass;

/* Rows a block holds by default: large products, and activations that fit beside the
 * weights. */
#define AT_BLOCK_ROWS ((size_t)512)

/* The first sequence of each block of a pass, and the number of sequences after them:
 * starts [n_blocks + 1], owned by the caller. A source that begins at one of them has the
 * same blocks from there on. */
attrib_status at_pass_blocks(const at_source *source,
                             size_t block_rows,
                             size_t **starts,
                             size_t *n_blocks,
                             attrib_error *err);

/* The blocks of a pass as memory depends on them. */
typedef struct at_pass_size {
    size_t n_blocks, n_rows;
    attrib_block_size most;   /* of any block, each number by itself */
    attrib_block_size *sizes; /* [n_sizes] that occur: the longest for each number of rows
                                 and sequences; owned */
    size_t n_sizes;
} at_pass_size;

attrib_status at_pass_measure(const at_source *source,
                              size_t block_rows,
                              at_pass_size *out,
                              attrib_error *err);
/* The blocks of two passes together, and a pass of one block. */
attrib_status at_pass_size_add(at_pass_size *to,
                               const at_pass_size *more,
                               attrib_error *err);
attrib_status at_pass_size_one(const attrib_block_size *block,
                               at_pass_size *out,
                               attrib_error *err);
void at_pass_size_free(at_pass_size *size);

/* Bytes of one worker of a pass over blocks of these sizes: the decoder's activations,
 * the taps' scratch, the largest desk, and what products take. A dry run of what
 * at_pass_run() allocates; session, labels and seed have no part in it. */
attrib_status at_pass_bytes(const at_pass *pass,
                            const at_pass_size *size,
                            const attrib_tap *taps,
                            size_t n_taps,
                            double *out,
                            attrib_error *err);

/* Bytes of the mapped files that passes read: in memory once all of them were. Both may
 * be NULL. */
double at_pass_mapped_bytes(const attrib_model *model, const attrib_corpus *corpus);

/* Run the pass. The first failure in block order stops it. */
attrib_status at_pass_run(const at_pass *pass,
                          const at_source *source,
                          const attrib_tap *taps,
                          size_t n_taps,
                          attrib_error *err);

#endif
