/* SPDX-License-Identifier: MIT */
/* Opening a model's folder, and what can be asked of it. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/decoder.h"

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

attrib_status attrib_model_open(const char *path, attrib_model **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *config_path = NULL;
    at_tensors *tensors = NULL;
    at_config config = {0};
    at_blas_single_threaded();
    AT_CHECK(!ends_with(path, ".gguf"), ATTRIB_ENOTSUP,
             "%s: GGUF models are not supported", path);
    AT_TRY(at_join_path(path, "config.json", &config_path, err));
    AT_TRY(at_config_open(config_path, &config, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    status = at_model_load(&config, tensors, out, err);
    if (status != ATTRIB_OK && err && !strstr(err->message, path)) {
        at_context(err, status, "%s", path);
    }
done:
    at_tensors_close(tensors);
    free(config_path);
    return status;
}

void attrib_model_close(attrib_model *model)
{
    if (!model) {
        return;
    }
    free(model->bank);
    free(model->layers);
    free(model->modules);
    free(model->names);
    free(model);
}

const attrib_model_info *attrib_model_describe(const attrib_model *model)
{
    return &model->info;
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
