/* SPDX-License-Identifier: MIT */
/* JSON by jansson: parsing, checked members, writing. */
#include "format/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/utf8.h"

/* 1. Parsing */

static bool is_number_byte(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' ||
           c == 'E';
}

/* Whether number [n] is an integer that int64 does not hold. n is long for these, so most
 * numbers are settled by their length. */
static bool is_beyond_int64(const char *number, size_t n)
{
    if (n < 19) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((number[i] < '0' || number[i] > '9') && !(i == 0 && number[i] == '-')) {
            return false;
        }
    }
    errno = 0;
    (void)strtoll(number, NULL, 10); /* stops at the number's end: text is terminated */
    return errno == ERANGE;
}

/* A copy of JSON text in which integers beyond int64 have become reals, by ".0". They are
 * valid JSON and stand in real files (a tokenizer's model_max_length of 1e30). */
static attrib_status widen_integers(const char *text,
                                    size_t n,
                                    at_buffer *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t copied = 0;
    bool is_in_string = false;
    for (size_t i = 0; i < n;) {
        if (is_in_string) {
            is_in_string = text[i] != '"';
            i += text[i] == '\\' ? 2 : 1;
            continue;
        }
        is_in_string = text[i] == '"';
        size_t start = i;
        while (i < n && is_number_byte(text[i])) {
            i++;
        }
        if (is_beyond_int64(text + start, i - start)) {
            AT_TRY(at_buffer_append(out, text + copied, i - copied, err));
            AT_TRY(at_buffer_append(out, ".0", 2, err));
            copied = i;
        }
        i += i == start;
    }
    AT_TRY(at_buffer_append(out, text + copied, n - copied, err));
done:
    return status;
}

/* jansson names no cause when it runs out of memory. */
static attrib_status fail_parse(const char *name,
                                const json_error_t *error,
                                attrib_error *err)
{
    if (error->text[0] == '\0' || json_error_code(error) == json_error_out_of_memory) {
        return at_fail(err, ATTRIB_ENOMEM, "%s: out of memory for its JSON", name);
    }
    if (error->line > 1) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: JSON, line %d, column %d: %s", name,
                       error->line, error->column, error->text);
    }
    return at_fail(err, ATTRIB_EFORMAT, "%s: JSON, column %d: %s", name, error->column,
                   error->text);
}

#define PARSE_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)

attrib_status at_json_parse(
    const char *name, const char *text, size_t n, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_error_t error;
    memset(&error, 0, sizeof error);
    at_buffer copy = {0};
    json_t *value = NULL;
    /* jansson drops a NUL that follows a number. */
    const char *nul = n ? memchr(text, '\0', n) : NULL;
    AT_CHECK(!nul, ATTRIB_EFORMAT, "%s: JSON, column %zu: NUL byte", name,
             (size_t)(nul - text) + 1);
    value = json_loadb(n ? text : "", n, PARSE_FLAGS, &error);
    if (!value && json_error_code(&error) == json_error_numeric_overflow) {
        at_buffer terminated = {0};
        status = at_buffer_append(&terminated, text, n, err);
        if (status == ATTRIB_OK) {
            status = widen_integers(terminated.bytes, n, &copy, err);
        }
        at_buffer_free(&terminated);
        AT_TRY(status);
        memset(&error, 0, sizeof error);
        value = json_loadb(copy.bytes, copy.n_bytes, PARSE_FLAGS, &error);
    }
    if (!value) {
        status = fail_parse(name, &error, err);
        goto done;
    }
    *out = value;
done:
    at_buffer_free(&copy);
    return status;
}

attrib_status at_json_read(const char *path,
                           size_t max_bytes,
                           json_t **out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(at_read_file(path, max_bytes, &text, err));
    AT_TRY(at_json_parse(path, text.bytes, text.n_bytes, out, err));
done:
    at_buffer_free(&text);
    return status;
}

/* 2. Members */

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "nothing known";
}

/* A member of an object, NULL where it is missing or null. */
static attrib_status find_member(const char *name,
                                 const json_t *object,
                                 const char *key,
                                 const json_t **out,
                                 bool *is_there,
                                 attrib_error *err)
{
    if (!json_is_object(object)) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: expected an object with key \"%s\", found %s", name, key,
                       object ? kind_of(object) : "nothing");
    }
    const json_t *value = json_object_get(object, key);
    *out = json_is_null(value) ? NULL : value;
    if (is_there) {
        *is_there = *out != NULL;
    }
    return ATTRIB_OK;
}

static attrib_status fail_member(const char *name,
                                 const char *key,
                                 const char *expected,
                                 const json_t *value,
                                 attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: key \"%s\": expected %s, found %s", name,
                   key, expected, kind_of(value));
}

attrib_status at_json_text(const char *name,
                           const json_t *object,
                           const char *key,
                           const char **out,
                           bool *is_there,
                           attrib_error *err)
{
    const json_t *value = NULL;
    attrib_status status = find_member(name, object, key, &value, is_there, err);
    if (status == ATTRIB_OK && value) {
        if (!json_is_string(value)) {
            return fail_member(name, key, "a string", value, err);
        }
        *out = json_string_value(value);
    }
    return status;
}

attrib_status at_json_size(const char *name,
                           const json_t *object,
                           const char *key,
                           size_t *out,
                           bool *is_there,
                           attrib_error *err)
{
    const json_t *value = NULL;
    attrib_status status = find_member(name, object, key, &value, is_there, err);
    if (status == ATTRIB_OK && value) {
        if (!json_is_integer(value)) {
            return fail_member(name, key, "a whole number from 0 to 2^63 - 1", value,
                               err);
        }
        if (json_integer_value(value) < 0) {
            return at_fail(err, ATTRIB_EFORMAT,
                           "%s: key \"%s\": expected a whole number from 0 on, found "
                           "%" JSON_INTEGER_FORMAT,
                           name, key, json_integer_value(value));
        }
        *out = (size_t)json_integer_value(value);
    }
    return status;
}

attrib_status at_json_number(const char *name,
                             const json_t *object,
                             const char *key,
                             double *out,
                             bool *is_there,
                             attrib_error *err)
{
    const json_t *value = NULL;
    attrib_status status = find_member(name, object, key, &value, is_there, err);
    if (status == ATTRIB_OK && value) {
        if (!json_is_number(value)) {
            return fail_member(name, key, "a number", value, err);
        }
        *out = json_number_value(value);
    }
    return status;
}

attrib_status at_json_bool(const char *name,
                           const json_t *object,
                           const char *key,
                           bool *out,
                           bool *is_there,
                           attrib_error *err)
{
    const json_t *value = NULL;
    attrib_status status = find_member(name, object, key, &value, is_there, err);
    if (status == ATTRIB_OK && value) {
        if (!json_is_boolean(value)) {
            return fail_member(name, key, "true or false", value, err);
        }
        *out = json_is_true(value);
    }
    return status;
}

/* 3. Writing */

typedef struct sink {
    at_buffer *buffer;
    attrib_status status;
    attrib_error *err;
} sink;

static int append_piece(const char *piece, size_t n, void *context)
{
    sink *s = context;
    s->status = at_buffer_append(s->buffer, piece, n, s->err);
    return s->status == ATTRIB_OK ? 0 : -1;
}

attrib_status at_json_append(at_buffer *out, const json_t *value, attrib_error *err)
{
    sink s = {out, ATTRIB_OK, err};
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17);
    if (json_dump_callback(value, append_piece, &s, flags) != 0) {
        return s.status != ATTRIB_OK
                   ? s.status
                   : at_fail(err, ATTRIB_ENOMEM, "out of memory for JSON");
    }
    return ATTRIB_OK;
}

/* What stands for an ASCII character inside a JSON string; NULL: itself. */
static const char *escape_of(uint32_t character, char scratch[8])
{
    switch (character) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (character >= 0x20) {
        return NULL;
    }
    static const char digits[] = "0123456789abcdef";
    memcpy(scratch, "\\u00", 4);
    scratch[4] = digits[character >> 4];
    scratch[5] = digits[character & 15];
    scratch[6] = '\0';
    return scratch;
}

attrib_status at_json_append_text(at_buffer *out,
                                  const char *text,
                                  size_t n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t copied = 0;
    AT_TRY(at_buffer_append(out, "\"", 1, err));
    for (size_t i = 0; i < n;) {
        char scratch[8];
        uint32_t character = 0;
        bool is_valid = false;
        size_t step = at_utf8_next(text + i, n - i, &character, &is_valid);
        const char *escape = is_valid ? escape_of(character, scratch) : "\xEF\xBF\xBD";
        if (escape) {
            AT_TRY(at_buffer_append(out, text + copied, i - copied, err));
            AT_TRY(at_buffer_append(out, escape, strlen(escape), err));
            copied = i + step;
        }
        i += step;
    }
    AT_TRY(at_buffer_append(out, n ? text + copied : "", n - copied, err));
    AT_TRY(at_buffer_append(out, "\"", 1, err));
done:
    return status;
}
