/* SPDX-License-Identifier: MIT */
/* A decoder between its passes, and what layers ask of it: which maps are tracked, where
 * the backward pass stops, and who takes what a map has.
 *
 *   1. Places: a layer's steps in the order of the forward pass, then the head
 *   2. A decoder */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/decoder.h"
#include "model/layers.h"

/* 1. Places */

static size_t place_of(size_t i_layer, at_step step)
{
    return i_layer * AT_N_STEPS + (size_t)step;
}

static at_step step_of(at_slot map)
{
    if (map <= AT_MAP_V) {
        return AT_STEP_QKV;
    }
    if (map == AT_MAP_O) {
        return AT_STEP_O;
    }
    return map == AT_MAP_DOWN ? AT_STEP_DOWN : AT_STEP_UP;
}

bool at_is_tracked_at(const at_decoder *decoder, size_t i_layer, at_step step)
{
    const at_architecture *architecture = decoder->model->config.architecture;
    const at_layer *layer = &decoder->model->layers[i_layer];
    bool is_tracked = false;
    for (at_slot map = 0; map < AT_N_MAPS; map++) {
        if (architecture->maps[map] && step_of(map) == step) {
            is_tracked |= decoder->i_tracked[layer->i_module[map]] != AT_UNTRACKED;
        }
    }
    return is_tracked;
}

bool at_is_tracked_below(const at_decoder *decoder, size_t i_layer, at_step step)
{
    return decoder->mode == AT_MODE_INPUT || decoder->lowest < place_of(i_layer, step);
}

/* The place of the lowest tracked map. */
static size_t find_lowest(const at_decoder *decoder)
{
    size_t n_layers = decoder->model->config.n_layers;
    for (size_t i = 0; i < n_layers; i++) {
        for (at_step step = 0; step < AT_N_STEPS; step++) {
            if (at_is_tracked_at(decoder, i, step)) {
                return place_of(i, step);
            }
        }
    }
    return decoder->n_tracked ? place_of(n_layers, 0) : SIZE_MAX;
}

attrib_status at_hand(at_decoder *decoder,
                      size_t i_module,
                      const float *a,
                      const float *ds,
                      attrib_error *err)
{
    size_t i = decoder->i_tracked[i_module];
    if (i == AT_UNTRACKED) {
        return ATTRIB_OK;
    }
    return decoder->fn(decoder->fn_context, i, a, ds, err);
}

/* 2. A decoder */

/* How far apart rows and heads lie in the scratch. */
static void set_strides(at_decoder *decoder, const at_config *config)
{
    const at_architecture *architecture = config->architecture;
    size_t q_dim = config->n_heads * config->head_dim;
    size_t kv_dim = config->n_kv_heads * config->head_dim;
    bool is_fused = architecture->maps[AT_MAP_QKV] != NULL;
    decoder->q_stride = is_fused ? q_dim + 2 * kv_dim : q_dim;
    decoder->kv_stride = is_fused ? q_dim + 2 * kv_dim : kv_dim;
    decoder->head_stride = (architecture->is_qkv_by_head ? 3 : 1) * config->head_dim;
    decoder->mlp_stride =
        (architecture->maps[AT_MAP_GATE_UP] ? 2 : 1) * config->mlp_width;
}

void at_decoder_keep(at_decoder *decoder, double layers_limit)
{
    double weights = (double)decoder->model->info.weight_bytes;
    double usual = fmax((double)AT_KEPT_LIMIT, weights / AT_KEPT_SHARE);
    decoder->kept_limit = fmax(usual, layers_limit);
}

attrib_status at_decoder_new(const attrib_model *model,
                             const size_t *tracked,
                             size_t n_tracked,
                             at_decoder **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_decoder *decoder = NULL;
    const at_config *config = &model->config;
    AT_TRY(at_array(1, sizeof *decoder, &decoder, err));
    decoder->model = model;
    decoder->n_tracked = n_tracked;
    at_decoder_keep(decoder, 0);
    set_strides(decoder, config);
    AT_TRY(at_array(config->n_layers, sizeof *decoder->layers, &decoder->layers, err));
    AT_TRY(at_widener_reserve(&decoder->widener, model->n_widened, err));
    AT_TRY(
        at_array(model->n_modules, sizeof *decoder->i_tracked, &decoder->i_tracked, err));
    for (size_t i = 0; i < model->n_modules; i++) {
        decoder->i_tracked[i] = AT_UNTRACKED;
    }
    for (size_t i = 0; i < n_tracked; i++) {
        assert(tracked[i] < model->n_modules);
        decoder->i_tracked[tracked[i]] = i;
    }
    decoder->lowest = find_lowest(decoder);
    *out = decoder;
    decoder = NULL;
done:
    at_decoder_free(decoder);
    return status;
}

void at_decoder_free(at_decoder *decoder)
{
    if (!decoder) {
        return;
    }
    free(decoder->bank);
    at_widener_free(&decoder->widener);
    free(decoder->layers);
    free(decoder->i_tracked);
    free(decoder);
}

void at_decoder_multiply_by(at_decoder *decoder,
                            at_multiplier *multiplier,
                            const at_rounded *rounded)
{
    decoder->widener.multiplier = multiplier;
    decoder->widener.rounded = rounded;
}

void at_decoder_report_rows(at_decoder *decoder, at_row_results rows)
{
    decoder->rows = rows;
}
