/* SPDX-License-Identifier: MIT */
#include "export/json_members.h"

#include <string.h>

#include "format/json.h"

attrib_status at_append_key(at_buffer *out, const char *key, attrib_error *err)
{
    return at_buffer_print(
        out, err, "%s\"%s\":", out->bytes[out->n_bytes - 1] == '{' ? "" : ",", key);
}

attrib_status at_append_member_text(at_buffer *out,
                                    const char *key,
                                    const char *text,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_append_key(out, key, err));
    AT_TRY(text ? at_json_append_text(out, text, strlen(text), err)
                : at_buffer_print(out, err, "null"));
done:
    return status;
}

attrib_status at_append_member_size(at_buffer *out,
                                    const char *key,
                                    size_t value,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_append_key(out, key, err));
    AT_TRY(at_buffer_print(out, err, "%zu", value));
done:
    return status;
}

attrib_status at_append_member_real(at_buffer *out,
                                    const char *key,
                                    double value,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_append_key(out, key, err));
    AT_TRY(at_append_number(out, value, err));
done:
    return status;
}

attrib_status at_append_member_flag(at_buffer *out,
                                    const char *key,
                                    bool value,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_append_key(out, key, err));
    AT_TRY(at_buffer_print(out, err, value ? "true" : "false"));
done:
    return status;
}

/* A tag's value is JSON by its contract; from a damaged run it may be anything, which is
 * then text. */
attrib_status at_append_tag_value(at_buffer *out, const char *value, attrib_error *err)
{
    json_t *parsed = NULL;
    attrib_status status = at_json_parse("tag", value, strlen(value), &parsed, NULL);
    if (status == ATTRIB_OK) {
        json_decref(parsed);
        return at_buffer_append(out, value, strlen(value), err);
    }
    return at_json_append_text(out, value, strlen(value), err);
}

attrib_status at_append_tags(at_buffer *out,
                             const attrib_tag *tags,
                             size_t n_tags,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(out, "{", 1, err));
    for (size_t i = 0; i < n_tags; i++) {
        AT_TRY(at_buffer_append(out, ",", i > 0, err));
        AT_TRY(at_json_append_text(out, tags[i].key, strlen(tags[i].key), err));
        AT_TRY(at_buffer_append(out, ":", 1, err));
        AT_TRY(at_append_tag_value(out, tags[i].value, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}
