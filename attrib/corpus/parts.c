/* SPDX-License-Identifier: MIT */
#include "corpus/parts.h"

#include <string.h>

#include "base/memory.h"
#include "corpus/draft.h"

/* The text of a part, which may be a string itself; NULL where it is none. */
static const json_t *text_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *text = json_object_get(part, "text");
    if (json_is_string(part)) {
        return part;
    }
    return json_is_string(text) && (!type || strcmp(type, "text") == 0) ? text : NULL;
}

bool at_parts_are(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *part = json_array_get(value, i);
        if (!json_is_string(json_object_get(part, "type")) && !text_of(part)) {
            return false;
        }
        if (json_object_get(part, "role") || json_object_get(part, "from")) {
            return false;
        }
    }
    return json_array_size(value) > 0;
}

attrib_status at_parts_check(const char *name,
                             const json_t *parts,
                             bool takes_thoughts,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        const char *type = json_string_value(json_object_get(part, "type"));
        bool is_thought = takes_thoughts && type && strcmp(type, "thinking") == 0;
        AT_CHECK(is_thought || text_of(part), ATTRIB_ENOTSUP,
                 "%s: part %zu of the content: type \"%.64s\", expected text", name,
                 i + 1, type ? type : "");
    }
done:
    return status;
}

attrib_status at_parts_join(const char *name,
                            const json_t *parts,
                            json_t **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(at_parts_check(name, parts, false, err));
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *said = text_of(json_array_get(parts, i));
        AT_TRY(at_buffer_append(&text, json_string_value(said), json_string_length(said),
                                err));
    }
    *out = json_stringn(text.bytes ? text.bytes : "", text.n_bytes);
    AT_CHECK(*out, ATTRIB_ENOMEM, "out of memory for the parts of a text");
done:
    at_buffer_free(&text);
    return status;
}

attrib_status at_parts_join_field(const char *name,
                                  json_t *row,
                                  const char *member,
                                  const char **field,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *joined = NULL;
    const json_t *value = *field ? at_row_at(row, *field) : NULL;
    if (!at_parts_are(value)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_parts_join(name, value, &joined, err));
    AT_CHECK(json_object_set_new(row, member, joined) == 0, ATTRIB_ENOMEM,
             "out of memory for the parts of a text");
    *field = member;
done:
    return status;
}
