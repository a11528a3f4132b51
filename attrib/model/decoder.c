/* SPDX-License-Identifier: MIT */
/* The decoder of one worker: forward and backward, or forward with tangents.
 *
 *   1. Places: where the backward pass stops
 *   2. Forward and backward, and forward mode
 *   3. Public */
#include "model/decoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/layers.h"
#include "model/vector.h"

/* 1. Places: a layer's steps in the order of the forward pass, then the head */

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

/* 2. Forward and backward, and forward mode */

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

/* The vector [D] of a token, times the embedding's scale. */
static void embed_token(const attrib_model *model, int32_t id, float *out)
{
    /* A row of a type that was found to be one that can be widened. */
    (void)!at_matrix_rows(&model->embedding, (size_t)id, 1, out, NULL);
    if (model->config.embedding_scale != 1) {
        at_row_scale(out, model->config.width, model->config.embedding_scale);
    }
}

/* input of the first layer = token vector (times a scale) (+ position vector) */
static void embed(at_decoder *decoder, at_rows rows)
{
    const attrib_model *model = decoder->model;
    const at_batch *batch = decoder->batch;
    size_t width = model->config.width;
    size_t i_sequence = 0;
    for (size_t row = rows.first; row < rows.first + rows.n; row++) {
        while (batch->first_row[i_sequence + 1] <= row) {
            i_sequence++;
        }
        size_t t = decoder->positions[row];
        float *out = decoder->layers[0].input + row * width;
        embed_token(model, batch->sequences[i_sequence].ids[t], out);
        if (model->positions.values) {
            at_axpy(width, 1.0f, model->positions.values + t * width, out);
        }
    }
}

/* Copy the hidden states that a layer, or the head, is about to read, where they are
 * wanted. */
static void report_states(at_decoder *decoder, size_t layer, at_rows rows)
{
    const attrib_model *model = decoder->model;
    size_t width = model->config.width;
    size_t offset = rows.first * width;
    if (!decoder->rows.states || decoder->rows.state_layer != layer) {
        return;
    }
    float *out = decoder->rows.states + offset;
    if (layer < model->config.n_layers) {
        memcpy(out, decoder->layers[layer].input + offset, rows.n * width * sizeof *out);
    } else {
        at_norm_forward(&model->config, &model->final_norm, decoder->output + offset,
                        rows.n, out, width);
    }
}

void at_decoder_forward(at_decoder *decoder, at_rows rows)
{
    size_t n_layers = decoder->model->config.n_layers;
    embed(decoder, rows);
    for (size_t i = 0; i < n_layers; i++) {
        report_states(decoder, i, rows);
        rows = at_attention_forward(decoder, i, rows);
        at_mlp_forward(decoder, i, rows,
                       i + 1 < n_layers ? decoder->layers[i + 1].input : decoder->output);
    }
    report_states(decoder, n_layers, rows);
}

static attrib_status run_backward(at_decoder *decoder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = decoder->model->config.n_layers; i-- > 0;) {
        if (!at_is_tracked_below(decoder, i + 1, 0)) {
            break;
        }
        at_directions_seed(decoder, i + 1);
        AT_TRY(at_mlp_backward(decoder, i, err));
        if (at_is_tracked_below(decoder, i, AT_STEP_UP)) {
            AT_TRY(at_attention_backward(decoder, i, err));
        }
    }
done:
    return status;
}

/* d loss / d eps = e_t . d loss / d x_t, where the stream is x_t = (1 + eps) e_t (+ its
 * position's vector). */
static void measure_inputs(at_decoder *decoder)
{
    const at_batch *batch = decoder->batch;
    size_t width = decoder->model->config.width;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        for (size_t row = batch->first_row[i]; row < batch->first_row[i + 1]; row++) {
            size_t t = row - batch->first_row[i];
            embed_token(decoder->model, batch->sequences[i].ids[t], decoder->hidden);
            decoder->rows.inputs[row] =
                at_dot(decoder->hidden, decoder->d_stream + row * width, width);
        }
    }
}

/* The stream and its tangents through all layers. No token vector is tracked: below the
 * first layer nothing changes. */
static attrib_status run_along(at_decoder *decoder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_layers = decoder->model->config.n_layers;
    size_t n_values = decoder->n_rows * decoder->model->config.width;
    embed(decoder, (at_rows){0, decoder->n_rows});
    memset(decoder->tangents.input, 0, n_values * sizeof(float));
    for (size_t i = 0; i < n_layers; i++) {
        AT_TRY(at_attention_along(decoder, i, err));
        AT_TRY(at_mlp_along(
            decoder, i, i + 1 < n_layers ? decoder->layers[i + 1].input : decoder->output,
            err));
    }
done:
    return status;
}

/* 3. Public */

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
    decoder->kept_limit = model->info.weight_bytes / AT_KEPT_SHARE;
    if (decoder->kept_limit < AT_KEPT_LIMIT) {
        decoder->kept_limit = AT_KEPT_LIMIT;
    }
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

attrib_status at_decoder_run(at_decoder *decoder,
                             const at_batch *batch,
                             at_labels labels,
                             uint64_t seed,
                             at_module_fn fn,
                             void *context,
                             double *losses,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    decoder->mode = decoder->rows.inputs ? AT_MODE_INPUT : AT_MODE_REVERSE;
    decoder->fn = fn;
    decoder->fn_context = context;
    AT_TRY(at_decoder_begin(decoder, batch, err));
    AT_TRY(at_head_list(decoder, labels, err));
    at_decoder_forward(decoder, (at_rows){0, decoder->n_rows});
    AT_TRY(at_head_run(decoder, labels, seed, losses, err));
    AT_TRY(at_directions_measure(decoder, losses, err));
    AT_TRY(run_backward(decoder, err));
    if (decoder->rows.inputs) {
        measure_inputs(decoder);
    }
done:
    return status;
}

attrib_status at_decoder_run_along(at_decoder *decoder,
                                   const at_batch *batch,
                                   at_direction_fn direction,
                                   void *context,
                                   double *losses,
                                   double *slopes,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    decoder->mode = AT_MODE_FORWARD;
    decoder->direction = direction;
    decoder->fn_context = context;
    AT_TRY(at_decoder_begin(decoder, batch, err));
    AT_TRY(at_head_list(decoder, AT_LABELS_DATA, err));
    AT_TRY(run_along(decoder, err));
    AT_TRY(at_head_along(decoder, losses, slopes, err));
done:
    return status;
}
