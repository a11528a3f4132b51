/* SPDX-License-Identifier: MIT */
/* A report as text. Members of the object are lines, arrays of objects are tables,
 * objects are indented. */
#include <stdlib.h>
#include <string.h>

#include "export/cells.h"
#include "export/inspect.h"
#include "export/write.h"

#define MAX_CELL 60 /* characters of a table's text */

/* 12,345,678 */
static attrib_status append_integer(at_buffer *out, json_int_t value, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer digits = {0};
    AT_TRY(at_buffer_print(&digits, err, "%" JSON_INTEGER_FORMAT, value));
    for (size_t i = 0; i < digits.n_bytes; i++) {
        size_t left = digits.n_bytes - i;
        bool is_group = i > 0 && left % 3 == 0 && digits.bytes[i - 1] != '-';
        AT_TRY(at_buffer_append(out, ",", is_group, err));
        AT_TRY(at_buffer_append(out, digits.bytes + i, 1, err));
    }
done:
    at_buffer_free(&digits);
    return status;
}

/* An item of an array: text or an integer, whose commas would be taken for the array's.
 */
static attrib_status append_item(at_buffer *out,
                                 const json_t *item,
                                 size_t width,
                                 attrib_error *err)
{
    return json_is_string(item) ? at_print_tail(out, json_string_value(item),
                                                &(at_frame){.width = width}, err)
                                : at_buffer_print(out, err, "%" JSON_INTEGER_FORMAT,
                                                  json_integer_value(item));
}

/* Text on one line, control characters made visible, its start left out where it is
 * longer than `width`. */
static attrib_status append_value(at_buffer *out,
                                  const json_t *value,
                                  size_t width,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    switch (json_typeof(value)) {
    case JSON_STRING:
        return at_print_tail(out, json_string_value(value), &(at_frame){.width = width},
                             err);
    case JSON_INTEGER:
        return append_integer(out, json_integer_value(value), err);
    case JSON_REAL:
        return at_buffer_print(out, err, "%.6g", json_real_value(value));
    case JSON_TRUE:
        return at_buffer_print(out, err, "yes");
    case JSON_FALSE:
        return at_buffer_print(out, err, "no");
    case JSON_ARRAY:
        if (json_array_size(value) == 0) {
            return at_buffer_print(out, err, "-");
        }
        AT_TRY(at_buffer_append(out, "[", 1, err));
        for (size_t i = 0; i < json_array_size(value); i++) {
            AT_TRY(at_buffer_append(out, ", ", i > 0 ? 2 : 0, err));
            AT_TRY(append_item(out, json_array_get(value, i), width, err));
        }
        return at_buffer_append(out, "]", 1, err);
    case JSON_OBJECT:
    case JSON_NULL:
        return at_buffer_print(out, err, "-");
    }
done:
    return status;
}

/* How many characters UTF-8 text has. */
static size_t count_characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return n;
}

/* Append text in a column of `width` characters. */
static attrib_status append_column(
    at_buffer *out, const char *text, size_t width, bool is_right, attrib_error *err)
{
    size_t n = count_characters(text);
    int padding = n < width ? (int)(width - n) : 0;
    return is_right ? at_buffer_print(out, err, "%*s%s", padding, "", text)
                    : at_buffer_print(out, err, "%s%*s", text, padding, "");
}

static attrib_status append_label(
    at_buffer *out, const char *key, size_t width, bool is_right, attrib_error *err)
{
    char label[64];
    size_t n = strlen(key) < sizeof label ? strlen(key) : sizeof label - 1;
    memcpy(label, key, n);
    for (char *c = memchr(label, '_', n); c;
         c = memchr(c, '_', n - (size_t)(c - label))) {
        *c = ' ';
    }
    label[n] = '\0';
    return append_column(out, label, width, is_right, err);
}

/* 1. Tables */

/* One cell; objects of a table have the same members. */
static attrib_status append_cell(
    at_buffer *out, const json_t *row, const char *key, size_t width, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    const json_t *value = json_object_get(row, key);
    AT_TRY(at_buffer_append(&text, "", 0, err));
    if (value) {
        AT_TRY(append_value(&text, value, MAX_CELL, err));
    }
    AT_TRY(append_column(out, text.bytes, width, json_is_number(value), err));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status width_of_column(const json_t *rows,
                                     const char *key,
                                     size_t *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    size_t width = strlen(key);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        at_buffer_clear(&text);
        AT_TRY(append_cell(&text, json_array_get(rows, i), key, 0, err));
        size_t n = count_characters(text.bytes);
        width = n > width ? n : width;
    }
    *out = width;
done:
    at_buffer_free(&text);
    return status;
}

/* The head and the rows of one table, column by column into a text a row. */
static attrib_status append_table(at_buffer *out,
                                  json_t *rows,
                                  size_t indent,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_rows = json_array_size(rows);
    at_buffer *lines = NULL;
    const char *key = NULL;
    json_t *first = json_array_get(rows, 0);
    json_t *value = NULL;
    AT_TRY(at_array(n_rows + 1, sizeof *lines, &lines, err));
    json_object_foreach(first, key, value)
    {
        size_t width = 0;
        AT_TRY(width_of_column(rows, key, &width, err));
        AT_TRY(append_label(&lines[0], key, width, json_is_number(value), err));
        AT_TRY(at_buffer_append(&lines[0], "  ", 2, err));
        for (size_t i = 0; i < n_rows; i++) {
            AT_TRY(append_cell(&lines[i + 1], json_array_get(rows, i), key, width, err));
            AT_TRY(at_buffer_append(&lines[i + 1], "  ", 2, err));
        }
    }
    for (size_t i = 0; i < n_rows + 1; i++) {
        size_t n = lines[i].n_bytes;
        while (n > 0 && lines[i].bytes[n - 1] == ' ') {
            n--;
        }
        AT_TRY(at_buffer_print(out, err, "%*s%.*s\n", (int)indent, "", (int)n,
                               n ? lines[i].bytes : ""));
    }
done:
    for (size_t i = 0; lines && i < n_rows + 1; i++) {
        at_buffer_free(&lines[i]);
    }
    free(lines);
    return status;
}

/* 2. Members */

static bool is_table(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static size_t width_of_labels(json_t *object)
{
    size_t width = 0;
    const char *key = NULL;
    const json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        size_t n = json_is_object(value) || is_table(value) ? 0 : strlen(key);
        width = n > width ? n : width;
    }
    return width;
}

/* NOLINTNEXTLINE(misc-no-recursion): nesting is ours, not a file's: three levels. */
static attrib_status append_members(at_buffer *out,
                                    json_t *object,
                                    size_t indent,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t width = width_of_labels(object);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        bool is_nested = json_is_object(value) || is_table(value);
        AT_TRY(at_buffer_print(out, err, "%*s", (int)indent, ""));
        AT_TRY(append_label(out, key, is_nested ? 0 : width, false, err));
        if (json_is_object(value)) {
            AT_TRY(at_buffer_append(out, "\n", 1, err));
            AT_TRY(append_members(out, value, indent + 2, err));
        } else if (is_table(value)) {
            AT_TRY(at_buffer_append(out, "\n", 1, err));
            AT_TRY(append_table(out, value, indent + 2, err));
        } else {
            AT_TRY(at_buffer_append(out, "  ", 2, err));
            AT_TRY(append_value(out, value, 4096, err));
            AT_TRY(at_buffer_append(out, "\n", 1, err));
        }
    }
done:
    return status;
}

attrib_status at_print_report(at_buffer *out, json_t *report, attrib_error *err)
{
    return append_members(out, report, 0, err);
}
