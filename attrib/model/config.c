/* SPDX-License-Identifier: MIT */
/* config.json of a Hugging Face folder.
 *
 *   1. Reading keys
 *   2. Architectures
 *   3. Checking sizes
 *   4. Public: a text, a file */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/json.h"
#include "model/architecture.h"

#define MAX_CONFIG_BYTES ((size_t)16 << 20)

/* 1. Reading keys */

/* A size that must be there. */
static attrib_status read_size(
    const char *name, const json_t *root, const char *key, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_there = false;
    AT_TRY(at_json_size(name, root, key, out, &is_there, err));
    AT_CHECK(is_there, ATTRIB_EFORMAT, "%s: key \"%s\" is missing", name, key);
done:
    return status;
}

/* Refuse a switch that is not set as the decoder computes. */
static attrib_status expect_bool(const char *name,
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

/* Refuse another activation than `expected` (or its other name, which may be NULL). */
static attrib_status expect_activation(const char *name,
                                       const json_t *root,
                                       const char *key,
                                       const char *expected,
                                       const char *alias,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *value = expected;
    AT_TRY(at_json_text(name, root, key, &value, NULL, err));
    AT_CHECK(strcmp(value, expected) == 0 || (alias && strcmp(value, alias) == 0),
             ATTRIB_ENOTSUP, "%s: %s \"%s\" is not supported, expected \"%s\"", name, key,
             value, expected);
done:
    return status;
}

/* "rope_scaling" and "rope_parameters": no scaling, with the base perhaps inside. */
static attrib_status read_rope(const char *name,
                               const json_t *root,
                               const char *key,
                               double *theta,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *rope = json_object_get(root, key);
    const char *kind = "default";
    if (!rope || json_is_null(rope)) {
        return ATTRIB_OK;
    }
    AT_CHECK(json_is_object(rope), ATTRIB_EFORMAT, "%s: key \"%s\": expected an object",
             name, key);
    AT_TRY(at_json_text(name, rope, "type", &kind, NULL, err));
    AT_TRY(at_json_text(name, rope, "rope_type", &kind, NULL, err));
    AT_CHECK(strcmp(kind, "default") == 0, ATTRIB_ENOTSUP,
             "%s: %s of type \"%s\" is not supported", name, key, kind);
    AT_TRY(at_json_number(name, rope, "rope_theta", theta, NULL, err));
done:
    return status;
}

static void set_biases(at_config *config, bool attention, bool mlp)
{
    for (at_slot map = 0; map < AT_N_MAPS; map++) {
        config->has_bias[map] = map <= AT_MAP_O ? attention : mlp;
    }
}

/* 2. Architectures */

attrib_status at_config_read_llama(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_attention_bias = false;
    bool has_mlp_bias = false;
    double rotary_share = 1;
    AT_TRY(read_size(name, root, "num_hidden_layers", &config->n_layers, err));
    AT_TRY(read_size(name, root, "hidden_size", &config->width, err));
    AT_TRY(read_size(name, root, "num_attention_heads", &config->n_heads, err));
    AT_TRY(read_size(name, root, "intermediate_size", &config->mlp_width, err));
    AT_TRY(read_size(name, root, "vocab_size", &config->n_vocabulary, err));
    AT_TRY(read_size(name, root, "max_position_embeddings", &config->context, err));
    config->n_kv_heads = config->n_heads;
    AT_TRY(
        at_json_size(name, root, "num_key_value_heads", &config->n_kv_heads, NULL, err));
    AT_TRY(at_json_size(name, root, "head_dim", &config->head_dim, NULL, err));
    config->norm_epsilon = 1e-6;
    AT_TRY(at_json_number(name, root, "rms_norm_eps", &config->norm_epsilon, NULL, err));
    config->rope_theta = 10000;
    AT_TRY(at_json_number(name, root, "rope_theta", &config->rope_theta, NULL, err));
    AT_TRY(read_rope(name, root, "rope_scaling", &config->rope_theta, err));
    AT_TRY(read_rope(name, root, "rope_parameters", &config->rope_theta, err));
    AT_TRY(at_json_number(name, root, "partial_rotary_factor", &rotary_share, NULL, err));
    AT_CHECK(rotary_share == 1, ATTRIB_ENOTSUP,
             "%s: partial_rotary_factor %g is not supported", name, rotary_share);
    AT_TRY(expect_activation(name, root, "hidden_act", "silu", "swish", err));
    config->activation = AT_ACTIVATION_SILU;
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_attention_bias, NULL, err));
    AT_TRY(at_json_bool(name, root, "mlp_bias", &has_mlp_bias, NULL, err));
    set_biases(config, has_attention_bias, has_mlp_bias);
    config->is_head_tied = false;
    AT_TRY(at_json_bool(name, root, "tie_word_embeddings", &config->is_head_tied, NULL,
                        err));
done:
    return status;
}

attrib_status at_config_read_gpt2(const char *name,
                                  const json_t *root,
                                  at_config *config,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_mlp_width = false;
    AT_TRY(read_size(name, root, "n_layer", &config->n_layers, err));
    AT_TRY(read_size(name, root, "n_embd", &config->width, err));
    AT_TRY(read_size(name, root, "n_head", &config->n_heads, err));
    AT_TRY(read_size(name, root, "vocab_size", &config->n_vocabulary, err));
    AT_TRY(read_size(name, root, "n_positions", &config->context, err));
    config->n_kv_heads = config->n_heads;
    AT_TRY(at_json_size(name, root, "n_inner", &config->mlp_width, &has_mlp_width, err));
    if (!has_mlp_width) {
        AT_TRY(at_mul(4, config->width, &config->mlp_width, err));
    }
    config->norm_epsilon = 1e-5;
    AT_TRY(at_json_number(name, root, "layer_norm_epsilon", &config->norm_epsilon, NULL,
                          err));
    AT_TRY(expect_activation(name, root, "activation_function", "gelu_new",
                             "gelu_pytorch_tanh", err));
    config->activation = AT_ACTIVATION_GELU_TANH;
    AT_TRY(expect_bool(name, root, "scale_attn_weights", true, err));
    AT_TRY(expect_bool(name, root, "scale_attn_by_inverse_layer_idx", false, err));
    AT_TRY(expect_bool(name, root, "reorder_and_upcast_attn", false, err));
    AT_TRY(expect_bool(name, root, "add_cross_attention", false, err));
    set_biases(config, true, true);
    config->is_head_tied = true;
    AT_TRY(at_json_bool(name, root, "tie_word_embeddings", &config->is_head_tied, NULL,
                        err));
done:
    return status;
}

/* 3. Checking sizes */

/* Far above any model, and so low that products of two never overflow. */
static attrib_status check_limits(const char *name,
                                  const at_config *config,
                                  attrib_error *err)
{
    const struct {
        const char *what;
        size_t value, limit;
    } sizes[] = {
        {"layers", config->n_layers, (size_t)1 << 14},
        {"width", config->width, (size_t)1 << 20},
        {"heads", config->n_heads, (size_t)1 << 14},
        {"key and value heads", config->n_kv_heads, (size_t)1 << 14},
        {"head dimension", config->head_dim, (size_t)1 << 14},
        {"MLP width", config->mlp_width, (size_t)1 << 22},
        {"vocabulary", config->n_vocabulary, (size_t)1 << 24},
        {"context", config->context, (size_t)1 << 24},
    };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i].value < 1 || sizes[i].value > sizes[i].limit) {
            return at_fail(err, ATTRIB_ERANGE, "%s: %s: %zu, expected 1 to %zu", name,
                           sizes[i].what, sizes[i].value, sizes[i].limit);
        }
    }
    return ATTRIB_OK;
}

attrib_status at_config_check(const char *name,
                              const at_config *config,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(check_limits(name, config, err));
    AT_CHECK(config->n_heads % config->n_kv_heads == 0, ATTRIB_ESHAPE,
             "%s: %zu heads cannot share %zu key and value heads", name, config->n_heads,
             config->n_kv_heads);
    AT_CHECK(config->architecture->position != AT_POSITION_ROTARY ||
                 config->head_dim % 2 == 0,
             ATTRIB_ESHAPE,
             "%s: a head dimension of %zu is odd, rotary positions need "
             "pairs",
             name, config->head_dim);
    AT_CHECK(isfinite(config->norm_epsilon) && config->norm_epsilon >= 0, ATTRIB_ERANGE,
             "%s: norm epsilon %g, expected at least 0", name, config->norm_epsilon);
    AT_CHECK(config->architecture->position != AT_POSITION_ROTARY ||
                 (isfinite(config->rope_theta) && config->rope_theta > 0),
             ATTRIB_ERANGE, "%s: rope_theta %g, expected above 0", name,
             config->rope_theta);
done:
    return status;
}

/* The head dimension that follows where the configuration does not say it. */
static attrib_status complete(const char *name, at_config *config, attrib_error *err)
{
    if (config->head_dim == 0 && config->n_heads > 0) {
        if (config->width % config->n_heads != 0) {
            return at_fail(err, ATTRIB_ESHAPE,
                           "%s: %zu heads do not divide a width of %zu", name,
                           config->n_heads, config->width);
        }
        config->head_dim = config->width / config->n_heads;
    }
    return at_config_check(name, config, err);
}

/* 4. Public: a text, a file */

/* The entry for model_type, which "architectures", where it is there, must agree with. */
static attrib_status find_architecture(const char *name,
                                       const json_t *root,
                                       const at_architecture **out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_architecture *found = NULL;
    const json_t *classes = json_object_get(root, "architectures");
    const char *class_name = json_string_value(json_array_get(classes, 0));
    const char *model_type = NULL;
    AT_TRY(at_json_text(name, root, "model_type", &model_type, NULL, err));
    AT_CHECK(model_type, ATTRIB_EFORMAT, "%s: key \"model_type\" is missing", name);
    found = at_architecture_find(model_type);
    AT_CHECK(found, ATTRIB_ENOTSUP, "%s: architecture \"%s\" is not supported", name,
             model_type);
    AT_CHECK(!class_name || strcmp(class_name, found->class_name) == 0, ATTRIB_ENOTSUP,
             "%s: architecture \"%s\" is not supported, expected \"%s\"", name,
             class_name, found->class_name);
    AT_CHECK(!json_is_object(json_object_get(root, "quantization_config")),
             ATTRIB_ENOTSUP, "%s: quantization_config is not supported", name);
    *out = found;
done:
    return status;
}

attrib_status at_config_parse(
    const char *name, const char *text, size_t n, at_config *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *root = NULL;
    at_config config = {0};
    AT_TRY(at_json_parse(name, text, n, &root, err));
    AT_CHECK(json_is_object(root), ATTRIB_EFORMAT, "%s: expected an object", name);
    AT_TRY(find_architecture(name, root, &config.architecture, err));
    AT_TRY(config.architecture->read(name, root, &config, err));
    AT_TRY(complete(name, &config, err));
    *out = config;
done:
    json_decref(root);
    return status;
}

attrib_status at_config_open(const char *path, at_config *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(at_read_file(path, MAX_CONFIG_BYTES, &text, err));
    AT_TRY(at_config_parse(path, text.bytes ? text.bytes : "", text.n_bytes, out, err));
done:
    at_buffer_free(&text);
    return status;
}
