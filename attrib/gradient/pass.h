/* SPDX-License-Identifier: MIT */
/* The pass: sequences through the decoder in blocks of fixed size, each tracked map
 * handed to a tap. */
#ifndef AT_GRADIENT_PASS_H
#define AT_GRADIENT_PASS_H

#include "base/session.h"
#include "model/decoder.h"

/* Where sequences come from. get() is called from any worker. */
typedef struct at_source {
    const void *context;
    size_t n_sequences;
    void (*get)(const void *context, size_t i, attrib_sequence *out);
} at_source;

at_source at_source_corpus(const attrib_corpus *corpus);

/* A block: consecutive sequences that one worker takes through the decoder together. */
typedef struct at_block {
    size_t index;
    size_t first_sequence; /* in the source */
    at_batch batch;
    size_t n_rows;
    const double *slopes; /* [n_sequences] along a tap's direction, when all maps are
                             done; NULL where it has none */
} at_block;

/* What looks at a pass. Callbacks may be NULL. None of what they compute may depend on
 * i_worker. */
typedef struct at_tap {
    void *context;
    /* Map i_tracked of a block, on any worker at any time: [n_rows, in_dim] and [n_rows,
     * out_dim]. */
    attrib_status (*module)(void *context,
                            size_t i_worker,
                            const at_block *block,
                            size_t i_tracked,
                            const float *a,
                            const float *ds,
                            attrib_error *err);
    /* In place of module(), and of the backward pass: the direction of a map, along which
     * the pass goes in forward mode. Labels are the data's. */
    attrib_status (*direction)(void *context,
                               const at_outputs *outputs,
                               attrib_error *err);
    /* Right behind module(), one block at a time for each map, in block order: add up
     * what module() left in the worker. */
    attrib_status (*commit)(void *context,
                            size_t i_worker,
                            const at_block *block,
                            size_t i_tracked,
                            attrib_error *err);
    /* After the last map of a block, one block at a time, in block order. losses
     * [n_sequences], f64 nats. */
    attrib_status (*finish)(void *context,
                            size_t i_worker,
                            const at_block *block,
                            const double *losses,
                            attrib_error *err);
} at_tap;

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
} at_pass;

/* Rows a block holds by default: large products, and activations that fit beside the
 * weights. */
#define AT_BLOCK_ROWS ((size_t)512)

/* The first sequence of each block of a pass, and the number of sequences behind them:
 * starts [n_blocks + 1], owned by the caller. A source that begins at one of them has the
 * same blocks from there on. */
attrib_status at_pass_blocks(const at_source *source,
                             size_t block_rows,
                             size_t **starts,
                             size_t *n_blocks,
                             attrib_error *err);

/* What taps size their scratch by, and predict their work from. */
typedef struct at_pass_size {
    size_t n_workers; /* that at_pass_run() will use for this source */
    size_t n_blocks, n_rows;
    size_t max_sequences, max_rows; /* of any block */
} at_pass_size;

attrib_status at_pass_measure(const at_pass *pass,
                              const at_source *source,
                              at_pass_size *out,
                              attrib_error *err);

/* Its n_workers alone. */
attrib_status at_pass_n_workers(const at_pass *pass,
                                const at_source *source,
                                size_t *out,
                                attrib_error *err);

/* Bytes of the mapped files that passes read: in memory once all of them were. Both may
 * be NULL. */
double at_pass_mapped_bytes(const attrib_model *model, const attrib_corpus *corpus);

/* Run the pass. The first failure in block order stops it. */
attrib_status at_pass_run(const at_pass *pass,
                          const at_source *source,
                          const at_tap *tap,
                          attrib_error *err);

#endif
