/* SPDX-License-Identifier: MIT */
/* Tensors by name, from one safetensors file or from the shards that an index lists. */
#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "format/safetensors_file.h"

#define SINGLE_NAME     "model.safetensors"
#define INDEX_SUFFIX    ".safetensors.index.json"
#define MAX_INDEX_BYTES ((size_t)256 << 20)

struct at_tensors {
    at_tensor_file *files; /* [n_files] in name order */
    size_t n_files;
    const at_tensor **tensors; /* [n_tensors] in name order, borrowed from files */
    size_t n_tensors;
};

void at_tensors_close(at_tensors *tensors)
{
    if (!tensors) {
        return;
    }
    for (size_t i = 0; i < tensors->n_files; i++) {
        at_tensor_file_free(&tensors->files[i]);
    }
    free(tensors->files);
    free(tensors->tensors);
    free(tensors);
}

void at_tensors_forget(const at_tensors *tensors)
{
    for (size_t i = 0; i < tensors->n_files; i++) {
        at_map_forget(&tensors->files[i].map);
    }
}

attrib_status at_tensors_check(const at_tensors *tensors, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < tensors->n_files; i++) {
        AT_TRY(at_map_check(&tensors->files[i].map, err));
    }
done:
    return status;
}

static attrib_status new_tensors(size_t n_files, at_tensors **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    AT_TRY(at_array(1, sizeof *tensors, &tensors, err));
    AT_TRY(at_array(n_files, sizeof *tensors->files, &tensors->files, err));
    tensors->n_files = n_files;
    *out = tensors;
    tensors = NULL;
done:
    at_tensors_close(tensors);
    return status;
}

/* 1. One file */

/* All tensors of the only file. */
static attrib_status take_all(at_tensors *tensors, attrib_error *err)
{
    const at_tensor_file *file = &tensors->files[0];
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers. */
    const size_t element_bytes = sizeof *tensors->tensors;
    attrib_status status =
        at_array(file->n_tensors, element_bytes, &tensors->tensors, err);
    if (status == ATTRIB_OK) {
        for (size_t i = 0; i < file->n_tensors; i++) {
            tensors->tensors[i] = &file->tensors[i];
        }
        tensors->n_tensors = file->n_tensors;
    }
    return status;
}

static attrib_status open_single(const char *path, at_tensors **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    AT_TRY(new_tensors(1, &tensors, err));
    AT_TRY(at_tensor_file_open(path, &tensors->files[0], err));
    AT_TRY(take_all(tensors, err));
    *out = tensors;
    tensors = NULL;
done:
    at_tensors_close(tensors);
    return status;
}

attrib_status at_tensors_open_bytes(
    const char *name, const void *bytes, size_t n, at_tensors **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    AT_TRY(new_tensors(1, &tensors, err));
    AT_TRY(at_tensor_file_parse(name, bytes, n, &tensors->files[0], err));
    AT_TRY(take_all(tensors, err));
    *out = tensors;
    tensors = NULL;
done:
    at_tensors_close(tensors);
    return status;
}

/* 2. Shards */

static int compare_texts(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

static int compare_to_file(const void *key, const void *element)
{
    const at_tensor_file *file = element;
    const char *slash = strrchr(file->path, '/');
    return strcmp(key, slash ? slash + 1 : file->path);
}

static int compare_to_tensor(const void *key, const void *element)
{
    const at_tensor *tensor = element;
    return strcmp(key, tensor->name);
}

/* The distinct file names of a weight map, sorted; borrowed from it. */
static attrib_status list_files(const char *path,
                                json_t *weight_map,
                                const char ***out,
                                size_t *n_out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char **names = NULL;
    size_t n = 0;
    size_t n_distinct = 0;
    const char *key = NULL;
    const json_t *value = NULL;
    AT_TRY(at_array(json_object_size(weight_map), sizeof *names, &names, err));
    json_object_foreach(weight_map, key, value)
    {
        const char *name = json_string_value(value);
        AT_CHECK(name, ATTRIB_EFORMAT, "%s: weight_map: %s: expected a file name", path,
                 key);
        AT_CHECK(*name && !strchr(name, '/') && !strstr(name, ".."), ATTRIB_EFORMAT,
                 "%s: weight_map: %s: \"%s\" is not a file name in its folder", path, key,
                 name);
        names[n++] = name;
    }
    qsort(names, n, sizeof *names, compare_texts);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0) {
            names[n_distinct++] = names[i];
        }
    }
    *out = names;
    *n_out = n_distinct;
    names = NULL;
done:
    free(names);
    return status;
}

/* Open shards in the folder of the index at `path`. */
static attrib_status open_shards(const char *path,
                                 const char *const *names,
                                 size_t n_names,
                                 at_tensors *tensors,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *slash = strrchr(path, '/');
    char *folder = NULL;
    char *shard = NULL;
    AT_TRY(at_copy_text(path, slash ? (size_t)(slash - path) + 1 : 0, &folder, err));
    for (size_t i = 0; i < n_names; i++) {
        AT_TRY(at_join_path(*folder ? folder : ".", names[i], &shard, err));
        AT_TRY(at_tensor_file_open(shard, &tensors->files[i], err));
        free(shard);
        shard = NULL;
    }
done:
    free(folder);
    free(shard);
    return status;
}

static int compare_tensors(const void *a, const void *b)
{
    const at_tensor *const *x = a;
    const at_tensor *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The tensors that the map names, each from the file that it names. What else the files
 * hold is not part of the model. */
static attrib_status take_mapped(const char *path,
                                 json_t *weight_map,
                                 at_tensors *tensors,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *key = NULL;
    const json_t *value = NULL;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers. */
    const size_t element_bytes = sizeof *tensors->tensors;
    AT_TRY(at_array(json_object_size(weight_map), element_bytes, &tensors->tensors, err));
    json_object_foreach(weight_map, key, value)
    {
        const char *name = json_string_value(value);
        const at_tensor_file *file = bsearch(name, tensors->files, tensors->n_files,
                                             sizeof *file, compare_to_file);
        const at_tensor *tensor = file && file->n_tensors
                                      ? bsearch(key, file->tensors, file->n_tensors,
                                                sizeof *tensor, compare_to_tensor)
                                      : NULL;
        AT_CHECK(tensor, ATTRIB_ESHAPE, "%s: %s is not in %s", path, key, name);
        tensors->tensors[tensors->n_tensors++] = tensor;
    }
    qsort(tensors->tensors, tensors->n_tensors, sizeof(at_tensor *), compare_tensors);
done:
    return status;
}

static attrib_status open_index(const char *path, at_tensors **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *index = NULL;
    json_t *weight_map = NULL;
    const char **names = NULL;
    size_t n_names = 0;
    at_tensors *tensors = NULL;
    AT_TRY(at_json_read(path, MAX_INDEX_BYTES, &index, err));
    weight_map = json_object_get(index, "weight_map");
    AT_CHECK(json_object_size(weight_map) > 0, ATTRIB_EFORMAT,
             "%s: without a weight_map of tensor names to file names", path);
    AT_TRY(list_files(path, weight_map, &names, &n_names, err));
    AT_TRY(new_tensors(n_names, &tensors, err));
    AT_TRY(open_shards(path, names, n_names, tensors, err));
    AT_TRY(take_mapped(path, weight_map, tensors, err));
    *out = tensors;
    tensors = NULL;
done:
    at_tensors_close(tensors);
    free(names);
    json_decref(index);
    return status;
}

/* 3. Any of these */

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text);
    size_t n_suffix = strlen(suffix);
    return n >= n_suffix && strcmp(text + n - n_suffix, suffix) == 0;
}

attrib_status at_tensors_open(const char *path, at_tensors **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *single = NULL;
    char *index = NULL;
    if (!at_is_folder(path)) {
        return ends_with(path, INDEX_SUFFIX) ? open_index(path, out, err)
                                             : open_single(path, out, err);
    }
    AT_TRY(at_join_path(path, SINGLE_NAME, &single, err));
    AT_TRY(at_join_path(path, "model" INDEX_SUFFIX, &index, err));
    AT_CHECK(at_is_file(single) || at_is_file(index), ATTRIB_EIO,
             "%s: neither " SINGLE_NAME " nor model" INDEX_SUFFIX " in this folder",
             path);
    AT_TRY(at_is_file(single) ? open_single(single, out, err)
                              : open_index(index, out, err));
done:
    free(single);
    free(index);
    return status;
}

attrib_status at_tensors_gather(const at_tensor *const *list,
                                size_t n,
                                at_tensors **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers. */
    const size_t element_bytes = sizeof *tensors->tensors;
    AT_TRY(new_tensors(0, &tensors, err));
    AT_TRY(at_array(n, element_bytes, &tensors->tensors, err));
    if (n) {
        memcpy(tensors->tensors, list, n * element_bytes);
    }
    tensors->n_tensors = n;
    qsort(tensors->tensors, n, element_bytes, compare_tensors);
    for (size_t i = 1; i < n; i++) {
        AT_CHECK(strcmp(tensors->tensors[i - 1]->name, tensors->tensors[i]->name) != 0,
                 ATTRIB_EFORMAT, "%s: %s: the tensor is there twice",
                 tensors->tensors[i]->path, tensors->tensors[i]->name);
    }
    *out = tensors;
    tensors = NULL;
done:
    at_tensors_close(tensors);
    return status;
}

/* 4. What they hold */

size_t at_tensors_count(const at_tensors *tensors)
{
    return tensors->n_tensors;
}

const at_tensor *at_tensors_get(const at_tensors *tensors, size_t i)
{
    return i < tensors->n_tensors ? tensors->tensors[i] : NULL;
}

const at_tensor *at_tensors_find(const at_tensors *tensors, const char *name)
{
    size_t low = 0;
    size_t high = tensors->n_tensors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, tensors->tensors[middle]->name);
        if (order == 0) {
            return tensors->tensors[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const char *at_tensors_metadata(const at_tensors *tensors, const char *key)
{
    for (size_t i = 0; i < tensors->n_files; i++) {
        const json_t *metadata =
            json_object_get(tensors->files[i].header, AT_METADATA_KEY);
        const char *value = json_string_value(json_object_get(metadata, key));
        if (value) {
            return value;
        }
    }
    return NULL;
}

/* 5. All bytes */

attrib_status at_tensors_read(const at_tensors *tensors,
                              at_tensor_visitor visit,
                              void *context,
                              char out[AT_HASH_SIZE],
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    for (size_t i = 0; i < tensors->n_files; i++) {
        AT_TRY(at_tensor_file_read(&tensors->files[i], hash, visit, context, err));
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}

attrib_status at_tensors_hash(const at_tensors *tensors,
                              char out[AT_HASH_SIZE],
                              attrib_error *err)
{
    return at_tensors_read(tensors, NULL, NULL, out, err);
}

/* 6. Shapes */

static attrib_status print_shape(at_buffer *out,
                                 size_t n_dims,
                                 const size_t *shape,
                                 attrib_error *err)
{
    attrib_status status = at_buffer_append(out, "[", 1, err);
    for (size_t i = 0; i < n_dims && status == ATTRIB_OK; i++) {
        status = at_buffer_print(out, err, i ? ", %zu" : "%zu", shape[i]);
    }
    return status == ATTRIB_OK ? at_buffer_append(out, "]", 1, err) : status;
}

attrib_status at_tensor_expect(const at_tensor *tensor,
                               size_t n_dims,
                               const size_t *shape,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer got = {0};
    at_buffer want = {0};
    bool is_same = tensor->n_dims == n_dims;
    for (size_t i = 0; is_same && i < n_dims; i++) {
        is_same = tensor->shape[i] == shape[i];
    }
    if (is_same) {
        return ATTRIB_OK;
    }
    AT_TRY(print_shape(&got, tensor->n_dims, tensor->shape, err));
    AT_TRY(print_shape(&want, n_dims, shape, err));
    status = at_fail(err, ATTRIB_ESHAPE, "%s: %s: %s, expected %s", tensor->path,
                     tensor->name, got.bytes, want.bytes);
done:
    at_buffer_free(&got);
    at_buffer_free(&want);
    return status;
}
