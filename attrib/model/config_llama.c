/* SPDX-License-Identifier: MIT */
/* config.json of Llama and of those made after it: RMSNorm, a gated MLP, rotary
 * positions. Keys and defaults are
 * those of the published configurations.
 *
 *   1. Llama, Mistral, Qwen, SmolLM3, Granite
 *   2. OLMo
 *   3. Phi-3, StableLM */
#include <math.h>

#include "model/config_read.h"

/* 1. Llama, Mistral, Qwen, SmolLM3, Granite */

/* What Llama and those after it share: RMSNorm, gated SiLU, rotary positions. */
static attrib_status read_like_llama(const char *name,
                                     const json_t *root,
                                     at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_read_sizes(name, root, config, err));
    config->norm_epsilon = 1e-6;
    AT_TRY(at_json_number(name, root, "rms_norm_eps", &config->norm_epsilon, NULL, err));
    AT_TRY(at_read_rope(name, root, AT_USUAL_ROPE, config, err));
    AT_TRY(at_read_activation(name, root, "hidden_act", "silu",
                              AT_ONLY(AT_ACTIVATION_SILU), &config->activation, err));
done:
    return status;
}

attrib_status at_config_read_llama(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_attention_bias = false;
    bool has_mlp_bias = false;
    AT_TRY(read_like_llama(name, root, config, err));
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_attention_bias, NULL, err));
    AT_TRY(at_json_bool(name, root, "mlp_bias", &has_mlp_bias, NULL, err));
    at_set_biases(config, has_attention_bias, has_mlp_bias);
done:
    return status;
}

attrib_status at_config_read_mistral(const char *name,
                                     const json_t *root,
                                     at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    config->n_kv_heads = 8;
    AT_TRY(read_like_llama(name, root, config, err));
    AT_TRY(at_expect_null(name, root, "layer_types", err));
    AT_TRY(at_read_window(name, root, 4096, config, err));
    at_set_all_windowed(config);
done:
    return status;
}

/* "use_sliding_window", "sliding_window" and "layer_types", which must agree. */
static attrib_status read_switched_window(const char *name,
                                          const json_t *root,
                                          size_t fallback,
                                          at_config *config,
                                          bool *has_types,
                                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_used = false;
    AT_TRY(at_json_bool(name, root, "use_sliding_window", &is_used, NULL, err));
    AT_TRY(at_read_window(name, root, fallback, config, err));
    config->window = is_used ? config->window : 0;
    AT_TRY(at_read_layer_types(name, root, config, has_types, err));
    for (size_t i = 0; *has_types && i < config->n_layers; i++) {
        AT_CHECK(config->window || !at_config_is_windowed(config, i), ATTRIB_ENOTSUP,
                 "%s: layer_types: entry %zu: \"sliding_attention\" is not supported "
                 "without use_sliding_window and sliding_window",
                 name, i);
    }
done:
    return status;
}

/* Windows of layers from max_window_layers on, or of those that layer_types says, where
 * use_sliding_window is true. */
static attrib_status read_qwen_windows(const char *name,
                                       const json_t *root,
                                       at_config *config,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_types = false;
    size_t first = 28;
    AT_TRY(at_json_size(name, root, "max_window_layers", &first, NULL, err));
    AT_TRY(read_switched_window(name, root, 4096, config, &has_types, err));
    for (size_t i = first; !has_types && config->window && i < config->n_layers; i++) {
        at_config_set_windowed(config, i);
    }
done:
    return status;
}

attrib_status at_config_read_qwen2(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(read_like_llama(name, root, config, err));
    AT_TRY(read_qwen_windows(name, root, config, err));
    config->has_bias[AT_MAP_Q] = true;
    config->has_bias[AT_MAP_K] = true;
    config->has_bias[AT_MAP_V] = true;
done:
    return status;
}

attrib_status at_config_read_qwen3(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_bias = false;
    config->head_dim = 128;
    AT_TRY(read_like_llama(name, root, config, err));
    AT_TRY(read_qwen_windows(name, root, config, err));
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_bias, NULL, err));
    at_set_biases(config, has_bias, false);
done:
    return status;
}

/* "no_rope_layers": 0 for a layer without positions; a missing key means each
 * no_rope_layer_interval-th. */
static attrib_status read_unturned(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *turned = json_object_get(root, "no_rope_layers");
    bool is_there = turned && !json_is_null(turned);
    size_t interval = 4;
    AT_TRY(at_json_size(name, root, "no_rope_layer_interval", &interval, NULL, err));
    AT_CHECK(interval > 0, ATTRIB_ERANGE,
             "%s: no_rope_layer_interval 0, expected at least 1", name);
    AT_CHECK(!is_there || json_array_size(turned) == config->n_layers, ATTRIB_ESHAPE,
             "%s: no_rope_layers: %zu entries, expected one for each of %zu layers", name,
             json_array_size(turned), config->n_layers);
    for (size_t i = 0; i < config->n_layers; i++) {
        const json_t *entry = json_array_get(turned, i);
        bool is_turned = (i + 1) % interval != 0;
        AT_CHECK(!is_there || json_is_integer(entry), ATTRIB_EFORMAT,
                 "%s: no_rope_layers: entry %zu: expected a number", name, i);
        if (is_there ? json_integer_value(entry) == 0 : !is_turned) {
            at_config_set_unturned(config, i);
        }
    }
done:
    return status;
}

/* Layers without positions have the window, where layer_types does not say otherwise. */
attrib_status at_config_read_smollm3(const char *name,
                                     const json_t *root,
                                     at_config *config,
                                     attrib_error *err)
{
    static const at_rope_keys keys = {"rope_theta", NULL, 2000000, 1, false};
    attrib_status status = ATTRIB_OK;
    bool has_attention_bias = false;
    bool has_mlp_bias = false;
    bool has_types = false;
    config->n_kv_heads = 4;
    config->is_head_tied = true;
    AT_TRY(read_like_llama(name, root, config, err));
    AT_TRY(at_read_rope(name, root, &keys, config, err));
    AT_TRY(read_unturned(name, root, config, err));
    AT_TRY(read_switched_window(name, root, 0, config, &has_types, err));
    for (size_t i = 0; !has_types && config->window && i < config->n_layers; i++) {
        if (!at_config_is_turned(config, i)) {
            at_config_set_windowed(config, i);
        }
    }
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_attention_bias, NULL, err));
    AT_TRY(at_json_bool(name, root, "mlp_bias", &has_mlp_bias, NULL, err));
    at_set_biases(config, has_attention_bias, has_mlp_bias);
done:
    return status;
}

/* A scale above 0; a missing key means 1. */
static attrib_status read_scale(
    const char *name, const json_t *root, const char *key, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 1;
    AT_TRY(at_json_number(name, root, key, out, NULL, err));
    AT_CHECK(isfinite(*out) && *out > 0, ATTRIB_ERANGE, "%s: %s %g, expected above 0",
             name, key, *out);
done:
    return status;
}

/* Llama with scales of token vectors, scores, what a layer adds, and logits. */
attrib_status at_config_read_granite(const char *name,
                                     const json_t *root,
                                     at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double embedding = 1;
    double attention = 1;
    double residual = 1;
    double logits = 1;
    AT_TRY(at_config_read_llama(name, root, config, err));
    AT_TRY(read_scale(name, root, "embedding_multiplier", &embedding, err));
    AT_TRY(read_scale(name, root, "attention_multiplier", &attention, err));
    AT_TRY(read_scale(name, root, "residual_multiplier", &residual, err));
    AT_TRY(read_scale(name, root, "logits_scaling", &logits, err));
    config->embedding_scale = (float)embedding;
    config->attention_scale = (float)attention;
    config->residual_scale = (float)residual;
    config->logit_scale = (float)(1 / logits);
done:
    return status;
}

/* 2. OLMo */

attrib_status at_config_read_olmo(const char *name,
                                  const json_t *root,
                                  at_config *config,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_bias = false;
    AT_TRY(read_like_llama(name, root, config, err));
    config->norm_epsilon = 1e-5; /* of torch's LayerNorm: no key sets it */
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_bias, NULL, err));
    at_set_biases(config, has_bias, false);
    AT_TRY(at_json_number(name, root, "clip_qkv", &config->qkv_clip, NULL, err));
done:
    return status;
}

attrib_status at_config_read_olmo2(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_bias = false;
    AT_TRY(read_like_llama(name, root, config, err));
    config->norm_epsilon = 1e-5;
    AT_TRY(at_json_number(name, root, "rms_norm_eps", &config->norm_epsilon, NULL, err));
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_bias, NULL, err));
    at_set_biases(config, has_bias, false);
    AT_TRY(at_expect_null(name, root, "clip_qkv", err));
done:
    return status;
}

/* Every fourth layer sees all. rope_theta and rope_scaling at the top level are read in
 * more than one way by published code, unless the base is the usual one. */
attrib_status at_config_read_olmo3(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err)
{
    const double theta = 500000;
    attrib_status status = ATTRIB_OK;
    bool has_bias = false;
    double top = theta;
    AT_TRY(at_read_sizes(name, root, config, err));
    config->norm_epsilon = 1e-5;
    AT_TRY(at_json_number(name, root, "rms_norm_eps", &config->norm_epsilon, NULL, err));
    AT_TRY(at_json_number(name, root, "rope_theta", &top, NULL, err));
    AT_CHECK(top == theta, ATTRIB_ENOTSUP,
             "%s: rope_theta %g is not supported outside of rope_parameters, expected %g",
             name, top, theta);
    AT_TRY(at_read_two_ropes(name, root, theta, "rope_theta", theta, config, err));
    AT_TRY(at_read_activation(name, root, "hidden_act", "silu",
                              AT_ONLY(AT_ACTIVATION_SILU), &config->activation, err));
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_bias, NULL, err));
    at_set_biases(config, has_bias, false);
    AT_TRY(at_read_window(name, root, 4096, config, err));
    AT_CHECK(config->window, ATTRIB_ENOTSUP, "%s: sliding_window null is not supported",
             name);
    AT_TRY(at_read_periodic_types(name, root, 4, config, err));
done:
    return status;
}

/* 3. Phi-3, StableLM */

attrib_status at_config_read_phi3(const char *name,
                                  const json_t *root,
                                  at_config *config,
                                  attrib_error *err)
{
    static const at_rope_keys keys = {"rope_theta", "partial_rotary_factor", 10000, 1,
                                      true};
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_read_sizes(name, root, config, err));
    config->norm_epsilon = 1e-5;
    AT_TRY(at_json_number(name, root, "rms_norm_eps", &config->norm_epsilon, NULL, err));
    AT_TRY(at_read_rope(name, root, &keys, config, err));
    AT_TRY(at_read_activation(name, root, "hidden_act", "silu",
                              AT_ONLY(AT_ACTIVATION_SILU), &config->activation, err));
    AT_TRY(at_expect_bool(name, root, "attention_bias", false, err));
    AT_TRY(at_expect_bool(name, root, "mlp_bias", false, err));
    AT_TRY(at_read_window(name, root, 0, config, err));
    at_set_all_windowed(config);
done:
    return status;
}

attrib_status at_config_read_stablelm(const char *name,
                                      const json_t *root,
                                      at_config *config,
                                      attrib_error *err)
{
    static const at_rope_keys keys = {"rope_theta", "partial_rotary_factor", 10000, 0.25,
                                      false};
    attrib_status status = ATTRIB_OK;
    bool has_bias = false;
    config->n_kv_heads = 32;
    AT_TRY(at_read_sizes(name, root, config, err));
    config->norm_epsilon = 1e-5;
    AT_TRY(
        at_json_number(name, root, "layer_norm_eps", &config->norm_epsilon, NULL, err));
    AT_TRY(at_read_rope(name, root, &keys, config, err));
    AT_TRY(at_read_activation(name, root, "hidden_act", "silu",
                              AT_ONLY(AT_ACTIVATION_SILU), &config->activation, err));
    AT_TRY(at_expect_bool(name, root, "qk_layernorm", false, err));
    AT_TRY(at_expect_bool(name, root, "use_parallel_residual", false, err));
    AT_TRY(at_json_bool(name, root, "use_qkv_bias", &has_bias, NULL, err));
    config->has_bias[AT_MAP_Q] = has_bias;
    config->has_bias[AT_MAP_K] = has_bias;
    config->has_bias[AT_MAP_V] = has_bias;
done:
    return status;
}
