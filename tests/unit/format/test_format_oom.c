/* SPDX-License-Identifier: MIT */
/* Every allocation of the format room fails in turn: the right status, nothing leaked
 * (under ASan), outputs untouched.
 * jansson's own allocations are spared: version 2.14 ends the process on an assertion
 * where one of them fails in the middle of a number. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/gguf.h"
#include "format/json.h"
#include "format/parquet.h"
#include "format/record.h"
#include "format/safetensors.h"
#include "support/check.h"
#include "support/oom.h"

static char folder[256];
static char path[300];

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/f", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    oom_n_left = SIZE_MAX;
    remove_folder(folder);
    return 0;
}

/* Run `work` with the k-th allocation failing, for every k until it succeeds. */
static void fail_each(attrib_status (*work)(attrib_error *err))
{
    for (size_t k = 0;; k++) {
        attrib_error err = {0};
        assert_true(k < 100000);
        oom_n_left = k;
        attrib_status status = work(&err);
        oom_n_left = SIZE_MAX;
        if (status == ATTRIB_OK) {
            assert_true(k > 0);
            return;
        }
        if (status != ATTRIB_ENOMEM) {
            fail_msg("allocation %zu: \"%s\": %s", k, attrib_status_name(status),
                     err.message);
        }
        assert_true(err.message[0] != '\0');
    }
}

static attrib_status read_json(attrib_error *err)
{
    static const char text[] =
        "{\"a\": [1, 2.5, \"text\", {\"b\": null}], \"c\": 1000000000000000000000000}";
    json_t *value = NULL;
    at_buffer out = {0};
    attrib_status status = at_json_parse("t", text, sizeof text - 1, &value, err);
    if (status == ATTRIB_OK) {
        status = at_json_append(&out, value, err);
    } else {
        assert_null(value);
    }
    json_decref(value);
    at_buffer_free(&out);
    return status;
}

static attrib_status read_table(attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_map map = {0};
    at_parquet *file = NULL;
    const at_column *table = NULL;
    at_buffer row = {0};
    AT_TRY(at_map_open(source_path("tests/golden/parquet/nested.parquet"), &map, err));
    AT_TRY(at_parquet_open("f", map.bytes, map.n_bytes, NULL, &file, err));
    while ((status = at_parquet_next(file, &table, err)) == ATTRIB_OK) {
        AT_TRY(at_columns_append_row("f", table, 0, &row, err));
    }
    status = status == ATTRIB_END ? ATTRIB_OK : status;
done:
    at_parquet_close(file);
    at_buffer_free(&row);
    at_map_close(&map);
    return status;
}

static attrib_status write_tensors(attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    const size_t shape[2] = {1, 2};
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(at_tensor_writer_metadata(writer, "k", "v", err));
    AT_TRY(at_tensor_writer_declare(writer, "a", ATTRIB_F32, 2, shape, err));
    AT_TRY(at_tensor_writer_write(writer, "12345678", 8, err));
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    assert_int_equal(at_is_file(path), status == ATTRIB_OK);
    return status;
}

static attrib_status read_tensors(attrib_error *err)
{
    at_tensors *tensors = NULL;
    char hash[AT_HASH_SIZE];
    attrib_status status = at_tensors_open(path, &tensors, err);
    if (status == ATTRIB_OK) {
        assert_int_equal(at_tensors_count(tensors), 1);
        status = at_tensors_hash(tensors, hash, err);
    } else {
        assert_null(tensors);
    }
    at_tensors_close(tensors);
    return status;
}

/* A file of one value and one tensor, and an array of it. */
static attrib_status read_gguf(attrib_error *err)
{
    static const char file[] = "GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
                               "\1\0\0\0\0\0\0\0k\11\0\0\0\4\0\0\0\1\0\0\0\0\0\0\0"
                               "\7\0\0\0"
                               "\1\0\0\0\0\0\0\0t\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               "\0\0\0\0\0\0\0\0";
    attrib_status status = ATTRIB_OK;
    at_gguf *gguf = NULL;
    int64_t *numbers = NULL;
    size_t n = 0;
    char hash[AT_HASH_SIZE];
    AT_TRY(at_gguf_open_bytes("g", file, sizeof file - 1, AT_GGUF_HEADER, &gguf, err));
    assert_int_equal(at_tensors_count(at_gguf_tensors(gguf)), 1);
    AT_TRY(at_gguf_integers(gguf, "k", &numbers, &n, err));
    assert_true(n == 1 && numbers[0] == 7);
    AT_TRY(at_gguf_hash(gguf, hash, err));
done:
    free(numbers);
    at_gguf_close(gguf);
    return status;
}

static attrib_status read_record(attrib_error *err)
{
    at_record record = {0};
    attrib_status status = at_record_read(path, &record, err);
    if (status != ATTRIB_OK) {
        assert_null(record.name);
    }
    at_record_free(&record);
    return status;
}

static attrib_status write_record(attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 1);
    AT_TRY(at_pack_key(&packer, "k", err));
    AT_TRY(at_pack_text(&packer, "value", 5, err));
    AT_TRY(at_record_write(path, &buffer, err));
done:
    msgpack_sbuffer_destroy(&buffer);
    return status;
}

static void test_format_oom__json(void **state)
{
    (void)state;
    fail_each(read_json);
}

static void test_format_oom__parquet(void **state)
{
    (void)state;
    fail_each(read_table);
}

static void test_format_oom__safetensors(void **state)
{
    (void)state;
    fail_each(write_tensors);
    fail_each(read_tensors);
}

static void test_format_oom__gguf(void **state)
{
    (void)state;
    fail_each(read_gguf);
}

static void test_format_oom__records(void **state)
{
    (void)state;
    fail_each(write_record);
    fail_each(read_record);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_format_oom__json),
        cmocka_unit_test(test_format_oom__parquet),
        WITH_FOLDER(test_format_oom__safetensors),
        WITH_FOLDER(test_format_oom__gguf),
        WITH_FOLDER(test_format_oom__records),
    };
    return run_cases(tests, NULL, NULL);
}
