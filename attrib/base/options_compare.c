/* SPDX-License-Identifier: MIT */
/* Values of options compared, and those that results depend on hashed. */
#include "base/options.h"

#include <string.h>

#include "base/file.h"

static bool have_same_structs(const attrib_option *option, const void *a, const void *b)
{
    const char *of_a = at_option_value(option, a);
    const char *of_b = at_option_value(option, b);
    size_t n = at_option_count(option, a);
    bool is_same = n == at_option_count(option, b);
    for (size_t i = 0; is_same && i < n * option->struct_bytes;
         i += option->struct_bytes) {
        for (const attrib_option *o = option->rows; o->name; o++) {
            is_same = is_same && at_option_is_same(o, of_a + i, of_b + i);
        }
    }
    return is_same;
}

static bool have_same_share(const attrib_option *option, const void *a, const void *b)
{
    char texts[2][AT_SHARE_SIZE];
    at_option_share(option, a, texts[0], AT_SHARE_SIZE);
    at_option_share(option, b, texts[1], AT_SHARE_SIZE);
    return strcmp(texts[0], texts[1]) == 0;
}

bool at_option_is_same(const attrib_option *option, const void *a, const void *b)
{
    const void *x = at_option_value(option, a);
    const void *y = at_option_value(option, b);
    const char *text = NULL;
    const char *other = NULL;
    switch ((attrib_option_kind)option->kind) {
    case ATTRIB_OPTION_FLAG:
        return *(const bool *)x == *(const bool *)y;
    case ATTRIB_OPTION_TEXT:
        text = *(const char *const *)x;
        other = *(const char *const *)y;
        return text && other ? strcmp(text, other) == 0 : text == other;
    case ATTRIB_OPTION_SIZE:
    case ATTRIB_OPTION_BYTES:
        return *(const size_t *)x == *(const size_t *)y;
    case ATTRIB_OPTION_SEED:
        return *(const uint64_t *)x == *(const uint64_t *)y;
    case ATTRIB_OPTION_NUMBER:
        return *(const double *)x == *(const double *)y;
    case ATTRIB_OPTION_CHOICE:
        return *(const int *)x == *(const int *)y;
    case ATTRIB_OPTION_SHARE:
        return have_same_share(option, a, b);
    case ATTRIB_OPTION_STRUCTS:
        return have_same_structs(option, a, b);
    case ATTRIB_OPTION_OTHER:
        break;
    }
    return true;
}

static attrib_status print_identity(const attrib_option *table,
                                    const void *options,
                                    at_buffer *out,
                                    attrib_error *err);

static attrib_status print_value(const attrib_option *option,
                                 const void *options,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const void *value = at_option_value(option, options);
    const char *text = NULL;
    char share[AT_SHARE_SIZE];
    switch ((attrib_option_kind)option->kind) {
    case ATTRIB_OPTION_FLAG:
        return at_buffer_print(out, err, "%d", *(const bool *)value);
    case ATTRIB_OPTION_TEXT: /* with its length, so that no text can look like two values
                              */
        text = *(const char *const *)value;
        return text ? at_buffer_print(out, err, "%zu %s", strlen(text), text) : ATTRIB_OK;
    case ATTRIB_OPTION_SIZE:
    case ATTRIB_OPTION_BYTES:
        return at_buffer_print(out, err, "%zu", *(const size_t *)value);
    case ATTRIB_OPTION_SEED:
        return at_buffer_print(out, err, "%llu",
                               (unsigned long long)*(const uint64_t *)value);
    case ATTRIB_OPTION_SHARE:
        at_option_share(option, options, share, sizeof share);
        return at_buffer_print(out, err, "%s", share);
    case ATTRIB_OPTION_NUMBER:
        return at_buffer_print(out, err, "%a", *(const double *)value);
    case ATTRIB_OPTION_CHOICE:
        return at_buffer_print(out, err, "%d", *(const int *)value);
    case ATTRIB_OPTION_STRUCTS:
        for (size_t i = 0; i < at_option_count(option, options); i++) {
            const char *of_struct = (const char *)value + i * option->struct_bytes;
            AT_TRY(print_identity(option->rows, of_struct, out, err));
        }
        break;
    case ATTRIB_OPTION_OTHER:
        break;
    }
done:
    return status;
}

/* Append " name value" for each row that results depend on. */
static attrib_status print_identity(const attrib_option *table,
                                    const void *options,
                                    at_buffer *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (const attrib_option *o = table; o->name; o++) {
        if (o->is_identity) {
            AT_TRY(at_buffer_print(out, err, " %s ", o->name));
            AT_TRY(print_value(o, options, out, err));
        }
    }
done:
    return status;
}

attrib_status attrib_options_hash(const attrib_option *table,
                                  const void *options,
                                  char out[33],
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(print_identity(table, options, &text, err));
    at_hash_bytes(text.bytes, text.n_bytes, out);
done:
    at_buffer_free(&text);
    return status;
}
