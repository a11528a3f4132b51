/* SPDX-License-Identifier: MIT */
#include "export/told_options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "export/inspect.h"
#include "export/json_members.h"

#define KEY_SIZE 64

/* The key of an option: its name with "_" for "-". */
static const char *key_of(const attrib_option *option, char out[KEY_SIZE])
{
    size_t n = strlen(option->name);
    assert(n < KEY_SIZE);
    for (size_t i = 0; i <= n; i++) {
        out[i] = option->name[i];
        if (out[i] == '-') {
            out[i] = '_';
        }
    }
    return out;
}

static json_t *size_of(const attrib_option *option, size_t size)
{
    const char *word = at_option_size_word(option, size);
    return word ? json_string(word) : json_integer((json_int_t)size);
}

/* The value of an option that is no text; NULL where memory is short. */
static json_t *value_of(const attrib_option *option, const void *options)
{
    const void *value = at_option_value(option, options);
    const char *text = NULL;
    char share[AT_SHARE_SIZE];
    size_t n = 0;
    switch ((attrib_option_kind)option->kind) {
    case ATTRIB_OPTION_FLAG:
        return json_boolean(*(const bool *)value);
    case ATTRIB_OPTION_SIZE:
    case ATTRIB_OPTION_BYTES:
        return size_of(option, *(const size_t *)value);
    case ATTRIB_OPTION_SEED:
        return json_integer((json_int_t) * (const uint64_t *)value);
    case ATTRIB_OPTION_NUMBER:
        return json_real(*(const double *)value);
    case ATTRIB_OPTION_CHOICE:
        text = at_option_word(option, *(const int *)value, &n);
        return text ? json_stringn(text, n) : json_null();
    case ATTRIB_OPTION_SHARE:
        at_option_share(option, options, share, sizeof share);
        return json_string(share);
    case ATTRIB_OPTION_TEXT:    /* of a damaged run it may not be UTF-8: text_of() */
    case ATTRIB_OPTION_STRUCTS: /* settings, which have lists of their own */
    case ATTRIB_OPTION_OTHER:
        break;
    }
    return json_null();
}

static const char *text_of(const attrib_option *option, const void *options)
{
    return *(const char *const *)at_option_value(option, options);
}

static attrib_status append_value(at_buffer *out, json_t *value, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *text =
        value ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;
    AT_CHECK(text, ATTRIB_ENOMEM, "out of memory for an option");
    AT_TRY(at_buffer_append(out, text, strlen(text), err));
done:
    json_decref(value);
    free(text);
    return status;
}

attrib_status at_append_option(at_buffer *out,
                               const attrib_score_options *options,
                               const char *name,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_option *option =
        at_options_find(attrib_score_options_table(), name, strlen(name));
    char key[KEY_SIZE];
    assert(option);
    if (option->kind == ATTRIB_OPTION_TEXT) {
        return at_append_member_text(out, key_of(option, key), text_of(option, options),
                                     err);
    }
    AT_TRY(at_append_key(out, key_of(option, key), err));
    AT_TRY(append_value(out, value_of(option, options), err));
done:
    return status;
}

attrib_status at_put_options(json_t *out,
                             const attrib_score_options *options,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_score_options standard;
    char key[KEY_SIZE];
    attrib_score_options_default(&standard);
    for (const attrib_option *o = attrib_score_options_table(); o->name; o++) {
        if (o->is_identity && o->kind != ATTRIB_OPTION_STRUCTS &&
            !at_option_is_same(o, options, &standard) &&
            !json_object_get(out, key_of(o, key))) {
            AT_TRY(o->kind == ATTRIB_OPTION_TEXT
                       ? at_put_text(out, key, text_of(o, options), err)
                       : at_put(out, key, value_of(o, options), err));
        }
    }
done:
    return status;
}
