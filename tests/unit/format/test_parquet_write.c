/* SPDX-License-Identifier: MIT */
/* Parquet files that are written, read back by the library's reader.
 * scripts/compare-exports reads files of exports by programs of others. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/parquet.h"
#include "format/parquet_write.h"
#include "support/check.h"

/* Rows whose values follow from their number: an integer, a real, a text of few, a text
 * of many, a text that is mostly null, and nothing. */
enum { NUMBER, REAL, FEW, MANY, RARE, EMPTY, N_COLUMNS };

typedef struct rows {
    int64_t *numbers;
    double *reals;
    at_slice *few, *many, *rare;
    uint8_t *is_valid[N_COLUMNS];
    at_column columns[N_COLUMNS];
    at_column table;
    at_arena *arena;
} rows;

static const char *const names[] = {"number", "real", "few", "many", "rare", "empty"};
static const at_column_kind kinds[] = {AT_COLUMN_INT,  AT_COLUMN_FLOAT, AT_COLUMN_TEXT,
                                       AT_COLUMN_TEXT, AT_COLUMN_TEXT,  AT_COLUMN_INT};

/* A text that ends in a number. */
static at_slice make_text(rows *self, const char *start, size_t i)
{
    char text[64];
    at_slice out = {NULL, 0};
    attrib_error err = {0};
    int n = snprintf(text, sizeof text, "%s%zu", start, i);
    check_ok(at_arena_text(self->arena, text, (size_t)n, &out.bytes, &err), &err);
    out.n_bytes = (size_t)n;
    return out;
}

static void *take(rows *self, size_t n, size_t bytes)
{
    attrib_error err = {0};
    void *memory = NULL;
    check_ok(at_arena_take(self->arena, n + 1, bytes, &memory, &err), &err);
    return memory;
}

/* Rows first .. first + n, with n_few texts of few. */
static void make_rows(rows *self, size_t first, size_t n, size_t n_few)
{
    attrib_error err = {0};
    *self = (rows){0};
    check_ok(at_arena_new(&self->arena, &err), &err);
    self->numbers = take(self, n, sizeof(int64_t));
    self->reals = take(self, n, sizeof(double));
    self->few = take(self, n, sizeof(at_slice));
    self->many = take(self, n, sizeof(at_slice));
    self->rare = take(self, n, sizeof(at_slice));
    for (size_t c = 0; c < N_COLUMNS; c++) {
        self->is_valid[c] = take(self, n, 1);
    }
    at_slice *texts = take(self, n_few, sizeof(at_slice));
    for (size_t k = 0; k < n_few; k++) {
        texts[k] = make_text(self, "text \"\n ", k);
        texts[k].n_bytes = k ? texts[k].n_bytes : 0;
    }
    for (size_t i = 0; i < n; i++) {
        size_t r = first + i;
        self->numbers[i] = (int64_t)(r * r) * (r % 2 ? -1 : 1);
        self->reals[i] = ldexp(1.0 + (double)r, (int)(r % 300) - 150);
        self->few[i] = texts[r * 7919 % n_few];
        self->many[i] = make_text(self, "M\xC3\xBCller ", r);
        self->rare[i] = texts[0];
        self->is_valid[NUMBER][i] = r % 5 != 3;
        self->is_valid[REAL][i] = r % 3 == 0;
        self->is_valid[FEW][i] = r % 11 != 0;
        self->is_valid[RARE][i] = r % 1000 == 999;
        self->is_valid[EMPTY][i] = 0;
    }
    const void *const values[] = {self->numbers, self->reals, self->few,
                                  self->many,    self->rare,  self->numbers};
    for (size_t c = 0; c < N_COLUMNS; c++) {
        self->columns[c] = (at_column){.name = names[c],
                                       .kind = kinds[c],
                                       .n = n,
                                       .values = values[c],
                                       .is_valid = c == MANY ? NULL : self->is_valid[c]};
    }
    self->table = (at_column){.kind = AT_COLUMN_STRUCT,
                              .n = n,
                              .children = self->columns,
                              .n_children = N_COLUMNS};
}

/* Fails unless row i of a table is this row. */
static void check_row(const at_column *row, size_t k, const rows *want, size_t i)
{
    attrib_error err = {0};
    static at_buffer got;
    static at_buffer wanted;
    at_buffer_clear(&got);
    at_buffer_clear(&wanted);
    check_ok(at_columns_append_row("got", row, k, &got, &err), &err);
    check_ok(at_columns_append_row("want", &want->table, i, &wanted, &err), &err);
    assert_string_equal(got.bytes, wanted.bytes);
    if (i + 1 == want->table.n) {
        at_buffer_free(&got);
        at_buffer_free(&wanted);
    }
}

static void write_groups(const char *path, size_t n_groups, size_t n, size_t n_few)
{
    attrib_error err = {0};
    at_output output = {0};
    at_parquet_writer *writer = NULL;
    rows schema;
    make_rows(&schema, 0, 0, 1);
    check_ok(at_output_open(path, &output, &err), &err);
    check_ok(at_parquet_writer_new(&output, &schema.table, &writer, &err), &err);
    for (size_t g = 0; g < n_groups; g++) {
        rows group;
        make_rows(&group, g * n, n, n_few);
        check_ok(at_parquet_write_group(writer, &group.table, &err), &err);
        at_arena_free(group.arena);
    }
    check_ok(at_parquet_write_footer(writer, &err), &err);
    check_ok(at_output_commit(&output, &err), &err);
    at_parquet_writer_free(writer);
    at_arena_free(schema.arena);
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
        rows group;
        make_rows(&group, g * n, n, n_few);
        for (size_t i = 0; i < n; i++) {
            check_ok(at_parquet_next(file, &row, &err), &err);
            check_row(row, 0, &group, i);
        }
        at_arena_free(group.arena);
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
    check_groups(20, 11, 5); /* lists of more than 14 groups have a long header */
}

/* Places of 8, 9 and 16 bits, and more rows than a page holds. */
static void test_parquet_write__places_of_any_width(void **state)
{
    (void)state;
    check_groups(1, 3000, 256);
    check_groups(1, 3000, 257);
    check_groups(1, 140000, 65536);
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
        cmocka_unit_test(test_parquet_write__no_rows),
    };
    return run_cases(tests, NULL, NULL);
}
