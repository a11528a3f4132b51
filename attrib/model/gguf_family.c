/* SPDX-License-Identifier: MIT */
/* The table of GGUF's architectures. Sizes and most settings have the same keys in all.
 *
 * Source: the keys of ggml's docs/gguf.md; what llama.cpp's conversion of each does to
 * weights (pairs of rows, gains of Gemma). */
#include "model/gguf_family.h"

#include <string.h>

#include "model/checkpoint.h"

#define USUAL_KEYS                                                                       \
    {"block_count", "num_hidden_layers", AT_GGUF_KEY_NEEDED},                            \
        {"context_length", "max_position_embeddings", AT_GGUF_KEY_NEEDED},               \
        {"embedding_length", "hidden_size", AT_GGUF_KEY_NEEDED},                         \
        {"feed_forward_length", "intermediate_size", AT_GGUF_KEY_NEEDED},                \
        {"attention.head_count", "num_attention_heads", AT_GGUF_KEY_NEEDED},             \
        {"attention.head_count_kv", "num_key_value_heads", AT_GGUF_KEY_SIZE},            \
    {                                                                                    \
        "attention.key_length", "head_dim", AT_GGUF_KEY_SIZE                             \
    }

#define NORM_KEYS                                                                        \
    USUAL_KEYS,                                                                          \
    {                                                                                    \
        "attention.layer_norm_rms_epsilon", "rms_norm_eps", AT_GGUF_KEY_NEEDED_NUMBER    \
    }

#define RMS_KEYS                                                                         \
    NORM_KEYS,                                                                           \
    {                                                                                    \
        "rope.freq_base", "rope_theta", AT_GGUF_KEY_NUMBER                               \
    }

/* Keys of families with a window_period. */
#define LAYER_KEYS                                                                       \
    NORM_KEYS, {"attention.sliding_window", "sliding_window", AT_GGUF_KEY_WINDOW},       \
        {"attention.sliding_window_pattern", NULL, AT_GGUF_KEY_APART},                   \
        {"rope.freq_base", NULL, AT_GGUF_KEY_APART},                                     \
    {                                                                                    \
        "rope.freq_base_swa", NULL, AT_GGUF_KEY_APART                                    \
    }

static const at_gguf_key keys_llama[] = {RMS_KEYS, {0}};
static const at_gguf_key keys_olmo[] = {
    USUAL_KEYS,
    {"rope.freq_base", "rope_theta", AT_GGUF_KEY_NUMBER},
    {"attention.clamp_kqv", "clip_qkv", AT_GGUF_KEY_NUMBER},
    {0},
};
static const at_gguf_key keys_granite[] = {
    RMS_KEYS,
    {"attention.scale", "attention_multiplier", AT_GGUF_KEY_NEEDED_NUMBER},
    {"embedding_scale", "embedding_multiplier", AT_GGUF_KEY_NUMBER},
    {"residual_scale", "residual_multiplier", AT_GGUF_KEY_NUMBER},
    {"logit_scale", "logits_scaling", AT_GGUF_KEY_NEEDED_NUMBER},
    {"rope.scaling.finetuned", "use_rope", AT_GGUF_KEY_TRUE}, /* a switch of positions */
    {0},
};
static const at_gguf_key keys_windowed[] = {
    RMS_KEYS, {"attention.sliding_window", "sliding_window", AT_GGUF_KEY_WINDOW}, {0}};
static const at_gguf_key keys_olmo3[] = {LAYER_KEYS, {0}};
static const at_gguf_key keys_gemma2[] = {
    RMS_KEYS,
    {"attention.sliding_window", "sliding_window", AT_GGUF_KEY_WINDOW},
    {"attn_logit_softcapping", "attn_logit_softcapping", AT_GGUF_KEY_NUMBER},
    {"final_logit_softcapping", "final_logit_softcapping", AT_GGUF_KEY_NUMBER},
    {0},
};
static const at_gguf_key keys_gemma3[] = {
    LAYER_KEYS,
    {"final_logit_softcapping", "final_logit_softcapping", AT_GGUF_KEY_NUMBER},
    {0},
};
static const at_gguf_key keys_phi[] = {
    USUAL_KEYS,
    {"attention.layer_norm_epsilon", "layer_norm_eps", AT_GGUF_KEY_NEEDED_NUMBER},
    {"rope.freq_base", "rope_theta", AT_GGUF_KEY_NUMBER},
    {0},
};
static const at_gguf_key keys_stablelm[] = {
    USUAL_KEYS,
    {"attention.layer_norm_epsilon", "layer_norm_eps", AT_GGUF_KEY_NEEDED_NUMBER},
    {"rope.freq_base", "rope_theta", AT_GGUF_KEY_NUMBER},
    {"use_parallel_residual", "use_parallel_residual", AT_GGUF_KEY_BOOL},
    {0},
};
static const at_gguf_key keys_starcoder2[] = {
    USUAL_KEYS,
    {"attention.layer_norm_epsilon", "norm_epsilon", AT_GGUF_KEY_NEEDED_NUMBER},
    {"rope.freq_base", "rope_theta", AT_GGUF_KEY_NUMBER},
    {0},
};
static const at_gguf_key keys_neox[] = {
    USUAL_KEYS,
    {"attention.layer_norm_epsilon", "layer_norm_eps", AT_GGUF_KEY_NEEDED_NUMBER},
    {"rope.freq_base", "rotary_emb_base", AT_GGUF_KEY_NUMBER},
    {"use_parallel_residual", "use_parallel_residual", AT_GGUF_KEY_BOOL},
    {0},
};
static const at_gguf_key keys_falcon[] = {
    {"block_count", "num_hidden_layers", AT_GGUF_KEY_NEEDED},
    {"context_length", "max_position_embeddings", AT_GGUF_KEY_NEEDED},
    {"embedding_length", "hidden_size", AT_GGUF_KEY_NEEDED},
    {"feed_forward_length", "ffn_hidden_size", AT_GGUF_KEY_NEEDED},
    {"attention.head_count", "num_attention_heads", AT_GGUF_KEY_NEEDED},
    {"attention.layer_norm_epsilon", "layer_norm_epsilon", AT_GGUF_KEY_NEEDED_NUMBER},
    {"rope.freq_base", "rope_theta", AT_GGUF_KEY_NUMBER},
    {0},
};
static const at_gguf_key keys_gpt2[] = {
    {"block_count", "n_layer", AT_GGUF_KEY_NEEDED},
    {"context_length", "n_positions", AT_GGUF_KEY_NEEDED},
    {"embedding_length", "n_embd", AT_GGUF_KEY_NEEDED},
    {"feed_forward_length", "n_inner", AT_GGUF_KEY_NEEDED},
    {"attention.head_count", "n_head", AT_GGUF_KEY_NEEDED},
    {"attention.layer_norm_epsilon", "layer_norm_epsilon", AT_GGUF_KEY_NEEDED_NUMBER},
    {0},
};

static const at_gguf_family families[] = {
    {.gguf = "llama", .model_type = "llama", .keys = keys_llama, .is_paired = true},
    {.gguf = "smollm3", .model_type = "smollm3", .keys = keys_llama, .is_paired = true},
    {.gguf = "granite", .model_type = "granite", .keys = keys_granite, .is_paired = true},
    {.gguf = "qwen2", .model_type = "qwen2", .keys = keys_llama},
    {.gguf = "qwen3", .model_type = "qwen3", .keys = keys_llama},
    {.gguf = "olmo", .model_type = "olmo", .keys = keys_olmo, .is_paired = true},
    {.gguf = "olmo2",
     .model_type = "olmo3",
     .told_by = "olmo2.attention.sliding_window",
     .keys = keys_olmo3,
     .window_period = 4},
    {.gguf = "olmo2", .model_type = "olmo2", .keys = keys_llama},
    {.gguf = "gemma", .model_type = "gemma", .keys = keys_llama, .has_whole_gains = true},
    {.gguf = "gemma2",
     .model_type = "gemma2",
     .keys = keys_gemma2,
     .has_whole_gains = true,
     .narrow_layers = 46},
    {.gguf = "gemma3",
     .model_type = "gemma3_text",
     .keys = keys_gemma3,
     .has_whole_gains = true,
     .narrow_layers = 62,
     .window_period = 6,
     .local_theta = 10000},
    {.gguf = "phi2",
     .model_type = "phi",
     .keys = keys_phi,
     .share = "partial_rotary_factor"},
    {.gguf = "phi3",
     .model_type = "phi3",
     .keys = keys_windowed,
     .share = "partial_rotary_factor"},
    {.gguf = "stablelm",
     .model_type = "stablelm",
     .keys = keys_stablelm,
     .share = "partial_rotary_factor"},
    {.gguf = "starcoder2", .model_type = "starcoder2", .keys = keys_starcoder2},
    {.gguf = "gptneox",
     .model_type = "gpt_neox",
     .keys = keys_neox,
     .share = "rotary_pct"},
    {.gguf = "falcon", .model_type = "falcon", .keys = keys_falcon},
    {.gguf = "gpt2", .model_type = "gpt2", .keys = keys_gpt2},
};

#define N_FAMILIES (sizeof families / sizeof families[0])

const at_gguf_family *at_gguf_family_of(const at_gguf *gguf, const char *architecture)
{
    for (size_t i = 0; i < N_FAMILIES; i++) {
        const char *key = families[i].told_by;
        if (strcmp(families[i].gguf, architecture) == 0 &&
            (!key || at_gguf_find(gguf, key))) {
            return &families[i];
        }
    }
    return NULL;
}

static const at_gguf_family *family_of_type(const char *model_type)
{
    for (size_t i = 0; i < N_FAMILIES; i++) {
        if (strcmp(families[i].model_type, model_type) == 0) {
            return &families[i];
        }
    }
    return NULL;
}

at_row_order at_gguf_row_order(const at_architecture *architecture, at_slot map)
{
    const at_gguf_family *found = family_of_type(architecture->model_type);
    bool is_pairing = map == AT_MAP_Q || map == AT_MAP_K;
    if (map == AT_MAP_QKV && architecture->is_qkv_by_head) {
        return AT_ROWS_BY_KIND;
    }
    return found && found->is_paired && is_pairing ? AT_ROWS_PAIRED : AT_ROWS_AS_IS;
}
