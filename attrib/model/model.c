/* SPDX-License-Identifier: MIT */
/* Opening a model, and what can be asked of it. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "linalg/linalg.h"
#include "model/decoder.h"

void attrib_model_options_init(attrib_model_options *options, size_t size)
{
    const attrib_model_options standard = {.weights = ATTRIB_WEIGHTS_FILE};
    at_sized_fill(&standard, sizeof standard, options, size);
}

/* Whether a message begins with a path, or that of a file in it. */
static bool names_path(const char *message, const char *path)
{
    size_t n = strlen(path);
    return strncmp(message, path, n) == 0 &&
           (message[n] == '/' || message[n] == ':' || (n > 0 && path[n - 1] == '/'));
}

static bool names_checkpoint(const char *message, const at_checkpoint *checkpoint)
{
    const at_adapter *adapter = checkpoint->adapter;
    return names_path(message, checkpoint->path) ||
           (adapter && names_path(message, adapter->folder));
}

attrib_status attrib_model_open(const char *path,
                                const attrib_model_options *options,
                                attrib_model **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model_options chosen;
    at_checkpoint checkpoint = {0};
    at_config config = {0};
    attrib_model_options_default(&chosen);
    at_blas_single_threaded();
    AT_TRY(at_blas_check_memory(1, err));
    AT_TRY(at_sized_take(options, "model_options", &chosen, err));
    AT_CHECK(chosen.weights == ATTRIB_WEIGHTS_FILE ||
                 chosen.weights == ATTRIB_WEIGHTS_F32,
             ATTRIB_EINVAL, "weights in memory: no kind %d", (int)chosen.weights);
    AT_TRY(at_checkpoint_open(path, chosen.adapter, &config, &checkpoint, err));
    status = at_model_load(&config, chosen.weights, &checkpoint, out, err);
    if (status != ATTRIB_OK && err && !names_checkpoint(err->message, &checkpoint)) {
        at_context(err, status, "%s", checkpoint.path);
    }
done:
    at_checkpoint_close(&checkpoint);
    return status;
}

attrib_status at_model_check(const attrib_model *model, attrib_error *err)
{
    attrib_status status = at_checkpoint_check(&model->checkpoint, err);
    if (status == ATTRIB_OK && model->adapter && model->adapter->tensors) {
        status = at_tensors_check(model->adapter->tensors, err);
    }
    return status;
}

double at_model_mapped_bytes(const attrib_model *model)
{
    const at_tensors *tensors = model->checkpoint.tensors;
    double bytes = 0;
    for (size_t i = 0; tensors && i < at_tensors_count(tensors); i++) {
        bytes += (double)at_tensors_get(tensors, i)->n_bytes;
    }
    return bytes;
}

const attrib_model_info *attrib_model_describe(const attrib_model *model)
{
    return &model->info;
}

const attrib_adapter_info *attrib_model_adapter(const attrib_model *model)
{
    return model->adapter ? &model->adapter_info : NULL;
}

const char *attrib_model_tokenizer_path(const attrib_model *model)
{
    return model->tokenizer_path;
}

const char *attrib_model_hash(const attrib_model *model)
{
    return model->hash;
}

size_t attrib_model_n_modules(const attrib_model *model)
{
    return model->n_modules;
}

const attrib_module *attrib_model_module(const attrib_model *model, size_t i)
{
    return &model->modules[i];
}

double at_model_products_per_token(const attrib_model *model)
{
    double products = 0;
    for (size_t i = 0; i < model->n_modules; i++) {
        const attrib_module *module = &model->modules[i];
        products += (double)(module->in_dim - module->has_bias) * (double)module->out_dim;
    }
    return products;
}
