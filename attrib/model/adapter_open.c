/* SPDX-License-Identifier: MIT */
/* The files of a LoRA adapter, and its tensors by the names that PEFT gives them
 * (peft/utils/save_and_load.py).
 *
 *   1. Files   2. Tensors   3. Opening */
#include "model/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define CONFIG_NAME "adapter_config.json"
#define PICKLE_NAME "adapter_model.bin"
#define MAX_CONFIG  ((size_t)4 << 20)

/* 1. Files */

attrib_status at_is_adapter(const char *folder, bool *out, attrib_error *err)
{
    char *path = NULL;
    attrib_status status = at_join_path(folder, CONFIG_NAME, &path, err);
    if (status == ATTRIB_OK) {
        *out = at_is_file(path);
    }
    free(path);
    return status;
}

static attrib_status open_tensors(const char *folder, at_tensors **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    char *pickle = NULL;
    AT_TRY(at_join_path(folder, AT_ADAPTER_TENSORS, &path, err));
    AT_TRY(at_join_path(folder, PICKLE_NAME, &pickle, err));
    AT_CHECK(at_is_file(path) || !at_is_file(pickle), ATTRIB_ENOTSUP,
             "%s: pickled tensors are not read: save the adapter as " AT_ADAPTER_TENSORS,
             pickle);
    AT_TRY(at_tensors_open(path, out, err));
done:
    free(path);
    free(pickle);
    return status;
}

attrib_status at_adapter_base(const at_adapter *adapter, char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *base = adapter->config.base;
    char *path = NULL;
    AT_CHECK(base && *base, ATTRIB_ENOTSUP,
             "%s: an adapter that names no base: give the base as the model, and this "
             "folder as its adapter",
             adapter->folder);
    AT_TRY(*base == '/' ? at_copy_text(base, strlen(base), &path, err)
                        : at_join_path(adapter->folder, base, &path, err));
    if (!at_is_folder(path) && !at_is_file(path)) {
        /* PEFT keeps the path that it was given, from where the training ran. */
        free(path);
        path = NULL;
        AT_TRY(at_copy_text(base, strlen(base), &path, err));
    }
    AT_CHECK(at_is_folder(path) || at_is_file(path), ATTRIB_ENOTSUP,
             "%s: an adapter of %.100s, which is not there: give the base as the model, "
             "and this folder as its adapter",
             adapter->folder, base);
    *out = path;
    path = NULL;
done:
    free(path);
    return status;
}

/* 2. Tensors */

#define PREFIX "base_model.model."

/* How names end, and the end of the partner's name; NULL for what has none. */
static const struct {
    const char *end, *partner;
    bool is_a, is_embedding;
} roles[] = {{".lora_A.weight", ".lora_B.weight", true, false},
             {".lora_B.weight", ".lora_A.weight", false, false},
             {".lora_embedding_A", ".lora_embedding_B", true, true},
             {".lora_embedding_B", ".lora_embedding_A", false, true}};

#define N_ROLES (sizeof roles / sizeof *roles)

/* The name without its end, or 0 where it ends otherwise. */
static size_t stem_of(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t n_end = strlen(end);
    return n > n_end && strcmp(name + n - n_end, end) == 0 ? n - n_end : 0;
}

/* The tensor whose name has another end; ESHAPE where there is none. */
static attrib_status find_partner(const at_adapter *adapter,
                                  const at_tensor *tensor,
                                  size_t i_role,
                                  const at_tensor **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    size_t n = stem_of(tensor->name, roles[i_role].end);
    AT_TRY(at_buffer_append(&name, tensor->name, n, err));
    AT_TRY(at_buffer_append(&name, roles[i_role].partner, strlen(roles[i_role].partner),
                            err));
    *out = at_tensors_find(adapter->tensors, name.bytes);
    AT_CHECK(*out, ATTRIB_ESHAPE, "%s: %s is there without %s", tensor->path,
             tensor->name, name.bytes);
done:
    at_buffer_free(&name);
    return status;
}

static attrib_status add_lora(at_adapter *adapter,
                              const at_tensor *a,
                              size_t i_role,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *module = a->name + strlen(PREFIX);
    at_lora *lora = &adapter->loras[adapter->n_loras++];
    *lora = (at_lora){.a = a, .is_embedding = roles[i_role].is_embedding};
    AT_TRY(find_partner(adapter, a, i_role, &lora->b, err));
    AT_TRY(at_copy_text(module, stem_of(module, roles[i_role].end), &lora->module, err));
    AT_TRY(
        at_adapter_scale(&adapter->config, lora->module, &lora->rank, &lora->scale, err));
done:
    return status;
}

/* A tensor that is held whole: "X.weight", or "X.base_layer.weight" of a module that also
 * has matrices. */
static attrib_status add_replacement(at_adapter *adapter,
                                     const at_tensor *tensor,
                                     attrib_error *err)
{
    static const char wrapped[] = ".base_layer.";
    attrib_status status = ATTRIB_OK;
    at_replacement *entry = &adapter->replacements[adapter->n_replacements++];
    char *part = NULL;
    entry->tensor = tensor;
    AT_TRY(at_copy_text(tensor->name + strlen(PREFIX),
                        strlen(tensor->name) - strlen(PREFIX), &entry->name, err));
    part = strstr(entry->name, wrapped);
    if (part) {
        const char *rest = part + sizeof wrapped - 2;
        memmove(part, rest, strlen(rest) + 1);
    }
done:
    return status;
}

static attrib_status add_tensor(at_adapter *adapter,
                                const at_tensor *tensor,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i_role = 0;
    AT_CHECK(strncmp(tensor->name, PREFIX, strlen(PREFIX)) == 0, ATTRIB_ENOTSUP,
             "%s: tensor %.100s is not one of an adapter: its name does not begin "
             "with " PREFIX,
             tensor->path, tensor->name);
    while (i_role < N_ROLES && !stem_of(tensor->name, roles[i_role].end)) {
        i_role++;
    }
    if (i_role < N_ROLES && roles[i_role].is_a) {
        AT_TRY(add_lora(adapter, tensor, i_role, err));
    } else if (i_role < N_ROLES) {
        const at_tensor *a = NULL;
        AT_TRY(find_partner(adapter, tensor, i_role, &a, err));
    } else {
        AT_CHECK(!strstr(tensor->name, ".lora_"), ATTRIB_ENOTSUP,
                 "%s: tensor %.100s is not supported", tensor->path, tensor->name);
        AT_TRY(add_replacement(adapter, tensor, err));
    }
done:
    return status;
}

/* 3. Opening */

static int compare_loras(const void *a, const void *b)
{
    return strcmp(((const at_lora *)a)->module, ((const at_lora *)b)->module);
}

static int compare_replacements(const void *a, const void *b)
{
    return strcmp(((const at_replacement *)a)->name, ((const at_replacement *)b)->name);
}

/* No module and no tensor is changed twice. */
static attrib_status check_distinct(const at_adapter *adapter, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 1; i < adapter->n_loras; i++) {
        AT_CHECK(compare_loras(&adapter->loras[i - 1], &adapter->loras[i]) != 0,
                 ATTRIB_EFORMAT, "%s: %.100s has matrices twice", adapter->folder,
                 adapter->loras[i].module);
    }
    for (size_t i = 1; i < adapter->n_replacements; i++) {
        const at_replacement *entry = &adapter->replacements[i];
        AT_CHECK(compare_replacements(entry - 1, entry) != 0, ATTRIB_EFORMAT,
                 "%s: %.100s is there twice", adapter->folder, entry->name);
    }
done:
    return status;
}

static attrib_status sort_tensors(at_adapter *adapter, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_tensors_count(adapter->tensors);
    AT_CHECK(n > 0, ATTRIB_EFORMAT, "%s/" AT_ADAPTER_TENSORS ": no tensors",
             adapter->folder);
    AT_TRY(at_array(n, sizeof *adapter->loras, &adapter->loras, err));
    AT_TRY(at_array(n, sizeof *adapter->replacements, &adapter->replacements, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(add_tensor(adapter, at_tensors_get(adapter->tensors, i), err));
    }
    qsort(adapter->loras, adapter->n_loras, sizeof *adapter->loras, compare_loras);
    qsort(adapter->replacements, adapter->n_replacements, sizeof *adapter->replacements,
          compare_replacements);
    AT_TRY(check_distinct(adapter, err));
done:
    return status;
}

attrib_status at_adapter_parse(const char *folder,
                               const at_buffer *text,
                               at_tensors *tensors,
                               at_adapter **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_adapter *adapter = NULL;
    char *path = NULL;
    AT_TRY(at_array(1, sizeof *adapter, &adapter, err));
    adapter->tensors = tensors;
    AT_TRY(at_copy_text(folder, strlen(folder), &adapter->folder, err));
    AT_TRY(at_join_path(folder, CONFIG_NAME, &path, err));
    AT_TRY(
        at_adapter_config_parse(path, text->bytes, text->n_bytes, &adapter->config, err));
    AT_TRY(sort_tensors(adapter, err));
    *out = adapter;
    adapter = NULL;
done:
    if (adapter) {
        adapter->tensors = NULL;
    }
    at_adapter_close(adapter);
    free(path);
    return status;
}

attrib_status at_adapter_open(const char *folder, at_adapter **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    at_buffer text = {0};
    at_tensors *tensors = NULL;
    AT_TRY(at_join_path(folder, CONFIG_NAME, &path, err));
    AT_TRY(at_read_file(path, MAX_CONFIG, &text, err));
    AT_TRY(open_tensors(folder, &tensors, err));
    AT_TRY(at_adapter_parse(folder, &text, tensors, out, err));
    tensors = NULL;
done:
    at_tensors_close(tensors);
    at_buffer_free(&text);
    free(path);
    return status;
}

void at_adapter_close(at_adapter *adapter)
{
    if (!adapter) {
        return;
    }
    for (size_t i = 0; i < adapter->n_loras; i++) {
        free(adapter->loras[i].module);
        free(adapter->loras[i].delta.left);
        free(adapter->loras[i].delta.right);
    }
    for (size_t i = 0; i < adapter->n_replacements; i++) {
        free(adapter->replacements[i].name);
    }
    free(adapter->loras);
    free(adapter->replacements);
    at_tensors_close(adapter->tensors);
    at_adapter_config_free(&adapter->config);
    free(adapter->folder);
    free(adapter);
}
