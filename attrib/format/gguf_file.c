/* SPDX-License-Identifier: MIT */
/* Reading one GGUF file, as strictly as the reference implementation does.
 *
 *   1. Bytes that may end anywhere   2. Metadata   3. Tensors   4. The file
 *
 * Numbers are little-endian. A count is only accepted where that many of the smallest
 * items would fit into the file, so that memory stays in proportion to the file. */
#include "format/gguf_file.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"

#define MAGIC             "GGUF"
#define DEFAULT_ALIGNMENT 32
#define MAX_TENSOR_DIMS   4

/* Names longer than this are refused, as the reference does. */
#define MAX_TENSOR_NAME 63

/* The smallest value: a key of one byte, a type, one byte. The smallest tensor: a name of
 * no bytes, its dimensions' number, one dimension, type and offset. */
#define MIN_VALUE_BYTES  (8 + 1 + 4 + 1)
#define MIN_TENSOR_BYTES (8 + 4 + 8 + 4 + 8)

/* Bytes of one value of each type; 0 for those that say their own length. */
static const size_t type_bytes[AT_N_GGUF_TYPES] = {
    [AT_GGUF_U8] = 1,  [AT_GGUF_I8] = 1,  [AT_GGUF_U16] = 2, [AT_GGUF_I16] = 2,
    [AT_GGUF_U32] = 4, [AT_GGUF_I32] = 4, [AT_GGUF_F32] = 4, [AT_GGUF_BOOL] = 1,
    [AT_GGUF_U64] = 8, [AT_GGUF_I64] = 8, [AT_GGUF_F64] = 8,
};

/* Tensor types by their numbers in files; 0 (F64, which is 28) marks numbers without one.
 */
static const attrib_dtype tensor_types[] = {
    [0] = ATTRIB_F32,     [1] = ATTRIB_F16,      [2] = ATTRIB_Q4_0,
    [3] = ATTRIB_Q4_1,    [6] = ATTRIB_Q5_0,     [7] = ATTRIB_Q5_1,
    [8] = ATTRIB_Q8_0,    [9] = ATTRIB_Q8_1,     [10] = ATTRIB_Q2_K,
    [11] = ATTRIB_Q3_K,   [12] = ATTRIB_Q4_K,    [13] = ATTRIB_Q5_K,
    [14] = ATTRIB_Q6_K,   [15] = ATTRIB_Q8_K,    [16] = ATTRIB_IQ2_XXS,
    [17] = ATTRIB_IQ2_XS, [18] = ATTRIB_IQ3_XXS, [19] = ATTRIB_IQ1_S,
    [20] = ATTRIB_IQ4_NL, [21] = ATTRIB_IQ3_S,   [22] = ATTRIB_IQ2_S,
    [23] = ATTRIB_IQ4_XS, [24] = ATTRIB_I8,      [25] = ATTRIB_I16,
    [26] = ATTRIB_I32,    [27] = ATTRIB_I64,     [28] = ATTRIB_F64,
    [29] = ATTRIB_IQ1_M,  [30] = ATTRIB_BF16,    [34] = ATTRIB_TQ1_0,
    [35] = ATTRIB_TQ2_0,  [39] = ATTRIB_MXFP4,
};

#define TYPE_NUMBER_OF_F64 28
_Static_assert(ATTRIB_F64 == 0, "tensor_types leaves 0 where there is no type");

/* 1. Bytes that may end anywhere */

typedef struct cursor {
    const char *path;
    const unsigned char *bytes;
    size_t n, at;
} cursor;

static size_t left(const cursor *c)
{
    return c->n - c->at;
}

/* The next n bytes. */
static attrib_status take(
    cursor *c, size_t n, const char *what, const unsigned char **out, attrib_error *err)
{
    if (n > left(c)) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: %s: %zu bytes at byte %zu of a file of %zu (truncated)",
                       c->path, what, n, c->at, c->n);
    }
    *out = c->bytes + c->at;
    c->at += n;
    return ATTRIB_OK;
}

static attrib_status take_u32(cursor *c,
                              const char *what,
                              uint32_t *out,
                              attrib_error *err)
{
    const unsigned char *bytes = NULL;
    attrib_status status = take(c, sizeof *out, what, &bytes, err);
    if (status == ATTRIB_OK) {
        memcpy(out, bytes, sizeof *out);
    }
    return status;
}

static attrib_status take_u64(cursor *c,
                              const char *what,
                              uint64_t *out,
                              attrib_error *err)
{
    const unsigned char *bytes = NULL;
    attrib_status status = take(c, sizeof *out, what, &bytes, err);
    if (status == ATTRIB_OK) {
        memcpy(out, bytes, sizeof *out);
    }
    return status;
}

/* A length and so many bytes. */
static attrib_status take_text(
    cursor *c, const char *what, const unsigned char **out, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t length = 0;
    AT_TRY(take_u64(c, what, &length, err));
    AT_TRY(take(c, (size_t)length, what, out, err));
    *n = (size_t)length;
done:
    return status;
}

/* A text copied with a NUL after it. */
static attrib_status keep(at_gguf_file *file,
                          const unsigned char *text,
                          size_t n,
                          char **out,
                          attrib_error *err)
{
    char *copy = NULL;
    attrib_status status = at_arena_take(file->texts, n + 1, 1, &copy, err);
    if (status == ATTRIB_OK) {
        memcpy(copy, text, n);
        copy[n] = '\0';
        *out = copy;
    }
    return status;
}

/* A key or a name: UTF-8 without a NUL inside. */
static attrib_status take_name(
    at_gguf_file *file, cursor *c, const char *what, const char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const unsigned char *text = NULL;
    size_t n = 0;
    char *copy = NULL;
    AT_TRY(take_text(c, what, &text, &n, err));
    AT_CHECK(!memchr(text, 0, n) && at_utf8_is_valid((const char *)text, n, NULL),
             ATTRIB_EFORMAT, "%s: %s: not a text in UTF-8", c->path, what);
    AT_TRY(keep(file, text, n, &copy, err));
    *out = copy;
done:
    return status;
}

/* 2. Metadata */

static attrib_status take_type(cursor *c,
                               const char *key,
                               at_gguf_type *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint32_t type = 0;
    AT_TRY(take_u32(c, key, &type, err));
    AT_CHECK(type < AT_N_GGUF_TYPES, ATTRIB_EFORMAT, "%s: %s: no type of values is %u",
             c->path, key, type);
    *out = (at_gguf_type)type;
done:
    return status;
}

/* Walk over n values of a type. */
static attrib_status take_values(
    cursor *c, const char *key, at_gguf_type type, uint64_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const unsigned char *ignored = NULL;
    size_t n_ignored = 0;
    size_t least = type == AT_GGUF_TEXT ? sizeof(uint64_t) : type_bytes[type];
    AT_CHECK(n <= left(c) / least, ATTRIB_EFORMAT,
             "%s: %s: %llu values in %zu bytes (truncated)", c->path, key,
             (unsigned long long)n, left(c));
    if (type != AT_GGUF_TEXT) {
        AT_TRY(take(c, (size_t)n * least, key, &ignored, err));
    }
    for (uint64_t i = 0; type == AT_GGUF_TEXT && i < n; i++) {
        AT_TRY(take_text(c, key, &ignored, &n_ignored, err));
    }
done:
    return status;
}

static attrib_status take_value(at_gguf_file *file,
                                cursor *c,
                                at_gguf_value *value,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t n = 1;
    size_t begin = 0;
    char *text = NULL;
    AT_TRY(take_name(file, c, "a key", &value->key, err));
    AT_CHECK(value->key[0], ATTRIB_EFORMAT, "%s: a key without a name", c->path);
    AT_TRY(take_type(c, value->key, &value->type, err));
    if (value->type == AT_GGUF_ARRAY) {
        value->is_array = true;
        AT_TRY(take_type(c, value->key, &value->type, err));
        AT_CHECK(value->type != AT_GGUF_ARRAY, ATTRIB_ENOTSUP,
                 "%s: %s: arrays of arrays are not supported", c->path, value->key);
        AT_TRY(take_u64(c, value->key, &n, err));
    }
    begin = c->at;
    AT_TRY(take_values(c, value->key, value->type, n, err));
    value->n = (size_t)n;
    value->data = c->bytes + begin;
    value->n_bytes = c->at - begin;
    if (value->type == AT_GGUF_TEXT && !value->is_array) {
        value->n_text = value->n_bytes - sizeof(uint64_t);
        AT_TRY(keep(file, value->data + sizeof(uint64_t), value->n_text, &text, err));
        value->text = text;
    }
done:
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    const at_gguf_value *const *x = a;
    const at_gguf_value *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static int compare_to_key(const void *key, const void *element)
{
    const at_gguf_value *const *value = element;
    return strcmp(key, (*value)->key);
}

static attrib_status take_metadata(at_gguf_file *file,
                                   cursor *c,
                                   uint64_t n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers. */
    const size_t pointer_bytes = sizeof *file->by_key;
    AT_CHECK(n <= left(c) / MIN_VALUE_BYTES, ATTRIB_EFORMAT,
             "%s: %llu values of metadata in %zu bytes (truncated)", c->path,
             (unsigned long long)n, left(c));
    AT_TRY(at_array((size_t)n, sizeof *file->values, &file->values, err));
    AT_TRY(at_array((size_t)n, pointer_bytes, &file->by_key, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(take_value(file, c, &file->values[i], err));
        file->by_key[i] = &file->values[i];
    }
    file->n_values = (size_t)n;
    qsort(file->by_key, file->n_values, pointer_bytes, compare_keys);
    for (size_t i = 1; i < n; i++) {
        AT_CHECK(strcmp(file->by_key[i]->key, file->by_key[i - 1]->key) != 0,
                 ATTRIB_EFORMAT, "%s: %s: the key is there twice", c->path,
                 file->by_key[i]->key);
    }
done:
    return status;
}

const at_gguf_value *at_gguf_file_find(const at_gguf_file *file, const char *key)
{
    const at_gguf_value *const *found =
        file->n_values ? bsearch(key, file->by_key, file->n_values,
                                 sizeof(const at_gguf_value *), compare_to_key)
                       : NULL;
    return found ? *found : NULL;
}

static attrib_status read_alignment(const at_gguf_file *file,
                                    size_t *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *const key = "general.alignment";
    const at_gguf_value *value = at_gguf_file_find(file, key);
    uint32_t alignment = DEFAULT_ALIGNMENT;
    if (value) {
        AT_CHECK(value->type == AT_GGUF_U32 && !value->is_array, ATTRIB_EFORMAT,
                 "%s: %s: expected a u32", file->path, key);
        memcpy(&alignment, value->data, sizeof alignment);
    }
    AT_CHECK(alignment > 0 && (alignment & (alignment - 1)) == 0, ATTRIB_EFORMAT,
             "%s: %s: %u, expected a power of two", file->path, key, alignment);
    *out = alignment;
done:
    return status;
}

/* 3. Tensors */

/* Sizes and offsets are at most 2^63 - 1 and alignments below 2^32: no overflow. */
static size_t round_up(size_t n, size_t alignment)
{
    return (n + alignment - 1) & ~(alignment - 1);
}

static attrib_status take_dtype(cursor *c, at_tensor *tensor, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint32_t type = 0;
    const size_t n_types = sizeof tensor_types / sizeof tensor_types[0];
    AT_TRY(take_u32(c, tensor->name, &type, err));
    AT_CHECK(type < n_types && (tensor_types[type] || type == TYPE_NUMBER_OF_F64),
             ATTRIB_ENOTSUP, "%s: %s: tensor type %u is not supported", c->path,
             tensor->name, type);
    tensor->dtype = tensor_types[type];
done:
    return status;
}

/* Read the dimensions. The file lists first the one whose elements are adjacent, and the
 * shape lists it last. */
static attrib_status take_shape(cursor *c, at_tensor *tensor, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint32_t n_dims = 0;
    AT_TRY(take_u32(c, tensor->name, &n_dims, err));
    AT_CHECK(n_dims <= MAX_TENSOR_DIMS, ATTRIB_EFORMAT,
             "%s: %s: %u dimensions, at most %d are allowed", c->path, tensor->name,
             n_dims, MAX_TENSOR_DIMS);
    tensor->n_dims = n_dims;
    tensor->n_elements = 1;
    for (size_t i = n_dims; i-- > 0;) {
        uint64_t dim = 0;
        AT_TRY(take_u64(c, tensor->name, &dim, err));
        AT_CHECK(dim <= INT64_MAX, ATTRIB_ERANGE, "%s: %s: a dimension of %llu", c->path,
                 tensor->name, (unsigned long long)dim);
        tensor->shape[i] = (size_t)dim;
        status = at_mul(tensor->n_elements, (size_t)dim, &tensor->n_elements, NULL);
        AT_CHECK(status == ATTRIB_OK && tensor->n_elements <= INT64_MAX, ATTRIB_ERANGE,
                 "%s: %s: its dimensions' product overflows", c->path, tensor->name);
    }
done:
    return status;
}

/* Bytes of the tensor, whose rows are whole blocks. */
static attrib_status measure(const cursor *c, at_tensor *tensor, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_packing block = at_dtype_packing(tensor->dtype);
    size_t row = tensor->n_dims ? tensor->shape[tensor->n_dims - 1] : 1;
    AT_CHECK(row % block.elements == 0, ATTRIB_EFORMAT,
             "%s: %s: rows of %zu elements are not whole blocks of %s, %zu elements each",
             c->path, tensor->name, row, attrib_dtype_name(tensor->dtype),
             block.elements);
    status =
        at_mul(tensor->n_elements / block.elements, block.bytes, &tensor->n_bytes, NULL);
    AT_CHECK(status == ATTRIB_OK && tensor->n_bytes <= INT64_MAX, ATTRIB_ERANGE,
             "%s: %s: its size in bytes overflows", c->path, tensor->name);
done:
    return status;
}

/* One tensor's entry; *end is where the data of those before it end, padded. */
static attrib_status take_tensor(at_gguf_file *file,
                                 cursor *c,
                                 size_t alignment,
                                 at_tensor *tensor,
                                 size_t *end,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t offset = 0;
    size_t padded = 0;
    AT_TRY(take_name(file, c, "a tensor's name", &tensor->name, err));
    AT_CHECK(strlen(tensor->name) <= MAX_TENSOR_NAME, ATTRIB_EFORMAT,
             "%s: %.80s...: a tensor's name of more than %d bytes", c->path, tensor->name,
             MAX_TENSOR_NAME);
    tensor->path = file->path;
    AT_TRY(take_shape(c, tensor, err));
    AT_TRY(take_dtype(c, tensor, err));
    AT_TRY(measure(c, tensor, err));
    AT_TRY(take_u64(c, tensor->name, &offset, err));
    AT_CHECK(offset == *end, ATTRIB_EFORMAT,
             "%s: %s: data begin at byte %llu, expected %zu", c->path, tensor->name,
             (unsigned long long)offset, *end);
    padded = round_up(tensor->n_bytes, alignment);
    status = at_add(*end, padded, end, NULL);
    AT_CHECK(status == ATTRIB_OK, ATTRIB_ERANGE, "%s: %s: the tensors' size overflows",
             c->path, tensor->name);
done:
    return status;
}

static attrib_status take_tensors(
    at_gguf_file *file, cursor *c, uint64_t n, size_t alignment, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t end = 0;
    AT_CHECK(n <= left(c) / MIN_TENSOR_BYTES, ATTRIB_EFORMAT,
             "%s: %llu tensors in %zu bytes (truncated)", c->path, (unsigned long long)n,
             left(c));
    AT_TRY(at_array((size_t)n, sizeof *file->tensors, &file->tensors, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(take_tensor(file, c, alignment, &file->tensors[i], &end, err));
        file->n_tensors++;
    }
done:
    return status;
}

/* Point the tensors into the data, which begin at the next multiple of the alignment. */
static attrib_status place_tensors(at_gguf_file *file,
                                   const cursor *c,
                                   size_t alignment,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t begin = round_up(c->at, alignment);
    for (size_t i = 0; i < file->n_tensors; i++) {
        at_tensor *tensor = &file->tensors[i];
        AT_CHECK(begin <= c->n && tensor->n_bytes <= c->n - begin, ATTRIB_EFORMAT,
                 "%s: %s: %zu bytes at byte %zu of a file of %zu (truncated)", c->path,
                 tensor->name, tensor->n_bytes, begin, c->n);
        tensor->data = c->bytes + begin;
        begin += round_up(tensor->n_bytes, alignment);
    }
done:
    return status;
}

/* 4. The file */

static attrib_status take_version(at_gguf_file *file, cursor *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const unsigned char *magic = NULL;
    uint32_t version = 0;
    AT_TRY(take(c, strlen(MAGIC), "the header", &magic, err));
    AT_CHECK(memcmp(magic, MAGIC, strlen(MAGIC)) == 0, ATTRIB_EFORMAT,
             "%s: not GGUF: it does not begin with \"" MAGIC "\"", c->path);
    AT_TRY(take_u32(c, "the header", &version, err));
    AT_CHECK(version == 0 || (version & 0xFFFF) != 0, ATTRIB_ENOTSUP,
             "%s: big-endian GGUF is not supported", c->path);
    AT_CHECK(version == 2 || version == 3, ATTRIB_EVERSION,
             "%s: GGUF version %u is not supported, expected 2 or 3", c->path, version);
    file->version = version;
done:
    return status;
}

attrib_status at_gguf_file_parse(const char *path,
                                 const unsigned char *bytes,
                                 size_t n,
                                 at_gguf_part part,
                                 at_gguf_file *file,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    cursor c = {path, bytes, n, 0};
    uint64_t n_tensors = 0;
    uint64_t n_values = 0;
    size_t alignment = 0;
    file->bytes = bytes;
    file->n_bytes = n;
    AT_TRY(at_copy_text(path, strlen(path), &file->path, err));
    AT_TRY(at_arena_new(&file->texts, err));
    AT_TRY(take_version(file, &c, err));
    AT_TRY(take_u64(&c, "the header", &n_tensors, err));
    AT_TRY(take_u64(&c, "the header", &n_values, err));
    AT_TRY(take_metadata(file, &c, n_values, err));
    AT_TRY(read_alignment(file, &alignment, err));
    AT_TRY(take_tensors(file, &c, n_tensors, alignment, err));
    if (part == AT_GGUF_WHOLE) {
        AT_TRY(place_tensors(file, &c, alignment, err));
    }
done:
    return status;
}

attrib_status at_gguf_file_open(const char *path,
                                at_gguf_part part,
                                at_gguf_file *file,
                                attrib_error *err)
{
    attrib_status status = at_map_open(path, &file->map, err);
    if (status == ATTRIB_OK) {
        status =
            at_gguf_file_parse(path, file->map.bytes, file->map.n_bytes, part, file, err);
    }
    return status;
}

void at_gguf_file_free(at_gguf_file *file)
{
    free(file->tensors);
    free(file->values);
    free(file->by_key);
    at_arena_free(file->texts);
    at_map_close(&file->map);
    free(file->path);
    memset(file, 0, sizeof *file);
}
