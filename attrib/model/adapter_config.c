/* SPDX-License-Identifier: MIT */
/* adapter_config.json as PEFT 0.21 reads it (peft/tuners/lora/config.py,
 * peft/tuners/tuners_utils.py): which modules have matrices, their rank and their scale.
 *
 *   1. Patterns   2. Sets of modules   3. Settings that are read   4. The whole
 *   5. Questions */
#include "model/adapter_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Ranks of modules may be given one by one: 1,000 layers of 7 maps fit. */
#define MAX_PATTERNS ((size_t)8192)
#define MAX_RANK     ((size_t)1 << 16)

/* 1. Patterns */

/* An expression that matches whole names, after any parents where `is_end`. */
static attrib_status read_pattern(const at_adapter_config *config,
                                  const char *text,
                                  bool is_end,
                                  at_pattern *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer whole = {0};
    AT_TRY(
        at_buffer_print(&whole, err, is_end ? "^(?:.*\\.)?(?:%s)$" : "^(?:%s)$", text));
    AT_TRY(at_pattern_from_regex(config->name, whole.bytes, whole.n_bytes, out, err));
done:
    at_buffer_free(&whole);
    return status;
}

static attrib_status matches(const at_adapter_config *config,
                             const at_pattern *pattern,
                             const char *module,
                             bool *out,
                             attrib_error *err)
{
    at_matcher matcher = {0};
    at_search search = {.pattern = pattern,
                        .matcher = &matcher,
                        .text = module,
                        .n_bytes = strlen(module),
                        .last_end = SIZE_MAX};
    size_t start = 0;
    size_t end = 0;
    attrib_status status = at_search_next(&search, &start, &end, err);
    at_matcher_free(&matcher);
    *out = status == ATTRIB_OK;
    if (status == ATTRIB_OK || status == ATTRIB_END) {
        return ATTRIB_OK;
    }
    return at_context(err, status, "%s: module %.100s", config->name, module);
}

/* rank_pattern or alpha_pattern: an object of expressions and numbers. */
static attrib_status read_numbers(const at_adapter_config *config,
                                  const char *key,
                                  at_module_numbers *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *object = json_object_get(config->json, key);
    const char *pattern = NULL;
    json_t *value = NULL;
    size_t n = json_object_size(object);
    AT_CHECK(!object || json_is_null(object) || json_is_object(object), ATTRIB_EFORMAT,
             "%s: key \"%s\": expected an object", config->name, key);
    AT_CHECK(n <= MAX_PATTERNS, ATTRIB_ERANGE,
             "%s: %s: %zu entries, at most %zu are read", config->name, key, n,
             MAX_PATTERNS);
    if (n == 0) {
        goto done;
    }
    AT_TRY(at_array(n, sizeof *out->entries, &out->entries, err));
    json_object_foreach(object, pattern, value)
    {
        at_module_number *entry = &out->entries[out->n++];
        AT_CHECK(json_is_number(value), ATTRIB_EFORMAT,
                 "%s: %s: %.60s: expected a number", config->name, key, pattern);
        entry->value = json_number_value(value);
        AT_TRY(read_pattern(config, pattern, true, &entry->modules, err));
    }
done:
    return status;
}

static attrib_status number_of(const at_adapter_config *config,
                               const at_module_numbers *numbers,
                               const char *module,
                               double *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_found = false;
    *out = numbers->standard;
    for (size_t i = 0; i < numbers->n && !is_found; i++) {
        AT_TRY(matches(config, &numbers->entries[i].modules, module, &is_found, err));
        *out = is_found ? numbers->entries[i].value : *out;
    }
done:
    return status;
}

static void free_numbers(at_module_numbers *numbers)
{
    for (size_t i = 0; i < numbers->n; i++) {
        at_pattern_free(&numbers->entries[i].modules);
    }
    free(numbers->entries);
}

/* 2. Sets of modules */

/* A list of strings under `key`; NULL where there is none. */
static attrib_status read_names(const at_adapter_config *config,
                                const char *key,
                                const json_t **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *list = json_object_get(config->json, key);
    *out = NULL;
    AT_CHECK(!list || json_is_null(list) || json_is_array(list), ATTRIB_EFORMAT,
             "%s: key \"%s\": expected a list", config->name, key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        AT_CHECK(json_is_string(json_array_get(list, i)), ATTRIB_EFORMAT,
                 "%s: key \"%s\": entry %zu: expected a string", config->name, key, i);
    }
    *out = json_is_array(list) ? list : NULL;
done:
    return status;
}

/* target_modules or exclude_modules: a list, or one expression. "all-linear", which PEFT
 * itself replaces when it saves an adapter, is every map of a layer. */
static attrib_status read_set(const at_adapter_config *config,
                              const char *key,
                              at_module_set *out,
                              attrib_error *err)
{
    const char *text = json_string_value(json_object_get(config->json, key));
    if (!text) {
        return read_names(config, key, &out->names, err);
    }
    bool is_linear = strcmp(text, "all-linear") == 0;
    return read_pattern(config, is_linear ? ".*\\.\\d+\\..*" : text, false,
                        &out->expression, err);
}

/* Whether a path is, or ends with, one of the names. */
static bool is_listed(const json_t *names, const char *module)
{
    size_t n_module = strlen(module);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        size_t n = strlen(name);
        if (n <= n_module && strcmp(module + n_module - n, name) == 0 &&
            (n == n_module || module[n_module - n - 1] == '.')) {
            return true;
        }
    }
    return false;
}

static attrib_status is_in(const at_adapter_config *config,
                           const at_module_set *set,
                           const char *module,
                           bool *out,
                           attrib_error *err)
{
    *out = is_listed(set->names, module);
    return set->expression.kind == AT_PATTERN_NONE
               ? ATTRIB_OK
               : matches(config, &set->expression, module, out, err);
}

/* Whether layers_to_transform leaves a module's layer out: "model.layers.3.mlp" has 3. */
static bool is_other_layer(const at_adapter_config *config, const char *module)
{
    const json_t *layers = config->layers;
    size_t n = json_is_array(layers) ? json_array_size(layers) : 1;
    const char *digits = module;
    if (!layers || n == 0) {
        return false;
    }
    do {
        digits = strchr(digits, '.');
        digits += digits != NULL;
    } while (digits && strspn(digits, "0123456789") != strcspn(digits, "."));
    for (size_t i = 0; digits && i < n; i++) {
        const json_t *layer = json_is_array(layers) ? json_array_get(layers, i) : layers;
        if (json_integer_value(layer) == strtoll(digits, NULL, 10)) {
            return false;
        }
    }
    return true;
}

/* 3. Settings that are read */

static bool is_among(const char *const *list, const char *text)
{
    while (*list && strcmp(*list, text) != 0) {
        list++;
    }
    return *list != NULL;
}

/* Null, false, and what is empty switch nothing on. */
static bool is_off(const json_t *value)
{
    bool is_empty = (json_is_array(value) || json_is_object(value)) &&
                    json_array_size(value) == 0 && json_object_size(value) == 0;
    return json_is_null(value) || json_is_false(value) || is_empty;
}

/* Settings that are read, or that change nothing once an adapter is trained. */
static const char *const known_keys[] = {"alpha_pattern",
                                         "auto_mapping",
                                         "base_model_name_or_path",
                                         "bias",
                                         "corda_config",
                                         "eva_config",
                                         "exclude_modules",
                                         "fan_in_fan_out",
                                         "inference_mode",
                                         "init_lora_weights",
                                         "layers_pattern",
                                         "layers_to_transform",
                                         "loftq_config",
                                         "lora_alpha",
                                         "lora_dropout",
                                         "lora_ga_config",
                                         "megatron_core",
                                         "modules_to_save",
                                         "peft_type",
                                         "peft_version",
                                         "qalora_group_size",
                                         "r",
                                         "rank_pattern",
                                         "revision",
                                         "runtime_config",
                                         "target_modules",
                                         "task_type",
                                         "use_rslora",
                                         NULL};

/* Kinds of initial values that leave the base's weights as they are; PiSSA, OLoRA, LoftQ
 * and their like change them, so that the matrices do not belong to the base as it is. */
static const char *const known_starts[] = {"gaussian", "eva", "orthogonal", NULL};

static attrib_status check_keys(const at_adapter_config *config, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *key = NULL;
    json_t *value = NULL;
    const char *type = json_string_value(json_object_get(config->json, "peft_type"));
    const char *start =
        json_string_value(json_object_get(config->json, "init_lora_weights"));
    AT_CHECK(type, ATTRIB_EFORMAT, "%s: key \"peft_type\": expected a string",
             config->name);
    AT_CHECK(strcmp(type, "LORA") == 0, ATTRIB_ENOTSUP,
             "%s: adapters of type \"%.40s\" are not supported, only \"LORA\" is",
             config->name, type);
    AT_CHECK(!json_is_true(json_object_get(config->json, "use_dora")), ATTRIB_ENOTSUP,
             "%s: use_dora true: DoRA is not supported", config->name);
    AT_CHECK(!start || is_among(known_starts, start), ATTRIB_ENOTSUP,
             "%s: init_lora_weights \"%.40s\" is not supported: it changes the base's "
             "weights",
             config->name, start);
    json_object_foreach(config->json, key, value)
    {
        AT_CHECK(is_among(known_keys, key) || is_off(value), ATTRIB_ENOTSUP,
                 "%s: adapters with \"%.60s\" are not supported", config->name, key);
    }
done:
    return status;
}

static attrib_status read_layers(at_adapter_config *config, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *layers = json_object_get(config->json, "layers_to_transform");
    bool is_number = !layers || json_is_null(layers) || json_is_integer(layers);
    AT_CHECK(is_number || json_is_array(layers), ATTRIB_EFORMAT,
             "%s: key \"layers_to_transform\": expected a list of numbers", config->name);
    for (size_t i = 0; i < json_array_size(layers); i++) {
        AT_CHECK(json_is_integer(json_array_get(layers, i)), ATTRIB_EFORMAT,
                 "%s: key \"layers_to_transform\": entry %zu: expected a number",
                 config->name, i);
    }
    config->layers = json_is_null(layers) ? NULL : layers;
done:
    return status;
}

/* 4. The whole */

static attrib_status read_settings(at_adapter_config *config, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = config->name;
    const json_t *json = config->json;
    AT_CHECK(json_is_object(json), ATTRIB_EFORMAT, "%s: expected an object", name);
    AT_TRY(check_keys(config, err));
    AT_TRY(at_json_text(name, json, "base_model_name_or_path", &config->base, NULL, err));
    config->ranks.standard = 8; /* as PEFT's own */
    config->alphas.standard = 8;
    AT_TRY(at_json_number(name, json, "r", &config->ranks.standard, NULL, err));
    AT_TRY(at_json_number(name, json, "lora_alpha", &config->alphas.standard, NULL, err));
    AT_TRY(at_json_bool(name, json, "use_rslora", &config->is_scaled_by_root, NULL, err));
    AT_TRY(read_numbers(config, "rank_pattern", &config->ranks, err));
    AT_TRY(read_numbers(config, "alpha_pattern", &config->alphas, err));
    AT_TRY(read_set(config, "target_modules", &config->targets, err));
    AT_TRY(read_set(config, "exclude_modules", &config->excluded, err));
    AT_TRY(read_layers(config, err));
    AT_TRY(read_names(config, "modules_to_save", &config->saved, err));
done:
    return status;
}

attrib_status at_adapter_config_parse(const char *name,
                                      const char *text,
                                      size_t n,
                                      at_adapter_config *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_adapter_config config = {0};
    AT_TRY(at_copy_text(name, strlen(name), &config.name, err));
    AT_TRY(at_json_parse(name, text, n, &config.json, err));
    AT_TRY(read_settings(&config, err));
    *out = config;
    config = (at_adapter_config){0};
done:
    at_adapter_config_free(&config);
    return status;
}

void at_adapter_config_free(at_adapter_config *config)
{
    free_numbers(&config->ranks);
    free_numbers(&config->alphas);
    at_pattern_free(&config->targets.expression);
    at_pattern_free(&config->excluded.expression);
    json_decref(config->json);
    free(config->name);
    *config = (at_adapter_config){0};
}

/* 5. Questions */

attrib_status at_adapter_scale(const at_adapter_config *config,
                               const char *module,
                               size_t *rank,
                               double *scale,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double r = 0;
    double alpha = 0;
    AT_TRY(number_of(config, &config->ranks, module, &r, err));
    AT_TRY(number_of(config, &config->alphas, module, &alpha, err));
    AT_CHECK(r >= 1 && r <= (double)MAX_RANK && r == floor(r), ATTRIB_ERANGE,
             "%s: rank %g of %.100s: expected 1 to %zu", config->name, r, module,
             MAX_RANK);
    *rank = (size_t)r;
    *scale = alpha / (config->is_scaled_by_root ? sqrt(r) : r);
done:
    return status;
}

attrib_status at_adapter_targets(const at_adapter_config *config,
                                 const char *module,
                                 bool *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_excluded = false;
    bool is_target = false;
    if (!config->targets.names && config->targets.expression.kind == AT_PATTERN_NONE) {
        return ATTRIB_OK;
    }
    AT_TRY(is_in(config, &config->excluded, module, &is_excluded, err));
    AT_TRY(is_in(config, &config->targets, module, &is_target, err));
    if (config->targets.names && is_target) {
        is_target = !is_other_layer(config, module);
    }
    *out = is_target && !is_excluded && !at_adapter_saves(config, module);
done:
    return status;
}

bool at_adapter_saves(const at_adapter_config *config, const char *name)
{
    char part[512]; /* of the name, up to each of its dots, and all of it */
    for (size_t n = 0; config->saved && n < sizeof part; n++) {
        bool is_end = name[n] == '\0';
        part[n] = '\0';
        if ((is_end || name[n] == '.') && is_listed(config->saved, part)) {
            return true;
        }
        if (is_end) {
            break;
        }
        part[n] = name[n];
    }
    return false;
}
