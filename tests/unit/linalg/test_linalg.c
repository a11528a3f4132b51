/* SPDX-License-Identifier: MIT */
/* Products against naive f64 loops. With f32 inputs and any order of f32 additions, an
 * element of a product of inner size k is within (k + 3) eps of the exact value relative
 * to sum |a||b| (Higham, Accuracy and Stability, section 3.1), so the tolerance is
 * absolute: (k + 3) eps sum |a||b| with |a|, |b| <= 1. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "support/check.h"

/* A counter-based sequence in [-1, 1). */
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

static double bound(size_t k)
{
    return ((double)k + 3) * (double)FLT_EPSILON * ((double)k + 1);
}

static double at(const float *x, size_t ld, at_op op, size_t i, size_t j)
{
    return (double)(op == AT_PLAIN ? x[i * ld + j] : x[j * ld + i]);
}

/* One product with strides 3 wider than needed; what lies between rows may not change. */
static void check_gemm(
    at_op op_a, at_op op_b, size_t m, size_t n, size_t k, float alpha, float beta)
{
    size_t lda = (op_a == AT_PLAIN ? k : m) + 3;
    size_t ldb = (op_b == AT_PLAIN ? n : k) + 3;
    size_t ldc = n + 3;
    float *a = samples(lda * (m + k), 1);
    float *b = samples(ldb * (n + k), 2);
    float *c = samples(ldc * (m + 1), 3);
    double *want = malloc(ldc * (m + 1) * sizeof *want);
    assert_non_null(want);
    for (size_t i = 0; i < ldc * (m + 1); i++) {
        want[i] = (double)c[i];
    }
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++) {
                sum += at(a, lda, op_a, i, l) * at(b, ldb, op_b, l, j);
            }
            want[i * ldc + j] =
                (double)alpha * sum + (beta == 0 ? 0 : (double)beta * want[i * ldc + j]);
        }
    }
    at_gemm(op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    check_close_f32(c, want, ldc * (m + 1), 0, 2 * bound(k), "gemm");
    free(a);
    free(b);
    free(c);
    free(want);
}

static void test_linalg__gemm_is_the_naive_product(void **state)
{
    static const size_t sizes[][3] = {{1, 1, 1},      {1, 7, 5},     {17, 1, 9},
                                      {33, 65, 31},   {64, 48, 0},   {128, 129, 257},
                                      {1, 128, 40},   {2, 200, 30},  {27, 131, 64},
                                      {19, 65, 1024}, {512, 30, 513}};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int ops = 0; ops < 4; ops++) {
            at_op op_a = ops & 1 ? AT_TRANSPOSED : AT_PLAIN;
            at_op op_b = ops & 2 ? AT_TRANSPOSED : AT_PLAIN;
            check_gemm(op_a, op_b, sizes[s][0], sizes[s][1], sizes[s][2], 1, 0);
            check_gemm(op_a, op_b, sizes[s][0], sizes[s][1], sizes[s][2], -0.5f, 2);
        }
    }
}

static void test_linalg__beta_zero_clears_what_is_not_a_number(void **state)
{
    (void)state;
    float a[2] = {1, 2};
    float c[2] = {NAN, INFINITY};
    at_gemm(AT_PLAIN, AT_PLAIN, 1, 1, 2, 1, a, 2, a, 1, 0, c, 1);
    assert_true(c[0] == 5.0f);
    c[0] = NAN;
    at_gemm(AT_PLAIN, AT_PLAIN, 1, 2, 0, 1, a, 1, a, 2, 0, c, 2);
    assert_true(c[0] == 0.0f && c[1] == 0.0f);
    c[0] = NAN;
    at_gemv(1, 2, 1, a, 2, a, 0, c);
    assert_true(c[0] == 5.0f);
}

/* Wherever operands lie, a product has the same bytes, and beta = 0 clears NaN. The
 * widths are those of oneDNN and of OpenBLAS, with products that are cut. */
static void test_linalg__places_of_operands_change_nothing(void **state)
{
    static const size_t sizes[][3] = {{27, 160, 96}, {90, 128, 257}, {19, 64, 2048},
                                      {5, 24, 40},   {2, 130, 300},  {512, 30, 512}};
    (void)state;
    at_blas_single_threaded();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int ops = 0; ops < 4; ops++) {
            size_t m = sizes[s][0];
            size_t n = sizes[s][1];
            size_t k = sizes[s][2];
            at_op op_a = ops & 1 ? AT_TRANSPOSED : AT_PLAIN;
            at_op op_b = ops & 2 ? AT_TRANSPOSED : AT_PLAIN;
            float *want = NULL;
            for (size_t shift = 0; shift < 17; shift += 3) {
                float *a = samples(m * k + shift, 1);
                float *b = samples(k * n + shift, 2);
                float *c = samples(m * n + shift, 3);
                memmove(a + shift, a, m * k * sizeof *a);
                memmove(b + shift, b, k * n * sizeof *b);
                for (size_t i = 0; i < m * n + shift; i++) {
                    c[i] = NAN;
                }
                at_gemm(op_a, op_b, m, n, k, 1, a + shift, op_a == AT_PLAIN ? k : m,
                        b + shift, op_b == AT_PLAIN ? n : k, 0, c + shift, n);
                memmove(c, c + shift, m * n * sizeof *c);
                if (want) {
                    assert_memory_equal(c, want, m * n * sizeof *c);
                    free(c);
                } else {
                    want = c;
                }
                free(a);
                free(b);
            }
            free(want);
        }
    }
}

static void test_linalg__empty_products_touch_nothing(void **state)
{
    (void)state;
    float c[2] = {3, 4};
    at_gemm(AT_PLAIN, AT_PLAIN, 0, 2, 2, 1, c, 2, c, 2, 0, c, 2);
    at_gemm(AT_PLAIN, AT_PLAIN, 2, 0, 2, 1, c, 2, c, 2, 0, c, 2);
    at_syrk(0, 5, 1, c, 1, 0, c, 1);
    at_gemv(0, 5, 1, c, 5, c, 0, c);
    at_gemv_transposed(5, 0, 1, c, 5, c, 0, c);
    at_axpy(0, 1, c, c);
    assert_true(c[0] == 3.0f && c[1] == 4.0f);
    assert_true(at_dot(c, c, 0) == 0.0);
}

static void test_linalg__syrk_fills_the_lower_triangle_only(void **state)
{
    (void)state;

    enum { n = 37, ldc = n + 2, ldx = n + 5 };

    for (size_t k = 0; k < 200; k += 66) {
        float *x = samples(ldx * (k + 1), 4);
        float *c = samples(ldc * n, 5);
        double want[ldc * n];
        for (size_t i = 0; i < ldc * n; i++) {
            want[i] = (double)c[i];
        }
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j <= i; j++) {
                double sum = 0;
                for (size_t l = 0; l < k; l++) {
                    sum += (double)x[l * ldx + i] * (double)x[l * ldx + j];
                }
                want[i * ldc + j] = 0.75 * sum + 0.5 * want[i * ldc + j];
            }
        }
        at_syrk(n, k, 0.75f, x, ldx, 0.5f, c, ldc);
        check_close_f32(c, want, ldc * n, 0, bound(k), "syrk");
        free(x);
        free(c);
    }
}

static void test_linalg__gemv_is_the_naive_product(void **state)
{
    (void)state;

    enum { m = 45, n = 77, lda = 80 };

    float *a = samples(m * lda, 6);
    float *x = samples(n, 7);
    float *y = samples(m, 8);
    double want[m];
    for (size_t i = 0; i < m; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            sum += (double)a[i * lda + j] * (double)x[j];
        }
        want[i] = 2 * sum - (double)y[i];
    }
    at_gemv(m, n, 2, a, lda, x, -1, y);
    check_close_f32(y, want, m, 0, 2 * bound(n), "gemv");
    double want_transposed[n];
    for (size_t j = 0; j < n; j++) {
        double sum = 0;
        for (size_t i = 0; i < m; i++) {
            sum += (double)a[i * lda + j] * (double)y[i];
        }
        want_transposed[j] = 2 * sum - (double)x[j];
    }
    at_gemv_transposed(m, n, 2, a, lda, y, -1, x);
    /* y holds sums of n products, up to sqrt(n) times as large as a sample; subtracting x
     * rounds the result once more */
    check_close_f32(x, want_transposed, n, (double)FLT_EPSILON, 2 * sqrt(n) * bound(m),
                    "transposed");
    free(a);
    free(x);
    free(y);
}

/* Products of f32 are exact in f64, so only n additions round: n eps sum |x y|. */
static void test_linalg__dot_is_exact_to_f64_rounding(void **state)
{
    (void)state;
    for (size_t n = 1; n < 5000; n = n * 3 + 1) {
        float *x = samples(n, 9);
        float *y = samples(n, 10);
        long double sum = 0;
        long double size = 0;
        for (size_t i = 0; i < n; i++) {
            long double product = (long double)x[i] * (long double)y[i];
            sum += product;
            size += fabsl(product);
        }
        double got = at_dot(x, y, n);
        assert_true(fabsl((long double)got - sum) <=
                    (long double)n * (long double)DBL_EPSILON * size);
        free(x);
        free(y);
    }
}

/* 2^60 + 1 - 2^60 loses the 1 in f32 but not with separate f64 lanes of equal size. */
static void test_linalg__dot_keeps_small_terms_beside_large_ones(void **state)
{
    (void)state;
    float x[3] = {4096.0f, 1.0f / 4096, -4096.0f};
    float y[3] = {4096.0f, 1.0f / 4096, 4096.0f};
    assert_true(at_dot(x, y, 3) == 1.0 / (4096.0 * 4096.0));
}

static void test_linalg__axpy_adds(void **state)
{
    (void)state;
    float x[5] = {1, 2, 3, 4, 5};
    float y[5] = {10, 20, 30, 40, 50};
    at_axpy(4, -2, x, y);
    const float want[5] = {8, 16, 24, 32, 50};
    assert_memory_equal(y, want, sizeof y);
}

static void test_linalg__blas_says_what_it_is(void **state)
{
    (void)state;
    at_blas_single_threaded();
    assert_non_null(attrib_kernels_describe());
    assert_true(attrib_kernels_describe()[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linalg__gemm_is_the_naive_product),
        cmocka_unit_test(test_linalg__beta_zero_clears_what_is_not_a_number),
        cmocka_unit_test(test_linalg__places_of_operands_change_nothing),
        cmocka_unit_test(test_linalg__empty_products_touch_nothing),
        cmocka_unit_test(test_linalg__syrk_fills_the_lower_triangle_only),
        cmocka_unit_test(test_linalg__gemv_is_the_naive_product),
        cmocka_unit_test(test_linalg__dot_is_exact_to_f64_rounding),
        cmocka_unit_test(test_linalg__dot_keeps_small_terms_beside_large_ones),
        cmocka_unit_test(test_linalg__axpy_adds),
        cmocka_unit_test(test_linalg__blas_says_what_it_is),
    };
    return run_cases(tests, NULL, NULL);
}
