/* SPDX-License-Identifier: MIT */
/* Safetensors against files of the reference library, and headers that lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "format/safetensors.h"
#include "support/check.h"
#include "support/scratch.h"

/* A file of a header and n_data bytes 0, 1, 2, ... */
static size_t make_bytes(unsigned char *out, const char *header, size_t n_data)
{
    uint64_t n = strlen(header);
    memcpy(out, &n, 8);
    memcpy(out + 8, header, n);
    for (size_t i = 0; i < n_data; i++) {
        out[8 + n + i] = (unsigned char)i;
    }
    return 8 + n + n_data;
}

/* 1. Reading */

static void test_safetensors__fixtures_are_as_the_reference_says(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    json_t *expected = NULL;
    check_ok(at_json_read(asset_path("formats/safetensors/expected.json"), 1 << 20,
                          &expected, &err),
             &err);
    size_t n_accepted = 0;
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const json_t *row = json_array_get(expected, i);
        char name[256];
        snprintf(name, sizeof name, "formats/safetensors/%s",
                 json_string_value(json_object_get(row, "file")));
        const char *want = json_string_value(json_object_get(row, "expect"));
        bool is_good = strcmp(want, "ok") == 0;
        at_tensors *tensors = NULL;
        err = (attrib_error){0};
        attrib_status status = at_tensors_open(asset_path(name), &tensors, &err);
        if ((status == ATTRIB_OK) != is_good) {
            fail_msg("%s: \"%s\", expected %s", name, err.message, want);
        }
        if (!is_good) {
            assert_true(status == ATTRIB_EFORMAT ||
                        (status == ATTRIB_ERANGE && strstr(want, "Overflow")));
            assert_true(err.message[0] && !tensors);
        }
        n_accepted += is_good;
        at_tensors_close(tensors);
    }
    assert_int_equal(json_array_size(expected), 16);
    assert_int_equal(n_accepted, 6);
    json_decref(expected);
}

static void check_refused(const char *header,
                          size_t n_data,
                          attrib_status status,
                          const char *part)
{
    unsigned char bytes[4096];
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    size_t n = make_bytes(bytes, header, n_data);
    check_fails(at_tensors_open_bytes("f", bytes, n, &tensors, &err), status, &err);
    check_message(&err, part);
    assert_null(tensors);
}

#define U8(offsets) "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" offsets "}"

static void test_safetensors__damaged_headers_are_refused(void **state)
{
    (void)state;
    check_refused("[]", 0, ATTRIB_EFORMAT, "expected an object");
    check_refused("{\"a\":1}", 0, ATTRIB_EFORMAT, "f: a: expected an object");
    check_refused("{\"a\":" U8("[0,4]") ",\"a\":" U8("[4,8]") "}", 8, ATTRIB_EFORMAT,
                  "duplicate");
    check_refused("{\"a\":" U8("[0,4]") "}", 5, ATTRIB_EFORMAT, "5 bytes of tensors");
    check_refused("{\"a\":" U8("[0,4]") "}", 3, ATTRIB_EFORMAT, "truncated");
    check_refused("{\"a\":" U8("[1,5]") "}", 5, ATTRIB_EFORMAT, "expected 0");
    check_refused("{\"a\":" U8("[0,4]") ",\"b\":" U8("[2,6]") "}", 6, ATTRIB_EFORMAT,
                  "f: b: data begin at byte 2, expected 4");
    check_refused("{\"a\":" U8("[0,4]") ",\"b\":" U8("[0,4]") "}", 4, ATTRIB_EFORMAT,
                  "expected 4");
    check_refused("{\"a\":" U8("[4,0]") "}", 4, ATTRIB_EFORMAT, "do not fit");
    check_refused("{\"a\":" U8("[0,-4]") "}", 4, ATTRIB_EFORMAT, "data_offsets[1]");
    check_refused("{\"a\":" U8("[0,4,8]") "}", 4, ATTRIB_EFORMAT, "[start, end]");
    check_refused("{\"a\":" U8("[0,5]") "}", 5, ATTRIB_EFORMAT, "do not fit 4 x U8");
    check_refused("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, ATTRIB_EFORMAT,
                  "without a shape");
    check_refused("{\"a\":{\"shape\":[],\"data_offsets\":[0,1]}}", 1, ATTRIB_EFORMAT,
                  "without a dtype");
    check_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1,
                  ATTRIB_EFORMAT, "shape[0]");
    check_refused("{\"__metadata__\":{\"a\":1}}", 0, ATTRIB_EFORMAT, "expected a string");
    check_refused("{\"__metadata__\":[]}", 0, ATTRIB_EFORMAT, "expected an object");
}

static void test_safetensors__what_is_not_supported_is_named(void **state)
{
    (void)state;
    check_refused("{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1,
                  ATTRIB_ENOTSUP, "dtype \"F4\"");
    check_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],"
                  "\"data_offsets\":[0,1]}}",
                  1, ATTRIB_ENOTSUP, "9 dimensions");
}

static void test_safetensors__sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    check_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,8],"
                  "\"data_offsets\":[0,0]}}",
                  0, ATTRIB_ERANGE, "f: a: shape");
    check_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],"
                  "\"data_offsets\":[0,0]}}",
                  0, ATTRIB_ERANGE, "f: a: shape");
}

/* Before they are parsed into many times their bytes; what stands in texts, after escaped
 * quotes too, does not count. */
static void test_safetensors__headers_of_what_no_tensor_is_are_refused(void **state)
{
    (void)state;

    enum { N = 200 };

    char *header = calloc(N, 16);
    assert_non_null(header);
    for (size_t i = 0; i < N; i++) {
        snprintf(header + strlen(header), 16, "%c\"%zu\":{}", i ? ',' : '{', i);
    }
    strcat(header, "}");
    check_refused(header, 0, ATTRIB_EFORMAT, "201 objects");
    strcpy(header, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1");
    for (size_t i = 0; i < N; i++) {
        strcat(header + 2 * i, ",1");
    }
    strcat(header, "],\"data_offsets\":[0,4]}}");
    check_refused(header, 4, ATTRIB_EFORMAT, "commas");
    strcpy(header, "{\"__metadata__\":{\"a\":\"\\\"");
    for (size_t i = 0; i < N; i++) {
        strcat(header + 2 * i, "{,");
    }
    strcat(header, "\"}}");
    unsigned char *bytes = calloc(1, strlen(header) + 8);
    assert_non_null(bytes);
    write_file(in_folder("texts.safetensors"), bytes, make_bytes(bytes, header, 0));
    at_tensors *tensors = NULL;
    attrib_error err = {0};
    check_ok(at_tensors_open(in_folder("texts.safetensors"), &tensors, &err), &err);
    at_tensors_close(tensors);
    free(bytes);
    free(header);
}

static void test_safetensors__headers_longer_than_the_file_are_refused(void **state)
{
    (void)state;
    unsigned char bytes[16] = {8, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    check_fails(at_tensors_open_bytes("f", bytes, 10, &tensors, &err), ATTRIB_EFORMAT,
                &err);
    check_message(&err, "truncated");
    for (size_t n = 0; n < 8; n++) {
        err = (attrib_error){0};
        check_fails(at_tensors_open_bytes("f", bytes, n, &tensors, &err), ATTRIB_EFORMAT,
                    &err);
    }
    memset(bytes, 0xFF, 8);
    err = (attrib_error){0};
    check_fails(at_tensors_open_bytes("f", bytes, 16, &tensors, &err), ATTRIB_EFORMAT,
                &err);
    check_message(&err, "100000000");
}

static void test_safetensors__tensors_are_found_by_name(void **state)
{
    (void)state;
    unsigned char bytes[1024];
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    /* Out of order, with an empty tensor and a scalar; unknown members are ignored. */
    size_t n = make_bytes(
        bytes,
        "  {\"z\":{\"dtype\":\"I16\",\"shape\":[1,2],\"data_offsets\":[0,4],\"x\":1},"
        "\"__metadata__\":{\"k\":\"v\"},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[3,0],\"data_offsets\":[5,5]},"
        "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[4,5]}} \n",
        5);
    check_ok(at_tensors_open_bytes("f", bytes, n, &tensors, &err), &err);
    assert_int_equal(at_tensors_count(tensors), 3);
    assert_string_equal(at_tensors_get(tensors, 0)->name, "a");
    assert_string_equal(at_tensors_get(tensors, 1)->name, "b");
    assert_string_equal(at_tensors_get(tensors, 2)->name, "z");
    assert_null(at_tensors_get(tensors, 3));
    const at_tensor *z = at_tensors_find(tensors, "z");
    assert_ptr_equal(z, at_tensors_get(tensors, 2));
    assert_true(z->n_dims == 2 && z->shape[0] == 1 && z->shape[1] == 2);
    assert_true(z->n_elements == 2 && z->n_bytes == 4 && z->data[3] == 3);
    const at_tensor *a = at_tensors_find(tensors, "a");
    assert_true(a->n_dims == 0 && a->n_elements == 1 && a->data[0] == 4);
    assert_int_equal(at_tensors_find(tensors, "b")->n_elements, 0);
    assert_null(at_tensors_find(tensors, "aa"));
    assert_string_equal(at_tensors_metadata(tensors, "k"), "v");
    assert_null(at_tensors_metadata(tensors, "z"));
    size_t shape[2] = {1, 2};
    check_ok(at_tensor_expect(z, 2, shape, &err), &err);
    shape[1] = 3;
    check_fails(at_tensor_expect(z, 2, shape, &err), ATTRIB_ESHAPE, &err);
    check_message(&err, "f: z: [1, 2], expected [1, 3]");
    err = (attrib_error){0};
    check_fails(at_tensor_expect(a, 1, shape, &err), ATTRIB_ESHAPE, &err);
    check_message(&err, "f: a: [], expected [1]");
    at_tensors_close(tensors);
}

/* 2. Writing */

static void test_safetensors__what_is_written_has_the_documented_bytes(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    const size_t shape[2] = {1, 2};
    const float data[2] = {1, -2};
    check_ok(at_tensor_writer_open(in_folder("w"), &writer, &err), &err);
    check_ok(at_tensor_writer_metadata(writer, "k", "\"v\"", &err), &err);
    check_ok(at_tensor_writer_declare(writer, "b", ATTRIB_F32, 2, shape, &err), &err);
    check_ok(at_tensor_writer_declare(writer, "a", ATTRIB_U8, 0, NULL, &err), &err);
    check_ok(at_tensor_writer_write(writer, data, 5, &err), &err);
    check_ok(at_tensor_writer_write(writer, (const char *)data + 5, 3, &err), &err);
    check_ok(at_tensor_writer_write(writer, "\x07", 1, &err), &err);
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);

    static const char header[] =
        "{\"__metadata__\":{\"k\":\"\\\"v\\\"\"},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
        "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]}}";
    size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    at_buffer file = {0};
    check_ok(at_read_file(in_folder("w"), 4096, &file, &err), &err);
    assert_int_equal(file.n_bytes, 8 + padded + 9);
    uint64_t length = 0;
    memcpy(&length, file.bytes, 8);
    assert_int_equal(length, padded);
    assert_memory_equal(file.bytes + 8, header, sizeof header - 1);
    for (size_t i = sizeof header - 1; i < padded; i++) {
        assert_int_equal(file.bytes[8 + i], ' ');
    }
    assert_memory_equal(file.bytes + 8 + padded, "\0\0\x80\x3f\0\0\0\xc0\x07", 9);
    at_buffer_free(&file);
}

static void test_safetensors__an_empty_file_can_be_written_and_read(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    at_tensors *tensors = NULL;
    check_ok(at_tensor_writer_open(in_folder("e"), &writer, &err), &err);
    check_ok(at_tensor_writer_metadata(writer, "only", "this", &err), &err);
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
    check_ok(at_tensors_open(in_folder("e"), &tensors, &err), &err);
    assert_int_equal(at_tensors_count(tensors), 0);
    assert_string_equal(at_tensors_metadata(tensors, "only"), "this");
    assert_null(at_tensors_find(tensors, "a"));
    at_tensors_close(tensors);
}

static void test_safetensors__a_writer_refuses_what_would_not_be_read(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    const size_t one = 1;
    const size_t huge[2] = {SIZE_MAX / 2, 4};
    check_ok(at_tensor_writer_open(in_folder("r"), &writer, &err), &err);
    check_ok(at_tensor_writer_declare(writer, "a", ATTRIB_U8, 1, &one, &err), &err);
    check_fails(at_tensor_writer_declare(writer, "a", ATTRIB_U8, 1, &one, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "twice");
    err = (attrib_error){0};
    check_fails(at_tensor_writer_declare(writer, "\xFF", ATTRIB_U8, 1, &one, &err),
                ATTRIB_EINVAL, &err);
    err = (attrib_error){0};
    check_fails(
        at_tensor_writer_declare(writer, "__metadata__", ATTRIB_U8, 1, &one, &err),
        ATTRIB_EINVAL, &err);
    err = (attrib_error){0};
    check_fails(at_tensor_writer_declare(writer, "h", ATTRIB_U8, 2, huge, &err),
                ATTRIB_ERANGE, &err);
    err = (attrib_error){0};
    check_fails(at_tensor_writer_commit(writer, &err), ATTRIB_ESHAPE, &err);
    check_message(&err, "0 bytes of tensors written, 1 declared");
    at_tensor_writer_free(writer);
    assert_false(at_is_file(in_folder("r")));
}

/* 3. Folders, shards, hashes */

static void write_one(const char *file, const char *name, attrib_dtype dtype, size_t n)
{
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    unsigned char data[64];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (unsigned char)(name[0] + (char)i);
    }
    check_ok(at_tensor_writer_open(in_folder(file), &writer, &err), &err);
    check_ok(at_tensor_writer_metadata(writer, file, "here", &err), &err);
    check_ok(at_tensor_writer_declare(writer, name, dtype, 1, &n, &err), &err);
    n *= attrib_dtype_bytes(dtype);
    check_ok(at_tensor_writer_write(writer, data, n, &err), &err);
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
}

static void write_index(const char *weight_map)
{
    char text[1024];
    int n =
        snprintf(text, sizeof text, "{\"metadata\":{},\"weight_map\":%s}", weight_map);
    write_file(in_folder("model.safetensors.index.json"), text, (size_t)n);
}

static void check_index_refused(const char *weight_map,
                                attrib_status want,
                                const char *part)
{
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    write_index(weight_map);
    check_fails(at_tensors_open(folder, &tensors, &err), want, &err);
    check_message(&err, part);
    assert_null(tensors);
}

static void test_safetensors__shards_are_one_set_of_tensors(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    check_fails(at_tensors_open(folder, &tensors, &err), ATTRIB_EIO, &err);
    check_message(&err, "neither model.safetensors nor model.safetensors.index.json");
    err = (attrib_error){0};
    write_one("s2", "y", ATTRIB_U8, 3);
    write_one("s1", "x", ATTRIB_U16, 2);
    write_index("{\"y\":\"s2\",\"x\":\"s1\"}");
    check_ok(at_tensors_open(folder, &tensors, &err), &err);
    assert_int_equal(at_tensors_count(tensors), 2);
    assert_string_equal(at_tensors_get(tensors, 0)->name, "x");
    assert_string_equal(at_tensors_get(tensors, 1)->name, "y");
    assert_int_equal(at_tensors_find(tensors, "y")->data[2], 'y' + 2);
    assert_string_equal(at_tensors_metadata(tensors, "s2"), "here");
    char hash[AT_HASH_SIZE];
    check_ok(at_tensors_hash(tensors, hash, &err), &err);
    at_tensors_close(tensors);

    /* The hash is that of the shards' bytes in the order of their names. */
    at_buffer all = {0};
    at_buffer second = {0};
    char want[AT_HASH_SIZE];
    check_ok(at_read_file(in_folder("s1"), 4096, &all, &err), &err);
    check_ok(at_read_file(in_folder("s2"), 4096, &second, &err), &err);
    check_ok(at_buffer_append(&all, second.bytes, second.n_bytes, &err), &err);
    at_hash_bytes(all.bytes, all.n_bytes, want);
    assert_string_equal(hash, want);
    tensors = NULL;
    check_ok(at_tensors_open_bytes("s2", second.bytes, second.n_bytes, &tensors, &err),
             &err);
    check_ok(at_tensors_hash(tensors, hash, &err), &err);
    at_hash_bytes(second.bytes, second.n_bytes, want);
    assert_string_equal(hash, want);
    at_tensors_close(tensors);
    at_buffer_free(&all);
    at_buffer_free(&second);
}

typedef struct visited {
    const at_tensor *tensor; /* the last, and how many elements of it */
    size_t n, n_tensors, n_all;
    size_t stop; /* fail once so many elements were seen */
} visited;

static attrib_status count_visited(
    void *context, const at_tensor *tensor, size_t first, size_t n, attrib_error *err)
{
    visited *self = context;
    if (tensor != self->tensor) {
        assert_true(!self->tensor || self->n == self->tensor->n_elements);
        assert_true(!self->tensor || tensor->data > self->tensor->data);
        self->tensor = tensor;
        self->n = 0;
        self->n_tensors++;
    }
    assert_int_equal(first, self->n);
    assert_true(first % AT_VISITED == 0);
    self->n += n;
    self->n_all += n;
    return self->n_all > self->stop ? at_fail(err, ATTRIB_ERANGE, "enough") : ATTRIB_OK;
}

/* Every element is seen once, in the order of the file, which is not that of the names,
 * and the hash is that of the bytes; a visitor's failure ends it. */
static void test_safetensors__all_elements_are_visited(void **state)
{
    (void)state;
    static const char *const names[] = {"c", "a", "b"};
    static const size_t sizes[] = {5000, 3, 9000};
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    at_tensors *tensors = NULL;
    at_buffer all = {0};
    char hash[AT_HASH_SIZE];
    char want[AT_HASH_SIZE];
    static const double values[9000] = {0};
    check_ok(at_tensor_writer_open(in_folder("three"), &writer, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        check_ok(
            at_tensor_writer_declare(writer, names[i], ATTRIB_F64, 1, &sizes[i], &err),
            &err);
    }
    for (size_t i = 0; i < 3; i++) {
        check_ok(at_tensor_writer_write(writer, values, sizes[i] * 8, &err), &err);
    }
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
    visited seen = {.stop = SIZE_MAX};
    check_ok(at_tensors_open(in_folder("three"), &tensors, &err), &err);
    check_ok(at_tensors_read(tensors, count_visited, &seen, hash, &err), &err);
    assert_int_equal(seen.n_tensors, 3);
    assert_int_equal(seen.n_all, 5000 + 3 + 9000);
    check_ok(at_read_file(in_folder("three"), 1 << 20, &all, &err), &err);
    at_hash_bytes(all.bytes, all.n_bytes, want);
    assert_string_equal(hash, want);
    seen = (visited){.stop = 5002};
    check_fails(at_tensors_read(tensors, count_visited, &seen, hash, &err), ATTRIB_ERANGE,
                &err);
    assert_int_equal(seen.n_tensors, 2);
    at_tensors_close(tensors);
    at_buffer_free(&all);
}

static void test_safetensors__an_index_must_fit_its_shards(void **state)
{
    (void)state;
    write_one("s1", "x", ATTRIB_U8, 3);
    check_index_refused("{}", ATTRIB_EFORMAT, "without a weight_map");
    check_index_refused("[]", ATTRIB_EFORMAT, "without a weight_map");
    check_index_refused("{\"x\":1}", ATTRIB_EFORMAT, "expected a file name");
    check_index_refused("{\"x\":\"\"}", ATTRIB_EFORMAT, "in its folder");
    check_index_refused("{\"x\":\"../s1\"}", ATTRIB_EFORMAT, "in its folder");
    check_index_refused("{\"x\":\"..\"}", ATTRIB_EFORMAT, "in its folder");
    check_index_refused("{\"x\":\"/etc/passwd\"}", ATTRIB_EFORMAT, "in its folder");
    check_index_refused("{\"y\":\"s1\"}", ATTRIB_ESHAPE, "y is not in s1");
    check_index_refused("{\"x\":\"s1\",\"y\":\"s9\"}", ATTRIB_EIO, "s9");
}

static void test_safetensors__missing_files_are_named(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    check_fails(at_tensors_open(in_folder("none"), &tensors, &err), ATTRIB_EIO, &err);
    check_message(&err, in_folder("none"));
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors__fixtures_are_as_the_reference_says),
        cmocka_unit_test(test_safetensors__damaged_headers_are_refused),
        cmocka_unit_test(test_safetensors__what_is_not_supported_is_named),
        cmocka_unit_test(test_safetensors__sizes_that_overflow_are_refused),
        WITH_FOLDER(test_safetensors__headers_of_what_no_tensor_is_are_refused),
        cmocka_unit_test(test_safetensors__headers_longer_than_the_file_are_refused),
        cmocka_unit_test(test_safetensors__tensors_are_found_by_name),
        WITH_FOLDER(test_safetensors__what_is_written_has_the_documented_bytes),
        WITH_FOLDER(test_safetensors__an_empty_file_can_be_written_and_read),
        WITH_FOLDER(test_safetensors__a_writer_refuses_what_would_not_be_read),
        WITH_FOLDER(test_safetensors__shards_are_one_set_of_tensors),
        WITH_FOLDER(test_safetensors__all_elements_are_visited),
        WITH_FOLDER(test_safetensors__an_index_must_fit_its_shards),
        WITH_FOLDER(test_safetensors__missing_files_are_named),
    };
    return run_cases(tests, NULL, NULL);
}
