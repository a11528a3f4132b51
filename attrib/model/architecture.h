/* SPDX-License-Identifier: MIT */
/* Decoder architectures as a table, and the configuration of one model. */
#ifndef AT_MODEL_ARCHITECTURE_H
#define AT_MODEL_ARCHITECTURE_H

#include "format/json.h"

#include "base/memory.h"

typedef enum at_norm_kind {
    AT_NORM_RMS,  /* y = gain x / rms(x) */
    AT_NORM_LAYER /* y = gain (x - mean(x)) / std(x) + shift */
} at_norm_kind;

typedef enum at_position_kind {
    AT_POSITION_ROTARY, /* queries and keys turned, first half against second half */
    AT_POSITION_LEARNED /* a vector added to the token's */
} at_position_kind;

typedef enum at_activation {
    AT_ACTIVATION_SILU,     /* x sigmoid(x) */
    AT_ACTIVATION_GELU_TANH /* GELU with the tanh form of Hendrycks & Gimpel */
} at_activation;

/* The linear maps that a layer may have, in the order of the forward pass. */
typedef enum at_slot {
    AT_MAP_QKV, /* queries, keys and values in one map, in place of the next three */
    AT_MAP_Q,
    AT_MAP_K,
    AT_MAP_V,
    AT_MAP_O,
    AT_MAP_GATE,
    AT_MAP_UP,
    AT_MAP_DOWN,
    AT_N_MAPS
} at_slot;

typedef struct at_config at_config;

/* What one kind of decoder is. A new one is a new entry of the table. */
typedef struct at_architecture {
    const char *model_type; /* in config.json */
    const char *class_name; /* in config.json's "architectures" */
    at_norm_kind norm;
    at_position_kind position;
    bool is_transposed; /* the files hold linear weights as [in, out] (Conv1D) */

    /* Names in the checkpoint, before ".weight" and ".bias". */
    const char *body;      /* before every name but the head's: "model." */
    bool is_body_optional; /* some files leave it out */
    const char *embedding, *positions, *final_norm, *layers;
    const char *norms[2];        /* of a layer: before attention, before the MLP */
    const char *maps[AT_N_MAPS]; /* of a layer; NULL where it has no such map */
    const char *const *harmless; /* patterns of tensors that carry no weight; NULL ends */

    /* Sizes and settings from config.json; refuses by name what is not supported. */
    attrib_status (*read)(const char *name,
                          const json_t *root,
                          at_config *config,
                          attrib_error *err);
} at_architecture;

/* The configuration of a model. */
struct at_config {
    const at_architecture *architecture;
    size_t n_layers;            /* L */
    size_t width;               /* D */
    size_t n_heads, n_kv_heads; /* query heads; key and value heads, which divide them */
    size_t head_dim;            /* of one head */
    size_t mlp_width;           /* F */
    size_t n_vocabulary;        /* V */
    size_t context;             /* tokens */
    at_activation activation;
    double norm_epsilon;
    double rope_theta; /* of rotary positions */
    bool has_bias[AT_N_MAPS];
    bool is_head_tied;
};

/* NULL for a model_type without an entry. */
const at_architecture *at_architecture_find(const char *model_type);

/* The input width (without a bias's 1) and output width of a map. */
void at_config_map_dims(const at_config *config, at_slot map, size_t *in, size_t *out);

/* Read and check `n` bytes of config.json, which messages call `name`. */
attrib_status at_config_parse(
    const char *name, const char *text, size_t n, at_config *out, attrib_error *err);

/* The same for a file. */
attrib_status at_config_open(const char *path, at_config *out, attrib_error *err);

/* Sizes within their limits and fitting each other: ERANGE or ESHAPE. */
attrib_status at_config_check(const char *name,
                              const at_config *config,
                              attrib_error *err);

/* The `read` functions of the table. */
attrib_status at_config_read_llama(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err);
attrib_status at_config_read_gpt2(const char *name,
                                  const json_t *root,
                                  at_config *config,
                                  attrib_error *err);

#endif
