/* SPDX-License-Identifier: MIT */
/* Weights from safetensors: checked against the configuration, widened to f32. */
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

/* Elements widened at a time: they stay in the second-level cache. */
#define CHUNK ((size_t)65536)

typedef struct loader {
    const at_config *config;
    const at_tensors *tensors;
    bool has_body;          /* names begin with the architecture's `body` */
    const at_tensor **used; /* [n_used] each tensor that fills an array */
    size_t n_used;
    float *chunk; /* [CHUNK] */
} loader;

/* 1. One tensor */

/* The first element that is not finite, or n. All exponent bits set says so; as integers
 * the loop runs in vectors. */
static size_t find_not_finite(const float *x, size_t n)
{
    uint32_t any = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &x[i], sizeof bits);
        any |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    for (size_t i = 0; any && i < n; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &x[i], sizeof bits);
        if ((bits & 0x7f800000u) == 0x7f800000u) {
            return i;
        }
    }
    return n;
}

/* Elements [first, first + n) of a tensor, finite, to f32. */
static attrib_status widen(
    const at_tensor *tensor, size_t first, size_t n, float *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t bad = 0;
    AT_TRY(at_tensor_to_f32(tensor, first, n, out, err));
    bad = find_not_finite(out, n);
    AT_CHECK(bad == n, ATTRIB_ENUMERIC, "%s: %s: weight %zu is not finite", tensor->path,
             tensor->name, first + bad);
done:
    return status;
}

/* out[i, j] as the spec places it, for the rows [first_row, first_row + n_rows). */
static void place(const at_weight_spec *spec,
                  size_t first_row,
                  size_t n_rows,
                  const float *values)
{
    size_t n_columns = spec->shape[1];
    float *out = spec->out + first_row * spec->row_stride;
    for (size_t j = 0; j < n_columns; j++) {
        for (size_t i = 0; i < n_rows; i++) {
            out[i * spec->row_stride + j * spec->column_stride] =
                values[i * n_columns + j];
        }
    }
}

static bool is_contiguous(const at_weight_spec *spec)
{
    return spec->shape[1] == 1
               ? spec->row_stride == 1
               : spec->column_stride == 1 && spec->row_stride == spec->shape[1];
}

/* Transposed and strided arrays go through `chunk`, a few rows at a time. */
static attrib_status copy_rows(loader *l,
                               const at_tensor *tensor,
                               const at_weight_spec *spec,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_columns = spec->shape[1];
    size_t n_rows = n_columns < CHUNK ? CHUNK / n_columns : 0;
    for (size_t i = 0; n_rows && i < spec->shape[0]; i += n_rows) {
        size_t n = spec->shape[0] - i < n_rows ? spec->shape[0] - i : n_rows;
        AT_TRY(widen(tensor, i * n_columns, n * n_columns, l->chunk, err));
        place(spec, i, n, l->chunk);
    }
    for (size_t i = 0; !n_rows && i < spec->shape[0]; i++) {
        for (size_t j = 0; j < n_columns; j += CHUNK) {
            size_t n = n_columns - j < CHUNK ? n_columns - j : CHUNK;
            at_weight_spec part = *spec;
            part.shape[1] = n;
            part.out = spec->out + j * spec->column_stride;
            AT_TRY(widen(tensor, i * n_columns + j, n, l->chunk, err));
            place(&part, i, 1, l->chunk);
        }
    }
done:
    return status;
}

/* 2. The checkpoint */

/* The tensor of a name, with or without the architecture's body before it. */
static const at_tensor *find(const loader *l, const char *name)
{
    const char *body = l->config->architecture->body;
    size_t n = strlen(body);
    if (!l->has_body && strncmp(name, body, n) == 0) {
        name += n;
    }
    return at_tensors_find(l->tensors, name);
}

static attrib_status load_array(void *context,
                                const at_weight_spec *spec,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    loader *l = context;
    const at_tensor *tensor = find(l, spec->name);
    AT_CHECK(tensor, ATTRIB_ESHAPE, "tensor %s is missing", spec->name);
    if (!spec->out) {
        AT_TRY(at_tensor_expect(tensor, spec->n_dims, spec->shape, err));
        l->used[l->n_used++] = tensor;
    } else if (is_contiguous(spec)) {
        AT_TRY(widen(tensor, 0, tensor->n_elements, spec->out, err));
    } else {
        AT_TRY(copy_rows(l, tensor, spec, err));
    }
done:
    return status;
}

/* A head beside a tied one is fine where it is a copy of the embedding. */
static attrib_status check_tied_head(const loader *l,
                                     const at_tensor *head,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *embedding = l->used[0]; /* the first array of every model */
    AT_CHECK(head->dtype == embedding->dtype && head->n_bytes == embedding->n_bytes &&
                 memcmp(head->data, embedding->data, head->n_bytes) == 0,
             ATTRIB_ESHAPE,
             "%s: %s differs from %s, but tie_word_embeddings makes them one", head->path,
             head->name, embedding->name);
done:
    return status;
}

static bool is_harmless(const loader *l, const char *name)
{
    const char *const *pattern = l->config->architecture->harmless;
    while (*pattern && fnmatch(*pattern, name, 0) != 0) {
        pattern++;
    }
    return *pattern != NULL;
}

static int by_address(const void *a, const void *b)
{
    const at_tensor *x = *(const at_tensor *const *)a;
    const at_tensor *y = *(const at_tensor *const *)b;
    return (x > y) - (x < y);
}

/* Every tensor fills an array, or is known to carry no weight. */
static attrib_status check_unused(loader *l, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[64];
    snprintf(name, sizeof name, "%s.weight", l->config->architecture->head);
    const at_tensor *head = at_tensors_find(l->tensors, name);
    if (head && l->config->is_head_tied) {
        AT_TRY(check_tied_head(l, head, err));
    } else {
        head = NULL;
    }
    qsort(l->used, l->n_used, sizeof(const at_tensor *), by_address);
    for (size_t i = 0; i < at_tensors_count(l->tensors); i++) {
        const at_tensor *tensor = at_tensors_get(l->tensors, i);
        bool is_used = tensor == head || bsearch(&tensor, l->used, l->n_used,
                                                 sizeof(const at_tensor *), by_address);
        AT_CHECK(is_used || is_harmless(l, tensor->name), ATTRIB_ENOTSUP,
                 "%s: tensor %s is not known for architecture \"%s\"", tensor->path,
                 tensor->name, l->config->architecture->model_type);
    }
done:
    return status;
}

/* Bytes of the tensors used, and the type of the largest. */
static void measure(const loader *l, attrib_model_info *info)
{
    size_t largest = 0;
    info->weight_bytes = 0;
    for (size_t i = 0; i < l->n_used; i++) {
        const at_tensor *tensor = l->used[i];
        info->weight_bytes += tensor->n_bytes;
        if (tensor->n_elements > largest) {
            largest = tensor->n_elements;
            info->dtype = tensor->dtype;
        }
    }
}

/* Whether names begin with the body, as those of the first array do. */
static bool has_body(const at_config *config, const at_tensors *tensors)
{
    const at_architecture *architecture = config->architecture;
    size_t n = strlen(architecture->body);
    bool is_there = !architecture->is_body_optional;
    for (size_t i = 0; !is_there && i < at_tensors_count(tensors); i++) {
        is_there = strncmp(at_tensors_get(tensors, i)->name, architecture->body, n) == 0;
    }
    return is_there;
}

attrib_status at_model_load(const at_config *config,
                            const at_tensors *tensors,
                            attrib_model **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = NULL;
    loader l = {config, tensors, has_body(config, tensors), NULL, 0, NULL};
    AT_TRY(at_array(CHUNK, sizeof(float), &l.chunk, err));
    /* No array is filled from a tensor of another, so `used` holds every tensor at most.
     */
    AT_TRY(at_array(at_tensors_count(tensors), sizeof(const at_tensor *), &l.used, err));
    AT_TRY(at_model_build(config, load_array, &l, &model, err));
    AT_TRY(check_unused(&l, err));
    measure(&l, &model->info);
    AT_TRY(at_tensors_hash(tensors, model->hash, err));
    *out = model;
    model = NULL;
done:
    attrib_model_close(model);
    free(l.used);
    free(l.chunk);
    return status;
}
