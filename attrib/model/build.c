/* SPDX-License-Identifier: MIT */
/* A model's arrays: dealt from one block, named as in the checkpoint, and filled. */
#include <stdio.h>
#include <stdlib.h>

#include "model/model.h"

#define MAX_STEM 240
#define MAX_NAME (MAX_STEM + 16)

/* 1. Shapes and memory */

static void shape_linear(const at_config *config, at_slot map, at_linear *linear)
{
    bool is_head = map == AT_N_MAPS;
    size_t in = config->width;
    size_t out = config->n_vocabulary;
    linear->has_bias =
        is_head ? config->architecture->has_head_bias : config->has_bias[map];
    if (!is_head) {
        at_config_map_dims(config, map, &in, &out);
    }
    linear->is_transposed =
        !is_head && config->architecture->is_transposed && !config->is_gguf;
    linear->in_dim = in + linear->has_bias;
    linear->out_dim = out;
    linear->weight.n_rows = linear->is_transposed ? in : out;
    linear->weight.n_columns = linear->is_transposed ? out : in;
    linear->weight.dtype = ATTRIB_F32;
}

static void shape_layer(const at_config *config, at_layer *layer)
{
    for (at_norm_slot norm = 0; norm < AT_N_NORMS; norm++) {
        if (config->architecture->norms[norm]) {
            layer->norms[norm].width = at_config_norm_width(config, norm);
        }
    }
    for (at_slot map = 0; map < AT_N_MAPS; map++) {
        if (config->architecture->maps[map]) {
            shape_linear(config, map, &layer->maps[map]);
        }
    }
}

static void shape_model(attrib_model *model)
{
    const at_config *config = &model->config;
    model->embedding.n_rows = config->n_vocabulary;
    model->embedding.n_columns = config->width;
    if (config->architecture->position == AT_POSITION_LEARNED) {
        model->positions.n_rows = config->context;
        model->positions.n_columns = config->width;
    }
    for (size_t i = 0; i < config->n_layers; i++) {
        shape_layer(config, &model->layers[i]);
    }
    model->final_norm.width = config->width;
    shape_linear(config, AT_N_MAPS, &model->head);
}

/* Memory for a matrix that has no values elsewhere. */
static attrib_status deal_matrix(attrib_bank *bank, at_matrix *matrix, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (matrix->values || matrix->tensor || matrix->n_rows == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(attrib_bank_deal(bank, matrix->n_rows, matrix->n_columns, sizeof(float),
                            &matrix->own, err));
    matrix->values = matrix->own;
done:
    return status;
}

static attrib_status deal_norm(const at_config *config,
                               attrib_bank *bank,
                               at_norm *norm,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (norm->width == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(attrib_bank_deal(bank, 1, norm->width, sizeof(float), &norm->gain, err));
    if (config->architecture->norm != AT_NORM_RMS) {
        AT_TRY(attrib_bank_deal(bank, 1, norm->width, sizeof(float), &norm->shift, err));
    }
done:
    return status;
}

static attrib_status deal_bias(attrib_bank *bank, at_linear *linear, attrib_error *err)
{
    return linear->has_bias ? attrib_bank_deal(bank, 1, linear->out_dim, sizeof(float),
                                               &linear->bias, err)
                            : ATTRIB_OK;
}

static attrib_status deal_layer(const at_config *config,
                                attrib_bank *bank,
                                at_layer *layer,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (at_norm_slot norm = 0; norm < AT_N_NORMS; norm++) {
        AT_TRY(deal_norm(config, bank, &layer->norms[norm], err));
    }
    for (at_slot map = 0; map < AT_N_MAPS; map++) {
        AT_TRY(deal_matrix(bank, &layer->maps[map].weight, err));
        AT_TRY(deal_bias(bank, &layer->maps[map], err));
    }
done:
    return status;
}

/* Deal every array of the model; with an empty bank this counts its bytes. */
static attrib_status deal_model(attrib_model *model, attrib_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = &model->config;
    AT_TRY(deal_matrix(bank, &model->embedding, err));
    AT_TRY(deal_matrix(bank, &model->positions, err));
    for (size_t i = 0; i < config->n_layers; i++) {
        AT_TRY(deal_layer(config, bank, &model->layers[i], err));
    }
    AT_TRY(deal_norm(config, bank, &model->final_norm, err));
    if (config->is_head_tied) {
        model->head.weight = model->embedding;
    } else {
        AT_TRY(deal_matrix(bank, &model->head.weight, err));
    }
    AT_TRY(deal_bias(bank, &model->head, err));
done:
    return status;
}

/* Elements that are widened at a time when a map is used. */
static size_t block_of(const at_matrix *weight)
{
    size_t n = at_matrix_block_rows(weight);
    n = n > AT_ROWS_FOR_ONE ? n : AT_ROWS_FOR_ONE;
    n = n < weight->n_rows ? n : weight->n_rows;
    return weight->tensor ? n * weight->n_columns : 0;
}

/* The most elements of any map that are widened at a time. */
static size_t find_widened(const attrib_model *model)
{
    size_t largest = block_of(&model->head.weight);
    for (size_t i = 0; i < model->config.n_layers; i++) {
        for (at_slot map = 0; map < AT_N_MAPS; map++) {
            size_t n = block_of(&model->layers[i].maps[map].weight);
            largest = n > largest ? n : largest;
        }
    }
    return largest;
}

/* 2. Naming and filling */

typedef struct filler {
    attrib_model *model;
    at_fill_fn fill;
    void *context;
    bool is_counting; /* the arrays are not there yet */
    size_t n_parameters;
} filler;

static attrib_status fill_matrix(filler *f,
                                 const char *name,
                                 at_slot slot,
                                 at_matrix *matrix,
                                 bool is_needed_whole,
                                 attrib_error *err)
{
    at_weight_spec spec = {.name = name,
                           .slot = slot,
                           .n_dims = 2,
                           .shape = {matrix->n_rows, matrix->n_columns},
                           .matrix = matrix,
                           .is_needed_whole = is_needed_whole,
                           .out = matrix->own};
    if (f->is_counting) {
        f->n_parameters += matrix->n_rows * matrix->n_columns;
    } else if (!matrix->own) {
        return ATTRIB_OK;
    }
    return f->fill(f->context, &spec, err);
}

static attrib_status fill_vector(
    filler *f, const char *name, at_slot slot, size_t n, float *out, attrib_error *err)
{
    at_weight_spec spec = {
        .name = name, .slot = slot, .n_dims = 1, .shape = {n, 1}, .out = out};
    if (f->is_counting) {
        f->n_parameters += n;
    }
    return f->fill(f->context, &spec, err);
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
        AT_TRY(fill_vector(f, name, AT_N_MAPS, norm->width, norm->gain, err));
    }
    if (kind == AT_NORM_LAYER) {
        snprintf(name, sizeof name, "%s.bias", stem);
        AT_TRY(fill_vector(f, name, AT_N_MAPS, norm->width, norm->shift, err));
    }
    offset_gains(f, norm);
done:
    return status;
}

static attrib_status fill_linear(
    filler *f, const char *stem, at_slot map, at_linear *linear, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[MAX_NAME];
    bool is_head = map == AT_N_MAPS;
    if (!is_head || !f->model->config.is_head_tied) {
        snprintf(name, sizeof name, "%s.weight", stem);
        AT_TRY(fill_matrix(f, name, map, &linear->weight, false, err));
    }
    if (linear->has_bias) {
        snprintf(name, sizeof name, "%s.bias", stem);
        AT_TRY(fill_vector(f, name, map, linear->out_dim, linear->bias, err));
    }
done:
    return status;
}

static attrib_status fill_layer(filler *f, size_t i_layer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_architecture *architecture = f->model->config.architecture;
    at_layer *layer = &f->model->layers[i_layer];
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
            AT_TRY(fill_linear(f, stem, map, &layer->maps[map], err));
        }
    }
done:
    return status;
}

static attrib_status fill_model(filler *f, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = f->model;
    const at_config *config = &model->config;
    const at_architecture *architecture = config->architecture;
    char name[MAX_NAME];
    char stem[MAX_STEM];
    snprintf(name, sizeof name, "%s%s.weight", architecture->body,
             architecture->embedding);
    AT_TRY(fill_matrix(f, name, AT_N_MAPS, &model->embedding, false, err));
    if (architecture->position == AT_POSITION_LEARNED) {
        snprintf(name, sizeof name, "%s%s.weight", architecture->body,
                 architecture->positions);
        AT_TRY(fill_matrix(f, name, AT_N_MAPS, &model->positions, true, err));
    }
    for (size_t i = 0; i < config->n_layers; i++) {
        AT_TRY(fill_layer(f, i, err));
    }
    snprintf(stem, sizeof stem, "%s%s", architecture->body, architecture->final_norm);
    AT_TRY(fill_norm(f, stem, &model->final_norm, err));
    AT_TRY(fill_linear(f, architecture->head, AT_N_MAPS, &model->head, err));
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

/* The model but for its weights; `fill` has then said of each that it is there. */
static attrib_status outline(filler *f,
                             const at_config *config,
                             attrib_model **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = NULL;
    AT_TRY(at_array(1, sizeof *model, &model, err));
    model->config = *config;
    AT_TRY(at_config_complete(config->architecture->model_type, &model->config, err));
    describe(model);
    AT_TRY(at_array(config->n_layers, sizeof(at_layer), &model->layers, err));
    shape_model(model);
    f->model = model;
    f->is_counting = true;
    AT_TRY(fill_model(f, err));
    if (model->config.is_head_tied) {
        model->head.weight.dtype = model->embedding.dtype;
    }
    model->info.n_parameters = f->n_parameters;
    model->info.weight_bytes = f->n_parameters * sizeof(float);
    AT_TRY(at_model_list_modules(model, err));
    *out = model;
    model = NULL;
done:
    attrib_model_close(model);
    return status;
}

attrib_status at_model_build(const at_config *config,
                             at_fill_fn fill,
                             void *context,
                             attrib_model **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = NULL;
    attrib_bank bank = {0};
    filler f = {.fill = fill, .context = context};
    AT_TRY(outline(&f, config, &model, err));
    AT_TRY(deal_model(model, &bank, err));
    AT_TRY(at_array(bank.used, 1, &model->bank, err));
    bank = (attrib_bank){model->bank, 0};
    AT_TRY(deal_model(model, &bank, err));
    f.is_counting = false;
    AT_TRY(fill_model(&f, err));
    model->n_widened = find_widened(model);
    *out = model;
    model = NULL;
done:
    attrib_model_close(model);
    return status;
}

static attrib_status accept(void *context, const at_weight_spec *spec, attrib_error *err)
{
    (void)context;
    (void)spec;
    (void)err;
    return ATTRIB_OK;
}

attrib_status at_model_outline(const at_config *config,
                               attrib_model **out,
                               attrib_error *err)
{
    filler f = {.fill = accept};
    return outline(&f, config, out, err);
}

void attrib_model_close(attrib_model *model)
{
    if (!model) {
        return;
    }
    free(model->bank);
    at_checkpoint_close(&model->checkpoint);
    at_adapter_close(model->adapter);
    free(model->tokenizer_path);
    free(model->layers);
    free(model->modules);
    free(model->names);
    free(model);
}
