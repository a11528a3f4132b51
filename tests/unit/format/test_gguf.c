/* SPDX-License-Identifier: MIT */
/* GGUF files written byte by byte: what they hold comes back, and whatever is wrong with
 * one is refused by name. */
#include <stdlib.h>

#include "gguf_bytes.h"

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

/* 1. What is right */

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
        put(&b, second, sizeof second); /* the last needs no padding after it */
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

/* 2. What is wrong */

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
    };
    return run_cases(tests, NULL, NULL);
}
