/* SPDX-License-Identifier: MIT */
/* The decoder of one worker: scratch for a batch, then forward and backward.
 *
 *   1. Scratch
 *   2. Ranks: where the backward pass stops
 *   3. Forward and backward
 *   4. Public */
#include "model/decoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/bank.h"
#include "model/layers.h"

/* 1. Scratch */

#define DEAL(rows, columns, out)                                                         \
    AT_TRY(at_bank_deal(bank, (rows), (columns), sizeof *(out), &(out), err))

/* Queries, keys and values: three arrays, or thirds of one where one map makes them. */
static attrib_status deal_qkv(const at_decoder *decoder,
                              at_bank *bank,
                              float **q,
                              float **k,
                              float **v,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t kv_dim = config->n_kv_heads * config->head_dim;
    DEAL(decoder->n_rows, decoder->q_stride, *q);
    if (config->architecture->maps[AT_MAP_QKV]) {
        *k = *q ? *q + config->n_heads * config->head_dim : NULL;
        *v = *q ? *k + kv_dim : NULL;
    } else {
        DEAL(decoder->n_rows, kv_dim, *k);
        DEAL(decoder->n_rows, kv_dim, *v);
    }
done:
    return status;
}

static attrib_status deal_activations(const at_decoder *decoder,
                                      at_bank *bank,
                                      at_activations *acts,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t n = decoder->n_rows;
    const at_layer *layer = &decoder->model->layers[0]; /* all have the same sizes */
    DEAL(n, config->width, acts->input);
    AT_TRY(deal_qkv(decoder, bank, &acts->q, &acts->k, &acts->v, err));
    DEAL(n, config->n_heads, acts->score_max);
    DEAL(n, config->n_heads, acts->score_norm);
    DEAL(n, layer->maps[AT_MAP_O].in_dim, acts->attended);
    DEAL(n, config->width, acts->middle);
    if (config->architecture->maps[AT_MAP_GATE]) {
        DEAL(n, config->mlp_width, acts->gate);
    }
    DEAL(n, config->mlp_width, acts->up);
done:
    return status;
}

/* Layers that the backward pass reaches keep their activations; those below share one
 * set. */
static attrib_status deal_layers(at_decoder *decoder, at_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_layers = decoder->model->config.n_layers;
    size_t first_kept = decoder->lowest / AT_N_STEPS;
    at_activations shared = {0};
    if (first_kept > 0) {
        AT_TRY(deal_activations(decoder, bank, &shared, err));
    }
    for (size_t i = 0; i < n_layers; i++) {
        at_activations *acts = &decoder->layers[i];
        if (i >= first_kept) {
            AT_TRY(deal_activations(decoder, bank, acts, err));
            continue;
        }
        *acts = shared;
        if (decoder->keeps_keys) {
            AT_TRY(deal_qkv(decoder, bank, &acts->q, &acts->k, &acts->v, err));
        }
    }
done:
    return status;
}

static attrib_status deal_forward(at_decoder *decoder, at_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t n = decoder->n_rows;
    size_t n_tile = n < AT_HEAD_TILE ? n : AT_HEAD_TILE;
    AT_TRY(deal_layers(decoder, bank, err));
    DEAL(decoder->longest, config->head_dim / 2 + 1, decoder->cosines);
    DEAL(decoder->longest, config->head_dim / 2 + 1, decoder->sines);
    DEAL(n, 1, decoder->positions);
    DEAL(n, config->width + 1, decoder->normed);
    DEAL(n, config->mlp_width + 1, decoder->activated);
    DEAL(n, config->width, decoder->output);
    DEAL(AT_QUERY_TILE, decoder->longest, decoder->scores);
    DEAL(n, 1, decoder->counted);
    DEAL(n, 1, decoder->counted_sequence);
    DEAL(n_tile, config->width, decoder->hidden);
    DEAL(n_tile, config->n_vocabulary, decoder->logits);
done:
    return status;
}

static attrib_status deal_backward(at_decoder *decoder, at_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t n = decoder->n_rows;
    if (decoder->i_tracked[decoder->model->n_modules - 1] != AT_UNTRACKED) {
        DEAL(n, config->n_vocabulary, decoder->head_ds);
    }
    if (at_is_tracked_below(decoder, config->n_layers, 0)) {
        DEAL(n < AT_HEAD_TILE ? n : AT_HEAD_TILE, config->width, decoder->d_hidden);
        DEAL(AT_QUERY_TILE, decoder->longest, decoder->d_scores);
        DEAL(n, config->width, decoder->d_stream);
        DEAL(n, config->width, decoder->d_normed);
        AT_TRY(deal_qkv(decoder, bank, &decoder->d_q, &decoder->d_k, &decoder->d_v, err));
        DEAL(n, config->n_heads * config->head_dim, decoder->d_attended);
        DEAL(n, config->mlp_width, decoder->d_activated);
    }
done:
    return status;
}

static attrib_status deal_all(at_decoder *decoder, at_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(deal_forward(decoder, bank, err));
    AT_TRY(deal_backward(decoder, bank, err));
done:
    return status;
}

/* Sequences within the context; how many rows, and the longest. */
static attrib_status measure(at_decoder *decoder,
                             const at_batch *batch,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t context = decoder->model->config.context;
    decoder->batch = batch;
    decoder->n_rows = batch->first_row[batch->n_sequences];
    decoder->longest = 0;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        size_t n = batch->sequences[i].n_tokens;
        assert(batch->first_row[i + 1] - batch->first_row[i] == n);
        AT_CHECK(n <= context, ATTRIB_ERANGE,
                 "document %zu: a sequence of %zu tokens exceeds the model's context of "
                 "%zu",
                 batch->sequences[i].document, n, context);
        decoder->longest = n > decoder->longest ? n : decoder->longest;
    }
done:
    return status;
}

attrib_status at_decoder_begin(at_decoder *decoder,
                               const at_batch *batch,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_bank bank = {0};
    AT_TRY(measure(decoder, batch, err));
    AT_TRY(deal_all(decoder, &bank, err));
    if (bank.used > decoder->bank_bytes) {
        free(decoder->bank);
        decoder->bank = NULL;
        decoder->bank_bytes = 0;
        AT_TRY(at_array(bank.used, 1, &decoder->bank, err));
        decoder->bank_bytes = bank.used;
    }
    bank = (at_bank){decoder->bank, 0};
    AT_TRY(deal_all(decoder, &bank, err));
    for (size_t i = 0; i < batch->n_sequences; i++) {
        for (size_t t = 0; t < batch->sequences[i].n_tokens; t++) {
            decoder->positions[batch->first_row[i] + t] = t;
        }
    }
    if (decoder->model->config.architecture->position == AT_POSITION_ROTARY) {
        at_rotary_fill(decoder);
    }
done:
    return status;
}

/* 2. Ranks: a layer's steps in the order of the forward pass, then the head */

static size_t rank_of(size_t i_layer, at_step step)
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
    return decoder->lowest < rank_of(i_layer, step);
}

/* The rank of the lowest tracked map. */
static size_t find_lowest(const at_decoder *decoder)
{
    size_t n_layers = decoder->model->config.n_layers;
    for (size_t i = 0; i < n_layers; i++) {
        for (at_step step = 0; step < AT_N_STEPS; step++) {
            if (at_is_tracked_at(decoder, i, step)) {
                return rank_of(i, step);
            }
        }
    }
    return decoder->n_tracked ? rank_of(n_layers, 0) : SIZE_MAX;
}

/* 3. Forward and backward */

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

/* input of the first layer = token vector (+ position vector) */
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
        size_t id = (size_t)batch->sequences[i_sequence].ids[t];
        float *out = decoder->layers[0].input + row * width;
        memcpy(out, model->embedding + id * width, width * sizeof(float));
        if (model->positions) {
            at_axpy(width, 1.0f, model->positions + t * width, out);
        }
    }
}

void at_decoder_forward(at_decoder *decoder, at_rows rows)
{
    size_t n_layers = decoder->model->config.n_layers;
    embed(decoder, rows);
    for (size_t i = 0; i < n_layers; i++) {
        at_attention_forward(decoder, i, rows);
        at_mlp_forward(decoder, i, rows,
                       i + 1 < n_layers ? decoder->layers[i + 1].input : decoder->output);
    }
}

static attrib_status run_backward(at_decoder *decoder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = decoder->model->config.n_layers; i-- > 0;) {
        if (!at_is_tracked_below(decoder, i + 1, 0)) {
            break;
        }
        AT_TRY(at_mlp_backward(decoder, i, err));
        if (at_is_tracked_below(decoder, i, AT_STEP_UP)) {
            AT_TRY(at_attention_backward(decoder, i, err));
        }
    }
done:
    return status;
}

/* 4. Public */

attrib_status at_decoder_new(const attrib_model *model,
                             const size_t *tracked,
                             size_t n_tracked,
                             at_decoder **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_decoder *decoder = NULL;
    const at_config *config = &model->config;
    size_t q_dim = config->n_heads * config->head_dim;
    size_t kv_dim = config->n_kv_heads * config->head_dim;
    bool is_fused = config->architecture->maps[AT_MAP_QKV] != NULL;
    AT_TRY(at_array(1, sizeof *decoder, &decoder, err));
    decoder->model = model;
    decoder->n_tracked = n_tracked;
    decoder->q_stride = is_fused ? q_dim + 2 * kv_dim : q_dim;
    decoder->kv_stride = is_fused ? q_dim + 2 * kv_dim : kv_dim;
    AT_TRY(at_array(config->n_layers, sizeof *decoder->layers, &decoder->layers, err));
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
    free(decoder->layers);
    free(decoder->i_tracked);
    free(decoder);
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
    decoder->fn = fn;
    decoder->fn_context = context;
    AT_TRY(at_decoder_begin(decoder, batch, err));
    AT_TRY(at_head_list(decoder, labels, err));
    at_decoder_forward(decoder, (at_rows){0, decoder->n_rows});
    AT_TRY(at_head_run(decoder, labels, seed, losses, err));
    AT_TRY(run_backward(decoder, err));
done:
    return status;
}
