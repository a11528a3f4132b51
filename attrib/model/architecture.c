/* SPDX-License-Identifier: MIT */
/* The architectures that the decoder runs, and those known not to be decoders of its
 * kind. */
#include "model/architecture.h"

#include <string.h>

/* 1. The table */

/* Tensors that text never uses: buffers that older files hold, and weights of other
 * parts. */
static const char *const harmless_rotary[] = {"*.rotary_emb.inv_freq", NULL};
static const char *const harmless_gpt2[] = {"*.attn.bias", "*.attn.masked_bias", NULL};
static const char *const harmless_falcon[] = {"*.rotary.inv_freq",
                                              "*.rotary_emb.inv_freq", NULL};
static const char *const harmless_vision[] = {"vision_tower.*", "multi_modal_projector.*",
                                              "*.rotary_emb.inv_freq", NULL};
static const char *const harmless_neox[] = {"*.attention.bias", "*.attention.masked_bias",
                                            "*.rotary_emb.inv_freq", NULL};

/* Names that Llama's files began. */
#define LLAMA_NAMES                                                                      \
    .body = "model.", .embedding = "embed_tokens", .final_norm = "norm",                 \
    .layers = "layers", .head = "lm_head", .harmless = harmless_rotary

#define LLAMA_ATTENTION                                                                  \
    [AT_MAP_Q] = "self_attn.q_proj", [AT_MAP_K] = "self_attn.k_proj",                    \
    [AT_MAP_V] = "self_attn.v_proj", [AT_MAP_O] = "self_attn.o_proj"

#define LLAMA_MAPS                                                                       \
    LLAMA_ATTENTION, [AT_MAP_GATE] = "mlp.gate_proj", [AT_MAP_UP] = "mlp.up_proj",       \
                     [AT_MAP_DOWN] = "mlp.down_proj"

#define LLAMA_NORMS                                                                      \
    [AT_NORM_BEFORE_ATTENTION] = "input_layernorm", [AT_NORM_BEFORE_MLP] =               \
                                                        "post_attention_layernorm"

#define QK_NORMS [AT_NORM_Q] = "self_attn.q_norm", [AT_NORM_K] = "self_attn.k_norm"

#define OLMO2_NORMS                                                                      \
    [AT_NORM_AFTER_ATTENTION] = "post_attention_layernorm",                              \
    [AT_NORM_AFTER_MLP] = "post_feedforward_layernorm"

#define GEMMA2_NORMS                                                                     \
    [AT_NORM_BEFORE_ATTENTION] = "input_layernorm",                                      \
    [AT_NORM_AFTER_ATTENTION] = "post_attention_layernorm",                              \
    [AT_NORM_BEFORE_MLP] = "pre_feedforward_layernorm",                                  \
    [AT_NORM_AFTER_MLP] = "post_feedforward_layernorm"

static const at_architecture architectures[] = {
    {
        .model_type = "llama",
        .class_name = "LlamaForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_llama,
    },
    {
        .model_type = "mistral",
        .class_name = "MistralForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_mistral,
    },
    {
        .model_type = "qwen2",
        .class_name = "Qwen2ForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_qwen2,
    },
    {
        .model_type = "qwen3",
        .class_name = "Qwen3ForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS, QK_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_qwen3,
    },
    {
        .model_type = "smollm3",
        .class_name = "SmolLM3ForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_smollm3,
    },
    {
        .model_type = "granite",
        .class_name = "GraniteForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_granite,
    },
    {
        .model_type = "olmo",
        .class_name = "OlmoForCausalLM",
        .norm = AT_NORM_LAYER_PLAIN,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_olmo,
    },
    {
        .model_type = "olmo2",
        .class_name = "Olmo2ForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        .is_qk_norm_of_whole = true,
        LLAMA_NAMES,
        .norms = {OLMO2_NORMS, QK_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_olmo2,
    },
    {
        .model_type = "olmo3",
        .class_name = "Olmo3ForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        .is_qk_norm_of_whole = true,
        LLAMA_NAMES,
        .norms = {OLMO2_NORMS, QK_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_olmo3,
    },
    {
        .model_type = "gemma",
        .class_name = "GemmaForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_gemma,
    },
    {
        .model_type = "gemma2",
        .class_name = "Gemma2ForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {GEMMA2_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_gemma2,
    },
    {
        .model_type = "gemma3_text",
        .class_name = "Gemma3ForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {GEMMA2_NORMS, QK_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_gemma3_text,
    },
    {
        .model_type = "gemma3", /* text only: what sees images is passed over */
        .class_name = "Gemma3ForConditionalGeneration",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        .body = "language_model.model.",
        .embedding = "embed_tokens",
        .final_norm = "norm",
        .layers = "layers",
        .head = "language_model.lm_head",
        .harmless = harmless_vision,
        .norms = {GEMMA2_NORMS, QK_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_gemma3,
    },
    {
        .model_type = "phi",
        .class_name = "PhiForCausalLM",
        .norm = AT_NORM_LAYER,
        .position = AT_POSITION_ROTARY,
        .has_head_bias = true,
        .body = "model.",
        .embedding = "embed_tokens",
        .final_norm = "final_layernorm",
        .layers = "layers",
        .head = "lm_head",
        .harmless = harmless_rotary,
        .norms = {[AT_NORM_BEFORE_ATTENTION] = "input_layernorm"},
        .maps = {[AT_MAP_Q] = "self_attn.q_proj",
                 [AT_MAP_K] = "self_attn.k_proj",
                 [AT_MAP_V] = "self_attn.v_proj",
                 [AT_MAP_O] = "self_attn.dense",
                 [AT_MAP_UP] = "mlp.fc1",
                 [AT_MAP_DOWN] = "mlp.fc2"},
        .read = at_config_read_phi,
    },
    {
        .model_type = "phi3",
        .class_name = "Phi3ForCausalLM",
        .norm = AT_NORM_RMS,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {[AT_MAP_QKV] = "self_attn.qkv_proj",
                 [AT_MAP_O] = "self_attn.o_proj",
                 [AT_MAP_GATE_UP] = "mlp.gate_up_proj",
                 [AT_MAP_DOWN] = "mlp.down_proj"},
        .read = at_config_read_phi3,
    },
    {
        .model_type = "gpt_neox",
        .class_name = "GPTNeoXForCausalLM",
        .norm = AT_NORM_LAYER,
        .position = AT_POSITION_ROTARY,
        .is_qkv_by_head = true,
        .body = "gpt_neox.",
        .embedding = "embed_in",
        .final_norm = "final_layer_norm",
        .layers = "layers",
        .head = "embed_out",
        .norms = {LLAMA_NORMS},
        .maps = {[AT_MAP_QKV] = "attention.query_key_value",
                 [AT_MAP_O] = "attention.dense",
                 [AT_MAP_UP] = "mlp.dense_h_to_4h",
                 [AT_MAP_DOWN] = "mlp.dense_4h_to_h"},
        .harmless = harmless_neox,
        .read = at_config_read_gpt_neox,
    },
    {
        .model_type = "gptj",
        .class_name = "GPTJForCausalLM",
        .norm = AT_NORM_LAYER,
        .position = AT_POSITION_ROTARY_PAIRS,
        .has_head_bias = true,
        .body = "transformer.",
        .embedding = "wte",
        .final_norm = "ln_f",
        .layers = "h",
        .head = "lm_head",
        .norms = {[AT_NORM_BEFORE_ATTENTION] = "ln_1"},
        .maps = {[AT_MAP_Q] = "attn.q_proj",
                 [AT_MAP_K] = "attn.k_proj",
                 [AT_MAP_V] = "attn.v_proj",
                 [AT_MAP_O] = "attn.out_proj",
                 [AT_MAP_UP] = "mlp.fc_in",
                 [AT_MAP_DOWN] = "mlp.fc_out"},
        .harmless = harmless_gpt2,
        .read = at_config_read_gptj,
    },
    {
        .model_type = "stablelm",
        .class_name = "StableLmForCausalLM",
        .norm = AT_NORM_LAYER,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_MAPS},
        .read = at_config_read_stablelm,
    },
    {
        .model_type = "starcoder2",
        .class_name = "Starcoder2ForCausalLM",
        .norm = AT_NORM_LAYER,
        .position = AT_POSITION_ROTARY,
        LLAMA_NAMES,
        .norms = {LLAMA_NORMS},
        .maps = {LLAMA_ATTENTION, [AT_MAP_UP] = "mlp.c_fc", [AT_MAP_DOWN] = "mlp.c_proj"},
        .read = at_config_read_starcoder2,
    },
    {
        .model_type = "gpt_neo",
        .class_name = "GPTNeoForCausalLM",
        .norm = AT_NORM_LAYER,
        .position = AT_POSITION_LEARNED,
        .body = "transformer.",
        .embedding = "wte",
        .positions = "wpe",
        .final_norm = "ln_f",
        .layers = "h",
        .head = "lm_head",
        .norms = {[AT_NORM_BEFORE_ATTENTION] = "ln_1", [AT_NORM_BEFORE_MLP] = "ln_2"},
        .maps = {[AT_MAP_Q] = "attn.attention.q_proj",
                 [AT_MAP_K] = "attn.attention.k_proj",
                 [AT_MAP_V] = "attn.attention.v_proj",
                 [AT_MAP_O] = "attn.attention.out_proj",
                 [AT_MAP_UP] = "mlp.c_fc",
                 [AT_MAP_DOWN] = "mlp.c_proj"},
        .harmless = harmless_neox,
        .read = at_config_read_gpt_neo,
    },
    {
        .model_type = "falcon",
        .class_name = "FalconForCausalLM",
        .norm = AT_NORM_LAYER,
        .position = AT_POSITION_ROTARY,
        .body = "transformer.",
        .embedding = "word_embeddings",
        .final_norm = "ln_f",
        .layers = "h",
        .head = "lm_head",
        .norms = {[AT_NORM_BEFORE_ATTENTION] = "input_layernorm"},
        .maps = {[AT_MAP_QKV] = "self_attention.query_key_value",
                 [AT_MAP_O] = "self_attention.dense",
                 [AT_MAP_UP] = "mlp.dense_h_to_4h",
                 [AT_MAP_DOWN] = "mlp.dense_4h_to_h"},
        .harmless = harmless_falcon,
        .read = at_config_read_falcon,
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
        .head = "lm_head",
        .norms = {[AT_NORM_BEFORE_ATTENTION] = "ln_1", [AT_NORM_BEFORE_MLP] = "ln_2"},
        .maps = {[AT_MAP_QKV] = "attn.c_attn",
                 [AT_MAP_O] = "attn.c_proj",
                 [AT_MAP_UP] = "mlp.c_fc",
                 [AT_MAP_DOWN] = "mlp.c_proj"},
        .harmless = harmless_gpt2,
        .read = at_config_read_gpt2,
    },
};

const at_architecture *at_architecture_get(size_t i)
{
    return i < sizeof architectures / sizeof architectures[0] ? &architectures[i] : NULL;
}

const at_architecture *at_architecture_find(const char *model_type)
{
    for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; i++) {
        if (strcmp(architectures[i].model_type, model_type) == 0) {
            return &architectures[i];
        }
    }
    return NULL;
}

/* 2. What is known not to be supported */

#define EXPERTS "a mixture of experts"
#define ENCODER "an encoder, not a decoder-only language model"
#define BOTH    "an encoder with a decoder, not a decoder-only language model"
#define STATES  "a recurrent or state-space model, not a transformer"
#define WHOLE   "a diffusion model, which sees a text as a whole"

/* By their names in config.json, then by those of GGUF that are others. */
static const struct {
    const char *architecture, *reason;
} refused[] = {
    {"mixtral", EXPERTS},
    {"qwen2_moe", EXPERTS},
    {"qwen3_moe", EXPERTS},
    {"olmoe", EXPERTS},
    {"phimoe", EXPERTS},
    {"deepseek_v2", EXPERTS},
    {"deepseek_v3", EXPERTS},
    {"gpt_oss", EXPERTS},
    {"granitemoe", EXPERTS},
    {"dbrx", EXPERTS},
    {"jetmoe", EXPERTS},
    {"llama4", EXPERTS},
    {"llama4_text", EXPERTS},
    {"qwen3_next", EXPERTS},
    {"glm4_moe", EXPERTS},
    {"minimax", EXPERTS},
    {"ernie4_5_moe", EXPERTS},
    {"hunyuan_v1_moe", EXPERTS},
    {"bert", ENCODER},
    {"roberta", ENCODER},
    {"distilbert", ENCODER},
    {"albert", ENCODER},
    {"electra", ENCODER},
    {"deberta", ENCODER},
    {"deberta-v2", ENCODER},
    {"xlm-roberta", ENCODER},
    {"modernbert", ENCODER},
    {"mpnet", ENCODER},
    {"camembert", ENCODER},
    {"esm", ENCODER},
    {"t5", BOTH},
    {"mt5", BOTH},
    {"umt5", BOTH},
    {"bart", BOTH},
    {"mbart", BOTH},
    {"pegasus", BOTH},
    {"marian", BOTH},
    {"m2m_100", BOTH},
    {"whisper", BOTH},
    {"t5gemma", BOTH},
    {"mamba", STATES},
    {"mamba2", STATES},
    {"falcon_mamba", STATES},
    {"rwkv", STATES},
    {"recurrent_gemma", STATES},
    {"qwen2moe", EXPERTS},
    {"qwen3moe", EXPERTS},
    {"qwen3next", EXPERTS},
    {"qwen3vlmoe", EXPERTS},
    {"qwen35moe", EXPERTS},
    {"glm4moe", EXPERTS},
    {"glm-dsa", EXPERTS},
    {"deepseek", EXPERTS},
    {"deepseek2", EXPERTS},
    {"deepseek2-ocr", EXPERTS},
    {"gpt-oss", EXPERTS},
    {"grok", EXPERTS},
    {"arctic", EXPERTS},
    {"bailingmoe", EXPERTS},
    {"bailingmoe2", EXPERTS},
    {"dots1", EXPERTS},
    {"ernie4_5-moe", EXPERTS},
    {"hunyuan-moe", EXPERTS},
    {"exaone-moe", EXPERTS},
    {"lfm2moe", EXPERTS},
    {"smallthinker", EXPERTS},
    {"grovemoe", EXPERTS},
    {"minimax-m2", EXPERTS},
    {"afmoe", EXPERTS},
    {"llada-moe", EXPERTS},
    {"mimo2", EXPERTS},
    {"step35", EXPERTS},
    {"nemotron_h_moe", EXPERTS},
    {"kimi-linear", EXPERTS},
    {"modern-bert", ENCODER},
    {"nomic-bert", ENCODER},
    {"nomic-bert-moe", ENCODER},
    {"neo-bert", ENCODER},
    {"jina-bert-v2", ENCODER},
    {"jina-bert-v3", ENCODER},
    {"eurobert", ENCODER},
    {"gemma-embedding", ENCODER},
    {"llama-embed", ENCODER},
    {"t5encoder", ENCODER},
    {"clip", ENCODER},
    {"rwkv6", STATES},
    {"rwkv6qwen2", STATES},
    {"rwkv7", STATES},
    {"arwkv7", STATES},
    {"jamba", STATES},
    {"granitehybrid", STATES},
    {"falcon-h1", STATES},
    {"nemotron_h", STATES},
    {"plamo2", STATES},
    {"lfm2", STATES},
    {"qwen35", STATES},
    {"dream", WHOLE},
    {"llada", WHOLE},
    {"rnd1", WHOLE},
};

const char *at_architecture_reason(const char *architecture)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (strcmp(refused[i].architecture, architecture) == 0) {
            return refused[i].reason;
        }
    }
    return NULL;
}

attrib_status at_architecture_refuse(const char *name,
                                     const char *architecture,
                                     attrib_error *err)
{
    const char *reason = at_architecture_reason(architecture);
    return at_fail(err, ATTRIB_ENOTSUP, "%s: architecture \"%.64s\" is not supported%s%s",
                   name, architecture, reason ? ": it is " : "", reason ? reason : "");
}
