/* SPDX-License-Identifier: MIT */
/* Reading one safetensors file, as strictly as the reference implementation does: an
 * 8-byte little-endian length, a JSON header of that length, and the tensors' bytes,
 * which the header's offsets cover without holes or overlaps. */
#include "format/safetensors_file.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8

/* Bytes of a file that are in memory while all are hashed. */
#define HASHED_AT_A_TIME ((size_t)16 << 20)
/* Elements of a tensor that are hashed, and then visited: 32 KiB of f64, which the first
 * cache holds. */
#define READ_AT_A_TIME (4 * AT_VISITED)

/* 1. One tensor's entry */

static attrib_status parse_dtype(const char *name,
                                 const json_t *entry,
                                 at_tensor *tensor,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = NULL;
    AT_TRY(at_json_text(name, entry, "dtype", &text, NULL, err));
    AT_CHECK(text, ATTRIB_EFORMAT, "%s: without a dtype", name);
    for (int i = 0; i < AT_N_PLAIN_DTYPES; i++) {
        if (strcmp(text, attrib_dtype_name((attrib_dtype)i)) == 0) {
            tensor->dtype = (attrib_dtype)i;
            goto done;
        }
    }
    status =
        at_fail(err, ATTRIB_ENOTSUP, "%s: dtype \"%s\" is not supported", name, text);
done:
    return status;
}

/* A whole number from 0 on, out of an array. */
static attrib_status parse_item(const char *name,
                                const char *what,
                                const json_t *array,
                                size_t i,
                                size_t *out,
                                attrib_error *err)
{
    const json_t *item = json_array_get(array, i);
    if (!json_is_integer(item) || json_integer_value(item) < 0) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: %s[%zu]: expected a whole number from 0 to 2^63 - 1", name,
                       what, i);
    }
    *out = (size_t)json_integer_value(item);
    return ATTRIB_OK;
}

static attrib_status parse_shape(const char *name,
                                 const json_t *entry,
                                 at_tensor *tensor,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *shape = json_object_get(entry, "shape");
    AT_CHECK(json_is_array(shape), ATTRIB_EFORMAT, "%s: without a shape", name);
    tensor->n_dims = json_array_size(shape);
    AT_CHECK(tensor->n_dims <= AT_MAX_DIMS, ATTRIB_ENOTSUP,
             "%s: %zu dimensions, at most %d are supported", name, tensor->n_dims,
             AT_MAX_DIMS);
    tensor->n_elements = 1;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        AT_TRY(parse_item(name, "shape", shape, i, &tensor->shape[i], err));
        AT_TRY(at_mul(tensor->n_elements, tensor->shape[i], &tensor->n_elements, err));
    }
    AT_TRY(at_mul(tensor->n_elements, attrib_dtype_bytes(tensor->dtype), &tensor->n_bytes,
                  err));
done:
    return status;
}

/* The range [start, end) of a tensor's bytes within the data. */
typedef struct range {
    size_t start, end;
    const char *name;
} range;

static attrib_status parse_entry(const char *path,
                                 const char *key,
                                 const json_t *entry,
                                 at_tensor *tensor,
                                 range *where,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    const json_t *offsets = NULL;
    AT_TRY(at_buffer_print(&name, err, "%s: %s", path, key));
    AT_CHECK(json_is_object(entry), ATTRIB_EFORMAT,
             "%s: expected an object with dtype, shape and data_offsets", name.bytes);
    tensor->name = key;
    tensor->path = path;
    AT_TRY(parse_dtype(name.bytes, entry, tensor, err));
    status = parse_shape(name.bytes, entry, tensor, err);
    if (status == ATTRIB_ERANGE) {
        status = at_context(err, status, "%s: shape", name.bytes);
    }
    AT_TRY(status);
    offsets = json_object_get(entry, "data_offsets");
    AT_CHECK(json_array_size(offsets) == 2, ATTRIB_EFORMAT,
             "%s: expected data_offsets [start, end]", name.bytes);
    where->name = key;
    AT_TRY(parse_item(name.bytes, "data_offsets", offsets, 0, &where->start, err));
    AT_TRY(parse_item(name.bytes, "data_offsets", offsets, 1, &where->end, err));
    AT_CHECK(where->start <= where->end && where->end - where->start == tensor->n_bytes,
             ATTRIB_EFORMAT, "%s: data_offsets [%zu, %zu] do not fit %zu x %s",
             name.bytes, where->start, where->end, tensor->n_elements,
             attrib_dtype_name(tensor->dtype));
done:
    at_buffer_free(&name);
    return status;
}

/* 2. All entries */

static int compare_ranges(const void *a, const void *b)
{
    const range *x = a;
    const range *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Sorted ranges must follow each other from 0 to the end of the data. */
static attrib_status check_cover(
    const char *path, range *ranges, size_t n, size_t n_data_bytes, attrib_error *err)
{
    size_t end = 0;
    qsort(ranges, n, sizeof *ranges, compare_ranges);
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].start != end) {
            return at_fail(err, ATTRIB_EFORMAT,
                           "%s: %s: data begin at byte %zu, expected %zu", path,
                           ranges[i].name, ranges[i].start, end);
        }
        end = ranges[i].end;
    }
    if (end != n_data_bytes) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: %zu bytes of tensors, the header describes %zu%s", path,
                       n_data_bytes, end, n_data_bytes < end ? " (truncated)" : "");
    }
    return ATTRIB_OK;
}

static attrib_status check_metadata(const char *path, json_t *metadata, attrib_error *err)
{
    if (json_is_null(metadata)) {
        return ATTRIB_OK;
    }
    if (!json_is_object(metadata)) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: " AT_METADATA_KEY ": expected an object",
                       path);
    }
    const char *key = NULL;
    const json_t *value = NULL;
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value)) {
            return at_fail(err, ATTRIB_EFORMAT,
                           "%s: " AT_METADATA_KEY ": %s: expected a string", path, key);
        }
    }
    return ATTRIB_OK;
}

static int compare_names(const void *a, const void *b)
{
    const at_tensor *x = a;
    const at_tensor *y = b;
    return strcmp(x->name, y->name);
}

/* Fill file->tensors from file->header. */
static attrib_status parse_entries(at_tensor_file *file,
                                   const unsigned char *data,
                                   size_t n_data_bytes,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    range *ranges = NULL;
    size_t n = 0;
    const char *key = NULL;
    json_t *entry = NULL;
    AT_TRY(at_array(json_object_size(file->header), sizeof *ranges, &ranges, err));
    AT_TRY(
        at_array(json_object_size(file->header), sizeof(at_tensor), &file->tensors, err));
    json_object_foreach(file->header, key, entry)
    {
        if (strcmp(key, AT_METADATA_KEY) == 0) {
            AT_TRY(check_metadata(file->path, entry, err));
            continue;
        }
        AT_TRY(parse_entry(file->path, key, entry, &file->tensors[n], &ranges[n], err));
        file->tensors[n].data = data;
        if (ranges[n].end <= n_data_bytes) {
            file->tensors[n].data += ranges[n].start;
        }
        n++;
    }
    AT_TRY(check_cover(file->path, ranges, n, n_data_bytes, err));
    file->n_tensors = n;
    qsort(file->tensors, n, sizeof *file->tensors, compare_names);
done:
    free(ranges);
    return status;
}

/* 3. The file */

/* The fewest bytes of a tensor's entry, and of an item of a list or an object. */
#define ENTRY_BYTES ((size_t)48)
#define ITEM_BYTES  ((size_t)5)

/* Refuse a header that holds too many items for its size before it is parsed. A parsed
 * header of tensors takes about ten times its bytes, and one of nothing but empty objects
 * or numbers up to fifty times. */
static attrib_status check_density(const char *path,
                                   const unsigned char *text,
                                   size_t n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_objects = 0;
    size_t n_commas = 0;
    bool is_in_text = false;
    for (size_t i = 0; i < n; i++) {
        is_in_text ^= text[i] == '"';
        i += is_in_text && text[i] == '\\';
        n_objects += !is_in_text && text[i] == '{';
        n_commas += !is_in_text && text[i] == ',';
    }
    AT_CHECK(n_objects <= n / ENTRY_BYTES + 2 && n_commas <= n / ITEM_BYTES + 16,
             ATTRIB_EFORMAT,
             "%s: header: %zu objects and %zu commas in %zu bytes, too many to describe "
             "tensors",
             path, n_objects, n_commas, n);
done:
    return status;
}

attrib_status at_tensor_file_parse(const char *path,
                                   const unsigned char *bytes,
                                   size_t n,
                                   at_tensor_file *file,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t header_bytes = 0;
    const unsigned char *data = NULL;
    file->bytes = bytes;
    file->n_bytes = n;
    AT_TRY(at_copy_text(path, strlen(path), &file->path, err));
    AT_CHECK(n >= LENGTH_BYTES, ATTRIB_EFORMAT,
             "%s: %zu bytes, too few for a safetensors header", path, n);
    memcpy(&header_bytes, bytes, LENGTH_BYTES);
    AT_CHECK(header_bytes <= AT_MAX_HEADER_BYTES, ATTRIB_EFORMAT,
             "%s: not safetensors: header of %llu bytes, at most %u are allowed", path,
             (unsigned long long)header_bytes, AT_MAX_HEADER_BYTES);
    AT_CHECK(header_bytes <= n - LENGTH_BYTES, ATTRIB_EFORMAT,
             "%s: header of %llu bytes in a file of %zu (truncated)", path,
             (unsigned long long)header_bytes, n);
    data = bytes + LENGTH_BYTES + header_bytes;
    AT_TRY(check_density(path, bytes + LENGTH_BYTES, (size_t)header_bytes, err));
    AT_TRY(at_json_parse(path, (const char *)bytes + LENGTH_BYTES, (size_t)header_bytes,
                         &file->header, err));
    AT_CHECK(json_is_object(file->header), ATTRIB_EFORMAT,
             "%s: header: expected an object", path);
    AT_TRY(parse_entries(file, data, n - LENGTH_BYTES - (size_t)header_bytes, err));
done:
    return status;
}

attrib_status at_tensor_file_open(const char *path,
                                  at_tensor_file *file,
                                  attrib_error *err)
{
    attrib_status status = at_map_open(path, &file->map, err);
    if (status == ATTRIB_OK) {
        status =
            at_tensor_file_parse(path, file->map.bytes, file->map.n_bytes, file, err);
    }
    return status;
}

/* 4. All bytes */

/* A file while it is read. */
typedef struct reading {
    const at_tensor_file *file;
    at_hash *hash;
    at_tensor_visitor visit;
    void *context;
    size_t n_held; /* bytes that were read since memory was given back */
} reading;

static void hash_piece(reading *self, const unsigned char *bytes, size_t n)
{
    if (self->n_held > HASHED_AT_A_TIME) {
        at_map_forget(&self->file->map);
        self->n_held = 0;
    }
    at_hash_add(self->hash, bytes, n);
    self->n_held += n;
}

static attrib_status read_tensor(reading *self,
                                 const at_tensor *tensor,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t size = attrib_dtype_bytes(tensor->dtype);
    for (size_t i = 0; i < tensor->n_elements; i += READ_AT_A_TIME) {
        size_t n = at_smaller(READ_AT_A_TIME, tensor->n_elements - i);
        hash_piece(self, tensor->data + i * size, n * size);
        if (self->visit) {
            AT_TRY(self->visit(self->context, tensor, i, n, err));
        }
    }
done:
    return status;
}

static int compare_places(const void *a, const void *b)
{
    const at_tensor *const *x = a;
    const at_tensor *const *y = b;
    return ((*x)->data > (*y)->data) - ((*x)->data < (*y)->data);
}

/* Tensors follow the header in the order of their bytes, without a gap between them. */
attrib_status at_tensor_file_read(const at_tensor_file *file,
                                  at_hash *hash,
                                  at_tensor_visitor visit,
                                  void *context,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    reading self = {file, hash, visit, context, 0};
    const at_tensor **order = NULL;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers. */
    const size_t element_bytes = sizeof *order;
    size_t n_header = file->n_bytes;
    AT_TRY(at_array(file->n_tensors, element_bytes, &order, err));
    for (size_t i = 0; i < file->n_tensors; i++) {
        order[i] = &file->tensors[i];
        n_header -= file->tensors[i].n_bytes;
    }
    qsort(order, file->n_tensors, element_bytes, compare_places);
    hash_piece(&self, file->bytes, n_header);
    for (size_t i = 0; i < file->n_tensors; i++) {
        AT_TRY(read_tensor(&self, order[i], err));
    }
done:
    at_map_forget(&file->map);
    free(order);
    return status;
}

void at_tensor_file_free(at_tensor_file *file)
{
    free(file->tensors);
    json_decref(file->header);
    at_map_close(&file->map);
    free(file->path);
    memset(file, 0, sizeof *file);
}
