/* SPDX-License-Identifier: MIT */
/* Weights from a checkpoint: checked against the configuration, then used in place, kept
 * in their file's type, or widened to f32. */
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
    at_adapter *adapter; /* NULL: none */
    attrib_weights weights;
    bool has_body;          /* names begin with the architecture's `body` */
    const at_tensor **used; /* [n_used] the base's tensor of each array */
    size_t n_used;
    bool is_kept; /* some of the model's weights are the files' own */
    at_widener chunk;
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

/* Rows [first, first + n) of a matrix, finite, to f32. */
static attrib_status widen(
    const at_matrix *matrix, size_t first, size_t n, float *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_elements = n * matrix->n_columns;
    size_t bad = 0;
    AT_TRY(at_matrix_rows(matrix, first, n, out, err));
    bad = find_not_finite(out, n_elements);
    AT_CHECK(bad == n_elements, ATTRIB_ENUMERIC, "%s: %s: weight %zu is not finite",
             matrix->tensor->path, matrix->tensor->name, first * matrix->n_columns + bad);
done:
    return status;
}

/* Check all rows, a few at a time. */
static attrib_status check_rows(loader *l, const at_matrix *matrix, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = matrix->n_columns < CHUNK ? CHUNK / matrix->n_columns : 1;
    AT_TRY(at_widener_reserve(&l->chunk, n * matrix->n_columns, err));
    for (size_t i = 0; i < matrix->n_rows; i += n) {
        size_t left = matrix->n_rows - i;
        AT_TRY(widen(matrix, i, left < n ? left : n, l->chunk.values, err));
    }
done:
    return status;
}

/* Whether a tensor's bytes are the matrix that is wanted. */
static bool is_in_place(const at_matrix *matrix)
{
    return matrix->tensor->dtype == ATTRIB_F32 && matrix->order == AT_ROWS_AS_IS &&
           !matrix->delta && (uintptr_t)matrix->tensor->data % sizeof(float) == 0;
}

static const float *floats_of(const at_tensor *tensor)
{
    const void *data = tensor->data;
    return data;
}

/* Let the model's matrix be the file's own, where it may be, once it has been checked.
 */
static attrib_status keep(loader *l,
                          const at_matrix *wanted,
                          const at_weight_spec *spec,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_free = l->weights == ATTRIB_WEIGHTS_FILE && !spec->is_needed_whole;
    if (!spec->matrix || !(is_in_place(wanted) || is_free)) {
        return ATTRIB_OK;
    }
    AT_TRY(check_rows(l, wanted, err));
    *spec->matrix = *wanted;
    if (is_in_place(wanted)) {
        spec->matrix->values = floats_of(wanted->tensor);
        spec->matrix->tensor = NULL;
    }
    l->is_kept = true;
done:
    return status;
}

/* 2. The checkpoint */

static bool is_head(const at_config *config, const char *name)
{
    const char *head = config->architecture->head;
    size_t n = strlen(head);
    return strncmp(name, head, n) == 0 && strcmp(name + n, ".weight") == 0;
}

/* The base's tensor of a name, with or without the architecture's body before it. */
static const at_tensor *find(const loader *l, const char *name)
{
    const char *body = l->config->architecture->body;
    size_t n = strlen(body);
    if (l->config->is_head_untied && is_head(l->config, name)) {
        return l->used[0]; /* the embedding, the first array of every model */
    }
    if (!l->has_body && strncmp(name, body, n) == 0) {
        name += n;
    }
    return at_tensors_find(l->tensors, name);
}

static at_row_order order_of(const at_config *config, at_slot slot)
{
    return config->is_gguf && slot < AT_N_MAPS
               ? at_gguf_row_order(config->architecture, slot)
               : AT_ROWS_AS_IS;
}

/* Let an adapter replace what is wanted, or add to it. */
static attrib_status adapt(loader *l,
                           const at_weight_spec *spec,
                           at_matrix *wanted,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_config *config = l->config;
    const at_tensor *tensor = NULL;
    bool is_map = spec->slot < AT_N_MAPS;
    const at_adapted matrix = {.name = spec->name,
                               .n_rows = wanted->n_rows,
                               .n_columns = wanted->n_columns,
                               .is_transposed = is_map && !config->is_gguf &&
                                                config->architecture->is_transposed,
                               .is_embedding = !is_map && !is_head(config, spec->name)};
    AT_TRY(at_adapter_replacement(l->adapter, spec->name, &tensor, err));
    if (tensor) {
        /* GGUF holds rows, transposes and gains otherwise than Hugging Face. */
        AT_CHECK(!config->is_gguf, ATTRIB_ENOTSUP,
                 "%s: %s: an adapter that replaces tensors is not read with a GGUF file",
                 tensor->path, tensor->name);
        AT_CHECK(
            is_map || spec->n_dims != 2 || tensor->n_dims != 2 ||
                tensor->shape[0] == spec->shape[0],
            ATTRIB_ESHAPE,
            "%s: %s: %zu rows, the base has %zu: an adapter with tokens of its own is "
            "merged into its base first (merge_and_unload())",
            tensor->path, tensor->name, tensor->shape[0], spec->shape[0]);
        AT_TRY(at_tensor_expect(tensor, spec->n_dims, spec->shape, err));
        wanted->tensor = tensor;
    }
    if (spec->n_dims == 2) {
        AT_TRY(at_adapter_delta(l->adapter, &matrix, &wanted->delta, err));
    }
done:
    return status;
}

static attrib_status load_array(void *context,
                                const at_weight_spec *spec,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    loader *l = context;
    const at_tensor *tensor = find(l, spec->name);
    at_matrix wanted = {.n_rows = spec->shape[0],
                        .n_columns = spec->shape[1],
                        .dtype = tensor ? tensor->dtype : ATTRIB_F32,
                        .tensor = tensor,
                        .order = order_of(l->config, spec->slot),
                        .head_dim = l->config->head_dim};
    AT_CHECK(tensor, ATTRIB_ESHAPE, "tensor %s is missing", spec->name);
    if (l->adapter) {
        AT_TRY(adapt(l, spec, &wanted, err));
    }
    if (!spec->out) {
        AT_TRY(at_tensor_expect(tensor, spec->n_dims, spec->shape, err));
        if (spec->matrix) {
            spec->matrix->dtype = tensor->dtype;
        }
        l->used[l->n_used++] = tensor;
        AT_TRY(keep(l, &wanted, spec, err));
    } else {
        AT_TRY(widen(&wanted, 0, wanted.n_rows, spec->out, err));
    }
done:
    return status;
}

/* Where the head is tied to the embedding, a file may hold a head only if it is a copy of
 * the embedding. */
static attrib_status check_tied_head(const at_tensor *embedding,
                                     const at_tensor *head,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
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
    if (head && (l->config->is_head_tied || l->config->is_head_untied)) {
        AT_TRY(check_tied_head(l->used[0], head, err));
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
                            attrib_weights weights,
                            at_checkpoint *checkpoint,
                            attrib_model **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = NULL;
    const at_tensors *tensors = checkpoint->tensors;
    loader l = {.config = config,
                .tensors = tensors,
                .adapter = checkpoint->adapter,
                .weights = weights,
                .has_body = has_body(config, tensors)};
    /* No array but an untied head is filled from a tensor of another. */
    AT_TRY(
        at_array(at_tensors_count(tensors) + 1, sizeof(const at_tensor *), &l.used, err));
    AT_TRY(at_model_build(config, load_array, &l, &model, err));
    AT_TRY(check_unused(&l, err));
    measure(&l, &model->info);
    AT_TRY(at_checkpoint_hash(checkpoint, model->hash, err));
    AT_TRY(at_checkpoint_check(checkpoint, err)); /* what was hashed is what was read */
    AT_TRY(at_checkpoint_tokenizer(checkpoint, &model->tokenizer_path, err));
    if (checkpoint->adapter) {
        AT_TRY(at_adapter_check_used(checkpoint->adapter, err));
        at_adapter_describe(checkpoint->adapter, &model->adapter_info);
        model->adapter = checkpoint->adapter;
        checkpoint->adapter = NULL;
    }
    if (l.is_kept) {
        model->checkpoint = *checkpoint;
        *checkpoint = (at_checkpoint){0};
    }
    *out = model;
    model = NULL;
done:
    attrib_model_close(model);
    at_widener_free(&l.chunk);
    free(l.used);
    return status;
}
