/* SPDX-License-Identifier: MIT */
/* GGUF files written byte by byte: what they hold comes back, and whatever is wrong with
 * one is refused by name. The reference implementation's own malformed files too. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/gguf.h"
#include "support/check.h"

/* 1. Writing a file */

typedef struct bytes {
    unsigned char data[4096];
    size_t n;
} bytes;

static void put(bytes *b, const void *data, size_t n)
{
    assert_true(n <= sizeof b->data - b->n);
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void put_u32(bytes *b, uint32_t value)
{
    put(b, &value, sizeof value);
}

static void put_u64(bytes *b, uint64_t value)
{
    put(b, &value, sizeof value);
}

static void put_text(bytes *b, const char *text)
{
    put_u64(b, strlen(text));
    put(b, text, strlen(text));
}

static void put_header(bytes *b, uint32_t version, uint64_t n_tensors, uint64_t n_values)
{
    put(b, "GGUF", 4);
    put_u32(b, version);
    put_u64(b, n_tensors);
    put_u64(b, n_values);
}

static void put_value_u32(bytes *b, const char *key, uint32_t value)
{
    put_text(b, key);
    put_u32(b, AT_GGUF_U32);
    put_u32(b, value);
}

static void put_tensor(bytes *b,
                       const char *name,
                       uint64_t columns,
                       uint64_t rows,
                       uint32_t type,
                       uint64_t at)
{
    put_text(b, name);
    put_u32(b, 2);
    put_u64(b, columns);
    put_u64(b, rows);
    put_u32(b, type);
    put_u64(b, at);
}

/* Zeros up to the next multiple of 32. */
static void pad(bytes *b)
{
    static const unsigned char zeros[32];
    put(b, zeros, (32 - b->n % 32) % 32);
}

static void refuse(const bytes *b, attrib_status status, const char *message)
{
    at_gguf *gguf = NULL;
    attrib_error err = {0};
    check_fails(at_gguf_open_bytes("f", b->data, b->n, AT_GGUF_WHOLE, &gguf, &err),
                status, &err);
    check_message(&err, message);
    assert_null(gguf);
}

static at_gguf *accept(const bytes *b)
{
    at_gguf *gguf = NULL;
    attrib_error err = {0};
    check_ok(at_gguf_open_bytes("f", b->data, b->n, AT_GGUF_WHOLE, &gguf, &err), &err);
    return gguf;
}

/* 2. What is right */

static void test_gguf__tensors_come_back(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        bytes b = {0};
        const float first[6] = {1, 2, 3, 4, 5, 6};
        const uint16_t second[2] = {0x3C00, 0xC000}; /* 1 and -2 in F16 */
        put_header(&b, version, 2, 0);
        put_tensor(&b, "z", 3, 2, 0, 0);
        put_tensor(&b, "a", 2, 1, 1, 32);
        pad(&b);
        put(&b, first, sizeof first);
        pad(&b);
        put(&b, second, sizeof second); /* the last needs no padding behind it */
        at_gguf *gguf = accept(&b);
        const at_tensors *tensors = at_gguf_tensors(gguf);
        assert_int_equal(at_gguf_version(gguf), version);
        assert_int_equal(at_tensors_count(tensors), 2);
        const at_tensor *z = at_tensors_find(tensors, "z");
        const at_tensor *a = at_tensors_find(tensors, "a");
        assert_ptr_equal(at_tensors_get(tensors, 0), a);
        assert_int_equal(z->n_dims, 2);
        assert_int_equal(z->shape[0], 2); /* rows; the file says columns first */
        assert_int_equal(z->shape[1], 3);
        assert_memory_equal(z->data, first, sizeof first);
        float got[2];
        attrib_error err = {0};
        check_ok(at_tensor_to_f32(a, 0, 2, got, &err), &err);
        assert_true(got[0] == 1 && got[1] == -2);
        at_gguf_close(gguf);
    }
}

static void put_all_kinds(bytes *b)
{
    put_header(b, 3, 0, 8);
    put_text(b, "name"), put_u32(b, AT_GGUF_TEXT), put_text(b, "llama");
    put_text(b, "small"), put_u32(b, AT_GGUF_I8), put(b, "\xFF", 1);
    put_text(b, "half"), put_u32(b, AT_GGUF_F32), put_u32(b, 0x3F000000);
    put_text(b, "yes"), put_u32(b, AT_GGUF_BOOL), put(b, "\1", 1);
    put_text(b, "odd"), put_u32(b, AT_GGUF_BOOL), put(b, "\2", 1);
    put_text(b, "big"), put_u32(b, AT_GGUF_U64), put_u64(b, UINT64_MAX);
    put_text(b, "texts"), put_u32(b, AT_GGUF_ARRAY), put_u32(b, AT_GGUF_TEXT);
    put_u64(b, 3), put_text(b, "x"), put_text(b, ""), put_text(b, "yz");
    put_text(b, "ids"), put_u32(b, AT_GGUF_ARRAY), put_u32(b, AT_GGUF_I32);
    put_u64(b, 2), put_u32(b, 7), put_u32(b, UINT32_MAX);
}

static void test_gguf__values_come_back(void **state)
{
    (void)state;
    bytes b = {0};
    attrib_error err = {0};
    const char *text = NULL;
    double number = 0;
    bool is_there = false;
    bool flag = false;
    size_t n = 0;
    at_gguf_text *texts = NULL;
    int64_t *ids = NULL;
    double *numbers = NULL;
    put_all_kinds(&b);
    at_gguf *gguf = accept(&b);
    assert_int_equal(at_gguf_n_values(gguf), 8);
    assert_string_equal(at_gguf_value_at(gguf, 1)->key, "small");
    assert_null(at_gguf_value_at(gguf, 8));
    check_ok(at_gguf_get_text(gguf, "name", &text, NULL, &is_there, &err), &err);
    assert_true(is_there);
    assert_string_equal(text, "llama");
    check_ok(at_gguf_number(gguf, "small", &number, NULL, &err), &err);
    assert_true(number == -1);
    check_ok(at_gguf_number(gguf, "half", &number, NULL, &err), &err);
    assert_true(number == 0.5);
    check_ok(at_gguf_bool(gguf, "yes", &flag, NULL, &err), &err);
    assert_true(flag);
    check_ok(at_gguf_number(gguf, "nothing", &number, &is_there, &err), &err);
    assert_true(!is_there && number == 0.5);
    check_ok(at_gguf_texts(gguf, "texts", &texts, &n, &err), &err);
    assert_int_equal(n, 3);
    assert_int_equal(texts[1].n, 0);
    assert_memory_equal(texts[2].bytes, "yz", 2);
    check_ok(at_gguf_integers(gguf, "ids", &ids, &n, &err), &err);
    assert_true(n == 2 && ids[0] == 7 && ids[1] == -1);
    check_ok(at_gguf_numbers(gguf, "ids", &numbers, &n, &err), &err);
    assert_true(n == 2 && numbers[1] == -1);
    free(texts);
    free(ids);
    free(numbers);
    at_gguf_close(gguf);
}

static void test_gguf__values_of_another_kind_are_refused(void **state)
{
    (void)state;
    bytes b = {0};
    size_t n = 0;
    double number = 0;
    bool flag = false;
    const char *text = NULL;
    at_gguf_text *texts = NULL;
    int64_t *ids = NULL;
    put_all_kinds(&b);
    at_gguf *gguf = accept(&b);
#define REFUSE(call, message)                                                            \
    do {                                                                                 \
        attrib_error err = {0};                                                          \
        check_fails(call, ATTRIB_EFORMAT, &err);                                         \
        check_message(&err, message);                                                    \
    } while (0)
    REFUSE(at_gguf_size(gguf, "small", &n, NULL, &err), "f: small: expected a whole");
    REFUSE(at_gguf_size(gguf, "big", &n, NULL, &err), "f: big: expected a whole");
    REFUSE(at_gguf_size(gguf, "ids", &n, NULL, &err), "f: ids: expected a whole");
    REFUSE(at_gguf_number(gguf, "name", &number, NULL, &err), "f: name: expected a");
    REFUSE(at_gguf_bool(gguf, "odd", &flag, NULL, &err), "f: odd: expected true");
    REFUSE(at_gguf_get_text(gguf, "texts", &text, NULL, NULL, &err), "a text");
    REFUSE(at_gguf_texts(gguf, "ids", &texts, &n, &err), "an array of texts");
    REFUSE(at_gguf_integers(gguf, "texts", &ids, &n, &err), "an array of whole");
    assert_true(n == 0 && !texts && !ids && !text);
    at_gguf_close(gguf);
}

/* 3. What is wrong */

static void test_gguf__a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    bytes b = {0};
    put_header(&b, 3, 1, 2);
    put_value_u32(&b, "general.alignment", 32);
    put_text(&b, "texts"), put_u32(&b, AT_GGUF_ARRAY), put_u32(&b, AT_GGUF_TEXT);
    put_u64(&b, 2), put_text(&b, "ab"), put_text(&b, "c");
    put_tensor(&b, "t", 32, 3, 2, 0);
    pad(&b);
    b.n += 54; /* 3 blocks */
    at_gguf_close(accept(&b));
    for (size_t n = 0; n < b.n; n++) {
        bytes cut = b;
        cut.n = n;
        refuse(&cut, ATTRIB_EFORMAT, n < 4 ? "f: " : "(truncated)");
    }
}

static void test_gguf__headers_are_checked(void **state)
{
    (void)state;
    bytes b = {0};
    put(&b, "GGUG", 4);
    refuse(&b, ATTRIB_EFORMAT, "not GGUF");
    for (uint32_t version = 0; version < 5; version += version == 1 ? 3 : 1) {
        b.n = 0;
        put_header(&b, version, 0, 0);
        refuse(&b, ATTRIB_EVERSION, "is not supported, expected 2 or 3");
    }
    b.n = 0;
    put_header(&b, 3u << 24, 0, 0);
    refuse(&b, ATTRIB_ENOTSUP, "big-endian");
    b.n = 0;
    put_header(&b, 3, 0, UINT64_MAX);
    refuse(&b, ATTRIB_EFORMAT, "values of metadata in 0 bytes");
    b.n = 0;
    put_header(&b, 3, UINT64_MAX / 2, 0);
    refuse(&b, ATTRIB_EFORMAT, "tensors in 0 bytes");
}

static void test_gguf__values_are_checked(void **state)
{
    (void)state;
    bytes b = {0};
    put_header(&b, 3, 0, 2);
    put_value_u32(&b, "twice", 1);
    put_value_u32(&b, "twice", 1);
    refuse(&b, ATTRIB_EFORMAT, "f: twice: the key is there twice");
    b.n = 0;
    put_header(&b, 3, 0, 1);
    put_value_u32(&b, "", 1);
    refuse(&b, ATTRIB_EFORMAT, "a key without a name");
    b.n = 0;
    put_header(&b, 3, 0, 1);
    put_value_u32(&b, "\xC0\x80", 1);
    refuse(&b, ATTRIB_EFORMAT, "a key: not a text in UTF-8");
    b.n = 0;
    put_header(&b, 3, 0, 1);
    put_text(&b, "k"), put_u32(&b, 13), put_u64(&b, 0);
    refuse(&b, ATTRIB_EFORMAT, "f: k: no type of values is 13");
    b.n = 0;
    put_header(&b, 3, 0, 1);
    put_text(&b, "k"), put_u32(&b, AT_GGUF_ARRAY), put_u32(&b, AT_GGUF_ARRAY);
    put_u64(&b, 0);
    refuse(&b, ATTRIB_ENOTSUP, "f: k: arrays of arrays");
    b.n = 0;
    put_header(&b, 3, 0, 1); /* 2^61 values of 8 bytes would be 2^64 bytes */
    put_text(&b, "k"), put_u32(&b, AT_GGUF_ARRAY), put_u32(&b, AT_GGUF_U64);
    put_u64(&b, (uint64_t)1 << 61);
    refuse(&b, ATTRIB_EFORMAT, "f: k: 2305843009213693952 values in 0 bytes");
    b.n = 0;
    put_header(&b, 3, 0, 1); /* a text without an end */
    put_text(&b, "k"), put_u32(&b, AT_GGUF_TEXT), put_u64(&b, UINT64_MAX);
    refuse(&b, ATTRIB_EFORMAT, "(truncated)");
    for (uint32_t alignment = 0; alignment <= 48; alignment += 24) {
        b.n = 0;
        put_header(&b, 3, 0, 1);
        put_value_u32(&b, "general.alignment", alignment);
        refuse(&b, ATTRIB_EFORMAT, "expected a power of two");
    }
}

static void refuse_tensor(const char *name,
                          uint64_t columns,
                          uint64_t rows,
                          uint32_t type,
                          uint64_t at,
                          attrib_status status,
                          const char *message)
{
    bytes b = {0};
    put_header(&b, 3, 1, 0);
    put_tensor(&b, name, columns, rows, type, at);
    pad(&b);
    b.n += 256;
    refuse(&b, status, message);
}

static void test_gguf__tensors_are_checked(void **state)
{
    (void)state;
    const uint64_t half = (uint64_t)1 << 32;
    refuse_tensor("t", 8, 1, 0, 32, ATTRIB_EFORMAT, "data begin at byte 32, expected 0");
    refuse_tensor("t", 31, 1, 2, 0, ATTRIB_EFORMAT, "not whole blocks of Q4_0, 32");
    refuse_tensor("t", 8, 1, 4, 0, ATTRIB_ENOTSUP, "tensor type 4 is not supported");
    refuse_tensor("t", 8, 1, 1000, 0, ATTRIB_ENOTSUP, "tensor type 1000");
    refuse_tensor("t", half, half, 0, 0, ATTRIB_ERANGE, "product overflows");
    refuse_tensor("t", half, half / 4, 0, 0, ATTRIB_ERANGE, "size in bytes overflows");
    refuse_tensor("t", UINT64_MAX, 1, 0, 0, ATTRIB_ERANGE, "a dimension of");
    refuse_tensor("t", half, half / 16, 0, 0, ATTRIB_EFORMAT, "(truncated)");
    refuse_tensor("0123456789012345678901234567890123456789012345678901234567890123", 1,
                  1, 0, 0, ATTRIB_EFORMAT, "a tensor's name of more than 63 bytes");
    bytes b = {0};
    put_header(&b, 3, 2, 0);
    put_tensor(&b, "t", 8, 1, 0, 0);
    put_tensor(&b, "t", 8, 1, 0, 32);
    pad(&b);
    b.n += 64;
    refuse(&b, ATTRIB_EFORMAT, "f: t: the tensor is there twice");
    b.n = 0; /* the second overlaps the first */
    put_header(&b, 3, 2, 0);
    put_tensor(&b, "t", 16, 1, 0, 0);
    put_tensor(&b, "u", 8, 1, 0, 32);
    pad(&b);
    b.n += 96;
    refuse(&b, ATTRIB_EFORMAT, "f: u: data begin at byte 32, expected 64");
    b.n = 0;
    put_header(&b, 3, 1, 0);
    put_text(&b, "t"), put_u32(&b, 5);
    b.n += 64;
    refuse(&b, ATTRIB_EFORMAT, "f: t: 5 dimensions, at most 4");
}

/* 4. Splits */

static void write_split(const char *folder,
                        const char *name,
                        uint32_t number,
                        uint32_t count,
                        const char *tensor)
{
    bytes b = {0};
    char path[512];
    const float value = (float)number;
    put_header(&b, 3, 1, 3);
    put_value_u32(&b, "split.no", number);
    put_value_u32(&b, "split.count", count);
    put_value_u32(&b, "split.tensors.count", 2);
    put_tensor(&b, tensor, 1, 1, 0, 0);
    pad(&b);
    put(&b, &value, sizeof value);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_file(path, b.data, b.n);
}

static void check_splits(const char *folder,
                         const char *name,
                         attrib_status expected,
                         const char *message)
{
    at_gguf *gguf = NULL;
    attrib_error err = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    check_fails(at_gguf_open(path, AT_GGUF_WHOLE, &gguf, &err), expected, &err);
    if (expected != ATTRIB_OK) {
        check_message(&err, message);
        return;
    }
    assert_int_equal(at_gguf_n_files(gguf), 2);
    assert_int_equal(at_tensors_count(at_gguf_tensors(gguf)), 2);
    float b = 0;
    check_ok(
        at_tensor_to_f32(at_tensors_find(at_gguf_tensors(gguf), "b"), 0, 1, &b, &err),
        &err);
    assert_true(b == 1);
    char hash[AT_HASH_SIZE] = "";
    check_ok(at_gguf_hash(gguf, hash, &err), &err);
    assert_int_equal(strlen(hash), AT_HASH_SIZE - 1);
    at_gguf_close(gguf);
}

static void test_gguf__splits_are_one_file(void **state)
{
    (void)state;
    char folder[256];
    make_scratch_folder(folder, sizeof folder);
    write_split(folder, "m-00001-of-00002.gguf", 0, 2, "a");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_EIO, "m-00002-of-00002.gguf");
    write_split(folder, "m-00002-of-00002.gguf", 1, 2, "b");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_OK, NULL);
    check_splits(folder, "m-00002-of-00002.gguf", ATTRIB_OK, NULL);
    write_split(folder, "m-00002-of-00002.gguf", 1, 2, "a");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_EFORMAT, "a: the tensor is");
    write_split(folder, "m-00002-of-00002.gguf", 0, 2, "b");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_ESHAPE,
                 "split.no: 0, expected 1");
    write_split(folder, "m-00002-of-00002.gguf", 1, 3, "b");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_ESHAPE,
                 "split.count: 3, expected 2");
    write_split(folder, "alone.gguf", 0, 2, "a");
    check_splits(folder, "alone.gguf", ATTRIB_EFORMAT, "one of 2 splits");
    remove_folder(folder);
}

static void check_found(const char *folder, const char *name, const char *expected)
{
    attrib_error err = {0};
    char path[512];
    char *found = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    check_ok(at_gguf_find_file(path, &found, &err), &err);
    snprintf(path, sizeof path, "%s/%s", folder, expected ? expected : "");
    assert_true(expected ? found && strcmp(found, path) == 0 : !found);
    free(found);
}

static void write_content(const char *folder, const char *name, const char *content)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_file(path, content, strlen(content));
}

static void test_gguf__files_are_found_by_what_they_hold(void **state)
{
    (void)state;
    attrib_error err = {0};
    char folder[256];
    char *found = NULL;
    make_scratch_folder(folder, sizeof folder);
    write_content(folder, "sha256-00aa", "GGUF...");
    write_content(folder, "notes.txt", "GGU");
    check_found(folder, "sha256-00aa", "sha256-00aa");
    check_found(folder, "notes.txt", NULL);
    check_found(folder, "missing.gguf", "missing.gguf"); /* for the message */
    check_found(folder, "missing", NULL);
    check_found(folder, ".", "./sha256-00aa");
    write_content(folder, "config.json", "{}"); /* a folder of another kind */
    check_found(folder, ".", NULL);
    remove_folder(folder);
    make_scratch_folder(folder, sizeof folder);
    write_content(folder, "m-00002-of-00002.gguf", "GGUF");
    write_content(folder, "m-00001-of-00002.gguf", "GGUF");
    check_found(folder, ".", "./m-00001-of-00002.gguf");
    write_content(folder, "other", "GGUF");
    check_fails(at_gguf_find_file(folder, &found, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "more than one GGUF file");
    remove_folder(folder);
}

/* 5. The reference implementation's own files */

/* The names in EXPECTED.txt, whether the reference reads them, and whether we do. Their
 * tensors' data are left out, so only headers are asked for; a child with little memory
 * and time does it. */
static void read_handcrafted(void)
{
    char path[512];
    char line[256];
    snprintf(path, sizeof path, "%s",
             asset_path("formats/gguf_handcrafted/EXPECTED.txt"));
    FILE *list = fopen(path, "re");
    assert_non_null(list);
    size_t n = 0;
    while (fgets(line, sizeof line, list)) {
        char name[64];
        char part[128];
        assert_int_equal(sscanf(line, "%63s", name), 1);
        if (strncmp(name, "DATA_", 5) == 0) {
            continue; /* these files are not among the assets */
        }
        snprintf(part, sizeof part, "formats/gguf_handcrafted/%s.gguf", name);
        assert_non_null(asset_path(part));
        snprintf(path, sizeof path, "%s", asset_path(part));
        at_gguf *gguf = NULL;
        attrib_error err = {0};
        bool is_good = strstr(line, "expect=load") != NULL;
        attrib_status status = at_gguf_open(path, AT_GGUF_HEADER, &gguf, &err);
        if ((status == ATTRIB_OK) != is_good || status == ATTRIB_ENOMEM) {
            fail_msg("%s: status %d: %s", name, (int)status, err.message);
        }
        at_gguf_close(gguf);
        n++;
    }
    fclose(list);
    assert_int_equal(n, 22);
}

static void test_gguf__reference_files_within_a_second_and_64_mib(void **state)
{
    (void)state;
    need_assets();
    read_handcrafted();
    not_under_sanitizers();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit memory = {(rlim_t)64 << 20, (rlim_t)64 << 20};
        setrlimit(RLIMIT_DATA, &memory);
        alarm(1); /* for all of them */
        read_handcrafted();
        _exit(0);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gguf__tensors_come_back),
        cmocka_unit_test(test_gguf__values_come_back),
        cmocka_unit_test(test_gguf__values_of_another_kind_are_refused),
        cmocka_unit_test(test_gguf__a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_gguf__headers_are_checked),
        cmocka_unit_test(test_gguf__values_are_checked),
        cmocka_unit_test(test_gguf__tensors_are_checked),
        cmocka_unit_test(test_gguf__splits_are_one_file),
        cmocka_unit_test(test_gguf__files_are_found_by_what_they_hold),
        cmocka_unit_test(test_gguf__reference_files_within_a_second_and_64_mib),
    };
    return run_cases(tests, NULL, NULL);
}
