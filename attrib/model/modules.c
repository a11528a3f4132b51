/* SPDX-License-Identifier: MIT */
/* The linear maps of a model: their names, and which of them a selection means. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

#define MAX_NAME 96 /* of a map: the table's parts and a layer's number */

static attrib_module_kind kind_of(at_slot map)
{
    return map <= AT_MAP_O ? ATTRIB_MODULE_ATTENTION : ATTRIB_MODULE_MLP;
}

/* Append a map under a name that was written after those before it. */
static void add_module(attrib_model *model,
                       at_linear *linear,
                       attrib_module_kind kind,
                       size_t i_layer)
{
    model->modules[model->n_modules] = (attrib_module){
        .name = model->names + model->n_modules * MAX_NAME,
        .kind = kind,
        .layer = i_layer,
        .in_dim = linear->in_dim,
        .out_dim = linear->out_dim,
        .has_bias = linear->has_bias,
        .dtype = linear->weight.dtype,
    };
    linear->i_module = model->n_modules++;
}

attrib_status at_model_list_modules(attrib_model *model, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_architecture *architecture = model->config.architecture;
    size_t n_layers = model->config.n_layers;
    size_t n = n_layers * AT_N_MAPS + 1;
    AT_TRY(at_array(n, sizeof(attrib_module), &model->modules, err));
    AT_TRY(at_array(n, MAX_NAME, &model->names, err));
    for (size_t i_layer = 0; i_layer < n_layers; i_layer++) {
        at_layer *layer = &model->layers[i_layer];
        for (at_slot map = 0; map < AT_N_MAPS; map++) {
            if (architecture->maps[map]) {
                snprintf(model->names + model->n_modules * MAX_NAME, MAX_NAME,
                         "%s%s.%zu.%s", architecture->body, architecture->layers, i_layer,
                         architecture->maps[map]);
                layer->i_module[map] = model->n_modules;
                add_module(model, &layer->maps[map], kind_of(map), i_layer);
            }
        }
    }
    snprintf(model->names + model->n_modules * MAX_NAME, MAX_NAME, "%s",
             architecture->head);
    add_module(model, &model->head, ATTRIB_MODULE_HEAD, n_layers);
done:
    return status;
}

static bool is_selected(const attrib_module *module, const char *part)
{
    if (strcmp(part, "all") == 0) {
        return true;
    }
    if (strcmp(part, "mlp") == 0) {
        return module->kind == ATTRIB_MODULE_MLP;
    }
    if (strcmp(part, "attention") == 0) {
        return module->kind == ATTRIB_MODULE_ATTENTION;
    }
    if (strcmp(part, "head") == 0) {
        return module->kind == ATTRIB_MODULE_HEAD;
    }
    return fnmatch(part, module->name, 0) == 0;
}

/* Mark the maps that one part of a selection means; false where there are none. */
static bool mark(const attrib_model *model, const char *part, bool *marked)
{
    bool is_any = false;
    for (size_t i = 0; i < model->n_modules; i++) {
        if (is_selected(&model->modules[i], part)) {
            marked[i] = true;
            is_any = true;
        }
    }
    return is_any;
}

attrib_status attrib_model_select(const attrib_model *model,
                                  const char *selection,
                                  size_t **indices,
                                  size_t *n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *parts = NULL;
    char *rest = NULL;
    bool *marked = NULL;
    size_t *selected = NULL;
    size_t n_selected = 0;
    AT_TRY(at_copy_text(selection, strlen(selection), &parts, err));
    AT_TRY(at_array(model->n_modules, sizeof *marked, &marked, err));
    AT_TRY(at_array(model->n_modules, sizeof *selected, &selected, err));
    rest = parts;
    while (rest) {
        const char *part = strsep(&rest, ",");
        AT_CHECK(
            mark(model, part, marked), ATTRIB_EINVAL,
            "modules \"%s\": \"%s\" matches no linear map of the model (mlp, attention, "
            "head, all, or names with * and ?)",
            selection, part);
    }
    for (size_t i = 0; i < model->n_modules; i++) {
        if (marked[i]) {
            selected[n_selected++] = i;
        }
    }
    *indices = selected;
    *n = n_selected;
    selected = NULL;
done:
    free(selected);
    free(marked);
    free(parts);
    return status;
}
