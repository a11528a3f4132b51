/* SPDX-License-Identifier: MIT */
/* Tiny decoders with random weights: a reference, and the same as a model's folder. */
#ifndef TEST_MODEL_TINY_H
#define TEST_MODEL_TINY_H

#include "attrib/model.h"
#include "model/decoder.h"
#include "reference/decoder.h"
#include "support/check.h"

typedef struct tiny_options {
    bool is_gpt2, has_biases, is_tied;
    size_t context, width, n_vocabulary; /* n_vocabulary: 0 for a small one */
    size_t window; /* of llama, which makes it a mistral, without biases */
    uint64_t seed;
} tiny_options;

/* Sizes and random weights, each a number of f32, of a scale at which every layer is far
 * from linear. Where tied, lm_head.weight equals the embedding. */
void tiny_make(ref_decoder *reference, const tiny_options *options);

/* The text of config.json. */
void tiny_config(const ref_decoder *reference, bool is_tied, char *text, size_t size);

/* Write config.json and model.safetensors (without lm_head.weight where tied). */
void tiny_write(const ref_decoder *reference, bool is_tied, const char *folder);

/* Write, open, and remove the folder. */
attrib_model *tiny_open(const ref_decoder *reference, bool is_tied);

/* A number in [0, 1) from a seed and a counter; not the library's. */
double tiny_random(uint64_t *state);

/* The loss of a sequence by the reference: nats, summed over masked positions; minus that
 * of one that is subtracted; -f of one that measures a direction. */
double tiny_loss(const ref_decoder *reference, const attrib_sequence *sequence);

/* A batch that owns its sequences' ids and masks. */
typedef struct tiny_batch {
    attrib_sequence sequences[8];
    size_t first_row[9];
    at_batch batch;
    int32_t *ids;
    uint8_t *mask;
} tiny_batch;

/* Random ids; position 0 has mask 0, others 0 one time in four ("holes"). */
void tiny_batch_make(tiny_batch *batch,
                     const size_t *lengths,
                     size_t n_sequences,
                     size_t n_vocabulary,
                     uint64_t seed);
void tiny_batch_free(tiny_batch *batch);

/* Pairs collected from a decoder: G = sum_t ds_t a_t' of each tracked map, in f64. */
typedef struct tiny_gradients {
    const attrib_model *model;
    const size_t *tracked;
    size_t n_tracked;
    const at_decoder *decoder; /* that runs */
    double **values;           /* [n_tracked][out_dim, in_dim] */
    size_t *order;             /* [n_tracked] the maps as they came */
    size_t n_handed;
} tiny_gradients;

void tiny_gradients_make(tiny_gradients *gradients,
                         const attrib_model *model,
                         const size_t *tracked,
                         size_t n_tracked);
void tiny_gradients_free(tiny_gradients *gradients);

/* Run a decoder over a batch and add its gradients; losses [n_sequences]. */
attrib_status tiny_run(tiny_gradients *gradients,
                       at_decoder *decoder,
                       const at_batch *batch,
                       at_labels labels,
                       uint64_t seed,
                       double *losses,
                       attrib_error *err);

/* The largest |got - want| over the largest |want|. */
double tiny_distance(const double *got, const double *want, size_t n);

#endif
