/* SPDX-License-Identifier: MIT */
/* Arrow streams and msgpack that are written, read back by the library's reader and by
 * msgpack-c. */
#include <msgpack.h>
#include <stdio.h>
#include <string.h>

#include "format/arrow.h"
#include "format/arrow_flat_write.h"
#include "format/arrow_write.h"
#include "format/msgpack_write.h"
#include "made_rows.h"
#include "support/check.h"
#include "support/scratch_file.h"

/* A mapped file that is read from the front. */
typedef struct reading {
    at_map map;
    size_t at;
} reading;

static attrib_status show(
    void *context, size_t n, const uint8_t **bytes, size_t *n_there, attrib_error *err)
{
    const reading *self = context;
    (void)err;
    *bytes = self->map.bytes + self->at;
    *n_there = at_smaller(n, self->map.n_bytes - self->at);
    return ATTRIB_OK;
}

static void drop(void *context, size_t n)
{
    reading *self = context;
    self->at += n;
}

static void write_batches(size_t n_batches, size_t n)
{
    attrib_error err = {0};
    at_output output = {0};
    made_rows schema;
    make_rows(&schema, 0, 0, 1);
    check_ok(at_output_open(path, &output, &err), &err);
    check_ok(at_arrow_write_schema(&output, &schema.table, &err), &err);
    for (size_t b = 0; b < n_batches; b++) {
        made_rows rows;
        make_rows(&rows, b * n, n, 3);
        check_ok(at_arrow_write_batch(&output, &rows.table, &err), &err);
        free_rows(&rows);
    }
    check_ok(at_arrow_write_end(&output, &err), &err);
    check_ok(at_output_commit(&output, &err), &err);
    free_rows(&schema);
}

static void check_batches(size_t n_batches, size_t n)
{
    attrib_error err = {0};
    reading file = {0};
    at_arrow *arrow = NULL;
    const at_column *table = NULL;
    write_batches(n_batches, n);
    check_ok(at_map_open(path, &file.map, &err), &err);
    check_ok(at_arrow_open((at_arrow_source){&file, show, drop}, "x", NULL, &arrow, &err),
             &err);
    for (size_t b = 0; b < n_batches; b++) {
        made_rows rows;
        make_rows(&rows, b * n, n, 3);
        check_ok(at_arrow_next(arrow, &table, &err), &err);
        assert_int_equal(table->n, n);
        for (size_t i = 0; i < n; i++) {
            check_row(table, i, &rows, i);
        }
        free_rows(&rows);
    }
    assert_int_equal(at_arrow_next(arrow, &table, &err), ATTRIB_END);
    assert_memory_equal(file.map.bytes + file.map.n_bytes - 8, "\xFF\xFF\xFF\xFF\0\0\0",
                        8);
    assert_true(file.map.n_bytes - file.at <= 8);
    at_arrow_close(arrow);
    at_map_close(&file.map);
}

static void test_arrow_write__batches_read_back(void **state)
{
    (void)state;
    check_batches(0, 0);
    check_batches(1, 1);
    check_batches(3, 7);
    check_batches(2, 8);
    check_batches(2, 9);
    check_batches(1, 5000);
}

/* Wherever a vector or a table comes to stand, its items and wide fields are aligned. */
static void test_arrow_write__what_readers_map_is_aligned(void **state)
{
    (void)state;
    for (size_t n_before = 4; n_before < 24; n_before++) {
        attrib_error err = {0};
        at_buffer out = {0};
        size_t places[3];
        const at_flat_field fields[] = {{1, 1}, {8, 2}, {4, 3}};
        for (size_t i = 0; i < n_before; i++) {
            check_ok(at_flat_append(&out, 0, 1, &err), &err);
        }
        check_ok(at_flat_write_vector(&out, 0, 0, 8, &err), &err);
        assert_int_equal(out.n_bytes % 8, 0);
        check_ok(at_flat_append(&out, 0, n_before % 8, &err), &err);
        check_ok(at_flat_write_table(&out, 0, fields, 3, places, &err), &err);
        assert_int_equal(places[1] % 8, 0);
        assert_int_equal(places[2] % 4, 0);
        at_buffer_free(&out);
    }
}

/* Fails unless a value is the one that a column holds in row i. */
static void check_value(const msgpack_object *value, const at_column *column, size_t i)
{
    const int64_t *integers = column->values;
    const double *reals = column->values;
    const at_slice *texts = column->values;
    if (column->is_valid && !column->is_valid[i]) {
        assert_int_equal(value->type, MSGPACK_OBJECT_NIL);
    } else if (column->kind == AT_COLUMN_INT) {
        assert_int_equal(value->type, integers[i] < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
                                                      : MSGPACK_OBJECT_POSITIVE_INTEGER);
        assert_true(value->via.i64 == integers[i]);
    } else if (column->kind == AT_COLUMN_FLOAT) {
        assert_int_equal(value->type, MSGPACK_OBJECT_FLOAT64);
        assert_true(value->via.f64 == reals[i]);
    } else {
        assert_int_equal(value->type, MSGPACK_OBJECT_STR);
        assert_int_equal(value->via.str.size, texts[i].n_bytes);
        assert_memory_equal(value->via.str.ptr, texts[i].bytes, texts[i].n_bytes);
    }
}

static void test_arrow_write__msgpack_reads_back(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_output output = {0};
    at_buffer bytes = {0};
    size_t at = 0;
    made_rows rows;
    make_rows(&rows, 0, 2100, 3);
    check_ok(at_output_open(path, &output, &err), &err);
    check_ok(at_msgpack_write_rows(&output, &rows.table, &err), &err);
    check_ok(at_output_commit(&output, &err), &err);
    check_ok(at_read_file(path, 1 << 24, &bytes, &err), &err);
    for (size_t i = 0; i < rows.table.n; i++) {
        msgpack_unpacked row;
        msgpack_unpacked_init(&row);
        assert_int_equal(msgpack_unpack_next(&row, bytes.bytes, bytes.n_bytes, &at),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(row.data.type, MSGPACK_OBJECT_MAP);
        assert_int_equal(row.data.via.map.size, MADE_COLUMNS);
        for (size_t c = 0; c < MADE_COLUMNS; c++) {
            const msgpack_object_kv *member = &row.data.via.map.ptr[c];
            const char *name = rows.columns[c].name;
            assert_int_equal(member->key.via.str.size, strlen(name));
            assert_memory_equal(member->key.via.str.ptr, name, strlen(name));
            check_value(&member->val, &rows.columns[c], i);
        }
        msgpack_unpacked_destroy(&row);
    }
    assert_int_equal(at, bytes.n_bytes);
    at_buffer_free(&bytes);
    free_rows(&rows);
}

static void test_arrow_write__a_full_disk_is_told(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_output output = {0};
    made_rows rows;
    make_rows(&rows, 0, 5000, 3);
    check_ok(at_output_open("/dev/full", &output, &err), &err);
    check_fails(at_msgpack_write_rows(&output, &rows.table, &err), ATTRIB_EIO, &err);
    check_message(&err, "/dev/full: writing: No space left on device");
    err = (attrib_error){0};
    check_fails(at_arrow_write_batch(&output, &rows.table, &err), ATTRIB_EIO, &err);
    at_output_discard(&output);
    free_rows(&rows);
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_file_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_arrow_write__batches_read_back),
        cmocka_unit_test(test_arrow_write__what_readers_map_is_aligned),
        WITH_FOLDER(test_arrow_write__msgpack_reads_back),
        WITH_FOLDER(test_arrow_write__a_full_disk_is_told),
    };
    return run_cases(tests, NULL, NULL);
}
