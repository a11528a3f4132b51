/* SPDX-License-Identifier: MIT */
/* Every bit pattern of the small types against the value that its definition gives:
 * (-1)^s 2^(e - bias) (1 + f), with subnormals, infinities and NaN. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "support/check.h"

/* The value of an IEEE-like pattern in f64, which holds all of these exactly. */
static double define(uint32_t bits, int n_exponent, int n_fraction, bool has_infinity)
{
    int bias = (1 << (n_exponent - 1)) - 1;
    uint32_t exponent = bits >> n_fraction & ((1u << n_exponent) - 1);
    uint32_t fraction = bits & ((1u << n_fraction) - 1);
    uint32_t top = (1u << n_exponent) - 1;
    double size;
    if (exponent == top && has_infinity) {
        size = fraction ? (double)NAN : (double)INFINITY;
    } else if (exponent == top && fraction == (1u << n_fraction) - 1) {
        size = (double)NAN;
    } else if (exponent == 0) {
        size = ldexp((double)fraction, 1 - bias - n_fraction);
    } else {
        size = ldexp(1.0 + ldexp((double)fraction, -n_fraction), (int)exponent - bias);
    }
    return bits >> (n_exponent + n_fraction) & 1 ? -size : size;
}

static void check_same(double got, double want)
{
    if (isnan(want)) {
        assert_true(isnan(got));
    } else {
        assert_true(got == want && signbit(got) == signbit(want));
    }
}

static at_tensor tensor_of(attrib_dtype dtype, const void *data, size_t n)
{
    return (at_tensor){"x", dtype, 1, {n}, n, n * attrib_dtype_bytes(dtype), data, "p"};
}

/* All patterns of a type of at most 16 bits, read at an odd address. */
static void check_type(attrib_dtype dtype, int n_exponent, int n_fraction, bool infinity)
{
    attrib_error err = {0};
    size_t width = attrib_dtype_bytes(dtype);
    size_t n = (size_t)1 << (8 * width);
    unsigned char *data = malloc(n * width + 1);
    float *narrow = malloc(n * sizeof *narrow);
    double *wide = malloc(n * sizeof *wide);
    assert_true(data && narrow && wide);
    for (size_t i = 0; i < n; i++) {
        for (size_t b = 0; b < width; b++) {
            data[1 + i * width + b] = (unsigned char)(i >> (8 * b));
        }
    }
    at_tensor tensor = tensor_of(dtype, data + 1, n);
    check_ok(at_tensor_to_f32(&tensor, 0, n, narrow, &err), &err);
    check_ok(at_tensor_to_f64(&tensor, 0, n, wide, &err), &err);
    for (size_t i = 0; i < n; i++) {
        double want = define((uint32_t)i, n_exponent, n_fraction, infinity);
        check_same((double)narrow[i], want);
        check_same(wide[i], want);
    }
    free(data);
    free(narrow);
    free(wide);
}

static void test_dtype__every_f16_is_exact(void **state)
{
    (void)state;
    check_type(ATTRIB_F16, 5, 10, true);
}

static void test_dtype__every_bf16_is_exact(void **state)
{
    (void)state;
    check_type(ATTRIB_BF16, 8, 7, true);
}

static void test_dtype__every_f8_is_exact(void **state)
{
    (void)state;
    check_type(ATTRIB_F8_E5M2, 5, 2, true);
    check_type(ATTRIB_F8_E4M3, 4, 3, false);
}

static void test_dtype__a_part_of_a_tensor_is_read(void **state)
{
    (void)state;
    attrib_error err = {0};
    const float data[4] = {1.5f, -2, 3, 1e-40f};
    at_tensor tensor = tensor_of(ATTRIB_F32, data, 4);
    float part[2] = {0};
    check_ok(at_tensor_to_f32(&tensor, 2, 2, part, &err), &err);
    assert_memory_equal(part, data + 2, sizeof part);
    double wide[2] = {0};
    check_ok(at_tensor_to_f64(&tensor, 1, 1, wide, &err), &err);
    assert_true(wide[0] == -2 && wide[1] == 0);
    check_ok(at_tensor_to_f32(&tensor, 4, 0, NULL, &err), &err);
}

static void test_dtype__f64_is_rounded_to_nearest(void **state)
{
    (void)state;
    attrib_error err = {0};
    const double data[3] = {1.0 + 0x1p-24, 1.0 + 0x1.8p-23, -1e300};
    at_tensor tensor = tensor_of(ATTRIB_F64, data, 3);
    float narrow[3];
    double wide[3];
    check_ok(at_tensor_to_f32(&tensor, 0, 3, narrow, &err), &err);
    assert_true(narrow[0] == 1.0f && narrow[1] == 1.0f + 0x1p-22f &&
                narrow[2] == -INFINITY);
    check_ok(at_tensor_to_f64(&tensor, 0, 3, wide, &err), &err);
    assert_memory_equal(wide, data, sizeof data);
}

#define CHECK_INTEGERS(dtype, type, low, high)                                           \
    do {                                                                                 \
        const type data[2] = {low, high};                                                \
        double wide[2];                                                                  \
        attrib_error err = {0};                                                          \
        at_tensor tensor = tensor_of(dtype, data, 2);                                    \
        check_ok(at_tensor_to_f64(&tensor, 0, 2, wide, &err), &err);                     \
        assert_true(wide[0] == (double)(low) && wide[1] == (double)(high));              \
        float narrow[2];                                                                 \
        check_fails(at_tensor_to_f32(&tensor, 0, 2, narrow, &err), ATTRIB_ENOTSUP,       \
                    &err);                                                               \
    } while (0)

static void test_dtype__integers_widen_to_f64_only(void **state)
{
    (void)state;
    CHECK_INTEGERS(ATTRIB_I64, int64_t, INT64_MIN, ((int64_t)1 << 53) - 1);
    CHECK_INTEGERS(ATTRIB_I32, int32_t, INT32_MIN, INT32_MAX);
    CHECK_INTEGERS(ATTRIB_I16, int16_t, INT16_MIN, INT16_MAX);
    CHECK_INTEGERS(ATTRIB_I8, int8_t, INT8_MIN, INT8_MAX);
    CHECK_INTEGERS(ATTRIB_U64, uint64_t, UINT64_C(1) << 63, (uint64_t)1 << 53);
    CHECK_INTEGERS(ATTRIB_U32, uint32_t, 0, UINT32_MAX);
    CHECK_INTEGERS(ATTRIB_U16, uint16_t, 0, UINT16_MAX);
    CHECK_INTEGERS(ATTRIB_U8, uint8_t, 0, UINT8_MAX);
}

static void test_dtype__what_is_no_number_is_named(void **state)
{
    (void)state;
    attrib_error err = {0};
    const unsigned char data[2] = {0, 1};
    double wide[2];
    at_tensor tensor = tensor_of(ATTRIB_BOOL, data, 2);
    check_fails(at_tensor_to_f64(&tensor, 0, 2, wide, &err), ATTRIB_ENOTSUP, &err);
    check_message(&err, "p: x: elements are BOOL");
}

/* One element among `n` of a type is not finite: it is named wherever it stands, unless
 * it stands outside the part that is checked. */
static void check_named(attrib_dtype dtype, size_t n, uint64_t one, uint64_t bad)
{
    attrib_error err = {0};
    char message[64];
    size_t size = attrib_dtype_bytes(dtype);
    unsigned char *data = malloc(n * size + 1);
    assert_non_null(data);
    at_tensor tensor = tensor_of(dtype, data + 1, n); /* files do not align elements */
    for (size_t i = 0; i < n; i++) {
        memcpy(data + 1 + i * size, &one, size);
    }
    check_ok(at_tensor_check_finite(&tensor, 0, n, &err), &err);
    for (size_t i = 0; i < n; i++) {
        memcpy(data + 1 + i * size, &bad, size);
        check_fails(at_tensor_check_finite(&tensor, i / 2, n - i / 2, &err),
                    ATTRIB_ENUMERIC, &err);
        snprintf(message, sizeof message, "p: x: entry %zu is not finite", i);
        check_message(&err, message);
        err = (attrib_error){0};
        check_ok(at_tensor_check_finite(&tensor, 0, i, &err), &err);
        check_ok(at_tensor_check_finite(&tensor, i + 1, n - i - 1, &err), &err);
        memcpy(data + 1 + i * size, &one, size);
    }
    free(data);
}

static void test_dtype__what_is_not_finite_is_named(void **state)
{
    (void)state;

    static const struct {
        attrib_dtype dtype;
        uint64_t largest, infinite, hardly_nan;
    } types[] = {
        {ATTRIB_F32, 0xFF7FFFFF, 0xFF800000, 0x7F800001},
        {ATTRIB_F64, 0xFFEFFFFFFFFFFFFF, 0xFFF0000000000000, 0x7FF0000000000001},
        {ATTRIB_F16, 0xFBFF, 0xFC00, 0x7C01},
        {ATTRIB_BF16, 0xFF7F, 0xFF80, 0x7F81},
    };

    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        check_named(types[k].dtype, 37, types[k].largest, types[k].infinite);
        check_named(types[k].dtype, 1100, types[k].largest, types[k].hardly_nan);
    }
}

static void test_dtype__names_and_sizes_agree(void **state)
{
    (void)state;
    static const size_t bytes[AT_N_PLAIN_DTYPES] = {8, 4, 2, 2, 8, 4, 2, 1,
                                                    8, 4, 2, 1, 1, 1, 1};
    for (int i = 0; i < AT_N_PLAIN_DTYPES; i++) {
        assert_int_equal(attrib_dtype_bytes((attrib_dtype)i), bytes[i]);
    }
    for (int i = AT_N_PLAIN_DTYPES; i < ATTRIB_N_DTYPES; i++) {
        assert_int_equal(attrib_dtype_bytes((attrib_dtype)i), 0);
        assert_true(at_dtype_packing((attrib_dtype)i).elements % 32 == 0);
        assert_true(at_dtype_packing((attrib_dtype)i).bytes > 0);
    }
    assert_int_equal(at_dtype_packing(ATTRIB_N_DTYPES).elements, 0);
    assert_string_equal(attrib_dtype_name(ATTRIB_F8_E5M2), "F8_E5M2");
    assert_string_equal(attrib_dtype_name(ATTRIB_U64), "U64");
    assert_string_equal(attrib_dtype_name(ATTRIB_N_DTYPES), "?");
    assert_int_equal(attrib_dtype_bytes(ATTRIB_N_DTYPES), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dtype__every_f16_is_exact),
        cmocka_unit_test(test_dtype__every_bf16_is_exact),
        cmocka_unit_test(test_dtype__every_f8_is_exact),
        cmocka_unit_test(test_dtype__a_part_of_a_tensor_is_read),
        cmocka_unit_test(test_dtype__f64_is_rounded_to_nearest),
        cmocka_unit_test(test_dtype__integers_widen_to_f64_only),
        cmocka_unit_test(test_dtype__what_is_no_number_is_named),
        cmocka_unit_test(test_dtype__what_is_not_finite_is_named),
        cmocka_unit_test(test_dtype__names_and_sizes_agree),
    };
    return run_cases(tests, NULL, NULL);
}
