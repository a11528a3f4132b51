/* SPDX-License-Identifier: MIT */
/* Report a GGUF file: its metadata and tensors, and the model where it holds one. */
#include <string.h>

#include "export/inspect.h"
#include "format/gguf.h"

/* A single value; NULL where memory is short. */
static json_t *scalar_of(const at_gguf *gguf, const at_gguf_value *value)
{
    double number = 0;
    size_t size = 0;
    bool flag = false;
    if (at_gguf_size(gguf, value->key, &size, NULL, NULL) == ATTRIB_OK) {
        return json_integer((json_int_t)size);
    }
    if (at_gguf_bool(gguf, value->key, &flag, NULL, NULL) == ATTRIB_OK) {
        return json_boolean(flag);
    }
    if (at_gguf_number(gguf, value->key, &number, NULL, NULL) == ATTRIB_OK) {
        return json_real(number);
    }
    return json_null(); /* not finite, or neither true nor false */
}

/* Put a key with its type and value; for an array its length and the type of its items.
 */
static attrib_status put_value(const at_gguf *gguf,
                               const at_gguf_value *value,
                               json_t *row,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer type = {0};
    AT_TRY(at_put_text(row, "key", value->key, err));
    AT_TRY(at_buffer_print(&type, err, "%s", at_gguf_type_name(value->type)));
    if (value->is_array) {
        AT_TRY(at_buffer_print(&type, err, "[%zu]", value->n));
    }
    AT_TRY(at_put_text(row, "type", type.bytes, err));
    if (value->text) {
        AT_TRY(at_put_bytes(row, "value", value->text, value->n_text, err));
    } else {
        AT_TRY(at_put(row, "value",
                      value->is_array ? json_null() : scalar_of(gguf, value), err));
    }
done:
    at_buffer_free(&type);
    return status;
}

static attrib_status put_metadata(const at_gguf *gguf, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *rows = NULL;
    AT_TRY(at_put_array(out, "metadata", &rows, err));
    for (size_t i = 0; i < at_gguf_n_values(gguf); i++) {
        json_t *row = NULL;
        AT_TRY(at_add_object(rows, &row, err));
        AT_TRY(put_value(gguf, at_gguf_value_at(gguf, i), row, err));
    }
done:
    return status;
}

/* Put the model, or why it cannot be run; null for a file without tensors, which holds
 * only a vocabulary. */
static attrib_status put_model(const char *path,
                               size_t n_tensors,
                               json_t *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error problem = {0};
    json_t *model = n_tensors ? json_object() : json_null();
    AT_TRY(at_put(out, "model", model, err));
    if (n_tensors == 0) {
        return ATTRIB_OK;
    }
    if (at_inspect_model(path, model, &problem) != ATTRIB_OK) {
        AT_CHECK(problem.status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", problem.message);
        json_object_clear(model);
        AT_TRY(at_put_text(model, "problem", problem.message, err));
    }
done:
    return status;
}

attrib_status at_inspect_gguf(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_gguf *gguf = NULL;
    const at_tensors *tensors = NULL;
    AT_TRY(at_gguf_open(path, AT_GGUF_WHOLE, &gguf, err));
    tensors = at_gguf_tensors(gguf);
    AT_TRY(at_put_size(out, "version", at_gguf_version(gguf), err));
    AT_TRY(at_put_size(out, "files", at_gguf_n_files(gguf), err));
    AT_TRY(at_put_size(out, "n_tensors", at_tensors_count(tensors), err));
    AT_TRY(put_model(path, at_tensors_count(tensors), out, err));
    AT_TRY(at_put_tokenizer(path, out, err));
    AT_TRY(put_metadata(gguf, out, err));
    AT_TRY(at_put_tensors(tensors, out, err));
done:
    at_gguf_close(gguf);
    return status;
}
