/* SPDX-License-Identifier: MIT */
/* Rows of columns as JSON. Dates, times and decimals are those that Python's datetime and
 * decimal print. */
#include "format/columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

#define SLICE(text)                                                                      \
    {                                                                                    \
        (text), sizeof(text) - 1                                                         \
    }

/* One value of a column "x" as JSON. */
static void check_value(at_column column, size_t i, const char *want)
{
    attrib_error err = {0};
    at_buffer row = {0};
    char whole[256];
    column.name = "x";
    const at_column table = {
        .kind = AT_COLUMN_STRUCT, .n = column.n, .children = &column, .n_children = 1};
    check_ok(at_columns_append_row("f:1", &table, i, &row, &err), &err);
    snprintf(whole, sizeof whole, "{\"x\":%s}", want);
    assert_string_equal(row.bytes, whole);
    at_buffer_free(&row);
}

static void test_columns__numbers_keep_their_digits(void **state)
{
    (void)state;
    const int64_t integers[] = {INT64_MIN, -1, INT64_MAX};
    const uint64_t naturals[] = {0, UINT64_MAX};
    const double reals[] = {1.0, 0.1, -0.0, 1e300, (double)NAN, HUGE_VAL, -HUGE_VAL};
    const char *const real_texts[] = {"1.0",      "0.10000000000000001",
                                      "-0.0",     "1.0000000000000001e+300",
                                      "NaN",      "Infinity",
                                      "-Infinity"};
    const uint8_t bits[] = {0, 1};
    at_column column = {.kind = AT_COLUMN_INT, .n = 3, .values = integers};
    check_value(column, 0, "-9223372036854775808");
    check_value(column, 2, "9223372036854775807");
    column = (at_column){.kind = AT_COLUMN_UINT, .n = 2, .values = naturals};
    check_value(column, 1, "18446744073709551615");
    column = (at_column){.kind = AT_COLUMN_FLOAT, .n = 7, .values = reals};
    for (size_t i = 0; i < 7; i++) {
        check_value(column, i, real_texts[i]);
    }
    column = (at_column){.kind = AT_COLUMN_BOOL, .n = 2, .values = bits};
    check_value(column, 0, "false");
    check_value(column, 1, "true");
    check_value((at_column){.kind = AT_COLUMN_NULL, .n = 1}, 0, "null");
}

static void test_columns__dates_and_times_are_iso_text(void **state)
{
    (void)state;
    const int64_t days[] = {0, -1, 11016, -719162, 2932896, 19782};
    const char *const day_texts[] = {"\"1970-01-01\"", "\"1969-12-31\"",
                                     "\"2000-02-29\"", "\"0001-01-01\"",
                                     "\"9999-12-31\"", "\"2024-02-29\""};
    const int64_t moments[] = {0, -1, 951868799000001, 1700000000123000, INT64_MIN};
    const char *const moment_texts[] = {
        "\"1970-01-01T00:00:00+00:00\"", "\"1969-12-31T23:59:59.999999+00:00\"",
        "\"2000-02-29T23:59:59.000001+00:00\"", "\"2023-11-14T22:13:20.123+00:00\"",
        "\"-290308-12-21T19:59:05.224192+00:00\""};
    const int64_t times[] = {86399999999999, 0, 86400000000000, -1};
    at_column column = {.kind = AT_COLUMN_DATE, .n = 6, .values = days};
    for (size_t i = 0; i < 6; i++) {
        check_value(column, i, day_texts[i]);
    }
    column = (at_column){.kind = AT_COLUMN_TIMESTAMP,
                         .n = 5,
                         .values = moments,
                         .per_second = 1000000,
                         .is_utc = true};
    for (size_t i = 0; i < 5; i++) {
        check_value(column, i, moment_texts[i]);
    }
    column.is_utc = false;
    check_value(column, 0, "\"1970-01-01T00:00:00\"");
    column = (at_column){
        .kind = AT_COLUMN_TIME, .n = 4, .values = times, .per_second = 1000000000};
    check_value(column, 0, "\"23:59:59.999999999\"");
    check_value(column, 1, "\"00:00:00\"");
    check_value(column, 2, "\"86400000000000\"");
    check_value(column, 3, "\"-1\"");
}

static void test_columns__decimals_keep_their_digits(void **state)
{
    (void)state;
    static const char least[33] = "\x80"; /* -2^255 in 32 bytes */
    const at_slice values[] = {
        SLICE("\x7b"), SLICE("\xff\x85"), SLICE("\0"), {least, 32}, SLICE("")};
    at_column column = {.kind = AT_COLUMN_DECIMAL, .n = 5, .values = values, .scale = 2};
    check_value(column, 0, "\"1.23\"");
    check_value(column, 1, "\"-1.23\"");
    check_value(column, 2, "\"0.00\"");
    check_value(column, 4, "\"0.00\"");
    column.scale = 5;
    check_value(column, 1, "\"-0.00123\"");
    column.scale = 0;
    check_value(column, 1, "\"-123\"");
    check_value(column, 3,
                "\"-5789604461865809771178549250434395392663499233282028201972879200395"
                "6564819968\"");
    column.scale = -2;
    check_value(column, 0, "\"12300\"");
    check_value(column, 2, "\"0\"");
}

static void test_columns__bytes_are_text_or_marked(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer row = {0};
    at_slice values[] = {SLICE("a\"\n\xc3\xa9"), SLICE("\xff\xd8")};
    const at_slice uuid[] = {SLICE("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14"
                                   "\x17\x40\x00")};
    at_column column = {.name = "x", .kind = AT_COLUMN_BINARY, .n = 2, .values = values};
    const at_column table = {
        .kind = AT_COLUMN_STRUCT, .n = 2, .children = &column, .n_children = 1};
    check_value(column, 0, "\"a\\\"\\n\xc3\xa9\"");
    check_value(column, 1, "\"\\u0000binary\"");
    column.kind = AT_COLUMN_TEXT;
    check_value(column, 0, "\"a\\\"\\n\xc3\xa9\"");
    check_fails(at_columns_append_row("f:1", &table, 1, &row, &err), ATTRIB_EFORMAT,
                &err);
    check_message(&err, "f:1: column \"x\": byte 0 of the text: not UTF-8");
    at_buffer_free(&row);
    column = (at_column){.kind = AT_COLUMN_UUID, .n = 1, .values = uuid};
    check_value(column, 0, "\"123e4567-e89b-12d3-a456-426614174000\"");
}

static void test_columns__lists_structs_and_maps_nest(void **state)
{
    (void)state;
    const int64_t numbers[] = {1, 2, 3};
    const uint8_t all_but_second[] = {1, 0, 1};
    const size_t offsets[] = {0, 2, 2, 3};
    const size_t pairs[] = {0, 3};
    const at_slice words[] = {SLICE("a"), SLICE("b"), SLICE("c")};
    at_column members[] = {
        {.name = "n", .kind = AT_COLUMN_INT, .n = 3, .values = numbers},
        {.name = "w",
         .kind = AT_COLUMN_TEXT,
         .n = 3,
         .is_valid = all_but_second,
         .values = words}};
    at_column structs = {
        .kind = AT_COLUMN_STRUCT, .n = 3, .children = members, .n_children = 2};
    at_column list = {.kind = AT_COLUMN_LIST,
                      .n = 3,
                      .is_valid = all_but_second,
                      .offsets = offsets,
                      .children = &structs,
                      .n_children = 1};
    check_value(list, 0, "[{\"n\":1,\"w\":\"a\"},{\"n\":2,\"w\":null}]");
    check_value(list, 1, "null");
    check_value(list, 2, "[{\"n\":3,\"w\":\"c\"}]");
    list.is_valid = NULL;
    check_value(list, 1, "[]");
    at_column map = {.kind = AT_COLUMN_MAP,
                     .n = 1,
                     .offsets = pairs,
                     .children = members,
                     .n_children = 2};
    check_value(map, 0, "{\"1\":\"a\",\"2\":null,\"3\":\"c\"}");
    at_column turned[] = {members[1], members[0]};
    turned[0].is_valid = NULL;
    map.children = turned;
    check_value(map, 0, "{\"a\":1,\"b\":2,\"c\":3}");
}

static void check_too_long(const at_column *column)
{
    attrib_error err = {0};
    at_buffer row = {0};
    at_column copy = *column;
    const at_column table = {
        .kind = AT_COLUMN_STRUCT, .n = 1, .children = &copy, .n_children = 1};
    check_fails(at_columns_append_row("f:1", &table, 0, &row, &err), ATTRIB_ERANGE, &err);
    assert_string_equal(err.message,
                        "f:1: column \"x\": a row of more than 268435456 bytes");
    assert_true(row.n_bytes < AT_COLUMNS_MAX_ROW + (2 << 20));
    at_buffer_free(&row);
}

/* Values that take few bytes of a file may take many of a row, which is given up before
 * it is whole: here 1 MiB for the name of each member. A text that is too long is not
 * looked at. */
static void test_columns__rows_that_grow_too_long_are_given_up(void **state)
{
    (void)state;
    static char name[(1 << 20) + 1];
    const size_t offsets[] = {0, 1000};
    const at_slice text = {"", AT_COLUMNS_MAX_ROW + 1};
    memset(name, 'a', sizeof name - 1);
    at_column member = {.name = name, .kind = AT_COLUMN_NULL, .n = 1000};
    at_column structs = {
        .kind = AT_COLUMN_STRUCT, .n = 1000, .children = &member, .n_children = 1};
    at_column pairs[] = {{.kind = AT_COLUMN_NULL, .n = 1000}, structs};
    check_too_long(&(at_column){.name = "x",
                                .kind = AT_COLUMN_LIST,
                                .n = 1,
                                .offsets = offsets,
                                .children = &structs,
                                .n_children = 1});
    check_too_long(&(at_column){.name = "x",
                                .kind = AT_COLUMN_MAP,
                                .n = 1,
                                .offsets = offsets,
                                .children = pairs,
                                .n_children = 2});
    check_too_long(
        &(at_column){.name = "x", .kind = AT_COLUMN_TEXT, .n = 1, .values = &text});
}

/* Large values are held to a limit, small ones are not asked about. */
static void test_columns__keep_the_limit(void **state)
{
    (void)state;
    const at_memory_limit low = {.bytes = 0x1p20};
    const at_memory_limit none = {.bytes = (double)INFINITY};
    attrib_error err = {0};
    check_ok(at_columns_check_memory(NULL, AT_COLUMNS_SMALL, &err), &err);
    check_ok(at_columns_check_memory(&none, (size_t)1 << 40, &err), &err);
    check_ok(at_columns_check_memory(&low, AT_COLUMNS_SMALL - 1, &err), &err);
    check_fails(at_columns_check_memory(&low, AT_COLUMNS_SMALL, &err), ATTRIB_ENOMEM,
                &err);
    check_message(&err, "1048576 bytes of values more do not fit a limit of 1 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns__keep_the_limit),
        cmocka_unit_test(test_columns__numbers_keep_their_digits),
        cmocka_unit_test(test_columns__dates_and_times_are_iso_text),
        cmocka_unit_test(test_columns__decimals_keep_their_digits),
        cmocka_unit_test(test_columns__bytes_are_text_or_marked),
        cmocka_unit_test(test_columns__lists_structs_and_maps_nest),
        cmocka_unit_test(test_columns__rows_that_grow_too_long_are_given_up),
    };
    return run_cases(tests, NULL, NULL);
}
