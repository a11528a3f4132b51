/* SPDX-License-Identifier: MIT */
/* A model in memory: its configuration, its weights in f32, and the list of its maps. */
#ifndef AT_MODEL_MODEL_H
#define AT_MODEL_MODEL_H

#include "attrib/model.h"
#include "base/file.h"
#include "format/safetensors.h"
#include "model/architecture.h"

/* A linear map s = W a, where a bias is the last column of W and the last entry of a
 * is 1. Read the weights through at_linear_weight() only. */
typedef struct at_linear {
    float *weight; /* [out_dim, in_dim] */
    size_t in_dim; /* counting 1 for the bias */
    size_t out_dim;
    bool has_bias;
} at_linear;

typedef struct at_norm {
    size_t width;
    float *gain;  /* [width], NULL where there is no such norm */
    float *shift; /* [width], NULL for RMS */
} at_norm;

typedef struct at_layer {
    at_norm norms[AT_N_NORMS];
    at_linear maps[AT_N_MAPS];  /* out_dim 0: the architecture has no such map */
    size_t i_module[AT_N_MAPS]; /* of these maps */
} at_layer;

struct attrib_model {
    at_config config;
    attrib_model_info info;
    char hash[AT_HASH_SIZE];
    char *bank;       /* owns all weights */
    float *embedding; /* [V, D] */
    float *positions; /* [context, D], NULL for rotary */
    at_layer *layers; /* [L] */
    at_norm final_norm;
    at_linear head;         /* [V, D]; the embedding's memory where tied */
    attrib_module *modules; /* [n_modules]; the head last */
    size_t n_modules;
    char *names; /* of the modules, each with its NUL */
};

/* The weights of a map as f32 [out_dim, in_dim]. Weights that are kept in another type
 * will be widened here. */
const float *at_linear_weight(const at_linear *linear);

/* What fills one array of a model: element [i, j] of the checkpoint's tensor goes to
 * out[i * row_stride + j * column_stride]. One-dimensional tensors have j = 0 only. */
typedef struct at_weight_spec {
    const char *name;        /* in full: "transformer.h.0.attn.c_attn.weight" */
    size_t n_dims, shape[2]; /* as the checkpoint holds it; shape[1] 1 for vectors */
    float *out;              /* NULL in the first round */
    size_t row_stride, column_stride;
} at_weight_spec;

/* Called for every array twice: first with out NULL (is it there, does it fit?), before
 * memory is taken for all of them, then to fill. */
typedef attrib_status (*at_fill_fn)(void *context,
                                    const at_weight_spec *spec,
                                    attrib_error *err);

/* Make a model from a configuration and a function that gives its weights. */
attrib_status at_model_build(const at_config *config,
                             at_fill_fn fill,
                             void *context,
                             attrib_model **out,
                             attrib_error *err);

/* Fill a model from a checkpoint; every tensor must be used or known as harmless. */
attrib_status at_model_load(const at_config *config,
                            const at_tensors *tensors,
                            attrib_model **out,
                            attrib_error *err);

/* List the model's maps: modules, names, and each layer's i_module. */
attrib_status at_model_list_modules(attrib_model *model, attrib_error *err);

#endif
