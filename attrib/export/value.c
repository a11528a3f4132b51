/* SPDX-License-Identifier: MIT */
/* Values of tables, and those of tags. */
#include "export/value.h"

#include <string.h>

#include "format/json.h"
#include "format/utf8.h"

at_value at_text(const char *text)
{
    return at_bytes(text, text ? strlen(text) : 0);
}

attrib_status at_append_utf8(at_buffer *out,
                             const char *text,
                             size_t n,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    while (n) {
        size_t n_good = n;
        if (at_utf8_is_valid(text, n, &n_good)) {
            return at_buffer_append(out, text, n, err);
        }
        uint32_t character = 0;
        AT_TRY(at_buffer_append(out, text, n_good, err));
        AT_TRY(at_buffer_append(out, "\xEF\xBF\xBD", 3, err));
        n_good += at_utf8_next(text + n_good, n - n_good, &character, NULL);
        text += n_good;
        n -= n_good;
    }
done:
    return status;
}

/* A value that is no list; `text` holds the JSON of an object or of an inner list. */
static attrib_status read_value(const json_t *json,
                                at_buffer *text,
                                at_tag_value *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    switch (json_typeof(json)) {
    case JSON_STRING:
        *out = (at_tag_value){
            "text", at_bytes(json_string_value(json), json_string_length(json))};
        break;
    case JSON_INTEGER:
        *out = (at_tag_value){"integer", {.kind = AT_INTEGER}};
        out->value.integer = json_integer_value(json);
        break;
    case JSON_REAL:
        *out = (at_tag_value){"real", at_real(json_real_value(json))};
        break;
    case JSON_TRUE:
        *out = (at_tag_value){"true", at_integer(1)};
        break;
    case JSON_FALSE:
        *out = (at_tag_value){"false", at_integer(0)};
        break;
    case JSON_NULL:
        *out = (at_tag_value){"null", at_none()};
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        at_buffer_clear(text);
        AT_TRY(at_json_append(text, json, err));
        *out = (at_tag_value){json_is_array(json) ? "array" : "object",
                              at_bytes(text->bytes, text->n_bytes)};
        break;
    }
done:
    return status;
}

attrib_status at_each_tag_value(const char *json,
                                at_tag_fn fn,
                                void *context,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *parsed = NULL;
    at_buffer text = {0};
    at_tag_value value = {"text", at_text(json)};
    if (at_json_parse("tag", json, strlen(json), &parsed, NULL) != ATTRIB_OK) {
        return fn(context, 0, &value, err);
    }
    bool is_list = json_is_array(parsed);
    size_t n = is_list ? json_array_size(parsed) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = is_list ? json_array_get(parsed, i) : parsed;
        AT_TRY(read_value(item, &text, &value, err));
        AT_TRY(fn(context, i, &value, err));
    }
done:
    json_decref(parsed);
    at_buffer_free(&text);
    return status;
}
