/* SPDX-License-Identifier: MIT */
/* What a LoRA adapter adds to the weights of its base, or puts in their place.
 *
 *   1. What is added   2. Checks   3. Questions */
#include "model/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* 1. What is added */

static int compare_to_lora(const void *module, const void *entry)
{
    return strcmp(module, ((const at_lora *)entry)->module);
}

static int compare_to_replacement(const void *name, const void *entry)
{
    return strcmp(name, ((const at_replacement *)entry)->name);
}

static at_lora *find_lora(const at_adapter *adapter, const char *module)
{
    return adapter->n_loras ? bsearch(module, adapter->loras, adapter->n_loras,
                                      sizeof *adapter->loras, compare_to_lora)
                            : NULL;
}

static at_replacement *find_replacement(const at_adapter *adapter, const char *name)
{
    return adapter->n_replacements
               ? bsearch(name, adapter->replacements, adapter->n_replacements,
                         sizeof *adapter->replacements, compare_to_replacement)
               : NULL;
}

attrib_status at_adapter_replacement(at_adapter *adapter,
                                     const char *name,
                                     const at_tensor **out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_replacement *entry = find_replacement(adapter, name);
    AT_CHECK(entry || !at_adapter_saves(&adapter->config, name), ATTRIB_ESHAPE,
             "%s/" AT_ADAPTER_TENSORS ": no %s, which modules_to_save names",
             adapter->folder, name);
    *out = entry ? entry->tensor : NULL;
    if (entry) {
        entry->is_used = true;
    }
done:
    return status;
}

/* scale times the tensor, or its transpose, in f32: out [n_rows, n_columns]. */
static attrib_status copy_matrix(const at_tensor *tensor,
                                 bool is_transposed,
                                 double scale,
                                 float **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_rows = tensor->shape[0];
    size_t n_columns = tensor->shape[1];
    float *read = NULL;
    float *values = NULL;
    AT_TRY(at_array(tensor->n_elements, sizeof *read, &read, err));
    AT_TRY(at_array(tensor->n_elements, sizeof *values, &values, err));
    AT_TRY(at_tensor_to_f32(tensor, 0, tensor->n_elements, read, err));
    for (size_t i = 0; i < tensor->n_elements; i++) {
        size_t to = is_transposed ? i % n_columns * n_rows + i / n_columns : i;
        values[to] = (float)(scale * (double)read[i]);
        AT_CHECK(isfinite(values[to]), ATTRIB_ENUMERIC,
                 "%s: %s: weight %zu is not finite", tensor->path, tensor->name, i);
    }
    *out = values;
    values = NULL;
done:
    free(read);
    free(values);
    return status;
}

/* W + scale B A, W [out, in]: left = scale B, right = A. A table of vectors, and a W
 * [in, out], get the transpose: left = scale A', right = B'. */
static attrib_status make_delta(at_lora *lora,
                                const at_adapted *matrix,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_turned = matrix->is_transposed || matrix->is_embedding;
    size_t in = is_turned ? matrix->n_rows : matrix->n_columns;
    size_t out = is_turned ? matrix->n_columns : matrix->n_rows;
    const at_tensor *left = is_turned ? lora->a : lora->b;
    const at_tensor *right = is_turned ? lora->b : lora->a;
    AT_CHECK(lora->is_embedding == matrix->is_embedding, ATTRIB_ESHAPE,
             "%s: %s: matrices of %s for a module that is %s", lora->a->path,
             lora->a->name, lora->is_embedding ? "an embedding" : "a linear map",
             matrix->is_embedding ? "an embedding" : "a linear map");
    AT_TRY(at_tensor_expect(lora->a, 2, (size_t[]){lora->rank, in}, err));
    AT_TRY(at_tensor_expect(lora->b, 2, (size_t[]){out, lora->rank}, err));
    AT_TRY(copy_matrix(left, is_turned, lora->scale, &lora->delta.left, err));
    AT_TRY(copy_matrix(right, is_turned, 1, &lora->delta.right, err));
    lora->delta.rank = lora->rank;
done:
    return status;
}

attrib_status at_adapter_delta(at_adapter *adapter,
                               const at_adapted *matrix,
                               const at_delta **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *module = NULL;
    at_lora *lora = NULL;
    bool is_target = false; /* as the tensors say, where the settings do not */
    *out = NULL;
    AT_TRY(at_copy_text(matrix->name, strlen(matrix->name) - strlen(".weight"), &module,
                        err));
    lora = find_lora(adapter, module);
    is_target = lora != NULL;
    AT_TRY(at_adapter_targets(&adapter->config, module, &is_target, err));
    AT_CHECK(lora || !is_target, ATTRIB_ESHAPE,
             "%s/" AT_ADAPTER_TENSORS ": no matrices of %s, which target_modules names",
             adapter->folder, module);
    if (lora) {
        AT_CHECK(is_target, ATTRIB_ESHAPE,
                 "%s: %s: target_modules does not name this module", lora->a->path,
                 lora->a->name);
        AT_TRY(lora->delta.rank ? ATTRIB_OK : make_delta(lora, matrix, err));
        lora->is_used = true;
        *out = &lora->delta;
    }
done:
    free(module);
    return status;
}

attrib_status at_adapter_untie(const at_adapter *adapter,
                               const char *embedding,
                               const char *head,
                               bool *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *modules[] = {embedding, head};
    bool is_replaced[2];
    at_buffer name = {0};
    for (size_t i = 0; i < 2; i++) {
        name.n_bytes = 0;
        AT_TRY(at_buffer_print(&name, err, "%s.weight", modules[i]));
        is_replaced[i] = find_replacement(adapter, name.bytes) != NULL;
    }
    *out = is_replaced[0] || is_replaced[1] || find_lora(adapter, embedding) ||
           find_lora(adapter, head);
    AT_CHECK(!is_replaced[0] || is_replaced[1] || find_lora(adapter, embedding) ||
                 at_adapter_saves(&adapter->config, embedding),
             ATTRIB_ENOTSUP,
             "%s: holds %s.weight, which the base's head shares, but modules_to_save "
             "does not name it",
             adapter->folder, embedding);
done:
    at_buffer_free(&name);
    return status;
}

/* 2. Checks */

attrib_status at_adapter_check_used(const at_adapter *adapter, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < adapter->n_loras; i++) {
        AT_CHECK(adapter->loras[i].is_used, ATTRIB_ESHAPE,
                 "%s: %s: the model has no module %.100s", adapter->loras[i].a->path,
                 adapter->loras[i].a->name, adapter->loras[i].module);
    }
    for (size_t i = 0; i < adapter->n_replacements; i++) {
        const at_replacement *entry = &adapter->replacements[i];
        AT_CHECK(entry->is_used, ATTRIB_ESHAPE, "%s: %s: the model has no %.100s",
                 entry->tensor->path, entry->tensor->name, entry->name);
    }
done:
    return status;
}

/* 3. Questions */

attrib_status at_adapter_hash(const at_adapter *adapter,
                              char hash[AT_HASH_SIZE],
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *both = NULL;
    char of_tensors[AT_HASH_SIZE];
    AT_TRY(at_tensors_hash(adapter->tensors, of_tensors, err));
    AT_TRY(at_hash_new(&both, err));
    at_hash_add(both, hash, AT_HASH_SIZE);
    at_hash_add(both, of_tensors, AT_HASH_SIZE);
    for (size_t i = 0; i < adapter->n_loras; i++) {
        at_hash_add(both, &adapter->loras[i].scale, sizeof adapter->loras[i].scale);
    }
    at_hash_digest(both, hash);
done:
    at_hash_free(both);
    return status;
}

void at_adapter_describe(const at_adapter *adapter, attrib_adapter_info *out)
{
    *out =
        (attrib_adapter_info){.folder = adapter->folder,
                              .base = adapter->config.base,
                              .alpha = adapter->config.alphas.standard,
                              .is_scaled_by_root = adapter->config.is_scaled_by_root,
                              .n_modules = adapter->n_loras,
                              .n_replaced = adapter->n_replacements,
                              .min_rank = adapter->n_loras ? adapter->loras[0].rank : 0};
    for (size_t i = 0; i < adapter->n_loras; i++) {
        size_t rank = adapter->loras[i].rank;
        out->min_rank = rank < out->min_rank ? rank : out->min_rank;
        out->max_rank = rank > out->max_rank ? rank : out->max_rank;
    }
    for (size_t i = 0; i < at_tensors_count(adapter->tensors); i++) {
        out->n_parameters += at_tensors_get(adapter->tensors, i)->n_elements;
    }
}
