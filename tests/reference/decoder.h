/* SPDX-License-Identifier: MIT */
/* A naive decoder in f64, forward only: the oracle of the model's tests.
 *
 * One token at a time, one number at a time, written from the papers (Vaswani 2017,
 * Radford 2019, Touvron 2023); shares no code with what it checks. Weights are named and
 * shaped as in a Hugging Face checkpoint, so it also checks the reading of names and
 * layouts. */
#ifndef REFERENCE_DECODER_H
#define REFERENCE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ref_tensor {
    char name[96];
    const char *part;        /* of the name, after its layer's */
    size_t n_dims, shape[2]; /* shape[1] is 1 for vectors */
    double *values;          /* [shape[0], shape[1]] */
} ref_tensor;

typedef struct ref_decoder {
    bool is_gpt2; /* else llama */
    size_t n_layers, width, n_heads, n_kv_heads, head_dim, mlp_width;
    size_t n_vocabulary, context;
    size_t window; /* keys that a query sees, itself the last; 0: all */
    double epsilon, theta;
    bool has_attention_bias, has_mlp_bias; /* of llama */
    ref_tensor *tensors; /* those of no layer first, then as many of each layer */
    size_t n_tensors, n_outside;
} ref_decoder;

/* List the tensors of the sizes set, with zeros; lm_head.weight is always among them.
 * Exits where memory is out. */
void ref_decoder_make_tensors(ref_decoder *decoder);
void ref_decoder_free_tensors(ref_decoder *decoder);

/* A tensor by its name; exits where there is none. */
ref_tensor *ref_decoder_find(const ref_decoder *decoder, const char *name);

/* logprobs[t] = log p(targets[t + 1] | ids[0..t]) for t < n - 1; 0 for a target below 0.
 */
void ref_decoder_logprobs(const ref_decoder *decoder,
                          const int32_t *ids,
                          const int32_t *targets,
                          size_t n,
                          double *logprobs);

/* The hidden states [n, width] that layer `layer` reads, or, where it is the number of
 * layers, those that the head reads, behind the last norm. */
void ref_decoder_states(const ref_decoder *decoder,
                        const int32_t *ids,
                        size_t n,
                        size_t layer,
                        double *states);

#endif
