/* SPDX-License-Identifier: MIT */
/* Checkpoints as transformers writes them, with log-probabilities and gradients of
 * PyTorch (scripts/make-model-fixtures). */
#ifndef MODEL_GOLDEN_FIXTURE_H
#define MODEL_GOLDEN_FIXTURE_H

#include "format/json.h"
#include "format/safetensors.h"
#include "model/layers.h"
#include "tiny.h"

#define MAX_TOKENS 24

typedef struct golden {
    attrib_model *model;
    json_t *rows; /* expected.json's "sequences" */
    json_t *root;
    at_tensors *gradients;
    int32_t ids[8][MAX_TOKENS];
    uint8_t mask[8][MAX_TOKENS];
    attrib_sequence sequences[8];
    size_t first_row[9];
    at_batch batch;
    bool skips_uncounted; /* decoders leave out what only rows need that do not count */
} golden;

/* The checkpoint of a name, or the GGUF file made from it. */
void open_golden(golden *g, const char *name, bool is_gguf);

void close_golden(golden *g);

/* Leave out rows behind the last of each sequence that counts, and have decoders leave
 * out others. */
void skip_uncounted(golden *g);

/* f32 against f64: logits of some ten are rounded by 6e-8 of themselves a layer. */
void check_logprobs(const golden *g);

void check_gradients(const golden *g);

static const struct {
    const char *name, *architecture;
    attrib_dtype dtype;
    bool is_head_tied;
    size_t n_kv_heads, head_dim, mlp_width, width, n_vocabulary;
} fixtures[] = {
    {"llama-gqa-untied", "llama", ATTRIB_F32, false, 2, 6, 40, 24, 50},
    {"llama-tied-bf16", "llama", ATTRIB_BF16, true, 4, 6, 40, 24, 50},
    {"llama-bias-head-dim-f16", "llama", ATTRIB_F16, false, 1, 10, 40, 24, 50},
    {"llama-sharded", "llama", ATTRIB_F32, false, 2, 6, 40, 24, 50},
    {"llama-rope-linear", "llama", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"llama-rope-llama3", "llama", ATTRIB_BF16, false, 2, 8, 20, 16, 40},
    {"llama-rope-yarn", "llama", ATTRIB_BF16, false, 2, 8, 20, 16, 40},
    {"llama-longrope", "llama", ATTRIB_BF16, false, 2, 8, 20, 16, 40},
    {"mistral-window", "mistral", ATTRIB_BF16, false, 2, 6, 20, 16, 40},
    {"qwen2-window", "qwen2", ATTRIB_BF16, true, 2, 4, 20, 16, 40},
    {"qwen3-bias", "qwen3", ATTRIB_BF16, false, 2, 6, 20, 16, 40},
    {"olmo-clip", "olmo", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"olmo2", "olmo2", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"gemma", "gemma", ATTRIB_BF16, true, 1, 6, 20, 16, 40},
    {"gemma2", "gemma2", ATTRIB_BF16, true, 2, 6, 20, 16, 40},
    {"gemma3", "gemma3_text", ATTRIB_BF16, true, 2, 6, 20, 16, 40},
    {"gemma3-with-eyes", "gemma3", ATTRIB_BF16, true, 2, 6, 20, 16, 40},
    {"phi", "phi", ATTRIB_F16, false, 1, 8, 20, 16, 40},
    {"phi3-window", "phi3", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"phi3-longrope", "phi3", ATTRIB_BF16, false, 1, 8, 20, 16, 40},
    {"gpt-neox", "gpt_neox", ATTRIB_F16, false, 2, 8, 20, 16, 40},
    {"gpt-neox-sequential", "gpt_neox", ATTRIB_F16, true, 4, 4, 20, 16, 40},
    {"gptj", "gptj", ATTRIB_F16, true, 2, 8, 20, 16, 40},
    {"olmo3-window", "olmo3", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"stablelm", "stablelm", ATTRIB_F16, false, 1, 8, 20, 16, 40},
    {"starcoder2-window", "starcoder2", ATTRIB_F16, true, 2, 4, 20, 16, 40},
    {"gpt-neo-window", "gpt_neo", ATTRIB_F16, true, 2, 8, 20, 16, 40},
    {"smollm3-window", "smollm3", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"granite", "granite", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"falcon", "falcon", ATTRIB_F16, true, 1, 8, 20, 16, 40},
    {"gpt2-tied", "gpt2", ATTRIB_F32, true, 3, 8, 96, 24, 50},
    {"gpt2-inner-f16", "gpt2", ATTRIB_F16, true, 3, 8, 36, 24, 50},
    /* LoRA adapters, which are read with their base (scripts/make-adapter-fixtures) */
    {"../adapter/llama-patterns", "llama", ATTRIB_F32, false, 2, 6, 40, 24, 50},
    {"../adapter/llama-layers", "llama", ATTRIB_F32, false, 2, 6, 40, 24, 50},
    {"../adapter/llama-embedding", "llama", ATTRIB_BF16, false, 4, 6, 40, 24, 50},
    {"../adapter/llama-head", "llama", ATTRIB_BF16, false, 4, 6, 40, 24, 50},
    {"../adapter/llama-saved", "llama", ATTRIB_F16, false, 1, 10, 40, 24, 50},
    {"../adapter/gpt2-bias", "gpt2", ATTRIB_F32, true, 3, 8, 96, 24, 50},
};

#define N_FIXTURES (sizeof fixtures / sizeof fixtures[0])

#endif
