/* SPDX-License-Identifier: MIT */
/* Products in bf16 against naive f64 loops over operands that are rounded by arithmetic
 * of another kind. Once rounded, products of two operands are exact in f32, and their sum
 * is within k eps of the exact one relative to sum |a||b|, as in test_linalg.c: the
 * tolerance is (k + 3) eps sum |a||b| with |a|, |b| <= 1. Against operands that are not
 * rounded an element is off by at most 2 x 2^-8 (1 + 2^-9) sum |a||b| more. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/multiply.h"
#include "support/check.h"

#define PIECE_ELEMENTS ((size_t)1 << 21) /* as multiply.c takes them */

static float sample(size_t i)
{
    uint64_t z = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (float)((double)(z >> 40) / (double)(1 << 23) - 1.0);
}

static float *samples(size_t n, size_t seed)
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        x[i] = sample(i + 1000003 * seed);
    }
    return x;
}

/* The nearest number of 8 bits, ties to even, by way of its exponent. */
static double rounded(double x)
{
    int exponent = 0;
    double fraction = frexp(x, &exponent);
    return ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

static double widened(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

static at_multiplier *open_multiplier(void)
{
    at_multiplier *multiplier = NULL;
    attrib_error err = {0};
    if (!attrib_has_bf16()) {
        skip();
    }
    check_ok(at_multiplier_new(ATTRIB_BF16_PRODUCTS, &multiplier, &err), &err);
    assert_non_null(multiplier);
    return multiplier;
}

static void test_multiply__rounds_to_the_nearest_even(void **state)
{
    (void)state;
    float values[4096];
    uint16_t bits[4096];
    for (size_t i = 0; i < 4096; i++) {
        values[i] = ldexpf(sample(i), (int)(i % 200) - 100);
    }
    for (size_t i = 0; i < 256; i++) { /* ties, of both kinds */
        values[i] = ldexpf(1.0f + (float)(2 * i + 1) / 256, (int)(i % 120) - 60);
    }
    at_round(values, 4096, 1.0f, bits);
    for (size_t i = 0; i < 4096; i++) {
        assert_true(widened(bits[i]) == rounded((double)values[i]));
    }
    at_round(values, 4096, 0.25f, bits);
    for (size_t i = 0; i < 4096; i++) {
        assert_true(widened(bits[i]) == rounded(0.25 * (double)values[i]));
    }
}

/* Every length is rounded whole, its end after the last full vector too, and nothing
 * after the end is written. */
static void test_multiply__rounds_any_number_of_values(void **state)
{
    (void)state;
    float values[40];
    uint16_t bits[41];
    for (size_t i = 0; i < 40; i++) {
        values[i] = sample(i);
    }
    for (size_t n = 0; n <= 40; n++) {
        memset(bits, 0x5A, sizeof bits);
        at_round(values, n, 0.5f, bits);
        for (size_t i = 0; i < n; i++) {
            assert_true(widened(bits[i]) == rounded(0.5 * (double)values[i]));
        }
        for (size_t i = n; i < 41; i++) {
            assert_int_equal(bits[i], 0x5A5A);
        }
    }
}

/* How far rounding moves a vector, of any length, against numbers rounded one by one: the
 * differences are exact, and their squares are summed in f64 here as there. */
static void test_multiply__knows_how_far_it_rounds(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 15, 16, 17, 1023, 1024, 1025, 5000};
    float *x = samples(5000, 7);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        double want = 0;
        for (size_t i = 0; i < lengths[k]; i++) {
            double difference = (double)x[i] - rounded((double)x[i]);
            want += difference * difference;
        }
        double got = at_rounding_square(x, lengths[k]);
        assert_true(fabs(got - want) <= (double)lengths[k] * DBL_EPSILON * want);
    }
    free(x);
}

static void test_multiply__what_is_no_number_stays_none(void **state)
{
    (void)state;
    uint32_t hardly = 0x7F800001u; /* a NaN whose upper half is that of infinity */
    float values[4] = {NAN, INFINITY, -INFINITY, 0};
    uint16_t bits[4];
    memcpy(&values[3], &hardly, sizeof hardly);
    at_round(values, 4, 1.0f, bits);
    assert_true(isnan(widened(bits[0])) && isnan(widened(bits[3])));
    assert_true(widened(bits[1]) == (double)INFINITY);
    assert_true(widened(bits[2]) == (double)-INFINITY);
}

/* The element of an operand, rounded after scaling. */
static double at(const float *x, size_t ld, at_op op, size_t i, size_t j, double scale)
{
    return rounded(scale * (double)(op == AT_PLAIN ? x[i * ld + j] : x[j * ld + i]));
}

/* One product; strides are 3 wider than needed, and what lies between rows may not
 * change. */
static void check_product(at_multiplier *multiplier, int ops, at_sizes sizes, float beta)
{
    at_op op_a = ops & 1 ? AT_TRANSPOSED : AT_PLAIN;
    at_op op_b = ops & 2 ? AT_TRANSPOSED : AT_PLAIN;
    size_t lda = (op_a == AT_PLAIN ? sizes.k : sizes.m) + 3;
    size_t ldb = (op_b == AT_PLAIN ? sizes.n : sizes.k) + 3;
    size_t ldc = sizes.n + 3;
    float *a = samples(lda * (sizes.m + sizes.k), 1);
    float *b = samples(ldb * (sizes.n + sizes.k), 2);
    float *c = samples(ldc * sizes.m, 3);
    double *want = malloc(ldc * sizes.m * sizeof *want);
    double k = (double)sizes.k;
    assert_non_null(want);
    for (size_t i = 0; i < ldc * sizes.m; i++) {
        want[i] = (double)c[i];
    }
    for (size_t i = 0; i < sizes.m; i++) {
        for (size_t j = 0; j < sizes.n; j++) {
            double sum = 0;
            for (size_t l = 0; l < sizes.k; l++) {
                sum += at(a, lda, op_a, i, l, -0.5) * at(b, ldb, op_b, l, j, 1);
            }
            want[i * ldc + j] = sum + (beta == 0 ? 0 : want[i * ldc + j]);
        }
    }
    at_multiply(multiplier, sizes, -0.5f, (at_operand){op_a, a, NULL, lda},
                (at_operand){op_b, b, NULL, ldb}, beta, c, ldc);
    check_close_f32(c, want, ldc * sizes.m, 0,
                    (k + 3) * (double)FLT_EPSILON * (k / 2 + 1), "product in bf16");
    free(a);
    free(b);
    free(c);
    free(want);
}

static void test_multiply__is_the_naive_product_of_rounded_operands(void **state)
{
    static const at_sizes sizes[] = {{1, 1, 1}, {1, 7, 5},    {17, 1, 9},
                                     {5, 9, 1}, {1, 1, 40},   {33, 65, 31},
                                     {2, 2, 2}, {64, 48, 16}, {128, 129, 97}};
    (void)state;
    at_multiplier *multiplier = open_multiplier();
    attrib_error err = {0};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int ops = 0; ops < 4; ops++) {
            check_product(multiplier, ops, sizes[s], 0);
            check_product(multiplier, ops, sizes[s], 1);
        }
    }
    check_ok(at_multiplier_check(multiplier, &err), &err);
    at_multiplier_free(multiplier);
}

/* Products of several pieces, in all three sizes: the piece that a row of C is in may not
 * be seen but in the last bits. */
static void test_multiply__pieces_join(void **state)
{
    static const at_sizes sizes[] = {
        {700, 3, 8192 + 5}, {3, 700, 8192 + 5}, {600, 520, 4100}, {3, 2, 3 * 8192 + 1}};
    (void)state;
    at_multiplier *multiplier = open_multiplier();
    assert_true(sizes[2].n * sizes[2].k > PIECE_ELEMENTS);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        at_sizes of = sizes[s];
        float *a = samples(of.m * of.k, 1);
        float *b = samples(of.n * of.k, 2);
        float *c = samples(of.m * of.n, 3);
        float *got = samples(of.m * of.n, 3);
        float beta = s % 2 ? 1.0f : 0.0f;
        at_multiply(multiplier, of, 1, at_plain(a, of.k), at_transposed(b, of.k), beta,
                    got, of.n);
        for (size_t i = 0; i < of.m * of.n; i += 61) { /* some of all rows and columns */
            double want = (double)(beta * c[i]) +
                          at_dot(a + i / of.n * of.k, b + i % of.n * of.k, of.k);
            /* Roundings are independent, of deviation 2^-9 / sqrt(3) of operands whose
             * products are 1/9 in square: 8 deviations of their sum. */
            check_close_f32(got + i, &want, 1, 0,
                            8 * sqrt(2 * (double)of.k / 27) * 0x1p-9, "pieces");
        }
        free(got);
        free(a);
        free(b);
        free(c);
    }
    at_multiplier_free(multiplier);
}

static void test_multiply__rounded_before_or_not_is_the_same(void **state)
{
    (void)state;
    at_sizes of = {600, 520, 4100};
    at_multiplier *multiplier = open_multiplier();
    float *a = samples(of.m * of.k, 1);
    float *b = samples(of.n * of.k, 2);
    float *c = samples(of.m * of.n, 3);
    float *again = samples(of.m * of.n, 4);
    uint16_t *bits = malloc((of.m + of.n) * of.k * sizeof *bits);
    assert_non_null(bits);
    at_round(a, of.m * of.k, 1, bits);
    at_round(b, of.n * of.k, 1, bits + of.m * of.k);
    at_multiply(multiplier, of, 1, at_plain(a, of.k), at_transposed(b, of.k), 0, c, of.n);
    at_multiply(multiplier, of, 1, (at_operand){AT_PLAIN, NULL, bits, of.k},
                (at_operand){AT_TRANSPOSED, NULL, bits + of.m * of.k, of.k}, 0, again,
                of.n);
    assert_memory_equal(c, again, of.m * of.n * sizeof *c);
    free(a);
    free(b);
    free(c);
    free(again);
    free(bits);
    at_multiplier_free(multiplier);
}

static void test_multiply__without_a_multiplier_is_f32(void **state)
{
    (void)state;
    float a[2] = {1 + 0x1p-20f, 2};
    float c = 1;
    at_multiply(NULL, (at_sizes){1, 1, 2}, 1, at_plain(a, 2), at_plain(a, 1), 1, &c, 1);
    assert_true(c == 6 + 0x1p-19f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multiply__rounds_to_the_nearest_even),
        cmocka_unit_test(test_multiply__rounds_any_number_of_values),
        cmocka_unit_test(test_multiply__knows_how_far_it_rounds),
        cmocka_unit_test(test_multiply__what_is_no_number_stays_none),
        cmocka_unit_test(test_multiply__is_the_naive_product_of_rounded_operands),
        cmocka_unit_test(test_multiply__pieces_join),
        cmocka_unit_test(test_multiply__rounded_before_or_not_is_the_same),
        cmocka_unit_test(test_multiply__without_a_multiplier_is_f32),
    };
    return run_cases(tests, NULL, NULL);
}
