/* SPDX-License-Identifier: MIT */
/* What readers of config.json share.
 *
 *   1. Keys
 *   2. Windows */
#include "model/config_read.h"

#include <math.h>
#include <string.h>

/* 1. Keys */

attrib_status at_read_size(
    const char *name, const json_t *root, const char *key, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_there = false;
    AT_TRY(at_json_size(name, root, key, out, &is_there, err));
    AT_CHECK(is_there || *out, ATTRIB_EFORMAT, "%s: key \"%s\" is missing", name, key);
done:
    return status;
}

attrib_status at_read_layers(
    const char *name, const json_t *root, const char *key, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_read_size(name, root, key, out, err));
    AT_CHECK(*out >= 1 && *out <= AT_MAX_LAYERS, ATTRIB_ERANGE,
             "%s: layers: %zu, expected 1 to %zu", name, *out, AT_MAX_LAYERS);
done:
    return status;
}

attrib_status at_read_number_or_null(
    const char *name, const json_t *root, const char *key, double *out, attrib_error *err)
{
    if (json_is_null(json_object_get(root, key))) {
        *out = 0;
        return ATTRIB_OK;
    }
    return at_json_number(name, root, key, out, NULL, err);
}

attrib_status at_expect_bool(const char *name,
                             const json_t *root,
                             const char *key,
                             bool expected,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool value = expected;
    AT_TRY(at_json_bool(name, root, key, &value, NULL, err));
    AT_CHECK(value == expected, ATTRIB_ENOTSUP, "%s: %s %s is not supported", name, key,
             value ? "true" : "false");
done:
    return status;
}

attrib_status at_expect_null(const char *name,
                             const json_t *root,
                             const char *key,
                             attrib_error *err)
{
    const json_t *value = json_object_get(root, key);
    if (value && !json_is_null(value)) {
        return at_fail(err, ATTRIB_ENOTSUP, "%s: %s is not supported", name, key);
    }
    return ATTRIB_OK;
}

static const struct {
    const char *name;
    at_activation activation;
} activations[] = {
    {"silu", AT_ACTIVATION_SILU},
    {"swish", AT_ACTIVATION_SILU},
    {"gelu_new", AT_ACTIVATION_GELU_TANH},
    {"gelu_pytorch_tanh", AT_ACTIVATION_GELU_TANH},
    {"gelu_fast", AT_ACTIVATION_GELU_TANH},
    {"gelu", AT_ACTIVATION_GELU},
};

#define N_ACTIVATIONS (sizeof activations / sizeof activations[0])

attrib_status at_read_activation(const char *name,
                                 const json_t *root,
                                 const char *key,
                                 const char *fallback,
                                 unsigned allowed,
                                 at_activation *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *value = fallback;
    const char *expected = NULL;
    AT_TRY(at_json_text(name, root, key, &value, NULL, err));
    for (size_t i = 0; i < N_ACTIVATIONS; i++) {
        if (!(allowed & 1u << activations[i].activation)) {
            continue;
        }
        if (strcmp(activations[i].name, value) == 0) {
            *out = activations[i].activation;
            return ATTRIB_OK;
        }
        expected = expected ? expected : activations[i].name;
    }
    return at_fail(err, ATTRIB_ENOTSUP, "%s: %s \"%s\" is not supported, expected \"%s\"",
                   name, key, value, expected);
done:
    return status;
}

void at_set_biases(at_config *config, bool attention, bool mlp)
{
    for (at_slot map = 0; map < AT_N_MAPS; map++) {
        config->has_bias[map] = map <= AT_MAP_O ? attention : mlp;
    }
}

attrib_status at_read_sizes(const char *name,
                            const json_t *root,
                            at_config *config,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_read_layers(name, root, "num_hidden_layers", &config->n_layers, err));
    AT_TRY(at_read_size(name, root, "hidden_size", &config->width, err));
    AT_TRY(at_read_size(name, root, "num_attention_heads", &config->n_heads, err));
    AT_TRY(at_read_size(name, root, "intermediate_size", &config->mlp_width, err));
    AT_TRY(at_read_size(name, root, "vocab_size", &config->n_vocabulary, err));
    AT_TRY(at_read_size(name, root, "max_position_embeddings", &config->context, err));
    if (config->n_kv_heads == 0 ||
        json_is_null(json_object_get(root, "num_key_value_heads"))) {
        config->n_kv_heads = config->n_heads;
    }
    AT_TRY(
        at_json_size(name, root, "num_key_value_heads", &config->n_kv_heads, NULL, err));
    AT_TRY(at_json_size(name, root, "head_dim", &config->head_dim, NULL, err));
    AT_TRY(at_json_bool(name, root, "tie_word_embeddings", &config->is_head_tied, NULL,
                        err));
done:
    return status;
}

/* 2. Windows */

attrib_status at_read_layer_types(const char *name,
                                  const json_t *root,
                                  at_config *config,
                                  bool *is_there,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *types = json_object_get(root, "layer_types");
    *is_there = types && !json_is_null(types);
    if (!*is_there) {
        return ATTRIB_OK;
    }
    AT_CHECK(json_array_size(types) == config->n_layers, ATTRIB_ESHAPE,
             "%s: layer_types: %zu entries, expected one for each of %zu layers", name,
             json_array_size(types), config->n_layers);
    for (size_t i = 0; i < config->n_layers; i++) {
        const char *type = json_string_value(json_array_get(types, i));
        bool is_windowed = type && strcmp(type, "sliding_attention") == 0;
        AT_CHECK(type, ATTRIB_EFORMAT, "%s: layer_types: entry %zu: expected a string",
                 name, i);
        AT_CHECK(is_windowed || strcmp(type, "full_attention") == 0, ATTRIB_ENOTSUP,
                 "%s: layer_types: entry %zu: \"%s\" is not supported", name, i, type);
        if (is_windowed) {
            at_config_set_windowed(config, i);
        }
    }
done:
    return status;
}

attrib_status at_read_window(const char *name,
                             const json_t *root,
                             size_t fallback,
                             at_config *config,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_there = false;
    bool is_null = json_is_null(json_object_get(root, "sliding_window"));
    config->window = is_null ? 0 : fallback;
    AT_TRY(at_json_size(name, root, "sliding_window", &config->window, &is_there, err));
    AT_CHECK(config->window > 0 || !is_there, ATTRIB_ERANGE,
             "%s: sliding_window 0, expected at least 1", name);
done:
    return status;
}

void at_set_all_windowed(at_config *config)
{
    for (size_t i = 0; config->window && i < config->n_layers; i++) {
        at_config_set_windowed(config, i);
    }
}

attrib_status at_read_periodic_types(const char *name,
                                     const json_t *root,
                                     size_t period,
                                     at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_types = false;
    AT_TRY(at_read_layer_types(name, root, config, &has_types, err));
    for (size_t i = 0; !has_types && i < config->n_layers; i++) {
        if ((i + 1) % period != 0) {
            at_config_set_windowed(config, i);
        }
    }
done:
    return status;
}
