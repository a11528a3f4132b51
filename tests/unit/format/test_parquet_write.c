/* SPDX-License-Identifier: MIT */
/* Parquet files that are written, read back by the library's reader.
 * scripts/compare-exports reads files of exports by programs of others. */
#include <stdio.h>

#include "format/parquet.h"
#include "format/parquet_write.h"
#include "made_rows.h"
#include "support/check.h"

static void write_groups(const char *path, size_t n_groups, size_t n, size_t n_few)
{
    attrib_error err = {0};
    at_output output = {0};
    at_parquet_writer *writer = NULL;
    made_rows schema;
    make_rows(&schema, 0, 0, 1);
    check_ok(at_output_open(path, &output, &err), &err);
    check_ok(at_parquet_writer_new(&output, &schema.table, &writer, &err), &err);
    for (size_t g = 0; g < n_groups; g++) {
        made_rows group;
        make_rows(&group, g * n, n, n_few);
        check_ok(at_parquet_write_group(writer, &group.table, &err), &err);
        free_rows(&group);
    }
    check_ok(at_parquet_write_footer(writer, &err), &err);
    check_ok(at_output_commit(&output, &err), &err);
    at_parquet_writer_free(writer);
    free_rows(&schema);
}

/* Write groups of n rows and read them back; n_few sets the width of places. */
static void check_groups(size_t n_groups, size_t n, size_t n_few)
{
    char folder[256];
    char path[300];
    attrib_error err = {0};
    at_map map = {0};
    at_parquet *file = NULL;
    const at_column *row = NULL;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/x.parquet", folder);
    write_groups(path, n_groups, n, n_few);
    check_ok(at_map_open(path, &map, &err), &err);
    check_ok(at_parquet_open("x", map.bytes, map.n_bytes, NULL, &file, &err), &err);
    for (size_t g = 0; g < n_groups; g++) {
        made_rows group;
        make_rows(&group, g * n, n, n_few);
        for (size_t i = 0; i < n; i++) {
            check_ok(at_parquet_next(file, &row, &err), &err);
            check_row(row, 0, &group, i);
        }
        free_rows(&group);
    }
    assert_int_equal(at_parquet_next(file, &row, &err), ATTRIB_END);
    at_parquet_close(file);
    at_map_close(&map);
    remove_folder(folder);
}

static void test_parquet_write__rows_read_back(void **state)
{
    (void)state;
    check_groups(1, 1, 1);
    check_groups(3, 7, 1);
    check_groups(2, 8, 2);
    check_groups(2, 1000, 3);
    check_groups(15, 3, 2); /* lists of more than 14 groups have a long header */
    check_groups(20, 11, 5);
}

/* Places of 8, 9 and 16 bits, and more rows than a page holds. */
static void test_parquet_write__places_of_any_width(void **state)
{
    (void)state;
    check_groups(1, 3000, 256);
    check_groups(1, 3000, 257);
    check_groups(1, 140000, 65536);
}

/* Texts that begin at one address are told apart by their lengths. */
static void test_parquet_write__texts_within_texts(void **state)
{
    (void)state;
    char folder[256];
    char path[300];
    attrib_error err = {0};
    at_output output = {0};
    at_parquet_writer *writer = NULL;
    at_map map = {0};
    at_parquet *file = NULL;
    static const char text[] = "within";
    const at_slice texts[] = {{text, 6}, {text, 4}, {text, 6}, {text, 4}};
    at_column column = {.name = "t", .kind = AT_COLUMN_TEXT, .n = 4, .values = texts};
    const at_column table = {
        .kind = AT_COLUMN_STRUCT, .n = 4, .children = &column, .n_children = 1};
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/x.parquet", folder);
    check_ok(at_output_open(path, &output, &err), &err);
    check_ok(at_parquet_writer_new(&output, &table, &writer, &err), &err);
    check_ok(at_parquet_write_group(writer, &table, &err), &err);
    check_ok(at_parquet_write_footer(writer, &err), &err);
    check_ok(at_output_commit(&output, &err), &err);
    at_parquet_writer_free(writer);
    check_ok(at_map_open(path, &map, &err), &err);
    check_ok(at_parquet_open("x", map.bytes, map.n_bytes, NULL, &file, &err), &err);
    for (size_t i = 0; i < 4; i++) {
        const at_column *row = NULL;
        check_ok(at_parquet_next(file, &row, &err), &err);
        const at_slice *got = row->children[0].values;
        assert_int_equal(got->n_bytes, texts[i].n_bytes);
        assert_memory_equal(got->bytes, text, got->n_bytes);
    }
    at_parquet_close(file);
    at_map_close(&map);
    remove_folder(folder);
}

static void test_parquet_write__no_rows(void **state)
{
    (void)state;
    check_groups(0, 0, 1);
    check_groups(1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parquet_write__rows_read_back),
        cmocka_unit_test(test_parquet_write__places_of_any_width),
        cmocka_unit_test(test_parquet_write__texts_within_texts),
        cmocka_unit_test(test_parquet_write__no_rows),
    };
    return run_cases(tests, NULL, NULL);
}
