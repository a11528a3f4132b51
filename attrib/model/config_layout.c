/* SPDX-License-Identifier: MIT */
/* What follows from a configuration: shapes, and what is so in some layers only. */
#include "model/architecture.h"

bool at_is_rotary(const at_architecture *architecture)
{
    return architecture->position != AT_POSITION_LEARNED;
}

void at_config_map_dims(const at_config *config, at_slot map, size_t *in, size_t *out)
{
    size_t q_dim = config->n_heads * config->head_dim;
    size_t kv_dim = config->n_kv_heads * config->head_dim;
    *in = config->width;
    *out = config->width;
    switch (map) {
    case AT_MAP_QKV:
        *out = q_dim + 2 * kv_dim;
        break;
    case AT_MAP_Q:
        *out = q_dim;
        break;
    case AT_MAP_K:
    case AT_MAP_V:
        *out = kv_dim;
        break;
    case AT_MAP_O:
        *in = q_dim;
        break;
    case AT_MAP_GATE_UP:
        *out = 2 * config->mlp_width;
        break;
    case AT_MAP_GATE:
    case AT_MAP_UP:
        *out = config->mlp_width;
        break;
    case AT_MAP_DOWN:
    case AT_N_MAPS:
        *in = config->mlp_width;
        break;
    }
}

size_t at_config_norm_width(const at_config *config, at_norm_slot norm)
{
    bool is_whole = config->architecture->is_qk_norm_of_whole;
    if (norm == AT_NORM_Q) {
        return config->head_dim * (is_whole ? config->n_heads : 1);
    }
    if (norm == AT_NORM_K) {
        return config->head_dim * (is_whole ? config->n_kv_heads : 1);
    }
    return config->width;
}

bool at_config_is_windowed(const at_config *config, size_t i_layer)
{
    return config->windowed[i_layer / 64] >> i_layer % 64 & 1;
}

size_t at_config_window(const at_config *config, size_t i_layer)
{
    return at_config_is_windowed(config, i_layer) ? config->window : 0;
}

void at_config_set_windowed(at_config *config, size_t i_layer)
{
    config->windowed[i_layer / 64] |= (uint64_t)1 << i_layer % 64;
}

bool at_config_is_turned(const at_config *config, size_t i_layer)
{
    return at_is_rotary(config->architecture) &&
           !(config->unturned[i_layer / 64] >> i_layer % 64 & 1);
}

void at_config_set_unturned(at_config *config, size_t i_layer)
{
    config->unturned[i_layer / 64] |= (uint64_t)1 << i_layer % 64;
}
