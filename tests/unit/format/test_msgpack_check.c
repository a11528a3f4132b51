/* SPDX-License-Identifier: MIT */
/* The walk against msgpack-c itself, on random bytes and on all kinds of values. */
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "format/msgpack_check.h"
#include "support/check.h"

/* Whether msgpack-c reads bytes [n] as exactly one value. */
static bool is_value(const char *bytes, size_t n)
{
    msgpack_unpacked result;
    size_t offset = 0;
    msgpack_unpacked_init(&result);
    bool is_good =
        n > 0 &&
        msgpack_unpack_next(&result, bytes, n, &offset) == MSGPACK_UNPACK_SUCCESS &&
        offset == n;
    msgpack_unpacked_destroy(&result);
    return is_good;
}

/* First bytes with what may follow; large counts only by 16 bits, as msgpack-c allocates
 * before it reads. */
static void test_msgpack_check__agrees_with_msgpack_c(void **state)
{
    (void)state;
    uint64_t seed = 1;
    size_t n_good = 0;
    for (size_t round = 0; round < 300000; round++) {
        char bytes[24];
        size_t n = 1 + round % sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            unsigned char c = (unsigned char)(seed >> 56);
            bool is_wide = c == 0xC6 || c == 0xC9 || c == 0xDB || c == 0xDD || c == 0xDF;
            bool is_small = (seed >> 40 & 3) == 0;
            bytes[i] = (char)(is_wide ? 0xC0 : is_small ? c & 0x83 : c);
        }
        bytes[0] = (char)(round >> 5); /* every first byte */
        if ((unsigned char)bytes[0] == 0xDD || (unsigned char)bytes[0] == 0xDF) {
            bytes[0] = (char)0xDC;
        }
        bool want = is_value(bytes, n);
        assert_int_equal(at_msgpack_is_whole(bytes, n), want);
        n_good += want;
    }
    assert_true(n_good > 5000);
}

static void test_msgpack_check__wide_counts_are_read(void **state)
{
    (void)state;

    enum { n_values = 70000 };

    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, n_values);
    for (int i = 0; i < n_values; i++) {
        msgpack_pack_int(&packer, i - 40000);
    }
    assert_true(at_msgpack_is_whole(buffer.data, buffer.size));
    assert_false(at_msgpack_is_whole(buffer.data, buffer.size - 1));
    msgpack_sbuffer_clear(&buffer);
    msgpack_pack_map(&packer, n_values);
    for (int i = 0; i < n_values; i++) {
        msgpack_pack_int(&packer, i);
        msgpack_pack_double(&packer, i);
    }
    assert_true(at_msgpack_is_whole(buffer.data, buffer.size));
    assert_false(at_msgpack_is_whole(buffer.data, buffer.size - 1));
    msgpack_sbuffer_clear(&buffer);
    msgpack_pack_bin(&packer, n_values);
    for (int i = 0; i < n_values; i++) {
        msgpack_pack_bin_body(&packer, "x", 1);
    }
    assert_true(at_msgpack_is_whole(buffer.data, buffer.size));
    assert_false(at_msgpack_is_whole(buffer.data, buffer.size - 1));
    msgpack_sbuffer_destroy(&buffer);
}

static void test_msgpack_check__depth_ends_at_24(void **state)
{
    (void)state;
    char bytes[26];
    memset(bytes, '\x91', sizeof bytes);
    bytes[24] = '\x01';
    assert_true(at_msgpack_is_whole(bytes, 25));
    bytes[24] = '\x91';
    bytes[25] = '\x01';
    assert_false(at_msgpack_is_whole(bytes, 26));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msgpack_check__agrees_with_msgpack_c),
        cmocka_unit_test(test_msgpack_check__wide_counts_are_read),
        cmocka_unit_test(test_msgpack_check__depth_ends_at_24),
    };
    return run_cases(tests, NULL, NULL);
}
