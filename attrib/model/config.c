/* SPDX-License-Identifier: MIT */
/* A model's configuration: completed, checked, and read from config.json.
 *
 *   1. Completing and checking
 *   2. Describing
 *   3. The architecture
 *   4. Public: a text, a file */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/json.h"
#include "model/architecture.h"

#define MAX_CONFIG_BYTES ((size_t)16 << 20)

/* 1. Completing and checking */

static const char *const activation_names[] = {
    [AT_ACTIVATION_SILU] = "SiLU",
    [AT_ACTIVATION_GELU_TANH] = "GELU (tanh)",
    [AT_ACTIVATION_GELU] = "GELU",
};

/* Far above any model, and so low that products of two never overflow. */
static attrib_status check_limits(const char *name,
                                  const at_config *config,
                                  attrib_error *err)
{
    const struct {
        const char *what;
        size_t value, limit;
    } sizes[] = {
        {"layers", config->n_layers, AT_MAX_LAYERS},
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

/* Every number that a result is computed from is finite and of its sign. */
static attrib_status check_numbers(const char *name,
                                   const at_config *config,
                                   attrib_error *err)
{
    const struct {
        const char *what;
        double value;
        bool is_zero_fine;
    } numbers[] = {
        {"norm epsilon", config->norm_epsilon, true},
        {"attention scale", (double)config->attention_scale, false},
        {"attention cap", config->attention_cap, true},
        {"logit cap", config->logit_cap, true},
        {"clip_qkv", config->qkv_clip, true},
        {"embedding scale", (double)config->embedding_scale, false},
        {"residual scale", (double)config->residual_scale, false},
        {"logit scale", (double)config->logit_scale, false},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        double value = numbers[i].value;
        if (!isfinite(value) || value < 0 || (value == 0 && !numbers[i].is_zero_fine)) {
            return at_fail(err, ATTRIB_ERANGE, "%s: %s %g, expected %s 0", name,
                           numbers[i].what, value,
                           numbers[i].is_zero_fine ? "at least" : "above");
        }
    }
    return ATTRIB_OK;
}

static attrib_status check_rope(const char *name,
                                const at_config *config,
                                const at_rope *rope,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_ramp = rope->kind == AT_ROPE_LLAMA3 || rope->kind == AT_ROPE_YARN;
    AT_CHECK(isfinite(rope->theta) && rope->theta > 0, ATTRIB_ERANGE,
             "%s: rope_theta %g, expected above 0", name, rope->theta);
    AT_CHECK(isfinite(rope->length) && rope->length > 0, ATTRIB_ERANGE,
             "%s: attention_factor %g, expected above 0", name, rope->length);
    AT_CHECK(
        !has_ramp || (isfinite(rope->original_context) && rope->original_context >= 1),
        ATTRIB_ERANGE, "%s: original_max_position_embeddings %g, expected at least 1",
        name, rope->original_context);
    AT_CHECK(rope->kind != AT_ROPE_LONG || rope->n_divisors == config->rotary_dim / 2,
             ATTRIB_ESHAPE, "%s: short_factor has %zu entries, expected %zu", name,
             rope->n_divisors, config->rotary_dim / 2);
    for (size_t i = 0; i < config->rotary_dim / 2; i++) {
        double frequency = at_rope_frequency(rope, config->rotary_dim, i);
        AT_CHECK(isfinite(frequency * (double)config->context), ATTRIB_ERANGE,
                 "%s: rope_theta %g: angles are not finite", name, rope->theta);
    }
done:
    return status;
}

static attrib_status check_rotary(const char *name,
                                  const at_config *config,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(config->head_dim % 2 == 0 || config->rotary_dim != config->head_dim,
             ATTRIB_ESHAPE,
             "%s: a head dimension of %zu is odd, rotary positions need "
             "pairs",
             name, config->head_dim);
    AT_CHECK(config->rotary_dim % 2 == 0 && config->rotary_dim <= config->head_dim,
             ATTRIB_ESHAPE,
             "%s: %zu entries of a head of %zu cannot turn, rotary positions need pairs",
             name, config->rotary_dim, config->head_dim);
    AT_TRY(check_rope(name, config, &config->rope, err));
    if (config->has_local_rope) {
        AT_TRY(check_rope(name, config, &config->local_rope, err));
    }
done:
    return status;
}

/* What the layers compute of what a reader may combine. */
static attrib_status check_parts(const char *name,
                                 const at_config *config,
                                 attrib_error *err)
{
    const at_architecture *architecture = config->architecture;
    attrib_status status = ATTRIB_OK;
    bool is_gated = architecture->maps[AT_MAP_GATE] || architecture->maps[AT_MAP_GATE_UP];
    AT_CHECK(is_gated ? config->activation != AT_ACTIVATION_GELU
                      : config->activation != AT_ACTIVATION_SILU,
             ATTRIB_ENOTSUP, "%s: %s with%s a gate is not supported", name,
             activation_names[config->activation], is_gated ? "" : "out");
    AT_CHECK(config->qkv_clip == 0 || !architecture->maps[AT_MAP_QKV], ATTRIB_ENOTSUP,
             "%s: clipping is not supported where one map makes queries, keys and values",
             name);
done:
    return status;
}

static void infer_scales(at_config *config)
{
    float *const scales[] = {&config->embedding_scale, &config->residual_scale,
                             &config->logit_scale};
    double *const lengths[] = {&config->rope.length, &config->local_rope.length};
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        *scales[i] = *scales[i] == 0 ? 1 : *scales[i];
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        *lengths[i] = *lengths[i] == 0 ? 1 : *lengths[i];
    }
    if (config->attention_scale == 0) {
        config->attention_scale = 1.0f / sqrtf((float)config->head_dim);
    }
}

attrib_status at_config_complete(const char *name, at_config *config, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_rotary = at_is_rotary(config->architecture);
    AT_TRY(at_config_infer_head(name, config, err));
    AT_TRY(check_limits(name, config, err));
    infer_scales(config);
    if (config->rotary_dim == 0 && is_rotary) {
        config->rotary_dim = config->head_dim;
    }
    AT_CHECK(config->n_heads % config->n_kv_heads == 0, ATTRIB_ESHAPE,
             "%s: %zu heads cannot share %zu key and value heads", name, config->n_heads,
             config->n_kv_heads);
    AT_TRY(check_numbers(name, config, err));
    AT_TRY(check_parts(name, config, err));
    if (is_rotary) {
        AT_TRY(check_rotary(name, config, err));
    }
done:
    return status;
}

/* 2. Describing */

static const char *const norm_names[] = {
    [AT_NORM_RMS] = "RMSNorm",
    [AT_NORM_LAYER] = "LayerNorm",
    [AT_NORM_LAYER_PLAIN] = "LayerNorm without weights",
};

static const char *const position_names[] = {
    [AT_POSITION_LEARNED] = "learned",
    [AT_POSITION_ROTARY] = "rotary",
    [AT_POSITION_ROTARY_PAIRS] = "rotary (pairs)",
};

static const char *const rope_names[] = {
    [AT_ROPE_PLAIN] = "none", [AT_ROPE_LINEAR] = "linear", [AT_ROPE_LLAMA3] = "llama3",
    [AT_ROPE_YARN] = "yarn",  [AT_ROPE_LONG] = "longrope",
};

void at_config_describe(const at_config *config, attrib_model_info *info)
{
    const at_architecture *architecture = config->architecture;
    info->norm = norm_names[architecture->norm];
    info->activation = activation_names[config->activation];
    info->is_gated =
        architecture->maps[AT_MAP_GATE] || architecture->maps[AT_MAP_GATE_UP];
    info->is_parallel = config->is_parallel;
    info->positions = position_names[architecture->position];
    info->rope_scaling = rope_names[config->rope.kind];
    if (at_is_rotary(architecture)) {
        info->rotary_dim = config->rotary_dim;
        info->rope_theta = config->rope.theta;
        info->local_rope_theta = config->has_local_rope ? config->local_rope.theta : 0;
        info->rope_factor = config->rope.factor;
    }
    for (size_t i = 0; i < config->n_layers; i++) {
        info->n_windowed += at_config_is_windowed(config, i);
    }
    info->window = info->n_windowed ? config->window : 0;
    info->attention_cap = config->attention_cap;
    info->logit_cap = config->logit_cap;
}

/* 3. The architecture */

/* Switches that turn a decoder into something else, whatever its name. */
static attrib_status check_switches(const char *name,
                                    const json_t *root,
                                    attrib_error *err)
{
    static const char *const experts[] = {"num_experts", "num_local_experts",
                                          "n_routed_experts"};
    attrib_status status = ATTRIB_OK;
    bool is_encoder_decoder = false;
    for (size_t i = 0; i < sizeof experts / sizeof experts[0]; i++) {
        size_t n = 0;
        AT_TRY(at_json_size(name, root, experts[i], &n, NULL, err));
        AT_CHECK(n <= 1, ATTRIB_ENOTSUP,
                 "%s: %s %zu: mixtures of experts are not supported", name, experts[i],
                 n);
    }
    AT_TRY(
        at_json_bool(name, root, "is_encoder_decoder", &is_encoder_decoder, NULL, err));
    AT_CHECK(!is_encoder_decoder, ATTRIB_ENOTSUP,
             "%s: is_encoder_decoder true: models with an encoder are not supported",
             name);
    AT_CHECK(!json_is_object(json_object_get(root, "quantization_config")),
             ATTRIB_ENOTSUP, "%s: quantization_config is not supported", name);
done:
    return status;
}

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
    if (!found) {
        AT_TRY(at_architecture_refuse(name, model_type, err));
    }
    AT_CHECK(!class_name || strcmp(class_name, found->class_name) == 0, ATTRIB_ENOTSUP,
             "%s: architecture \"%s\" is not supported, expected \"%s\"", name,
             class_name, found->class_name);
    AT_TRY(check_switches(name, root, err));
    *out = found;
done:
    return status;
}

/* 4. Public: a text, a file */

attrib_status at_config_read(const char *name,
                             const json_t *root,
                             at_config *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_config config = {0};
    AT_TRY(find_architecture(name, root, &config.architecture, err));
    AT_TRY(config.architecture->read(name, root, &config, err));
    AT_TRY(at_config_complete(name, &config, err));
    *out = config;
done:
    return status;
}

attrib_status at_config_parse(
    const char *name, const char *text, size_t n, at_config *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *root = NULL;
    AT_TRY(at_json_parse(name, text, n, &root, err));
    AT_CHECK(json_is_object(root), ATTRIB_EFORMAT, "%s: expected an object", name);
    AT_TRY(at_config_read(name, root, out, err));
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
