/* SPDX-License-Identifier: MIT */
/* config.json of GPT-2 and of those with its LayerNorm and plain MLP. Keys and defaults
 * are those of the published configurations; a missing key whose default is a size of one
 * certain model is an error.
 *
 *   1. GPT-2, GPT-J, GPT-Neo
 *   2. GPT-NeoX, Phi, StarCoder 2, Falcon */
#include <string.h>

#include "model/config_read.h"

static attrib_status read_layer_norm(const char *name,
                                     const json_t *root,
                                     const char *key,
                                     at_config *config,
                                     attrib_error *err)
{
    config->norm_epsilon = 1e-5;
    return at_json_number(name, root, key, &config->norm_epsilon, NULL, err);
}

/* 1. GPT-2, GPT-J, GPT-Neo */

/* The sizes under GPT-2's names. */
static attrib_status read_gpt2_sizes(const char *name,
                                     const json_t *root,
                                     at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_mlp_width = false;
    AT_TRY(at_read_layers(name, root, "n_layer", &config->n_layers, err));
    AT_TRY(at_read_size(name, root, "n_embd", &config->width, err));
    AT_TRY(at_read_size(name, root, "n_head", &config->n_heads, err));
    AT_TRY(at_read_size(name, root, "vocab_size", &config->n_vocabulary, err));
    AT_TRY(at_read_size(name, root, "n_positions", &config->context, err));
    config->n_kv_heads = config->n_heads;
    AT_TRY(at_json_size(name, root, "n_inner", &config->mlp_width, &has_mlp_width, err));
    if (!has_mlp_width) {
        AT_TRY(at_mul(4, config->width, &config->mlp_width, err));
    }
    AT_TRY(read_layer_norm(name, root, "layer_norm_epsilon", config, err));
    AT_TRY(at_json_bool(name, root, "tie_word_embeddings", &config->is_head_tied, NULL,
                        err));
done:
    return status;
}

attrib_status at_config_read_gptj(const char *name,
                                  const json_t *root,
                                  at_config *config,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(read_gpt2_sizes(name, root, config, err));
    AT_TRY(at_read_size(name, root, "rotary_dim", &config->rotary_dim, err));
    AT_CHECK(config->rotary_dim > 0, ATTRIB_ERANGE,
             "%s: rotary_dim 0, expected at least 2", name);
    config->rope = (at_rope){.theta = 10000, .length = 1};
    AT_TRY(at_expect_null(name, root, "rope_scaling", err));
    AT_TRY(
        at_read_activation(name, root, "activation_function", "gelu_new",
                           AT_ONLY(AT_ACTIVATION_GELU_TANH) | AT_ONLY(AT_ACTIVATION_GELU),
                           &config->activation, err));
    at_set_biases(config, false, true);
    config->is_parallel = true;
done:
    return status;
}

attrib_status at_config_read_gpt2(const char *name,
                                  const json_t *root,
                                  at_config *config,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    config->is_head_tied = true;
    AT_TRY(read_gpt2_sizes(name, root, config, err));
    AT_TRY(
        at_read_activation(name, root, "activation_function", "gelu_new",
                           AT_ONLY(AT_ACTIVATION_GELU_TANH) | AT_ONLY(AT_ACTIVATION_GELU),
                           &config->activation, err));
    AT_TRY(at_expect_bool(name, root, "scale_attn_weights", true, err));
    AT_TRY(at_expect_bool(name, root, "scale_attn_by_inverse_layer_idx", false, err));
    AT_TRY(at_expect_bool(name, root, "reorder_and_upcast_attn", false, err));
    AT_TRY(at_expect_bool(name, root, "add_cross_attention", false, err));
    at_set_biases(config, true, true);
done:
    return status;
}

/* How often one item of attention_types, [["global", "local"], 12], says its names, and
 * how many those are. */
static attrib_status read_repeat(const char *name,
                                 const json_t *item,
                                 size_t *n_names,
                                 size_t *n_layers,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *times = json_array_get(item, 1);
    *n_names = json_array_size(json_array_get(item, 0));
    AT_CHECK(*n_names > 0 && json_is_integer(times) && json_integer_value(times) >= 0,
             ATTRIB_EFORMAT,
             "%s: attention_types: expected lists of names, each with a number", name);
    AT_TRY(at_mul(*n_names, (size_t)json_integer_value(times), n_layers, err));
done:
    return status;
}

/* One name of attention_types, which is layer i's. */
static attrib_status set_type(
    const char *name, const json_t *type, size_t i, at_config *config, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = json_is_string(type) ? json_string_value(type) : "";
    bool is_local = strcmp(text, "local") == 0;
    AT_CHECK(is_local || strcmp(text, "global") == 0, ATTRIB_ENOTSUP,
             "%s: attention_types: \"%s\" is not supported", name, text);
    AT_CHECK(i < config->n_layers, ATTRIB_ESHAPE,
             "%s: attention_types: more entries than %zu layers", name, config->n_layers);
    if (is_local) {
        at_config_set_windowed(config, i);
    }
done:
    return status;
}

/* "attention_types": names of layers, repeated. */
static attrib_status read_attention_types(const char *name,
                                          const json_t *root,
                                          at_config *config,
                                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *types = json_object_get(root, "attention_types");
    size_t i_layer = 0;
    for (size_t i = 0; i < json_array_size(types); i++) {
        const json_t *item = json_array_get(types, i);
        size_t n_names = 0;
        size_t n_layers = 0;
        AT_TRY(read_repeat(name, item, &n_names, &n_layers, err));
        for (size_t j = 0; j < n_layers; j++) {
            const json_t *type = json_array_get(json_array_get(item, 0), j % n_names);
            AT_TRY(set_type(name, type, i_layer++, config, err));
        }
    }
    AT_CHECK(i_layer == config->n_layers, ATTRIB_ESHAPE,
             "%s: attention_types: %zu entries, expected one for each of %zu layers",
             name, i_layer, config->n_layers);
done:
    return status;
}

/* Scores are not scaled. */
attrib_status at_config_read_gpt_neo(const char *name,
                                     const json_t *root,
                                     at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_mlp_width = false;
    config->is_head_tied = true;
    config->window = 256;
    config->attention_scale = 1;
    AT_TRY(at_read_layers(name, root, "num_layers", &config->n_layers, err));
    AT_TRY(at_read_size(name, root, "hidden_size", &config->width, err));
    AT_TRY(at_read_size(name, root, "num_heads", &config->n_heads, err));
    AT_TRY(at_read_size(name, root, "vocab_size", &config->n_vocabulary, err));
    AT_TRY(at_read_size(name, root, "max_position_embeddings", &config->context, err));
    config->n_kv_heads = config->n_heads;
    AT_TRY(at_json_size(name, root, "intermediate_size", &config->mlp_width,
                        &has_mlp_width, err));
    if (!has_mlp_width) {
        AT_TRY(at_mul(4, config->width, &config->mlp_width, err));
    }
    AT_TRY(at_json_size(name, root, "window_size", &config->window, NULL, err));
    AT_CHECK(config->window > 0, ATTRIB_ERANGE, "%s: window_size 0, expected at least 1",
             name);
    AT_TRY(read_attention_types(name, root, config, err));
    AT_TRY(read_layer_norm(name, root, "layer_norm_epsilon", config, err));
    AT_TRY(at_json_bool(name, root, "tie_word_embeddings", &config->is_head_tied, NULL,
                        err));
    AT_TRY(
        at_read_activation(name, root, "activation_function", "gelu_new",
                           AT_ONLY(AT_ACTIVATION_GELU_TANH) | AT_ONLY(AT_ACTIVATION_GELU),
                           &config->activation, err));
    at_set_biases(config, false, true);
    config->has_bias[AT_MAP_O] = true;
done:
    return status;
}

/* 2. GPT-NeoX, Phi, StarCoder 2, Falcon */

attrib_status at_config_read_gpt_neox(const char *name,
                                      const json_t *root,
                                      at_config *config,
                                      attrib_error *err)
{
    static const at_rope_keys keys = {"rotary_emb_base", "rotary_pct", 10000, 0.25,
                                      false};
    attrib_status status = ATTRIB_OK;
    bool has_bias = true;
    AT_TRY(at_read_sizes(name, root, config, err));
    AT_CHECK(config->n_kv_heads == config->n_heads, ATTRIB_ENOTSUP,
             "%s: num_key_value_heads %zu is not supported, expected %zu", name,
             config->n_kv_heads, config->n_heads);
    AT_TRY(read_layer_norm(name, root, "layer_norm_eps", config, err));
    AT_TRY(at_read_rope(name, root, &keys, config, err));
    AT_TRY(
        at_read_activation(name, root, "hidden_act", "gelu",
                           AT_ONLY(AT_ACTIVATION_GELU_TANH) | AT_ONLY(AT_ACTIVATION_GELU),
                           &config->activation, err));
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_bias, NULL, err));
    at_set_biases(config, has_bias, true);
    config->is_parallel = true;
    AT_TRY(at_json_bool(name, root, "use_parallel_residual", &config->is_parallel, NULL,
                        err));
done:
    return status;
}

attrib_status at_config_read_phi(const char *name,
                                 const json_t *root,
                                 at_config *config,
                                 attrib_error *err)
{
    static const at_rope_keys keys = {"rope_theta", "partial_rotary_factor", 10000, 0.5,
                                      false};
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_read_sizes(name, root, config, err));
    AT_TRY(read_layer_norm(name, root, "layer_norm_eps", config, err));
    AT_TRY(at_read_rope(name, root, &keys, config, err));
    AT_TRY(
        at_read_activation(name, root, "hidden_act", "gelu_new",
                           AT_ONLY(AT_ACTIVATION_GELU_TANH) | AT_ONLY(AT_ACTIVATION_GELU),
                           &config->activation, err));
    AT_TRY(at_expect_bool(name, root, "qk_layernorm", false, err));
    at_set_biases(config, true, true);
    config->is_parallel = true;
done:
    return status;
}

attrib_status at_config_read_starcoder2(const char *name,
                                        const json_t *root,
                                        at_config *config,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_bias = true;
    config->n_kv_heads = 2;
    config->is_head_tied = true;
    AT_TRY(at_read_sizes(name, root, config, err));
    AT_TRY(read_layer_norm(name, root, "norm_epsilon", config, err));
    AT_TRY(at_read_rope(name, root, AT_USUAL_ROPE, config, err));
    AT_TRY(
        at_read_activation(name, root, "hidden_act", "gelu_pytorch_tanh",
                           AT_ONLY(AT_ACTIVATION_GELU_TANH) | AT_ONLY(AT_ACTIVATION_GELU),
                           &config->activation, err));
    AT_TRY(at_json_bool(name, root, "use_bias", &has_bias, NULL, err));
    at_set_biases(config, has_bias, has_bias);
    AT_TRY(at_read_window(name, root, 0, config, err));
    at_set_all_windowed(config);
done:
    return status;
}

/* The layout of falcon-7b: one key and value head, halves side by side after one norm.
 */
attrib_status at_config_read_falcon(const char *name,
                                    const json_t *root,
                                    at_config *config,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_mlp_width = false;
    bool has_bias = false;
    config->is_head_tied = true;
    config->n_kv_heads = 1;
    config->context = 2048;
    config->is_parallel = true;
    AT_TRY(at_read_layers(name, root, "num_hidden_layers", &config->n_layers, err));
    AT_TRY(at_read_size(name, root, "hidden_size", &config->width, err));
    AT_TRY(at_read_size(name, root, "num_attention_heads", &config->n_heads, err));
    AT_TRY(at_read_size(name, root, "vocab_size", &config->n_vocabulary, err));
    AT_TRY(at_read_size(name, root, "max_position_embeddings", &config->context, err));
    AT_TRY(at_json_size(name, root, "ffn_hidden_size", &config->mlp_width, &has_mlp_width,
                        err));
    if (!has_mlp_width) {
        AT_TRY(at_mul(4, config->width, &config->mlp_width, err));
    }
    AT_TRY(at_expect_bool(name, root, "alibi", false, err));
    AT_TRY(at_expect_bool(name, root, "new_decoder_architecture", false, err));
    AT_TRY(at_expect_bool(name, root, "multi_query", true, err));
    AT_TRY(at_expect_bool(name, root, "parallel_attn", true, err));
    AT_TRY(at_expect_null(name, root, "n_embed", err));
    AT_TRY(read_layer_norm(name, root, "layer_norm_epsilon", config, err));
    AT_TRY(at_read_rope(name, root, AT_USUAL_ROPE, config, err));
    AT_TRY(
        at_read_activation(name, root, "activation", "gelu",
                           AT_ONLY(AT_ACTIVATION_GELU_TANH) | AT_ONLY(AT_ACTIVATION_GELU),
                           &config->activation, err));
    AT_TRY(at_json_bool(name, root, "tie_word_embeddings", &config->is_head_tied, NULL,
                        err));
    AT_TRY(at_json_bool(name, root, "bias", &has_bias, NULL, err));
    at_set_biases(config, has_bias, has_bias);
done:
    return status;
}
