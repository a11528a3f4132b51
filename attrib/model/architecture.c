/* SPDX-License-Identifier: MIT */
/* The architectures that the decoder runs, and what follows from a configuration. */
#include "model/architecture.h"

#include <string.h>

/* Buffers that older files keep beside the weights. */
static const char *const harmless_llama[] = {"*.rotary_emb.inv_freq", NULL};
static const char *const harmless_gpt2[] = {"*.attn.bias", "*.attn.masked_bias", NULL};

static const at_architecture architectures[] = {
    {
        .model_type = "llama",
        .class_name = "LlamaForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        .body = "model.",
        .embedding = "embed_tokens",
        .final_norm = "norm",
        .layers = "layers",
        .norms = {"input_layernorm", "post_attention_layernorm"},
        .maps = {[AT_MAP_Q] = "self_attn.q_proj",
                 [AT_MAP_K] = "self_attn.k_proj",
                 [AT_MAP_V] = "self_attn.v_proj",
                 [AT_MAP_O] = "self_attn.o_proj",
                 [AT_MAP_GATE] = "mlp.gate_proj",
                 [AT_MAP_UP] = "mlp.up_proj",
                 [AT_MAP_DOWN] = "mlp.down_proj"},
        .harmless = harmless_llama,
        .read = at_config_read_llama,
    },
    {
        .model_type = "gpt2",
        .class_name = "GPT2LMHeadModel",
        .norm = AT_NORM_LAYER,
        .position = AT_POSITION_LEARNED,
        .is_transposed = true,
        .body = "transformer.",
        .is_body_optional = true,
        .embedding = "wte",
        .positions = "wpe",
        .final_norm = "ln_f",
        .layers = "h",
        .norms = {"ln_1", "ln_2"},
        .maps = {[AT_MAP_QKV] = "attn.c_attn",
                 [AT_MAP_O] = "attn.c_proj",
                 [AT_MAP_UP] = "mlp.c_fc",
                 [AT_MAP_DOWN] = "mlp.c_proj"},
        .harmless = harmless_gpt2,
        .read = at_config_read_gpt2,
    },
};

const at_architecture *at_architecture_find(const char *model_type)
{
    for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; i++) {
        if (strcmp(architectures[i].model_type, model_type) == 0) {
            return &architectures[i];
        }
    }
    return NULL;
}

void at_config_map_dims(const at_config *config, at_slot map, size_t *in, size_t *out)
{
    size_t q_dim = config->n_heads * config->head_dim;
    size_t kv_dim = config->n_kv_heads * config->head_dim;
    *in = config->width;
    *out = config->width;
    switch (map) {
    case AT_MAP_QKV:
        *out = q_dim + 2 * kv_dim;
        break;
    case AT_MAP_Q:
        *out = q_dim;
        break;
    case AT_MAP_K:
    case AT_MAP_V:
        *out = kv_dim;
        break;
    case AT_MAP_O:
        *in = q_dim;
        break;
    case AT_MAP_GATE:
    case AT_MAP_UP:
        *out = config->mlp_width;
        break;
    case AT_MAP_DOWN:
    case AT_N_MAPS:
        *in = config->mlp_width;
        break;
    }
}
