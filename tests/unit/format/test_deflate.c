/* SPDX-License-Identifier: MIT */
/* Deflated bytes, inflated by zlib; and base64 against RFC 4648's own vectors. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "format/deflate.h"
#include "support/check.h"

static void check_round_trip(const unsigned char *bytes, size_t n)
{
    attrib_error err = {0};
    at_buffer small = {0};
    unsigned char *back = malloc(n + 1);
    uLongf n_back = n + 1;
    assert_non_null(back);
    check_ok(at_deflate(bytes, n, &small, &err), &err);
    assert_int_equal(uncompress(back, &n_back, (const Bytef *)small.bytes, small.n_bytes),
                     Z_OK);
    assert_int_equal(n_back, n);
    assert_memory_equal(back, bytes, n);
    at_buffer_free(&small);
    free(back);
}

/* Sizes around the pieces that zlib is given, of bytes that deflate and that do not. */
static void test_deflate__inflates_to_the_same(void **state)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000};
    static unsigned char bytes[200000];
    (void)state;
    for (size_t is_random = 0; is_random < 2; is_random++) {
        uint32_t x = 1;
        for (size_t i = 0; i < sizeof bytes; i++) {
            x = x * 1664525u + 1013904223u;
            bytes[i] = (unsigned char)(is_random ? x >> 24 : i / 1000);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            check_round_trip(bytes, sizes[i]);
        }
    }
}

/* What is in the buffer stays, and repeated bytes take little. */
static void test_deflate__appends(void **state)
{
    static const char zeros[100000];
    attrib_error err = {0};
    at_buffer out = {0};
    (void)state;
    check_ok(at_buffer_append(&out, "head", 4, &err), &err);
    check_ok(at_deflate(zeros, sizeof zeros, &out, &err), &err);
    assert_memory_equal(out.bytes, "head", 4);
    assert_in_range(out.n_bytes, 10, 200);
    at_buffer_free(&out);
}

static void test_base64__is_that_of_the_standard(void **state)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    static const unsigned char last[] = {0xFB, 0xFF, 0xBF};
    attrib_error err = {0};
    at_buffer out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        at_buffer_clear(&out);
        check_ok(at_buffer_append(&out, "", 0, &err), &err);
        check_ok(at_base64_append(&out, vectors[i][0], strlen(vectors[i][0]), &err),
                 &err);
        assert_string_equal(out.bytes, vectors[i][1]);
    }
    at_buffer_clear(&out);
    check_ok(at_base64_append(&out, last, sizeof last, &err), &err);
    assert_string_equal(out.bytes, "+/+/");
    at_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deflate__inflates_to_the_same),
        cmocka_unit_test(test_deflate__appends),
        cmocka_unit_test(test_base64__is_that_of_the_standard),
    };
    return run_cases(tests, NULL, NULL);
}
