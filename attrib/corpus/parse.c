/* SPDX-License-Identifier: MIT */
/* A row of JSON as people have it.
 *
 * Python writes NaN and Infinity, cuts surrogate pairs in two, and keeps integers of any
 * length; JSON or jansson holds none of them. In fields that are not read they do no
 * harm. So where jansson refuses a row it is mended: such a number becomes a string that
 * begins with NUL, half a pair becomes NUL, and of members with one key all but the first
 * get another. The row is then marked, and at_row_check_used() looks for these in the
 * fields that are read.
 *
 * 1. Mending   2. Parsing   3. What was mended */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/draft.h"

/* A parsed value takes some forty bytes, so a row of nothing but commas would fill the
 * memory. Rows below this size are not counted. */
#define MAX_VALUES ((size_t)16 << 20)

#define MAX_TWICE  16 /* keys that stand twice in a row, all told */

/* 1. Mending */

static bool is_number_byte(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' ||
           c == 'E';
}

static bool is_integer(const char *number, size_t n)
{
    size_t i = n > 0 && *number == '-';
    for (size_t k = i; k < n; k++) {
        if (number[k] < '0' || number[k] > '9') {
            return false;
        }
    }
    return n > i && (number[i] != '0' || n == i + 1);
}

/* Whether a number of JSON is beyond int64 or beyond f64. Most are settled by their
 * length. */
static bool is_beyond(const char *number, size_t n)
{
    char copy[400];
    if (n < 3 || n >= sizeof copy) {
        return n >= sizeof copy;
    }
    memcpy(copy, number, n);
    copy[n] = '\0';
    errno = 0;
    if (is_integer(number, n)) {
        (void)strtoll(copy, NULL, 10);
        return errno == ERANGE;
    }
    return isinf(strtod(copy, NULL)) != 0;
}

/* Bytes of a number at `text` that JSON or jansson does not hold, or 0. */
static size_t strange_number(const char *text, size_t n, size_t *n_number)
{
    static const char *const names[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (n >= length && memcmp(text, names[i], length) == 0) {
            *n_number = length;
            return length;
        }
    }
    *n_number = 0;
    while (*n_number < n && is_number_byte(text[*n_number])) {
        (*n_number)++;
    }
    return is_beyond(text, *n_number) ? *n_number : 0;
}

static unsigned read_hex(const char *text)
{
    unsigned value = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned digit = c >= '0' && c <= '9'   ? c - 48u
                         : c >= 'a' && c <= 'f' ? c - 87u
                         : c >= 'A' && c <= 'F' ? c - 55u
                                                : 0x10000;
        value = value * 16 + digit;
    }
    return value;
}

/* Bytes of the escape at `text`; is_half: half of a surrogate pair. */
static size_t measure_escape(const char *text, size_t n, bool *is_half)
{
    *is_half = false;
    if (n < 6 || text[1] != 'u') {
        return n < 2 ? n : 2;
    }
    unsigned code = read_hex(text + 2);
    bool is_first = code >= 0xd800 && code < 0xdc00;
    if (is_first && n >= 12 && text[6] == '\\' && text[7] == 'u') {
        unsigned second = read_hex(text + 8);
        if (second >= 0xdc00 && second < 0xe000) {
            return 12;
        }
    }
    *is_half = code >= 0xd800 && code < 0xe000;
    return 6;
}

/* A copy of a row with what jansson does not hold replaced; *n_mended is how often. */
static attrib_status mend(
    const char *text, size_t n, at_buffer *out, size_t *n_mended, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t copied = 0;
    bool is_in_string = false;
    size_t step = 0;
    *n_mended = 0;
    for (size_t i = 0; i < n; i += step) {
        bool is_half = false;
        size_t n_strange = 0;
        step = 1;
        if (text[i] == '"') {
            is_in_string = !is_in_string;
        } else if (is_in_string && text[i] == '\\') {
            step = measure_escape(text + i, n - i, &is_half);
        } else if (!is_in_string) {
            n_strange = strange_number(text + i, n - i, &step);
            step = step ? step : 1;
        }
        if (!is_half && !n_strange) {
            continue;
        }
        AT_TRY(at_buffer_append(out, text + copied, i - copied, err));
        AT_TRY(at_buffer_print(out, err, is_half ? "\\u0000" : "\"\\u0000%.*s\"",
                               (int)n_strange, text + i));
        copied = i + step;
        (*n_mended)++;
    }
    AT_TRY(at_buffer_append(out, text + copied, n - copied, err));
done:
    return status;
}

/* 2. Parsing */

static bool has_too_many_values(const char *text, size_t n)
{
    size_t n_values = 0;
    for (size_t i = 0; n > MAX_VALUES && i < n; i++) {
        n_values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    }
    return n_values > MAX_VALUES;
}

static json_t *load(const char *text, size_t n, json_error_t *error)
{
    memset(error, 0, sizeof *error);
    return json_loadb(n ? text : "", n,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}

/* Where a key stands twice the parser stops after its closing quote. */
static attrib_status rename_key(at_buffer *text, size_t behind, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer out = {0};
    AT_TRY(at_buffer_append(&out, text->bytes, behind - 1, err));
    AT_TRY(at_buffer_print(&out, err, "\\u0001"));
    AT_TRY(at_buffer_append(&out, text->bytes + behind - 1, text->n_bytes - behind + 1,
                            err));
    at_buffer_free(text);
    *text = out;
    out = (at_buffer){0};
done:
    at_buffer_free(&out);
    return status;
}

/* Parse what jansson refused, mended; NULL in *out where that does not help. */
static attrib_status parse_mended(
    const char *text, size_t n, json_error_t *error, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer copy = {0};
    size_t n_mended = 0;
    AT_TRY(mend(text, n, &copy, &n_mended, err));
    *out = n_mended ? load(copy.bytes, copy.n_bytes, error) : NULL;
    for (size_t i = 0; !*out && i < MAX_TWICE; i++) {
        size_t behind = (size_t)error->position;
        if (json_error_code(error) != json_error_duplicate_key || behind < 1 ||
            behind > copy.n_bytes || copy.bytes[behind - 1] != '"') {
            break;
        }
        AT_TRY(rename_key(&copy, behind, err));
        *out = load(copy.bytes, copy.n_bytes, error);
    }
done:
    at_buffer_free(&copy);
    return status;
}

static attrib_status fail_parse(const char *name,
                                const json_error_t *error,
                                attrib_error *err)
{
    enum json_error_code code = json_error_code(error);
    if (error->text[0] == '\0' || code == json_error_out_of_memory) {
        return at_fail(err, ATTRIB_ENOMEM, "%s: out of memory for its JSON", name);
    }
    if (code == json_error_null_byte_in_key) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: JSON: \\u0000 in a key", name);
    }
    return at_fail(err, ATTRIB_EFORMAT, "%s: JSON, column %d: %s", name, error->column,
                   error->text);
}

attrib_status at_row_parse(
    const char *name, const char *text, size_t n_bytes, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *row = NULL;
    json_error_t error;
    bool is_strange = false;
    AT_CHECK(!has_too_many_values(text, n_bytes), ATTRIB_ERANGE,
             "%s: a row of more than %zu values", name, MAX_VALUES);
    row = load(text, n_bytes, &error);
    is_strange = !row || memmem(text, n_bytes, "\\u0000", 6);
    if (!row) {
        AT_TRY(parse_mended(text, n_bytes, &error, &row, err));
    }
    if (!row) {
        status = fail_parse(name, &error, err);
        goto done;
    }
    AT_CHECK(json_is_object(row), ATTRIB_EFORMAT, "%s: a row that is no object", name);
    if (is_strange && json_object_set_new(row, AT_ROW_OWN, json_true()) != 0) {
        status = at_fail(err, ATTRIB_ENOMEM, "%s: out of memory for its JSON", name);
        goto done;
    }
    *out = row;
    row = NULL;
done:
    json_decref(row);
    return status;
}

/* 3. What was mended */

bool at_row_is_strange(const json_t *row)
{
    return json_object_get(row, AT_ROW_OWN) != NULL;
}

bool at_row_is_twice(const char *key)
{
    size_t n = strlen(key);
    return n > 0 && key[n - 1] == *AT_ROW_OWN;
}

const char *at_row_number(const json_t *value, bool *is_whole)
{
    const char *text = json_string_value(value);
    size_t n = json_string_length(value);
    size_t n_number = 0;
    if (n < 2 || text[0] != '\0' || strange_number(text + 1, n - 1, &n_number) != n - 1) {
        return NULL;
    }
    *is_whole = is_integer(text + 1, n - 1);
    return text + 1;
}

bool at_row_is_binary(const json_t *value)
{
    static const char mark[] = "\0binary"; /* AT_COLUMN_BINARY_MARK, parsed */
    return json_string_length(value) == sizeof mark - 1 &&
           memcmp(json_string_value(value), mark, sizeof mark - 1) == 0;
}

/* The keys of an object that stand once; a field is judged with all that is in it. Not
 * const for jansson, which iterates only so. */
static attrib_status check_value(const char *name,
                                 const char *field,
                                 json_t *value,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_whole = false;
    const char *number = at_row_number(value, &is_whole);
    AT_CHECK(!number, ATTRIB_EFORMAT, "%s: field \"%s\": the number %.40s is not read",
             name, field, number);
    AT_CHECK(!at_row_is_binary(value), ATTRIB_EFORMAT,
             "%s: field \"%s\": binary that is no text", name, field);
    AT_CHECK(!json_is_string(value) ||
                 !memchr(json_string_value(value), '\0', json_string_length(value)),
             ATTRIB_EFORMAT,
             "%s: field \"%s\": \\u0000 or half of a surrogate pair, which no text holds",
             name, field);
    for (size_t i = 0; i < json_array_size(value); i++) {
        AT_TRY(check_value(name, field, json_array_get(value, i), err));
    }
    for (void *it = json_object_iter(value); it; it = json_object_iter_next(value, it)) {
        AT_CHECK(!at_row_is_twice(json_object_iter_key(it)), ATTRIB_EFORMAT,
                 "%s: field \"%s\": a key stands twice in it", name, field);
        AT_TRY(check_value(name, field, json_object_iter_value(it), err));
    }
done:
    return status;
}

attrib_status at_row_check_used(const char *name,
                                json_t *row,
                                const char *field,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer twice = {0};
    const json_t *found = at_row_at(row, field);
    json_t *value = NULL;
    memcpy(&value, &found, sizeof value); /* as the row is the caller's to change */
    AT_TRY(at_buffer_print(&twice, err, "%s" AT_ROW_OWN, field));
    AT_CHECK(!json_object_get(row, twice.bytes), ATTRIB_EFORMAT,
             "%s: field \"%s\" stands twice (duplicate)", name, field);
    AT_TRY(check_value(name, field, value, err));
done:
    at_buffer_free(&twice);
    return status;
}
