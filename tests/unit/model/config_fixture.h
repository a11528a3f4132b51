/* SPDX-License-Identifier: MIT */
/* Beginnings of config.json of several architectures. */
#ifndef MODEL_CONFIG_FIXTURE_H
#define MODEL_CONFIG_FIXTURE_H

#include "model/architecture.h"
#include "tiny.h"

#define LLAMA                                                                            \
    "\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 12, "         \
    "\"num_attention_heads\": 4, \"intermediate_size\": 10, \"vocab_size\": 13, "        \
    "\"max_position_embeddings\": 16"
#define ROPE(settings) ", \"head_dim\": 4, \"rope_scaling\": {" settings "}}"
#define SIZES                                                                            \
    "\"num_hidden_layers\": 4, \"hidden_size\": 16, \"num_attention_heads\": 4, "        \
    "\"num_key_value_heads\": 2, \"intermediate_size\": 10, \"vocab_size\": 13, "        \
    "\"max_position_embeddings\": 16"
#define OF(model_type) "{\"model_type\": \"" model_type "\", " SIZES
#define NEOX                                                                             \
    "{\"model_type\": \"gpt_neox\", \"num_hidden_layers\": 2, \"hidden_size\": 16, "     \
    "\"num_attention_heads\": 2, \"intermediate_size\": 10, \"vocab_size\": 13, "        \
    "\"max_position_embeddings\": 16"
#define NEO                                                                              \
    "{\"model_type\": \"gpt_neo\", \"num_layers\": 4, \"hidden_size\": 16, "             \
    "\"num_heads\": 2, \"vocab_size\": 13, \"max_position_embeddings\": 16"
#define GPTJ                                                                             \
    "{\"model_type\": \"gptj\", \"n_layer\": 2, \"n_embd\": 16, \"n_head\": 2, "         \
    "\"vocab_size\": 13, \"n_positions\": 16"
#define GPT2                                                                             \
    "\"model_type\": \"gpt2\", \"n_layer\": 2, \"n_embd\": 12, \"n_head\": 3, "          \
    "\"vocab_size\": 13, \"n_positions\": 16"

attrib_status parse(const char *text, at_config *config, attrib_error *err);

#endif
