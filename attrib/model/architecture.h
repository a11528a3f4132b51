/* SPDX-License-Identifier: MIT */
/* Decoder architectures as a table, and the configuration of one model. README.md of this
 * folder says how to add one. */
#ifndef AT_MODEL_ARCHITECTURE_H
#define AT_MODEL_ARCHITECTURE_H

#include "attrib/model.h"
#include "base/memory.h"
#include "format/json.h"

#define AT_MAX_LAYERS   ((size_t)1 << 14)
#define AT_MAX_DIVISORS 256 /* of rotary frequencies: heads of 512 */

typedef enum at_norm_kind {
    AT_NORM_RMS,        /* y = gain x / rms(x) */
    AT_NORM_LAYER,      /* y = gain (x - mean(x)) / std(x) + shift */
    AT_NORM_LAYER_PLAIN /* AT_NORM_LAYER with gain 1 and shift 0, which files do not hold
                         */
} at_norm_kind;

typedef enum at_position_kind {
    AT_POSITION_LEARNED,     /* a vector added to the token's */
    AT_POSITION_ROTARY,      /* queries and keys turned, first half against second half */
    AT_POSITION_ROTARY_PAIRS /* queries and keys turned, even against odd */
} at_position_kind;

typedef enum at_activation {
    AT_ACTIVATION_SILU,      /* x sigmoid(x) */
    AT_ACTIVATION_GELU_TANH, /* GELU with the tanh form of Hendrycks & Gimpel */
    AT_ACTIVATION_GELU       /* x Phi(x), Phi the normal distribution's */
} at_activation;

/* The linear maps that a layer may have, in the order of the forward pass. */
typedef enum at_slot {
    AT_MAP_QKV, /* queries, keys and values in one map, in place of the next three */
    AT_MAP_Q,
    AT_MAP_K,
    AT_MAP_V,
    AT_MAP_O,
    AT_MAP_GATE_UP, /* gate and up in one map, in place of the next two */
    AT_MAP_GATE,
    AT_MAP_UP,
    AT_MAP_DOWN,
    AT_N_MAPS
} at_slot;

/* The norms that a layer may have. */
typedef enum at_norm_slot {
    AT_NORM_BEFORE_ATTENTION,
    AT_NORM_Q, /* of queries and keys, before positions */
    AT_NORM_K,
    AT_NORM_AFTER_ATTENTION, /* of O's output, before it is added to the stream */
    AT_NORM_BEFORE_MLP,      /* where parallel halves have none, they share the first */
    AT_NORM_AFTER_MLP,       /* of DOWN's output */
    AT_N_NORMS
} at_norm_slot;

typedef struct at_config at_config;

/* What one kind of decoder is. A new one is a new entry of the table. */
typedef struct at_architecture {
    const char *model_type; /* in config.json */
    const char *class_name; /* in config.json's "architectures" */
    at_norm_kind norm;
    at_position_kind position;
    bool is_transposed;       /* the files hold linear weights as [in, out] (Conv1D) */
    bool is_qkv_by_head;      /* QKV makes q, k and v of the first head, then the next */
    bool is_qk_norm_of_whole; /* norms of q and k span all heads, not one */
    bool has_head_bias;

    /* Names in the checkpoint, before ".weight" and ".bias". */
    const char *body;      /* before every name but the head's: "model." */
    bool is_body_optional; /* some files leave it out */
    const char *embedding, *positions, *final_norm, *layers, *head;
    const char *norms[AT_N_NORMS]; /* of a layer; NULL where it has no such norm */
    const char *maps[AT_N_MAPS];   /* of a layer; NULL where it has no such map */
    const char *const *harmless; /* patterns of tensors that carry no weight; NULL ends */

    /* Sizes and settings from config.json; refuses by name what is not supported. */
    attrib_status (*read)(const char *name,
                          const json_t *root,
                          at_config *config,
                          attrib_error *err);
} at_architecture;

/* How rotary frequencies theta^(-2 i / rotary_dim) are stretched beyond the context that
 * a model was first trained for. */
typedef enum at_rope_kind {
    AT_ROPE_PLAIN,
    AT_ROPE_LINEAR, /* all divided by factor */
    AT_ROPE_LLAMA3, /* low ones divided by factor, high ones kept, those between mixed */
    AT_ROPE_YARN,   /* as AT_ROPE_LLAMA3 with another ramp, and longer queries and keys */
    AT_ROPE_LONG /* each divided by a number of its own, and longer queries and keys; for
                    sequences within the original context, which becomes the context */
} at_rope_kind;

typedef struct at_rope {
    at_rope_kind kind;
    double theta;
    double factor;
    double low, high; /* rotations within the original context below which a frequency
                         is low, and above which it is high */
    double original_context; /* tokens */
    double length;           /* of a turned unit vector; 1 but for YaRN and longrope */
    bool is_ramp_whole;      /* YaRN: the ramp begins and ends at whole indices */
    size_t n_divisors;       /* longrope: of each frequency */
    double divisors[AT_MAX_DIVISORS];
} at_rope;

/* The configuration of a model. Zero stands for what at_config_complete() can infer. */
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
    bool is_gguf;       /* weights are laid out as in GGUF: never transposed, rows of some
                           maps in another order */
    double gain_offset; /* added to every gain that a file holds (Gemma: 1) */
    bool has_bias[AT_N_MAPS];
    bool is_head_tied;
    bool is_head_untied;   /* its weight is the embedding's, but an adapter changes one */
    bool is_parallel;      /* attention and MLP read the same stream, added at once */
    float attention_scale; /* of q . k; 0: 1 / sqrt(head_dim) */
    double attention_cap;  /* scores become cap tanh(score / cap); 0: they do not */
    double logit_cap;      /* the same of logits */
    double qkv_clip;       /* queries, keys and values within +-clip; 0: any */
    float embedding_scale; /* of token vectors; 0: 1 */
    float residual_scale;  /* of what attention and MLP add to the stream; 0: 1 */
    float logit_scale;     /* of logits, before their cap; 0: 1 */
    size_t rotary_dim;     /* of head_dim, from its first; 0: all, for rotary positions */
    at_rope rope;          /* of layers without a window, and the others' too unless: */
    bool has_local_rope;   /* layers with a window turn by local_rope */
    at_rope local_rope;
    size_t window; /* a query sees so many keys, itself the last; 0: all */
    uint64_t windowed[AT_MAX_LAYERS / 64]; /* bit i % 64 of word i / 64: layer i has it */
    uint64_t unturned[AT_MAX_LAYERS / 64]; /* the same: layer i has no positions */
};

/* Entry i of the table, NULL after its end. */
const at_architecture *at_architecture_get(size_t i);

/* NULL for a model_type without an entry. */
const at_architecture *at_architecture_find(const char *model_type);

/* Why an architecture that is known, but no decoder of this table, is not supported, by
 * its name in config.json or GGUF; or NULL. */
const char *at_architecture_reason(const char *architecture);

/* ENOTSUP: an architecture of the file `name` that is not supported, and why. */
attrib_status at_architecture_refuse(const char *name,
                                     const char *architecture,
                                     attrib_error *err);

bool at_is_rotary(const at_architecture *architecture);

/* The input width (without a bias's 1) and output width of a map. */
void at_config_map_dims(const at_config *config, at_slot map, size_t *in, size_t *out);

size_t at_config_norm_width(const at_config *config, at_norm_slot norm);

/* Whether a layer is one of those with a window, and its window in tokens, or 0. */
bool at_config_is_windowed(const at_config *config, size_t i_layer);
size_t at_config_window(const at_config *config, size_t i_layer);
void at_config_set_windowed(at_config *config, size_t i_layer);

/* Whether queries and keys of a layer are turned by their positions. */
bool at_config_is_turned(const at_config *config, size_t i_layer);
void at_config_set_unturned(at_config *config, size_t i_layer);

/* The rotary frequencies of a layer's kind: rotary_dim / 2 of them, in radians a token,
 * before `length`. */
double at_rope_frequency(const at_rope *rope, size_t rotary_dim, size_t i);

/* The head dimension, width / n_heads, where it is 0: ESHAPE where that is no number. */
attrib_status at_config_infer_head(const char *name,
                                   at_config *config,
                                   attrib_error *err);

/* The part of `info` that says how a layer computes. */
void at_config_describe(const at_config *config, attrib_model_info *info);

/* Fill in what follows from the rest, then check that sizes are within their limits and
 * fit each other: ERANGE or ESHAPE. */
attrib_status at_config_complete(const char *name, at_config *config, attrib_error *err);

/* Read, complete and check an object with the keys of config.json, which messages call
 * `name`. */
attrib_status at_config_read(const char *name,
                             const json_t *root,
                             at_config *out,
                             attrib_error *err);

/* Read `n` bytes of config.json, which messages call `name`. */
attrib_status at_config_parse(
    const char *name, const char *text, size_t n, at_config *out, attrib_error *err);

/* Read the file config.json. */
attrib_status at_config_open(const char *path, at_config *out, attrib_error *err);

/* The `read` functions of the table (config_llama.c, config_gemma.c, config_gpt.c). */
#define AT_CONFIG_READ(family)                                                           \
    attrib_status at_config_read_##family(const char *name, const json_t *root,          \
                                          at_config *config, attrib_error *err)
AT_CONFIG_READ(llama);
AT_CONFIG_READ(mistral);
AT_CONFIG_READ(qwen2);
AT_CONFIG_READ(qwen3);
AT_CONFIG_READ(smollm3);
AT_CONFIG_READ(granite);
AT_CONFIG_READ(olmo);
AT_CONFIG_READ(olmo2);
AT_CONFIG_READ(olmo3);
AT_CONFIG_READ(gemma);
AT_CONFIG_READ(gemma2);
AT_CONFIG_READ(gemma3);
AT_CONFIG_READ(gemma3_text);
AT_CONFIG_READ(phi);
AT_CONFIG_READ(phi3);
AT_CONFIG_READ(gpt_neox);
AT_CONFIG_READ(gptj);
AT_CONFIG_READ(falcon);
AT_CONFIG_READ(gpt_neo);
AT_CONFIG_READ(stablelm);
AT_CONFIG_READ(starcoder2);
AT_CONFIG_READ(gpt2);

#endif
