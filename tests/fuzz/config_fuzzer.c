/* SPDX-License-Identifier: MIT */
/* config.json of a model: any bytes end in a configuration that holds together, or in a
 * status with its message. */
#include <math.h>
#include <stdlib.h>

#include "model/architecture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_config(const at_config *config)
{
    size_t in = 0;
    size_t out = 0;
    bool holds = config->architecture && config->n_layers && config->context &&
                 config->n_vocabulary && config->n_heads % config->n_kv_heads == 0;
    for (at_slot slot = 0; slot < AT_N_MAPS; slot++) {
        at_config_map_dims(config, slot, &in, &out);
        holds = holds && in && out;
    }
    for (at_norm_slot norm = 0; norm < AT_N_NORMS; norm++) {
        holds = holds && at_config_norm_width(config, norm);
    }
    for (size_t i = 0; i < config->n_layers; i++) {
        holds = holds && (!at_config_is_windowed(config, i) || config->window);
    }
    for (size_t i = 0; i < config->rotary_dim / 2; i++) {
        holds =
            holds && isfinite(at_rope_frequency(&config->rope, config->rotary_dim, i));
    }
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    at_config config;
    attrib_error err = {0};
    attrib_status status =
        at_config_parse("config.json", (const char *)data, size, &config, &err);
    if (status == ATTRIB_OK) {
        check_config(&config);
    } else if (err.status != status || !err.message[0]) {
        abort();
    }
    return 0;
}
