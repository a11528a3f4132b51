/* SPDX-License-Identifier: MIT */
#include "model/rounded.h"

#include <stdlib.h>

#include "base/thread.h"
#include "linalg/multiply.h"
#include "model/model.h"

/* Elements that are widened at a time, before they are rounded. */
#define CHUNK_ELEMENTS ((size_t)1 << 16)

struct at_rounded {
    const attrib_model *model;
    const uint16_t **weights; /* [n_modules] of each map */
    uint16_t **own;           /* [n_modules] to be filled; NULL: the file's */
    char *bank;
};

/* The map of a module. */
static const at_linear *map_of(const attrib_model *model, size_t i_module)
{
    const attrib_module *module = &model->modules[i_module];
    if (i_module + 1 == model->n_modules) {
        return &model->head;
    }
    const at_layer *layer = &model->layers[module->layer];
    size_t slot = 0;
    while (!layer->maps[slot].out_dim || layer->i_module[slot] != i_module) {
        slot++; /* which ends: every module but the head is a map of its layer */
    }
    return &layer->maps[slot];
}

/* A matrix's own bytes where they are what rounding it would give; else NULL. */
static const uint16_t *as_in_file(const at_matrix *matrix)
{
    const at_tensor *tensor = matrix->tensor;
    bool is_there = !matrix->values && tensor && tensor->dtype == ATTRIB_BF16 &&
                    matrix->order == AT_ROWS_AS_IS && !matrix->delta &&
                    (uintptr_t)tensor->data % sizeof(uint16_t) == 0;
    return is_there ? (const void *)tensor->data : NULL;
}

static attrib_status deal(at_rounded *rounded, attrib_bank *bank, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t m = 0; m < rounded->model->n_modules; m++) {
        const at_matrix *matrix = &map_of(rounded->model, m)->weight;
        rounded->weights[m] = as_in_file(matrix);
        if (!rounded->weights[m]) {
            AT_TRY(attrib_bank_deal(bank, matrix->n_rows, matrix->n_columns,
                                    sizeof(uint16_t), &rounded->own[m], err));
            rounded->weights[m] = rounded->own[m];
        }
    }
done:
    return status;
}

/* Round one map, some rows at a time. */
static attrib_status round_map(void *context,
                               size_t i_worker,
                               size_t i_module,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_rounded *rounded = context;
    const at_matrix *matrix = &map_of(rounded->model, i_module)->weight;
    size_t width = matrix->n_columns;
    size_t step = at_larger(width ? CHUNK_ELEMENTS / width : 1, 1);
    float *chunk = NULL;
    (void)i_worker;
    if (!rounded->own[i_module]) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(step * width, sizeof *chunk, &chunk, err));
    for (size_t first = 0; first < matrix->n_rows; first += step) {
        size_t n = at_smaller(step, matrix->n_rows - first);
        AT_TRY(at_matrix_rows(matrix, first, n, chunk, err));
        at_round(chunk, n * width, 1.0f, rounded->own[i_module] + first * width);
    }
done:
    free(chunk);
    return status;
}

/* All but the memory of the weights, and the bytes of that. */
static attrib_status outline(const attrib_model *model,
                             at_rounded **out,
                             size_t *n_bytes,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_rounded *rounded = NULL;
    attrib_bank bank = {0};
    AT_TRY(at_array(1, sizeof *rounded, &rounded, err));
    rounded->model = model;
    AT_TRY(at_array(model->n_modules, sizeof *rounded->weights, &rounded->weights, err));
    AT_TRY(at_array(model->n_modules, sizeof *rounded->own, &rounded->own, err));
    AT_TRY(deal(rounded, &bank, err));
    *n_bytes = bank.used;
    *out = rounded;
    rounded = NULL;
done:
    at_rounded_free(rounded);
    return status;
}

attrib_status at_rounded_new(attrib_session *session,
                             const attrib_model *model,
                             at_rounded **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_rounded *rounded = NULL;
    attrib_bank bank = {0};
    size_t n_bytes = 0;
    AT_TRY(outline(model, &rounded, &n_bytes, err));
    AT_TRY(at_array(n_bytes, 1, &rounded->bank, err));
    bank.base = rounded->bank;
    AT_TRY(deal(rounded, &bank, err));
    AT_TRY(at_parallel_for(session, model->n_modules, round_map, rounded, err));
    *out = rounded;
    rounded = NULL;
done:
    at_rounded_free(rounded);
    return status;
}

void at_rounded_free(at_rounded *rounded)
{
    if (!rounded) {
        return;
    }
    free(rounded->bank);
    free(rounded->weights);
    free(rounded->own);
    free(rounded);
}

attrib_status at_rounded_bytes(const attrib_model *model, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_rounded *rounded = NULL;
    size_t n_bytes = 0;
    AT_TRY(outline(model, &rounded, &n_bytes, err));
    *out = (double)n_bytes;
done:
    at_rounded_free(rounded);
    return status;
}

const uint16_t *at_rounded_weights(const at_rounded *rounded, size_t i_module)
{
    return rounded->weights[i_module];
}
