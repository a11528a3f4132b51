/* SPDX-License-Identifier: MIT */
/* Rows of columns as JSON.
 *
 * 1. Numbers   2. Dates and times   3. Bytes   4. Values */
#include "format/columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "format/utf8.h"

#define MAX_DECIMAL    32 /* bytes */
#define DECIMAL_DIGITS 78 /* of 2^256 */
#define SECONDS_OF_DAY 86400

/* 1. Numbers */

static attrib_status append_real(double value, at_buffer *out, attrib_error *err)
{
    char digits[40];
    if (isnan(value)) {
        return at_buffer_append(out, "NaN", 3, err);
    }
    if (isinf(value)) {
        return at_buffer_print(out, err, "%sInfinity", value < 0 ? "-" : "");
    }
    snprintf(digits, sizeof digits, "%.17g", value);
    return at_buffer_print(out, err, "%s%s", digits,
                           strpbrk(digits, ".e") ? "" : ".0"); /* stays a real */
}

/* Divide a big-endian number by ten in place; the remainder. */
static unsigned divide_by_ten(uint8_t *number, size_t n)
{
    unsigned rest = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned part = rest * 256 + number[i];
        number[i] = (uint8_t)(part / 10);
        rest = part % 10;
    }
    return rest;
}

/* The decimal digits of a number's magnitude, lowest first, at least n_least of them. */
static size_t take_digits(const at_slice *value,
                          size_t n_least,
                          char digits[DECIMAL_DIGITS + 1000],
                          bool *is_negative)
{
    uint8_t number[MAX_DECIMAL];
    size_t n = at_smaller(value->n_bytes, MAX_DECIMAL);
    size_t n_digits = 0;
    bool is_zero = false;
    memcpy(number, value->bytes, n);
    *is_negative = n > 0 && (number[0] & 0x80);
    unsigned carry = 1;
    for (size_t i = n; *is_negative && i > 0; i--) { /* -x = ~x + 1 */
        carry += (uint8_t)~number[i - 1];
        number[i - 1] = (uint8_t)carry;
        carry >>= 8;
    }
    while (n_digits < n_least || !is_zero) {
        digits[n_digits++] = (char)('0' + divide_by_ten(number, n));
        is_zero = true;
        for (size_t i = 0; i < n; i++) {
            is_zero = is_zero && number[i] == 0;
        }
    }
    return n_digits;
}

static attrib_status append_decimal(const at_slice *value,
                                    int32_t scale,
                                    at_buffer *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char digits[DECIMAL_DIGITS + 1000];
    bool is_negative = false;
    size_t n_behind = scale > 0 ? (size_t)scale : 0;
    size_t n = take_digits(value, n_behind + 1, digits, &is_negative);
    bool is_zero = n == 1 && digits[0] == '0';
    AT_TRY(at_buffer_append(out, "\"-", is_negative ? 2 : 1, err));
    for (size_t i = n; i > 0; i--) {
        AT_TRY(at_buffer_append(out, &digits[i - 1], 1, err));
        AT_TRY(at_buffer_append(out, ".", i - 1 == n_behind && n_behind > 0, err));
    }
    for (int32_t i = scale; i < 0 && !is_zero; i++) {
        AT_TRY(at_buffer_append(out, "0", 1, err));
    }
    AT_TRY(at_buffer_append(out, "\"", 1, err));
done:
    return status;
}

/* 2. Dates and times */

/* The proleptic Gregorian date, by Howard Hinnant's civil_from_days: years begin in March
 * and are counted in eras of 400, which have 146097 days each. */
static attrib_status append_date(int64_t days, at_buffer *out, attrib_error *err)
{
    int64_t shifted = days + 719468; /* days since 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    year += era * 400 + (month <= 2);
    return at_buffer_print(out, err, "%04lld-%02lld-%02lld", (long long)year,
                           (long long)month, (long long)day);
}

/* "23:59:59.123" of units since midnight. */
static attrib_status append_time(int64_t units,
                                 int64_t per_second,
                                 at_buffer *out,
                                 attrib_error *err)
{
    int64_t seconds = units / per_second;
    int64_t nanoseconds = units % per_second * (1000000000 / per_second);
    int digits = nanoseconds == 0             ? 0
                 : nanoseconds % 1000000 == 0 ? 3
                 : nanoseconds % 1000 == 0    ? 6
                                              : 9;
    char fraction[32];
    snprintf(fraction, sizeof fraction, ".%09lld", (long long)nanoseconds);
    return at_buffer_print(out, err, "%02lld:%02lld:%02lld%.*s",
                           (long long)(seconds / 3600), (long long)(seconds / 60 % 60),
                           (long long)(seconds % 60), digits ? digits + 1 : 0, fraction);
}

attrib_status at_columns_append_moment(int64_t days,
                                       int64_t units,
                                       int64_t per_second,
                                       bool is_utc,
                                       at_buffer *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(append_date(days, out, err));
    AT_TRY(at_buffer_append(out, "T", 1, err));
    AT_TRY(append_time(units, per_second, out, err));
    AT_TRY(at_buffer_append(out, "+00:00", is_utc ? 6 : 0, err));
done:
    return status;
}

static attrib_status append_timestamp(const at_column *column,
                                      int64_t value,
                                      at_buffer *out,
                                      attrib_error *err)
{
    int64_t of_day = SECONDS_OF_DAY * column->per_second;
    int64_t units = value % of_day;
    int64_t days = value / of_day - (units < 0);
    return at_columns_append_moment(days, units < 0 ? units + of_day : units,
                                    column->per_second, column->is_utc, out, err);
}

/* A time that is not within a day is written as its number of units. */
static attrib_status append_clock(const at_column *column,
                                  int64_t value,
                                  at_buffer *out,
                                  attrib_error *err)
{
    return value >= 0 && value / column->per_second < SECONDS_OF_DAY
               ? append_time(value, column->per_second, out, err)
               : at_buffer_print(out, err, "%lld", (long long)value);
}

static attrib_status append_quoted_time(const at_column *column,
                                        int64_t value,
                                        at_buffer *out,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(out, "\"", 1, err));
    if (column->kind == AT_COLUMN_DATE) {
        AT_TRY(append_date(value, out, err));
    } else if (column->kind == AT_COLUMN_TIME) {
        AT_TRY(append_clock(column, value, out, err));
    } else {
        AT_TRY(append_timestamp(column, value, out, err));
    }
    AT_TRY(at_buffer_append(out, "\"", 1, err));
done:
    return status;
}

/* 3. Bytes */

static attrib_status append_uuid(const at_slice *value, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(out, "\"", 1, err));
    for (size_t i = 0; i < value->n_bytes; i++) {
        bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
        AT_TRY(at_buffer_print(out, err, "%s%02x", has_dash ? "-" : "",
                               (unsigned char)value->bytes[i]));
    }
    AT_TRY(at_buffer_append(out, "\"", 1, err));
done:
    return status;
}

/* A few bytes of a file may stand for many of a row, so a row that grows too long is
 * given up on the way. */
static attrib_status check_size(const char *name,
                                const at_buffer *out,
                                size_t n_more,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(n_more <= AT_COLUMNS_MAX_ROW && out->n_bytes <= AT_COLUMNS_MAX_ROW - n_more,
             ATTRIB_ERANGE, "%s: a row of more than %zu bytes", name, AT_COLUMNS_MAX_ROW);
done:
    return status;
}

/* Text that is not UTF-8 is a fault; binary that is not has its mark. */
static attrib_status append_text(const char *name,
                                 const at_slice *value,
                                 bool is_binary,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t offset = 0;
    AT_TRY(check_size(name, out, value->n_bytes, err));
    if (at_utf8_is_valid(value->bytes, value->n_bytes, &offset)) {
        return at_json_append_text(out, value->bytes, value->n_bytes, err);
    }
    AT_CHECK(is_binary, ATTRIB_EFORMAT, "%s: byte %zu of the text: not UTF-8", name,
             offset);
    AT_TRY(at_buffer_print(out, err, "\"%s\"", AT_COLUMN_BINARY_MARK));
done:
    return status;
}

static attrib_status append_slice(const char *name,
                                  const at_column *column,
                                  const at_slice *value,
                                  at_buffer *out,
                                  attrib_error *err)
{
    switch (column->kind) {
    case AT_COLUMN_UUID:
        return append_uuid(value, out, err);
    case AT_COLUMN_DECIMAL:
        return append_decimal(value, column->scale, out, err);
    default:
        return append_text(name, value, column->kind == AT_COLUMN_BINARY, out, err);
    }
}

/* 4. Values */

static attrib_status append_value(const char *name,
                                  const at_column *column,
                                  size_t i,
                                  at_buffer *out,
                                  attrib_error *err);

static attrib_status append_list(const char *name,
                                 const at_column *column,
                                 size_t i,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = column->offsets[i];
    AT_TRY(at_buffer_append(out, "[", 1, err));
    for (size_t k = first; k < column->offsets[i + 1]; k++) {
        AT_TRY(check_size(name, out, 0, err));
        AT_TRY(at_buffer_append(out, ",", k > first, err));
        AT_TRY(append_value(name, column->children, k, out, err));
    }
    AT_TRY(at_buffer_append(out, "]", 1, err));
done:
    return status;
}

/* A key of an object: text as it is, any other value as its JSON in quotes. */
static attrib_status append_key(
    const char *name, const at_column *keys, size_t i, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer key = {0};
    AT_TRY(append_value(name, keys, i, &key, err));
    AT_TRY(key.bytes[0] == '"' ? at_buffer_append(out, key.bytes, key.n_bytes, err)
                               : at_json_append_text(out, key.bytes, key.n_bytes, err));
    AT_TRY(at_buffer_append(out, ":", 1, err));
done:
    at_buffer_free(&key);
    return status;
}

static attrib_status append_map(const char *name,
                                const at_column *column,
                                size_t i,
                                at_buffer *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = column->offsets[i];
    AT_TRY(at_buffer_append(out, "{", 1, err));
    for (size_t k = first; k < column->offsets[i + 1]; k++) {
        AT_TRY(check_size(name, out, 0, err));
        AT_TRY(at_buffer_append(out, ",", k > first, err));
        AT_TRY(append_key(name, &column->children[0], k, out, err));
        AT_TRY(append_value(name, &column->children[1], k, out, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

static attrib_status append_struct(const char *name,
                                   const at_column *column,
                                   size_t i,
                                   at_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(out, "{", 1, err));
    for (size_t k = 0; k < column->n_children; k++) {
        const at_column *child = &column->children[k];
        AT_TRY(at_buffer_append(out, ",", k > 0, err));
        AT_TRY(at_json_append_text(out, child->name, strlen(child->name), err));
        AT_TRY(at_buffer_append(out, ":", 1, err));
        AT_TRY(append_value(name, child, i, out, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

static attrib_status append_number(const at_column *column,
                                   size_t i,
                                   at_buffer *out,
                                   attrib_error *err)
{
    switch (column->kind) {
    case AT_COLUMN_BOOL:
        return at_buffer_print(out, err, "%s",
                               ((const uint8_t *)column->values)[i] ? "true" : "false");
    case AT_COLUMN_INT:
        return at_buffer_print(out, err, "%lld",
                               (long long)((const int64_t *)column->values)[i]);
    case AT_COLUMN_UINT:
        return at_buffer_print(out, err, "%llu",
                               (unsigned long long)((const uint64_t *)column->values)[i]);
    case AT_COLUMN_FLOAT:
        return append_real(((const double *)column->values)[i], out, err);
    default:
        return append_quoted_time(column, ((const int64_t *)column->values)[i], out, err);
    }
}

static attrib_status append_value(const char *name,
                                  const at_column *column,
                                  size_t i,
                                  at_buffer *out,
                                  attrib_error *err)
{
    if (column->kind == AT_COLUMN_NULL || (column->is_valid && !column->is_valid[i])) {
        return at_buffer_append(out, "null", 4, err);
    }
    switch (column->kind) {
    case AT_COLUMN_LIST:
        return append_list(name, column, i, out, err);
    case AT_COLUMN_STRUCT:
        return append_struct(name, column, i, out, err);
    case AT_COLUMN_MAP:
        return append_map(name, column, i, out, err);
    case AT_COLUMN_TEXT:
    case AT_COLUMN_BINARY:
    case AT_COLUMN_UUID:
    case AT_COLUMN_DECIMAL:
        return append_slice(name, column, &((const at_slice *)column->values)[i], out,
                            err);
    default:
        return append_number(column, i, out, err);
    }
}

attrib_status at_columns_append_row(
    const char *name, const at_column *table, size_t i, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer path = {0};
    AT_TRY(at_buffer_append(out, "{", 1, err));
    for (size_t k = 0; k < table->n_children; k++) {
        const at_column *column = &table->children[k];
        at_buffer_clear(&path);
        AT_TRY(at_buffer_print(&path, err, "%s: column \"%.100s\"", name, column->name));
        AT_TRY(at_buffer_append(out, ",", k > 0, err));
        AT_TRY(at_json_append_text(out, column->name, strlen(column->name), err));
        AT_TRY(at_buffer_append(out, ":", 1, err));
        AT_TRY(append_value(path.bytes, column, i, out, err));
        AT_TRY(check_size(path.bytes, out, 0, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    at_buffer_free(&path);
    return status;
}

attrib_status at_columns_check_memory(const at_memory_limit *limit,
                                      size_t n_bytes,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(!limit || n_bytes < AT_COLUMNS_SMALL ||
                 at_memory_has(limit, (double)n_bytes),
             ATTRIB_ENOMEM,
             "%zu bytes of values more do not fit a limit of %.0f MiB of memory", n_bytes,
             limit->bytes / 0x1p20);
done:
    return status;
}
