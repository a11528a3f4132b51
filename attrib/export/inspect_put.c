/* SPDX-License-Identifier: MIT */
/* Members of the object that says what a path holds. */
#include <string.h>

#include "export/inspect.h"
#include "format/utf8.h"

attrib_status at_put(json_t *object, const char *key, json_t *value, attrib_error *err)
{
    if (!value || json_object_set_new(object, key, value) != 0) {
        return at_fail(err, ATTRIB_ENOMEM, "out of memory for \"%s\"", key);
    }
    return ATTRIB_OK;
}

attrib_status at_put_bytes(
    json_t *object, const char *key, const char *text, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer clean = {0};
    AT_TRY(at_buffer_append(&clean, "", 0, err));
    for (size_t i = 0; i < n;) {
        uint32_t character = 0;
        bool is_valid = false;
        size_t step = at_utf8_next(text + i, n - i, &character, &is_valid);
        AT_TRY(is_valid && character ? at_buffer_append(&clean, text + i, step, err)
                                     : at_buffer_print(&clean, err, "\xEF\xBF\xBD"));
        i += step;
    }
    AT_TRY(at_put(object, key, json_stringn(clean.bytes, clean.n_bytes), err));
done:
    at_buffer_free(&clean);
    return status;
}

attrib_status at_put_text(json_t *object,
                          const char *key,
                          const char *text,
                          attrib_error *err)
{
    return text ? at_put_bytes(object, key, text, strlen(text), err)
                : at_put(object, key, json_null(), err);
}

attrib_status at_put_size(json_t *object,
                          const char *key,
                          size_t value,
                          attrib_error *err)
{
    return at_put(object, key, json_integer((json_int_t)value), err);
}

attrib_status at_put_array(json_t *object,
                           const char *key,
                           json_t **out,
                           attrib_error *err)
{
    json_t *array = json_array();
    attrib_status status = at_put(object, key, array, err);
    if (status == ATTRIB_OK) {
        *out = array;
    }
    return status;
}

attrib_status at_add_object(json_t *array, json_t **out, attrib_error *err)
{
    json_t *object = json_object();
    if (!object || json_array_append_new(array, object) != 0) {
        return at_fail(err, ATTRIB_ENOMEM, "out of memory for a report");
    }
    *out = object;
    return ATTRIB_OK;
}

attrib_status at_put_shape(json_t *object,
                           const char *key,
                           size_t n_dims,
                           const size_t *shape,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *array = NULL;
    AT_TRY(at_put_array(object, key, &array, err));
    for (size_t i = 0; i < n_dims; i++) {
        AT_CHECK(json_array_append_new(array, json_integer((json_int_t)shape[i])) == 0,
                 ATTRIB_ENOMEM, "out of memory for a shape");
    }
done:
    return status;
}
