/* SPDX-License-Identifier: MIT */
#include "support/tiny.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "model/model.h"

/* Uniform in [-1, 1) by name and place; gains near 1. */
static attrib_status fill(void *context, const at_weight_spec *spec, attrib_error *err)
{
    uint64_t stream = 0;
    (void)context;
    (void)err;
    for (const char *c = spec->name; *c; c++) {
        stream = stream * 31 + (unsigned char)*c;
    }
    for (size_t i = 0; spec->out && i < spec->shape[0]; i++) {
        for (size_t j = 0; j < spec->shape[1]; j++) {
            double u = 2 * at_uniform(7, stream, i * spec->shape[1] + j) - 1;
            spec->out[i * spec->shape[1] + j] =
                (float)(spec->n_dims == 1 ? 1 + 0.1 * u : u);
        }
    }
    return ATTRIB_OK;
}

attrib_model *wide_model(size_t n_layers, size_t width, size_t mlp_width)
{
    attrib_model *model = NULL;
    const at_config config = {.architecture = at_architecture_find("llama"),
                              .n_layers = n_layers,
                              .width = width,
                              .n_heads = 2,
                              .n_kv_heads = 1,
                              .head_dim = width / 2,
                              .mlp_width = mlp_width,
                              .n_vocabulary = TINY_VOCABULARY,
                              .context = TINY_CONTEXT,
                              .activation = AT_ACTIVATION_SILU,
                              .norm_epsilon = 1e-5,
                              .rope = {.theta = 10000},
                              .is_head_tied = true};
    if (at_model_build(&config, fill, NULL, &model, NULL) != ATTRIB_OK) {
        abort();
    }
    at_hash_bytes("tiny", 4, model->hash);
    return model;
}

attrib_model *tiny_model(void)
{
    return wide_model(1, 4, 6);
}

void tiny_write_corpus(const char *path, size_t n)
{
    FILE *file = fopen(path, "w");
    for (uint64_t d = 0; file && d < n; d++) {
        uint64_t n_tokens = 2 + (uint64_t)((TINY_CONTEXT - 1) * at_uniform(3, d, 1000));
        fputs("{\"ids\": [", file);
        for (uint64_t t = 0; t < n_tokens; t++) {
            fprintf(file, "%s%d", t ? ", " : "",
                    (int)(TINY_VOCABULARY * at_uniform(3, d, t)));
        }
        fputs("]}\n", file);
    }
    if (!file || fclose(file) != 0) {
        abort();
    }
}
