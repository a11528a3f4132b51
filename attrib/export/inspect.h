/* SPDX-License-Identifier: MIT */
/* What a path holds, as a JSON object that is printed as it is or as text. Private to the
 * export room. */
#ifndef AT_EXPORT_INSPECT_H
#define AT_EXPORT_INSPECT_H

#include "attrib/export.h"
#include "base/memory.h"
#include "format/json.h"
#include "format/safetensors.h"

/* 1. Members of an object (inspect_put.c), in the order put. `value` is taken over; NULL
 * is ENOMEM. Text that is not UTF-8 has U+FFFD in its place; NULL text is null. */
attrib_status at_put(json_t *object, const char *key, json_t *value, attrib_error *err);
attrib_status at_put_text(json_t *object,
                          const char *key,
                          const char *text,
                          attrib_error *err);
attrib_status at_put_bytes(
    json_t *object, const char *key, const char *text, size_t n, attrib_error *err);
attrib_status at_put_size(json_t *object,
                          const char *key,
                          size_t value,
                          attrib_error *err);
/* [shape[0], ...] */
attrib_status at_put_shape(json_t *object,
                           const char *key,
                           size_t n_dims,
                           const size_t *shape,
                           attrib_error *err);
/* A new array under `key`, borrowed; and a new object at an array's end, borrowed. */
attrib_status at_put_array(json_t *object,
                           const char *key,
                           json_t **out,
                           attrib_error *err);
attrib_status at_add_object(json_t *array, json_t **out, attrib_error *err);

/* 2. One function a kind: fill `out`, which holds path and kind already. */
attrib_status at_inspect_model(const char *path, json_t *out, attrib_error *err);
/* A model with an adapter; and an adapter alone, with its base where that is there. */
attrib_status at_inspect_adapted(const char *path,
                                 const char *adapter,
                                 json_t *out,
                                 attrib_error *err);
attrib_status at_inspect_adapter(const char *path, json_t *out, attrib_error *err);
attrib_status at_inspect_tokenizer(const char *path, json_t *out, attrib_error *err);
/* The tokenizer of a model, null where it has none. One that is not supported does not
 * keep the model from being shown. */
attrib_status at_put_tokenizer(const char *path, json_t *out, attrib_error *err);
attrib_status at_inspect_tensors(const char *path, json_t *out, attrib_error *err);
attrib_status at_inspect_gguf(const char *path, json_t *out, attrib_error *err);
attrib_status at_inspect_factors(const char *path, json_t *out, attrib_error *err);
attrib_status at_inspect_run(const char *path, json_t *out, attrib_error *err);
attrib_status at_inspect_store(const char *path, json_t *out, attrib_error *err);
attrib_status at_inspect_index(const char *path, json_t *out, attrib_error *err);
attrib_status at_inspect_corpus(const char *path, json_t *out, attrib_error *err);

/* "tensors": name, type and shape of each. */
attrib_status at_put_tensors(const at_tensors *tensors, json_t *out, attrib_error *err);

/* Whether a folder holds a factor file of Kronfluence's name. */
bool at_holds_factors(const char *folder);

/* 3. The object as text: a line a member, a table for each array of objects. */
attrib_status at_print_report(at_buffer *out, json_t *report, attrib_error *err);

#endif
