/* SPDX-License-Identifier: MIT */
/* The values of tags as labels. */
#include "analyze/labels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"

static attrib_status hand_value(const json_t *json,
                                at_label_fn fn,
                                void *context,
                                attrib_error *err)
{
    char digits[40];
    at_label label = {json_string_value(json), (double)NAN};
    if (json_is_boolean(json)) {
        label.text = json_is_true(json) ? "true" : "false";
    } else if (json_is_number(json)) {
        label.number = json_number_value(json);
        label.text = digits;
        if (json_is_integer(json)) {
            snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(json));
        } else {
            snprintf(digits, sizeof digits, "%.15g", label.number);
        }
    }
    return label.text ? fn(context, &label, err) : ATTRIB_OK;
}

attrib_status at_each_label(const char *json,
                            at_label_fn fn,
                            void *context,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *parsed = NULL;
    AT_TRY(at_json_parse("tag", json, strlen(json), &parsed, err));
    if (!json_is_array(parsed)) {
        AT_TRY(hand_value(parsed, fn, context, err));
    }
    for (size_t i = 0; i < json_array_size(parsed); i++) {
        AT_TRY(hand_value(json_array_get(parsed, i), fn, context, err));
    }
done:
    json_decref(parsed);
    return status;
}

const attrib_tag *at_find_tag(const attrib_tag *tags, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(tags[i].key, key) == 0) {
            return &tags[i];
        }
    }
    return NULL;
}

attrib_status at_each_document_label(const attrib_document *document,
                                     const char *key,
                                     at_label_fn fn,
                                     void *context,
                                     attrib_error *err)
{
    const attrib_tag *tag = at_find_tag(document->tags, document->n_tags, key);
    char digits[24];
    at_label label = {NULL, (double)NAN};
    if (tag) {
        return at_each_label(tag->value, fn, context, err);
    }
    if (strcmp(key, "source") == 0) {
        label.text = document->source;
    } else if (strcmp(key, "member") == 0) {
        label.text = document->member;
    } else if (strcmp(key, "n_tokens") == 0) {
        label.number = (double)document->n_tokens;
        snprintf(digits, sizeof digits, "%zu", document->n_tokens);
        label.text = digits;
    }
    return label.text ? fn(context, &label, err) : ATTRIB_OK;
}
