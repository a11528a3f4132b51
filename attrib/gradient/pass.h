/* SPDX-License-Identifier: MIT */
/* The pass: sequences go through the decoder in blocks of fixed size, and taps
 * (attrib/gradient.h) are handed each tracked map. */
#ifndef AT_GRADIENT_PASS_H
#define AT_GRADIENT_PASS_H

#include "attrib/gradient.h"
#include "base/session.h"
#include "model/decoder.h"

/* Where sequences come from. get() may be called by any worker. */
typedef struct at_source {
    const void *context;
    size_t n_sequences;
    void (*get)(const void *context, size_t i, attrib_sequence *out);
    /* Whether sequence i > 0 stands in the block of the one before it, however many rows
     * that has; NULL: none does. */
    bool (*joins)(const void *context, size_t i);
    /* Whether sequence i > 0 begins a block; NULL: where rows are enough. */
    bool (*begins)(const void *context, size_t i);
} at_source;

at_source at_source_corpus(const attrib_corpus *corpus);

/* Consecutive sequences of a corpus. */
typedef struct at_range {
    const attrib_corpus *corpus;
    size_t first; /* index of the first sequence */
} at_range;

/* A source of n_sequences sequences from range->first on. The range is borrowed and may
 * not move. */
at_source at_source_range(const at_range *range, size_t n_sequences);

/* How many blocks the sums of each map hold, for a pass that goes on where another was
 * stopped. Between two commits of a map its count and its sum are of the same blocks. */
typedef struct at_resume {
    size_t *done;  /* [n_taps, n_tracked] how many blocks, from the first on, a tap has of
                      each map. These are not visited again; every commit adds 1. */
    void *context; /* for committed() */
    /* Called after each commit was counted, in the turn of the map; may be NULL. */
    attrib_status (*committed)(void *context, size_t i_tracked, attrib_error *err);
} at_resume;

/* The settings of a pass. */
typedef struct at_pass {
    attrib_session *session;
    const attrib_model *model;
    const size_t *tracked; /* [n_tracked] ascending module indices; borrowed */
    size_t n_tracked;
    at_labels labels;
    uint64_t seed;
    size_t block_rows; /* the most rows of a block, unless a single sequence has more */
    const char *stage; /* name of the stage, for progress; static */
    size_t n_parts;    /* parts of the source for merge(), each of whole blocks; 0: 1 */
    const at_resume *resume; /* NULL: begin with the first block. Else finish() is called
                                only for blocks that some map still lacks */
    double units; /* of its declared stage that the pass is worth; 0: its sequences */
    attrib_precision precision; /* of products, not ATTRIB_AUTO_PRODUCTS */
    bool rounds_weights;  /* once, for as long as the pass runs; else each product does */
    double layers_limit;  /* bytes that a worker's scratch may take before layers make
                             again  what the backward pass reads, as of at_decoder_keep();
                             0: the  usual ones */
    bool skips_uncounted; /* leave out what has a gradient of 0: rows after the last one
                             of a sequence whose prediction counts, and in the last layer
                             after its attention all that do not count. For taps to which
                             inputs are nothing without their gradient, and want no states
                             or directions */
} at_pass;

/* The most rows of a block by default. A product of n rows with weights in f32 does n / 2
 * FLOP for each byte of weights that it reads: 256 at 512 rows, where a core that does
 * 100 GFLOP/s and reads 10 GB/s needs 10, so that reading and widening weights is a small
 * part of the time. Scratch grows with the rows: 512 take 193 MiB of GPT-2 small, less
 * than half of its weights (model/layers.h). */
#define AT_BLOCK_ROWS ((size_t)512)

/* The rows of a sequence that a pass takes through the decoder: all, or those up to the
 * last prediction that counts; one at least. */
size_t at_pass_rows(const at_pass *pass, const attrib_sequence *sequence);

/* Cut a source into blocks, by all rows of its sequences: starts [n_blocks + 1], owned by
 * the caller, holds the first sequence of each block, then the number of sequences. A
 * source that begins at one of these has the same blocks from there on. */
attrib_status at_pass_blocks(const at_source *source,
                             size_t block_rows,
                             size_t **starts,
                             size_t *n_blocks,
                             attrib_error *err);

/* The sizes of the blocks of a pass, which memory depends on. */
typedef struct at_pass_size {
    size_t n_blocks, n_rows;
    attrib_block_size most;   /* the largest of each number, over all blocks */
    attrib_block_size *sizes; /* [n_sizes] one for each pair of numbers of rows and
                                 sequences, with the longest sequence; owned */
    size_t n_sizes;
} at_pass_size;

/* Measure the blocks that at_pass_blocks() cut a source into; and cut and measure. */
attrib_status at_pass_size_of(const at_source *source,
                              const size_t *starts,
                              size_t n_blocks,
                              at_pass_size *out,
                              attrib_error *err);
attrib_status at_pass_measure(const at_source *source,
                              size_t block_rows,
                              at_pass_size *out,
                              attrib_error *err);
/* Add the blocks of another pass to those of one; and the sizes of a pass of one block.
 */
attrib_status at_pass_size_add(at_pass_size *to,
                               const at_pass_size *more,
                               attrib_error *err);
attrib_status at_pass_size_one(const attrib_block_size *block,
                               at_pass_size *out,
                               attrib_error *err);
void at_pass_size_free(at_pass_size *size);

/* Bytes of one worker of a pass over blocks of these sizes: the decoder's activations,
 * the taps' scratch, the largest desk, and the buffers of BLAS. This is a dry run of what
 * at_pass_run() allocates; it does not depend on session, labels and seed. */
attrib_status at_pass_bytes(const at_pass *pass,
                            const at_pass_size *size,
                            const attrib_tap *taps,
                            size_t n_taps,
                            double *out,
                            attrib_error *err);

/* Whether the pass rounds weights once, and holds them for all its workers. */
bool at_pass_rounds_once(const at_pass *pass);

/* Whether a pass is to do so within `room` bytes of memory that are left. */
attrib_status at_pass_choose_rounding(const attrib_model *model,
                                      attrib_precision precision,
                                      double room,
                                      bool *out,
                                      attrib_error *err);

/* Bytes that a stage takes where its passes have a layers_limit. */
typedef attrib_status (*at_layers_bytes)(const void *context,
                                         double layers_limit,
                                         double *bytes,
                                         attrib_error *err);

/* A layers_limit with which n_workers workers of a stage stay within `room` bytes: the
 * largest of those that are tried, 0 where none is more than the usual. What layers keep
 * they need not make again, which is 13 % of the products of a backward pass of
 * SmolLM2-135M, and a fifth of those of Qwen2.5-0.5B. */
attrib_status at_pass_choose_layers(at_layers_bytes bytes_of,
                                    const void *context,
                                    double room,
                                    size_t n_workers,
                                    double *out,
                                    attrib_error *err);

/* Bytes of what a pass holds for all its workers: the weights that it rounds. */
attrib_status at_pass_shared_bytes(const at_pass *pass, double *out, attrib_error *err);

/* Bytes of the mapped files that passes read, all of which end up in memory. Both may be
 * NULL. */
double at_pass_mapped_bytes(const attrib_model *model, const attrib_corpus *corpus);

/* EIO where a file that weights are read from is not what it was when the model was
 * opened: what was computed since then may be of either. */
attrib_status at_pass_check_model(const attrib_model *model, attrib_error *err);

/* What Hugging Face's files call the parameters of a map, {body}{name}.weight and .bias,
 * which for a tied head are the embedding's, and how they hold the weight. */
typedef struct at_parameter {
    const char *body, *name; /* borrowed from the model */
    bool is_transposed;      /* [in, out] */
} at_parameter;

at_parameter at_pass_parameter(const attrib_model *model, size_t i_module);

/* Run the pass. The first failure in block order stops it. */
attrib_status at_pass_run(const at_pass *pass,
                          const at_source *source,
                          const attrib_tap *taps,
                          size_t n_taps,
                          attrib_error *err);

#endif
