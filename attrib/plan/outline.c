/* SPDX-License-Identifier: MIT */
/* Models without weights, made from a configuration or from sizes alone. */
#include "attrib/plan.h"
#include "base/sized.h"
#include "model/model.h"

#define USUAL_CONTEXT 2048

attrib_status attrib_outline_open(const char *path,
                                  const char *adapter,
                                  attrib_model **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = NULL;
    at_checkpoint checkpoint = {0};
    at_config config = {0};
    AT_TRY(at_checkpoint_open(path, adapter, &config, &checkpoint, err));
    AT_TRY(at_model_outline(&config, &model, err));
    model->info.weight_bytes = 0;
    for (size_t i = 0; i < at_tensors_count(checkpoint.tensors); i++) {
        model->info.weight_bytes += at_tensors_get(checkpoint.tensors, i)->n_bytes;
    }
    AT_TRY(at_checkpoint_tokenizer(&checkpoint, &model->tokenizer_path, err));
    *out = model;
    model = NULL;
done:
    attrib_model_close(model);
    at_checkpoint_close(&checkpoint);
    return status;
}

void attrib_shape_init(attrib_shape *shape, size_t size)
{
    const attrib_shape standard = {0};
    at_sized_fill(&standard, sizeof standard, shape, size);
}

/* A decoder of Llama's kind, or of GPT-2's. */
static at_config config_of(const attrib_shape *shape)
{
    at_config config = {
        .architecture = at_architecture_find(shape->is_gated ? "llama" : "gpt2"),
        .n_layers = shape->n_layers,
        .width = shape->width,
        .n_heads = shape->n_heads,
        .n_kv_heads = shape->n_kv_heads ? shape->n_kv_heads : shape->n_heads,
        .mlp_width = shape->mlp_width,
        .n_vocabulary = shape->n_vocabulary,
        .context = shape->context ? shape->context : USUAL_CONTEXT,
        .activation = shape->is_gated ? AT_ACTIVATION_SILU : AT_ACTIVATION_GELU_TANH,
        .norm_epsilon = 1e-5,
        .rope = {.theta = 10000},
        .is_head_tied = !shape->is_gated,
    };
    for (at_slot map = 0; map < AT_N_MAPS; map++) {
        config.has_bias[map] = !shape->is_gated && config.architecture->maps[map];
    }
    return config;
}

attrib_status attrib_outline_new(const attrib_shape *shape,
                                 attrib_model **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_shape chosen;
    at_config config = {0};
    attrib_shape_default(&chosen);
    AT_TRY(at_sized_take(shape, "shape", &chosen, err));
    config = config_of(&chosen);
    AT_TRY(at_config_complete("shape", &config, err));
    AT_TRY(at_model_outline(&config, out, err));
done:
    return status;
}
