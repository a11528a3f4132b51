/* SPDX-License-Identifier: MIT */
/* Tables of comma-separated values: RFC 4180, and what is refused. */
#include <math.h>
#include <string.h>

#include "format/csv.h"
#include "support/check.h"

static at_csv parse(const char *text)
{
    at_csv table = {0};
    attrib_error err = {0};
    check_ok(at_csv_parse("t.csv", text, strlen(text), &table, &err), &err);
    return table;
}

static void check_refused(const char *text, size_t n, const char *message)
{
    at_csv table = {0};
    attrib_error err = {0};
    check_fails(at_csv_parse("t.csv", text, n, &table, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, message);
    assert_null(table.cells);
}

static void test_csv__reads_quotes_and_either_end_of_a_line(void **state)
{
    (void)state;
    at_csv table = parse("\xEF\xBB\xBF"
                         "a,\"b \"\"c\"\"\",\r\n\n\"x,\r\ny\",,z\r\n,,");
    assert_int_equal(table.n_columns, 3);
    assert_int_equal(table.n_rows, 3);
    assert_string_equal(at_csv_cell(&table, 0, 0), "a");
    assert_string_equal(at_csv_cell(&table, 0, 1), "b \"c\"");
    assert_string_equal(at_csv_cell(&table, 0, 2), "");
    assert_string_equal(at_csv_cell(&table, 1, 0), "x,\r\ny");
    assert_string_equal(at_csv_cell(&table, 1, 2), "z");
    assert_string_equal(at_csv_cell(&table, 2, 2), "");
    assert_int_equal(table.lines[1], 3);
    assert_int_equal(table.lines[2], 5);
    assert_int_equal(at_csv_column(&table, "b \"c\""), 1);
    assert_int_equal(at_csv_column(&table, "d"), SIZE_MAX);
    at_csv_free(&table);
}

static void test_csv__takes_finite_decimal_numbers_only(void **state)
{
    (void)state;
    static const char *const bad[] = {"1 ",    "0x10", "inf", "nan",
                                      "1e400", "1,5",  "-",   "."};
    at_csv table = parse("x\n-1.5e2\n\"\"\n");
    double number = 0;
    attrib_error err = {0};
    check_ok(at_csv_number(&table, 1, 0, &number, &err), &err);
    assert_true(number == -150);
    check_ok(at_csv_number(&table, 2, 0, &number, &err), &err);
    assert_true(isnan(number));
    at_csv_free(&table);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[32] = "x\n\"";
        strcat(strcat(text, bad[i]), "\"");
        table = parse(text);
        err = (attrib_error){0};
        check_fails(at_csv_number(&table, 1, 0, &number, &err), ATTRIB_EFORMAT, &err);
        check_message(&err, "t.csv line 2");
        check_message(&err, "in the column \"x\" is not a finite number");
        at_csv_free(&table);
    }
}

static void test_csv__says_what_is_wrong_and_where(void **state)
{
    (void)state;

    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "t.csv: empty"},
        {"\n\r\n", "t.csv: empty"},
        {"a,b\n1\n", "t.csv line 2: 1 cells, the header has 2"},
        {"a\n\n1,2", "t.csv line 3: 2 cells, the header has 1"},
        {"a\n\"b\nc", "t.csv line 2: a quote is not closed"},
        {"a\n\"b\"c\n", "t.csv line 2: a comma or the end of the line must follow"},
        {"a\nb\"c\n", "t.csv line 2: a quote in a cell that does not begin with one"},
        {"a\n\xFF\n", "t.csv line 2: not UTF-8"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_refused(cases[i].text, strlen(cases[i].text), cases[i].message);
    }
    check_refused("a\nb\0c\n", 6, "t.csv line 2: a byte of value 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv__reads_quotes_and_either_end_of_a_line),
        cmocka_unit_test(test_csv__takes_finite_decimal_numbers_only),
        cmocka_unit_test(test_csv__says_what_is_wrong_and_where),
    };
    return run_cases(tests, NULL, NULL);
}
