/* SPDX-License-Identifier: MIT */
/* A model's arrays: dealt from one block, named as in the checkpoint, and filled. */
#include <stdio.h>
#include <stdlib.h>

#include "model/bank.h"
#include "model/model.h"

#define MAX_STEM 240
#define MAX_NAME (MAX_STEM + 16)

const float *at_linear_weight(const at_linear *linear)
{
    return linear->weight;
}

/* 1. Dealing memory */

static attrib_status deal_linear(at_bank *bank, at_linear *linear, attrib_error *err)
{
    return at_bank_deal(bank, linear->out_dim, linear->in_dim, sizeof(float),
                        &linear->weight, err);
}

static attrib_status deal_norm(const at_config *config,
                               at_bank *bank,
                               size_t width,
                               at_norm *norm,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    norm->width = width;
    AT_TRY(at_bank_deal(bank, 1, width, sizeof(float), &norm->gain, err));
    if (config->architecture->norm != AT_NORM_RMS) {
        AT_TRY(at_bank_deal(bank, 1, width, sizeof(float), &norm->shift, err));
    }
done:
    return status;
}

static attrib_status deal_layer(const at_config *config,
                                at_bank *bank,
                                at_layer *layer,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (at_norm_slot norm = 0; norm < AT_N_NORMS; norm++) {
        if (config->architecture->norms[norm]) {
            AT_TRY(deal_norm(config, bank, at_config_norm_width(config, norm),
                             &layer->norms[norm], err));
        }
    }
    for (at_slot map = 0; map < AT_N_MAPS; map++) {
        at_linear *linear = &layer->maps[map];
        if (config->architecture->maps[map]) {
            linear->has_bias = config->has_bias[map];
            at_config_map_dims(config, map, &linear->in_dim, &linear->out_dim);
            linear->in_dim += linear->has_bias;
            AT_TRY(deal_linear(bank, linear, err));
        }
    }
done:
    return status;
}

/* Deal every array of the model; with an empty bank this counts its bytes. */
static attrib_status deal_model(attrib_model *model, at_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &model->config;
    bool has_head_bias = config->architecture->has_head_bias;
    AT_TRY(at_bank_deal(bank, config->n_vocabulary, config->width, sizeof(float),
                        &model->embedding, err));
    if (config->architecture->position == AT_POSITION_LEARNED) {
        AT_TRY(at_bank_deal(bank, config->context, config->width, sizeof(float),
                            &model->positions, err));
    }
    for (size_t i = 0; i < config->n_layers; i++) {
        AT_TRY(deal_layer(config, bank, &model->layers[i], err));
    }
    AT_TRY(deal_norm(config, bank, config->width, &model->final_norm, err));
    model->head = (at_linear){model->embedding, config->width + has_head_bias,
                              config->n_vocabulary, has_head_bias};
    if (!config->is_head_tied) {
        AT_TRY(deal_linear(bank, &model->head, err));
    }
done:
    return status;
}

/* 2. Naming and filling */

typedef struct filler {
    const attrib_model *model;
    at_fill_fn fill;
    void *context;
    bool is_counting; /* the arrays are not there yet */
    size_t n_parameters;
} filler;

static attrib_status fill_array(filler *f, at_weight_spec *spec, attrib_error *err)
{
    if (f->is_counting) {
        spec->out = NULL;
        f->n_parameters += spec->shape[0] * spec->shape[1];
    }
    return f->fill(f->context, spec, err);
}

static attrib_status fill_matrix(
    filler *f, const char *name, size_t n_rows, float *out, attrib_error *err)
{
    size_t width = f->model->config.width;
    at_weight_spec spec = {name, 2, {n_rows, width}, out, width, 1};
    return fill_array(f, &spec, err);
}

static attrib_status fill_vector(
    filler *f, const char *name, size_t n, float *out, size_t stride, attrib_error *err)
{
    at_weight_spec spec = {name, 1, {n, 1}, out, stride, 1};
    return fill_array(f, &spec, err);
}

/* Add to every gain what files leave out; plain norms have gains of 1. */
static void offset_gains(const filler *f, const at_norm *norm)
{
    const at_config *config = &f->model->config;
    bool is_plain = config->architecture->norm == AT_NORM_LAYER_PLAIN;
    float offset = is_plain ? 1.0f : (float)config->gain_offset;
    for (size_t i = 0; !f->is_counting && offset != 0 && i < norm->width; i++) {
        norm->gain[i] += offset;
    }
}

/* `stem` is the name up to ".weight" and ".bias". */
static attrib_status fill_norm(filler *f,
                               const char *stem,
                               const at_norm *norm,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[MAX_NAME];
    at_norm_kind kind = f->model->config.architecture->norm;
    if (kind != AT_NORM_LAYER_PLAIN) {
        snprintf(name, sizeof name, "%s.weight", stem);
        AT_TRY(fill_vector(f, name, norm->width, norm->gain, 1, err));
    }
    if (kind == AT_NORM_LAYER) {
        snprintf(name, sizeof name, "%s.bias", stem);
        AT_TRY(fill_vector(f, name, norm->width, norm->shift, 1, err));
    }
    offset_gains(f, norm);
done:
    return status;
}

static attrib_status fill_linear(filler *f,
                                 const char *stem,
                                 const at_linear *linear,
                                 bool is_transposed,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[MAX_NAME];
    size_t in = linear->in_dim - linear->has_bias;
    size_t out = linear->out_dim;
    at_weight_spec spec = {name, 2, {out, in}, linear->weight, linear->in_dim, 1};
    if (is_transposed) {
        spec = (at_weight_spec){name, 2, {in, out}, linear->weight, 1, linear->in_dim};
    }
    snprintf(name, sizeof name, "%s.weight", stem);
    AT_TRY(fill_array(f, &spec, err));
    if (linear->has_bias) {
        snprintf(name, sizeof name, "%s.bias", stem);
        AT_TRY(fill_vector(f, name, out, linear->weight ? linear->weight + in : NULL,
                           linear->in_dim, err));
    }
done:
    return status;
}

static attrib_status fill_layer(filler *f, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_architecture *architecture = f->model->config.architecture;
    const at_layer *layer = &f->model->layers[i_layer];
    char stem[MAX_STEM];
    for (at_norm_slot norm = 0; norm < AT_N_NORMS; norm++) {
        if (architecture->norms[norm]) {
            snprintf(stem, sizeof stem, "%s%s.%zu.%s", architecture->body,
                     architecture->layers, i_layer, architecture->norms[norm]);
            AT_TRY(fill_norm(f, stem, &layer->norms[norm], err));
        }
    }
    for (at_slot map = 0; map < AT_N_MAPS; map++) {
        if (architecture->maps[map]) {
            snprintf(stem, sizeof stem, "%s%s.%zu.%s", architecture->body,
                     architecture->layers, i_layer, architecture->maps[map]);
            AT_TRY(fill_linear(f, stem, &layer->maps[map], architecture->is_transposed,
                               err));
        }
    }
done:
    return status;
}

static attrib_status fill_model(filler *f, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_model *model = f->model;
    const at_config *config = &model->config;
    const at_architecture *architecture = config->architecture;
    char name[MAX_NAME];
    char stem[MAX_STEM];
    snprintf(name, sizeof name, "%s%s.weight", architecture->body,
             architecture->embedding);
    AT_TRY(fill_matrix(f, name, config->n_vocabulary, model->embedding, err));
    if (architecture->position == AT_POSITION_LEARNED) {
        snprintf(name, sizeof name, "%s%s.weight", architecture->body,
                 architecture->positions);
        AT_TRY(fill_matrix(f, name, config->context, model->positions, err));
    }
    for (size_t i = 0; i < config->n_layers; i++) {
        AT_TRY(fill_layer(f, i, err));
    }
    snprintf(stem, sizeof stem, "%s%s", architecture->body, architecture->final_norm);
    AT_TRY(fill_norm(f, stem, &model->final_norm, err));
    if (!config->is_head_tied) {
        AT_TRY(fill_linear(f, architecture->head, &model->head, false, err));
    }
done:
    return status;
}

/* 3. Building */

static void describe(attrib_model *model)
{
    const at_config *config = &model->config;
    model->info = (attrib_model_info){
        .architecture = config->architecture->model_type,
        .n_layers = config->n_layers,
        .width = config->width,
        .n_heads = config->n_heads,
        .n_kv_heads = config->n_kv_heads,
        .head_dim = config->head_dim,
        .mlp_width = config->mlp_width,
        .n_vocabulary = config->n_vocabulary,
        .context = config->context,
        .is_head_tied = config->is_head_tied,
        .dtype = ATTRIB_F32,
    };
    at_config_describe(config, &model->info);
}

attrib_status at_model_build(const at_config *config,
                             at_fill_fn fill,
                             void *context,
                             attrib_model **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = NULL;
    at_bank bank = {0};
    filler f = {0};
    AT_TRY(at_array(1, sizeof *model, &model, err));
    model->config = *config;
    AT_TRY(at_config_complete(config->architecture->model_type, &model->config, err));
    describe(model);
    AT_TRY(at_array(config->n_layers, sizeof(at_layer), &model->layers, err));
    AT_TRY(deal_model(model, &bank, err));
    f = (filler){model, fill, context, true, 0};
    AT_TRY(fill_model(&f, err));
    AT_TRY(at_array(bank.used, 1, &model->bank, err));
    bank = (at_bank){model->bank, 0};
    AT_TRY(deal_model(model, &bank, err));
    f.is_counting = false;
    AT_TRY(fill_model(&f, err));
    model->info.n_parameters = f.n_parameters;
    model->info.weight_bytes = f.n_parameters * sizeof(float);
    AT_TRY(at_model_list_modules(model, err));
    *out = model;
    model = NULL;
done:
    attrib_model_close(model);
    return status;
}
