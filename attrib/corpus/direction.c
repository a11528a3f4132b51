/* SPDX-License-Identifier: MIT */
/* 1. The vector   2. Fields   3. Positions */
#include "corpus/direction.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "corpus/name.h"
#include "format/npy.h"
#include "format/tensor.h"

/* Values of a vector: no model is as wide. */
#define MAX_VALUES ((size_t)1 << 20)

/* 1. The vector */

/* The numbers of a vector [n] or [1, n]. */
static attrib_status read_values(const char *name,
                                 const at_map *file,
                                 at_direction *out,
                                 attrib_error *err)
{
    static const attrib_dtype dtypes[] = {
        [2] = ATTRIB_F16, [4] = ATTRIB_F32, [8] = ATTRIB_F64};
    attrib_status status = ATTRIB_OK;
    at_npy array = {0};
    at_tensor tensor = {0};
    size_t n = 0;
    AT_TRY(at_npy_read(name, file->bytes, file->n_bytes, AT_NPY_FLOATS, &array, err));
    AT_CHECK(array.n_dims == 1 || array.shape[0] == 1, ATTRIB_ESHAPE,
             "%s: [%zu, %zu], expected one vector", name, array.shape[0], array.shape[1]);
    n = array.shape[array.n_dims - 1];
    AT_CHECK(n > 0 && n <= MAX_VALUES, ATTRIB_ERANGE,
             "%s: a vector of %zu values, expected 1 to %zu", name, n, MAX_VALUES);
    AT_TRY(at_array(n, sizeof *out->values, &out->values, err));
    out->n_values = n;
    tensor = (at_tensor){.name = "direction",
                         .dtype = dtypes[array.n_bytes],
                         .n_dims = 1,
                         .shape = {n},
                         .n_elements = n,
                         .n_bytes = n * array.n_bytes,
                         .data = file->bytes + array.start,
                         .path = name};
    AT_TRY(at_tensor_to_f32(&tensor, 0, n, out->values, err));
done:
    return status;
}

static attrib_status check_values(const char *name,
                                  const at_direction *direction,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_zero = true;
    for (size_t i = 0; i < direction->n_values; i++) {
        AT_CHECK(isfinite(direction->values[i]), ATTRIB_ENUMERIC,
                 "%s: value %zu of the vector is not finite in f32", name, i);
        is_zero = is_zero && direction->values[i] == 0;
    }
    AT_CHECK(!is_zero, ATTRIB_ENUMERIC, "%s: a vector of zeros is no direction", name);
done:
    return status;
}

static attrib_status read_vector(const char *folder, at_direction *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    at_buffer name = {0};
    at_map file = {0};
    if (folder && out->path[0] != '/') {
        AT_TRY(at_join_path(folder, out->path, &path, err));
    }
    AT_TRY(at_append_name(&name, path ? path : out->path, err));
    AT_TRY(at_map_open(path ? path : out->path, &file, err));
    AT_TRY(read_values(name.bytes, &file, out, err));
    AT_TRY(check_values(name.bytes, out, err));
done:
    at_map_close(&file);
    at_buffer_free(&name);
    free(path);
    return status;
}

/* 2. Fields */

/* An integer, or its digits: cells of tables are texts. */
static bool read_integer(const json_t *value, int64_t *out)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (!text || !*text || strchr(" \t\n+", *text)) {
        return false;
    }
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* "0,-1" as a list of its parts; NULL without memory. */
static json_t *split_list(const char *text)
{
    json_t *list = json_array();
    for (const char *at = text; list; at++) {
        size_t n = strcspn(at, ",");
        if (json_array_append_new(list, json_stringn(at, n)) != 0) {
            json_decref(list);
            return NULL;
        }
        at += n;
        if (!*at) {
            break;
        }
    }
    return list;
}

static attrib_status list_places(const char *name,
                                 const json_t *list,
                                 at_direction *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = json_array_size(list);
    AT_CHECK(n > 0, ATTRIB_EFORMAT,
             "%s: field \"positions\": expected \"last\", \"completion\" or a list of "
             "places",
             name);
    AT_TRY(at_array(n, sizeof *out->listed, &out->listed, err));
    out->n_listed = n;
    out->places = AT_PLACES_LISTED;
    for (size_t i = 0; i < n; i++) {
        AT_CHECK(read_integer(json_array_get(list, i), &out->listed[i]), ATTRIB_EFORMAT,
                 "%s: field \"positions\": item %zu is no integer", name, i + 1);
    }
done:
    return status;
}

static attrib_status read_places(const char *name,
                                 const json_t *value,
                                 at_direction *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = json_string_value(value);
    json_t *list = NULL;
    if (!value || (text && strcmp(text, "last") == 0)) {
        out->places = AT_PLACES_LAST;
    } else if (text && strcmp(text, "completion") == 0) {
        out->places = AT_PLACES_COMPLETION;
    } else if (text) {
        list = split_list(text);
        AT_CHECK(list, ATTRIB_ENOMEM, "%s: out of memory for its positions", name);
        AT_TRY(list_places(name, list, out, err));
    } else {
        AT_TRY(list_places(name, value, out, err));
    }
done:
    json_decref(list);
    return status;
}

/* Refuse what stands without a direction: it may be meant for one that is misspelt. */
static attrib_status check_alone(const char *name,
                                 const char *field,
                                 const json_t *value,
                                 attrib_error *err)
{
    return value ? at_fail(err, ATTRIB_ESHAPE,
                           "%s: field \"%s\" without \"direction\" (a tag of this name "
                           "stands in \"tags\")",
                           name, field)
                 : ATTRIB_OK;
}

static attrib_status read_fields(const char *name,
                                 const json_t *direction,
                                 const json_t *layer,
                                 const json_t *positions,
                                 at_direction *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int64_t i_layer = 0;
    if (!direction) {
        AT_TRY(check_alone(name, "layer", layer, err));
        AT_TRY(check_alone(name, "positions", positions, err));
        goto done;
    }
    AT_CHECK(json_string_length(direction) > 0, ATTRIB_EFORMAT,
             "%s: field \"direction\": expected the path of a .npy file", name);
    AT_CHECK(layer, ATTRIB_ESHAPE, "%s: field \"direction\" without \"layer\"", name);
    AT_CHECK(read_integer(layer, &i_layer) && i_layer >= 0, ATTRIB_EFORMAT,
             "%s: field \"layer\": expected a number of layers from 0", name);
    out->layer = (size_t)i_layer;
    AT_TRY(read_places(name, positions, out, err));
    AT_TRY(at_copy_text(json_string_value(direction), json_string_length(direction),
                        &out->path, err));
done:
    return status;
}

attrib_status at_direction_take(const char *name,
                                json_t *row,
                                const char *folder,
                                at_direction *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    static const char *const fields[] = {"direction", "layer", "positions"};
    at_direction found = {0};
    json_t *values[] = {NULL, NULL, NULL};
    for (size_t i = 0; i < 3; i++) {
        AT_TRY(at_row_take(name, row, fields[i], &values[i], err));
    }
    AT_TRY(read_fields(name, values[0], values[1], values[2], &found, err));
    if (found.path) {
        status = read_vector(folder, &found, err);
        AT_TRY(at_context(err, status, "%s: field \"direction\"", name));
    }
    *out = found;
    found = (at_direction){0};
done:
    for (size_t i = 0; i < 3; i++) {
        json_decref(values[i]);
    }
    at_direction_free(&found);
    return status;
}

void at_direction_free(at_direction *direction)
{
    free(direction->path);
    free(direction->values);
    free(direction->listed);
    free(direction->positions);
    *direction = (at_direction){0};
}

/* 3. Positions */

static attrib_status mark_listed(const char *name,
                                 size_t n_tokens,
                                 at_direction *direction,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < direction->n_listed; i++) {
        int64_t place = direction->listed[i];
        int64_t from_front = place < 0 ? place + (int64_t)n_tokens : place;
        AT_CHECK(from_front >= 0 && from_front < (int64_t)n_tokens, ATTRIB_ERANGE,
                 "%s: field \"positions\": %lld of %zu tokens", name, (long long)place,
                 n_tokens);
        AT_CHECK(!direction->positions[from_front], ATTRIB_EFORMAT,
                 "%s: field \"positions\": %lld names a token that stands there already",
                 name, (long long)place);
        direction->positions[from_front] = 1;
    }
done:
    return status;
}

attrib_status at_direction_place(const char *name,
                                 const uint8_t *mask,
                                 size_t n_tokens,
                                 at_direction *direction,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    free(direction->positions);
    direction->positions = NULL;
    AT_TRY(at_array(n_tokens, 1, &direction->positions, err));
    switch (direction->places) {
    case AT_PLACES_LAST:
        direction->positions[n_tokens - 1] = 1;
        break;
    case AT_PLACES_COMPLETION:
        memcpy(direction->positions, mask, n_tokens);
        break;
    case AT_PLACES_LISTED:
        AT_TRY(mark_listed(name, n_tokens, direction, err));
        break;
    }
    direction->published = (attrib_direction){.path = direction->path,
                                              .values = direction->values,
                                              .n_values = direction->n_values,
                                              .layer = direction->layer,
                                              .positions = direction->positions};
done:
    return status;
}
