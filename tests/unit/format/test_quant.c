/* SPDX-License-Identifier: MIT */
/* Block types against known answers: four rows of 512 that llama.cpp quantised, and what
 * it makes of them. The assets are absent in some places; three types are then checked by
 * blocks written down here, with values that follow from the formulas by hand. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/tensor.h"
#include "support/check.h"

#define N_KNOWN ((size_t)4 * 512)

static const struct {
    const char *name;
    attrib_dtype dtype;
} known[] = {
    {"f16", ATTRIB_F16},       {"bf16", ATTRIB_BF16},     {"q4_0", ATTRIB_Q4_0},
    {"q4_1", ATTRIB_Q4_1},     {"q5_0", ATTRIB_Q5_0},     {"q5_1", ATTRIB_Q5_1},
    {"q8_0", ATTRIB_Q8_0},     {"q2_K", ATTRIB_Q2_K},     {"q3_K", ATTRIB_Q3_K},
    {"q4_K", ATTRIB_Q4_K},     {"q5_K", ATTRIB_Q5_K},     {"q6_K", ATTRIB_Q6_K},
    {"iq4_nl", ATTRIB_IQ4_NL}, {"iq4_xs", ATTRIB_IQ4_XS},
};

static at_tensor tensor_of(attrib_dtype dtype, const void *data, size_t n)
{
    at_packing packing = at_dtype_packing(dtype);
    return (at_tensor){"x",  dtype, 1, {n}, n, n / packing.elements * packing.bytes,
                       data, "p"};
}

static void map_known(const char *name, const char *suffix, at_map *out)
{
    char path[512];
    char part[64];
    attrib_error err = {0};
    snprintf(part, sizeof part, "formats/quant_kat/%s.%s", name, suffix);
    snprintf(path, sizeof path, "%s", asset_path(part));
    check_ok(at_map_open(path, out, &err), &err);
}

static void test_quant__known_answers_bit_for_bit(void **state)
{
    (void)state;
    need_assets();
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        at_map blocks = {0};
        at_map want = {0};
        attrib_error err = {0};
        float *got = calloc(N_KNOWN, sizeof *got);
        double *wide = calloc(N_KNOWN, sizeof *wide);
        assert_true(got && wide);
        map_known(known[i].name, "bin", &blocks);
        map_known(known[i].name, "f32", &want);
        at_tensor tensor = tensor_of(known[i].dtype, blocks.bytes, N_KNOWN);
        assert_int_equal(blocks.n_bytes, tensor.n_bytes);
        assert_int_equal(want.n_bytes, N_KNOWN * sizeof *got);
        check_ok(at_tensor_to_f32(&tensor, 0, N_KNOWN, got, &err), &err);
        if (memcmp(got, want.bytes, want.n_bytes) != 0) {
            fail_msg("%s differs", known[i].name);
        }
        check_ok(at_tensor_to_f64(&tensor, 0, N_KNOWN, wide, &err), &err);
        for (size_t j = 0; j < N_KNOWN; j++) {
            assert_true(wide[j] == (double)got[j]);
        }
        at_map_close(&blocks);
        at_map_close(&want);
        free(got);
        free(wide);
    }
}

/* A part that begins and ends anywhere is the same part of the whole. */
static void test_quant__parts_are_parts_of_the_whole(void **state)
{
    (void)state;
    unsigned char data[3 * 144];
    float whole[3 * 256];
    float part[3 * 256];
    attrib_error err = {0};
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (unsigned char)(i * 37 % 61); /* its F16 are finite */
    }
    at_tensor tensor = tensor_of(ATTRIB_Q4_K, data, 3 * 256);
    check_ok(at_tensor_to_f32(&tensor, 0, 3 * 256, whole, &err), &err);
    for (size_t first = 0; first < 3 * 256; first += 31) {
        for (size_t n = 0; first + n <= 3 * 256; n += 41) {
            check_ok(at_tensor_to_f32(&tensor, first, n, part, &err), &err);
            assert_memory_equal(part, whole + first, n * sizeof *part);
        }
    }
}

/* d = 0.5 (0x3800), m = -2 (0xC000): codes 0 to 15 in both halves. */
static void test_quant__q4_1_by_hand(void **state)
{
    (void)state;
    unsigned char block[20] = {0x00, 0x38, 0x00, 0xC0};
    float got[32];
    attrib_error err = {0};
    for (size_t i = 0; i < 16; i++) {
        block[4 + i] = (unsigned char)(i | (15 - i) << 4);
    }
    at_tensor tensor = tensor_of(ATTRIB_Q4_1, block, 32);
    check_ok(at_tensor_to_f32(&tensor, 0, 32, got, &err), &err);
    for (size_t i = 0; i < 16; i++) {
        assert_true(got[i] == 0.5f * (float)i - 2.0f);
        assert_true(got[16 + i] == 0.5f * (float)(15 - i) - 2.0f);
    }
}

/* d = 2 (0x4000), fifth bits of elements 1 and 31 set, all low halves 3. */
static void test_quant__q5_0_by_hand(void **state)
{
    (void)state;
    unsigned char block[22] = {0x00, 0x40, 0x02, 0x00, 0x00, 0x80};
    float got[32];
    attrib_error err = {0};
    memset(block + 6, 0x33, 16);
    at_tensor tensor = tensor_of(ATTRIB_Q5_0, block, 32);
    check_ok(at_tensor_to_f32(&tensor, 0, 32, got, &err), &err);
    for (size_t i = 0; i < 32; i++) {
        assert_true(got[i] == (i == 1 || i == 31 ? 2.0f * 3 : 2.0f * (3 - 16)));
    }
}

/* d = 1 (0x3C00), scale of group g is g - 8, code 33 everywhere: 1 after the offset. */
static void test_quant__q6_k_by_hand(void **state)
{
    (void)state;
    unsigned char block[210];
    float got[256];
    attrib_error err = {0};
    memset(block, 0x11, 128);      /* low halves: 1 */
    memset(block + 128, 0xAA, 64); /* high bits: 2, so 2 * 16 + 1 */
    for (int i = 0; i < 16; i++) {
        block[192 + i] = (unsigned char)(i - 8);
    }
    block[208] = 0x00;
    block[209] = 0x3C;
    at_tensor tensor = tensor_of(ATTRIB_Q6_K, block, 256);
    check_ok(at_tensor_to_f32(&tensor, 0, 256, got, &err), &err);
    for (int i = 0; i < 256; i++) {
        assert_true(got[i] == (float)(i / 16 - 8));
    }
}

static void test_quant__a_type_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    unsigned char data[66] = {0};
    float got[256];
    double wide[256];
    attrib_error err = {0};
    at_tensor tensor = tensor_of(ATTRIB_IQ2_XXS, data, 256);
    check_fails(at_tensor_to_f32(&tensor, 0, 256, got, &err), ATTRIB_ENOTSUP, &err);
    check_message(&err, "p: x: elements are IQ2_XXS");
    err = (attrib_error){0};
    check_fails(at_tensor_to_f64(&tensor, 3, 1, wide, &err), ATTRIB_ENOTSUP, &err);
    check_message(&err, "IQ2_XXS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quant__known_answers_bit_for_bit),
        cmocka_unit_test(test_quant__parts_are_parts_of_the_whole),
        cmocka_unit_test(test_quant__q4_1_by_hand),
        cmocka_unit_test(test_quant__q5_0_by_hand),
        cmocka_unit_test(test_quant__q6_k_by_hand),
        cmocka_unit_test(test_quant__a_type_that_cannot_be_read_is_named),
    };
    return run_cases(tests, NULL, NULL);
}
