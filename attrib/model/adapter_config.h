/* SPDX-License-Identifier: MIT */
/* The settings of a LoRA adapter: PEFT's adapter_config.json. */
#ifndef AT_MODEL_ADAPTER_CONFIG_H
#define AT_MODEL_ADAPTER_CONFIG_H

#include "format/json.h"
#include "tokenizer/pattern.h"

/* One entry of rank_pattern or alpha_pattern: the modules that it is for, and a number.
 */
typedef struct at_module_number {
    at_pattern modules;
    double value;
} at_module_number;

typedef struct at_module_numbers {
    at_module_number
        *entries; /* [n] in the file's order: the first that matches counts */
    size_t n;
    double standard; /* where none matches */
} at_module_numbers;

/* Modules by a list of names, the ends of paths, or by one expression for whole paths. */
typedef struct at_module_set {
    const json_t *names; /* strings, borrowed; NULL where there is no list */
    at_pattern expression;
} at_module_set;

/* Zeroed = empty. Names of modules are those of Hugging Face:
 * "model.layers.0.mlp.up_proj".
 */
typedef struct at_adapter_config {
    char *name; /* of the file, for messages */
    json_t *json;
    const char *base; /* base_model_name_or_path, borrowed from `json`; NULL: none */
    at_module_numbers ranks, alphas;
    bool is_scaled_by_root; /* alpha / sqrt(rank), not alpha / rank */
    at_module_set targets, excluded;
    const json_t *layers; /* layers_to_transform: a number or a list; NULL: all */
    const json_t *saved;  /* modules_to_save, a list of names; NULL: none */
} at_adapter_config;

/* Read `n` bytes of adapter_config.json, which messages call `name`. ENOTSUP names what
 * would change weights and is not read. */
attrib_status at_adapter_config_parse(const char *name,
                                      const char *text,
                                      size_t n,
                                      at_adapter_config *out,
                                      attrib_error *err);
void at_adapter_config_free(at_adapter_config *config);

/* The rank of a module's two matrices, and what their product is multiplied by. */
attrib_status at_adapter_scale(const at_adapter_config *config,
                               const char *module,
                               size_t *rank,
                               double *scale,
                               attrib_error *err);

/* Whether a module, a linear map or an embedding, has such matrices; *out is left alone
 * where the settings do not say. */
attrib_status at_adapter_targets(const at_adapter_config *config,
                                 const char *module,
                                 bool *out,
                                 attrib_error *err);

/* Whether modules_to_save names what `name` is or is part of, "lm_head.weight": the
 * adapter holds a copy of its own. */
bool at_adapter_saves(const at_adapter_config *config, const char *name);

#endif
