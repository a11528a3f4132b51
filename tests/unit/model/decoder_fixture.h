/* SPDX-License-Identifier: MIT */
/* Small decoders of several kinds next to the naive f64 decoder. */
#ifndef MODEL_DECODER_FIXTURE_H
#define MODEL_DECODER_FIXTURE_H

#include "model/layers.h"
#include "tiny.h"

/* Logits of up to 10, each an f32 sum of up to 16 terms, err by 10 sqrt(16) 2^-24
 * = 2.4e-6; a loss sums at most 15 of them, whose errors are independent: sqrt(15)
 * x 2.4e-6 = 9e-6. At most 2.3e-6 is measured. */
#define LOSS_TOLERANCE 1e-5

/* f32 rounds each product of a layer by 6e-8; through some ten layers of sums of a dozen
 * terms that stays below 1e-6 of a gradient's largest entry, but where terms cancel: at
 * most 5e-6 is measured. */
#define GRADIENT_TOLERANCE 2e-5

#define STEP               1e-4 /* of central differences in f64: truncation 1e-8, rounding 1e-11 */

typedef struct fixture {
    ref_decoder reference;
    attrib_model *model;
    at_decoder *decoder;
    size_t *tracked;
    size_t n_tracked;
    tiny_gradients gradients;
} fixture;

void set_up(fixture *f, const tiny_options *options, const char *selection);

void tear_down(fixture *f);

void run(fixture *f, const tiny_batch *batch, double *losses);

/* The reference's weight that is entry [o, i] of a module's extended matrix. */
double *weight_of(const ref_decoder *reference,
                  const attrib_module *module,
                  size_t o,
                  size_t i);

/* Compare every `stride`-th entry of each tracked map's G with central differences. */
void check_differences(const fixture *f, const at_batch *batch, size_t stride);

static const tiny_options variants[] = {
    {.seed = 1},
    {.seed = 2, .has_biases = true},
    {.seed = 3, .is_tied = true},
    {.seed = 4, .is_gpt2 = true, .is_tied = true},
    {.seed = 5, .is_gpt2 = true},
    {.seed = 7, .window = 4},
};

#define N_VARIANTS (sizeof variants / sizeof variants[0])

static const size_t lengths[] = {9, 1, 16, 2, 5}; /* 16 is the context */

#endif
