/* SPDX-License-Identifier: MIT */
/* Any analysis as a listing, JSON and CSV, and as little of it as a terminal should see.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analyze/analyze.h"
#include "attrib/export.h"
#include "base/file.h"
#include "format/json.h"
#include "support/check.h"

static char folder[256];
static char path[300];
static attrib_analysis *analysis;

static const attrib_column columns[] = {
    {"query", "text", "id", false},           {"share", "share", "of all", false},
    {"n", "documents", "counted", false},     {"x", "score", "of it", false},
    {"more", "score", "only in files", true},
};

static const attrib_column other_columns[] = {{"name", "text", "of it", false}};

static void add_row(const char *text, double share, double n, double x)
{
    attrib_error err = {0};
    const attrib_cell row[] = {at_text_cell(text), at_number_cell(share),
                               at_number_cell(n), at_number_cell(x), at_number_cell(0.5)};
    check_ok(at_analysis_row(analysis, row, &err), &err);
}

static int set_up(void **state)
{
    attrib_error err = {0};
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/out", folder);
    check_ok(at_analysis_new("kind", &analysis, &err), &err);
    check_ok(at_analysis_begin(analysis, "kind", "A table", columns, 5, &err), &err);
    add_row("plain", 0.25, 12, -1234.5678);
    add_row("=1+1, \"q\"\x1b[31m", 1e-9, 1e9, 3e-7);
    add_row(NULL, (double)NAN, (double)NAN, (double)NAN);
    check_ok(at_analysis_begin(analysis, "empty", "Nothing", other_columns, 1, &err),
             &err);
    check_ok(at_analysis_say(analysis, &err, "A note on %s.", "it"), &err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    attrib_analysis_free(analysis);
    remove_folder(folder);
    return 0;
}

static at_buffer print(attrib_analysis_format format, const char *table, size_t n_shown)
{
    attrib_error err = {0};
    at_buffer text = {0};
    attrib_text_options options;
    attrib_text_options_default(&options);
    options.n_shown = n_shown;
    options.width = 40;
    check_ok(attrib_export_analysis(analysis, format, table, &options, path, &err), &err);
    check_ok(at_read_file(path, 1 << 20, &text, &err), &err);
    return text;
}

static void test_export_analysis__csv_is_harmless_and_whole(void **state)
{
    (void)state;
    at_buffer text = print(ATTRIB_ANALYSIS_CSV, NULL, 1);
    assert_string_equal(
        text.bytes, "query,share,n,x,more\r\n"
                    "plain,0.25,12,-1234.5678,0.5\r\n"
                    "\"'=1+1, \"\"q\"\"\xE2\x90\x9B[31m\",1e-09,1000000000,3e-07,0.5\r\n"
                    ",,,,0.5\r\n");
    at_buffer_free(&text);
    text = print(ATTRIB_ANALYSIS_CSV, "empty", 0);
    assert_string_equal(text.bytes, "name\r\n");
    at_buffer_free(&text);
}

static void test_export_analysis__json_has_all_tables(void **state)
{
    (void)state;
    attrib_error err = {0};
    json_t *json = NULL;
    at_buffer text = print(ATTRIB_ANALYSIS_JSON, NULL, 1);
    check_ok(at_json_parse("out", text.bytes, text.n_bytes, &json, &err), &err);
    const json_t *tables = json_object_get(json, "tables");
    assert_int_equal(json_array_size(tables), 2);
    const json_t *rows = json_object_get(json_array_get(tables, 0), "rows");
    assert_int_equal(json_array_size(rows), 3);
    const json_t *row = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(row, "query")),
                        "=1+1, \"q\"\x1b[31m");
    assert_true(json_number_value(json_object_get(row, "x")) == 3e-7);
    row = json_array_get(rows, 2);
    assert_true(json_is_null(json_object_get(row, "query")));
    assert_true(json_is_null(json_object_get(row, "share")));
    const json_t *notes = json_object_get(json, "notes");
    assert_string_equal(json_string_value(json_array_get(notes, 0)), "A note on it.");
    json_decref(json);
    at_buffer_free(&text);
}

static void test_export_analysis__listings_are_aligned_and_safe(void **state)
{
    (void)state;
    at_buffer text = print(ATTRIB_ANALYSIS_TEXT, NULL, 0);
    assert_string_equal(text.bytes,
                        "A table\n\n"
                        "query           share           n      x\n"
                        "plain           0.250          12  -1235\n"
                        "=1+1, \"q\"\xE2\x90\x9B[31m  0.000  1000000000  3e-07\n"
                        "-                   -           -      -\n\n"
                        "Nothing\n\nname\n(none)\n\nA note on it.\n");
    at_buffer_free(&text);
    text = print(ATTRIB_ANALYSIS_TEXT, NULL, 1);
    assert_non_null(strstr(text.bytes, "1 of 3 rows (--rows 0 lists all)"));
    assert_null(strstr(text.bytes, "1000000000"));
    at_buffer_free(&text);
}

static void test_export_analysis__unknown_tables_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    check_fails(
        attrib_export_analysis(analysis, ATTRIB_ANALYSIS_CSV, "kinds", NULL, path, &err),
        ATTRIB_EINVAL, &err);
    check_message(&err, "no table \"kinds\": there are kind, empty");
    assert_false(at_is_there(path));
    err = (attrib_error){0};
    check_fails(attrib_export_analysis(analysis, (attrib_analysis_format)7, NULL, NULL,
                                       path, &err),
                ATTRIB_EINVAL, &err);
    err = (attrib_error){0};
    check_fails(attrib_export_analysis(analysis, ATTRIB_ANALYSIS_JSON, NULL, NULL,
                                       "/dev/full", &err),
                ATTRIB_EIO, &err);
}

int main(void)
{
#define CASE(name)                                                                       \
    cmocka_unit_test_setup_teardown(test_export_analysis__##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(csv_is_harmless_and_whole),
        CASE(json_has_all_tables),
        CASE(listings_are_aligned_and_safe),
        CASE(unknown_tables_are_refused),
    };
    return run_cases(tests, NULL, NULL);
}
