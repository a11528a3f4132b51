/* SPDX-License-Identifier: MIT */
/* The layout of a decoder's scratch, dealt from one block.
 *
 *   1. One layer's activations
 *   2. All of it */
#include "model/layers.h"

/* 1. One layer's activations */

#define DEAL(rows, columns, out)                                                         \
    AT_TRY(attrib_bank_deal(bank, (rows), (columns), sizeof *(out), &(out), err))

/* Queries, keys and values: three arrays, or parts of one where one map makes them, head
 * after head or all queries first. */
static attrib_status deal_qkv(const at_decoder *decoder,
                              attrib_bank *bank,
                              float **q,
                              float **k,
                              float **v,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    bool is_by_head = config->architecture->is_qkv_by_head;
    size_t q_part = is_by_head ? config->head_dim : config->n_heads * config->head_dim;
    size_t k_part = is_by_head ? config->head_dim : config->n_kv_heads * config->head_dim;
    DEAL(decoder->n_rows, decoder->q_stride, *q);
    if (config->architecture->maps[AT_MAP_QKV]) {
        *k = *q ? *q + q_part : NULL;
        *v = *q ? *k + k_part : NULL;
    } else {
        DEAL(decoder->n_rows, decoder->kv_stride, *k);
        DEAL(decoder->n_rows, decoder->kv_stride, *v);
    }
done:
    return status;
}

/* Queries and keys before their norms, all three before they are clipped. */
static attrib_status deal_raw(const at_decoder *decoder,
                              attrib_bank *bank,
                              at_activations *acts,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    if (config->architecture->norms[AT_NORM_Q] || config->qkv_clip > 0) {
        DEAL(decoder->n_rows, decoder->q_stride, acts->raw_q);
        DEAL(decoder->n_rows, decoder->kv_stride, acts->raw_k);
    }
    if (config->qkv_clip > 0) {
        DEAL(decoder->n_rows, decoder->kv_stride, acts->raw_v);
    }
done:
    return status;
}

static attrib_status deal_projections(const at_decoder *decoder,
                                      attrib_bank *bank,
                                      at_activations *acts,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(deal_qkv(decoder, bank, &acts->q, &acts->k, &acts->v, err));
    AT_TRY(deal_raw(decoder, bank, acts, err));
done:
    return status;
}

/* Gate and up: two arrays, or parts of one where one map makes them. */
static attrib_status deal_mlp(const at_decoder *decoder,
                              attrib_bank *bank,
                              float **gate,
                              float **up,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    const at_architecture *architecture = config->architecture;
    size_t n = decoder->n_rows;
    if (architecture->maps[AT_MAP_GATE_UP]) {
        DEAL(n, decoder->mlp_stride, *gate);
        *up = *gate ? *gate + config->mlp_width : NULL;
    } else {
        if (architecture->maps[AT_MAP_GATE]) {
            DEAL(n, config->mlp_width, *gate);
        }
        DEAL(n, config->mlp_width, *up);
    }
done:
    return status;
}

/* Deal the activations of a layer that the backward pass does not compute again. */
static attrib_status deal_activations(const at_decoder *decoder,
                                      attrib_bank *bank,
                                      at_activations *acts,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t n = decoder->n_rows;
    DEAL(n, config->width, acts->input);
    DEAL(n, config->n_heads, acts->score_max);
    DEAL(n, config->n_heads, acts->score_norm);
    if (config->architecture->norms[AT_NORM_AFTER_ATTENTION]) {
        DEAL(n, config->width, acts->attention_out);
    }
    DEAL(n, config->width, acts->middle);
    if (config->architecture->norms[AT_NORM_AFTER_MLP]) {
        DEAL(n, config->width, acts->mlp_out);
    }
done:
    return status;
}

/* 2. All of it */

static bool goes_backward(const at_decoder *decoder)
{
    return decoder->mode != AT_MODE_FORWARD;
}

size_t at_decoder_first_reached(const at_decoder *decoder)
{
    size_t n_layers = decoder->model->config.n_layers;
    size_t first = decoder->mode == AT_MODE_INPUT ? 0 : decoder->lowest / AT_N_STEPS;
    return decoder->mode != AT_MODE_FORWARD && first < n_layers ? first : n_layers;
}

/* Layers that the backward pass reaches keep their activations, but for what it can do
 * without or makes again; those below share one set. */
static attrib_status deal_layers(at_decoder *decoder,
                                 attrib_bank *bank,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_layers = decoder->model->config.n_layers;
    size_t first = at_decoder_first_reached(decoder);
    size_t o_dim = decoder->model->layers[0].maps[AT_MAP_O].in_dim;
    at_kept kept = decoder->kept;
    at_activations shared = {0};
    DEAL(decoder->n_rows, o_dim, shared.attended);
    if (kept.qkv_from > 0) {
        AT_TRY(deal_projections(decoder, bank, &shared, err));
    }
    if (kept.mlp_from > 0) {
        AT_TRY(deal_mlp(decoder, bank, &shared.gate, &shared.up, err));
    }
    if (first > 0) {
        AT_TRY(deal_activations(decoder, bank, &shared, err));
    }
    for (size_t i = 0; i < n_layers; i++) {
        at_activations *acts = &decoder->layers[i];
        *acts = shared;
        if (i < first && decoder->keeps_keys) {
            AT_TRY(deal_qkv(decoder, bank, &acts->q, &acts->k, &acts->v, err));
        }
        if (i < first) {
            continue;
        }
        AT_TRY(deal_activations(decoder, bank, acts, err));
        if (i >= kept.qkv_from) {
            AT_TRY(deal_projections(decoder, bank, acts, err));
        }
        if (i >= kept.mlp_from) {
            AT_TRY(deal_mlp(decoder, bank, &acts->gate, &acts->up, err));
        }
        if (at_is_tracked_at(decoder, i, AT_STEP_O)) {
            /* No gradient but O's own needs it. */
            DEAL(decoder->n_rows, o_dim, acts->attended);
        }
    }
done:
    return status;
}

/* Tables of angles: one for all layers, or one for each kind. */
static attrib_status deal_rotary(at_decoder *decoder,
                                 attrib_bank *bank,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t half = config->rotary_dim / 2;
    if (!at_is_rotary(config->architecture)) {
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        decoder->cosines[i] = decoder->cosines[0];
        decoder->sines[i] = decoder->sines[0];
        if (i == 0 || config->has_local_rope) {
            DEAL(decoder->longest, half, decoder->cosines[i]);
            DEAL(decoder->longest, half, decoder->sines[i]);
        }
    }
done:
    return status;
}

/* Whether what a half of a layer makes is changed before it joins the stream. */
static bool has_branches(const at_config *config)
{
    return config->architecture->norms[AT_NORM_AFTER_ATTENTION] ||
           config->architecture->norms[AT_NORM_AFTER_MLP] || config->residual_scale != 1;
}

/* Rows of one head for attention, in f32 and in bf16: which is taken, the decoder knows
 * later. */
static attrib_status deal_panels(at_decoder *decoder,
                                 attrib_bank *bank,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t head_dim = decoder->model->config.head_dim;
    size_t n_key_panels = at_has_tangents(decoder) ? AT_N_KEY_PANELS : 2;
    for (size_t i = 0; i < n_key_panels; i++) {
        DEAL(decoder->longest, head_dim, decoder->key_panels[i].values);
        DEAL(decoder->longest, head_dim, decoder->key_panels[i].rounded);
    }
    DEAL(AT_QUERY_TILE, head_dim, decoder->query_panel.values);
    DEAL(AT_QUERY_TILE, head_dim, decoder->query_panel.rounded);
    DEAL(AT_QUERY_TILE, head_dim, decoder->d_panel.values);
    DEAL(AT_QUERY_TILE, head_dim, decoder->d_panel.rounded);
    DEAL(AT_QUERY_TILE, at_smaller(AT_KEY_BLOCK, decoder->longest),
         decoder->rounded_scores);
done:
    return status;
}

static attrib_status deal_forward(at_decoder *decoder,
                                  attrib_bank *bank,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t n = decoder->n_rows;
    AT_TRY(deal_layers(decoder, bank, err));
    AT_TRY(deal_rotary(decoder, bank, err));
    DEAL(n, 1, decoder->positions);
    DEAL(n, config->width, decoder->output);
    DEAL(n, config->width, decoder->below);
    if (has_branches(config)) {
        DEAL(n, config->width, decoder->branch);
    }
    DEAL(AT_QUERY_TILE, decoder->longest, decoder->scores);
    AT_TRY(deal_panels(decoder, bank, err));
    DEAL(n, 1, decoder->counted);
    DEAL(n, 1, decoder->counted_sequence);
    if (config->logit_cap > 0) {
        DEAL(1, config->n_vocabulary, decoder->logit_slopes);
    }
done:
    return status;
}

/* What goes backward, or along, through the softmax of attention. */
static attrib_status deal_scores(at_decoder *decoder,
                                 attrib_bank *bank,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    DEAL(AT_QUERY_TILE, decoder->longest, decoder->d_scores);
    if (decoder->model->config.attention_cap > 0) {
        DEAL(AT_QUERY_TILE, decoder->longest, decoder->score_slopes);
    }
done:
    return status;
}

static attrib_status deal_backward(at_decoder *decoder,
                                   attrib_bank *bank,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    size_t n = decoder->n_rows;
    DEAL(n < AT_HEAD_TILE ? n : AT_HEAD_TILE, decoder->model->head.in_dim,
         decoder->hidden);
    if (decoder->i_tracked[decoder->model->n_modules - 1] != AT_UNTRACKED) {
        DEAL(n, config->n_vocabulary, decoder->head_ds);
    }
    if (at_is_tracked_below(decoder, config->n_layers, 0)) {
        DEAL(n < AT_HEAD_TILE ? n : AT_HEAD_TILE, config->width, decoder->d_hidden);
        AT_TRY(deal_scores(decoder, bank, err));
        DEAL(n, config->width, decoder->d_stream);
        if (config->is_parallel) {
            DEAL(n, config->width, decoder->d_beside);
        }
    }
done:
    return status;
}

/* Deal the tangents' arrays that are not part of the layers or the head. */
static attrib_status deal_tangents(at_decoder *decoder,
                                   attrib_bank *bank,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    at_tangents *tangents = &decoder->tangents;
    size_t n = decoder->n_rows;
    DEAL(n, config->width, tangents->input);
    DEAL(n, config->width, tangents->middle);
    DEAL(1, config->mlp_width, tangents->ones);
    if (has_branches(config)) {
        DEAL(n, config->width, tangents->branch);
    }
    if (at_has_values(decoder)) {
        DEAL(2, config->mlp_width, tangents->inner);
    }
    if (!goes_backward(decoder)) {
        AT_TRY(deal_scores(decoder, bank, err));
    }
done:
    return status;
}

/* Deal the arrays that only layers use. */
static attrib_status deal_within_layers(at_decoder *decoder,
                                        attrib_bank *bank,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &decoder->model->config;
    at_tangents *tangents = &decoder->tangents;
    size_t n = decoder->n_rows;
    DEAL(n, config->width + 1, decoder->normed);
    DEAL(n, config->mlp_width + 1, decoder->activated);
    if (at_has_tangents(decoder)) {
        DEAL(n, config->width + 1, tangents->normed);
        AT_TRY(deal_qkv(decoder, bank, &tangents->q, &tangents->k, &tangents->v, err));
        DEAL(n, decoder->model->layers[0].maps[AT_MAP_O].in_dim, tangents->attended);
        AT_TRY(deal_mlp(decoder, bank, &tangents->gate, &tangents->up, err));
        DEAL(n, config->mlp_width + 1, tangents->activated);
    }
    if (goes_backward(decoder) && at_is_tracked_below(decoder, config->n_layers, 0)) {
        DEAL(n, config->width, decoder->d_normed);
        AT_TRY(deal_qkv(decoder, bank, &decoder->d_q, &decoder->d_k, &decoder->d_v, err));
        DEAL(n, config->n_heads * config->head_dim, decoder->d_attended);
        DEAL(n, config->mlp_width, decoder->d_activated);
    }
done:
    return status;
}

/* Deal the arrays that only the head uses. */
static attrib_status deal_within_head(at_decoder *decoder,
                                      attrib_bank *bank,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_linear *head = &decoder->model->head;
    at_tangents *tangents = &decoder->tangents;
    size_t n = decoder->n_rows;
    if (decoder->mode == AT_MODE_FORWARD) {
        size_t n_tile = at_matrix_tile_rows(&head->weight);
        size_t n_block = at_matrix_block_rows(&head->weight);
        DEAL(n, head->in_dim, decoder->hidden);
        DEAL(n, head->in_dim, tangents->hidden);
        DEAL(n, 1, tangents->softmax);
        DEAL(n < n_tile ? n : n_tile, n_block, decoder->logits);
        DEAL(n < n_tile ? n : n_tile, n_block, tangents->logits);
    } else {
        size_t n_tile = n < AT_HEAD_TILE ? n : AT_HEAD_TILE;
        DEAL(n_tile, head->out_dim, decoder->logits);
        if (at_has_values(decoder)) {
            DEAL(n_tile, head->in_dim, tangents->hidden);
            DEAL(n_tile, head->out_dim, tangents->logits);
        }
    }
done:
    return status;
}

/* Layers and the head never work at the same time, so their arrays share the same memory.
 */
attrib_status at_decoder_deal(at_decoder *decoder, attrib_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t begin = 0;
    size_t end = 0;
    AT_TRY(deal_forward(decoder, bank, err));
    if (at_has_tangents(decoder)) {
        AT_TRY(deal_tangents(decoder, bank, err));
    }
    if (goes_backward(decoder)) {
        AT_TRY(deal_backward(decoder, bank, err));
    }
    begin = bank->used;
    AT_TRY(deal_within_head(decoder, bank, err));
    end = bank->used;
    bank->used = begin;
    AT_TRY(deal_within_layers(decoder, bank, err));
    bank->used = end > bank->used ? end : bank->used;
done:
    return status;
}
