/* SPDX-License-Identifier: MIT */
/* A model whose tracked maps are moved along a direction: W + alpha P.
 *
 * All else is the model's own, so that the copy holds the tracked weights in f32 and no
 * more. */
#include "model/shift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "model/model.h"

struct at_shift {
    attrib_model model; /* a copy, whose layers are its own */
    float *weights;     /* of the tracked maps, with their biases */
};

/* The slot of a module in its layer. */
static size_t find_slot(const attrib_model *model, size_t i_module)
{
    const at_layer *layer = &model->layers[model->modules[i_module].layer];
    size_t slot = 0;
    while (!layer->maps[slot].out_dim || layer->i_module[slot] != i_module) {
        slot++; /* which ends: every module but the head is a map of its layer */
    }
    return slot;
}

static const at_linear *find_map(const attrib_model *model, size_t i_module)
{
    return i_module + 1 == model->n_modules
               ? &model->head
               : &model->layers[model->modules[i_module].layer]
                      .maps[find_slot(model, i_module)];
}

/* The same map of a copy, to be changed. */
static at_linear *map_of(at_shift *shift, size_t i_module)
{
    attrib_model *model = &shift->model;
    return i_module + 1 == model->n_modules
               ? &model->head
               : &model->layers[model->modules[i_module].layer]
                      .maps[find_slot(model, i_module)];
}

/* Put W (+ b) + alpha P into `values` [O I], W as its file orders it, then b, and let the
 * map read them. */
static attrib_status move_map(
    at_linear *map, const float *p, double alpha, float *values, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_matrix *weight = &map->weight;
    size_t in = map->in_dim - map->has_bias;
    float *bias = values + map->out_dim * in;
    AT_TRY(at_matrix_rows(weight, 0, weight->n_rows, values, err));
    for (size_t o = 0; o < map->out_dim; o++) {
        const float *of_row = p + o * map->in_dim;
        if (!map->is_transposed) {
            at_axpy(in, (float)alpha, of_row, values + o * in);
        }
        for (size_t i = 0; map->is_transposed && i < in; i++) {
            values[i * map->out_dim + o] += (float)alpha * of_row[i];
        }
        if (map->has_bias) {
            bias[o] = map->bias[o] + (float)alpha * of_row[in];
        }
    }
    *weight = (at_matrix){.n_rows = weight->n_rows,
                          .n_columns = weight->n_columns,
                          .dtype = ATTRIB_F32,
                          .values = values};
    map->bias = map->has_bias ? bias : NULL;
done:
    return status;
}

attrib_status at_shift_new(const attrib_model *model,
                           const at_direction_set *direction,
                           double alpha,
                           at_shift **out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_shift *shift = NULL;
    size_t n = 0;
    for (size_t m = 0; m < direction->n_tracked; m++) {
        const attrib_module *module = &model->modules[direction->tracked[m]];
        size_t n_map = 0;
        AT_TRY(at_mul(module->out_dim, module->in_dim, &n_map, err));
        AT_TRY(at_add(n, n_map, &n, err));
    }
    AT_TRY(at_array(1, sizeof *shift, &shift, err));
    shift->model = *model;
    shift->model.layers = NULL;
    AT_TRY(at_array(model->config.n_layers, sizeof *model->layers, &shift->model.layers,
                    err));
    memcpy(shift->model.layers, model->layers,
           model->config.n_layers * sizeof *model->layers);
    AT_TRY(at_array(n, sizeof *shift->weights, &shift->weights, err));
    n = 0;
    for (size_t m = 0; m < direction->n_tracked; m++) {
        at_linear *map = map_of(shift, direction->tracked[m]);
        AT_TRY(move_map(map, direction->p[m], alpha, shift->weights + n, err));
        n += map->out_dim * map->in_dim;
    }
    *out = shift;
    shift = NULL;
done:
    at_shift_free(shift);
    return status;
}

void at_shift_free(at_shift *shift)
{
    if (shift) {
        free(shift->weights);
        free(shift->model.layers);
        free(shift);
    }
}

const attrib_model *at_shift_model(const at_shift *shift)
{
    return &shift->model;
}

/* The squares of a map's weights and biases, some rows at a time. */
static attrib_status square_map(const at_linear *map, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_matrix *weight = &map->weight;
    float *row = NULL;
    *out = map->has_bias ? at_dot(map->bias, map->bias, map->out_dim) : 0;
    AT_TRY(at_array(weight->n_columns, sizeof *row, &row, err));
    for (size_t i = 0; i < weight->n_rows; i++) {
        AT_TRY(at_matrix_rows(weight, i, 1, row, err));
        *out += at_dot(row, row, weight->n_columns);
    }
done:
    free(row);
    return status;
}

attrib_status at_direction_size(const attrib_model *model,
                                const at_direction_set *direction,
                                double *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (size_t m = 0; m < direction->n_tracked; m++) {
        const at_linear *map = find_map(model, direction->tracked[m]);
        const float *p = direction->p[m];
        double of_weights = 0;
        double of_p = at_dot(p, p, map->out_dim * map->in_dim);
        AT_TRY(square_map(map, &of_weights, err));
        *out = fmax(*out, of_weights > 0 ? sqrt(of_p / of_weights) : 0);
    }
done:
    return status;
}
