/* SPDX-License-Identifier: MIT */
/* A model: its configuration, its weights, and the list of its maps. */
#ifndef AT_MODEL_MODEL_H
#define AT_MODEL_MODEL_H

#include "attrib/model.h"
#include "base/file.h"
#include "format/safetensors.h"
#include "model/architecture.h"
#include "model/checkpoint.h"
#include "model/matrix.h"

/* A linear map s = W a + b. Its input a has a last entry of 1 where it has a bias, so
 * that ds a' is the gradient of [W b]. */
typedef struct at_linear {
    at_matrix weight; /* [out_dim, I], or [I, out_dim] where is_transposed */
    float *bias;      /* [out_dim] or NULL */
    size_t in_dim;    /* I, counting 1 for the bias */
    size_t out_dim;
    size_t i_module;
    bool has_bias;
    bool is_transposed; /* as its file holds it (Conv1D) */
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
    at_adapter *adapter; /* what `delta` of matrices points to; NULL: none */
    attrib_adapter_info adapter_info;
    char *tokenizer_path;     /* NULL for a model without files */
    at_checkpoint checkpoint; /* mapped while weights are read from it; else empty */
    char *bank;               /* owns the weights that are not */
    at_matrix embedding;      /* [V, D] */
    at_matrix positions;      /* [context, D], always f32; without rows for rotary */
    at_layer *layers;         /* [L] */
    at_norm final_norm;
    at_linear head;         /* [V, D]; the embedding's where tied */
    size_t n_widened;       /* elements that are widened at a time, at most */
    attrib_module *modules; /* [n_modules]; the head last */
    size_t n_modules;
    char *names; /* of the modules, each with its NUL */
};

/* One array of a model that is to be filled. */
typedef struct at_weight_spec {
    const char *name;        /* in full: "transformer.h.0.attn.c_attn.weight" */
    at_slot slot;            /* of a layer's map; AT_N_MAPS: of none */
    size_t n_dims, shape[2]; /* as the checkpoint holds it; shape[1] 1 for vectors */
    at_matrix *matrix;       /* NULL for vectors */
    bool is_needed_whole;    /* of a matrix: its `values` are read, not only its rows */
    float *out;              /* [shape]; NULL in the first round */
} at_weight_spec;

/* Called for every array with out NULL: is it there, does it fit? It may then set the
 * matrix's `values`, or `tensor` and `order` where it is not needed whole. Memory is
 * taken for all others, and it is called again to fill these. */
typedef attrib_status (*at_fill_fn)(void *context,
                                    const at_weight_spec *spec,
                                    attrib_error *err);

/* Make a model from a configuration and a function that gives its weights. */
attrib_status at_model_build(const at_config *config,
                             at_fill_fn fill,
                             void *context,
                             attrib_model **out,
                             attrib_error *err);

/* A model's shapes and maps without its weights, which nothing may read. */
attrib_status at_model_outline(const at_config *config,
                               attrib_model **out,
                               attrib_error *err);

/* Make a model from a checkpoint; every tensor must be used or known as harmless. Where
 * it reads weights from the files, the model takes the checkpoint over, and *checkpoint
 * is empty then. */
attrib_status at_model_load(const at_config *config,
                            attrib_weights weights,
                            at_checkpoint *checkpoint,
                            attrib_model **out,
                            attrib_error *err);

/* EIO where a file that weights are read from is not what it was when the model was
 * opened: what was computed since then may be of either. */
attrib_status at_model_check(const attrib_model *model, attrib_error *err);

/* Bytes of the tensors that stay mapped: what is in memory once all of them were read. */
double at_model_mapped_bytes(const attrib_model *model);

/* List the model's maps: modules, names, and each layer's i_module. */
attrib_status at_model_list_modules(attrib_model *model, attrib_error *err);

#endif
